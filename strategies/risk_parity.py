"""RiskParity: every symbol contributes the same risk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

import robotrader_sdk as rt

if TYPE_CHECKING:
    from robotrader_sdk.strategy.panel_handle import PanelHandle

_PATIENCE = 3  # bars that a symbol may lack before it counts as gone
_STEPS = 200  # ten do, mostly
_PRECISION = 1e-9  # of the last step, whose square is the error
_HEDGED = 1e6  # symbols that hedge each other perfectly have no minimum, but weights by then


class RiskParity(rt.PortfolioStrategy):
    """Hold every symbol, with weights by which each contributes the same to the risk; monthly.

    Idea: equal money is not equal risk: in a portfolio of equal weights the wildest symbol
    decides what happens. Here the weights are such that weight x covariance with the portfolio
    is alike for all. Nothing is forecast but the covariances, which last; what is uncorrelated
    with the rest gets more, what moves with everything gets less.

    Source: S. Maillard, T. Roncalli and J. Teiletche, "The Properties of Equally Weighted Risk
    Contribution Portfolios", Journal of Portfolio Management 36(4), 2010; solved as in F. Spinu,
    "An Algorithm for Computing Risk Parity Weights", 2013.

    Fails: when all correlations go to one, where it holds the same loss many times over; when
    what was calm for years was calm only so far (it holds most of that). It knows nothing of
    returns, so it holds what falls steadily with little risk as gladly as what rises so.
    """

    length: int = rt.param(120, ge=10, le=5000, description="returns in the covariances, in bars")

    rebalance = "monthly"

    @property
    def warmup_bars(self) -> int:
        """As many returns as the covariances need."""
        return self.length

    def init(self, panel: PanelHandle) -> None:
        """Nothing has been seen yet."""
        self.last_bar = dict.fromkeys(panel, -_PATIENCE - 1)

    def on_bar(self, ctx: rt.PortfolioContext) -> None:
        """Solve for the weights when they will be traded."""
        self.last_bar.update(dict.fromkeys(ctx.symbols, ctx.bar_number))
        if ctx.is_scheduled:
            returns = self._returns(ctx)
            ctx.rebalance(dict(zip(returns.columns, equal_risk_weights(returns), strict=True)))

    def _returns(self, ctx: rt.PortfolioContext) -> pd.DataFrame:
        """The last returns of the symbols that have as many, and that are not gone."""
        bars = self.length + 1
        closes = pd.DataFrame(
            {
                symbol: ctx[symbol].history(bars).close
                for symbol, last in self.last_bar.items()
                if ctx.bar_number - last <= _PATIENCE
            }
        )
        complete = closes.tail(bars).ffill().dropna(axis="columns")
        return complete.pct_change().iloc[1:]


def equal_risk_weights(returns: pd.DataFrame) -> NDArray[np.float64]:
    """Weights of 0 and above, summing to 1, by which all symbols contribute the same variance.

    returns: a row a time, a column a symbol. A symbol that does not move has no risk to
    contribute, and gets 0; where none moves, all do.
    """
    covariance = np.atleast_2d(np.cov(returns.to_numpy(), rowvar=False))
    deviation = np.sqrt(np.diag(covariance))
    moves = deviation > 0.0
    weights = np.zeros(len(deviation))
    if moves.any():
        scale = deviation[moves]
        correlation = covariance[np.ix_(moves, moves)] / np.outer(scale, scale)
        weights[moves] = _equal_contributions(correlation) / scale
        weights /= weights.sum()
    return weights


def _equal_contributions(correlation: NDArray[np.float64]) -> NDArray[np.float64]:
    """x > 0 with x_i (C x)_i = 1 for all i: the minimum of x'Cx / 2 - sum(log x).

    Newton's method, damped so that it stays above 0 and descends from wherever it is: the
    function is self-concordant.
    """
    x: NDArray[np.float64] = 1.0 / np.sqrt(np.abs(correlation).sum(axis=1))
    for _ in range(_STEPS):
        gradient = correlation @ x - 1.0 / x
        step = np.linalg.solve(correlation + np.diag(1.0 / x**2), gradient)
        decrement = np.sqrt(gradient @ step)
        x -= step / (1.0 + decrement)
        if decrement <= _PRECISION or x.max() > _HEDGED:
            break
    return x
