"""What coarse bars tell, brought to finer bars: only once the coarse bar has closed.

A bar that opens at t and is as long as its timeframe closes at t + timeframe. At the close
of a finer bar a coarse bar is known if it has closed by then, at the latest at that instant.
"""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from robotrader_sdk.data.resample import coarse_open_times
from robotrader_sdk.data.spacing import infer_timeframe, units_a_second
from robotrader_sdk.data.validate import warn
from robotrader_sdk.errors import BarsError
from robotrader_sdk.types import Timeframe

Values = TypeVar("Values", pd.Series, pd.DataFrame)


def align(
    values: Values,
    bars: pd.DataFrame | pd.Series | pd.Index,
    *,
    timeframe: Timeframe | str | None = None,
    from_timeframe: Timeframe | str | None = None,
) -> Values:
    """Bring values of coarse bars to finer bars, each from the close of its coarse bar on.

        four_hours = rt.resample(bars, "4h")
        trend = rt.align(rt.ta.ema(four_hours.close, 20), bars)

    values: a Series or DataFrame with one row a coarse bar, indexed by its open_time, such as
        an indicator of `rt.resample(bars, "4h")`.
    bars: the finer bars, or their index.
    timeframe: the length of the coarse bars. None: read from their open_times, where those
        leave no doubt, given the bars. Other values, such as figures published once a day, need
        it; a row then becomes known at its time + timeframe.
    from_timeframe: the length of the finer bars, by default the most common distance between
        them.

    Returns the same kind of object on the index of `bars`. At each bar stands the value of the
    last coarse bar that has closed by that bar's close: open_time + timeframe of the coarse
    bar is not after that of the finer one. NaN of that coarse bar stays NaN. Before the first
    one closes there is nothing: NaN (which makes float64 of whole numbers), or False where the
    values are booleans.

    Raises BarsError for values that are no Series or DataFrame, times that do not increase,
    values finer than the bars, a length that is in doubt, and a `timeframe` with which they
    would look ahead: shorter than every distance between them, with finer bars in between.
    """
    if not isinstance(values, (pd.Series, pd.DataFrame)):
        raise BarsError(
            f"rt.align takes a Series or DataFrame indexed by open_time, not "
            f"{type(values).__name__}; of several lines give one at a time, and in init() "
            "self.indicator aligns by itself"
        )
    target = _index_of(bars)
    coarse_index, index = _in_one_unit(_times(values.index, "values"), _times(target, "bars"))
    fine = infer_timeframe(index) if from_timeframe is None else Timeframe.parse(from_timeframe)
    stated = None if timeframe is None else Timeframe.parse(timeframe)
    coarse = _common_step(coarse_index) if stated is None else stated
    if coarse.seconds < fine.seconds:
        raise BarsError(
            f"values of {coarse} are finer than the bars of {fine}; it is rt.align(values, bars), "
            "from coarse to fine"
        )
    if stated is None:
        _check_without_doubt(coarse_index, coarse, index, fine)
    else:
        _check_not_too_short(coarse_index, coarse, index)
    return _taken(values, count_closed(coarse_index, coarse, index, fine) - 1, target)


def count_closed(
    coarse_index: pd.DatetimeIndex,
    coarse: Timeframe,
    index: pd.DatetimeIndex,
    fine: Timeframe,
) -> NDArray[np.intp]:
    """How many of the coarse bars have closed by the close of each finer bar.

    Both indexes count in one unit.
    """
    unit = units_a_second(index)
    ends = coarse_index.asi8 + coarse.seconds * unit
    return np.searchsorted(ends, index.asi8 + fine.seconds * unit, side="right")


def _index_of(bars: object) -> pd.Index:
    if isinstance(bars, pd.Index):
        return bars
    if isinstance(bars, (pd.DataFrame, pd.Series)):
        return bars.index
    raise BarsError(f"bars must be a DataFrame or its index, not {type(bars).__name__}")


def _times(index: pd.Index, of: str) -> pd.DatetimeIndex:
    if not isinstance(index, pd.DatetimeIndex):
        raise BarsError(f"{of} need an index of times, not {type(index).__name__} of {index.dtype}")
    if not (index.is_monotonic_increasing and index.is_unique):
        raise BarsError(f"the times of the {of} are missing, unsorted or there twice")
    if index.tz is not None:
        return index
    warn(f"times of {of} without a time zone are read as UTC; say so: {of}.tz_localize('UTC')")
    return index.tz_localize("UTC")


