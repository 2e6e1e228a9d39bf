"""Coarser bars from finer ones, without looking ahead.

Coarse bars start at whole multiples of their length since 1970-01-01 00:00 UTC; lengths of
whole weeks count from Monday 1970-01-05, so that weeks start on Mondays.
"""

from __future__ import annotations

from typing import Literal, Protocol, Self, TypeVar, overload, runtime_checkable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from robotrader_sdk.data.spacing import infer_timeframe, units_a_second
from robotrader_sdk.data.validate import validate_bars
from robotrader_sdk.errors import BarsError
from robotrader_sdk.types import Timeframe

_WEEK = 7 * 86_400
_FIRST_MONDAY = 4 * 86_400


@runtime_checkable
class Resamplable(Protocol):
    """Stands for bars that it does not show, as what `init` of a strategy gets."""

    def resampled(
        self, timeframe: Timeframe | str, *, from_timeframe: Timeframe | str | None = None
    ) -> Self:
        """What stands for the coarser bars made of them."""


Handle = TypeVar("Handle", bound=Resamplable)


@overload
def resample(
    bars: pd.DataFrame,
    timeframe: Timeframe | str,
    *,
    from_timeframe: Timeframe | str | None = ...,
    incomplete: Literal["drop", "mark"] = ...,
) -> pd.DataFrame: ...
@overload
def resample(
    bars: Handle,
    timeframe: Timeframe | str,
    *,
    from_timeframe: Timeframe | str | None = ...,
    incomplete: Literal["drop"] = ...,
) -> Handle: ...
def resample(
    bars: pd.DataFrame | Handle,
    timeframe: Timeframe | str,
    *,
    from_timeframe: Timeframe | str | None = None,
    incomplete: Literal["drop", "mark"] = "drop",
) -> pd.DataFrame | Handle:
    """Merge bars into coarser ones, such as 1h into 4h or 1d into 1w.

    A coarse bar is named by its open_time and covers [open_time, open_time + timeframe): the
    first open, the highest high, the lowest low, the last close and the sum of the volumes
    of the bars that open in it. **It is known only at its end**: `rt.align` brings what was
    computed on coarse bars to the finer ones from there on. Times without any finer bar give
    no coarse bar. Columns other than the five are left out.

    In a strategy's `init(self, bars)` it gives a handle of the coarser bars, and
    `self.indicator(rt.ta.ema, rt.resample(bars, "4h").close, 20)` is aligned by itself.

    The last coarse bar is complete once the finer bars reach its end, the first if they
    begin at its start (where the data begin later, its open is not the true one). Those that
    are not are dropped; `incomplete="mark"` keeps them, and tells them from the others in a
    boolean column `complete`.

    `from_timeframe` is the length of the given bars, by default the most common distance
    between them.

    Raises BarsError where the timeframe is no multiple of that length, where finer bars
    straddle the end of a coarse one, and where no coarse bar is complete.
    """
    if incomplete not in ("drop", "mark"):
        raise BarsError(f"incomplete={incomplete!r} is not known; write 'drop' or 'mark'")
    if not isinstance(bars, pd.DataFrame) and isinstance(bars, Resamplable):
        return _resampled_handle(bars, timeframe, from_timeframe, incomplete)
    bars = validate_bars(bars, report_gaps=False)
    index = pd.DatetimeIndex(bars.index)
    fine = infer_timeframe(index) if from_timeframe is None else Timeframe.parse(from_timeframe)
    coarse = _coarser(fine, timeframe)
    starts = coarse_open_times(index, coarse)
    _check_none_straddles(index, starts, fine, coarse)

    rows = np.flatnonzero(np.diff(starts, prepend=starts[0] - 1))
    times = pd.DatetimeIndex(starts[rows].view(f"M8[{index.unit}]"), name=index.name)
    merged = _merge(bars, rows, times.tz_localize("UTC"), coarse)
    unit = units_a_second(index)
    complete = np.ones(len(merged), dtype=np.bool_)
    complete[0] = index.asi8[0] == starts[0]
    complete[-1] &= index.asi8[-1] + fine.seconds * unit >= starts[-1] + coarse.seconds * unit
    if incomplete == "mark":
        return merged.assign(complete=complete)
    if not complete.any():
        raise BarsError(
            f"{len(bars)} bars of {fine} from {index[0]} to {index[-1]} make no complete bar of "
            f"{coarse}; more bars are needed, or incomplete='mark'"
        )
    return merged[complete]


def coarse_open_times(index: pd.DatetimeIndex, timeframe: Timeframe) -> NDArray[np.int64]:
    """For each time the open_time of the coarse bar it lies in, in the index's own unit."""
    unit = units_a_second(index)
    origin = _FIRST_MONDAY * unit if timeframe.seconds % _WEEK == 0 else 0
    length = timeframe.seconds * unit
    times: NDArray[np.int64] = index.asi8
    return times - (times - origin) % length


def _resampled_handle(
    bars: Handle,
    timeframe: Timeframe | str,
    from_timeframe: Timeframe | str | None,
    incomplete: str,
) -> Handle:
    if incomplete != "drop":
        raise BarsError(
            f"incomplete={incomplete!r} serves DataFrames only; what an indicator in init() is "
            "computed on are complete bars"
        )
    return bars.resampled(timeframe, from_timeframe=from_timeframe)


def _coarser(fine: Timeframe, timeframe: Timeframe | str) -> Timeframe:
    coarse = Timeframe.parse(timeframe)
    if coarse.seconds <= fine.seconds or coarse.seconds % fine.seconds:
        kind = "finer than" if coarse.seconds < fine.seconds else "no multiple of"
        if coarse.seconds == fine.seconds:
            kind = "the same as"
        raise BarsError(
            f"timeframe {coarse} is {kind} that of the bars, {fine}; resample makes coarser "
            f"bars of a whole number of finer ones, such as {Timeframe(2 * fine.seconds)}"
        )
    return coarse


def _check_none_straddles(
    index: pd.DatetimeIndex, starts: NDArray[np.int64], fine: Timeframe, coarse: Timeframe
) -> None:
    unit = units_a_second(index)
    ends = index.asi8 - starts + fine.seconds * unit
    straddling = np.flatnonzero(ends > coarse.seconds * unit)
    if len(straddling):
        row = int(straddling[0])
        raise BarsError(
            f"{len(straddling)} bars of {fine} reach beyond the end of their bar of {coarse}, "
            f"the first is row {row}, which opens at {index[row]}; bars of {coarse} count from "
            "midnight UTC (weeks from Monday), and what straddles them would look ahead"
        )


def _merge(
    bars: pd.DataFrame,
    rows: NDArray[np.intp],
    times: pd.DatetimeIndex,
    coarse: Timeframe,
) -> pd.DataFrame:
    last = np.append(rows[1:], len(bars)) - 1
    column = {name: bars[name].to_numpy() for name in ("open", "high", "low", "close", "volume")}
    merged = pd.DataFrame(
        {
            "open": column["open"][rows],
            "high": np.maximum.reduceat(column["high"], rows),
            "low": np.minimum.reduceat(column["low"], rows),
            "close": column["close"][last],
            "volume": np.add.reduceat(column["volume"], rows),
        },
        index=times,
    )
    merged.attrs = {**bars.attrs, "timeframe": str(coarse)}
    return merged
