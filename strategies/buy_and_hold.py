"""BuyAndHold: the yardstick."""

from __future__ import annotations

import numpy as np
import pandas as pd

import robotrader_sdk as rt


class BuyAndHold(rt.Strategy):
    """Buy at the second bar's open and never sell.

    Idea: own the market and do nothing: no timing that can be wrong, one fee. What another
    strategy earns is to be compared with this, and with its drawdown.

    Source: W. F. Sharpe, "The Arithmetic of Active Management", Financial Analysts Journal
    47(1), 1991: before costs the average active trader earns what the market earns, after costs
    less.

    Fails: in a market that falls and does not come back; and with whoever can't sit through
    a drawdown of one half or more, which most markets have had.
    """

    fraction: float = rt.param(1.0, gt=0, le=1, description="fraction of equity to invest")

    warmup_bars = 0

    def signals(self, bars: pd.DataFrame) -> rt.Signals:
        """Enter at the first bar."""
        return rt.Signals(enter_long=np.arange(len(bars)) == 0, fraction=self.fraction)
