"""Exposure and turnover."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robotrader_sdk.analytics.exposure import exposure, turnover
from robotrader_sdk.errors import BacktestError


def by_definition(
    close: np.ndarray, equity: np.ndarray, fill_bars: np.ndarray, after: np.ndarray
) -> tuple[float, float]:
    last_fill = np.searchsorted(fill_bars, np.arange(len(close)), side="right")
    quantity = np.concatenate(([0.0], after))[last_fill]
    share = np.where(equity > 0, np.abs(quantity) * close / equity, 0.0)
    return float(share.mean()), float(np.mean(quantity != 0))


def test_position_counts_from_the_bar_of_its_fill() -> None:
    result = exposure([10.0, 20.0, 20.0, 40.0], [100.0] * 4, [1, 3], [2.0, 0.0])
    assert result.mean == pytest.approx((0.4 + 0.4) / 4)
    assert result.time_in_market == 0.5


def test_last_of_several_fills_of_a_bar_counts() -> None:
    result = exposure([10.0, 10.0], [100.0, 100.0], [0, 0, 0], [5.0, 0.0, -10.0])
    assert result == (1.0, 1.0)


def test_short_is_exposed_like_long() -> None:
    short = exposure([10.0] * 3, [100.0] * 3, [0], [-4.0])
    assert short == exposure([10.0] * 3, [100.0] * 3, [0], [4.0]) == pytest.approx((0.4, 1.0))


def test_leverage_exceeds_one() -> None:
    assert exposure([10.0], [100.0], [0], [30.0]).mean == pytest.approx(3.0)


def test_ruined_bar_counts_as_nothing() -> None:
    assert exposure([10.0, 10.0], [100.0, -1.0], [0], [10.0]).mean == pytest.approx(0.5)


def test_no_fills_and_no_bars() -> None:
    assert exposure([10.0, 11.0], [100.0, 100.0], [], []) == (0.0, 0.0)
    nothing = exposure([], [], [], [])
    assert math.isnan(nothing.mean) and math.isnan(nothing.time_in_market)


@settings(deadline=None)
@given(
    st.one_of(st.integers(1, 30), st.integers(1_300, 1_310)),
    st.integers(0, 200),
    st.integers(0, 2**32 - 1),
)
def test_pass_agrees_with_the_definition(bars: int, fills: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    close, equity = generator.uniform(1.0, 9.0, bars), generator.uniform(-1.0, 50.0, bars)
    fill_bars = np.sort(generator.integers(0, bars, fills))
    after = generator.choice([0.0, 1.5, -2.0], fills)
    expected = by_definition(close, equity, fill_bars, after)
    assert exposure(close, equity, fill_bars, after) == pytest.approx(expected, rel=1e-11)


@pytest.mark.parametrize("fill_bars", [[2, 1], [-1, 1], [0, 3]])
def test_fill_outside_the_bars_or_out_of_order_is_an_error(fill_bars: list[int]) -> None:
    with pytest.raises(BacktestError, match="0 to 2"):
        exposure([1.0] * 3, [1.0] * 3, fill_bars, [1.0, 0.0])


def test_arrays_of_different_length_are_an_error() -> None:
    with pytest.raises(BacktestError, match="close: 2, equity: 1"):
        exposure([1.0, 1.0], [1.0], [], [])
    with pytest.raises(BacktestError, match="fill_bars: 1, quantity_after: 0"):
        exposure([1.0], [1.0], [0], [])


def test_turnover_counts_both_sides() -> None:
    assert turnover([10.0, -10.0], [100.0, 100.0], 1_000.0) == 2.0
    assert turnover([], [], 1_000.0) == 0.0
    assert math.isnan(turnover([1.0], [1.0], 0.0))
    assert math.isnan(turnover([1.0], [1.0], math.nan))
