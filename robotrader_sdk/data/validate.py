"""Bars that can be trusted: what a table of bars must look like, checked and never guessed.

The canonical table of bars has the columns open, high, low, close and volume, in this order
and as float64, then any columns of the user's, and a UTC index of times named `open_time`
that strictly increases.
"""

from __future__ import annotations

import sys
import warnings
from datetime import UTC
from numbers import Real
from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from robotrader_sdk.data.faults import describe, find_faults
from robotrader_sdk.data.spacing import find_holes, infer_timeframe, never_closes
from robotrader_sdk.data.spelling import did_you_mean
from robotrader_sdk.errors import BarsError
from robotrader_sdk.types import Timeframe

COLUMNS = ("open", "high", "low", "close", "volume")

_ROWS_WORTH_A_KERNEL = 50_000

_FAR = np.iinfo(np.int64).max


class BarsWarning(UserWarning):
    """Something about bars that its user should know, but that stops nothing."""


def validate_bars(bars: pd.DataFrame, *, report_gaps: bool = True) -> pd.DataFrame:
    """Check bars, and return them in canonical form.

    The result has the columns open, high, low, close and volume as float64, then any other
    columns, and a UTC index named `open_time`. Bars that already are so come back as the
    same object, not a copy; others come back in a new frame, the given one is left as it is.

    Missing bars (gaps) are not an error. With `report_gaps` a BarsWarning counts them;
    `find_gaps` lists them. A market that closes at weekends has gaps by nature, and is not
    warned about. A naive index is read as UTC, with one BarsWarning; another time zone is
    converted. A volume column that is NaN throughout means that the volume is unknown (mark
    prices have none); a volume that is NaN here and there is an error.

    Raises BarsError, which names the rows: unsorted or duplicate times, NaN or infinite
    values, a zero or negative price, high below low, open or close outside them, a negative
    volume, columns that are missing or hold no numbers, no rows.
    """
    bars = _canonical(bars)
    sound, smallest_step = _check(bars)
    if not sound:
        raise BarsError(describe(find_faults(bars), bars))
    index = cast(pd.DatetimeIndex, bars.index)
    if report_gaps and not _evenly_spaced(index, smallest_step) and never_closes(index):
        report_missing_bars(bars)
    return bars


def report_missing_bars(
    bars: pd.DataFrame, timeframe: Timeframe | None = None, of: str = "bars"
) -> None:
    """Warn how many bars are missing, if any; `of` says whose they are."""
    index = cast(pd.DatetimeIndex, bars.index)
    try:
        timeframe = timeframe or infer_timeframe(index)
    except BarsError:  # fractions of a second: no timeframe, so no bar that should be there
        return
    holes = find_holes(index, timeframe)
    count = len(holes.after)
    if count:
        longest = holes.missing.argmax()
        warn(
            f"{of}: {count} gap{'s' * (count != 1)}, {holes.total} bars of {timeframe} missing, at "
            f"most {holes.missing[longest]} in a row (after {index[holes.after[longest]]}); "
            "find_gaps(bars) lists them"
        )


def warn(message: str) -> None:
    """Warn with BarsWarning at the line of the user's code that called into the SDK."""
    package = str(Path(__file__).parents[1])
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(package):
        frame = frame.f_back
        level += 1
    warnings.warn(message, BarsWarning, stacklevel=level)


def _check(bars: pd.DataFrame) -> tuple[bool, int]:
    """Whether all rows are sound, and the smallest step between their times."""
    times = cast(pd.DatetimeIndex, bars.index).asi8
    # numpy takes 40 ms for a million rows, the kernel 3, but importing numba a second: that
    # pays only where something else, such as a backtest, has imported it anyway.
    if len(bars) < _ROWS_WORTH_A_KERNEL or "numba" not in sys.modules:
        return not find_faults(bars), int(np.diff(times).min(initial=_FAR))
    from robotrader_sdk.data.scan import scan

    arrays = [bars[name].to_numpy() for name in COLUMNS]
    sound, volume_sound, smallest_step = scan(times, arrays[:4], arrays[4])
    return sound and (volume_sound or bool(np.isnan(arrays[4]).all())), smallest_step


