"""The run of an event strategy: a lean Python loop over bars, matching only when orders exist."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from robotrader_sdk.backtest import kernel
from robotrader_sdk.backtest.kernel import BarArrays
from robotrader_sdk.strategy.base import Strategy
from robotrader_sdk.strategy.context import Position
from robotrader_sdk.strategy.intents import Cancel, Order
from robotrader_sdk.strategy.stepper import Stepper
from robotrader_sdk.trading.book import Book, end_order, enlarged, new_book, sweep
from robotrader_sdk.trading.ledger import LEDGER
from robotrader_sdk.trading.order import RejectReason
from robotrader_sdk.types import OrderStatus

_names = list(LEDGER.names or ())
_COUNTERS = [_names.index(name) for name in ("n_orders", "n_working", "n_fills")]
_N_OPEN = _names.index("n_open")


class BookAccount:
    """A book as an event strategy's account; what it caches is renewed after each change."""

    def __init__(self, cash: float, terms: NDArray[Any], closes: list[float]) -> None:
        self.book: Book = new_book(cash, terms)
        self.closes = closes
        self.bar = 0
        self.n_orders = self.n_working = self.n_fills = 0
        self.live: dict[int, Order] = {}
        self._cash = cash
        self.quantity = 0.0
        self._held = 0.0
        self._entry_price = float("nan")

    def cash(self) -> float:
        """See `Account`."""
        return self._cash

    def equity(self) -> float:
        """See `Account`."""
        return self._cash + self.quantity * self.closes[self.bar]

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

    def refresh(self) -> None:
        """Read the book again: money, position, and the orders that have ended."""
        ledger = self.book.ledger.item()
        counts = (self.n_working, self.n_fills)
        self._cash, self.quantity, self._held = ledger[:3]
        self.n_orders, self.n_working, self.n_fills = (ledger[k] for k in _COUNTERS)
        if counts == (self.n_working, self.n_fills):
            return
        n_open = ledger[_N_OPEN]
        if n_open:
            lots = self.book.lots[self.book.open_lots[:n_open]]
            value = float((lots["quantity"] * lots["entry_price"]).sum())
            self._entry_price = value / float(lots["quantity"].sum())
        for row in [r for r in self.live if self.book.orders[r]["status"] != OrderStatus.WORKING]:
            self.read_back(row, self.live.pop(row))

    def read_back(self, row: int, order: Order) -> None:
        """Tell an order what became of it."""
        record = self.book.orders[row]
        order.status = OrderStatus(int(record["status"]))
        order.quantity = float(record["quantity"])
        order.fill_price = float(record["fill_price"])
        order.reject_reason = RejectReason(int(record["reject_reason"])).label

    def make_room(self, new_orders: int) -> None:
        """Enlarge the tables until a bar with so many new orders fits."""
        while self.n_orders + 3 * (self.n_working + new_orders) > self.book.orders.size:
            self.book = enlarged(self.book)

    def place(self, order: Order) -> None:
        """Enter an intent into the book, at the close of the current bar."""
        self.make_room(1)
        self.n_orders += 1
        self.n_working += 1
        row = kernel.place(
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
        self.read_back(row, order)
        if order.status is OrderStatus.WORKING:
            self.live[row] = order

    def cancel(self, order: Order) -> None:
        """Cancel an order that is still working."""
        for row, live in self.live.items():
            if live is order:
                end_order(self.book, row, int(OrderStatus.CANCELLED), self.bar)
                sweep(self.book, self.bar)
                return


def run_events(
    strategy: Strategy,
    bars: pd.DataFrame,
    arrays: BarArrays,
    account: BookAccount,
    symbol: str,
    fill_at_close: bool,
    check_warmup: Callable[[int], None],
) -> tuple[int, Stepper]:
    """Run an event strategy; how many bars were run, and the stepper with its indicators.

    Fewer bars than given were run only if the equity fell to 0 or below.
    """
    stepper = Stepper(strategy, bars, account, symbol)
    opens, highs, lows = (column.tolist() for column in arrays[:3])
    closes = account.closes
    match_bar = kernel.match_bar.dispatcher
    warmup_bars = stepper.warmup_bars
    check_warmup(warmup_bars)
    step = stepper.step
    for bar in range(len(closes)):
        account.bar = bar
        if account.n_working:
            account.make_room(0)
            match_bar(account.book, bar, opens[bar], highs[bar], lows[bar], False)
            account.refresh()
        if bar >= warmup_bars:
            intents = step(bar)
            if intents:
                for intent in intents:
                    if isinstance(intent, Cancel):
                        account.cancel(intent.order)
                    else:
                        account.place(intent)
                if fill_at_close:
                    close = closes[bar]
                    match_bar(account.book, bar, close, close, close, True)
                account.refresh()
        if account.quantity and account.equity() <= 0.0:
            return bar + 1, stepper
    return len(closes), stepper


def equity_of(
    account: BookAccount, cash: float, close: NDArray[np.float64], n_bars: int
) -> NDArray[np.float64]:
    """The equity at each close of a finished run."""
    equity = np.empty(n_bars)
    n_fills = int(account.book.ledger[0]["n_fills"])
    kernel.equity_curve(cash, account.book.fills[:n_fills], close, equity)
    return equity
