"""Bad panels, weights and settings: a typed error that names the symbol, row or column."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import robotrader_sdk as rt
from robotrader_sdk.errors import (
    BacktestError,
    BarsError,
    InstrumentError,
    ParameterError,
    RobotraderError,
    SignalError,
    StrategyError,
)

from .conftest import Weights, Written, random_panel, rows, times

SPOT = rt.Instrument(kind="spot")


@pytest.fixture
def panel() -> dict[str, pd.DataFrame]:
    return random_panel(10, ["BTC/USDT", "ETH/USDT"])


def refused(error: type[Exception], words: list[str], *args: Any, **settings: Any) -> None:
    with pytest.raises(error) as caught:
        rt.backtest(*args, **settings)
    assert isinstance(caught.value, RobotraderError)
    for word in words:
        assert word in str(caught.value)


def weights(wanted: dict[int, dict[str, float]]) -> Weights:
    return Weights.of(rows(wanted))


def test_weights_that_are_nan(panel: Any) -> None:
    wanted = rows({2: {"BTC/USDT": 0.5}, 4: {"BTC/USDT": 0.1, "ETH/USDT": 0.2}})
    wanted.iloc[1, 1] = np.nan
    words = ["target_weights", "ETH/USDT", "2024-01-05", "nan", "dropna"]
    refused(SignalError, words, Weights.of(wanted), panel)


def test_weights_that_are_infinite(panel: Any) -> None:
    words = ["BTC/USDT", "2024-01-03", "inf"]
    refused(SignalError, words, weights({2: {"BTC/USDT": np.inf}}), panel)


def test_weights_for_an_unknown_symbol(panel: Any) -> None:
    words = ["no symbol 'BTC/USD'", "did you mean 'BTC/USDT'?", "ETH/USDT"]
    refused(SignalError, words, weights({2: {"BTC/USD": 1.0}}), panel)


@pytest.mark.parametrize("sign", [1, -1])
def test_weights_above_the_limit(panel: Any, sign: int) -> None:
    wanted = {1: {"BTC/USDT": 0.5}, 3: {"BTC/USDT": 0.5, "ETH/USDT": 0.6 * sign}}
    words = ["2024-01-04", "1.1 of the equity", "at most 1", f"ETH/USDT {0.6 * sign:g}"]
    refused(SignalError, words, weights(wanted), panel)


def test_weights_that_sum_to_1_with_noise_are_fine(panel: Any) -> None:
    third = 1 / 3 + 1e-12
    result = rt.backtest(weights({1: {"BTC/USDT": 2 * third, "ETH/USDT": third}}), panel)
    assert result.rejected.empty


def test_a_short_of_a_spot_instrument(panel: Any) -> None:
    words = ["ETH/USDT", "2024-01-04", "-0.2", "spot", "synthetic"]
    wanted = weights({3: {"BTC/USDT": -0.1, "ETH/USDT": -0.2}})
    refused(InstrumentError, words, wanted, panel, instrument={"ETH/USDT": SPOT})


def test_a_row_at_no_time_of_the_panel(panel: Any) -> None:
    wanted = pd.DataFrame({"BTC/USDT": [0.5]}, index=[pd.Timestamp("2024-01-03 12:00", tz="UTC")])
    words = ["row 0", "2024-01-03 12:00", "no time of panel.index", "rebalance = 'monthly'"]
    refused(SignalError, words, Weights.of(wanted), panel)


def test_rows_that_do_not_ascend(panel: Any) -> None:
    wanted = rows({1: {"BTC/USDT": 0.5}, 3: {"BTC/USDT": 0.5}})
    refused(SignalError, ["row 1", "2024-01-02"], Weights.of(wanted.iloc[::-1]), panel)
    twice = pd.concat([wanted, wanted.tail(1)])
    refused(SignalError, ["row 2", "2024-01-04"], Weights.of(twice), panel)


def test_columns_that_are_there_twice(panel: Any) -> None:
    wanted = rows({1: {"BTC/USDT": 0.5}})
    twice = pd.concat([wanted, wanted], axis=1)
    refused(SignalError, ["BTC/USDT", "more than one column"], Weights.of(twice), panel)


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (None, ["DataFrame", "NoneType"]),
        ({"BTC/USDT": 0.5}, ["DataFrame", "dict"]),
        (pd.Series([0.5]), ["DataFrame", "Series"]),
        (pd.DataFrame({"BTC/USDT": ["much"]}, index=times(1)), ["numbers"]),
        (pd.DataFrame({"BTC/USDT": [0.5]}), ["panel.index", "UTC"]),
        (pd.DataFrame({"BTC/USDT": [0.5]}, index=times(1).tz_localize(None)), ["UTC"]),
    ],
)
def test_what_is_no_table_of_weights(panel: Any, wanted: Any, words: list[str]) -> None:
    refused(SignalError, ["Weights.target_weights", *words], Weights.of(wanted), panel)


def test_rows_in_the_warmup_are_not_looked_at(panel: Any) -> None:
    class Slow(Weights):
        warmup_bars = 3

    wanted = rows({0: {"BTC/USDT": 7.0}, 2: {"BTC/USDT": np.nan}, 3: {"BTC/USDT": 0.5}})
    result = rt.backtest(Slow.of(wanted), panel)
    assert result.fills["time"].tolist() == [times(10)[4]]


def test_a_table_without_rows_trades_nothing(panel: Any) -> None:
    empty = pd.DataFrame(columns=["BTC/USDT"], index=times(0), dtype=float)
    assert rt.backtest(Weights.of(empty), panel).fills.empty


@pytest.mark.parametrize("stated", ["yearly", 0, -1, 1.5, True, ["daily"], "Daily"])
def test_a_schedule_that_is_none(panel: Any, stated: Any) -> None:
    words = ["Weights.rebalance", repr(stated), "'monthly'"]
    refused(StrategyError, words, Weights.of(rows({0: {}}), rebalance=stated), panel)


@pytest.mark.parametrize("stated", [-0.1, 1.0, float("nan"), "5 %", True])
def test_a_drift_band_that_is_none(panel: Any, stated: Any) -> None:
    words = ["Weights.drift_band", repr(stated), "[0, 1)"]
    refused(StrategyError, words, Weights.of(rows({0: {}}), drift_band=stated), panel)


def test_both_forms_or_neither(panel: Any) -> None:
    class Neither(rt.PortfolioStrategy):
        pass

    class Both(Weights):
        def on_bar(self, ctx: Any) -> None:
            pass

    refused(StrategyError, ["Neither has neither", "target_weights"], Neither(), panel)
    refused(StrategyError, ["Both has both", "on_bar"], Both(), panel)


def test_the_class_instead_of_an_instance(panel: Any) -> None:
    refused(StrategyError, ["takes an instance: Weights()"], Weights, panel)


class FailsInWeights(rt.PortfolioStrategy):
    def target_weights(self, panel: rt.Panel) -> pd.DataFrame:
        return panel["nothing"]


def test_a_failing_target_weights_is_named_with_its_line(panel: Any) -> None:
    words = ["FailsInWeights.target_weights", "KeyError", "nothing", Path(__file__).name]
    refused(StrategyError, words, FailsInWeights(), panel)


def test_a_failing_init_is_named(panel: Any) -> None:
    def init(self: Any, panel: Any) -> None:
        raise ValueError("no luck")

    words = ["Written.init failed", "no luck"]
    refused(StrategyError, words, Written.of(lambda self, ctx: None, init), panel)


def test_bars_no_longer_than_the_warmup(panel: Any) -> None:
    class Slow(Weights):
        warmup_bars = 10

    refused(BarsError, ["10 bars of warm-up", "has 10"], Slow.of(rows({0: {}})), panel)


def test_one_symbols_bars_for_a_portfolio_strategy(panel: Any) -> None:
    words = ["bars of one symbol", "dict of frames"]
    refused(BarsError, words, weights({0: {}}), panel["BTC/USDT"])


def test_bad_bars_name_their_symbol(panel: Any) -> None:
    panel["ETH/USDT"] = panel["ETH/USDT"].assign(high=0.5)
    refused(BarsError, ["ETH/USDT: ", "high"], weights({0: {}}), panel)


@pytest.mark.parametrize("name", ["fees", "slippage", "instrument", "leverage"])
def test_settings_of_an_unknown_symbol(panel: Any, name: str) -> None:
    value = {"fees": rt.Fees(), "slippage": 0.1, "instrument": SPOT, "leverage": 1.0}[name]
    words = [name, "'ETH/USD'", "ETH/USDT"]
    refused(BacktestError, words, weights({0: {}}), panel, **{name: {"ETH/USD": value}})


def test_leverage_beyond_the_tier_of_one_symbol(panel: Any) -> None:
    perpetual = rt.Instrument(kind="linear_perpetual", max_leverage=5)
    settings = {"instrument": {"ETH/USDT": perpetual}, "leverage": {"ETH/USDT": 6.0}}
    refused(InstrumentError, ["leverage=6", "5"], weights({0: {}}), panel, **settings)


@pytest.mark.parametrize("name", ["rebalance", "drift_band", "seed"])
def test_what_may_be_a_parameter(name: str) -> None:
    value = {"rebalance": 5, "drift_band": 0.1, "seed": 3}[name]
    kind = type(value)
    declared = {name: rt.param(value), "__annotations__": {name: kind}}
    assert getattr(type("Own", (rt.PortfolioStrategy,), declared)(), name) == value


@pytest.mark.parametrize("name", ["target_weights", "init", "on_bar", "warmup_bars", "check"])
def test_a_parameter_may_not_hide_what_every_strategy_has(name: str) -> None:
    with pytest.raises(ParameterError, match=name):
        type("Odd", (rt.PortfolioStrategy,), {name: rt.param(1), "__annotations__": {name: int}})
