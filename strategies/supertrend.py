"""Supertrend: a trailing band of average true ranges."""

from __future__ import annotations

import pandas as pd

import robotrader_sdk as rt


class Supertrend(rt.Strategy):
    """Long from the bar at which the Supertrend turns up until the bar at which it turns down.

    Idea: a trend lasts until the price gives back more than its usual movement. The band stays
    a few average true ranges behind the price, follows it and never retreats; a close beyond it
    is the turn. The distance adapts to how wild the market is.

    Source: O. Seban's Supertrend, early 2000s, on the average true range of J. W. Wilder, New
    Concepts in Technical Trading Systems, 1978.

    Fails: in a range about as wide as the band, where each turn comes at the far end of the
    move; when volatility jumps, as the band then moves away and the exit with it.
    """

    length: int = rt.param(10, ge=2, le=100, description="length of the ATR, in bars")
    multiplier: float = rt.param(3.0, gt=0, le=20, description="width of the band, in ATRs")
    allow_short: bool = rt.param(False, description="short instead of flat; not on spot")

    @property
    def warmup_bars(self) -> int:
        """The direction at two bars in a row, to see it turn."""
        return self.length + 1

    def signals(self, bars: pd.DataFrame) -> rt.Signals:
        """Enter where the direction turns up, exit where it turns down."""
        line, direction = rt.ta.supertrend(bars, self.length, self.multiplier)
        up = rt.ta.crossed_above(direction, 0)
        down = rt.ta.crossed_below(direction, 0)
        return rt.Signals(
            enter_long=up,
            exit_long=down,
            enter_short=down if self.allow_short else False,
            exit_short=up,
            indicators={"supertrend": line},
        )
