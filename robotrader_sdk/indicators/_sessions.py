"""Where a session begins: the UTC day, week or month changes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from robotrader_sdk.errors import IndicatorError

ANCHORS = ("D", "W", "M")


def session_starts(
    bars: pd.DataFrame | Mapping[str, Any], anchor: object, size: int
) -> NDArray[np.intp]:
    """Say before which rows a new session begins; the first row is not listed."""
    if anchor not in ANCHORS:
        raise IndicatorError(
            f"anchor must be 'D', 'W', 'M' or None (all bars are one session), got {anchor!r}"
        )
    times = _utc_times(bars)
    if times.size != size:
        raise IndicatorError(f"open_time has {times.size} values for {size} bars")
    days = times.astype("datetime64[D]")
    session: NDArray[Any] = days
    if anchor == "W":
        session = (days.astype(np.int64) + 3) // 7  # 1970-01-01 was a Thursday
    elif anchor == "M":
        session = days.astype("datetime64[M]")
    return np.flatnonzero(session[1:] != session[:-1]) + 1


def _utc_times(bars: pd.DataFrame | Mapping[str, Any]) -> NDArray[np.datetime64]:
    if isinstance(bars, pd.DataFrame):
        if isinstance(bars.index, pd.DatetimeIndex):
            index = bars.index
            return (index if index.tz is None else index.tz_convert(None)).to_numpy()
        given = f"the index is a {type(bars.index).__name__}"
    elif "open_time" not in bars:
        given = "there is no open_time"
    else:
        array = np.asarray(bars["open_time"])
        if array.dtype.kind == "M":
            return array
        if array.dtype.kind == "i":
            return array.astype("datetime64[ns]")
        given = f"open_time holds {array.dtype} values"
    raise IndicatorError(
        f"a session needs the bars' times, but {given}; give a DataFrame with a DatetimeIndex "
        f"or an array open_time (datetime64, or nanoseconds in UTC), or anchor=None, or a length"
    )
