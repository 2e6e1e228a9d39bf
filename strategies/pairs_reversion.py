"""PairsReversion: two symbols that move together, when they have come apart."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

import robotrader_sdk as rt
from robotrader_sdk.errors import StrategyError

_PATIENCE = 3  # bars that a leg may lack before both are closed


class PairsReversion(rt.PortfolioStrategy):
    """Short the symbol that has run ahead of the other, long the other, until they meet again.

    Idea: two symbols driven by the same things keep a relation, log(first) = a + b log(second)
    + spread. When the spread is wide, somebody was in a hurry, and it closes more often than it
    widens further. The relation is fitted over the `length` bars before each bar, and the
    spread of the bar, which the fit has not seen, is counted in standard deviations of the
    fit's residuals (z). In beyond `entry`, out within `exit`; beyond `stop` the relation counts
    as broken: out, and not in again until z has been within `exit`. The legs are held in the
    proportion 1 : b of the entry.

    Source: E. Gatev, W. Goetzmann and K. Rouwenhorst, "Pairs Trading: Performance of a Relative-
    Value Arbitrage Rule", Review of Financial Studies 19(3), 2006: entry at 2 deviations. They
    fix the relation over a year and trade equal amounts; the rolling regression is the usual
    refinement, as in E. Chan, Algorithmic Trading, 2013.

    Fails: when the relation ends for good (a takeover, a lost market), where each widening
    looks like a better entry; when the fit chases the spread, so that z comes back without the
    prices doing so. It needs shorts: no spot instrument.
    """

    first: str = rt.param("ETH/USDT", description="the symbol that is explained")
    second: str = rt.param("BTC/USDT", description="the symbol that explains it")
    length: int = rt.param(60, ge=5, le=5000, description="bars in the fit of the relation")
    entry: float = rt.param(2.0, gt=0, le=20, description="distance to enter at, in deviations")
    exit: float = rt.param(0.5, gt=0, le=20, description="distance to leave at, in deviations")
    stop: float = rt.param(4.0, gt=0, le=100, description="distance at which it counts as broken")
    exposure: float = rt.param(
        1.0, gt=0, le=20, description="both legs together, of equity; above 1 needs leverage"
    )

    def check(self) -> None:
        """Two legs, and thresholds in their order."""
        if self.first == self.second:
            raise ValueError("first and second must be two symbols")
        if not self.exit < self.entry < self.stop:
            raise ValueError("exit < entry < stop must hold")

    @property
    def warmup_bars(self) -> int:
        """The bars of the first fit."""
        return self.length

    def target_weights(self, panel: rt.Panel) -> pd.DataFrame:
        """Rows where a pair is opened or closed; between them both legs are left alone."""
        for name in ("first", "second"):
            symbol = getattr(self, name)
            if symbol not in panel:
                raise StrategyError(
                    f"PairsReversion: the panel has no symbol {symbol!r}, it has "
                    f"{', '.join(panel)}; name yours with {name}="
                )
        closes = panel.close[[self.first, self.second]]
        slope, z = self._fit(closes)
        both = closes.ffill(limit=_PATIENCE).notna().all(axis=1)
        side = self._sides(z.to_numpy(), (both & ~(slope <= 0.0)).to_numpy())
        changes = np.diff(side, prepend=0) != 0
        side, ratio = side[changes], slope.to_numpy()[changes]
        weight = np.where(side == 0, 0.0, self.exposure * side / (1.0 + ratio))
        legs = {self.first: weight, self.second: np.where(side == 0, 0.0, -ratio * weight)}
        return pd.DataFrame(legs, index=panel.index[changes])

    def _fit(self, closes: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
        """The slope of the bars before each bar, and the bar's own distance in deviations."""
        known = closes.dropna()
        logs = np.log(known.to_numpy())
        logs = logs - logs[:1]  # near 0, where floats are finest
        y, x = pd.Series(logs[:, 0], known.index), pd.Series(logs[:, 1], known.index)
        over_y, over_x = y.rolling(self.length), x.rolling(self.length)
        covariance = over_y.cov(x, ddof=0)
        slope = covariance / over_x.var(ddof=0)
        intercept = over_y.mean() - slope * over_x.mean()
        unexplained = self.length * (over_y.var(ddof=0) - slope * covariance)
        deviation = np.sqrt(unexplained.clip(lower=0.0) / (self.length - 2))
        z = (y - intercept.shift() - slope.shift() * x) / deviation.shift()
        return slope.shift().reindex(closes.index), z.reindex(closes.index)

    def _sides(self, z: NDArray[np.float64], related: NDArray[np.bool_]) -> NDArray[np.int64]:
        """1 long the first and short the second, -1 the other way round, 0 nothing."""
        sides, side, broken = np.zeros(len(z), np.int64), 0, False
        for bar, (distance, linked) in enumerate(zip(z.tolist(), related.tolist(), strict=True)):
            broken = broken and not abs(distance) < self.exit
            if abs(distance) > self.stop:
                side, broken = 0, True
            elif not linked or (side and -side * distance < self.exit):
                side = 0
            elif not side and not broken and abs(distance) > self.entry:
                side = -1 if distance > 0.0 else 1
            sides[bar] = side
        return sides
