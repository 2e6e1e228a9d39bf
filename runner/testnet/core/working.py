"""The working orders of one account in one market, as the SDK's fill rule reads them.

Which order fills next, and at what price, is `robotrader_sdk.trading.matching.next_fill`, the
one rule of backtest, paper and this exchange. What a fill then does to balances is exact here.
"""

from __future__ import annotations

import math
from decimal import Decimal
from typing import NamedTuple

import msgspec

from robotrader_sdk.compiled import compiled
from robotrader_sdk.trading import matching
from robotrader_sdk.trading.book import Book, Tables, enlarged, new_ledger, new_tables, opened
from robotrader_sdk.trading.costs import Fees, make_terms
from robotrader_sdk.trading.instrument import to_steps
from robotrader_sdk.trading.levels import Levels, price_at_open
from robotrader_sdk.trading.order import NEVER, Purpose
from robotrader_sdk.trading.placing import append_order
from robotrader_sdk.types import Liquidity, OrderStatus, OrderType, Side
from runner.testnet.core.markets import Market
from runner.testnet.core.orders import Order

_PLAIN_MICROSECONDS_AN_ORDER = 100.0


class Bar(NamedTuple):
    """The bar at hand: its number and prices."""

    number: int
    open: float
    high: float
    low: float
    close: float


class Placed(msgspec.Struct):
    """A working order by its number, the bar it came in, and the first it may fill in."""

    order: int
    bar: int
    active: int


class Candidate(NamedTuple):
    """The order that fills next; inside a bar with its precedence, and how far from the open."""

    order: Order
    price: Decimal
    liquidity: Liquidity
    rank: int = 0
    distance: float = 0.0


@compiled
def find_fill(
    tables: Tables, bar: int, up: float, down: float, high: float, low: float, open_: float,
    stage: int,
) -> tuple[int, float, int, int, float]:  # fmt: skip
    """`matching.next_fill` of a book in tables; bar prices are in ticks but for `open_`."""
    book = Book(tables.ledger[0], tables.position[0], tables.terms[0], *tables[3:])
    return matching.next_fill(book, bar, Levels(open_, up, down, high, low), stage, False)


