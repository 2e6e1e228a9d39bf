"""Strategies that between them use every kind of order, in both forms."""

from __future__ import annotations

import pandas as pd

import robotrader_sdk as rt
from tests.parity.event_strategies import Flips, Juggles, Risks, Swaps, Trims, Waits


class Cross(rt.Strategy):
    """All in at a cross, by fraction; out at the other, or by the stop-loss."""

    width: float = rt.param(0.05)

    def signals(self, bars: pd.DataFrame) -> rt.Signals:
        fast, slow = rt.ta.sma(bars["close"], 3), rt.ta.sma(bars["close"], 7)
        return rt.Signals(
            enter_long=rt.ta.crossed_above(fast, slow),
            exit_long=rt.ta.crossed_below(fast, slow),
            stop_loss=0.4 * self.width,
        )


class Breakout(rt.Strategy):
    """Enters by a stop inside a bar; out by stop-loss, take-profit, or a close below."""

    width: float = rt.param(0.05)

    def signals(self, bars: pd.DataFrame) -> rt.Signals:
        high, low = bars["high"].rolling(6).max(), bars["low"].rolling(6).min()
        return rt.Signals(
            enter_long=bars["close"] < high,
            exit_long=bars["close"] < low.shift(1),
            entry_stop_price=high * (1 + 0.02 * self.width),
            stop_loss=0.6 * self.width,
            take_profit=self.width,
            fraction=0.3,
        )


class Dip(rt.Strategy):
    """Enters by a limit that waits three bars, leaves by take-profit or stop-loss."""

    width: float = rt.param(0.05)
    notional: float = rt.param(2_000.0)

    def signals(self, bars: pd.DataFrame) -> rt.Signals:
        return rt.Signals(
            enter_long=bars["close"] < rt.ta.sma(bars["close"], 8),
            entry_limit_price=bars["close"] * (1 - 0.3 * self.width),
            valid_bars=3,
            stop_loss=self.width,
            take_profit=0.8 * self.width,
            notional=self.notional,
        )


class Rests(rt.Strategy):
    """An event strategy: limits that are taken back, protection on both sides, exits by hand."""

    width: float = rt.param(0.05)

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
    """Two market entries at once with trailing stops, at some of the bars, as chance has it."""

    width: float = rt.param(0.05)

    def init(self, bars) -> None:
        self.sma = self.indicator(rt.ta.sma, bars.close, 4)

    def on_bar(self, ctx) -> None:
        if not ctx.position and ctx.close > self.sma[-1] and ctx.rng.random() < 0.7:
            ctx.buy(fraction=0.5, trailing_stop=0.7 * self.width)
            ctx.buy(fraction=0.4, trailing_stop=0.8 * self.width)


class Adds(rt.Strategy):
    """Several lots, each with its own stop; part of them is sold by a market order."""

    width: float = rt.param(0.05)

    def init(self, bars) -> None:
        self.sma = self.indicator(rt.ta.sma, bars.close, 4)
        self.n_lots = 0

    def on_bar(self, ctx) -> None:
        if not ctx.position:
            self.n_lots = 0
        if ctx.close > self.sma[-1] and self.n_lots < 3:
            ctx.buy(fraction=0.2, stop_loss=(1 + 0.3 * self.n_lots) * self.width)
            self.n_lots += 1
        elif ctx.close < self.sma[-1] and self.n_lots == 3:
            ctx.sell(quantity=ctx.position.quantity / 2)
            self.n_lots = 4
        elif ctx.position and self.n_lots == 4 and ctx.close > self.sma[-1]:
            ctx.close_position()


class Weights(rt.PortfolioStrategy):
    """Equal weights of what has risen, rebalanced every third bar: sells before buys."""

    rebalance = 3

    def target_weights(self, panel: rt.Panel) -> pd.DataFrame:
        rising = panel.close.pct_change(3) > 0
        return rising * (0.9 / len(panel.symbols))


class Tilts(rt.PortfolioStrategy):
    """Weights by how much each has risen, so that most positions change by a part at each bar."""

    def target_weights(self, panel: rt.Panel) -> pd.DataFrame:
        rises = panel.close.pct_change(3).clip(lower=0) + 0.1
        return rises.div(rises.sum(axis=1), axis=0).fillna(0) * 0.9


class Spins(rt.PortfolioStrategy):
    """Event form: all by weights at each third bar, single orders in between, as chance has it."""

    shorts: bool = rt.param(False)

    def init(self, panel) -> None:
        pass

    def on_bar(self, ctx) -> None:
        if ctx.bar_number < 3:
            return
        moves = {symbol: ctx[symbol].history(4)["close"] for symbol in ctx}
        rises = {symbol: move.iloc[-1] > move.iloc[0] for symbol, move in moves.items()}
        down = -0.3 if self.shorts else 0.0
        if ctx.bar_number % 3 == 0:
            ctx.rebalance({symbol: 0.3 if up else down for symbol, up in rises.items()})
        elif ctx.bar_number % 3 == 1:
            for symbol, up in rises.items():
                if ctx[symbol].position and ctx.rng.random() < 0.7:
                    ctx[symbol].close_position()
                elif not ctx[symbol].position and (up or self.shorts):
                    (ctx[symbol].buy if up else ctx[symbol].sell)(fraction=0.3)


class Carries(rt.PortfolioStrategy):
    """A perpetual that is bought once, and beside it as much of a spot market as there is money."""

    drift_band = 0.3
    share: float = rt.param(0.6)

    def target_weights(self, panel: rt.Panel) -> pd.DataFrame:
        spot, perpetual = sorted(panel.symbols, key=lambda symbol: ":" in symbol)
        rising = panel.close[spot].pct_change(1) > 0
        return pd.DataFrame({spot: 0.4 + 0.39 * rising, perpetual: self.share}).iloc[2:]


class Turns(rt.Strategy):
    """Always in, long or short: reversals at one open, with a stop-loss."""

    width: float = rt.param(0.05)

    def signals(self, bars: pd.DataFrame) -> rt.Signals:
        fast, slow = rt.ta.sma(bars["close"], 2), rt.ta.sma(bars["close"], 5)
        return rt.Signals(
            enter_long=rt.ta.crossed_above(fast, slow),
            enter_short=rt.ta.crossed_below(fast, slow),
            stop_loss=2 * self.width,
            fraction=1.5,
        )


SPOT = (Cross, Breakout, Dip, Rests, Trails, Adds)
_MORE = (Weights, Tilts, Spins, Carries, Turns, Trims, Risks, Waits, Swaps, Flips, Juggles)
STRATEGIES = {one.__name__: one for one in (*SPOT, *_MORE)}
