"""DonchianBreakout: the turtles' channels, with an ATR stop and a size by risk."""

from __future__ import annotations

import pandas as pd

import robotrader_sdk as rt


class DonchianBreakout(rt.Strategy):
    """Long after a close above the highest high of 20 bars, out below the lowest low of 10.

    Idea: a new extreme starts more big trends than chance would have it, and the few big ones
    pay for the many false ones, provided that each false one costs little. So the stop is a
    few average true ranges away, and the size is such that hitting it loses the same fraction
    of equity in a calm market and in a wild one; never more than all the equity is bought.

    Source: R. Donchian's channel; rules of the turtles (system 1, stop of 2 N, a unit of 1 % of
    equity per N) in C. Faith, Way of the Turtle, 2007. Here a breakout counts at the close and
    is bought at the next open; units are not added, no signal is skipped after a winner.

    Fails: through long series of false breakouts, the rule in a range (most trades lose); when
    the market gaps over the stop, which then costs more than planned.
    """

    entry_length: int = rt.param(20, ge=2, le=400, description="bars in the channel of entries")
    exit_length: int = rt.param(10, ge=2, le=200, description="bars in the channel of exits")
    atr_length: int = rt.param(20, ge=2, le=100, description="length of the ATR, the turtles' N")
    stop_atr: float = rt.param(2.0, gt=0, le=20, description="distance of the stop, in ATRs")
    risk: float = rt.param(0.02, gt=0, le=0.2, description="fraction of equity lost at the stop")
    allow_short: bool = rt.param(False, description="short after new lows; not on spot")

    def check(self) -> None:
        """The exit reacts faster than the entry."""
        if self.exit_length > self.entry_length:
            raise ValueError("exit_length must not be above entry_length")

    @property
    def warmup_bars(self) -> int:
        """The channel of the bars before, and the ATR."""
        return max(self.entry_length, self.atr_length)

    def signals(self, bars: pd.DataFrame) -> rt.Signals:
        """Compare the close with the channels up to the bar before, which don't contain it."""
        entry_high, _, entry_low = rt.ta.donchian(bars, self.entry_length)
        exit_high, _, exit_low = rt.ta.donchian(bars, self.exit_length)
        stop = self.stop_atr * rt.ta.atr(bars, self.atr_length) / bars.close
        stop = stop.clip(0.001, 0.9)  # a standstill leaves no room, a panic more than the price
        return rt.Signals(
            enter_long=bars.close > entry_high.shift(),
            exit_long=bars.close < exit_low.shift(),
            enter_short=bars.close < entry_low.shift() if self.allow_short else False,
            exit_short=bars.close > exit_high.shift(),
            stop_loss=stop,
            fraction=(self.risk / stop).clip(upper=1.0),
            indicators={"entry channel": entry_high.shift(), "exit channel": exit_low.shift()},
        )
