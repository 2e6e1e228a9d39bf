"""Strategies that between them do everything an order can do."""

from __future__ import annotations

import pandas as pd

import robotrader_sdk as rt


class Dips(rt.Strategy):
    """Limit entries that wait, with stop and take-profit; leaves by cancel-then-exit."""

    width: float = rt.param(0.025)

    def init(self, bars) -> None:
        self.sma = self.indicator(rt.ta.sma, bars.close, 5)
        self.entry: rt.Order | None = None

    def on_bar(self, ctx) -> None:
        if ctx.position and ctx.close < self.sma[-1]:
            ctx.close_position()
        elif not ctx.position and not ctx.orders and ctx.close > self.sma[-1]:
            self.entry = ctx.buy(
                limit_price=ctx.close * (1 - 0.2 * self.width),
                fraction=0.5,
                stop_loss=self.width,
                take_profit=1.5 * self.width,
                valid_bars=3,
            )
        elif self.entry is not None and self.entry.is_working and ctx.close < self.sma[-1]:
            ctx.cancel(self.entry)


class Trails(rt.Strategy):
    """Market entries by fraction with a trailing stop, which is replaced as it moves."""

    width: float = rt.param(0.025)

    def init(self, bars) -> None:
        self.sma = self.indicator(rt.ta.sma, bars.close, 5)

    def on_bar(self, ctx) -> None:
        if not ctx.position and ctx.close > self.sma[-1]:
            ctx.buy(fraction=0.9, trailing_stop=self.width)


class Turns(rt.Strategy):
    """Always in, long or short: reversals, each an exit and an entry; with a stop-loss."""

    width: float = rt.param(0.025)

    def signals(self, bars: pd.DataFrame) -> rt.Signals:
        fast, slow = rt.ta.sma(bars["close"], 2), rt.ta.sma(bars["close"], 5)
        return rt.Signals(
            enter_long=rt.ta.crossed_above(fast, slow),
            enter_short=rt.ta.crossed_below(fast, slow),
            stop_loss=2 * self.width,
            fraction=0.5,
        )


class Breaks(rt.Strategy):
    """Stop entries inside a bar; leaves by stop-loss, take-profit or a close below."""

    width: float = rt.param(0.025)

    def signals(self, bars: pd.DataFrame) -> rt.Signals:
        high, low = bars["high"].rolling(4).max(), bars["low"].rolling(4).min()
        return rt.Signals(
            enter_long=bars["close"] < high,
            exit_long=bars["close"] < low.shift(1),
            entry_stop_price=high * (1 + 0.01 * self.width),
            stop_loss=0.6 * self.width,
            take_profit=self.width,
            quantity=0.1,
        )


class Weights(rt.PortfolioStrategy):
    """Equal weights of what has risen, rebalanced every third bar: sells before buys."""

    rebalance = 3
    width: float = rt.param(0.025)

    def target_weights(self, panel: rt.Panel) -> pd.DataFrame:
        rising = panel.close.pct_change(3) > 0
        return rising * (0.9 / len(panel.symbols))


STRATEGIES = {one.__name__: one for one in (Dips, Trails, Turns, Breaks, Weights)}
