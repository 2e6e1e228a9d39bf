"""What backs the positions of an account, and when that is too little.

The level at which a position is liquidated, and the price at which that fills, are
`robotrader_sdk.trading.margin`'s; see there for the rule.
"""

from __future__ import annotations

import math
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from robotrader_sdk.trading import tiers
from robotrader_sdk.trading.margin import reaches
from robotrader_sdk.types import Liquidity, Side
from runner.testnet.core.accounts import Account
from runner.testnet.core.house import liquidate
from runner.testnet.core.markets import ZERO, Market
from runner.testnet.core.orders import Trade
from runner.testnet.core.positions import Money, Position
from runner.testnet.core.settlement import SMALLEST

if TYPE_CHECKING:
    from runner.testnet.core.exchange import Exchange
    from runner.testnet.core.linear import Linear
    from runner.testnet.core.working import Bar


class Margins:
    """Reads what positions need and what there is, and liquidates."""

    def __init__(self, exchange: Exchange, linear: Linear) -> None:
        self._exchange = exchange
        self._linear = linear

    def free(self, account: Account, quote: str) -> Decimal:
        """What new orders may use: in cross margin less what the positions are losing."""
        free = account.balance(quote).free
        if self._linear.is_isolated(account.name):
            return free
        return free + min(sum(map(self._linear.unrealized, self._pool(account.name)), ZERO), ZERO)

    def max_leverage(self, market: Market, notional: Decimal) -> Decimal:
        """The highest leverage that a position of that notional may have."""
        allowed = [tier.max_leverage for tier in market.tiers if tier.notional_floor <= notional]
        return min([market.max_leverage, *allowed])

    def maintenance(self, position: Position) -> Decimal:
        """The margin a position must keep at its mark price."""
        market = self._exchange.markets[position.symbol]
        notional = float(abs(position.quantity) * self._linear.mark_price(market))
        needed = tiers.maintenance_margin(_table(market), notional)
        return Decimal(repr(needed)).quantize(SMALLEST)

    def liquidation_price(self, position: Position) -> Decimal | None:
        """The mark price that liquidates a position, rounded to a tick."""
        level = self._level(position)
        market = self._exchange.markets[position.symbol]
        return None if math.isnan(level) else market.price(level)

    def money(self, account: Account) -> Money:
        """An account's margin, in the quote that linear perpetuals here settle in."""
        positions = self._pool(account.name)
        balance = account.balance(self.settle())
        unrealized = sum(map(self._linear.unrealized, positions), ZERO)
        posted = sum((position.margin for position in positions), ZERO)
        return Money(
            wallet=balance.total,
            equity=balance.total + unrealized,
            unrealized=unrealized,
            initial_positions=posted,
            initial_orders=balance.locked - posted,
            maintenance=sum(map(self.maintenance, positions), ZERO),
            available=self.free(account, self.settle()),
        )

    def liquidate_at_open(self, position: Position) -> None:
        """Liquidate a position if the mark opens beyond its level."""
        tape = self._exchange.tape
        at = tape.position(position.symbol)
        if at < 0:
            return
        mark = float(self._linear.series(position.symbol).mark_open[at])
        if reaches(float(position.quantity), mark, self._level(position)):
            self.liquidate(position, float(tape.series[position.symbol].open[at]))

    def distance(self, position: Position, bar: Bar) -> float:
        """How far from the open the level is that the bar reaches; infinite: it does not."""
        quantity, level = float(position.quantity), self._level(position)
        series = self._linear.series(position.symbol)
        at = self._exchange.tape.position(position.symbol)
        mark = float(series.mark_low[at] if quantity > 0 else series.mark_high[at])
        if not quantity or not reaches(quantity, mark, level):
            return math.inf
        beyond = bar.open - level if quantity > 0 else level - bar.open
        tick = float(self._exchange.markets[position.symbol].tick_size)
        return max(beyond, 0.0) / (tick or 1.0)

    def liquidate_inside(self, position: Position, bar: Bar) -> Trade:
        """Liquidate at the level, moved into the bar's range, or at the open that is beyond it."""
        level = self._level(position)
        if position.quantity > 0:
            return self.liquidate(position, max(min(level, bar.open), bar.low))
        return self.liquidate(position, min(max(level, bar.open), bar.high))

    def liquidate(self, position: Position, price: float) -> Trade:
        """Close a position for the exchange: its orders go, and no more than its backing."""
        exchange, market = self._exchange, self._exchange.markets[position.symbol]
        side = Side.SELL if position.quantity > 0 else Side.BUY
        for order in exchange.records.open_orders(position.account, position.symbol):
            if order.is_live:
                exchange.cancel(order)
        slip = 1 + side * Decimal(repr(exchange.settings.slippage))
        exact = market.away_from(side, Decimal(repr(round(price, 8))) * slip)
        behind = self._behind(position)
        bankrupt = (position.entry_value - behind) / position.quantity
        exact = max(exact, bankrupt) if position.quantity > 0 else min(exact, bankrupt)
        account = exchange.accounts[position.account]
        rate = self._linear.fee_rate(account, market, Liquidity.TAKER)
        left = behind + position.quantity * exact - position.entry_value
        fee = max(min(abs(position.quantity) * exact * rate, left), ZERO).quantize(SMALLEST)
        return liquidate(exchange, position, exact, fee)

    def _behind(self, position: Position) -> Decimal:
        """What stands behind a position before its own unrealized pnl."""
        if self._linear.is_isolated(position.account):
            return position.margin
        others = [own for own in self._pool(position.account) if own is not position]
        account = self._exchange.accounts[position.account]
        wallet = account.balance(self.settle()).total
        return wallet + sum(map(self._linear.unrealized, others), ZERO)

    def _level(self, position: Position) -> float:
        """The mark price that liquidates a position; NaN: none does."""
        if not position.quantity:
            return math.nan
        market, behind = self._exchange.markets[position.symbol], self._behind(position)
        if not self._linear.is_isolated(position.account):
            others = [own for own in self._pool(position.account) if own is not position]
            behind -= sum(map(self.maintenance, others), ZERO)
        return tiers.liquidation_price(
            _table(market), float(position.quantity), float(position.entry_value), float(behind)
        )

    def _pool(self, account: str) -> list[Position]:
        return [position for position in self._linear.positions(account) if position.quantity]

    def settle(self) -> str:
        """The coin that linear perpetuals here settle in."""
        quotes = [market.quote for market in self._exchange.markets.values() if market.linear]
        return quotes[0] if quotes else "USDT"


@lru_cache(maxsize=256)
def _table(market: Market) -> NDArray[Any]:
    return tiers.tier_table(market.instrument().tiers)
