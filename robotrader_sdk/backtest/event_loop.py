"""The run of an event strategy: a lean Python loop over bars, matching only when orders exist."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from robotrader_sdk.backtest import kernel
from robotrader_sdk.backtest.steps import FineSteps, Steps
from robotrader_sdk.errors import RobotraderError
from robotrader_sdk.strategy.base import Strategy
from robotrader_sdk.strategy.context import Columns, Position
from robotrader_sdk.strategy.intents import Cancel, Intent, Order
from robotrader_sdk.strategy.stepper import Stepper
from robotrader_sdk.trading.book import (
    Table,
    Tables,
    end_order,
    enlarged,
    mean_entry_price,
    new_ledger,
    new_tables,
    opened,
    sweep,
)
from robotrader_sdk.trading.margin import Perpetual
from robotrader_sdk.trading.order import RejectReason
from robotrader_sdk.types import OrderStatus

_STATUSES = list(OrderStatus)

_PLAIN_CALLS = 1_000
"""How many bars, with few orders, are matched in plain Python before compiled code is loaded."""


class BookAccount:
    """A book as an event strategy's account; what it caches is renewed after each change."""

    def __init__(
        self,
        cash: float,
        terms: Table,
        closes: list[float],
        steps: Steps,
        perp: Perpetual | None,
    ) -> None:
        self.steps = steps
        self.perp = perp
        self._use(new_tables(new_ledger(cash), terms))
        self.closes = closes
        self.bar = 0
        self.money = cash
        self.quantity = 0.0
        self.entry_value = 0.0
        self._held = 0.0
        self.curve: list[float] = []
        self._entry_price: float | None = None
        self.n_orders = self.n_working = self.n_lots = 0
        self.live: dict[int, Order] = {}
        self._match: Callable[..., kernel.State] = kernel.match_bar.function
        self._place: Callable[..., int] = kernel.place.function
        self._calls_left = _PLAIN_CALLS
        if kernel.match_bar.is_loaded:
            self._load_machine_code()

    def cash(self) -> float:
        """See `Account`."""
        return self.money

    def equity(self) -> float:
        """See `Account`."""
        return self.money + (self.quantity * self.closes[self.bar] - self.entry_value)

    def held(self) -> float:
        """See `Account`."""
        return self._held

    def position(self) -> Position:
        """See `Account`."""
        if self._held == 0.0:
            return Position()
        if self._entry_price is None:
            self._entry_price = mean_entry_price(self.book)
        pnl = self._held * (self.closes[self.bar] - self._entry_price)
        return Position(self._held, self._entry_price, pnl)

    def working_orders(self) -> tuple[Order, ...]:
        """See `Account`."""
        return tuple(self.live.values())

    def pass_bar(self, bar: int) -> int:
        """Go through the steps of a bar; the last one, or that whose equity is 0 or below."""
        arrays, last = self.steps.arrays, self.steps.last(bar)
        for step in range(self.steps.first(bar), last + 1):
            if self.n_working or (self.quantity and self.perp is not None):
                self.match(step, arrays.open[step], arrays.high[step], arrays.low[step], False)
            worth = self.money + (self.quantity * arrays.close[step] - self.entry_value)
            if self.perp is not None:
                self.curve.append(worth)
            if worth <= 0.0:
                return step
        return last

    def match(self, bar: int, open_: float, high: float, low: float, at_close: bool) -> None:
        """Fill what a bar, or a step of one, fills, and tell the orders that have ended."""
        self._make_room(0)
        if self._calls_left:
            # What fills looks at all others that work.
            self._calls_left = max(self._calls_left - 1 - self.n_working**2 // 50, 0)
            if self._calls_left == 0:
                self._load_machine_code()
        state = self._match(self.tables, bar, open_, high, low, at_close, self.perp)
        self.money, self.quantity, self.entry_value, self._held = state[:4]
        self.n_orders, self.n_working, self.n_lots = state[4:]
        self._entry_price = None
        if self.live:
            status = self._status
            for row in [row for row in self.live if status[row]]:
                self._read_back(row, self.live.pop(row))

    def carry_out(self, intents: list[Intent]) -> None:
        """Enter what a strategy asked for, in the order it asked."""
        for intent in intents:
            if isinstance(intent, Cancel):
                self._cancel(intent.order)
            else:
                self._enter(intent)

    def _enter(self, order: Order) -> None:
        self._make_room(1)
        step, close = self.steps.last(self.bar), self.closes[self.bar]
        terms = kernel.terms_of(order, self.steps.life(self.bar, order.valid_bars))
        row = self._place(self.tables, step, close, *terms, self.perp)
        self.n_orders += 1
        self._read_back(row, order)
        if order.status is OrderStatus.WORKING:
            self.n_working += 1
            self.live[row] = order

    def _cancel(self, order: Order) -> None:
        for row, live in self.live.items():
            if live is order:
                step = self.steps.last(self.bar)
                end_order(self.book, row, OrderStatus.CANCELLED.value, step)
                sweep(self.book, step)
                self._read_back(row, self.live.pop(row))
                self.n_working -= 1
                return

    def _read_back(self, row: int, order: Order) -> None:
        """Tell an order what became of it."""
        order.status = _STATUSES[self._status[row]]
        order.quantity = self._quantity[row].item()
        if order.status is OrderStatus.FILLED:
            order.fill_price = self.book.orders[row]["fill_price"].item()
        elif order.status is OrderStatus.REJECTED:
            order.reject_reason = RejectReason(int(self.book.orders[row]["reject_reason"])).label

    def _make_room(self, new_orders: int) -> None:
        """Enlarge the tables until a bar with so many new orders fits."""
        orders = self.n_working + new_orders + 1  # a liquidation comes unasked
        while self.n_orders + 3 * orders > self._rows or self.n_lots + orders > self._lot_rows:
            self._use(enlarged(self.tables))

    def _use(self, tables: Tables) -> None:
        """Go on with a book, remembering what is looked at for every order."""
        self.tables = tables
        self.book = book = opened(tables)
        self._status, self._quantity = book.orders["status"], book.orders["quantity"]
        self._rows, self._lot_rows = book.orders.size, book.lots.size

    def _load_machine_code(self) -> None:
        """Go on compiled: short runs are done before that is loaded."""
        no = 0.0
        self._calls_left = 0
        self._match = kernel.match_bar.for_types_of(self.tables, 0, no, no, no, False, self.perp)
        self._place = kernel.place.for_types_of(
            self.tables, 0, no, 0, 0, 0, 0, no, no, no, 0, no, no, no, no, no, self.perp
        )


def run_events(  # noqa: C901 - one loop, in which a call a bar would cost a tenth
    strategy: Strategy,
    bars: pd.DataFrame,
    account: BookAccount,
    symbol: str,
    fill_at_close: bool,
    check_warmup: Callable[[int], None],
) -> tuple[int, Stepper]:
    """Run an event strategy; how many steps were run, and the stepper with its indicators.

    Fewer than there are were run only if the equity fell to 0 or below.
    """
    columns = Columns(bars)
    stepper = Stepper(strategy, bars, columns, account, symbol)
    check_warmup(stepper.warmup_bars)
    warmup_bars, clock = stepper.warmup_bars, stepper.clock
    on_bar, ctx = stepper.strategy.on_bar, stepper.ctx
    n_working, quantity, margined = 0, 0.0, account.perp is not None
    steps = account.steps
    stepwise = isinstance(steps, FineSteps)
    deciding = False
    try:
        for bar, close in enumerate(account.closes):
            account.bar = bar
            if n_working or margined or (quantity and stepwise):
                step = account.pass_bar(bar)
                if step < steps.last(bar):
                    return step + 1, stepper
                n_working, quantity = account.n_working, account.quantity
            if bar >= warmup_bars:
                # `stepper.step`, without a call and a `try` a bar.
                clock.closed = bar + 1
                deciding = True
                on_bar(ctx)
                deciding = False
                if ctx.intents:
                    account.carry_out(ctx.take_intents())
                    if fill_at_close:
                        account.match(steps.last(bar), close, close, close, True)
                    n_working, quantity = account.n_working, account.quantity
            if quantity or margined:
                equity = account.money + (quantity * close - account.entry_value)
                if margined:
                    account.curve[-1] = equity
                if equity <= 0.0:
                    return steps.last(bar) + 1, stepper
    except RobotraderError:
        raise
    except Exception as error:
        if deciding:
            raise stepper.failure(error) from error
        raise
    return steps.last(len(account.closes) - 1) + 1, stepper


def equity_of(account: BookAccount, cash: float, n_steps: int) -> NDArray[np.float64]:
    """The equity at the close of each step of a finished run."""
    if account.perp is not None:  # whose funding changes the cash between fills
        return np.array(account.curve)
    equity = np.empty(n_steps)
    n_fills = int(account.book.position["n_fills"])
    curve = kernel.equity_curve.for_work(0.5 * n_steps)
    curve(cash, account.book.fills[:n_fills], account.steps.arrays.close, equity)
    return equity
