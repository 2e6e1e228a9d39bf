"""Returns, total return, annual growth, buy and hold."""

from __future__ import annotations

import math

import empyrical
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robotrader_sdk.analytics.returns import buy_hold_return, cagr, returns, total_return
from robotrader_sdk.errors import BacktestError


def test_first_return_is_from_the_starting_equity() -> None:
    assert returns([90.0, 99.0], 100.0) == pytest.approx([-0.1, 0.1], abs=1e-15)


def test_small_returns_keep_their_digits() -> None:
    assert returns([1e6 + 2**-20], 1e6)[0] == 2**-20 / 1e6


def test_after_the_ruin_there_are_no_returns() -> None:
    result = returns([50.0, -10.0, -10.0, 5.0, 6.0], 100.0)
    assert result[:2] == pytest.approx([-0.5, -1.2])
    assert np.isnan(result[2:]).all()


def test_equity_of_exactly_zero_is_ruin() -> None:
    result = returns([100.0, 0.0, 0.0], 100.0)
    assert result[1] == -1.0
    assert math.isnan(result[2])


def test_no_bars_have_no_returns() -> None:
    assert len(returns([], 100.0)) == 0
    assert math.isnan(total_return([], 100.0))


def test_equity_is_not_changed() -> None:
    equity = np.array([1.0, 2.0, 3.0])
    returns(equity, 1.0)
    assert equity.tolist() == [1.0, 2.0, 3.0]
    assert equity.flags.writeable


@pytest.mark.parametrize("start", [0.0, -1.0, math.nan, math.inf])
def test_start_that_is_no_money_is_an_error(start: float) -> None:
    with pytest.raises(BacktestError, match="above 0"):
        returns([1.0], start)
    with pytest.raises(BacktestError, match="above 0"):
        total_return([1.0], start)


def test_table_of_equity_is_an_error_with_its_shape() -> None:
    with pytest.raises(BacktestError, match=r"\(2, 2\)"):
        returns(np.ones((2, 2)), 1.0)


@settings(deadline=None)
@given(
    st.lists(st.floats(-0.4, 0.5), min_size=30, max_size=400),
    st.sampled_from([52.0, 252.0, 365.0]),
)
def test_cagr_is_that_of_empyrical(some_returns: list[float], bars_per_year: float) -> None:
    equity = 100.0 * np.cumprod(1.0 + np.array(some_returns))
    ours = cagr(total_return(equity, 100.0), len(equity), bars_per_year)
    theirs = empyrical.cagr(returns(equity, 100.0), annualization=bars_per_year)
    assert ours == pytest.approx(theirs, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(
    ("gain", "bars", "bars_per_year", "expected"),
    [
        (0.21, 730, 365.0, 0.1),
        (0.0, 5, 365.0, 0.0),
        (-1.0, 10, 365.0, -1.0),
    ],
)
def test_cagr(gain: float, bars: int, bars_per_year: float, expected: float) -> None:
    assert cagr(gain, bars, bars_per_year) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("gain", "bars", "bars_per_year"),
    [
        pytest.param(-1.5, 10, 365.0, id="more lost than there was"),
        pytest.param(0.1, 0, 365.0, id="no bars"),
        pytest.param(math.nan, 10, 365.0, id="no return"),
        pytest.param(0.1, 1, math.nan, id="one bar has no timeframe"),
        pytest.param(0.5, 3, 525_600.0, id="larger than a float"),
    ],
)
def test_cagr_that_is_not_defined_is_nan(gain: float, bars: int, bars_per_year: float) -> None:
    assert math.isnan(cagr(gain, bars, bars_per_year))


def test_buy_and_hold_is_from_the_first_open_to_the_last_close() -> None:
    assert buy_hold_return(100.0, 125.0) == 0.25
    assert math.isnan(buy_hold_return(0.0, 125.0))
