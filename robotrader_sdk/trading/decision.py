"""From signals to orders: what a vectorised strategy's wishes become at the close of a bar.

Fill contract, rule 12: in a position, a same-side enter is ignored; an opposite enter
reverses; exit and same-side enter on one bar: exit only; both enters on one bar: neither,
and counted. What the rule leaves open: while a priced entry is working, a new enter replaces
it and an exit of its side cancels it; a priced reversal is one order for the position and
the entry together.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from robotrader_sdk.compiled import rule
from robotrader_sdk.trading.book import Book, Table, end_order, sweep
from robotrader_sdk.trading.order import Purpose
from robotrader_sdk.trading.placing import admit, append_order
from robotrader_sdk.types import OrderStatus, OrderType, Side

ENTER_LONG, EXIT_LONG, ENTER_SHORT, EXIT_SHORT = 1, 2, 4, 8
"""The bits of a bar's flags."""


class SignalArrays(NamedTuple):
    """Signals as arrays of one value, or of one value a bar. Protection is 0 where there is none.

    `flags` has one value a bar. Entry prices are NaN for market entries.
    """

    flags: Table
    size_unit: int
    size: Table
    entry_limit: Table
    entry_stop: Table
    valid_bars: Table
    stop_loss: Table
    take_profit: Table
    trailing_stop: Table
    stop_loss_price: Table
    take_profit_price: Table


@rule
def decide(book: Book, bar: int, close: float, signals: SignalArrays) -> None:
    """Turn the flags of a bar into orders, given the position at its close."""
    flags = signals.flags[bar]
    held = book.ledger[0]["held"]
    leaves_long = flags & EXIT_LONG != 0
    leaves_short = flags & EXIT_SHORT != 0
    wants_long = flags & ENTER_LONG != 0
    wants_short = flags & ENTER_SHORT != 0
    if wants_long and wants_short:
        book.ledger[0]["n_conflicts"] = book.ledger[0]["n_conflicts"] + 1
        wants_long = wants_short = False
    enters_long = wants_long and not leaves_long and held <= 0.0
    enters_short = wants_short and not leaves_short and held >= 0.0
    if book.ledger[0]["n_working"] > 0:
        replaced = enters_long or enters_short
        _cancel_entries(book, bar, leaves_long or replaced, leaves_short or replaced)
    side = Side.BUY.value if enters_long else Side.SELL.value
    kind = _entry_type(signals, bar)
    reverses = (enters_long or enters_short) and kind == OrderType.MARKET
    if held > 0.0 and (leaves_long or reverses):
        append_order(book, bar, Side.SELL.value, OrderType.MARKET.value, Purpose.EXIT.value)
        held = 0.0
    elif held < 0.0 and (leaves_short or reverses):
        append_order(book, bar, Side.BUY.value, OrderType.MARKET.value, Purpose.EXIT.value)
        held = 0.0
    if enters_long or enters_short:
        row = append_order(book, bar, side, kind, Purpose.ENTRY.value)
        _fill_in(book.orders[row], bar, signals)
        admit(book, bar, close, row)
        if held != 0.0 and book.orders[row]["status"] == OrderStatus.WORKING:
            book.orders[row]["quantity"] = book.orders[row]["quantity"] + abs(held)


@rule
def _cancel_entries(book: Book, bar: int, buys: bool, sells: bool) -> None:
    for k in range(book.ledger[0]["n_working"]):
        row = book.working[k]
        order = book.orders[row]
        due = buys if order["side"] == Side.BUY else sells
        if order["purpose"] == Purpose.ENTRY and due:
            end_order(book, row, OrderStatus.CANCELLED.value, bar)
    sweep(book, bar)


@rule
def _entry_type(signals: SignalArrays, bar: int) -> int:
    """Which prices a bar's entry has: a single value counts for every bar."""
    limit = signals.entry_limit
    stop = signals.entry_stop
    has_limit = not math.isnan(limit[bar if limit.size > 1 else 0])
    has_stop = not math.isnan(stop[bar if stop.size > 1 else 0])
    if has_stop:
        return OrderType.STOP_LIMIT.value if has_limit else OrderType.STOP.value
    return OrderType.LIMIT.value if has_limit else OrderType.MARKET.value


@rule
def _fill_in(order: Any, bar: int, signals: SignalArrays) -> None:
    if order["type"] != OrderType.MARKET:
        bars = signals.valid_bars[bar if signals.valid_bars.size > 1 else 0]
        order["last"] = bar + bars if bars > 0 else order["last"]
        order["limit"] = signals.entry_limit[bar if signals.entry_limit.size > 1 else 0]
        order["stop"] = signals.entry_stop[bar if signals.entry_stop.size > 1 else 0]
    order["size_unit"] = signals.size_unit
    order["size"] = signals.size[bar if signals.size.size > 1 else 0]
    order["stop_loss"] = signals.stop_loss[bar if signals.stop_loss.size > 1 else 0]
    order["take_profit"] = signals.take_profit[bar if signals.take_profit.size > 1 else 0]
    order["trailing_stop"] = signals.trailing_stop[bar if signals.trailing_stop.size > 1 else 0]
    order["stop_loss_price"] = signals.stop_loss_price[
        bar if signals.stop_loss_price.size > 1 else 0
    ]
    order["take_profit_price"] = signals.take_profit_price[
        bar if signals.take_profit_price.size > 1 else 0
    ]
