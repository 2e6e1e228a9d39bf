"""Return for the risk taken.

The risk-free rate is 0 throughout. Formulas and figures agree with empyrical-reloaded, which
gives infinity where these are not defined.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from robotrader_sdk.analytics.moments import ReturnMoments, return_moments

Returns = npt.ArrayLike | ReturnMoments
"""Simple returns per bar (NaN: a bar without a return, left out), or their moments."""

_ROUNDING = 4 * float(np.finfo(np.float64).eps)


def volatility(returns: Returns, bars_per_year: float) -> float:
    """Annualised standard deviation of the returns: std(ddof=1) * sqrt(bars_per_year).

    NaN with fewer than two returns.
    """
    return _moments(returns).std * math.sqrt(bars_per_year)


def sharpe(returns: Returns, bars_per_year: float) -> float:
    """Mean return for its standard deviation: mean / std(ddof=1) * sqrt(bars_per_year).

    NaN with fewer than two returns, and when all are equal (to within rounding, 9e-16).

    Source: W. F. Sharpe, The Sharpe Ratio, Journal of Portfolio Management, 1994.
    """
    moments = _moments(returns)
    if not moments.std > _ROUNDING * (1.0 + abs(moments.mean)):
        return math.nan
    return moments.mean / moments.std * math.sqrt(bars_per_year)


def sortino(returns: Returns, bars_per_year: float) -> float:
    """Mean return for its downside deviation: mean / downside * sqrt(bars_per_year).

    downside = sqrt(mean(min(return, 0)**2)) over all returns, the gains counting as 0. NaN with
    fewer than two returns, and when none is negative.

    Source: T. N. Rollinger, S. T. Hoffman, Sortino: A Sharper Ratio, 2013.
    """
    moments = _moments(returns)
    if moments.n < 2 or not moments.downside > 0:
        return math.nan
    return moments.mean / moments.downside * math.sqrt(bars_per_year)


def calmar(cagr: float, max_drawdown: float) -> float:
    """Annual growth for the deepest drawdown: cagr / |max_drawdown|.

    NaN when there was no drawdown. Over the whole run, not the last 36 months of T. W. Young's
    first definition (1991).
    """
    return cagr / abs(max_drawdown) if max_drawdown < 0 else math.nan


def _moments(returns: Returns) -> ReturnMoments:
    return returns if isinstance(returns, ReturnMoments) else return_moments(returns)
