"""Figures of closed trades.

`pnl` is what each trade earned, fees included, in quote money; `returns` what it earned as a
fraction of what it was entered for; `bars_held` how many bars it lasted. A trade with a pnl of
exactly 0 is neither won nor lost. Without trades every figure is NaN.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from robotrader_sdk.analytics.arrays import floats


def win_rate(pnl: npt.ArrayLike) -> float:
    """Share of the trades that earned something, a fraction."""
    values = floats(pnl, "pnl")
    return float(np.mean(values > 0)) if len(values) else math.nan


def profit_factor(pnl: npt.ArrayLike) -> float:
    """Sum of the gains / sum of the losses.

    Infinite when there are gains and no losses, as is the custom; NaN when there are neither.
    """
    values = floats(pnl, "pnl")
    gains = float(np.maximum(values, 0.0).sum())
    losses = -float(np.minimum(values, 0.0).sum())
    if losses == 0:
        return math.inf if gains > 0 else math.nan
    return gains / losses


def expectancy(pnl: npt.ArrayLike) -> float:
    """Mean pnl of a trade, in quote money."""
    return _mean(floats(pnl, "pnl"))


def avg_win(pnl: npt.ArrayLike) -> float:
    """Mean pnl of the trades that were won; NaN without any."""
    values = floats(pnl, "pnl")
    return _mean(values[values > 0])


def avg_loss(pnl: npt.ArrayLike) -> float:
    """Mean pnl of the trades that were lost, below 0; NaN without any."""
    values = floats(pnl, "pnl")
    return _mean(values[values < 0])


def payoff_ratio(pnl: npt.ArrayLike) -> float:
    """Mean gain / mean loss, without sign; NaN unless there are both."""
    return avg_win(pnl) / -avg_loss(pnl)


def max_consecutive_losses(pnl: npt.ArrayLike) -> int:
    """The most trades lost in a row, in the order given; 0 without trades."""
    lost = floats(pnl, "pnl") < 0
    ends = np.flatnonzero(np.diff(np.concatenate(([False], lost, [False])).astype(np.int8)))
    return int((ends[1::2] - ends[::2]).max(initial=0))


def sqn(pnl: npt.ArrayLike) -> float:
    """System quality number: mean(pnl) / std(pnl, ddof=1) * sqrt(number of trades).

    NaN with fewer than two trades, and when all earned the same. Uncapped; V. K. Tharp takes at
    most 100 trades. Source: V. K. Tharp, Definitive Guide to Position Sizing, 2008.
    """
    values = floats(pnl, "pnl")
    if len(values) < 2 or np.ptp(values) == 0:
        return math.nan
    return float(values.mean() / values.std(ddof=1) * math.sqrt(len(values)))


def avg_trade(returns: npt.ArrayLike) -> float:
    """Mean return of a trade, a fraction."""
    return _mean(floats(returns, "returns"))


def best_trade(returns: npt.ArrayLike) -> float:
    """Highest return of a trade, a fraction."""
    values = floats(returns, "returns")
    return float(values.max()) if len(values) else math.nan


def worst_trade(returns: npt.ArrayLike) -> float:
    """Lowest return of a trade, a fraction."""
    values = floats(returns, "returns")
    return float(values.min()) if len(values) else math.nan


def avg_bars_held(bars_held: npt.ArrayLike) -> float:
    """Mean number of bars a trade lasted."""
    return _mean(floats(bars_held, "bars_held"))


def _mean(values: npt.NDArray[np.float64]) -> float:
    return float(values.mean()) if len(values) else math.nan
