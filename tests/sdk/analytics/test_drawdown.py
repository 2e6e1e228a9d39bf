"""Drawdown: its depth, and how long it lasts."""

from __future__ import annotations

import math

import empyrical
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robotrader_sdk.analytics.drawdown import drawdown, max_drawdown, max_drawdown_duration
from robotrader_sdk.analytics.returns import returns

HOUR = 3_600 * 1_000_000_000


def hours(count: int) -> np.ndarray:
    return np.arange(count, dtype=np.int64) * HOUR


def test_loss_in_the_first_bar_is_a_drawdown() -> None:
    assert drawdown([90.0, 100.0, 80.0], 100.0) == pytest.approx([-0.1, 0.0, -0.2])


def test_depth_is_a_fraction_of_the_peak() -> None:
    assert max_drawdown([200.0, 50.0, 150.0], 100.0) == -0.75


def test_equity_below_zero_is_more_than_a_whole_drawdown() -> None:
    assert max_drawdown([-5.0], 100.0) == pytest.approx(-1.05)


def test_equity_that_only_rises_has_none() -> None:
    assert max_drawdown([100.0, 101.0, 101.0], 100.0) == 0.0
    assert max_drawdown_duration([100.0, 101.0, 101.0], 100.0, hours(3)) == (0, 0)


def test_no_bars() -> None:
    assert len(drawdown([], 100.0)) == 0
    assert math.isnan(max_drawdown([], 100.0))
    assert max_drawdown_duration([], 100.0, hours(0)) == (0, 0)


@pytest.mark.parametrize(
    ("equity", "bars"),
    [
        pytest.param([100, 90, 100], 2, id="from the peak to the bar that reaches it again"),
        pytest.param([110, 90, 95, 90], 3, id="still open at the end"),
        pytest.param([90, 95, 100], 3, id="from the starting equity, one bar before the first"),
        pytest.param([90, 95], 2, id="from the starting equity, still open"),
        pytest.param([110, 100, 110, 105, 104, 111], 3, id="the longest of two"),
        pytest.param([110, 110, 110, 100, 110], 2, id="from the last bar at the peak"),
        pytest.param([110, 109, 80, 120, 119, 118, 117], 3, id="the longest, not the deepest"),
    ],
)
def test_duration(equity: list[float], bars: int) -> None:
    assert max_drawdown_duration(equity, 100.0, hours(len(equity))) == (bars, bars * HOUR)


def test_longest_in_time_need_not_be_the_longest_in_bars() -> None:
    times = np.array([0, 1, 2, 3, 4, 5, 50, 51, 52]) * HOUR
    equity = [100.0, 90.0, 90.0, 90.0, 100.0, 90.0, 100.0, 101.0, 102.0]
    assert max_drawdown_duration(equity, 100.0, times) == (4, 46 * HOUR)


@settings(deadline=None)
@given(st.lists(st.floats(-0.4, 0.5), min_size=1, max_size=300))
def test_depth_is_that_of_empyrical(some_returns: list[float]) -> None:
    equity = 100.0 * np.cumprod(1.0 + np.array(some_returns))
    theirs = empyrical.max_drawdown(returns(equity, 100.0))
    assert max_drawdown(equity, 100.0) == pytest.approx(theirs, rel=1e-9, abs=1e-9)
