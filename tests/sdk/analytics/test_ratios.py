"""Volatility, Sharpe, Sortino and Calmar against empyrical-reloaded, and where there are none."""

from __future__ import annotations

import math

import empyrical
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from robotrader_sdk.analytics.moments import ReturnMoments, equity_moments, return_moments
from robotrader_sdk.analytics.ratios import calmar, sharpe, sortino, volatility
from robotrader_sdk.analytics.returns import cagr, returns, total_return

some_returns = st.lists(st.floats(-0.4, 0.5), min_size=2, max_size=300).map(np.array)
bar_counts = st.sampled_from([12.0, 52.14, 252.0, 365.0, 525_600.0])


@settings(deadline=None)
@given(some_returns, bar_counts)
def test_volatility_is_that_of_empyrical(values: np.ndarray, per_year: float) -> None:
    theirs = empyrical.annual_volatility(values, annualization=per_year)
    assert volatility(values, per_year) == pytest.approx(theirs, rel=1e-9, abs=1e-12)


@settings(deadline=None)
@given(some_returns, bar_counts)
def test_sharpe_is_that_of_empyrical(values: np.ndarray, per_year: float) -> None:
    assume(values.std() > 1e-12)
    theirs = empyrical.sharpe_ratio(values, annualization=per_year)
    assert sharpe(values, per_year) == pytest.approx(theirs, rel=1e-9, abs=1e-9)


@settings(deadline=None)
@given(some_returns, bar_counts)
def test_sortino_is_that_of_empyrical(values: np.ndarray, per_year: float) -> None:
    assume(values.min() < -1e-12)
    theirs = empyrical.sortino_ratio(values, annualization=per_year)
    assert sortino(values, per_year) == pytest.approx(theirs, rel=1e-9, abs=1e-9)


@settings(deadline=None)
@given(some_returns)
def test_calmar_is_that_of_empyrical(values: np.ndarray) -> None:
    equity = 100.0 * np.cumprod(1.0 + values)
    theirs = empyrical.calmar_ratio(values, annualization=52.0)
    assume(math.isfinite(theirs) and abs(theirs) < 1e9 and values.min() < -1e-6)
    moments = equity_moments(equity, 100.0, np.arange(len(equity)))
    growth = cagr(total_return(equity, 100.0), len(equity), 52.0)
    assert calmar(growth, moments.max_drawdown) == pytest.approx(theirs, rel=1e-8, abs=1e-9)


def test_a_million_bars_cost_no_digits() -> None:
    generator = np.random.default_rng(5)
    equity = 10_000.0 * np.cumprod(1.0 + generator.normal(3e-7, 4e-4, 1_000_000))
    values = returns(equity, 10_000.0)
    moments = equity_moments(equity, 10_000.0, np.arange(len(equity)) * 60_000_000_000)
    for ours, theirs in [
        (volatility, empyrical.annual_volatility),
        (sharpe, empyrical.sharpe_ratio),
        (sortino, empyrical.sortino_ratio),
    ]:
        expected = theirs(values, annualization=525_600.0)
        assert ours(moments.returns, 525_600.0) == pytest.approx(expected, rel=1e-9)
    assert moments.max_drawdown == pytest.approx(empyrical.max_drawdown(values), rel=1e-9)
    growth = cagr(moments.final / moments.start - 1.0, moments.bars, 525_600.0)
    expected = empyrical.calmar_ratio(values, annualization=525_600.0)
    assert calmar(growth, moments.max_drawdown) == pytest.approx(expected, rel=1e-9)


def test_sharpe_by_hand() -> None:
    # Mean 0.01, deviations -0.02, 0, 0.02, so std 0.02.
    assert sharpe([-0.01, 0.01, 0.03], 100.0) == pytest.approx(5.0)


def test_sortino_by_hand() -> None:
    # Mean 0.01; downside sqrt(0.03**2 / 4) = 0.015.
    assert sortino([-0.03, 0.01, 0.03, 0.03], 9.0) == pytest.approx(2.0)


def test_bar_without_a_return_is_left_out() -> None:
    values = [math.nan, 0.01, -0.02, 0.03]
    assert return_moments(values) == return_moments(values[1:])
    assert sharpe(values, 252.0) == sharpe(values[1:], 252.0)


@pytest.mark.parametrize("ratio", [sharpe, sortino, volatility])
@pytest.mark.parametrize("values", [[], [0.01], [math.nan, -0.01]])
def test_fewer_than_two_returns_have_no_ratio(ratio, values: list[float]) -> None:  # type: ignore[no-untyped-def]
    assert math.isnan(ratio(values, 252.0))


@pytest.mark.parametrize("value", [0.0, 0.1, -1 / 3])
def test_equal_returns_have_no_sharpe(value: float) -> None:
    assert math.isnan(sharpe([value] * 100, 252.0))
    assert volatility([value] * 100, 252.0) == pytest.approx(0.0, abs=1e-14)


def test_equity_that_grows_evenly_has_no_sharpe_whatever_the_rounding() -> None:
    equity = 100.0 * 1.01 ** np.arange(1, 3_000)
    moments = equity_moments(equity, 100.0, np.arange(len(equity)))
    assert moments.returns.std > 0.0  # rounding alone
    assert math.isnan(sharpe(moments.returns, 252.0))
    assert math.isnan(sharpe(returns(equity, 100.0), 252.0))


def test_tiny_but_real_spread_has_a_sharpe() -> None:
    values = np.zeros(1_000_000)
    values[500_000] = 1e-9
    assert sharpe(values, 1.0) == pytest.approx(1e-3, rel=1e-5)


def test_without_a_loss_there_is_no_sortino_and_without_a_drawdown_no_calmar() -> None:
    assert math.isnan(sortino([0.0, 0.01], 252.0))
    assert math.isnan(calmar(0.5, 0.0))
    assert math.isnan(calmar(0.5, math.nan))


def test_moments_serve_in_place_of_returns() -> None:
    assert sharpe(ReturnMoments(100, 0.02, 0.1, 0.05), 4.0) == pytest.approx(0.4)
    assert sortino(ReturnMoments(100, 0.02, 0.1, 0.05), 4.0) == pytest.approx(0.8)
    assert volatility(ReturnMoments(100, 0.02, 0.1, 0.05), 4.0) == pytest.approx(0.2)
