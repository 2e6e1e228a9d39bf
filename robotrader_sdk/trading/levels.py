"""A bar's prices as levels, and what an order makes of them: whether it fills, and at what price.

Fill contract, rules 3 to 5 and 9. Levels are whole ticks, each the outermost that was surely
reached.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from robotrader_sdk.compiled import rule
from robotrader_sdk.trading.book import Book
from robotrader_sdk.trading.costs import taker_price
from robotrader_sdk.trading.instrument import from_steps
from robotrader_sdk.trading.order import Purpose
from robotrader_sdk.types import Liquidity, OrderType, Side


class Levels(NamedTuple):
    """A bar's prices in ticks: each the outermost tick that was surely reached."""

    open_price: float
    open_up: float
    open_down: float
    high: float
    low: float


@rule
def price_at_open(terms: Any, order: Any, bar: int, levels: Levels) -> tuple[float, int]:
    """At what price, and as maker or taker, an order fills at the open; NaN: it does not."""
    side = order["side"]
    kind = order["type"]
    # What counts is the tick on the trader's bad side for a limit, on the good side for a stop.
    for_limit = levels.open_up if side == Side.BUY else -levels.open_down
    for_stop = levels.open_down if side == Side.BUY else -levels.open_up
    limit = order["limit"]
    if kind == OrderType.MARKET or (kind == OrderType.STOP and for_stop >= side * order["stop"]):
        return taker_price(terms, side, levels.open_price, math.nan), Liquidity.TAKER.value
    if kind == OrderType.STOP_LIMIT and order["triggered"] < 0:
        if for_stop >= side * order["stop"]:
            order["triggered"] = bar
            if for_limit <= side * limit:
                return taker_price(terms, side, levels.open_price, limit), Liquidity.TAKER.value
    elif kind == OrderType.LIMIT and order["active"] == bar:
        if for_limit <= side * limit:
            return taker_price(terms, side, levels.open_price, limit), Liquidity.TAKER.value
    elif order["triggered"] < bar and _trades_through(terms, for_limit, side * limit):
        return _level(terms, limit), Liquidity.MAKER.value
    return math.nan, 0


@rule
def price_inside(terms: Any, order: Any, bar: int, levels: Levels) -> tuple[float, int]:
    """The same between open and close.

    A stop-limit whose stop is reached beyond its limit is triggered, and rests afterwards.
    """
    side = order["side"]
    kind = order["type"]
    best = levels.low if side == Side.BUY else -levels.high
    worst = levels.high if side == Side.BUY else -levels.low
    limit = order["limit"]
    stop = order["stop"]
    if kind == OrderType.STOP or (kind == OrderType.STOP_LIMIT and order["triggered"] < 0):
        if worst >= side * stop:
            if kind == OrderType.STOP or side * stop <= side * limit:
                return taker_price(terms, side, _level(terms, stop), limit), Liquidity.TAKER.value
            order["triggered"] = bar
    elif order["triggered"] < bar and _trades_through(terms, best, side * limit):
        return _level(terms, limit), Liquidity.MAKER.value
    return math.nan, 0


@rule
def _level(terms: Any, steps: float) -> float:
    return from_steps(steps, terms["tick_size"], terms["ticks_per_unit"])


@rule
def _trades_through(terms: Any, price: float, limit: float) -> bool:
    return price < limit or (price == limit and terms["fill_on_touch"] == 1)


@rule
def note_ambiguity(book: Book, lot_row: int, bar: int, levels: Levels) -> None:
    """Mark a lot that is stopped out in a bar that can't tell whether that came first (rule 9)."""
    lot = book.lots[lot_row]
    doubtful = lot["entry_bar"] == bar and lot["entry_at_open"] == 0
    for k in range(book.position["n_working"]):
        other = book.orders[book.working[k]]
        if (
            other["lot"] == lot_row
            and other["purpose"] == Purpose.TAKE_PROFIT
            and other["active"] <= bar
            and not math.isnan(price_inside(book.terms, other, bar, levels)[0])
        ):
            doubtful = True
    if doubtful and lot["ambiguous"] == 0:
        lot["ambiguous"] = 1
        book.position["n_ambiguous"] = book.position["n_ambiguous"] + 1
