"""Orders that wait: when what they waited for has ended they are sized, and made ready to send."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, localcontext

import numpy as np
from sqlalchemy.ext.asyncio import AsyncSession

from robotrader_sdk.trading.rebalancing import Desk, Floats, growing
from robotrader_sdk.types import OrderType, Side
from runner.execution.identity import Purpose
from runner.execution.journal.fills import is_opening
from runner.execution.journal.moves import move
from runner.execution.journal.orders import orders_by_id
from runner.execution.journal.standing import Standing, standing_of
from runner.execution.journal.tables import LotRow, OrderRow
from runner.execution.rounding import PRECISION, to_step
from runner.execution.rules import Rules
from runner.execution.status import Status

Prices = Mapping[str, Decimal]


@dataclass(frozen=True, slots=True)
class Promoter:
    """Makes the waiting orders of a bot ready, in one transaction.

    prices: the last price of each symbol that the orders or positions need.
    """

    session: AsyncSession
    standing: Standing
    rules: Mapping[str, Rules]
    prices: Prices
    at: datetime

    @classmethod
    async def of(
        cls,
        session: AsyncSession,
        bot_id: int,
        rules: Mapping[str, Rules],
        prices: Prices,
        at: datetime,
    ) -> Promoter:
        """Read where the bot stands now."""
        return cls(session, await standing_of(session, bot_id), rules, prices, at)

    async def promote(self) -> tuple[list[str], int]:
        """The ids of the orders that are ready to be sent now, and how many were given up."""
        ready: list[str] = []
        n_due = 0
        growths = []
        for orders in list(self.standing.orders.values()):
            for order in orders:
                if not await self.is_due(order):
                    continue
                n_due += 1
                if order.cancel_wanted:
                    move(order, Status.ABANDONED, self.at, "cancelled before it was sent")
                elif "weight" in order.sizing:
                    growths.append(order)
                elif (kept := await self._still_held(order)) is not None:
                    move(order, Status.ABANDONED, self.at, f"{kept} was to be sold first")
                elif await self._size(order):
                    move(order, Status.PENDING, self.at)
                    ready.append(order.client_order_id)
                else:
                    move(order, Status.ABANDONED, self.at, "there is nothing left to do")
        if growths:
            ready.extend(self._grow(growths))
        return ready, n_due - len(ready)

    async def is_due(self, order: OrderRow) -> bool:
        """Whether an order waits for nothing any more."""
        if order.status is not Status.WAITING:
            return False
        if order.cancel_wanted:
            return True
        if order.watch_price is not None:
            return False
        before = await orders_by_id(self.session, order.after)
        return not any(other.is_open for other in before)

    async def _still_held(self, order: OrderRow) -> str | None:
        """A symbol whose money an entry was to use, and that could not be left; None if all were.

        Its capital would otherwise be spent twice. What takes its own position towards nothing
        needs no money.
        """
        held = self.standing.held
        if order.lot is not None or int(order.side) * held(order.symbol) < 0:
            return None
        for other in await orders_by_id(self.session, order.after):
            left = held(other.symbol) if int(other.side) * held(other.symbol) < 0 else Decimal(0)
            is_done = other.status is Status.FILLED and not other.sizing.get("is_cut")
            if other.lot is None and not is_done and not self._is_little(other.symbol, left):
                return other.symbol
        return None

    def _is_little(self, symbol: str, held: Decimal) -> bool:
        """Whether so little is held that no order may be for it."""
        lots = self.standing.lots.get(symbol, [])
        price = self.prices.get(symbol) or (lots[0].entry_price if lots else Decimal(0))
        return abs(held) * price < self.rules[symbol].market.min_notional or not held

    async def _size(self, order: OrderRow) -> bool:
        """Fix the quantity or the cost; False if there is nothing to send."""
        unit = order.sizing.get("unit")
        market = self.rules[order.symbol].market
        if order.lot is not None:
            lot = await self.session.get(LotRow, order.lot)
            held = market.most(lot.quantity) if lot is not None and lot.is_open else Decimal(0)
            return order.quantity == held and bool(held)
        if unit == "rest":
            (late,) = await orders_by_id(self.session, order.after)
            order.quantity = (late.quantity or Decimal(0)) - late.filled
            unit = "at most" if order.purpose is Purpose.EXIT else unit
        if unit in ("position", "at most"):
            whole = market.lots(self._left_to_close(order))
            order.quantity = whole if unit == "position" else min(order.quantity or whole, whole)
            if order.type is OrderType.MARKET and market.most(order.quantity) < order.quantity:
                # Some is better than a refusal; what is left keeps its protection.
                order.quantity = market.most(order.quantity)
                order.sizing = {**order.sizing, "is_cut": True}
            return bool(order.quantity)
        if unit in ("fraction", "notional"):
            return self._size_by_money(order)
        return bool(order.quantity)

    def _size_by_money(self, order: OrderRow) -> bool:
        """The same of an order by money, at the price it will fill at."""
        rules, prices = self.rules[order.symbol], dict(self.prices)
        if order.symbol in prices:
            prices[order.symbol] = rules.taker_price(order.side, prices[order.symbol])
        money = Decimal(str(order.sizing["size"]))
        with localcontext(prec=PRECISION):
            if order.sizing["unit"] == "fraction":
                money *= self.standing.equity(prices)
            money /= 1 + rules.market.taker_fee  # which is to be affordable, too
        if order.side is Side.BUY:
            order.cost = to_step(money, rules.market.cost_step, up=False)
            return order.cost > 0
        # A sale has no cost to be sent by: it becomes a quantity.
        order.quantity = rules.lots(float(money / prices[order.symbol]))
        return 0 < order.quantity <= self._left_to_close(order)

    def _left_to_close(self, order: OrderRow) -> Decimal:
        """What is held against an order and no other order of the bot closes already.

        The account may hold more of it, which is somebody else's. On perpetuals an exit only
        reduces, and needs no such care.
        """
        held = self.standing.held(order.symbol)
        if int(order.side) * held >= 0:
            return Decimal(0)
        if self._is_perpetual(order):
            return abs(held)
        others = [
            (other.quantity or Decimal(0)) - other.filled
            for other in self.standing.orders.get(order.symbol, [])
            if other.side is order.side and other.lot is None and other is not order
            if other.status.may_be_at_exchange
        ]
        return max(abs(held) - sum(others, Decimal(0)), Decimal(0))

    def _promised(self) -> Decimal:
        """The quote, fees inside, that orders may still tie up which are not to be sized here."""
        promised = Decimal(0)
        for order in (o for orders in self.standing.orders.values() for o in orders):
            is_unsized = "weight" in order.sizing and order.quantity is None
            is_spot_sale = order.side is Side.SELL and not self._is_perpetual(order)
            held = self.standing.held(order.symbol)
            if order.is_open and not is_unsized and not is_spot_sale and is_opening(order, held):
                market = self.rules[order.symbol].market
                share = 1 / self.standing.leverage(market) + market.taker_fee
                promised += self._notional(order) * share
        return promised

    def _notional(self, order: OrderRow) -> Decimal:
        """What an order may still open."""
        if order.cost is not None:
            return max(order.cost - order.filled_value, Decimal(0))
        if order.quantity is None:
            size = Decimal(str(order.sizing.get("size", 0)))
            is_share = order.sizing.get("unit") == "fraction"
            return size * self.standing.equity(self.prices) if is_share else size
        price = order.limit_price or order.stop_price or self.prices.get(order.symbol, Decimal(0))
        return (order.quantity - order.filled) * price

    def _is_perpetual(self, order: OrderRow) -> bool:
        return self.rules[order.symbol].market.is_perpetual

    def _grow(self, orders: list[OrderRow]) -> list[str]:
        """Size all that a rebalance buys, together."""
        symbols = [order.symbol for order in orders]
        desk = desk_of(symbols, self.rules, self.prices, self.standing)
        weights = np.array([float(order.sizing["weight"]) for order in orders])
        tied = sum(
            float(self.standing.tied(self.rules[s].market, self.prices[s]))
            for s, position in self.standing.positions.items()
            if s not in symbols and position.quantity
        )
        equity = float(self.standing.equity(self.prices))
        added = growing(desk, weights, equity, tied + float(self._promised()))
        ready = []
        for order, quantity in zip(orders, added.tolist(), strict=True):
            rules = self.rules[order.symbol]
            order.quantity = rules.market.most(rules.lots(abs(quantity)))
            if quantity and order.quantity:
                order.side = Side.BUY if quantity > 0 else Side.SELL
                move(order, Status.PENDING, self.at)
                ready.append(order.client_order_id)
            else:
                move(order, Status.ABANDONED, self.at, "its weight is held already")
        return ready


def desk_of(
    symbols: list[str], rules: Mapping[str, Rules], prices: Prices, standing: Standing
) -> Desk:
    """What a rebalance trades with: no slippage is known beforehand."""

    def taken(side: Side) -> Floats:
        paid = [rules[symbol].taker_price(side, prices[symbol]) for symbol in symbols]
        return np.array([float(price) for price in paid])

    return Desk(
        price=np.array([float(prices[symbol]) for symbol in symbols]),
        buy_price=taken(Side.BUY),
        sell_price=taken(Side.SELL),
        held=np.array([float(standing.held(symbol)) for symbol in symbols]),
        fee=np.array([float(rules[symbol].market.taker_fee) for symbol in symbols]),
        lot_size=np.array([float(rules[symbol].market.lot_size) for symbol in symbols]),
    )
