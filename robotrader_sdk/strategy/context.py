"""What `on_bar` sees: bars up to now, the position, the money, and the order methods."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import NamedTuple, Protocol, Unpack

import numpy as np
import pandas as pd

from robotrader_sdk.errors import OrderError
from robotrader_sdk.strategy.indicator import Clock
from robotrader_sdk.strategy.intents import (
    Cancel,
    Intent,
    Order,
    OrderTerms,
    order_type,
    read_terms,
)
from robotrader_sdk.strategy.randomness import BarRandomness
from robotrader_sdk.strategy.source import Bars, bars_of
from robotrader_sdk.trading.order import Purpose, SizeUnit
from robotrader_sdk.types import Direction, OrderType, Side

COLUMNS = ("open", "high", "low", "close", "volume")


class Bar(NamedTuple):
    """A closed bar, named by its open_time."""

    open_time: pd.Timestamp
    open: float
    high: float
    low: float
    close: float
    volume: float


@dataclass(frozen=True, slots=True)
class Position:
    """What is held: signed quantity in base units, and the average entry price of its lots.

    `entry_price` is NaN while flat; `unrealized_pnl` is at the current close, before fees.
    A position is true while something is held.
    """

    quantity: float = 0.0
    entry_price: float = float("nan")
    unrealized_pnl: float = 0.0

    @property
    def direction(self) -> Direction:
        """LONG, SHORT or FLAT."""
        return Direction((self.quantity > 0) - (self.quantity < 0))

    @property
    def is_long(self) -> bool:
        """Whether it gains when the price rises."""
        return self.quantity > 0

    @property
    def is_short(self) -> bool:
        """Whether it gains when the price falls."""
        return self.quantity < 0

    def __bool__(self) -> bool:
        return self.quantity != 0


class Account(Protocol):
    """What a context asks its surroundings: a backtest's book, a paper or a live account."""

    def cash(self) -> float:
        """Free quote money."""

    def equity(self) -> float:
        """Cash plus the position's value at the current close."""

    def held(self) -> float:
        """The position's signed quantity, in base units."""

    def position(self) -> Position:
        """The position in full."""

    def working_orders(self) -> tuple[Order, ...]:
        """The strategy's orders that may still fill."""


class Columns:
    """The bars as plain lists, for reading single values fast; each made when first asked for."""

    def __init__(self, bars: Bars) -> None:
        self._bars = bars

    def __getattr__(self, name: str) -> list[float]:
        if name not in COLUMNS:
            raise AttributeError(name)
        values: list[float] = bars_of(self._bars)[name].to_numpy().tolist()
        self.__dict__[name] = values
        return values


