"""match_bar: THE fill rule. What one bar does to the working orders of one symbol.

Backtest, event loop, paper and the local exchange all call it. Within a bar (fill contract,
rule 6): exits decided at the last close fill at the open; then whatever else is marketable
at the open, oldest first; then stops, the adverse one first; then resting limits, nearest to
the open first. A fill cancels its siblings and may place protection that acts at once.

A perpetual's funding and liquidation come in between; their rules are in `margin`.

Prices are compared in whole ticks: a low rounds up and a high down to the ticks that were
surely reached, so that on a grid "through by a tick" is the same as "strictly beyond".
"""

from __future__ import annotations

import math
from typing import Any

from robotrader_sdk.compiled import rule
from robotrader_sdk.trading.book import Book, sweep
from robotrader_sdk.trading.filling import AT_CLOSE, AT_OPEN, INSIDE, execute
from robotrader_sdk.trading.instrument import DOWN, UP, to_steps
from robotrader_sdk.trading.levels import Levels, note_ambiguity, price_at_open, price_inside
from robotrader_sdk.trading.liquidation import (
    liquidate_at_open,
    liquidate_inside,
    liquidation_distance,
)
from robotrader_sdk.trading.margin import Perpetual, pay_funding
from robotrader_sdk.trading.order import Purpose
from robotrader_sdk.trading.placing import order_steps
from robotrader_sdk.types import OrderStatus, OrderType

EXITS, OPEN, BETWEEN, DONE = 0, 1, 2, 3
"""The stages of a bar: exits decided at the last close; the rest of the open; what follows."""

NONE_NOW, NONE_LEFT = -1, -2
"""In place of a row: no order fills in this stage; no order is working at all."""

FIRST, ADVERSE_STOP, OTHER_STOP, RESTING, LAST = 0, 1, 2, 3, 4
"""Ranks inside a bar; within one the level nearest to the open goes first."""


@rule
def match_bar(
    book: Book,
    bar: int,
    open_: float,
    high: float,
    low: float,
    at_close: bool,
    perp: Perpetual | None,
) -> None:
    """Fill what this bar fills, in the contract's order; the fills are appended to the book.

    `at_close` is for `fill_at="close"`: with the close for all three prices it fills the market
    orders just decided, and nothing else. `perp` is None but for a perpetual.
    """
    match_open(book, bar, open_, at_close, perp)
    if not at_close:
        match_inside(book, bar, open_, high, low, perp)


@rule
def match_open(book: Book, bar: int, open_: float, at_close: bool, perp: Perpetual | None) -> None:
    """What fills at a bar's open, and the funding that follows it; see `match_bar`."""
    if perp is not None and not at_close:
        liquidate_at_open(book, bar, open_, perp)
    tick_size = book.terms["tick_size"]
    up, down = to_steps(open_, tick_size, UP), to_steps(open_, tick_size, DOWN)
    levels = Levels(open_, up, down, math.nan, math.nan)
    sweep(book, bar - 1)
    _fill_stages(book, bar, levels, EXITS, BETWEEN, at_close, perp)
    if at_close:
        sweep(book, bar)
    elif perp is not None and perp.funding[bar] != 0.0 and book.position["quantity"] != 0.0:
        pay_funding(book, perp.funding[bar])


@rule
def match_inside(
    book: Book, bar: int, open_: float, high: float, low: float, perp: Perpetual | None
) -> None:
    """What fills between a bar's open and its close; see `match_bar`."""
    tick_size = book.terms["tick_size"]
    levels = Levels(
        open_,
        to_steps(open_, tick_size, UP),
        to_steps(open_, tick_size, DOWN),
        to_steps(high, tick_size, DOWN),
        to_steps(low, tick_size, UP),
    )
    _fill_stages(book, bar, levels, BETWEEN, DONE, False, perp)
    sweep(book, bar)
    _trail_stops(book, bar, high, low)


@rule
def _fill_stages(
    book: Book,
    bar: int,
    levels: Levels,
    stage: int,
    end_stage: int,
    at_close: bool,
    perp: Perpetual | None,
) -> None:
    """Fill one order after the other, stage by stage, until none fills any more."""
    while stage < end_stage:
        row, price, liquidity, rank, distance = next_fill(book, bar, levels, stage, at_close)
        if perp is not None and stage == BETWEEN:
            ahead = liquidation_distance(book, bar, levels, perp)
            nearer = rank > ADVERSE_STOP or (rank == ADVERSE_STOP and ahead <= distance)
            if nearer and ahead < math.inf:
                liquidate_inside(book, bar, levels, perp)
                continue
        if row == NONE_LEFT:
            break
        if row < 0:
            stage += 1
            continue
        moment = AT_CLOSE if at_close else AT_OPEN
        if stage == BETWEEN:
            moment = INSIDE
            order = book.orders[row]
            if order["lot"] >= 0 and order["purpose"] != Purpose.TAKE_PROFIT:
                note_ambiguity(book, order["lot"], bar, levels)
        execute(book, row, bar, price, liquidity, moment, perp)


@rule
def next_fill(
    book: Book, bar: int, levels: Levels, stage: int, at_close: bool
) -> tuple[int, float, int, int, float]:
    """Which working order fills next in a stage of the bar: row, price, liquidity, precedence.

    At the open the oldest; later whichever takes precedence. At a close only market orders.
    """
    terms = book.terms
    row = NONE_LEFT
    price = math.nan
    liquidity = 0
    rank = LAST
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
            its_price, its_liquidity = price_inside(terms, order, bar, levels)
        else:
            its_price, its_liquidity = price_at_open(terms, order, bar, levels)
        if math.isnan(its_price):
            continue
        its_rank, its_distance = FIRST, 0.0
        if stage == BETWEEN:
            its_rank, its_distance = _precedence(book, order, levels)
        if its_rank < rank or (its_rank == rank and its_distance < distance):
            row = book.working[k]
            price, liquidity = its_price, its_liquidity
            rank, distance = its_rank, its_distance
    return row, price, liquidity, rank, distance


@rule
def _precedence(book: Book, order: Any, levels: Levels) -> tuple[int, float]:
    """Stops before limits, adverse stops first; within a rank the nearest to the open first."""
    resting = order["type"] == OrderType.LIMIT or order["triggered"] >= 0
    level = order["limit"] if resting else order["stop"]
    distance = abs(level - 0.5 * (levels.open_up + levels.open_down))
    if order["purpose"] == Purpose.TAKE_PROFIT and book.terms["take_profit_first"] == 1:
        return FIRST, distance
    if resting:
        return RESTING, distance
    adverse = order["side"] * book.position["held"] < 0.0
    return ADVERSE_STOP if adverse else OTHER_STOP, distance


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
