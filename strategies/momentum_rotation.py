"""MomentumRotation: each month the symbols that have risen most."""

from __future__ import annotations

import pandas as pd

import robotrader_sdk as rt

_PATIENCE = 3  # bars that a symbol may lack before it counts as gone


class MomentumRotation(rt.PortfolioStrategy):
    """Hold the few symbols with the highest past return, if it is above a minimum; monthly.

    Idea: what has done better than the rest over some months goes on doing so for some months
    more. The last month is left out, since over so short a time returns reverse. A symbol that
    leads a falling field may still fall, so it must also have gained by itself (absolute
    momentum); each of the `top` places holds 1/top of the equity, and a place that no symbol
    qualifies for is cash.

    Source: N. Jegadeesh and S. Titman, "Returns to Buying Winners and Selling Losers", Journal
    of Finance 48(1), 1993 (long and short; here long alone); the absolute filter: G. Antonacci,
    Dual Momentum Investing, 2014.

    Fails: at turning points, where the winners of the fall lag the recovery (a "momentum
    crash", as in 2009); in a field whose symbols all move together, where ranks are chance and
    changing them is cost. A field of today's well-known symbols has its winners chosen already.
    """

    lookback: int = rt.param(252, ge=2, le=5000, description="bars back from which returns count")
    skip: int = rt.param(21, ge=0, le=1000, description="latest bars that are left out of them")
    top: int = rt.param(2, ge=1, le=1000, description="how many symbols are held at most")
    min_return: float = rt.param(
        0.0, ge=-1, le=100, description="what a symbol must have gained to be held; -1: no matter"
    )

    rebalance = "monthly"

    def check(self) -> None:
        """Something is left of the past."""
        if self.skip >= self.lookback:
            raise ValueError("skip must be below lookback")

    @property
    def warmup_bars(self) -> int:
        """The oldest close that is looked at."""
        return self.lookback

    def target_weights(self, panel: rt.Panel) -> pd.DataFrame:
        """A row for every bar; the month decides which of them are traded."""
        own = pd.DataFrame({symbol: self._past_return(panel[symbol].close) for symbol in panel})
        past = own.reindex(panel.index).ffill(limit=_PATIENCE)
        rank = past.where(past > self.min_return).rank(axis=1, ascending=False, method="first")
        return (rank <= self.top) / self.top

    def _past_return(self, close: pd.Series) -> pd.Series:
        """From `lookback` bars ago to `skip` bars ago, in the symbol's own bars."""
        return close.shift(self.skip) / close.shift(self.lookback) - 1.0
