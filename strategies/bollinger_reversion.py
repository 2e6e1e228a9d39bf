"""BollingerReversion: closes outside the bands return to the average."""

from __future__ import annotations

import pandas as pd

import robotrader_sdk as rt


class BollingerReversion(rt.Strategy):
    """Long as the close falls below the lower band, until it is back at the average.

    Idea: in a market without a trend, a close two standard deviations below the average is
    unusual, and the average is where the price is most often found. The band widens with
    volatility, so that "unusual" stays what it is. A stop-loss ends the trades in which the
    close outside was the start of a trend.

    Source: J. Bollinger, Bollinger on Bollinger Bands, 2001. He warns that a touch of a band is
    no signal by itself: this is the plain form, for markets that range.

    Fails: when a range ends, since a breakout looks like a bargain and the average follows the
    price down to the exit: the loss is taken late, or at the stop.
    """

    length: int = rt.param(20, ge=2, le=200, description="bars in average and deviation")
    width: float = rt.param(2.0, gt=0, le=10, description="distance of a band, in deviations")
    stop_loss: float = rt.param(
        0.1, gt=0, lt=1, description="stop, as a fraction of the entry price"
    )
    allow_short: bool = rt.param(False, description="short above the upper band; not on spot")

    @property
    def warmup_bars(self) -> int:
        """The bands at two bars in a row, to see the close cross them."""
        return self.length

    def signals(self, bars: pd.DataFrame) -> rt.Signals:
        """Enter where the close leaves the bands, exit at the average."""
        upper, middle, lower = rt.ta.bollinger(bars.close, self.length, self.width)
        above = rt.ta.crossed_above(bars.close, upper)
        return rt.Signals(
            enter_long=rt.ta.crossed_below(bars.close, lower),
            exit_long=bars.close >= middle,
            enter_short=above if self.allow_short else False,
            exit_short=bars.close <= middle,
            stop_loss=self.stop_loss,
            indicators={"upper": upper, "middle": middle, "lower": lower},
        )
