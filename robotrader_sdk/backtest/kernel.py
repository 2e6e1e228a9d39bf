"""The compiled run of a vectorised strategy, and the compiled steps of the event loop."""

from __future__ import annotations

from typing import NamedTuple

from robotrader_sdk.compiled import compiled, rule
from robotrader_sdk.strategy.intents import Order
from robotrader_sdk.trading import decision, matching, placing
from robotrader_sdk.trading.book import Book, Table, Tables, equity_at, has_room
from robotrader_sdk.trading.margin import Perpetual

State = tuple[float, float, float, float, int, int, int]
"""The cash, and the position's quantity, entry_value, held, n_orders, n_working and n_lots."""


class BarArrays(NamedTuple):
    """Bars as contiguous float64 arrays of one length."""

    open: Table
    high: Table
    low: Table
    close: Table


@compiled
def run_signals(
    tables: Tables,
    bars: BarArrays,
    wishes: Table,
    first_bar: int,
    end_bar: int,
    fill_at_close: bool,
    equity: Table,
    perp: Perpetual | None,
) -> int:
    """Run the wishes for bars from one up to another; the bar it stopped before.

    It stops early for lack of room, or after a bar at which the equity fell to 0 or below.
    `wishes` ascend by bar; `equity` is filled with the equity at each close.
    """
    book = Book(tables.ledger[0], tables.position[0], tables.terms[0], *tables[3:])
    position = book.position
    k = 0
    for bar in range(first_bar, end_bar):
        close = bars.close[bar]
        wished = k < wishes.size and wishes[k]["bar"] == bar
        exposed = position["n_working"] > 0
        if perp is not None:
            exposed = exposed or position["quantity"] != 0.0
        if wished or exposed:
            if not has_room(book, 3):  # an exit, an entry and a liquidation
                return bar
            if exposed:
                opened = bars.open[bar]
                matching.match_open(book, bar, opened, False, perp)
                matching.match_inside(book, bar, opened, bars.high[bar], bars.low[bar], perp)
            if wished:
                decision.decide(book, bar, close, wishes[k], perp)
                k += 1
                if fill_at_close:
                    matching.match_open(book, bar, close, True, perp)
        equity[bar] = equity_at(book, close)
        if equity[bar] <= 0.0:
            return bar + 1
    return end_bar


@compiled
def match_bar(
    tables: Tables,
    bar: int,
    open_: float,
    high: float,
    low: float,
    at_close: bool,
    perp: Perpetual | None,
) -> State:
    """`matching.match_bar`, and what it leaves."""
    book = Book(tables.ledger[0], tables.position[0], tables.terms[0], *tables[3:])
    matching.match_bar(book, bar, open_, high, low, at_close, perp)
    return state_of(book)


@compiled
def match_open(
    tables: Tables, bar: int, open_: float, at_close: bool, perp: Perpetual | None
) -> State:
    """`matching.match_open`, and what it leaves."""
    book = Book(tables.ledger[0], tables.position[0], tables.terms[0], *tables[3:])
    matching.match_open(book, bar, open_, at_close, perp)
    return state_of(book)


@compiled
def match_inside(
    tables: Tables, bar: int, open_: float, high: float, low: float, perp: Perpetual | None
) -> State:
    """`matching.match_inside`, and what it leaves."""
    book = Book(tables.ledger[0], tables.position[0], tables.terms[0], *tables[3:])
    matching.match_inside(book, bar, open_, high, low, perp)
    return state_of(book)


@rule
def state_of(book: Book) -> State:
    """What whoever drives a book looks at after each step."""
    position = book.position
    return (
        float(book.ledger["cash"]),
        float(position["quantity"]),
        float(position["entry_value"]),
        float(position["held"]),
        int(position["n_orders"]),
        int(position["n_working"]),
        int(position["n_lots"]),
    )


@compiled
def place(
    tables: Tables,
    bar: int,
    close: float,
    side: int,
    kind: int,
    purpose: int,
    size_unit: int,
    size: float,
    limit_price: float,
    stop_price: float,
    valid_bars: int,
    stop_loss: float,
    take_profit: float,
    trailing_stop: float,
    stop_loss_price: float,
    take_profit_price: float,
    perp: Perpetual | None,
) -> int:
    """Place what an event strategy asked for at the close of a bar; its row."""
    book = Book(tables.ledger[0], tables.position[0], tables.terms[0], *tables[3:])
    row = placing.append_order(book, bar, side, kind, purpose)
    order = book.orders[row]
    order["size_unit"] = size_unit
    order["size"] = size
    order["limit"] = limit_price
    order["stop"] = stop_price
    if valid_bars > 0:
        order["last"] = bar + valid_bars
    order["stop_loss"] = stop_loss
    order["take_profit"] = take_profit
    order["trailing_stop"] = trailing_stop
    order["stop_loss_price"] = stop_loss_price
    order["take_profit_price"] = take_profit_price
    placing.admit(book, bar, close, row, 0.0, perp)
    return int(row)


def terms_of(order: Order, valid_bars: int) -> tuple[int | float, ...]:
    """An order as `place` takes it, from its side to the price of its take-profit."""
    return (
        int(order.side),
        int(order.type),
        int(order.purpose),
        int(order.size_unit),
        order.size,
        order.limit_price,
        order.stop_price,
        valid_bars,
        order.stop_loss,
        order.take_profit,
        order.trailing_stop,
        order.stop_loss_price,
        order.take_profit_price,
    )


@compiled
def equity_curve(cash: float, fills: Table, close: Table, equity: Table) -> None:
    """Write the equity at each close, from the fills."""
    position = 0.0
    k = 0
    for bar in range(equity.size):
        while k < fills.size and fills[k]["bar"] <= bar:
            cash = fills[k]["cash"]
            position = fills[k]["position"]
            k += 1
        equity[bar] = cash + position * close[bar]
