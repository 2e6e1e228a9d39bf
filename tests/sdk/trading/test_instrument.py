"""Whole ticks and lots: the one place where prices and quantities round."""

from __future__ import annotations

import math
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import robotrader_sdk as rt
from robotrader_sdk.errors import InstrumentError
from robotrader_sdk.trading.costs import make_terms, taker_price, whole_lots
from robotrader_sdk.trading.instrument import (
    DOWN,
    NEAREST,
    UP,
    from_steps,
    steps_per_unit,
    to_steps,
)
from robotrader_sdk.trading.placing import order_steps
from robotrader_sdk.types import Side

STEPS = st.sampled_from(["1", "0.5", "0.25", "0.1", "0.01", "0.05", "0.001", "0.00001", "1e-8"])


@pytest.mark.parametrize(
    ("value", "size", "down", "nearest", "up"),
    [
        (100.0, 0.5, 200, 200, 200),
        (100.2, 0.5, 200, 200, 201),
        (100.3, 0.5, 200, 201, 201),
        (0.1 + 0.2, 0.1, 3, 3, 3),
        (0.3, 0.1, 3, 3, 3),
        (0.7, 0.1, 7, 7, 7),
        (1.1 * 3, 0.1, 33, 33, 33),
        (0.29, 0.01, 29, 29, 29),
        (1e9 + 0.01, 0.01, 100_000_000_001, 100_000_000_001, 100_000_000_001),
        (100 * (1 + 0.9e-9), 1.0, 100, 100, 100),
        (100 * (1 + 2e-9), 1.0, 100, 100, 101),
        (100 * (1 - 0.9e-9), 1.0, 100, 100, 100),
        (100 * (1 - 2e-9), 1.0, 99, 100, 100),
        (0.0, 0.1, 0, 0, 0),
        (0.04, 0.1, 0, 0, 1),
    ],
)
def test_steps(value: float, size: float, down: int, nearest: int, up: int) -> None:
    assert to_steps(value, size, DOWN) == down
    assert to_steps(value, size, NEAREST) == nearest
    assert to_steps(value, size, UP) == up


def test_without_a_step_nothing_rounds() -> None:
    for rounding in (DOWN, NEAREST, UP):
        assert to_steps(0.1 + 0.2, 0.0, rounding) == 0.1 + 0.2
    assert from_steps(0.1 + 0.2, 0.0, 0.0) == 0.1 + 0.2


@pytest.mark.parametrize("rounding", [DOWN, NEAREST, UP])
@pytest.mark.parametrize("size", [0.0, 0.5])
def test_no_price_stays_no_price(size: float, rounding: int) -> None:
    assert math.isnan(to_steps(math.nan, size, rounding))


@pytest.mark.parametrize(
    ("size", "per_unit"),
    [(0.1, 10), (0.01, 100), (0.25, 4), (0.5, 2), (1e-8, 1e8), (0.3, 0), (1.0, 0), (5.0, 0)],
)
def test_steps_per_unit(size: float, per_unit: float) -> None:
    assert steps_per_unit(size) == per_unit


@given(STEPS, st.integers(0, 10**9))
def test_a_whole_number_of_steps_survives_and_is_the_nearest_float(text: str, n: int) -> None:
    size = float(text)
    value = from_steps(float(n), size, steps_per_unit(size))
    assert value == float(Decimal(text) * n)
    for rounding in (DOWN, NEAREST, UP):
        assert to_steps(value, size, rounding) == n
        assert to_steps(n * size, size, rounding) == n  # noisy, yet on its step


@given(STEPS, st.floats(1e-6, 1e6))
def test_rounding_is_that_of_decimals(text: str, value: float) -> None:
    size = float(text)
    exact = Decimal(value) / Decimal(text)
    assume(exact < 10**12)
    away = abs(exact - exact.to_integral_value())
    assume(away > Decimal("1.1e-9") * exact)  # on the edge of the tolerance either is right
    assert to_steps(value, size, DOWN) == float(exact.to_integral_value(ROUND_FLOOR))
    assert to_steps(value, size, UP) == float(exact.to_integral_value(ROUND_CEILING))


@given(STEPS, st.floats(0.001, 1e6), st.sampled_from([0.0, 0.0001, 0.01]))
def test_taker_prices_round_against_the_trader_by_less_than_a_tick(
    text: str, price: float, slippage: float
) -> None:
    size = float(text)
    terms = make_terms(rt.Instrument(tick_size=size), rt.Fees(0, 0), slippage)[0]
    for side in Side:
        slipped = price * (1 + side * slippage)
        got = taker_price(terms, side, price, math.nan)
        assert side * got >= side * slipped - 2e-9 * slipped
        assert abs(got - slipped) < size * (1 + 1e-6) + 2e-9 * slipped


@given(STEPS, st.floats(0.001, 1e6))
def test_order_prices_never_pass_the_traders_limit(text: str, price: float) -> None:
    size = float(text)
    terms = make_terms(rt.Instrument(tick_size=size), rt.Fees(0, 0), 0.0)[0]
    for side in Side:
        got = from_steps(order_steps(terms, side, price), size, steps_per_unit(size))
        assert side * got <= side * price + 2e-9 * price


@given(STEPS, st.floats(0.0, 1e6))
def test_quantities_round_down_by_less_than_a_lot(text: str, quantity: float) -> None:
    size = float(text)
    terms = make_terms(rt.Instrument(lot_size=size), rt.Fees(0, 0), 0.0)[0]
    got = whole_lots(terms, quantity)
    assert got <= quantity * (1 + 2e-9)
    assert quantity - got < size * (1 + 1e-6) + 2e-9 * quantity


def test_a_limit_caps_the_slipped_price() -> None:
    terms = make_terms(rt.Instrument(tick_size=0.5), rt.Fees(0, 0), 0.1)[0]
    assert taker_price(terms, Side.BUY, 100.0, 210.0) == 105.0
    assert taker_price(terms, Side.BUY, 100.0, math.nan) == 110.0
    assert taker_price(terms, Side.SELL, 100.0, 190.0) == 95.0
    assert taker_price(terms, Side.SELL, 100.0, math.nan) == 90.0


def test_the_default_instrument_has_no_rules() -> None:
    instrument = rt.Instrument()
    assert instrument.kind == "synthetic"
    assert (instrument.tick_size, instrument.lot_size, instrument.min_notional) == (0, 0, 0)
    assert instrument.fee_currency == "quote"


def test_sizes_as_exchanges_write_them_are_read() -> None:
    instrument = rt.Instrument(tick_size="0.01", lot_size=Decimal("0.001"))  # type: ignore[arg-type]
    assert (instrument.tick_size, instrument.lot_size) == (0.01, 0.001)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"kind": "future"}, ["'future'", "synthetic", "spot"]),
        ({"tick_size": -0.1}, ["tick_size", "-0.1"]),
        ({"lot_size": math.nan}, ["lot_size", "nan"]),
        ({"min_notional": math.inf}, ["min_notional", "inf"]),
        ({"tick_size": "small"}, ["tick_size", "'small'"]),
        ({"tick_size": None}, ["tick_size", "None"]),
        ({"fee_currency": "BNB"}, ["'BNB'", "base"]),
        ({"fee_currency": "base"}, ["base", "spot", "synthetic"]),
    ],
)
def test_a_contradiction_is_named(values: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(InstrumentError) as caught:
        rt.Instrument(**values)
    for word in words:
        assert word in str(caught.value)
