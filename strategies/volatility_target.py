"""VolatilityTarget: as much of each symbol as brings it to the same volatility."""

from __future__ import annotations

import pandas as pd

import robotrader_sdk as rt

_YEAR_SECONDS = 365.25 * 86_400
_PATIENCE = 3  # bars that a symbol may lack before it counts as gone


class VolatilityTarget(rt.PortfolioStrategy):
    """Hold every symbol, less of it the more it swings, so that each has the same volatility.

    Idea: volatility comes in clusters and can be forecast by its past, returns mostly can't. A
    position of target / realised volatility takes about the same risk in a calm month and in a
    panic, and the panics are where holdings are cut. Each of n symbols has 1/n of the equity as
    its budget, and of that a weight of target / volatility, at most `max_weight`. Its volatility
    is exponentially weighted, and annualised by the time that has passed, nights and weekends
    included, so that it needs to know nothing of the market's calendar.

    Source: A. Moreira and T. Muir, "Volatility-Managed Portfolios", Journal of Finance 72(4),
    2017 (they divide by the variance); C. R. Harvey and others, "The Impact of Volatility
    Targeting", Journal of Portfolio Management 45(1), 2018 (by the volatility, half-life of 20
    days, as here).

    Fails: when the fall comes out of calm, where it holds most; when a market recovers as
    quickly as it fell, since it buys back late. Where volatility does not fall with returns, as
    in commodities and most currencies, it earns what a steady holding does, and pays fees.
    """

    target: float = rt.param(0.2, gt=0, le=5, description="volatility a year of each symbol's part")
    halflife: int = rt.param(20, ge=2, le=1000, description="bars after which a return counts half")
    max_weight: float = rt.param(
        1.0, gt=0, le=20, description="most of a budget to hold; above 1 needs leverage"
    )
    drift_band: float = rt.param(
        0.02, ge=0, lt=1, description="distance from the wanted weight that is worth a trade"
    )

    def check(self) -> None:
        """A band as wide as all that may be held would never trade."""
        if self.drift_band >= self.max_weight:
            raise ValueError("drift_band must be below max_weight")

    @property
    def warmup_bars(self) -> int:
        """Two half-lives: three quarters of the weight that an endless history would have."""
        return 2 * self.halflife

    def target_weights(self, panel: rt.Panel) -> pd.DataFrame:
        """A row for every bar; the band decides which of them are traded."""
        own = pd.DataFrame({symbol: self._volatility(panel[symbol].close) for symbol in panel})
        volatility = own.reindex(panel.index).ffill(limit=_PATIENCE)
        weights = (self.target / volatility).clip(upper=self.max_weight)
        return weights.div(volatility.notna().sum(axis=1), axis=0).fillna(0.0)

    def _volatility(self, close: pd.Series) -> pd.Series:
        """A year's, by weighted sums of squared returns and of the time they took."""
        years = close.index.to_series().diff().dt.total_seconds() / _YEAR_SECONDS
        squared, took = (
            values.ewm(halflife=self.halflife, min_periods=self.warmup_bars).mean()
            for values in (close.pct_change() ** 2, years)
        )
        volatility: pd.Series = (squared / took) ** 0.5
        return volatility
