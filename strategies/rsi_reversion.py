"""RsiReversion: Wilder's RSI leaving its extremes."""

from __future__ import annotations

import pandas as pd

import robotrader_sdk as rt


class RsiReversion(rt.Strategy):
    """Long as the RSI rises out of the oversold zone, until it is back in the middle.

    Idea: a fast fall overshoots, because those who must sell do so at any price; when selling
    dries up the price comes part of the way back. The entry waits until the RSI has left the
    zone, so that it does not catch the fall itself; the exit asks for the middle, no more. A
    stop-loss ends the trades in which the fall was the beginning of something.

    Source: J. W. Wilder, New Concepts in Technical Trading Systems, 1978 (RSI 14, levels 30 and
    70); exits at the middle as in L. Connors and C. Alvarez, Short Term Trading Strategies That
    Work, 2009.

    Fails: in a strong downtrend, where oversold is followed by more oversold: many small wins,
    few large losses.
    """

    length: int = rt.param(14, ge=2, le=100, description="length of the RSI, in bars")
    oversold: float = rt.param(30.0, gt=0, lt=100, description="RSI below which it is oversold")
    middle: float = rt.param(
        50.0, gt=0, lt=100, description="RSI at which a trade has done its job"
    )
    overbought: float = rt.param(70.0, gt=0, lt=100, description="RSI above which it is overbought")
    stop_loss: float = rt.param(
        0.1, gt=0, lt=1, description="stop, as a fraction of the entry price"
    )
    allow_short: bool = rt.param(False, description="short from overbought; not on spot")

    def check(self) -> None:
        """The three levels are in order."""
        if not self.oversold < self.middle < self.overbought:
            raise ValueError("needs oversold < middle < overbought")

    @property
    def warmup_bars(self) -> int:
        """The RSI at two bars in a row, to see it cross a level."""
        return self.length + 1

    def signals(self, bars: pd.DataFrame) -> rt.Signals:
        """Enter where the RSI leaves a zone, exit at its middle."""
        rsi = rt.ta.rsi(bars.close, self.length)
        return rt.Signals(
            enter_long=rt.ta.crossed_above(rsi, self.oversold),
            exit_long=rsi >= self.middle,
            enter_short=rt.ta.crossed_below(rsi, self.overbought) if self.allow_short else False,
            exit_short=rsi <= self.middle,
            stop_loss=self.stop_loss,
            indicators={"rsi": rsi},
        )
