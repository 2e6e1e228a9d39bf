"""SmaCross: two simple moving averages."""

from __future__ import annotations

import pandas as pd

import robotrader_sdk as rt


class SmaCross(rt.Strategy):
    """Long from where the fast average of the close rises above the slow one, until it falls below.

    Idea: prices trend, and an average shows the trend without the noise of single bars. Two of
    them turn "is there a trend?" into a yes or no that changes rarely. The price of that is
    time: both the entry and the exit come late.

    Source: W. Brock, J. Lakonishok and B. LeBaron, "Simple Technical Trading Rules and the
    Stochastic Properties of Stock Returns", The Journal of Finance 47(5), 1992.

    Fails: in a market that goes sideways, where it buys high and sells low at each cross and
    pays a fee for both; in sharp reversals, which are over before the averages have met.
    """

    fast: int = rt.param(10, ge=2, le=200, description="bars in the fast average")
    slow: int = rt.param(50, ge=3, le=400, description="bars in the slow average")
    allow_short: bool = rt.param(False, description="short instead of flat; not on spot")

    def check(self) -> None:
        """The fast average has fewer bars than the slow one."""
        if self.fast >= self.slow:
            raise ValueError("fast must be below slow")

    @property
    def warmup_bars(self) -> int:
        """Both averages at two bars in a row, to see them cross."""
        return self.slow

    def signals(self, bars: pd.DataFrame) -> rt.Signals:
        """Enter where the averages cross upwards, exit where they cross downwards."""
        fast = rt.ta.sma(bars.close, self.fast)
        slow = rt.ta.sma(bars.close, self.slow)
        up = rt.ta.crossed_above(fast, slow)
        down = rt.ta.crossed_below(fast, slow)
        return rt.Signals(
            enter_long=up,
            exit_long=down,
            enter_short=down if self.allow_short else False,
            exit_short=up,
            indicators={f"sma {self.fast}": fast, f"sma {self.slow}": slow},
        )
