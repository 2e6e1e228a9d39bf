"""What the figures of an equity curve are made of, without an array of anything.

The equity is read pass by pass, each so simple that it takes about a nanosecond a bar. Sums are
made chunk by chunk, so that they stay exact to about 1e-13 however long the run is.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from robotrader_sdk.analytics.annualisation import bar_length_ns
from robotrader_sdk.analytics.arrays import (
    FloatArray,
    IntArray,
    floats,
    integers,
    require_positive_start,
    require_same_length,
)
from robotrader_sdk.compiled import compiled, rule

CHUNK = 1 << 10
"""Values that are summed together before they are added to the sum of all."""


class ReturnMoments(NamedTuple):
    """Moments of the returns: how many (n), mean, standard deviation (ddof=1), downside deviation.

    `downside` is sqrt(mean(min(return, 0)**2)). What too few returns leave undefined is NaN.
    """

    n: int
    mean: float
    std: float
    downside: float


class EquityMoments(NamedTuple):
    """All the figures of an equity curve are made of; see `equity_moments`."""

    bars: int
    bar_ns: int
    start: float
    final: float
    mean_equity: float
    returns: ReturnMoments
    max_drawdown: float
    max_drawdown_bars: int
    max_drawdown_ns: int


def return_moments(returns: npt.ArrayLike) -> ReturnMoments:
    """Moments of an array of simple returns; NaN marks a bar without a return and is left out."""
    values = floats(returns, "returns")
    values = values[~np.isnan(values)]
    if len(values) == 0:
        return ReturnMoments(0, math.nan, math.nan, math.nan)
    mean = float(values.mean())
    squares = float(np.square(values - mean).sum())
    losses = float(np.square(np.minimum(values, 0.0)).sum())
    return _return_moments(len(values), mean, squares, losses)


def equity_moments(
    equity: npt.ArrayLike, start: float, open_times_ns: npt.ArrayLike
) -> EquityMoments:
    """Moments of the returns and the drawdown of an equity curve, without an array of returns.

    `equity` is the equity at the close of each bar, without NaN; `start` the cash before the
    first bar; `open_times_ns` the bars' open times in nanoseconds, increasing. The returns are
    those of `returns`, the drawdown that of `drawdown` and `max_drawdown_duration`.

    BacktestError if the arrays differ in length or `start` is not above 0.
    """
    require_positive_start(start)
    values = floats(equity, "equity")
    times = integers(open_times_ns, "open_times_ns")
    require_same_length(equity=values, open_times_ns=times)
    if len(values) == 0:
        return EquityMoments(0, 0, start, start, math.nan, return_moments(values), math.nan, 0, 0)
    bar_ns = bar_length_ns(times)
    scan = _scan.for_work(2.0 * len(values))
    returned, depth, longest_bars, longest_ns, mean, squares, losses = scan(
        values, float(start), times, int(times[0]) - bar_ns
    )
    return EquityMoments(
        bars=len(values),
        bar_ns=bar_ns,
        start=start,
        final=float(values[-1]),
        mean_equity=float(values.mean()),
        returns=_return_moments(returned, mean, squares, losses),
        max_drawdown=depth,
        max_drawdown_bars=longest_bars,
        max_drawdown_ns=longest_ns,
    )


def _return_moments(n: int, mean: float, squares: float, losses: float) -> ReturnMoments:
    std = math.sqrt(squares / (n - 1)) if n > 1 else math.nan
    return ReturnMoments(n, mean, std, math.sqrt(losses / n))


@compiled
def _scan(
    equity: FloatArray, start: float, times: IntArray, start_time: int
) -> tuple[int, float, int, int, float, float, float]:
    """How many returns there are, the deepest and the longest drawdown (bars and time), and of
    the returns the mean, the squared distances from it and the squared losses.
    """
    n = equity.size
    returned = n
    peak, trough, peak_bar, peak_time = start, start, -1, start_time
    depth, longest_bars, longest_time = 0.0, 0, 0
    for t in range(n):
        value = equity[t]
        if value < peak:
            if value < trough:
                trough = value
                if value <= 0.0 and returned == n:
                    returned = t + 1  # the bar of the ruin has the last return
            if t < n - 1:
                continue  # what is still open lasts until the last bar
        if trough < peak:
            fall, bars, time = (trough - peak) / peak, t - peak_bar, times[t] - peak_time
            if fall < depth:
                depth = fall
            if bars > longest_bars:
                longest_bars = bars
            if time > longest_time:
                longest_time = time
        peak, trough, peak_bar, peak_time = value, value, t, times[t]
    mean, squares, losses = _spread(equity, start, returned)
    return returned, depth, longest_bars, longest_time, mean, squares, losses


@rule
def _spread(equity: FloatArray, start: float, n: int) -> tuple[float, float, float]:
    total, losses, before = 0.0, 0.0, start
    for first in range(0, n, CHUNK):
        some, some_losses = 0.0, 0.0
        for t in range(first, first + CHUNK):
            if t == n:
                break
            change = (equity[t] - before) / before
            some += change
            if change < 0.0:
                some_losses += change * change
            before = equity[t]
        total += some
        losses += some_losses

    mean, squares, before = total / n, 0.0, start
    for first in range(0, n, CHUNK):
        some = 0.0
        for t in range(first, first + CHUNK):
            if t == n:
                break
            distance = (equity[t] - before) / before - mean
            some += distance * distance
            before = equity[t]
        squares += some
    return mean, squares, losses
