"""The distance between bars: their timeframe, and the holes between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from robotrader_sdk.errors import BarsError
from robotrader_sdk.types import Timeframe

_UNITS_A_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


@dataclass(frozen=True, slots=True)
class Holes:
    """Where bars are missing: after which rows, and how many."""

    after: NDArray[np.intp]
    missing: NDArray[np.int64]

    @property
    def total(self) -> int:
        """The number of missing bars."""
        return int(self.missing.sum())


def infer_timeframe(index: pd.Index) -> Timeframe:
    """The most common distance between the times of an index, the shorter one at a tie.

    Raises BarsError for fewer than two times, times that do not increase, and distances
    that are no whole seconds.
    """
    if not isinstance(index, pd.DatetimeIndex):
        raise BarsError(f"a timeframe needs an index of times, not {type(index).__name__}")
    if len(index) < 2:
        raise BarsError(
            f"{len(index)} bar{'s' * (len(index) != 1)} can't tell a timeframe; two or more "
            "are needed, or say which it is, such as timeframe='1h'"
        )
    steps = np.diff(index.asi8)
    smallest = int(steps.min())
    if smallest <= 0:
        raise BarsError("times do not increase; validate_bars(bars) says where")
    step = smallest
    if np.count_nonzero(steps == smallest) * 2 <= len(steps):
        lengths, counts = np.unique(steps, return_counts=True)
        step = int(lengths[counts.argmax()])
    seconds, rest = divmod(step, units_a_second(index))
    if rest:
        raise BarsError(
            f"bars are {pd.Timedelta(step, unit=index.unit)} apart; timeframes are whole seconds"
        )
    return Timeframe(seconds)


def units_a_second(index: pd.DatetimeIndex) -> int:
    """How many of the index's own units (`index.asi8`) make a second."""
    return _UNITS_A_SECOND[index.unit]


def find_holes(index: pd.DatetimeIndex, timeframe: Timeframe) -> Holes:
    """The holes in a sorted index; distances are rounded to whole bars.

    Rounding keeps bars that open at a local midnight, 23 or 25 hours apart twice a year,
    from counting as holes.
    """
    length = timeframe.seconds * units_a_second(index)
    missing = (np.diff(index.asi8) + length // 2) // length - 1
    after = np.flatnonzero(missing > 0)
    return Holes(after, missing[after])


def never_closes(index: pd.DatetimeIndex) -> bool:
    """Whether the market is open on Saturdays, or the bars are too few to show it."""
    saturdays = pd.date_range(index[0].normalize(), index[-1].normalize(), freq="W-SAT")
    begins = index.searchsorted(saturdays)
    ends = index.searchsorted(saturdays + pd.Timedelta(days=1))
    return len(saturdays) == 0 or bool((begins < ends).any())
