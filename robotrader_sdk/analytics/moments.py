"""What the figures of an equity curve are made of, in one compiled pass.

The equity is read once, block by block, and what is kept of it has the size of a block: nothing
is allocated that grows with the run. Mean and variance are running ones that stay exact to
about 1e-13 however long the run is.
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
from robotrader_sdk.analytics.blocks import (
    BLOCK,
    add,
    add_squared_losses,
    add_to_moments,
    fill_returns,
    low_and_high,
)
from robotrader_sdk.compiled import compiled


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
    lanes, bar_ns = np.zeros((5, BLOCK)), bar_length_ns(times)
    scan = _scan.for_work(3.0 * len(values))
    returned, depth, longest_bars, longest_ns = scan(values, float(start), times, bar_ns, lanes)
    return EquityMoments(
        bars=len(values),
        bar_ns=bar_ns,
        start=start,
        final=float(values[-1]),
        mean_equity=float(lanes[4].sum()) / len(values),
        returns=_merged(lanes, returned),
        max_drawdown=depth,
        max_drawdown_bars=longest_bars,
        max_drawdown_ns=longest_ns,
    )


def _merged(lanes: FloatArray, n: int) -> ReturnMoments:
    """The moments of n returns dealt out to the lanes in turn.

    Source: T. F. Chan, G. H. Golub, R. J. LeVeque, Updating Formulae and a Pairwise Algorithm
    for Computing Sample Variances, 1979.
    """
    sizes = (n + np.arange(BLOCK)[::-1]) // BLOCK
    means, squares, losses = lanes[1], lanes[2], lanes[3]
    mean = float((sizes * means).sum()) / n
    spread = float((squares + sizes * np.square(means - mean)).sum())
    return _return_moments(n, mean, spread, float(losses.sum()))


def _return_moments(n: int, mean: float, squares: float, losses: float) -> ReturnMoments:
    std = math.sqrt(squares / (n - 1)) if n > 1 else math.nan
    return ReturnMoments(n, mean, std, math.sqrt(losses / n))


@compiled
def _scan(
    equity: FloatArray, start: float, times: IntArray, bar_ns: int, lanes: FloatArray
) -> tuple[int, float, int, int]:
    n = len(equity)
    returns, means, squares, losses, sums = lanes[0], lanes[1], lanes[2], lanes[3], lanes[4]
    returned, full, ruined = 0, 0, False
    peak, trough, peak_bar, depth, longest_bars, longest_ns = start, start, -1, 0.0, 0, 0

    for first in range(0, n, BLOCK):
        block = equity[first : min(first + BLOCK, n)]
        low, high = low_and_high(block)
        add(block, sums)

        if not ruined:
            alive = len(block)
            if low <= 0.0:
                ruined = True
                alive = 1  # the bar of the ruin has the last return
                while block[alive - 1] > 0.0:
                    alive += 1
            some = returns[:alive]
            fill_returns(block, equity[first - 1] if first > 0 else start, some)
            add_to_moments(some, 1.0 / (full + 1), means, squares)
            add_squared_losses(some, losses)
            returned += alive
            full += 1

        if high < peak:
            trough = min(trough, low)
            continue
        for t in range(first, first + len(block)):
            value = equity[t]
            if value >= peak:
                if trough < peak:
                    depth = min(depth, (trough - peak) / peak)
                    since = times[peak_bar] if peak_bar >= 0 else times[0] - bar_ns
                    longest_bars = max(longest_bars, t - peak_bar)
                    longest_ns = max(longest_ns, times[t] - since)
                peak, trough, peak_bar = value, value, t
            elif value < trough:
                trough = value

    if trough < peak:
        depth = min(depth, (trough - peak) / peak)
        since = times[peak_bar] if peak_bar >= 0 else times[0] - bar_ns
        longest_bars = max(longest_bars, n - 1 - peak_bar)
        longest_ns = max(longest_ns, times[n - 1] - since)
    return returned, depth, longest_bars, longest_ns
