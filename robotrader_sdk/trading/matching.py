"""match_bar: THE fill rule. What one bar does to the working orders of one symbol.

Backtest, event loop, paper and the local exchange all call it. Within a bar (fill contract,
rule 6): exits decided at the last close fill at the open; then whatever else is marketable
at the open, oldest first; then stops, the adverse one first; then resting limits, nearest to
the open first. A fill cancels its siblings and may place protection that acts at once.

Prices are compared in whole ticks: a low rounds up and a high down to the ticks that were
surely reached, so that on a grid "through by a tick" is the same as "strictly beyond".
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from robotrader_sdk.compiled import rule
from robotrader_sdk.trading.book import Book, sweep
from robotrader_sdk.trading.costs import taker_price
from robotrader_sdk.trading.filling import AT_CLOSE, AT_OPEN, INSIDE, execute
from robotrader_sdk.trading.instrument import DOWN, UP, from_steps, to_steps
from robotrader_sdk.trading.order import Purpose
from robotrader_sdk.trading.placing import order_steps
from robotrader_sdk.types import Liquidity, OrderStatus, OrderType, Side

EXITS, OPEN, BETWEEN, DONE = 0, 1, 2, 3
"""The stages of a bar: exits decided at the last close; the rest of the open; what follows."""

NONE_NOW, NONE_LEFT = -1, -2
"""In place of a row: no order fills in this stage; no order is working at all."""


class Levels(NamedTuple):
    """A bar's prices in ticks: each the outermost tick that was surely reached."""

    open_price: float
    open_up: float
    open_down: float
    high: float
    low: float


@rule
def match_bar(book: Book, bar: int, open_: float, high: float, low: float, at_close: bool) -> None:
    """Fill what this bar fills, in the contract's order; the fills are appended to the book.

    `at_close` is for `fill_at="close"`: with the close for all three prices it fills the market
    orders just decided, and nothing else.
    """
    tick_size = book.terms["tick_size"]
    levels = Levels(
        open_,
        to_steps(open_, tick_size, UP),
        to_steps(open_, tick_size, DOWN),
        to_steps(high, tick_size, DOWN),
        to_steps(low, tick_size, UP),
    )
    sweep(book, bar)
    stage = EXITS
    while stage < (BETWEEN if at_close else DONE):
        row, price, liquidity = next_fill(book, bar, levels, stage, at_close)
        if row == NONE_LEFT:
            break
        if row < 0:
            stage += 1
            continue
        moment = AT_OPEN if stage < BETWEEN else INSIDE
        execute(book, row, bar, price, liquidity, AT_CLOSE if at_close else moment)
    sweep(book, bar)
    if not at_close:
        _trail_stops(book, bar, high, low)


@rule
def next_fill(
    book: Book, bar: int, levels: Levels, stage: int, at_close: bool
) -> tuple[int, float, int]:
    """Which working order fills next in a stage of the bar: its row, price and liquidity.

    At the open the oldest; later whichever takes precedence. At a close only market orders.
    """
    terms = book.terms
    row = NONE_LEFT
    price = math.nan
    liquidity = 0
    rank = 0
    distance = math.inf
    for k in range(book.position["n_working"]):
        order = book.orders[book.working[k]]
        if order["status"] != OrderStatus.WORKING:
            continue
        if row == NONE_LEFT:
            row = NONE_NOW
        market = order["type"] == OrderType.MARKET
        if (
            not (market or order["active"] <= bar)
            or (at_close and not market)
            or (stage == EXITS and (not market or order["purpose"] == Purpose.ENTRY))
        ):
            continue
        if stage == BETWEEN:
            its_price, its_liquidity = _price_inside(terms, order, bar, levels)
        else:
            its_price, its_liquidity = _price_at_open(terms, order, bar, levels)
        if math.isnan(its_price):
            continue
        its_rank, its_distance = 0, 0.0
        if stage == BETWEEN:
            its_rank, its_distance = _precedence(book, order, levels)
        if row < 0 or its_rank < rank or (its_rank == rank and its_distance < distance):
            row = book.working[k]
            price, liquidity = its_price, its_liquidity
            rank, distance = its_rank, its_distance
    if stage == BETWEEN and row >= 0:
        _note_ambiguity(book, row, bar, levels)
    return row, price, liquidity


@rule
def _price_at_open(terms: Any, order: Any, bar: int, levels: Levels) -> tuple[float, int]:
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
def _price_inside(terms: Any, order: Any, bar: int, levels: Levels) -> tuple[float, int]:
    """A stop-limit whose stop is reached beyond its limit is triggered, and rests afterwards."""
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
def _precedence(book: Book, order: Any, levels: Levels) -> tuple[int, float]:
    """Stops before limits, adverse stops first; within a rank the nearest to the open first."""
    resting = order["type"] == OrderType.LIMIT or order["triggered"] >= 0
    level = order["limit"] if resting else order["stop"]
    distance = abs(level - 0.5 * (levels.open_up + levels.open_down))
    if order["purpose"] == Purpose.TAKE_PROFIT and book.terms["take_profit_first"] == 1:
        return 0, distance
    if resting:
        return 3, distance
    return 1 if order["side"] * book.position["held"] < 0.0 else 2, distance


@rule
def _note_ambiguity(book: Book, row: int, bar: int, levels: Levels) -> None:
    """Mark a stopped-out lot whose bar can't tell whether its stop came first (rule 9)."""
    stop = book.orders[row]
    if stop["lot"] < 0 or stop["purpose"] == Purpose.TAKE_PROFIT:
        return
    lot = book.lots[stop["lot"]]
    doubtful = lot["entry_bar"] == bar and lot["entry_at_open"] == 0
    for k in range(book.position["n_working"]):
        other = book.orders[book.working[k]]
        if (
            other["lot"] == stop["lot"]
            and other["purpose"] == Purpose.TAKE_PROFIT
            and other["active"] <= bar
            and not math.isnan(_price_inside(book.terms, other, bar, levels)[0])
        ):
            doubtful = True
    if doubtful and lot["ambiguous"] == 0:
        lot["ambiguous"] = 1
        book.position["n_ambiguous"] = book.position["n_ambiguous"] + 1


@rule
def _trail_stops(book: Book, bar: int, high: float, low: float) -> None:
    """Move trailing stops after the bar; its extremes count if the lot saw all of it (rule 10)."""
    for k in range(book.position["n_open"]):
        lot = book.lots[book.open_lots[k]]
        if lot["trailing_stop"] == 0.0 or (lot["entry_bar"] == bar and lot["entry_at_open"] == 0):
            continue
        direction = lot["direction"]
        extreme = high if direction > 0 else low
        if direction * extreme > direction * lot["best_price"]:
            lot["best_price"] = extreme
        order = book.orders[lot["stop_order"]]
        level = lot["best_price"] * (1.0 - direction * lot["trailing_stop"])
        steps = order_steps(book.terms, order["side"], level)
        if direction * steps > direction * order["stop"]:
            order["stop"] = steps
            order["purpose"] = Purpose.TRAILING_STOP.value