def _in_one_unit(
    one: pd.DatetimeIndex, other: pd.DatetimeIndex
) -> tuple[pd.DatetimeIndex, pd.DatetimeIndex]:
    finer = max(one, other, key=units_a_second).unit
    return one.as_unit(finer), other.as_unit(finer)


def _check_without_doubt(
    coarse_index: pd.DatetimeIndex, coarse: Timeframe, index: pd.DatetimeIndex, fine: Timeframe
) -> None:
    """Whether coarse bars made of the finer ones can be of no other length.

    They open at whole multiples of their length, wherever a finer bar lies in them. So the
    length divides every distance between them, and `coarse`, the greatest common divisor, is
    not less than it. Were it half of that or less, some finer bar would lie in a coarse bar
    that is not there.
    """
    seen, behind = _behind_opening(coarse_index, index)
    length = coarse.seconds * units_a_second(index)
    lacking = np.flatnonzero(behind >= length)
    if len(lacking):
        raise _doubt(
            f"if they are {coarse} long, the bar at {seen[lacking[0]]} lies in none of them (one "
            "whose value is NaN needs its row, too)"
        )
    reach = int(behind.max(initial=0)) + fine.seconds * units_a_second(index)
    if not length < 2 * reach <= 2 * length:
        raise _doubt(f"they may be {coarse} or another length, the bars of {fine} don't tell")


def _check_not_too_short(
    coarse_index: pd.DatetimeIndex, coarse: Timeframe, index: pd.DatetimeIndex
) -> None:
    """What is shorter than every distance, with finer bars in between, would look ahead."""
    seen, behind = _behind_opening(coarse_index, index)
    length = coarse.seconds * units_a_second(index)
    between = np.flatnonzero(behind >= length)
    if len(between) and int(np.diff(coarse_index.asi8).min()) > length:
        raise BarsError(
            f"timeframe {coarse} is shorter than any distance between the values, and finer bars "
            f"lie between them, the first at {seen[between[0]]}; it is the length of the coarse "
            "bars that the values belong to"
        )


def _behind_opening(
    coarse_index: pd.DatetimeIndex, index: pd.DatetimeIndex
) -> tuple[pd.DatetimeIndex, NDArray[np.int64]]:
    """The finer bars before the last coarse one, and how far each is behind its coarse one's open.

    From the last one on there may be coarse bars that are not complete, and so not there.
    """
    opens = coarse_index.asi8
    first, last = np.searchsorted(index.asi8, opens[[0, -1]]) if len(opens) else (0, 0)
    seen = index[int(first) : int(last)]
    times = seen.asi8
    return seen, times - opens[np.searchsorted(opens, times, side="right") - 1]


def _common_step(coarse_index: pd.DatetimeIndex) -> Timeframe:
    if len(coarse_index) < 2:
        raise _doubt(f"there {'is one' if len(coarse_index) else 'are none'} of them")
    step = int(np.gcd.reduce(np.diff(coarse_index.asi8)))
    seconds, rest = divmod(step, units_a_second(coarse_index))
    if rest:
        raise _doubt(f"{coarse_index[0]} and {coarse_index[1]} are not whole seconds apart")
    coarse = Timeframe(seconds)
    if coarse_open_times(coarse_index[:1], coarse)[0] != coarse_index.asi8[0]:
        raise _doubt(f"bars of {coarse} would not open at {coarse_index[0]}")
    return coarse


def _doubt(reason: str) -> BarsError:
    return BarsError(
        f"the open_times of the coarse bars don't tell how long they are: {reason}; say it, "
        "such as rt.align(values, bars, timeframe='4h')"
    )


def _taken(values: Values, rows: NDArray[np.intp], index: pd.Index) -> Values:
    """The values in those rows, on another index; nothing where the row is -1."""
    if isinstance(values, pd.Series):
        return pd.Series(_line_taken(values, rows), index=index, name=values.name)
    lines = {k: _line_taken(values.iloc[:, k], rows) for k in range(values.shape[1])}
    taken = pd.DataFrame(lines, index=index)
    taken.columns = values.columns
    return taken


def _line_taken(line: pd.Series, rows: NDArray[np.intp]) -> Any:
    array = line.to_numpy() if isinstance(line.dtype, np.dtype) else line.array
    absent = False if line.dtype == np.bool_ else None
    return pd.api.extensions.take(array, rows, allow_fill=True, fill_value=absent)
