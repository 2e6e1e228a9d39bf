"""Trade hourly bars in the direction of the daily trend, in both forms. Needs no network."""

import pandas as pd

import robotrader_sdk as rt


class DipInTrend(rt.Strategy):
    """Event form: buy an oversold hour while the daily average rises."""

    def init(self, bars):
        """What comes from daily bars is aligned: usable from the hour that closes the day."""
        daily = rt.resample(bars, "1d")
        self.trend = self.indicator(rt.ta.ema, daily.close, 10)
        self.before = self.indicator(lambda line: line.shift(), self.trend)  # a day earlier
        self.rsi = self.indicator(rt.ta.rsi, bars.close, 14)

    def on_bar(self, ctx):
        """Decide at the close of each hour."""
        rises = self.trend[-1] > self.before[-1]
        if ctx.position:
            if self.rsi[-1] > 65 or not rises:
                ctx.close_position()
        elif rises and self.rsi[-1] < 35:
            ctx.buy(stop_loss=0.04)


class DipInTrendSignals(rt.Strategy):
    """The same, vectorised."""

    warmup_bars = 11 * 24 - 1  # what the event form finds out by itself

    def signals(self, bars):
        """Compute on daily bars, then bring the answer to the hours with rt.align."""
        trend = rt.ta.ema(rt.resample(bars, "1d").close, 10)
        rises = rt.align(trend > trend.shift(), bars)
        rsi = rt.ta.rsi(bars.close, 14)
        return rt.Signals(
            enter_long=rises & (rsi < 35), exit_long=(rsi > 65) | ~rises, stop_loss=0.04
        )


class TightExits(rt.Strategy):
    """In at every second bar, out at half a percent either way: a bar often reaches both."""

    def signals(self, bars):
        """What came first, a bar of hours can't tell; its minutes may."""
        every_second = [number % 2 == 0 for number in range(len(bars))]
        return rt.Signals(enter_long=every_second, stop_loss=0.005, take_profit=0.005)


if __name__ == "__main__":
    bars = rt.synthetic_bars(24 * 365, "1h", seed=11, drift=0.5)  # made up, and labelled so
    event = rt.backtest(DipInTrend(), bars)
    vectorised = rt.backtest(DipInTrendSignals(), bars)

    daily = rt.resample(bars, "1d")
    night = bars.index[[22, 23, 24]]
    shown = {"close": bars.close, "day's close, as known": rt.align(daily.close, bars)}
    print(pd.DataFrame(shown).loc[night].to_string())

    figures = ["total_return", "sharpe", "max_drawdown", "n_trades"]
    print(pd.DataFrame({"event": event.stats, "vectorised": vectorised.stats}).loc[figures])
    print("the same fills:", event.fills.equals(vectorised.fills))

    minutes = rt.synthetic_bars(60 * 24 * 60, "1m", seed=2)
    four_hours = rt.resample(minutes, "4h")
    for name, detail in (("4h alone", None), ("with minutes", minutes)):
        run = rt.backtest(TightExits(), four_hours, detail=detail)
        low, high = run.stats["pnl_pessimistic"], run.stats["pnl_optimistic"]
        doubt = f"{run.n_ambiguous} of {len(run.trades)} trades in doubt"
        print(f"{name}: {doubt}, pnl {low:.2f} to {high:.2f}")
