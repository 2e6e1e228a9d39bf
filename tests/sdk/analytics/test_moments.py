"""The compiled passes give what the plain definitions give, at every length and after a ruin."""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robotrader_sdk.analytics.drawdown import max_drawdown
from robotrader_sdk.analytics.moments import CHUNK, equity_moments, return_moments
from robotrader_sdk.analytics.returns import returns
from robotrader_sdk.errors import BacktestError


def longest_by_definition(equity: np.ndarray, start: float, times: np.ndarray) -> tuple[int, int]:
    before_first = times[0] - (times[1] - times[0] if len(times) > 1 else 0)
    curve = [start, *equity]
    clock = [before_first, *times]
    bars, time, peak = 0, 0, 0
    for t in range(1, len(curve)):
        if curve[t - 1] < curve[peak] or curve[t] < curve[peak]:
            bars, time = max(bars, t - peak), max(time, int(clock[t] - clock[peak]))
        if curve[t] >= curve[peak]:
            peak = t
    return bars, time


lengths = st.one_of(
    st.integers(1, 40),
    st.integers(CHUNK - 2, CHUNK + 2),
    st.integers(3 * CHUNK - 2, 3 * CHUNK + 2),
)


@settings(deadline=None)
@given(
    lengths,
    st.integers(0, 2**32 - 1),
    st.sampled_from([0.0, 1e-4, 0.01, 0.1]),
    st.floats(-0.01, 0.01),
)
def test_pass_agrees_with_the_definitions(
    length: int, seed: int, spread: float, drift: float
) -> None:
    steps = np.random.default_rng(seed).normal(drift, spread, length).clip(-0.9, 5.0)
    equity = 1_000.0 * np.cumprod(1.0 + steps)
    times = np.arange(length, dtype=np.int64) * 7
    moments = equity_moments(equity, 1_000.0, times)
    expected = return_moments(returns(equity, 1_000.0))
    assert moments.returns.n == expected.n == length
    for ours, plain in zip(moments.returns[1:], expected[1:], strict=True):
        assert ours == pytest.approx(plain, rel=1e-10, abs=1e-15, nan_ok=True)
    assert moments.mean_equity == pytest.approx(equity.mean(), rel=1e-12)
    assert moments.final == equity[-1]
    assert moments.max_drawdown == max_drawdown(equity, 1_000.0)
    longest = (moments.max_drawdown_bars, moments.max_drawdown_ns)
    assert longest == longest_by_definition(equity, 1_000.0, times)


@pytest.mark.parametrize(
    ("length", "ruin"),
    [
        *((1, 0), (5, 0), (5, 3), (5, 4), (CHUNK, CHUNK - 1), (CHUNK + 1, CHUNK)),
        *((2 * CHUNK + 9, ruin) for ruin in (0, 3, CHUNK - 1, CHUNK, CHUNK + 5, 2 * CHUNK + 8)),
    ],
)
@pytest.mark.parametrize("left", [-20.0, 0.0])
def test_returns_end_with_the_ruin(length: int, ruin: int, left: float) -> None:
    generator = np.random.default_rng(1)
    equity = 1_000.0 * np.cumprod(1.0 + generator.normal(0.0, 0.01, length))
    equity[ruin:] = left
    moments = equity_moments(equity, 1_000.0, np.arange(length))
    expected = return_moments(returns(equity, 1_000.0))
    assert moments.returns.n == expected.n == ruin + 1
    for ours, plain in zip(moments.returns[1:], expected[1:], strict=True):
        assert ours == pytest.approx(plain, rel=1e-10, nan_ok=True)
    assert moments.max_drawdown == max_drawdown(equity, 1_000.0) <= -1.0
    assert moments.mean_equity == pytest.approx(equity.mean())


def test_no_bars() -> None:
    moments = equity_moments([], 100.0, [])
    assert (moments.bars, moments.final, moments.returns.n) == (0, 100.0, 0)
    assert math.isnan(moments.max_drawdown)
    assert math.isnan(moments.mean_equity)
    assert math.isnan(moments.returns.mean)


def test_one_bar_has_a_mean_and_no_spread() -> None:
    moments = equity_moments([90.0], 100.0, [0])
    assert moments.returns.mean == pytest.approx(-0.1)
    assert math.isnan(moments.returns.std)
    assert moments.max_drawdown == pytest.approx(-0.1)
    assert (moments.max_drawdown_bars, moments.max_drawdown_ns) == (1, 0)


def test_read_only_and_strided_arrays_are_taken() -> None:
    equity = np.array([100.0, 1.0, 110.0, 1.0])[::2]
    frozen = equity.copy()
    frozen.flags.writeable = False
    assert equity_moments(equity, 90.0, [0, 1]) == equity_moments(frozen, 90.0, [0, 1])


def test_arrays_of_different_length_are_an_error_with_both_lengths() -> None:
    with pytest.raises(BacktestError, match="equity: 3, open_times_ns: 2"):
        equity_moments([1.0, 2.0, 3.0], 1.0, [0, 1])


def test_memory_does_not_grow_with_the_run() -> None:
    equity, times = np.full(400_000, 100.0), np.arange(400_000)
    equity_moments(equity, 100.0, times)
    tracemalloc.start()
    try:
        equity_moments(equity, 100.0, times)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < equity.nbytes / 10
