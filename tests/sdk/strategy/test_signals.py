"""Signals: what is refused, and how it is said."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

import robotrader_sdk as rt
from robotrader_sdk.errors import SignalError

N_BARS = 6
INDEX = pd.date_range("2024-01-01", periods=N_BARS, freq="D", tz="UTC", name="open_time")
BARS = pd.DataFrame(
    {"open": 100.0, "high": 101.0, "low": 99.0, "close": 100.0, "volume": 1.0}, index=INDEX
)
ENTER = np.array([True] + [False] * (N_BARS - 1))


class Given(rt.Strategy):
    """Returns the signals it was given."""

    given: dict[str, Any]

    def fresh(self) -> rt.Strategy:
        return given(**self.given)

    def signals(self, bars: pd.DataFrame) -> rt.Signals:
        return rt.Signals(**self.given)


def given(**signals: Any) -> Given:
    strategy = Given()
    strategy.given = signals
    return strategy


REFUSED = [
    ("too short", {"enter_long": ENTER[:4]}, [r"(4,)", r"(6,)", "enter_long"]),
    ("too long", {"enter_long": [True] * 7}, [r"(7,)", r"(6,)"]),
    ("two dimensions", {"enter_long": np.ones((6, 1), bool)}, [r"(6, 1)", r"(6,)"]),
    ("short prices", {"enter_long": ENTER, "stop_loss": [0.1, 0.1]}, [r"(2,)", "stop_loss"]),
    ("short series", {"enter_long": pd.Series([True, False])}, [r"(2,)", r"(6,)"]),
    ("frame", {"enter_long": pd.DataFrame({"a": ENTER})}, ["one column", "(6, 1)"]),
    (
        "another index",
        {"enter_long": pd.Series(ENTER)},
        ["index", "first at row 0", "0", "2024-01-01"],
    ),
    (
        "shifted index",
        {"enter_long": pd.Series(ENTER, index=INDEX + pd.Timedelta("1h"))},
        ["index", "2024-01-01 01:00:00"],
    ),
    ("words for booleans", {"enter_long": ["yes"] * 6}, ["enter_long", "booleans"]),
    ("numbers for booleans", {"enter_long": np.arange(6.0)}, ["booleans", "2.0"]),
    ("objects for booleans", {"enter_long": np.array([True, "x"] * 3, object)}, ["'x'"]),
    ("percent stop_loss", {"enter_long": ENTER, "stop_loss": 20}, ["stop_loss=0.2", "fraction"]),
    ("percent trailing_stop", {"enter_long": ENTER, "trailing_stop": 5}, ["trailing_stop=0.05"]),
    ("stop_loss of 1", {"enter_long": ENTER, "stop_loss": 1.0}, ["below 1"]),
    ("negative stop_loss", {"enter_long": ENTER, "stop_loss": -0.1}, ["above 0", "-0.1"]),
    ("negative price", {"enter_long": ENTER, "entry_limit_price": -5}, ["entry_limit_price"]),
    ("zero take_profit", {"enter_long": ENTER, "take_profit": 0.0}, ["take_profit", "above 0"]),
    ("negative quantity", {"enter_long": ENTER, "quantity": -1}, ["quantity", "above 0"]),
    ("zero fraction", {"enter_long": ENTER, "fraction": 0}, ["fraction", "above 0"]),
    ("words for prices", {"enter_long": ENTER, "stop_loss": "tight"}, ["numbers", "tight"]),
    ("half a bar", {"enter_long": ENTER, "valid_bars": 1.5}, ["valid_bars", "whole", "1.5"]),
    ("no bar", {"enter_long": ENTER, "valid_bars": 0}, ["valid_bars", ">= 1"]),
    ("NaN bars", {"enter_long": ENTER, "valid_bars": math.nan}, ["valid_bars"]),
    (
        "short indicator",
        {"enter_long": ENTER, "indicators": {"sma": [1.0]}},
        ["indicators['sma']", "(1,)"],
    ),
    (
        "two sizes",
        {"enter_long": ENTER, "quantity": 1, "fraction": 0.5},
        ["one unit", "fraction and quantity"],
    ),
    ("risk without a stop", {"enter_long": ENTER, "risk": 0.01}, ["risk", "stop_loss="]),
    ("risk with take_profit only", {"risk": 0.01, "take_profit": 0.1}, ["risk"]),
]


@pytest.mark.parametrize(
    ("signals", "words"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED]
)
def test_refused(signals: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(SignalError) as caught:
        rt.backtest(given(**signals), BARS)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("returned", [None, 1, {"enter_long": True}, pd.Series(ENTER)])
def test_something_else_than_signals(returned: Any) -> None:
    class Odd(rt.Strategy):
        def signals(self, bars: pd.DataFrame) -> Any:
            return returned

    with pytest.raises(SignalError, match=f"rt.Signals.*{type(returned).__name__}"):
        rt.backtest(Odd(), BARS)


ACCEPTED = [
    ENTER,
    ENTER.tolist(),
    pd.Series(ENTER, index=INDEX),
    pd.Series(ENTER, index=INDEX).astype("boolean"),
    pd.Series(ENTER, index=INDEX).astype(object),
    ENTER.astype(float),
    ENTER.astype(int),
    np.repeat(ENTER, 2)[::2],
]


@pytest.mark.parametrize("enter", ACCEPTED, ids=lambda value: type(value).__name__)
def test_booleans_of_many_kinds_mean_the_same(enter: Any) -> None:
    fills = rt.backtest(given(enter_long=enter, quantity=1), BARS).fills
    assert fills["time"].tolist() == [INDEX[1]]


def test_scalars_hold_for_every_bar() -> None:
    result = rt.backtest(given(enter_long=True, quantity=2, take_profit=0.5), BARS)
    assert result.fills["quantity"].tolist() == [2.0]
    assert result.orders["limit_price"].dropna().tolist() == [150.0]


def test_series_of_sizes_are_read_at_the_signal_bar() -> None:
    sizes = pd.Series(np.arange(1.0, 7.0), index=INDEX)
    enter = np.roll(ENTER, 2)
    fills = rt.backtest(given(enter_long=enter, quantity=sizes), BARS).fills
    assert fills["quantity"].tolist() == [3.0]


def test_the_strategy_gets_a_frame_it_may_change() -> None:
    class Vandal(rt.Strategy):
        def signals(self, bars: pd.DataFrame) -> rt.Signals:
            bars["sma"] = 1.0
            bars.loc[bars.index[1], "open"] = 1.0
            return rt.Signals(enter_long=ENTER, quantity=1)

    before = BARS.copy()
    fills = rt.backtest(Vandal(), BARS).fills
    assert fills["price"].tolist() == [100.0]
    pd.testing.assert_frame_equal(BARS, before)


ABOVE_ZERO = {
    "entry_limit_price": 100.0,
    "entry_stop_price": 100.0,
    "stop_loss": 0.1,
    "take_profit": 0.1,
    "trailing_stop": 0.1,
    "stop_loss_price": 90.0,
    "take_profit_price": 110.0,
    "fraction": 0.5,
    "quantity": 1.0,
    "notional": 50.0,
    "risk": 0.01,
}
SENSELESS = [
    *((name, good, odd, "above 0") for name, good in ABOVE_ZERO.items() for odd in (0.0, -1.0)),
    ("stop_loss", 0.1, 20.0, "below 1"),
    ("trailing_stop", 0.1, 1.0, "below 1"),
    ("valid_bars", 2.0, 0.0, "whole numbers >= 1"),
    ("valid_bars", 2.0, 1.5, "whole numbers >= 1"),
]
SENSELESS_CASES = pytest.mark.parametrize(
    ("name", "good", "odd", "problem"), SENSELESS, ids=[f"{c[0]} of {c[2]:g}" for c in SENSELESS]
)


def one_trade(name: str, value: Any, side: str = "long") -> Given:
    """Enters at the first bar, exits at the third; `name` has the value."""
    stop = {"stop_loss": 0.1} if name == "risk" else {}
    flags = {f"enter_{side}": ENTER, f"exit_{side}": np.roll(ENTER, 2)}
    return given(**flags, **stop, **{name: value})


@SENSELESS_CASES
def test_a_senseless_value_is_nothing_to_a_bar_without_an_entry(
    name: str, good: float, odd: float, problem: str
) -> None:
    values = np.where(ENTER, good, odd)
    orders = rt.backtest(one_trade(name, values), BARS).orders
    assert len(orders) > 0
    pd.testing.assert_frame_equal(orders, rt.backtest(one_trade(name, good), BARS).orders)


@SENSELESS_CASES
@pytest.mark.parametrize("side", ["long", "short"])
def test_a_senseless_value_at_an_entry_is_named(
    side: str, name: str, good: float, odd: float, problem: str
) -> None:
    values = np.where(ENTER, odd, good)
    with pytest.raises(SignalError, match=rf"Given: signal {name} .*{problem}.*{odd:g}"):
        rt.backtest(one_trade(name, values, side), BARS)