def _evenly_spaced(index: pd.DatetimeIndex, smallest_step: int) -> bool:
    times = index.asi8
    return int(times[-1] - times[0]) == smallest_step * (len(times) - 1)


def _canonical(bars: pd.DataFrame) -> pd.DataFrame:
    _check_shape(bars)
    index = _utc(bars.index)
    types = bars.dtypes.to_dict()
    converted = {
        name: _floats(bars[name]) for name in COLUMNS if types[name] != np.dtype(np.float64)
    }
    if index is not bars.index or converted:
        bars = bars.copy(deep=False)
        bars.index = index
        for name, floats in converted.items():
            bars[name] = floats
    if tuple(bars.columns[:5]) != COLUMNS:
        bars = bars[[*COLUMNS, *(name for name in bars.columns if name not in COLUMNS)]]
    return bars


def _check_shape(bars: pd.DataFrame) -> None:
    expected = "expected the columns open, high, low, close and volume, and an index of times"
    if not isinstance(bars, pd.DataFrame):
        raise BarsError(f"bars must be a pandas DataFrame, not {type(bars).__name__}; {expected}")
    if bars.columns.nlevels > 1:
        raise BarsError(
            f"bars have columns of {bars.columns.nlevels} levels, such as {bars.columns[0]}; "
            f"{expected}: pick one symbol, bars.droplevel(1, axis='columns')"
        )
    found = ", ".join(map(str, bars.columns)) or "none"
    missing = [name for name in COLUMNS if name not in bars.columns]
    if missing:
        what = ", ".join(f"{name!r}{did_you_mean(name, bars.columns)}" for name in missing)
        advice = "; read_bars(bars) renames common spellings"
        if missing == ["volume"]:
            advice = "; where the volume is unknown, say so: bars.assign(volume=float('nan'))"
        raise BarsError(f"bars lack {what}; found: {found}; {expected}{advice}")
    twice = bars.columns[bars.columns.duplicated()]
    if len(twice):
        raise BarsError(f"bars have the column {twice[0]!r} more than once; found: {found}")
    if bars.empty:
        raise BarsError(f"bars are empty: 0 rows; {expected}, and at least one row")


def _utc(index: pd.Index) -> pd.DatetimeIndex:
    """The index in UTC and under its name; the very same object if it already is so."""
    if not isinstance(index, pd.DatetimeIndex):
        raise BarsError(
            f"bars need an index of times, not {type(index).__name__} of {index.dtype} "
            f"(row 0: {index[0]!r}); read_bars(bars) reads times from a column, "
            "bars.set_index(pd.to_datetime(...)) sets them"
        )
    if index.tz is None:
        warn(
            f"times without a time zone are read as UTC (row 0: {index[0]}); say so to silence "
            "this: bars.tz_localize('UTC')"
        )
        index = index.tz_localize("UTC")
    elif index.tz is not UTC:
        index = index.tz_convert("UTC")
    return index if index.name == "open_time" else index.rename("open_time")


def _floats(column: pd.Series) -> NDArray[np.float64]:
    """The column as float64; BarsError where it does not hold numbers."""
    if getattr(column.dtype, "kind", "O") in "iuf":
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    wrong = [
        row
        for row, value in enumerate(column)
        if type(value) in (bool, np.bool_) or not isinstance(value, Real)
    ]
    shown = "; ".join(f"row {row} ({column.index[row]}): {column.iloc[row]!r}" for row in wrong[:3])
    where = f"{len(wrong)} row{'s' * (len(wrong) != 1)} with no number: {shown}; " if wrong else ""
    raise BarsError(
        f"the column {column.name!r} holds {column.dtype}, not numbers; {where}"
        f"pd.to_numeric(bars[{column.name!r}]) converts text"
    )
