"""Balances, executions, fees, and what a key may do.

Source: https://developers.binance.com/docs/binance-spot-api-docs/rest-api/account-endpoints and
https://developers.binance.com/docs/wallet/account/api-key-permission
"""

from __future__ import annotations

from typing import Any

from robotrader_sdk.types import Liquidity
from runner.testnet.binance import views
from runner.testnet.binance.errors import BinanceError
from runner.testnet.binance.listen_keys import ListenKeys
from runner.testnet.binance.orders import owner
from runner.testnet.binance.parameters import Given
from runner.testnet.binance.signing import KEY_ONLY
from runner.testnet.binance.symbols import Symbols
from runner.testnet.core.accounts import LINEAR, READ, SPOT, WITHDRAW, Account
from runner.testnet.core.markets import Market
from runner.testnet.local import LocalExchange
from runner.testnet.numbers import fixed
from runner.testnet.wire import Call, Route


class AccountData:
    """Answers what is about an account."""

    def __init__(self, local: LocalExchange, symbols: Symbols, listen_keys: ListenKeys) -> None:
        self._local = local
        self._exchange = local.exchange
        self._symbols = symbols
        self._listen_keys = listen_keys
        self._started_ms = local.exchange.clock.now_ms

    def routes(self) -> list[Route]:
        """The routes of accounts."""
        stream = "/api/v3/userDataStream"
        return [
            Route("GET", "/api/v3/account", self.balances, weight=20, permission=READ),
            Route("GET", "/api/v3/account/commission", self.commission, 20, permission=READ),
            Route("GET", "/api/v3/myTrades", self.executions, weight=20, permission=READ),
            Route("GET", "/sapi/v1/account/apiRestrictions", self.restrictions, permission=READ),
            Route("GET", "/sapi/v1/asset/tradeFee", self.fees, permission=READ),
            Route("POST", stream, self.listen, weight=2, permission=KEY_ONLY),
            Route("PUT", stream, self.keep_listening, weight=2, permission=KEY_ONLY),
            Route("DELETE", stream, self.stop_listening, weight=2, permission=KEY_ONLY),
        ]

    def balances(self, call: Call) -> Any:
        """What there is of each asset."""
        given = Given(call.given)
        omits_zeros = given.text("omitZeroBalances", "false") == "true"
        given.done()
        account = self._account(call)
        assets = {a for m in self._symbols.all() for a in (m.base, m.quote)} | {*account.balances}
        rows = [(asset, account.balance(asset)) for asset in sorted(assets)]
        maker, taker = (self._rate(account, None, liquidity) for liquidity in Liquidity)
        return {
            "makerCommission": int(float(maker) * 10_000),
            "takerCommission": int(float(taker) * 10_000),
            "buyerCommission": 0,
            "sellerCommission": 0,
            "commissionRates": _rates(maker, taker),
            "canTrade": True,
            "canWithdraw": True,
            "canDeposit": True,
            "brokered": False,
            "requireSelfTradePrevention": False,
            "preventSor": False,
            "updateTime": self._exchange.clock.now_ms,
            "accountType": "SPOT",
            "balances": [
                {"asset": asset, "free": fixed(balance.free), "locked": fixed(balance.locked)}
                for asset, balance in rows
                if balance.total or not omits_zeros
            ],
            "permissions": ["SPOT"],
            "uid": _uid(account.name),
        }

    def commission(self, call: Call) -> Any:
        """The fees of a market."""
        given = Given(call.given)
        market = self._symbols.needed(given)
        given.done()
        account = self._account(call)
        maker, taker = (self._rate(account, market, liquidity) for liquidity in Liquidity)
        zero = _rates("0.00000000", "0.00000000")
        return {
            "symbol": market.id,
            "standardCommission": _rates(maker, taker),
            "specialCommission": zero,
            "taxCommission": zero,
            "discount": {
                "enabledForAccount": account.fee_asset not in ("received", "quote"),
                "enabledForSymbol": True,
                "discountAsset": "BNB",
                "discount": "0.00000000",
            },
        }

    def fees(self, call: Call) -> Any:
        """The fees of one market or all."""
        given = Given(call.given)
        market = self._symbols.if_given(given)
        given.done()
        account = self._account(call)
        return [
            {
                "symbol": one.id,
                "makerCommission": self._rate(account, one, Liquidity.MAKER),
                "takerCommission": self._rate(account, one, Liquidity.TAKER),
            }
            for one in ([market] if market else self._symbols.all())
        ]

    def executions(self, call: Call) -> Any:
        """One's own executions in a market."""
        given = Given(call.given)
        market = self._symbols.needed(given)
        number, from_id = given.whole("orderId"), given.whole("fromId")
        start_ms, end_ms = given.whole("startTime"), given.whole("endTime")
        limit = given.limit(500, 1000)
        given.done()
        found = [
            trade
            for trade in self._local.reports.trades(owner(call), market.symbol)
            if (number is None or trade.order == number)
            and (from_id is None or trade.number >= from_id)
            and (start_ms is None or trade.time_ms >= start_ms)
            and (end_ms is None or trade.time_ms <= end_ms)
        ]
        forward = from_id is not None or start_ms is not None
        orders = self._exchange.records.orders
        return [
            views.execution(trade, orders[trade.order].list_number)
            for trade in (found[:limit] if forward else found[-limit:])
        ]

    def restrictions(self, call: Call) -> Any:
        """What the key may do."""
        Given(call.given).done()
        allowed = call.key.permissions if call.key else frozenset()
        return {
            "ipRestrict": False,
            "createTime": self._started_ms,
            "enableReading": READ in allowed,
            "enableSpotAndMarginTrading": SPOT in allowed,
            "enableWithdrawals": WITHDRAW in allowed,
            "enableInternalTransfer": False,
            "enableMargin": False,
            "enableFutures": LINEAR in allowed,
            "permitsUniversalTransfer": False,
            "enableVanillaOptions": False,
            "enableFixApiTrade": False,
            "enableFixReadOnly": False,
            "enablePortfolioMarginTrading": False,
        }

    def listen(self, call: Call) -> Any:
        """A key to listen to one's own events with."""
        Given(call.given).done()
        return {"listenKey": self._listen_keys.open(owner(call))}

    def keep_listening(self, call: Call) -> Any:
        """Keep such a key."""
        self._check_listen_key(call)
        return {}

    def stop_listening(self, call: Call) -> Any:
        """Give such a key back."""
        self._listen_keys.close(self._check_listen_key(call))
        return {}

    def _check_listen_key(self, call: Call) -> str:
        given = Given(call.given)
        key = given.text("listenKey")
        given.done()
        if self._listen_keys.account_of(key) != owner(call):
            raise BinanceError(-1125, "This listenKey does not exist.")
        return key

    def _account(self, call: Call) -> Account:
        return self._exchange.accounts[owner(call)]

    def _rate(self, account: Account, market: Market | None, liquidity: Liquidity) -> str:
        one = market or self._symbols.all()[0]
        return fixed(self._exchange.spot.fee_rate(account, one, liquidity))


def _rates(maker: str, taker: str) -> dict[str, str]:
    none = "0.00000000"
    return {"maker": maker, "taker": taker, "buyer": none, "seller": none}


def _uid(name: str) -> int:
    return 100_000_000 + int.from_bytes(name.encode()[:3], "big")
