"""The SMA cross in both forms."""

from __future__ import annotations

import pandas as pd

import robotrader_sdk as rt

FEES = rt.Fees(maker=1e-4, taker=1e-4)


class SignalCross(rt.Strategy):
    """Long while the fast average is above the slow one, vectorised."""

    fast: int = rt.param(10, ge=2)
    slow: int = rt.param(50, ge=2)

    def signals(self, bars):
        fast, slow = rt.ta.sma(bars.close, self.fast), rt.ta.sma(bars.close, self.slow)
        return rt.Signals(
            enter_long=rt.ta.crossed_above(fast, slow), exit_long=rt.ta.crossed_below(fast, slow)
        )


class EventCross(rt.Strategy):
    """The same, bar by bar."""

    fast: int = rt.param(10, ge=2)
    slow: int = rt.param(50, ge=2)

    def init(self, bars):
        self.quick = self.indicator(rt.ta.sma, bars.close, self.fast)
        self.calm = self.indicator(rt.ta.sma, bars.close, self.slow)

    def on_bar(self, ctx):
        if self.quick[-1] > self.calm[-1]:
            if self.quick[-2] <= self.calm[-2]:
                ctx.buy()
        elif self.quick[-2] >= self.calm[-2]:
            ctx.close_position()


def vectorised(bars: pd.DataFrame) -> tuple[float, int]:
    """From the DataFrame to the figures: total return and number of trades."""
    return _figures(rt.backtest(SignalCross(), bars, fees=FEES))


def event(bars: pd.DataFrame) -> tuple[float, int]:
    """The same through on_bar."""
    return _figures(rt.backtest(EventCross(), bars, fees=FEES))


def _figures(result: rt.BacktestResult) -> tuple[float, int]:
    return result.stats["total_return"], result.stats["n_trades"]
