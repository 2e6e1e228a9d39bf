"""Times as the drawing libraries take them: UTC, without a zone."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd


def plain_times(times: pd.Index) -> npt.NDArray[np.datetime64]:
    """Aware times as plain ones in UTC; seconds are all an axis shows."""
    index = pd.DatetimeIndex(times)
    if index.tz is not None:
        index = index.tz_convert("UTC").tz_localize(None)
    return index.to_numpy().astype("datetime64[s]")


def span_text(times: pd.Index) -> str:
    """First and last day, such as `2014-12-01 to 2018-11-30`; the minutes too, on one day."""
    first, last = times[0], times[-1]
    if first.date() == last.date():
        return f"{first:%Y-%m-%d %H:%M} to {last:%H:%M}"
    return f"{first:%Y-%m-%d} to {last:%Y-%m-%d}"


def hover_format(times: pd.Index) -> str:
    """How a time is written when pointed at: without the clock where every bar opens at 0:00."""
    days = plain_times(times).astype("datetime64[D]")
    return "%Y-%m-%d" if (days == plain_times(times)).all() else "%Y-%m-%d %H:%M"


def span_with_margin(times: pd.Index) -> list[str]:
    """From a little before the first bar to a little after the last, as an axis' range."""
    first, last = plain_times(times[[0, -1]])
    margin = max((last - first) // 100, np.timedelta64(30, "m"))
    if len(times) > 1:
        margin = max((last - first) // 100, (last - first) // (len(times) - 1))
    return [str(first - margin), str(last + margin)]
