"""When a portfolio is rebalanced: which bars of a timeline are decided at.

A bar is decided at if its close ends a period of the calendar (UTC; weeks begin on Mondays):
the bar that would come next, at open_time + timeframe, lies in the next period. That is known
at the close. A market that closes has periods that end while it is closed, on a Sunday for
instance; of these nobody knows at the last bar that it was the last, and they are decided at
the first bar of the new period. The first bar of the history begins no period: what came
before it is not known.
"""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from robotrader_sdk.data.spacing import units_a_second
from robotrader_sdk.errors import StrategyError
from robotrader_sdk.strategy.portfolio import Period, PortfolioStrategy
from robotrader_sdk.types import Timeframe

_FIRST_MONDAY = 4  # days after 1970-01-01, which was a Thursday


def stated_rebalance(strategy: PortfolioStrategy) -> Period | int | None:
    """A strategy's `rebalance`; StrategyError if it is none that is known."""
    stated: Any = strategy.rebalance
    if isinstance(stated, (int, np.integer)) and not isinstance(stated, bool) and stated >= 1:
        return int(stated)
    if stated is None or (isinstance(stated, str) and stated in get_args(Period)):
        return stated  # type: ignore[return-value]  # one of them
    raise StrategyError(
        f"{type(strategy).__name__}.rebalance must be None, a number of bars >= 1 or one of "
        f"{', '.join(map(repr, get_args(Period)))}, got {stated!r}"
    )


def stated_drift_band(strategy: PortfolioStrategy) -> float:
    """A strategy's `drift_band`, 0 for none; StrategyError if it is no fraction of equity."""
    stated: Any = strategy.drift_band
    if stated is None:
        return 0.0
    number = isinstance(stated, (int, float, np.number)) and not isinstance(stated, bool)
    if not number or not 0.0 <= float(stated) < 1.0:
        raise StrategyError(
            f"{type(strategy).__name__}.drift_band must be a fraction of equity in [0, 1), such as "
            f".05, or None, got {stated!r}"
        )
    return float(stated)


def scheduled_bars(
    index: pd.DatetimeIndex,
    timeframe: Timeframe | None,
    rebalance: Period | int | None,
    first_bar: int,
) -> NDArray[np.bool_]:
    """Which bars are decided at; none before `first_bar`, the first after the warm-up.

    Every bar where `rebalance` is None; every so many bars from `first_bar` on where it is a
    number. `timeframe` None: no bar is known to end its period.
    """
    bars = np.arange(len(index))
    if rebalance is None:
        due = np.ones(len(index), np.bool_)
    elif isinstance(rebalance, int):
        due = (bars - first_bar) % rebalance == 0
    else:
        due = _ends_of_periods(index, timeframe, rebalance)
    due &= bars >= first_bar
    return due


def _ends_of_periods(
    index: pd.DatetimeIndex, timeframe: Timeframe | None, period: Period
) -> NDArray[np.bool_]:
    now = _period_numbers(index, 0, period)
    length = 0 if timeframe is None else timeframe.seconds
    ends = _period_numbers(index, length, period) > now
    begins_late = (now[1:] > now[:-1]) & ~ends[:-1]
    ends[1:] |= begins_late
    return ends


def _period_numbers(
    index: pd.DatetimeIndex, later_seconds: int, period: Period
) -> NDArray[np.int64]:
    """Ascending numbers of the periods that times lie in, or would so many seconds later."""
    unit = units_a_second(index)
    times = (index.asi8 + later_seconds * unit) // unit
    days = times // 86_400
    if period == "daily":
        return days
    if period == "weekly":
        return (days - _FIRST_MONDAY) // 7
    months = times.view("M8[s]").astype("M8[M]").astype(np.int64)
    return months if period == "monthly" else months // 3