class Context:
    """The present, as `on_bar(self, ctx)` gets it: everything up to the bar that just closed.

    Orders act from the open of the next bar. Their size is one of `quantity=` (base units),
    `notional=` (quote), `fraction=` (of equity, fee inside) or `risk=` (fraction of equity lost
    at the stop). Without a size, an order that opens or adds takes `fraction=1.0`, and one
    against the position closes it.
    """

    __slots__ = (
        "_account",
        "_bars",
        "_clock",
        "_columns",
        "_randomness",
        "intents",
        "n_orders",
    )

    def __init__(
        self,
        bars: Bars,
        columns: Columns,
        clock: Clock,
        account: Account,
        seed: tuple[int, str],
    ) -> None:
        self._bars = bars
        self._columns = columns
        self._clock = clock
        self._account = account
        self._randomness = BarRandomness(seed[0], zlib.crc32(seed[1].encode()))
        self.intents: list[Intent] = []
        self.n_orders = 0

    @property
    def bar_number(self) -> int:
        """How many bars closed before this one."""
        return self._clock.bar

    @property
    def time(self) -> pd.Timestamp:
        """The open_time of the current bar, UTC."""
        return self._open_time(self._clock.closed - 1)

    @property
    def open(self) -> float:
        """The current bar's open."""
        return self._columns.open[self._clock.closed - 1]

    @property
    def high(self) -> float:
        """The current bar's high."""
        return self._columns.high[self._clock.closed - 1]

    @property
    def low(self) -> float:
        """The current bar's low."""
        return self._columns.low[self._clock.closed - 1]

    @property
    def close(self) -> float:
        """The current bar's close: the last known price."""
        return self._columns.close[self._clock.closed - 1]

    @property
    def volume(self) -> float:
        """The current bar's volume, in base units."""
        return self._columns.volume[self._clock.closed - 1]

    @property
    def bar(self) -> Bar:
        """The bar that just closed."""
        now = self._clock.bar
        return Bar(self.time, *(getattr(self._columns, name)[now] for name in COLUMNS))

    def history(self, n_bars: int) -> pd.DataFrame:
        """The last bars up to now as a DataFrame of its own, fewer at the start."""
        now = self._clock.bar
        return bars_of(self._bars).iloc[max(0, now + 1 - n_bars) : now + 1].copy()

    @property
    def position(self) -> Position:
        """What is held."""
        return self._account.position()

    @property
    def equity(self) -> float:
        """Cash plus the position's value at the current close."""
        return self._account.equity()

    @property
    def cash(self) -> float:
        """Free quote money."""
        return self._account.cash()

    @property
    def orders(self) -> tuple[Order, ...]:
        """The orders that may still fill, oldest first, those of this bar included."""
        orders = (*self._account.working_orders(), *self._new_orders())
        return tuple(order for order in orders if order.is_working)

    @property
    def rng(self) -> np.random.Generator:
        """The only randomness allowed: seeded by the seed parameter, the symbol and the bar."""
        return self._randomness.at(self._clock.bar, self._open_time)

    def buy(self, *bare: object, **asked: Unpack[OrderTerms]) -> Order:
        """Buy; see `sell`, which takes the same."""
        return self._ask(Side.BUY, bare, asked)

    def sell(self, *bare: object, **asked: Unpack[OrderTerms]) -> Order:
        """Sell from the open of the next bar on; the order, to look at or to cancel.

        quantity, notional, fraction, risk: the size, at most one of them.
        limit_price, stop_price: what the order itself waits for; both: a stop-limit.
        stop_loss, take_profit, trailing_stop: protection of the lot it opens, as fractions of
            its fill price.
        stop_loss_price, take_profit_price: the same as absolute prices.
        valid_bars: for how many bars it lives; until cancelled if not given.

        OrderError if it makes no sense; an order that the cash, the position or the market
        don't allow is rejected with a reason and listed in `result.rejected`.
        """
        return self._ask(Side.SELL, bare, asked)

    def close_position(self) -> Order | None:
        """Close whatever is held at the next open; None if there is nothing to close."""
        held = self._account.held()
        if held == 0.0:
            return None
        side = Side.SELL if held > 0 else Side.BUY
        return self._add(side, OrderType.MARKET, Purpose.EXIT, SizeUnit.POSITION, 0.0)

    def cancel(self, order: Order) -> None:
        """Cancel an order that is still working; for one that is final it does nothing."""
        if not isinstance(order, Order):
            raise OrderError(f"ctx.cancel takes an order, as ctx.buy returns it, got {order!r}")
        if order.is_working:
            order.cancel_requested = True
            self.intents.append(Cancel(order))

    def take_intents(self) -> list[Intent]:
        """What was asked for since the last call; for the stepper."""
        taken = self.intents
        if taken:
            self.intents = []
        return taken

    def _ask(self, side: Side, bare: tuple[object, ...], asked: OrderTerms) -> Order:
        terms, unit, size = read_terms(bare, asked)
        kind = order_type(terms)
        purpose, unit, size = self._purpose_and_size(side, unit, size)
        order = self._add(side, kind, purpose, unit, size)
        for name, number in terms.items():
            setattr(order, name, number)
        return order

    def _purpose_and_size(
        self, side: Side, unit: SizeUnit | None, size: float
    ) -> tuple[Purpose, SizeUnit, float]:
        """An order against what will be held at the next open is an exit, unless it is larger."""
        held = self._account.held()
        if held and any(order.size_unit is SizeUnit.POSITION for order in self._new_orders()):
            held = 0.0
        against = -side * held
        if unit is None:
            if against > 0:
                return Purpose.EXIT, SizeUnit.POSITION, 0.0
            return Purpose.ENTRY, SizeUnit.FRACTION, 1.0
        if unit is SizeUnit.QUANTITY and 0 < size <= against:
            return Purpose.EXIT, unit, size
        return Purpose.ENTRY, unit, size

    def _open_time(self, bar: int) -> pd.Timestamp:
        time: pd.Timestamp = bars_of(self._bars).index[bar]
        return time

    def _new_orders(self) -> list[Order]:
        return [intent for intent in self.intents if isinstance(intent, Order)]

    def _add(
        self, side: Side, kind: OrderType, purpose: Purpose, unit: SizeUnit, size: float
    ) -> Order:
        self.n_orders += 1
        order = Order(self.n_orders, side, kind, purpose, unit, size)
        self.intents.append(order)
        return order
