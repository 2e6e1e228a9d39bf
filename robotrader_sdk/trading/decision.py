"""From signals to orders: what a vectorised strategy's wishes become at the close of a bar.

Fill contract, rule 12: in a position, a same-side enter is ignored; an opposite enter
reverses; exit and same-side enter on one bar: exit only; both enters on one bar: neither,
and counted. What the rule leaves open: while a priced entry is working, a new enter replaces
it and an exit of its side cancels it; a priced reversal is one order for the position and
the entry together.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from robotrader_sdk.compiled import rule
from robotrader_sdk.trading.book import Book, end_order, sweep
from robotrader_sdk.trading.margin import Perpetual
from robotrader_sdk.trading.order import Purpose
from robotrader_sdk.trading.placing import admit, append_order
from robotrader_sdk.types import OrderStatus, OrderType, Side

ENTER_LONG, EXIT_LONG, ENTER_SHORT, EXIT_SHORT = 1, 2, 4, 8
"""The bits of a bar's flags."""


WISH = np.dtype(
    [
        ("bar", "i8"),
        ("flags", "i8"),
        ("valid_bars", "i8"),  # of a priced entry; 0: until cancelled
        ("size_unit", "i8"),
        ("size", "f8"),
        ("entry_limit_price", "f8"),  # NaN: none; without either it is a market entry
        ("entry_stop_price", "f8"),
        ("stop_loss", "f8"),  # protection is 0 where there is none
        ("take_profit", "f8"),
        ("trailing_stop", "f8"),
        ("stop_loss_price", "f8"),
        ("take_profit_price", "f8"),
    ],
    align=True,
)
"""What a vectorised strategy wants at one bar."""


@rule
def decide(book: Book, bar: int, close: float, wish: Any, perp: Perpetual | None) -> None:
    """Turn what is wanted at a bar into orders, given the position at its close."""
    flags = wish["flags"]
    held = book.position["held"]
    leaves_long = flags & EXIT_LONG != 0
    leaves_short = flags & EXIT_SHORT != 0
    wants_long = flags & ENTER_LONG != 0
    wants_short = flags & ENTER_SHORT != 0
    if wants_long and wants_short:
        book.position["n_conflicts"] = book.position["n_conflicts"] + 1
        wants_long = wants_short = False
    enters_long = wants_long and not leaves_long and held <= 0.0
    enters_short = wants_short and not leaves_short and held >= 0.0
    if book.position["n_working"] > 0:
        replaced = enters_long or enters_short
        _cancel_entries(book, bar, leaves_long or replaced, leaves_short or replaced)
    side = Side.BUY.value if enters_long else Side.SELL.value
    kind = _entry_type(wish)
    reverses = (enters_long or enters_short) and kind == OrderType.MARKET
    if held > 0.0 and (leaves_long or reverses):
        append_order(book, bar, Side.SELL.value, OrderType.MARKET.value, Purpose.EXIT.value)
        held = 0.0
    elif held < 0.0 and (leaves_short or reverses):
        append_order(book, bar, Side.BUY.value, OrderType.MARKET.value, Purpose.EXIT.value)
        held = 0.0
    if enters_long or enters_short:
        row = append_order(book, bar, side, kind, Purpose.ENTRY.value)
        _fill_in(book.orders[row], wish)
        admit(book, bar, close, row, abs(held), perp)


@rule
def _cancel_entries(book: Book, bar: int, buys: bool, sells: bool) -> None:
    for k in range(book.position["n_working"]):
        row = book.working[k]
        order = book.orders[row]
        due = buys if order["side"] == Side.BUY else sells
        if order["purpose"] == Purpose.ENTRY and due:
            end_order(book, row, OrderStatus.CANCELLED.value, bar)
    sweep(book, bar)


@rule
def _entry_type(wish: Any) -> int:
    has_limit = not math.isnan(wish["entry_limit_price"])
    if math.isnan(wish["entry_stop_price"]):
        return OrderType.LIMIT.value if has_limit else OrderType.MARKET.value
    return OrderType.STOP_LIMIT.value if has_limit else OrderType.STOP.value


@rule
def _fill_in(order: Any, wish: Any) -> None:
    if order["type"] != OrderType.MARKET and wish["valid_bars"] > 0:
        order["last"] = order["created"] + wish["valid_bars"]
    order["limit"] = wish["entry_limit_price"]
    order["stop"] = wish["entry_stop_price"]
    order["size_unit"] = wish["size_unit"]
    order["size"] = wish["size"]
    order["stop_loss"] = wish["stop_loss"]
    order["take_profit"] = wish["take_profit"]
    order["trailing_stop"] = wish["trailing_stop"]
    order["stop_loss_price"] = wish["stop_loss_price"]
    order["take_profit_price"] = wish["take_profit_price"]
