"""MacdTrend: MACD against its signal line, in the direction of a long average."""

from __future__ import annotations

import pandas as pd

import robotrader_sdk as rt


class MacdTrend(rt.Strategy):
    """Long as the MACD crosses above its signal line while the close is above a long EMA.

    Idea: the MACD is the distance of two averages, so it turns when a move speeds up or slows
    down, well before the averages themselves cross. That is early, and often wrong; the long
    average keeps to those signals that go with the main trend. The exit is the opposite cross.

    Source: G. Appel, The Moving Average Convergence-Divergence Trading Method, 1979; with the
    main trend as a filter in his Technical Analysis: Power Tools for Active Investors, 2005.

    Fails: in a steady trend, where the MACD wobbles around its signal line and makes many small
    trades of one long one; near a turn of the main trend, on whose wrong side the filter is.
    """

    fast: int = rt.param(12, ge=2, le=100, description="length of the MACD's fast EMA, in bars")
    slow: int = rt.param(26, ge=3, le=200, description="length of the MACD's slow EMA, in bars")
    signal: int = rt.param(9, ge=2, le=100, description="length of the signal line, in bars")
    trend: int = rt.param(200, ge=2, le=1000, description="length of the EMA of the main trend")
    allow_short: bool = rt.param(False, description="short below the main trend; not on spot")

    def check(self) -> None:
        """The fast average is shorter than the slow one."""
        if self.fast >= self.slow:
            raise ValueError("fast must be below slow")

    @property
    def warmup_bars(self) -> int:
        """The MACD and its signal line at two bars in a row, and the long average."""
        return max(self.slow + self.signal - 1, self.trend - 1)

    def signals(self, bars: pd.DataFrame) -> rt.Signals:
        """Enter where the lines cross the way of the main trend; exit where they cross back."""
        macd, signal, _ = rt.ta.macd(bars.close, self.fast, self.slow, self.signal)
        trend = rt.ta.ema(bars.close, self.trend)
        up = rt.ta.crossed_above(macd, signal)
        down = rt.ta.crossed_below(macd, signal)
        return rt.Signals(
            enter_long=up & (bars.close > trend),
            exit_long=down,
            enter_short=down & (bars.close < trend) if self.allow_short else False,
            exit_short=up,
            indicators={f"ema {self.trend}": trend, "macd": macd, "macd signal": signal},
        )
