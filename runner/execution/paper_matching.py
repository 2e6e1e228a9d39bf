"""Which of a paper account's orders fills next: asked of the SDK's own fill rule."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from robotrader_sdk.trading import matching
from robotrader_sdk.trading.book import Book, new_ledger, new_tables, opened
from robotrader_sdk.trading.instrument import to_steps
from robotrader_sdk.trading.levels import Levels, price_at_open
from robotrader_sdk.trading.order import NEVER, Purpose
from robotrader_sdk.trading.placing import append_order
from robotrader_sdk.types import Liquidity, OrderType
from runner.execution.broker import ClosedBar
from runner.execution.paper_books import PaperOrder
from runner.execution.rules import Rules

OPEN, INSIDE = matching.OPEN, matching.BETWEEN
"""The stages of a bar."""


class Found(NamedTuple):
    """The order that fills next, at what price, as maker or taker."""

    order: PaperOrder
    price: Decimal
    liquidity: Liquidity


def next_fill(
    rules: Rules, orders: Sequence[PaperOrder], held: Decimal, bar: ClosedBar, number: int,
    stage: int,
) -> Found | None:  # fmt: skip
    """The next fill in a stage of a bar, if there is one; stop-limits that trigger say so."""
    book = _book(rules, orders, held)
    tick = float(rules.market.tick_size)
    levels = Levels(
        bar.open,
        to_steps(bar.open, tick, 1),
        to_steps(bar.open, tick, -1),
        to_steps(bar.high, tick, -1),
        to_steps(bar.low, tick, 1),
    )
    row, price, liquidity, _, _ = matching.next_fill(book, number, levels, stage, False)
    for index, order in enumerate(orders):
        if book.orders[index]["triggered"] >= 0:
            order.is_triggered = True
    if row < 0:
        return None
    return Found(orders[int(row)], _exact(rules, float(price)), Liquidity(int(liquidity)))


def fill_at_once(rules: Rules, order: PaperOrder, price: float) -> Found | None:
    """At what an order that has just come fills at a price that stands; None: it rests."""
    book = _book(rules, [order], Decimal(0))
    tick = float(rules.market.tick_size)
    up, down = to_steps(price, tick, 1), to_steps(price, tick, -1)
    levels = Levels(price, up, down, math.nan, math.nan)
    record = book.orders[0]
    record["active"] = 0
    found, liquidity = price_at_open(book.terms, record, 0, levels)
    if math.isnan(found):
        return None
    return Found(order, _exact(rules, float(found)), Liquidity(int(liquidity)))


def _book(rules: Rules, orders: Sequence[PaperOrder], held: Decimal) -> Book:
    book = opened(new_tables(new_ledger(0.0), rules.terms, rows=len(orders) + 2))
    book.position["held"] = float(held)
    tick = float(rules.market.tick_size)
    for order in orders:
        closes = order.reduce_only or (order.side < 0 and not rules.market.is_perpetual)
        purpose = Purpose.EXIT if closes else Purpose.ENTRY
        row = append_order(book, order.active, order.side, order.type, purpose.value)
        record = book.orders[row]
        record["active"], record["last"] = order.active, NEVER
        record["quantity"] = float(order.quantity)
        record["limit"] = _steps(order.limit_price, tick)
        record["stop"] = _steps(order.stop_price, tick)
        record["triggered"] = order.active if order.is_triggered else -1
    return book


def _exact(rules: Rules, price: float) -> Decimal:
    """A fill's price, which is on a tick already, without its float noise."""
    tick = rules.market.tick_size
    return round(price / float(tick)) * tick if tick else Decimal(repr(price))


def _steps(price: Decimal | None, tick: float) -> float:
    return math.nan if price is None else to_steps(float(price), tick, 0)


def is_passed(order_type: OrderType, side: int, stop: Decimal | None, price: float) -> bool:
    """Whether a stop has been passed by a price already."""
    if stop is None or order_type not in (OrderType.STOP, OrderType.STOP_LIMIT):
        return False
    return side * (price - float(stop)) >= 0.0
