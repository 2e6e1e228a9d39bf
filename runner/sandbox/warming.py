"""Run what every bot will run once, in the zygote, so that bots share what it loads.

All code that runs here is this file's and the library's.
"""

from __future__ import annotations

import contextlib
import linecache
import socket
import sys

import pandas as pd

from robotrader_sdk import indicators as ta
from robotrader_sdk.data.resample import resample
from robotrader_sdk.data.synthetic import synthetic_bars
from robotrader_sdk.deploy.bundle import FILE_NAME
from robotrader_sdk.strategy.base import Strategy
from robotrader_sdk.strategy.portfolio import PortfolioStrategy
from robotrader_sdk.strategy.signals import Signals
from robotrader_sdk.types import OrderStatus, Timeframe
from runner.sandbox import bot_main
from runner.sandbox.asking import asker_of
from runner.sandbox.history import History
from runner.sandbox.outgoing import Outgoing
from runner.sandbox.settings import BotLimits
from runner.sandbox.wire import (
    LARGEST_STATE,
    Account,
    Ask,
    Bars,
    Caps,
    Holding,
    MarketTerms,
    OrderNews,
    Start,
    frames_of,
)

_COLUMNS = ["open", "high", "low", "close", "volume"]
_DIGEST = "warm" * 16
_CODE = """Event
import robotrader_sdk as rt
import robotrader_sdk.indicators as ta


class Event(rt.Strategy):
    def init(self, bars):
        self.fast = self.indicator(ta.sma, bars.close, 3)
        self.band = self.indicator(ta.atr, bars, 3)

    def on_bar(self, ctx):
        self.seen = [ctx.bar, ctx.rng.random(), self.fast[-1]]
        if ctx.position or ctx.orders:
            ctx.close_position()
        print("bar", ctx.bar_number)
        ctx.buy(notional=ctx.cash / 2, stop_loss=0.1)
"""
"""An event strategy, as a bot is sent it."""


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
    for data in Outgoing("A", _COLUMNS).unsent(bars):
        history.extend(data)
    _touch_pandas(history.frame())
    _rehearse(bars)
    account, hour = Account(1_000.0, 1_000.0), Timeframe.parse("1h")
    markets = [MarketTerms("A"), MarketTerms("B")]
    for strategy, symbols in ((_Vectorised(), "A"), (_Weights(), "AB")):
        asker = asker_of(strategy, markets[: len(symbols)], hour, LARGEST_STATE)
        histories = dict.fromkeys(symbols, history)
        state = asker.ask(histories, account, b"").state
        asker.ask(histories, account, state)


def _rehearse(bars: pd.DataFrame) -> None:
    """Serve a bot over a socket, from its start to its end."""
    ours, theirs = socket.socketpair()
    outputs = sys.stdout, sys.stderr
    with ours, theirs:
        ours.sendall(b"".join(_told_to_a_bot(bars)))
        ours.shutdown(socket.SHUT_WR)
        try:
            with contextlib.suppress(EOFError):
                bot_main.serve(theirs.fileno())
        finally:
            sys.stdout, sys.stderr = outputs
            linecache.cache.pop(FILE_NAME, None)
            sys.modules.pop(f"bundle_{_DIGEST[:16]}", None)


def _told_to_a_bot(bars: pd.DataFrame) -> list[bytes]:
    code, caps = _CODE.encode(), Caps.of(BotLimits())
    told = Start(_DIGEST, {"seed": 0}, True, [MarketTerms("A")], 3600, caps, len(code), 0)
    messages, outgoing = [frames_of(told, code)], Outgoing("A", _COLUMNS)
    for number, last in enumerate(range(len(bars) - 5, len(bars)), start=1):
        messages.extend(frames_of(Bars(0, data)) for data in outgoing.unsent(bars.iloc[:last]))
        held = {"A": Holding(1.0, 100.0, 1.0, 101.0)} if number % 2 else {}
        news = [OrderNews("A", number - 1, OrderStatus.FILLED, 1.0, 100.0)]
        account = Account(1_000.0, 1_000.0, held, [("A", number - 1)], news)
        messages.append(frames_of(Ask(number, account)))
    return messages


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
