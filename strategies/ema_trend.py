"""EmaTrend: two exponential averages, entered only while the ADX says there is a trend."""

from __future__ import annotations

import pandas as pd

import robotrader_sdk as rt


class EmaTrend(rt.Strategy):
    """Long while the fast EMA is above the slow one, entered once the ADX shows a strong trend.

    Idea: a cross of two averages says which way, not how much. The average directional index
    says how strong the movement is, whichever way; waiting until it is high leaves out many of
    the crosses of a market that goes nowhere. Only the entry waits: the exit is the cross.

    Source: the ADX and its use as a filter: J. W. Wilder, New Concepts in Technical Trading
    Systems, 1978; exponential averages in trend systems: P. J. Kaufman, Trading Systems and
    Methods, 5th edition, 2013.

    Fails: when trends are short, since the ADX is an average of averages and high only when
    much of the move is over; in a strong trend that ends in a crash, where the exit is late.
    """

    fast: int = rt.param(20, ge=2, le=200, description="length of the fast EMA, in bars")
    slow: int = rt.param(50, ge=3, le=400, description="length of the slow EMA, in bars")
    adx_length: int = rt.param(14, ge=2, le=100, description="length of the ADX, in bars")
    min_adx: float = rt.param(20.0, ge=0, le=100, description="ADX above which a trend is strong")
    allow_short: bool = rt.param(False, description="short in strong downtrends; not on spot")

    def check(self) -> None:
        """The fast average is shorter than the slow one."""
        if self.fast >= self.slow:
            raise ValueError("fast must be below slow")

    @property
    def warmup_bars(self) -> int:
        """The slow average and the ADX at one bar."""
        return max(self.slow - 1, 2 * self.adx_length - 1)

    def signals(self, bars: pd.DataFrame) -> rt.Signals:
        """Enter in the direction of the averages while the trend is strong; exit as they turn."""
        fast = rt.ta.ema(bars.close, self.fast)
        slow = rt.ta.ema(bars.close, self.slow)
        adx = rt.ta.adx(bars, self.adx_length).adx
        strong = adx > self.min_adx
        return rt.Signals(
            enter_long=strong & (fast > slow),
            exit_long=fast < slow,
            enter_short=strong & (fast < slow) if self.allow_short else False,
            exit_short=fast > slow,
            indicators={f"ema {self.fast}": fast, f"ema {self.slow}": slow, "adx": adx},
        )
