"""A perpetual's liquidation inside a bar; `margin` states the rule."""

from __future__ import annotations

import math

from robotrader_sdk.compiled import rule
from robotrader_sdk.trading.book import Book, end_order, sweep
from robotrader_sdk.trading.costs import taker_price
from robotrader_sdk.trading.filling import AT_OPEN, INSIDE, execute
from robotrader_sdk.trading.instrument import from_steps
from robotrader_sdk.trading.levels import Levels, note_ambiguity
from robotrader_sdk.trading.margin import (
    Perpetual,
    bounded_price,
    liquidation_level,
    reaches,
)
from robotrader_sdk.trading.order import Purpose
from robotrader_sdk.trading.placing import append_order, order_steps
from robotrader_sdk.types import Liquidity, OrderStatus, OrderType, Side


@rule
def liquidate_at_open(book: Book, bar: int, open_: float, perp: Perpetual) -> None:
    """Liquidate what the mark opens beyond the level of."""
    quantity = book.position["quantity"]
    if quantity == 0.0:
        return
    level = liquidation_level(book, perp)
    if reaches(quantity, perp.mark_open[bar], level):
        _liquidate(book, bar, open_, AT_OPEN, perp)


@rule
def liquidation_distance(book: Book, bar: int, levels: Levels, perp: Perpetual) -> float:
    """How far from the open, in ticks, the level is that the bar reaches; infinite: it does not.

    The optimistic repeat of a run takes it that what was opened inside the bar survives it.
    """
    quantity = book.position["quantity"]
    level = math.nan if quantity == 0.0 else liquidation_level(book, perp)
    mark = perp.mark_low[bar] if quantity > 0.0 else perp.mark_high[bar]
    if not reaches(quantity, mark, level):
        return math.inf
    if book.terms["take_profit_first"] == 1 and _opened_inside(book, bar):
        return math.inf
    side = Side.SELL.value if quantity > 0.0 else Side.BUY.value
    middle = 0.5 * (levels.open_up + levels.open_down)
    return float(max(side * (order_steps(book.terms, side, level) - middle), 0.0))


@rule
def liquidate_inside(book: Book, bar: int, levels: Levels, perp: Perpetual) -> None:
    """Liquidate at the level, moved into the bar's range, or at the open that is beyond it."""
    terms = book.terms
    level = liquidation_level(book, perp)
    low = from_steps(levels.low, terms["tick_size"], terms["ticks_per_unit"])
    high = from_steps(levels.high, terms["tick_size"], terms["ticks_per_unit"])
    if book.position["quantity"] > 0.0:
        price = max(min(level, levels.open_price), low)
    else:
        price = min(max(level, levels.open_price), high)
    for k in range(book.position["n_open"]):
        note_ambiguity(book, book.open_lots[k], bar, levels)
    _liquidate(book, bar, price, INSIDE, perp)


@rule
def _opened_inside(book: Book, bar: int) -> bool:
    for k in range(book.position["n_open"]):
        lot = book.lots[book.open_lots[k]]
        if lot["entry_bar"] == bar and lot["entry_at_open"] == 0:
            return True
    return False


@rule
def _liquidate(book: Book, bar: int, price: float, moment: int, perp: Perpetual) -> None:
    """Close the whole position for the exchange; the symbol's working orders go with it."""
    position = book.position
    for k in range(position["n_working"]):
        if book.orders[book.working[k]]["status"] == OrderStatus.WORKING:
            end_order(book, book.working[k], OrderStatus.CANCELLED.value, bar)
    sweep(book, bar - 1)
    side = Side.SELL.value if position["quantity"] > 0.0 else Side.BUY.value
    row = append_order(book, bar, side, OrderType.MARKET.value, Purpose.LIQUIDATION.value)
    book.orders[row]["active"] = bar
    position["n_liquidations"] = position["n_liquidations"] + 1
    slipped = taker_price(book.terms, side, price, math.nan)
    execute(book, row, bar, bounded_price(book, slipped), Liquidity.TAKER.value, moment, perp)
    sweep(book, bar - 1)
