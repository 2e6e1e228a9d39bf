"""Signals: what a vectorised strategy returns, and how it is read."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from robotrader_sdk.errors import SignalError
from robotrader_sdk.trading.decision import (
    ENTER_LONG,
    ENTER_SHORT,
    EXIT_LONG,
    EXIT_SHORT,
    WISH,
)
from robotrader_sdk.trading.order import SizeUnit

Values = Any
"""A scalar, or one value a bar: Series with the bars' index, array or list."""

_SIZES = {
    "fraction": SizeUnit.FRACTION,
    "quantity": SizeUnit.QUANTITY,
    "notional": SizeUnit.NOTIONAL,
    "risk": SizeUnit.RISK,
}
_ENTRIES = ("entry_limit_price", "entry_stop_price")
_ABOVE_ZERO = ("take_profit", "stop_loss_price", "take_profit_price")
_FRACTIONS = ("stop_loss", "trailing_stop")
_FLAGS = {
    "enter_long": ENTER_LONG,
    "exit_long": EXIT_LONG,
    "enter_short": ENTER_SHORT,
    "exit_short": EXIT_SHORT,
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Signals:
    """Wishes for every bar: scalars, or arrays or Series with one value a bar.

    Read at the close of each bar and acting from the open of the next.

    enter_long, exit_long, enter_short, exit_short: booleans, NaN is False. In a position a
        same-side enter is ignored and an opposite enter reverses; exit and same-side enter on
        one bar: exit only; both enters on one bar: neither, and counted.
    stop_loss, take_profit, trailing_stop: fractions of the entry fill price, .05 is 5 %.
    stop_loss_price, take_profit_price: absolute prices. Of two stops the nearer one holds.
    entry_limit_price, entry_stop_price: the entry waits for its price (NaN: market); with both
        it is a stop-limit. A new enter replaces an entry still waiting; an exit of its side
        cancels it.
    valid_bars: for how many bars a waiting entry lives; 1 by default, math.inf: until cancelled.
    fraction, quantity, notional, risk: the size, at most one of them: a fraction of equity
        (1.0 by default), base units, quote money, or the fraction of equity lost at the stop.
        A fraction or notional contains the fee.

    indicators: named lines to draw with the bars; they change no trade.

    NaN in a price or size at an entry rejects that entry. SignalError if a value is of the wrong
    length, index, type or range.
    """

    enter_long: Values = False
    exit_long: Values = False
    enter_short: Values = False
    exit_short: Values = False
    stop_loss: Values = None
    take_profit: Values = None
    trailing_stop: Values = None
    stop_loss_price: Values = None
    take_profit_price: Values = None
    entry_limit_price: Values = None
    entry_stop_price: Values = None
    valid_bars: Values = None
    fraction: Values = None
    quantity: Values = None
    notional: Values = None
    risk: Values = None
    indicators: Mapping[str, Values] | None = None

    def __post_init__(self) -> None:
        given = [name for name in _SIZES if getattr(self, name) is not None]
        if len(given) > 1:
            raise SignalError(
                f"a size has one unit, got {' and '.join(given)}; give one of {', '.join(_SIZES)}"
            )
        stops = (self.stop_loss, self.stop_loss_price, self.trailing_stop)
        if self.risk is not None and all(stop is None for stop in stops):
            raise SignalError(
                "risk= is the fraction of equity lost at the stop and needs one: give stop_loss=, "
                "stop_loss_price= or trailing_stop="
            )


class SignalArrays(NamedTuple):
    """Signals as arrays: `flags` has one value a bar, each of the others one, or one a bar."""

    flags: NDArray[np.uint8]
    size_unit: int
    values: dict[str, NDArray[np.float64]]

    @property
    def has_resting_orders(self) -> bool:
        """Whether entries wait for prices or leave protection behind."""
        entries = any(not np.isnan(self.values[name]).all() for name in _ENTRIES)
        return entries or any(self.values[name].any() for name in (*_ABOVE_ZERO, *_FRACTIONS))

    def wishes(self, first_bar: int, end_bar: int) -> NDArray[Any]:
        """A row for each bar of a range at which anything is wanted."""
        bars = np.flatnonzero(self.flags[first_bar:end_bar] != 0) + first_bar
        table = np.empty(len(bars), WISH)
        table["bar"] = bars
        table["flags"] = self.flags[bars]
        table["size_unit"] = self.size_unit
        for name, values in self.values.items():
            table[name] = values[bars] if values.size > 1 else values[0]
        return table


def read_signals(signals: object, index: pd.DatetimeIndex, owner: str) -> SignalArrays:
    """Signals checked against the bars' index, as arrays for the rules.

    `owner` names the strategy in errors.
    """
    if not isinstance(signals, Signals):
        raise SignalError(
            f"{owner}.signals must return rt.Signals(enter_long=..., ...), got "
            f"{type(signals).__name__}"
        )
    read = _Reader(index, owner)
    flags = read.flags(signals)
    size_name = next((n for n in _SIZES if getattr(signals, n) is not None), "fraction")
    size = getattr(signals, size_name)
    return SignalArrays(
        flags=flags,
        size_unit=int(_SIZES[size_name]),
        values={
            "size": read.above_zero(size_name, 1.0 if size is None else size),
            "valid_bars": read.bar_counts(signals.valid_bars),
            **{name: read.above_zero(name, getattr(signals, name), math.nan) for name in _ENTRIES},
            **{name: read.above_zero(name, getattr(signals, name)) for name in _ABOVE_ZERO},
            **{name: read.fraction(name, getattr(signals, name)) for name in _FRACTIONS},
        },
    )


def read_indicators(
    signals: Signals, index: pd.DatetimeIndex, owner: str
) -> dict[str, NDArray[np.float64]]:
    """The lines to draw, one value a bar each."""
    read = _Reader(index, owner)
    lines = (signals.indicators or {}).items()
    return {
        str(name): read.numbers(f"indicators[{name!r}]", line, math.nan) for name, line in lines
    }


def uses_shorts(signals: SignalArrays) -> bool:
    """Whether any bar asks for a short position."""
    return bool((signals.flags & ENTER_SHORT).any())


class _Reader:
    """Reads one strategy's signals against one index; every error names both."""

    def __init__(self, index: pd.DatetimeIndex, owner: str) -> None:
        self.index = index
        self.owner = owner
        self.flags_read: NDArray[np.uint8] = np.full(1, ENTER_LONG, np.uint8)

    def flags(self, signals: Signals) -> NDArray[np.uint8]:
        flags = np.zeros(len(self.index), np.uint8)
        for name, bit in _FLAGS.items():
            value = self.booleans(name, getattr(signals, name))
            if value is True:
                flags |= np.uint8(bit)
            elif value is not False:
                flags |= np.ascontiguousarray(value).view(np.uint8) * np.uint8(bit)
        self.flags_read = flags
        return flags

    def booleans(self, name: str, value: Values) -> bool | NDArray[np.bool_]:
        if isinstance(value, (bool, np.bool_)):
            return bool(value)
        array = self.aligned(name, value)
        if array.dtype == np.bool_:
            return array
        if array.dtype == object or np.issubdtype(array.dtype, np.number):
            return self._booleans_of(name, array)
        raise self._error(name, f"should hold booleans, got values of type {array.dtype}")

    def _booleans_of(self, name: str, array: NDArray[Any]) -> NDArray[np.bool_]:
        """Booleans that pandas turned into objects or floats because some are missing."""
        known = ~pd.isna(array)
        values = array[known]
        if not np.isin(values.astype(object), (True, False)).all():
            odd = next(v for v in values if v not in (True, False))
            raise self._error(name, f"should hold booleans, found {odd!r}")
        result = np.zeros(array.shape, np.bool_)
        result[known] = values.astype(np.bool_)
        return result

    def numbers(self, name: str, value: Values, absent: float) -> NDArray[np.float64]:
        """One value or one a bar; `absent` stands for None."""
        if value is None:
            return np.array([absent])
        array = np.array([value]) if np.ndim(value) == 0 else self.aligned(name, value)
        try:
            return np.asarray(array, dtype=np.float64)
        except (TypeError, ValueError):
            raise self._error(name, f"should hold numbers, got {value!r:.80}") from None

    def above_zero(self, name: str, value: Values, absent: float = 0.0) -> NDArray[np.float64]:
        array = self.numbers(name, value, absent)
        if value is not None:
            at_entries = self._at_entries(array)
            if (at_entries <= 0.0).any():
                found = at_entries[at_entries <= 0.0][0]
                raise self._error(name, f"must be above 0 at an entry, found {found:g}")
        return array

    def fraction(self, name: str, value: Values) -> NDArray[np.float64]:
        array = self.above_zero(name, value)
        at_entries = self._at_entries(array)
        if (at_entries >= 1.0).any():
            found = at_entries[at_entries >= 1.0][0]
            hint = f"; {found:g} % is {name}={found / 100:g}" if found <= 100 else ""
            raise self._error(
                name, f"is a fraction of the entry price below 1, found {found:g}{hint}"
            )
        return array

    def _at_entries(self, array: NDArray[np.float64]) -> NDArray[np.float64]:
        if array.size != self.flags_read.size:
            return array
        entries: NDArray[np.bool_] = self.flags_read & (ENTER_LONG | ENTER_SHORT) != 0
        return array[entries]

    def bar_counts(self, value: Values) -> NDArray[np.float64]:
        """Lives in bars; 0 stands for until cancelled."""
        array = self.numbers("valid_bars", value, 1.0)
        forever = np.isinf(array)
        at_entries = self._at_entries(array)
        if not ((at_entries >= 1.0) & (at_entries == np.floor(at_entries))).all():
            raise self._error("valid_bars", f"must be whole numbers >= 1, got {value!r:.80}")
        return np.where(forever | np.isnan(array), 0.0, array)

    def aligned(self, name: str, value: Values) -> NDArray[Any]:
        """One value a bar as an array, or an error that shows both shapes."""
        n_bars = len(self.index)
        if isinstance(value, pd.DataFrame):
            raise self._error(name, f"should be one column, got a DataFrame of {value.shape}")
        if isinstance(value, pd.Series):
            if len(value) == n_bars and not self._same_index(value.index):
                row = int(np.argmax(value.index != self.index))
                raise self._error(
                    name,
                    f"has an index that differs from the bars', first at row {row}: "
                    f"{value.index[row]} instead of {self.index[row]}",
                )
            array = value.to_numpy()
        else:
            array = np.asarray(value)
        if array.shape != (n_bars,):
            raise self._error(
                name, f"has shape {array.shape}, but there are {n_bars} bars: shape ({n_bars},)"
            )
        return array

    def _same_index(self, index: pd.Index) -> bool:
        return index is self.index or index.equals(self.index)

    def _error(self, name: str, problem: str) -> SignalError:
        return SignalError(f"{self.owner}: signal {name} {problem}")
