"""Run what every bot will run once, in the zygote, so that bots share what it loads."""

from __future__ import annotations

import pandas as pd

from robotrader_sdk import indicators as ta
from robotrader_sdk.data.resample import resample
from robotrader_sdk.data.synthetic import synthetic_bars
from robotrader_sdk.strategy.base import Strategy
from robotrader_sdk.strategy.context import Context
from robotrader_sdk.strategy.handles import BarsHandle
from robotrader_sdk.strategy.portfolio import PortfolioStrategy
from robotrader_sdk.strategy.signals import Signals
from robotrader_sdk.types import Timeframe
from runner.sandbox.asking import asker_of
from runner.sandbox.history import History, chunks
from runner.sandbox.wire import LARGEST_STATE, Account, Ask, MarketTerms, frames_of, read_to_bot

_COLUMNS = ["open", "high", "low", "close", "volume"]


class _Event(Strategy):
    def init(self, bars: BarsHandle) -> None:
        self.fast = self.indicator(ta.sma, bars.close, 3)
        self.band = self.indicator(ta.atr, bars, 3)

    def on_bar(self, ctx: Context) -> None:
        self.seen = [ctx.bar, ctx.rng.random()]
        if ctx.position or ctx.orders:
            ctx.close_position()
        ctx.buy(stop_loss=0.1)


class _Vectorised(Strategy):
    def signals(self, bars: pd.DataFrame) -> Signals:
        fast, slow = ta.ema(bars.close, 3), bars.close.rolling(5).mean()
        return Signals(
            enter_long=ta.crossed_above(fast, slow), exit_long=ta.crossed_below(fast, slow)
        )


class _Weights(PortfolioStrategy):
    rebalance = "daily"

    def target_weights(self, panel: object) -> pd.DataFrame:
        closes: pd.DataFrame = panel.close  # type: ignore[attr-defined]  # a Panel
        return (closes.pct_change(3) > 0) / 2


def warm_up() -> None:
    """Ask strategies of every form, over bars that came over the wire."""
    bars = synthetic_bars(120, "1h", seed=1)
    history = History(_COLUMNS)
    for data in chunks(bars, _COLUMNS, 0):
        history.extend(data)
    _touch_pandas(history.frame())
    read_to_bot(frames_of(Ask(1, Account(1.0, 1.0)))[4:])
    account, hour = Account(1_000.0, 1_000.0), Timeframe.parse("1h")
    markets = [MarketTerms("A"), MarketTerms("B")]
    for strategy, symbols in ((_Event(), "A"), (_Vectorised(), "A"), (_Weights(), "AB")):
        asker = asker_of(strategy, markets[: len(symbols)], hour, LARGEST_STATE)
        histories = dict.fromkeys(symbols, history)
        state = asker.ask(histories, account, b"").state
        asker.ask(histories, account, state)


def _touch_pandas(bars: pd.DataFrame) -> None:
    """Parts of pandas that are loaded or built when they are first used."""
    bars.close.rolling(5).mean()
    bars.close.ewm(span=5).mean()
    bars.close.pct_change()
    bars.resample("4h").last()
    bars.groupby(pd.DatetimeIndex(bars.index).hour).close.sum()
    bars.tz_convert("America/New_York")
    repr(bars.tail(2))
    resample(bars, "4h")
