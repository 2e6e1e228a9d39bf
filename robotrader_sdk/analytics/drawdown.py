"""How far and for how long the equity was below its running peak."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from robotrader_sdk.analytics.arrays import FloatArray, floats, require_positive_start
from robotrader_sdk.analytics.moments import equity_moments


class DrawdownDuration(NamedTuple):
    """The longest way from a peak back to it, measured in bars and, on its own, in time."""

    bars: int
    nanoseconds: int


def drawdown(equity: npt.ArrayLike, start: float) -> FloatArray:
    """Distance of each bar's equity from the running peak, as a fraction of it, 0 or below.

    (equity[t] - peak[t]) / peak[t], where peak[t] is the highest of `start` and equity[0..t]:
    the starting equity counts, so a loss in the first bar is a drawdown.

    BacktestError if `start` is not above 0.
    """
    require_positive_start(start)
    values = floats(equity, "equity")
    peak = np.maximum(np.maximum.accumulate(values), start) if len(values) else values
    result: FloatArray = (values - peak) / peak
    return result


def max_drawdown(equity: npt.ArrayLike, start: float) -> float:
    """The deepest drawdown, a fraction of 0 or below; below -1 when the equity fell below 0.

    0 when the equity never was below its peak, NaN without bars.
    """
    depths = drawdown(equity, start)
    return float(depths.min()) if len(depths) else math.nan


def max_drawdown_duration(
    equity: npt.ArrayLike, start: float, open_times_ns: npt.ArrayLike
) -> DrawdownDuration:
    """The longest drawdown, from the last bar at a peak to the bar that reaches it again.

    One that is still open at the end lasts until the last bar. `open_times_ns` are the bars'
    open times in nanoseconds; a peak at the starting equity lies one bar before the first.
    Where bars are missing, the longest in bars need not be the longest in time. Zero when the
    equity never was below its peak, and without bars.
    """
    moments = equity_moments(equity, start, open_times_ns)
    return DrawdownDuration(moments.max_drawdown_bars, moments.max_drawdown_ns)
