"""The compiled run of a vectorised strategy, and the compiled steps of the event loop."""

from __future__ import annotations

from typing import NamedTuple

from robotrader_sdk.compiled import compiled
from robotrader_sdk.trading import decision, matching, placing
from robotrader_sdk.trading.book import Book, Table, has_room
from robotrader_sdk.trading.ledger import equity_at


class BarArrays(NamedTuple):
    """Bars as contiguous float64 arrays of one length."""

    open: Table
    high: Table
    low: Table
    close: Table


@compiled
def run_signals(
    book: Book,
    bars: BarArrays,
    signals: decision.SignalArrays,
    first_bar: int,
    warmup_bars: int,
    fill_at_close: bool,
    equity: Table,
) -> int:
    """Run signals from a bar on; the bar it stopped before, for lack of room or at the end.

    `equity` is filled with the equity at each close. A run whose equity falls to 0 or below
    stops after that bar.
    """
    ledger = book.ledger[0]
    for bar in range(first_bar, bars.close.size):
        if ledger["n_working"] > 0 or signals.flags[bar] != 0:
            if not has_room(book, 2):
                return bar
            if ledger["n_working"] > 0:
                matching.match_bar(book, bar, bars.open[bar], bars.high[bar], bars.low[bar])
            if signals.flags[bar] != 0 and bar >= warmup_bars:
                decision.decide(book, bar, bars.close[bar], signals)
                if fill_at_close:
                    matching.match_at_close(book, bar, bars.close[bar])
        equity[bar] = equity_at(ledger, bars.close[bar])
        if equity[bar] <= 0.0:
            return bar + 1
    return bars.close.size


@compiled
def match_bar(book: Book, bar: int, open_: float, high: float, low: float) -> None:
    """`matching.match_bar`, compiled."""
    matching.match_bar(book, bar, open_, high, low)


@compiled
def match_at_close(book: Book, bar: int, close: float) -> None:
    """`matching.match_at_close`, compiled."""
    matching.match_at_close(book, bar, close)


@compiled
def place(
    book: Book,
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
) -> int:
    """Place what an event strategy asked for at the close of a bar; its row."""
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
    placing.admit(book, bar, close, row)
    return row


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
