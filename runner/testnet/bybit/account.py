"""Balances, fees, margin mode, and what a key may do.

Source: https://bybit-exchange.github.io/docs/v5/account/wallet-balance, account-info, fee-rate
and set-margin-mode beside it, and https://bybit-exchange.github.io/docs/v5/user/apikey-info
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from robotrader_sdk.types import Liquidity
from runner.testnet.bybit.errors import BybitError, wrong
from runner.testnet.bybit.orders import owner
from runner.testnet.bybit.parameters import Given
from runner.testnet.bybit.symbols import Symbols
from runner.testnet.core.accounts import LINEAR, READ, SPOT, WITHDRAW, Account
from runner.testnet.core.markets import ZERO
from runner.testnet.core.positions import Money
from runner.testnet.local import LocalExchange
from runner.testnet.numbers import plain
from runner.testnet.wire import Call, Route

_MODES = {"ISOLATED_MARGIN": True, "REGULAR_MARGIN": False}
UNIFIED = 6
"""The status of a unified account of the newest kind."""


class AccountData:
    """Answers what is about an account."""

    def __init__(self, local: LocalExchange, symbols: Symbols) -> None:
        self._local = local
        self._exchange = local.exchange
        self._symbols = symbols
        self._started_ms = local.exchange.clock.now_ms

    def routes(self) -> list[Route]:
        """The routes of accounts."""
        account = "/v5/account"
        return [
            Route("GET", f"{account}/wallet-balance", self.balances, permission=READ),
            Route("GET", f"{account}/info", self.info, permission=READ),
            Route("GET", f"{account}/fee-rate", self.fees, permission=READ),
            Route("POST", f"{account}/set-margin-mode", self.set_mode, permission=LINEAR),
            Route("GET", "/v5/user/query-api", self.key, permission=READ),
        ]

    def balances(self, call: Call) -> Any:
        """What there is of each coin, and the margin of the whole."""
        given = Given(call.given)
        kind = given.choice("accountType", ("UNIFIED", "CONTRACT", "SPOT", "FUND"))
        coins = {coin for coin in given.text("coin", "").split(",") if coin}
        account = self._exchange.accounts[owner(call)]
        return {"list": [self.wallet(account, coins)] if kind == "UNIFIED" else []}

    def wallet(self, account: Account, coins: set[str]) -> dict[str, Any]:
        """The unified account, with all its coins or those that are asked for."""
        money = self._exchange.linear.money(account.name)
        rows = [
            self._coin(account, asset, money)
            for asset in sorted(account.balances)
            if not coins or asset in coins
        ]
        total = sum((Decimal(row["usdValue"]) for row in rows), ZERO)
        return {
            "accountType": "UNIFIED",
            "accountLTV": "",
            "accountIMRate": _rate(money.initial, money.equity),
            "accountMMRate": _rate(money.maintenance, money.equity),
            "accountIMRateByMp": _rate(money.initial, money.equity),
            "accountMMRateByMp": _rate(money.maintenance, money.equity),
            "totalEquity": plain(total),
            "totalWalletBalance": plain(total - money.unrealized),
            "totalMarginBalance": plain(total),
            "totalAvailableBalance": plain(max(money.available, ZERO)),
            "totalPerpUPL": plain(money.unrealized),
            "totalInitialMargin": plain(money.initial),
            "totalInitialMarginByMp": plain(money.initial),
            "totalMaintenanceMargin": plain(money.maintenance),
            "totalMaintenanceMarginByMp": plain(money.maintenance),
            "coin": rows,
        }

    def info(self, call: Call) -> Any:
        """What kind of account it is."""
        isolated = self._exchange.linear.is_isolated(owner(call))
        return {
            "unifiedMarginStatus": UNIFIED,
            "marginMode": "ISOLATED_MARGIN" if isolated else "REGULAR_MARGIN",
            "dcpStatus": "OFF",
            "timeWindow": 0,
            "smpGroup": 0,
            "isMasterTrader": False,
            "spotHedgingStatus": "OFF",
            "updatedTime": str(self._exchange.clock.now_ms),
        }

    def fees(self, call: Call) -> Any:
        """The fees of one market or all of a category."""
        given = Given(call.given)
        category = self._symbols.category(given)
        market = self._symbols.if_given(given)
        account = self._exchange.accounts[owner(call)]
        rows = [
            {
                "symbol": one.id,
                "baseCoin": "",
                "takerFeeRate": plain(self._fee(account, one, Liquidity.TAKER)),
                "makerFeeRate": plain(self._fee(account, one, Liquidity.MAKER)),
            }
            for one in ([market] if market else self._symbols.all(category))
        ]
        return {"category": category, "list": rows}

    def set_mode(self, call: Call) -> Any:
        """Change how positions are backed: each by its own margin, or all by all."""
        name = Given(call.given).text("setMarginMode")
        if name == "PORTFOLIO_MARGIN":
            raise BybitError(110073, "Set margin mode failed: not offered")
        if name not in _MODES:
            raise wrong("setMarginMode")
        account = owner(call)
        if self._exchange.linear.is_isolated(account) != _MODES[name]:
            self._exchange.linear.set_margin_mode(account, isolated=_MODES[name])
        return {"reasons": []}

    def key(self, call: Call) -> Any:
        """What the key may do."""
        if call.key is None:
            raise BybitError(10003, "API key is invalid.")
        allowed = call.key.permissions
        created = datetime.fromtimestamp(self._started_ms / 1000, UTC)
        return {
            "id": "1",
            "note": "local",
            "apiKey": call.key.key,
            "readOnly": int(not allowed & {SPOT, LINEAR, WITHDRAW}),
            "secret": "",
            "permissions": {
                "ContractTrade": ["Order", "Position"] if LINEAR in allowed else [],
                "Spot": ["SpotTrade"] if SPOT in allowed else [],
                "Wallet": ["AccountTransfer", "Withdraw"] if WITHDRAW in allowed else [],
                "Options": [],
                "Derivatives": ["DerivativesTrade"] if LINEAR in allowed else [],
                "CopyTrading": [],
                "BlockTrade": [],
                "Exchange": [],
                "NFT": [],
                "Affiliate": [],
                "Earn": [],
            },
            "ips": ["*"],
            "type": 1,
            "deadlineDay": 90,
            "expiredAt": f"{created.replace(year=created.year + 10, day=1):%Y-%m-%dT%H:%M:%SZ}",
            "createdAt": f"{created:%Y-%m-%dT%H:%M:%SZ}",
            "unified": 0,
            "uta": 1,
            "userID": 1,
            "inviterID": 0,
            "vipLevel": "No VIP",
            "mktMakerLevel": "0",
            "affiliateID": 0,
            "rsaPublicKey": "",
            "isMaster": True,
            "parentUid": "0",
            "kycLevel": "LEVEL_DEFAULT",
            "kycRegion": "",
        }

    def _coin(self, account: Account, asset: str, money: Money) -> dict[str, Any]:
        balance, settles = account.balance(asset), asset == self._exchange.linear.margins.settle()
        posted = money.initial_positions if settles else ZERO
        unrealized = money.unrealized if settles else ZERO
        worth = self._worth(asset)
        return {
            "coin": asset,
            "equity": plain(balance.total + unrealized),
            "usdValue": plain(round((balance.total + unrealized) * worth, 8)),
            "walletBalance": plain(balance.total),
            "locked": plain(balance.locked - posted),
            "spotHedgingQty": "0",
            "borrowAmount": "0",
            "availableToWithdraw": "",
            "accruedInterest": "0",
            "totalOrderIM": "0",
            "totalPositionIM": plain(posted),
            "totalPositionMM": plain(money.maintenance if settles else ZERO),
            "unrealisedPnl": plain(unrealized),
            "cumRealisedPnl": "0",
            "bonus": "0",
            "marginCollateral": True,
            "collateralSwitch": True,
            "spotBorrow": "0",
        }

    def _worth(self, asset: str) -> Decimal:
        """What a unit is worth in the coin that perpetuals settle in, 0 if nobody knows."""
        settle = self._exchange.linear.margins.settle()
        if asset == settle:
            return Decimal(1)
        market = self._exchange.markets.get(f"{asset}/{settle}")
        if market is None or not self._exchange.tape.has_price(market.symbol):
            return ZERO
        return self._exchange.last_price(market)

    def _fee(self, account: Account, market: Any, liquidity: Liquidity) -> Decimal:
        return self._exchange.spot.fee_rate(account, market, liquidity)


def _rate(part: Decimal, whole: Decimal) -> str:
    return plain(round(part / whole, 4)) if whole > 0 else "0"
