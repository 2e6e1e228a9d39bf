"""A mark price, or the last price in its stead, laid out along the bars."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from robotrader_sdk.errors import BacktestError

Floats = NDArray[np.float64]
Times = NDArray[np.int64]

_UNITS_A_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}


def nanoseconds(index: pd.DatetimeIndex) -> Times:
    """Times as nanoseconds since 1970."""
    return index.asi8 * (1_000_000_000 // _UNITS_A_SECOND[index.unit])


def instant(time: int) -> pd.Timestamp:
    """A time for people."""
    return pd.Timestamp(time, unit="ns", tz="UTC")


def aware_times(name: str, index: pd.Index) -> Times:
    """An ascending, time-zone-aware index in nanoseconds; BacktestError names what is wrong."""
    if not isinstance(index, pd.DatetimeIndex):
        raise BacktestError(f"{name} must have an index of times, got {type(index).__name__}")
    if index.tz is None:
        raise BacktestError(
            f"{name} has a naive index; say which time zone its times are in, such as "
            f"{name}.tz_localize('UTC')"
        )
    if len(index) == 0:
        raise BacktestError(f"{name} is empty")
    if index.hasnans:
        raise BacktestError(f"{name} has no time at row {int(np.argmax(index.isna()))}")
    times = nanoseconds(index)
    backwards = np.flatnonzero(np.diff(times) <= 0)
    if backwards.size:
        row = int(backwards[0]) + 1
        raise BacktestError(f"{name} must ascend: row {row}, {index[row]}, is not after the last")
    return times


@dataclass(frozen=True)
class Marks:
    """Prices by time: bars (`is_bars`), known at their open, or single values."""

    times: Times
    open: Floats
    high: Floats
    low: Floats
    close: Floats

    @classmethod
    def of_bars(cls, bars: pd.DataFrame) -> Marks:
        """The last price: what there is where no mark price is given."""
        columns = (bars[name].to_numpy() for name in ("open", "high", "low", "close"))
        return cls(nanoseconds(pd.DatetimeIndex(bars.index)), *columns)

    @classmethod
    def read(cls, mark: object) -> Marks:
        """A Series of prices, or bars; BacktestError says what is wrong with either."""
        if isinstance(mark, pd.Series):
            columns = dict.fromkeys(("open", "high", "low", "close"), mark)
        elif isinstance(mark, pd.DataFrame):
            missing = [c for c in ("open", "high", "low", "close") if c not in mark.columns]
            if missing:
                raise BacktestError(
                    f"mark has no column {missing[0]!r}; it needs open, high, low, close"
                )
            columns = {name: mark[name] for name in ("open", "high", "low", "close")}
        else:
            raise BacktestError(
                f"mark must be a Series of prices or a DataFrame of bars, got {type(mark).__name__}"
            )
        times = aware_times("mark", mark.index)
        return cls(times, *(_prices(name, column) for name, column in columns.items()))

    @property
    def step(self) -> int:
        """The usual distance between two of them, in nanoseconds; 0 if there is but one."""
        return int(np.median(np.diff(self.times))) if len(self.times) > 1 else 0

    def check_covers(self, bars: pd.DataFrame, bar_times: Times) -> None:
        """BacktestError if a bar comes before the first mark, or after the last has passed."""
        early = np.flatnonzero(bar_times < self.times[0])
        late = np.flatnonzero(bar_times >= self.times[-1] + max(self.step, 1))
        for rows in (early, late):
            if rows.size:
                raise BacktestError(
                    f"mark does not cover the bars: there is none for {bars.index[rows[0]]}; it "
                    f"goes from {instant(self.times[0])} to {instant(self.times[-1])}"
                )

    def along(self, bar_times: Times) -> tuple[Floats, Floats, Floats]:
        """Open, high and low of the mark in each bar.

        Coarser marks are used forward from their open: what an hour's mark reaches is known only
        at its end.
        """
        last = np.searchsorted(self.times, bar_times, side="right") - 1
        begins_here = self.times[last] == bar_times
        opens = np.where(begins_here, self.open[last], self.close[last])
        step = int(np.median(np.diff(bar_times))) if len(bar_times) > 1 else self.step
        if self.step > step:
            opens = self.open[last]
            return opens, opens, opens
        # The marks that begin in a bar, up to the next bar or to its own end.
        ends = np.append(bar_times[1:], bar_times[-1] + step)
        first = np.searchsorted(self.times, bar_times, side="left")
        after = np.searchsorted(self.times, np.minimum(ends, bar_times + step), side="left")
        highs = np.maximum(opens, _extreme(np.maximum, self.high, first, after, -np.inf))
        lows = np.minimum(opens, _extreme(np.minimum, self.low, first, after, np.inf))
        return opens, highs, lows

    def at(self, times: Times) -> Floats:
        """The mark known at each time: the open of the bar that contains it."""
        return self.open[np.searchsorted(self.times, times, side="right") - 1]


def _extreme(
    function: np.ufunc, values: Floats, first: Times, after: Times, nothing: float
) -> Floats:
    """The function over values[first:after] for each pair; `nothing` where that is empty."""
    padded = np.append(values, nothing)
    edges = np.column_stack([first, after]).ravel()
    found: Floats = function.reduceat(padded, edges)[::2]
    return np.where(after > first, found, nothing)


def _prices(name: str, column: Any) -> Floats:
    try:
        values = np.asarray(column, dtype=np.float64)
    except (TypeError, ValueError):
        raise BacktestError(f"mark {name} must hold prices, got {column.dtype}") from None
    wrong = np.flatnonzero(~((values > 0.0) & (values < np.inf)))
    if wrong.size:
        row = int(wrong[0])
        raise BacktestError(
            f"mark {name} must be a price above 0, got {values[row]} at {column.index[row]}"
        )
    return values
