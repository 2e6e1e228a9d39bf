from __future__ import annotations

import pickle
from typing import Any

import pytest

import robotrader_sdk as rt
import strategies
from robotrader_sdk.errors import BarsError, InstrumentError, ParameterError
from strategies.catalog import CATALOG

AnyClass = type[rt.Strategy] | type[rt.PortfolioStrategy]

CAN_SHORT = [
    "SmaCross", "EmaTrend", "MacdTrend", "Supertrend", "DonchianBreakout", "RsiReversion",
    "BollingerReversion",
]  # fmt: skip


def test_defaults_stand_in_the_schema_with_bounds_and_descriptions(
    any_class: AnyClass,
) -> None:
    schema = any_class.parameters()
    assert schema["title"] == any_class.__name__
    assert schema["additionalProperties"] is False
    own = {name: one for name, one in schema["properties"].items() if name != "seed"}
    assert own
    for name, one in own.items():
        assert one["description"], name
        assert one["default"] == any_class().params[name]
        if one["type"] in ("integer", "number"):
            assert {"minimum", "exclusiveMinimum"} & set(one), name


def test_parameters_survive_repr_copy_and_pickle(any_class: AnyClass) -> None:
    one = any_class()
    assert eval(repr(one), vars(strategies) | {any_class.__name__: any_class}) == one
    assert pickle.loads(pickle.dumps(one)) == one


def test_sma_cross_defaults_are_10_and_50() -> None:
    assert repr(strategies.SmaCross()) == "SmaCross(fast=10, slow=50, allow_short=False)"


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("SmaCross", {"fast": 1}),
        ("SmaCross", {"slow": 401}),
        ("SmaCross", {"fast": 2.5}),
        ("EmaTrend", {"min_adx": 101}),
        ("EmaTrend", {"adx_length": 1}),
        ("MacdTrend", {"signal": 1}),
        ("Supertrend", {"multiplier": 0}),
        ("DonchianBreakout", {"risk": 0}),
        ("DonchianBreakout", {"risk": 0.5}),
        ("RsiReversion", {"stop_loss": 10}),
        ("BollingerReversion", {"width": -1}),
        ("BuyAndHold", {"fraction": 1.1}),
        ("Dca", {"every": 0}),
        ("Dca", {"notional": 0}),
        ("Grid", {"levels": 0}),
        ("Grid", {"spacing": 0}),
        ("TripleScreen", {"oversold": 0}),
        ("TripleScreen", {"stop_bars": 0}),
        ("TripleScreen", {"risk": 1}),
        ("VolatilityTarget", {"target": 0}),
        ("VolatilityTarget", {"halflife": 1}),
        ("VolatilityTarget", {"drift_band": 1}),
        ("FundingCarry", {"weight": 0}),
        ("FundingCarry", {"days": 0}),
        ("MomentumRotation", {"top": 0}),
        ("MomentumRotation", {"skip": -1}),
        ("RiskParity", {"length": 9}),
        ("PairsReversion", {"exit": 0}),
        ("PairsReversion", {"exposure": 0}),
    ],
)
def test_a_value_out_of_bounds_is_refused(name: str, values: dict[str, Any]) -> None:
    with pytest.raises(ParameterError, match=next(iter(values))):
        CATALOG[name].load()(**values)


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("SmaCross", {"fast": 50, "slow": 50}, "fast must be below slow"),
        ("EmaTrend", {"fast": 60}, "fast must be below slow"),
        ("MacdTrend", {"fast": 26}, "fast must be below slow"),
        ("DonchianBreakout", {"exit_length": 21}, "exit_length"),
        ("RsiReversion", {"oversold": 50.0}, "oversold < middle < overbought"),
        ("RsiReversion", {"overbought": 40.0}, "oversold < middle < overbought"),
        ("Grid", {"levels": 11}, "levels x fraction"),
        ("TripleScreen", {"slow": 12}, "fast must be below slow"),
        ("TripleScreen", {"coarse": "weekly"}, "timeframe 'weekly' is not known"),
        ("VolatilityTarget", {"max_weight": 0.02}, "drift_band must be below max_weight"),
        ("FundingCarry", {"perpetual": "BTC/USDT"}, "must be two symbols"),
        ("FundingCarry", {"exit": 0.2}, "exit must not be above entry"),
        ("MomentumRotation", {"skip": 252}, "skip must be below lookback"),
        ("PairsReversion", {"first": "BTC/USDT"}, "must be two symbols"),
        ("PairsReversion", {"exit": 2.0}, "exit < entry < stop"),
        ("PairsReversion", {"stop": 2.0}, "exit < entry < stop"),
    ],
)
def test_parameters_that_do_not_fit_together_are_refused(
    name: str, values: dict[str, Any], message: str
) -> None:
    with pytest.raises(ParameterError, match=message):
        CATALOG[name].load()(**values)


@pytest.mark.parametrize(("levels", "fraction"), [(10, 0.1), (3, 1 / 3), (100, 0.01), (1, 1.0)])
def test_a_grid_may_use_the_whole_equity(levels: int, fraction: float) -> None:
    strategies.Grid(levels=levels, fraction=fraction)


def test_only_those_that_can_have_a_parameter_for_shorts(strategy_class: type[rt.Strategy]) -> None:
    can = "allow_short" in strategy_class().params
    assert can == (strategy_class.__name__ in CAN_SHORT)
    if can:
        assert strategy_class().params["allow_short"] is False


@pytest.mark.parametrize("name", CAN_SHORT)
def test_shorts_sell_where_allowed_and_are_refused_on_spot(name: str) -> None:
    bars = rt.sample_bars("AAPL")
    strategy = CATALOG[name].load()(allow_short=True)
    assert set(rt.backtest(strategy, bars).trades["direction"]) == {"long", "short"}
    assert set(rt.backtest(CATALOG[name].load()(), bars).trades["direction"]) == {"long"}
    with pytest.raises(InstrumentError, match="short"):
        rt.backtest(strategy, bars, instrument=rt.Instrument("spot"))


def test_fewer_bars_than_the_warmup_are_refused(strategy_class: type[rt.Strategy]) -> None:
    bars = rt.sample_bars("AAPL")
    warmup = rt.backtest(strategy_class(), bars).warmup_bars
    if warmup:
        with pytest.raises(BarsError, match=f"{warmup} bars of warm-up"):
            rt.backtest(strategy_class(), bars.head(warmup))
    rt.backtest(strategy_class(), bars.head(warmup + 1))
