"""Bad input of `rt.backtest`: a typed error that says what was wrong and what was expected."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import robotrader_sdk as rt
from robotrader_sdk.errors import (
    BacktestError,
    BarsError,
    RobotraderError,
    StrategyError,
)

from .conftest import Cross


class Idle(rt.Strategy):
    warmup_bars = 0

    def on_bar(self, ctx: rt.Context) -> None:
        pass


def refused(error: type[Exception], words: list[str], *args: Any, **settings: Any) -> None:
    with pytest.raises(error) as caught:
        rt.backtest(*args, **settings)
    assert isinstance(caught.value, RobotraderError)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("cash", [0, -1, math.nan, math.inf, "10000", None, True, [1]])
def test_cash(bars: pd.DataFrame, cash: Any) -> None:
    refused(BacktestError, ["cash", "above 0", repr(cash)], Idle(), bars, cash=cash)


@pytest.mark.parametrize("fees", [0.001, (0.001, 0.001), None, "low"])
def test_fees(bars: pd.DataFrame, fees: Any) -> None:
    refused(BacktestError, ["fees", "rt.Fees("], Idle(), bars, fees=fees)


@pytest.mark.parametrize("slippage", [-0.1, 1, 5, math.nan, "a", None])
def test_slippage(bars: pd.DataFrame, slippage: Any) -> None:
    refused(BacktestError, ["slippage", str(slippage)], Idle(), bars, slippage=slippage)


@pytest.mark.parametrize("name", ["fill_at", "limit_fill"])
@pytest.mark.parametrize("value", ["open", "", None, 1])
def test_contract_words(bars: pd.DataFrame, name: str, value: Any) -> None:
    known = {"fill_at": ["'next_open'", "'close'"], "limit_fill": ["'through'", "'touch'"]}[name]
    refused(BacktestError, [name, repr(value), *known], Idle(), bars, **{name: value})


@pytest.mark.parametrize("instrument", ["spot", {"kind": "spot"}, 0])
def test_instrument(bars: pd.DataFrame, instrument: Any) -> None:
    refused(BacktestError, ["rt.Instrument("], Idle(), bars, instrument=instrument)


def test_class_instead_of_instance(bars: pd.DataFrame) -> None:
    refused(StrategyError, ["takes an instance: Idle()"], Idle, bars)


@pytest.mark.parametrize("strategy", [None, "Idle", 1, object(), dict])
def test_not_a_strategy(bars: pd.DataFrame, strategy: Any) -> None:
    refused(StrategyError, ["rt.Strategy"], strategy, bars)


def test_neither_form(bars: pd.DataFrame) -> None:
    class Neither(rt.Strategy):
        pass

    refused(StrategyError, ["Neither", "neither", "signals", "on_bar"], Neither(), bars)


def test_both_forms(bars: pd.DataFrame) -> None:
    class Both(Idle):
        def signals(self, bars: pd.DataFrame) -> rt.Signals:
            return rt.Signals()

    refused(StrategyError, ["Both", "both", "exactly one"], Both(), bars)


@pytest.mark.parametrize("bars", [None, "bars.csv", [[1, 2, 3, 4]], np.ones((9, 5)), 5])
def test_bars_of_another_type(bars: Any) -> None:
    refused(BarsError, [type(bars).__name__], Idle(), bars)


def test_empty_bars(bars: pd.DataFrame) -> None:
    refused(BarsError, [], Idle(), bars.iloc[:0])
    refused(BarsError, [], Idle(), pd.DataFrame())


def test_all_nan(bars: pd.DataFrame) -> None:
    refused(BarsError, ["NaN"], Idle(), bars * math.nan)


def test_missing_column(bars: pd.DataFrame) -> None:
    refused(BarsError, ["low"], Idle(), bars.drop(columns="low"))


def test_high_below_low(bars: pd.DataFrame) -> None:
    bars = bars.copy()
    bars.iloc[5, bars.columns.get_loc("high")] = 1.0
    refused(BarsError, ["high"], Idle(), bars)


def test_unsorted(bars: pd.DataFrame) -> None:
    refused(BarsError, [], Idle(), bars.iloc[::-1])


@pytest.mark.parametrize("n_bars", [1, 7, 8])
def test_bars_no_longer_than_the_warmup(bars: pd.DataFrame, n_bars: int) -> None:
    refused(BarsError, ["Cross", "8 bars of warm-up", f"got {n_bars}"], Cross(), bars[:n_bars])


def test_bars_shorter_than_what_the_indicators_need(bars: pd.DataFrame) -> None:
    class Slow(rt.Strategy):
        def init(self, bars: Any) -> None:
            self.sma = self.indicator(rt.ta.sma, bars["close"], 50)

        def on_bar(self, ctx: rt.Context) -> None:
            pytest.fail("called before its warm-up")

    refused(BarsError, ["Slow", "warm-up", "got 30"], Slow(), bars[:30])


def test_one_bar_is_a_run(bars: pd.DataFrame) -> None:
    result = rt.backtest(Idle(), bars[:1])
    assert result.equity.tolist() == [10_000.0]
    assert result.stats["n_trades"] == 0


def _line_of(word: str) -> int:
    lines = Path(__file__).read_text(encoding="utf-8").splitlines()
    return next(k for k, line in enumerate(lines, 1) if line.strip().endswith(f"# {word}"))


class FailsInSignals(rt.Strategy):
    def signals(self, bars: pd.DataFrame) -> rt.Signals:
        return bars["nothing"]  # FailsInSignals


class FailsInInit(Idle):
    def init(self, bars: Any) -> None:
        raise ValueError("no luck")  # FailsInInit


class FailsInOnBar(rt.Strategy):
    warmup_bars = 0

    def on_bar(self, ctx: rt.Context) -> None:
        if ctx.bar_number == 3:
            1 / 0  # FailsInOnBar # noqa: B018


@pytest.mark.parametrize(
    ("strategy", "words"),
    [
        (FailsInSignals, ["FailsInSignals.signals", "KeyError", "nothing"]),
        (FailsInInit, ["FailsInInit.init", "ValueError", "no luck"]),
        (FailsInOnBar, ["FailsInOnBar.on_bar", "ZeroDivisionError", "2024-01-01 03:00:00"]),
    ],
)
def test_the_users_own_error_is_named_with_its_line(
    bars: pd.DataFrame, strategy: type[rt.Strategy], words: list[str]
) -> None:
    words = [*words, Path(__file__).name]
    instance = strategy()
    refused(StrategyError, words, instance, bars)
    assert instance.__dict__ == strategy().__dict__
    with pytest.raises(StrategyError) as caught:
        rt.backtest(instance, bars)
    assert caught.value.__cause__ is not None
    line = _line_of("FailsInOnBar # noqa: B018" if "OnBar" in words[0] else strategy.__name__)
    assert f"line {line}" in str(caught.value)


@pytest.mark.parametrize("warmup", ["many", 1.5, -1])
def test_a_warmup_that_is_no_count(bars: pd.DataFrame, warmup: Any) -> None:
    class Odd(Idle):
        warmup_bars = warmup

    refused(StrategyError, ["warmup_bars", repr(warmup)], Odd(), bars)


def test_an_interrupt_is_not_swallowed(bars: pd.DataFrame) -> None:
    class Stopped(Idle):
        def on_bar(self, ctx: rt.Context) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rt.backtest(Stopped(), bars)


def test_a_failed_run_leaves_the_strategy_usable(bars: pd.DataFrame) -> None:
    strategy = Cross()
    with pytest.raises(BarsError):
        rt.backtest(strategy, bars[:3])
    assert rt.backtest(strategy, bars).to_json() == rt.backtest(Cross(), bars).to_json()


def test_an_event_strategy_keeps_no_state_between_runs(bars: pd.DataFrame) -> None:
    class Counts(rt.Strategy):
        warmup_bars = 0

        def init(self, bars: Any) -> None:
            self.seen = 0

        def on_bar(self, ctx: rt.Context) -> None:
            self.seen += 1
            if self.seen == 5:
                ctx.buy(quantity=1)

    strategy = Counts()
    first, second = rt.backtest(strategy, bars), rt.backtest(strategy, bars)
    assert first.fill_table["bar"].tolist() == second.fill_table["bar"].tolist() == [5]
    assert "seen" not in strategy.__dict__
