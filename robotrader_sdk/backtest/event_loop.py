"""The run of an event strategy: a lean Python loop over bars, matching only when orders exist."""

from __future__ import annotations

import math
from collections.abc import Callable
from operator import itemgetter
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from robotrader_sdk.backtest import kernel
from robotrader_sdk.errors import RobotraderError
from robotrader_sdk.strategy.base import Strategy
from robotrader_sdk.strategy.context import Columns, Position
from robotrader_sdk.strategy.intents import Cancel, Intent, Order
from robotrader_sdk.strategy.stepper import Stepper
from robotrader_sdk.trading.book import Book, end_order, enlarged, new_book, sweep
from robotrader_sdk.trading.ledger import LEDGER
from robotrader_sdk.trading.order import ORDER, RejectReason
from robotrader_sdk.types import OrderStatus


def _fields(table: np.dtype[Any], *names: str) -> Callable[[tuple[Any, ...]], Any]:
    """Picks fields out of a row that was read as a tuple, which is the fastest way to read it."""
    places = list(table.names or ())
    return itemgetter(*(places.index(name) for name in names))


_counters = _fields(LEDGER, "n_orders", "n_working", "n_fills", "n_lots")
_fate = _fields(ORDER, "status", "reject_reason", "quantity", "fill_price")
_N_OPEN = list(LEDGER.names or ()).index("n_open")
_STATUSES = list(OrderStatus)


_PLAIN_CALLS = 1_000
"""How many bars are matched in plain Python before compiled code is loaded."""


class BookAccount:
    """A book as an event strategy's account; what it caches is renewed after each change."""

    def __init__(self, cash: float, terms: NDArray[Any], closes: list[float]) -> None:
        self.book: Book = new_book(cash, terms)
        self.closes = closes
        self.bar = 0
        self.n_orders = self.n_working = self.n_fills = self.n_lots = 0
        self.live: dict[int, Order] = {}
        self.money = cash
        self.quantity = 0.0
        self._held = 0.0
        self._entry_price = math.nan
        self._rows, self._lot_rows = self.book.orders.size, self.book.lots.size
        self.match_bar: Callable[..., None] = kernel.match_bar.function
        self._place: Callable[..., int] = kernel.place.function
        self._calls_left = _PLAIN_CALLS
        if "dispatcher" in vars(kernel.match_bar):
            self._load_machine_code()

    def cash(self) -> float:
        """See `Account`."""
        return self.money

    def equity(self) -> float:
        """See `Account`."""
        return self.money + self.quantity * self.closes[self.bar]

    def held(self) -> float:
        """See `Account`."""
        return self._held

    def position(self) -> Position:
        """See `Account`."""
        if self._held == 0.0:
            return Position()
        pnl = self._held * (self.closes[self.bar] - self._entry_price)
        return Position(self._held, self._entry_price, pnl)

    def working_orders(self) -> tuple[Order, ...]:
        """See `Account`."""
        return tuple(self.live.values())

    def _load_machine_code(self) -> None:
        """Go on compiled: short runs are done before that is loaded."""
        no = 0.0
        self._calls_left = 0
        self.match_bar = kernel.match_bar.for_types_of(self.book, 0, no, no, no, False)
        self._place = kernel.place.for_types_of(
            self.book, 0, no, 0, 0, 0, 0, no, no, no, 0, no, no, no, no, no
        )

    def refresh(self) -> None:
        """Read the book again: money, position, and the orders that have ended."""
        if self._calls_left:
            self._calls_left -= 1
            if self._calls_left == 0:
                self._load_machine_code()
        ledger = self.book.ledger.item()
        counts = (self.n_working, self.n_fills)
        self.money, self.quantity, self._held = ledger[:3]
        self.n_orders, self.n_working, self.n_fills, self.n_lots = _counters(ledger)
        if counts == (self.n_working, self.n_fills):
            return
        if self.n_fills != counts[1]:
            self._entry_price = self._mean_entry_price(ledger[_N_OPEN])
        if self.live:
            status = self.book.orders["status"]
            for row in [row for row in self.live if status[row]]:
                self.read_back(row, self.live.pop(row))

    def read_back(self, row: int, order: Order) -> None:
        """Tell an order what became of it."""
        status, reason, order.quantity, order.fill_price = _fate(self.book.orders[row].item())
        order.status = _STATUSES[status]
        if reason:
            order.reject_reason = RejectReason(reason).label

    def _mean_entry_price(self, n_open: int) -> float:
        if n_open == 0:
            return math.nan
        lots = self.book.lots[self.book.open_lots[:n_open]]
        if n_open == 1:
            return float(lots["entry_price"][0])
        return float((lots["quantity"] * lots["entry_price"]).sum() / lots["quantity"].sum())

    def make_room(self, new_orders: int) -> None:
        """Enlarge the tables until a bar with so many new orders fits."""
        orders = self.n_working + new_orders
        while self.n_orders + 3 * orders > self._rows or self.n_lots + orders > self._lot_rows:
            self.book = enlarged(self.book)
            self._rows, self._lot_rows = self.book.orders.size, self.book.lots.size

    def carry_out(self, intents: list[Intent]) -> None:
        """Enter what a strategy asked for, in the order it asked."""
        for intent in intents:
            if isinstance(intent, Cancel):
                self.cancel(intent.order)
            else:
                self.place(intent)

    def place(self, order: Order) -> None:
        """Enter an intent into the book, at the close of the current bar."""
        self.make_room(1)
        row = self._place(
            self.book,
            self.bar,
            self.closes[self.bar],
            int(order.side),
            int(order.type),
            int(order.purpose),
            int(order.size_unit),
            order.size,
            order.limit_price,
            order.stop_price,
            order.valid_bars,
            order.stop_loss,
            order.take_profit,
            order.trailing_stop,
            order.stop_loss_price,
            order.take_profit_price,
        )
        self.n_orders += 1
        if self.book.orders["status"][row]:
            self.read_back(row, order)
        else:
            order.quantity = self.book.orders["quantity"][row].item()
            self.n_working += 1
            self.live[row] = order

    def cancel(self, order: Order) -> None:
        """Cancel an order that is still working."""
        for row, live in self.live.items():
            if live is order:
                end_order(self.book, row, OrderStatus.CANCELLED.value, self.bar)
                sweep(self.book, self.bar)
                self.read_back(row, self.live.pop(row))
                self.n_working -= 1
                return