class WorkingOrders:
    """Adds and removes orders, and tells which of them fills next."""

    def __init__(self, market: Market, *, slippage: float = 0.0, on_touch: bool = False) -> None:
        self.market = market
        self._tick = float(market.tick_size)
        terms = make_terms(market.instrument(), Fees(0.0, 0.0), slippage, fill_on_touch=on_touch)
        self._tables = new_tables(new_ledger(0.0), terms, rows=64)
        self._book = opened(self._tables)
        self._orders: dict[int, Order] = {}
        self._rows: dict[int, int] = {}
        self._unused: list[int] = []
        self._waiting: dict[int, Order] = {}
        """Stop-limits that have not triggered, by row."""
        self._bar: Bar | None = None
        self._bar_levels = (0, 0.0, 0.0, 0.0, 0.0, 0.0)

    def __len__(self) -> int:
        return len(self._orders)

    def set_terms(self, slippage: float, *, on_touch: bool) -> None:
        """Fill by other terms from now on."""
        market = self.market.instrument()
        terms = make_terms(market, Fees(0.0, 0.0), slippage, fill_on_touch=on_touch)
        self._tables.terms[:] = terms

    def add(self, order: Order, bar: int, active: int) -> None:
        """Let an order work; it may fill from bar `active` on."""
        position = self._book.position
        if not self._unused and position["n_orders"] >= len(self._tables.orders) - 1:
            self._tables = enlarged(self._tables)
            self._book = opened(self._tables)
            position = self._book.position
        in_use = int(position["n_orders"])
        row = self._unused.pop() if self._unused else in_use
        # `append_order` fills in the row that comes next; afterwards the count is as it was.
        position["n_orders"] = row
        append_order(
            self._book, bar, order.side.value, _kind(order).value, self._purpose(order).value
        )
        position["n_orders"] = max(in_use, row + 1)
        record = self._book.orders[row]
        record["active"], record["last"] = active, NEVER
        record["quantity"] = float(order.remaining)
        record["limit"], record["stop"] = self._steps(_limit(order)), self._steps(_stop(order))
        record["triggered"] = bar if order.triggered else -1
        self._orders[row], self._rows[order.number] = order, row
        if not order.triggered and order.trigger is not None and order.price is not None:
            self._waiting[row] = order

    def placed(self) -> list[Placed]:
        """The working orders, oldest first."""
        rows = self._book.working[: self._book.position["n_working"]].tolist()
        return [
            Placed(
                self._orders[row].number,
                int(self._book.orders[row]["created"]),
                int(self._book.orders[row]["active"]),
            )
            for row in rows
            if row in self._orders
        ]

    def remove(self, order: Order) -> None:
        """Forget an order, if it works here."""
        row = self._rows.pop(order.number, None)
        if row is None:
            return
        del self._orders[row]
        self._waiting.pop(row, None)
        self._unused.append(row)
        self._book.orders[row]["status"] = OrderStatus.CANCELLED.value
        working, position = self._book.working, self._book.position
        kept = working[: position["n_working"]]
        kept = kept[kept != row]
        working[: len(kept)] = kept
        position["n_working"] = len(kept)

    def price_now(self, order: Order, bar: int, price: float) -> Candidate | None:
        """At what an order that has just come fills at a price that stands; None: it rests."""
        if order.price is not None and order.side * (float(order.price) - price) < -self._tick:
            return None  # clearly rests: beyond what rounding to ticks can change
        row = self._rows[order.number]
        record = self._book.orders[row]
        active, record["active"] = int(record["active"]), bar
        up, down = to_steps(price, self._tick, 1), to_steps(price, self._tick, -1)
        levels = Levels(price, up, down, math.nan, math.nan)
        found, liquidity = price_at_open(self._book.terms, record, bar, levels)
        record["active"] = active
        if math.isnan(found):
            return None
        return Candidate(order, self.market.price(found), Liquidity(liquidity))

    def next_fill(self, bar: Bar, stage: int, held: Decimal) -> Candidate | None:
        """Which order fills next in a stage of the bar, if any does."""
        if not self._orders:
            return None
        self._book.position["held"] = float(held)
        find = find_fill.for_work(_PLAIN_MICROSECONDS_AN_ORDER * len(self._orders))
        row, price, liquidity, rank, distance = find(self._tables, *self._levels(bar), stage)
        if row < 0:
            return None
        order = self._orders[int(row)]
        if self._book.orders[row]["triggered"] >= 0:
            order.triggered = True
            self._waiting.pop(int(row), None)
        its_price = self.market.price(float(price))
        return Candidate(order, its_price, Liquidity(int(liquidity)), int(rank), float(distance))

    def newly_triggered(self) -> list[Order]:
        """Stop-limits that have triggered and now rest."""
        rows = [row for row in self._waiting if self._book.orders[row]["triggered"] >= 0]
        found = [self._waiting.pop(row) for row in rows]
        for order in found:
            order.triggered = True
        return found

    def _levels(self, bar: Bar) -> tuple[int, float, float, float, float, float]:
        """The bar in ticks, as `find_fill` reads it."""
        if self._bar is not bar:
            tick = self._tick
            self._bar = bar
            self._bar_levels = (
                bar.number,
                to_steps(bar.open, tick, 1),
                to_steps(bar.open, tick, -1),
                to_steps(bar.high, tick, -1),
                to_steps(bar.low, tick, 1),
                bar.open,
            )
        return self._bar_levels

    def _purpose(self, order: Order) -> Purpose:
        closes = order.reduce_only or (order.side is Side.SELL and not self.market.linear)
        return Purpose.EXIT if closes else Purpose.ENTRY

    def _steps(self, price: Decimal | None) -> float:
        if price is None:
            return math.nan
        return to_steps(float(price), self._tick, 0)


def _kind(order: Order) -> OrderType:
    """A trigger in the trader's favour, a take-profit's, waits as a limit does."""
    if order.trigger is not None and not _is_adverse(order):
        return OrderType.LIMIT
    return order.type


def _limit(order: Order) -> Decimal | None:
    if order.trigger is not None and not _is_adverse(order) and order.price is None:
        return order.trigger
    return order.price


def _stop(order: Order) -> Decimal | None:
    return order.trigger if _is_adverse(order) else None


def _is_adverse(order: Order) -> bool:
    """Whether a trigger is a stop's: above the market for a buy, below it for a sell."""
    return order.trigger is not None and order.rises == (order.side is Side.BUY)
