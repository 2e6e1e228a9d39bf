"""Simple returns per bar, and what they amount to."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from robotrader_sdk.analytics.arrays import FloatArray, floats, require_positive_start


def returns(equity: npt.ArrayLike, start: float) -> FloatArray:
    """Simple return of each bar: equity[t] / equity[t-1] - 1, the first from the starting equity.

    `equity` is the equity at the close of each bar, `start` the cash before the first one. The
    result is as long as `equity`. Once the equity is 0 or less (ruined) there is nothing left
    to earn a return on: the bar of the ruin has its return, every later one is NaN.

    BacktestError if `start` is not above 0.
    """
    require_positive_start(start)
    values = floats(equity, "equity")
    before = np.concatenate(([start], values[:-1])) if len(values) else values
    ruined = np.flatnonzero(values <= 0)
    alive = int(ruined[0]) + 1 if len(ruined) else len(values)
    result = np.full(len(values), np.nan)
    # The difference of two close numbers is exact, so small returns keep all their digits.
    result[:alive] = (values[:alive] - before[:alive]) / before[:alive]
    return result


def total_return(equity: npt.ArrayLike, start: float) -> float:
    """Gain over the whole run as a fraction of `start`: equity[-1] / start - 1.

    NaN without bars. Below -1 when more was lost than there was.
    """
    require_positive_start(start)
    values = floats(equity, "equity")
    return float(values[-1]) / start - 1.0 if len(values) else math.nan


def cagr(total_return: float, bars: int, bars_per_year: float) -> float:
    """Compound annual growth rate: (1 + total_return) ** (bars_per_year / bars) - 1.

    `bars` is how many returns made up `total_return`; as in empyrical's `annual_return`, the
    years are bars / bars_per_year. NaN without bars, when more was lost than there was
    (total_return < -1), and when the rate exceeds what a float holds, as a gain of some minutes
    compounded over a year may.
    """
    if bars < 1 or not total_return >= -1.0:
        return math.nan
    try:
        growth = float((1.0 + total_return) ** (bars_per_year / bars))
    except OverflowError:
        return math.nan
    return growth - 1.0 if math.isfinite(growth) else math.nan


def buy_hold_return(first_open: float, last_close: float) -> float:
    """What holding the instrument over the same bars returned, without costs.

    last_close / first_open - 1: bought at the first bar's open, valued at the last bar's close.
    NaN unless the first open is above 0.
    """
    return last_close / first_open - 1.0 if first_open > 0 else math.nan