def run_events(
    strategy: Strategy,
    bars: pd.DataFrame,
    columns: Columns,
    account: BookAccount,
    symbol: str,
    fill_at_close: bool,
    check_warmup: Callable[[int], None],
) -> tuple[int, Stepper]:
    """Run an event strategy; how many bars were run, and the stepper with its indicators.

    Fewer bars than given were run only if the equity fell to 0 or below.
    """
    stepper = Stepper(strategy, bars, columns, account, symbol)
    opens, highs, lows, closes = columns[:4]
    warmup_bars = stepper.warmup_bars
    check_warmup(warmup_bars)
    clock, on_bar, ctx = stepper.clock, stepper.strategy.on_bar, stepper.ctx
    deciding = False
    try:
        for bar, close in enumerate(closes):
            account.bar = bar
            if account.n_working:
                account.make_room(0)
                account.match_bar(account.book, bar, opens[bar], highs[bar], lows[bar], False)
                account.refresh()
            if bar >= warmup_bars:
                # `stepper.step`, without a call and a `try` a bar.
                clock.closed = bar + 1
                deciding = True
                on_bar(ctx)
                deciding = False
                if ctx.intents:
                    account.carry_out(ctx.take_intents())
                    if fill_at_close:
                        account.match_bar(account.book, bar, close, close, close, True)
                        account.refresh()
            if account.quantity and account.money + account.quantity * close <= 0.0:
                return bar + 1, stepper
    except RobotraderError:
        raise
    except Exception as error:
        if deciding:
            raise stepper.failure(error) from error
        raise
    return len(closes), stepper


def equity_of(
    account: BookAccount, cash: float, close: NDArray[np.float64], n_bars: int
) -> NDArray[np.float64]:
    """The equity at each close of a finished run."""
    equity = np.empty(n_bars)
    n_fills = int(account.book.ledger[0]["n_fills"])
    curve = kernel.equity_curve.for_work(0.5 * n_bars)
    curve(cash, account.book.fills[:n_fills], close, equity)
    return equity
