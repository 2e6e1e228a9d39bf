"""TripleScreen: Elder's three screens over two timeframes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

import robotrader_sdk as rt
from robotrader_sdk.types import OrderStatus

if TYPE_CHECKING:
    from robotrader_sdk.strategy.handles import BarsHandle
    from robotrader_sdk.strategy.intents import Order

_USUAL = ("5m", "15m", "30m", "1h", "2h", "4h", "6h", "12h", "1d", "1w")
_ROOM = 0.001  # a standstill leaves none between high and low


class TripleScreen(rt.Strategy):
    """Buy where a dip ends, in the direction of a trend on bars about five times longer.

    Idea: a trend and the dips in it are of different timeframes, and an indicator of either kind
    alone says buy when the other says sell. First screen: the histogram of the MACD of the
    coarser bars rises, the trend gains strength. Second: the stochastic of the bars themselves is
    oversold, a dip against that trend. Third: a buy stop at the high of the last bar, lowered
    with each lower high, so that nothing is bought before the dip is over. The stop-loss is at
    the lowest low of the last bars, and the size such that hitting it loses a fixed fraction
    of equity. What is held is sold when the histogram falls.

    Source: A. Elder, Trading for a Living, 1993 (weekly and daily bars; stop and buy stop a tick
    beyond low and high; 2 % of equity at risk). Here both lie at the low and the high themselves,
    since a tick differs from market to market, and there are no shorts.

    Fails: in a range, where the histogram turns every few bars and each turn is sold at the low;
    at the end of a trend, which looks like one more dip; when a gap jumps over buy stop or
    stop-loss. A coarser bar tells of its trend only once it has closed.
    """

    coarse: str = rt.param(
        "auto",
        description="timeframe of the trend, such as 1w; auto: the next usual one that is at "
        "least four times that of the bars",
    )
    fast: int = rt.param(12, ge=2, le=100, description="length of the MACD's fast EMA, coarse bars")
    slow: int = rt.param(26, ge=3, le=200, description="length of its slow EMA, in coarse bars")
    signal: int = rt.param(9, ge=2, le=100, description="length of its signal line, in coarse bars")
    stochastic: int = rt.param(5, ge=2, le=100, description="length of the stochastic, in bars")
    oversold: float = rt.param(30.0, gt=0, lt=100, description="stochastic below which it is a dip")
    stop_bars: int = rt.param(2, ge=1, le=100, description="bars whose lowest low is the stop-loss")
    risk: float = rt.param(0.02, gt=0, le=0.2, description="fraction of equity lost at the stop")
    most: float = rt.param(
        0.9, gt=0, le=1, description="fraction of equity to buy for at most; the rest pays for gaps"
    )

    bid: Order | None = None  # the last buy stop of this trend

    def check(self) -> None:
        """The fast average is shorter than the slow one, and the timeframe can be read."""
        if self.fast >= self.slow:
            raise ValueError("fast must be below slow")
        if self.coarse != "auto":
            rt.Timeframe.parse(self.coarse)

    def init(self, bars: BarsHandle) -> None:
        """The histogram and its change on the coarser bars, the rest on the bars themselves."""
        coarse = rt.resample(bars, self._coarse_timeframe(bars.timeframe))
        macd = self.indicator(rt.ta.macd, coarse.close, self.fast, self.slow, self.signal)
        self.slope = self.indicator(pd.Series.diff, macd.histogram)
        self.dip = self.indicator(rt.ta.stochastic, bars, self.stochastic).d
        self.low = self.indicator(rt.ta.lowest, bars.low, self.stop_bars)

    def on_bar(self, ctx: rt.Context) -> None:
        """Hold while the trend gains strength; else bid above a dip until the bid is filled."""
        if not self.slope[-1] > 0:
            self.bid = None
            ctx.close_position()
        elif not ctx.position and (self.dip[-1] < self.oversold or self._waits()):
            self.bid = self._place_bid(ctx)

    def _waits(self) -> bool:
        return self.bid is not None and self.bid.status is not OrderStatus.FILLED

    def _place_bid(self, ctx: rt.Context) -> Order:
        """A buy stop at the high, for one bar: unfilled, the next high is lower."""
        stop_loss = min(self.low[-1], ctx.high * (1 - _ROOM))
        fraction = self.risk * ctx.high / (ctx.high - stop_loss)
        return ctx.buy(
            stop_price=ctx.high,
            stop_loss_price=stop_loss,
            fraction=min(fraction, self.most),
            valid_bars=1,
        )

    def _coarse_timeframe(self, timeframe: rt.Timeframe) -> rt.Timeframe:
        if self.coarse != "auto":
            return rt.Timeframe.parse(self.coarse)
        usual = (rt.Timeframe.parse(text) for text in _USUAL)
        fits = (
            one
            for one in usual
            if one.seconds >= 4 * timeframe.seconds and one.seconds % timeframe.seconds == 0
        )
        return next(fits, rt.Timeframe(4 * timeframe.seconds))
