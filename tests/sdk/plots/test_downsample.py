"""Fewer bars and points, without losing an extreme."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from robotrader_sdk.plots.downsample import (
    bars_per_candle,
    extreme_positions,
    merge_bars,
    spread_positions,
)


def table(rows: list[tuple[float, float, float, float, float]]) -> pd.DataFrame:
    index = pd.date_range("2024-01-01", periods=len(rows), freq="1h", tz="UTC")
    return pd.DataFrame(rows, columns=["open", "high", "low", "close", "volume"], index=index)


@pytest.mark.parametrize(
    ("bars", "limit", "expected"),
    [(1, 4_000, 1), (4_000, 4_000, 1), (4_001, 4_000, 2), (1_000_000, 4_000, 250), (0, 10, 1)],
)
def test_bars_per_candle(bars: int, limit: int, expected: int) -> None:
    assert bars_per_candle(bars, limit) == expected


def test_merged_bar_is_first_open_highest_high_lowest_low_last_close_and_all_volume() -> None:
    bars = table(
        [(5, 6, 4, 5, 1), (5, 9, 5, 8, 2), (8, 8, 1, 2, 3), (2, 3, 2, 3, 4), (3, 7, 3, 6, 5)]
    )
    merged = merge_bars(bars, 2)
    assert merged.to_numpy().tolist() == [[5, 9, 4, 8, 3], [8, 8, 1, 3, 7], [3, 7, 3, 6, 5]]
    assert merged.index.equals(bars.index[[0, 2, 4]])


def test_bars_that_fit_are_left_alone() -> None:
    bars = table([(5, 6, 4, 5, 1)])
    assert merge_bars(bars, 1) is bars


@settings(deadline=None)
@given(st.integers(1, 400), st.integers(1, 50), st.integers(0, 2**32 - 1))
def test_highest_high_and_lowest_low_stay_exactly(count: int, per: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    bars = table([tuple(row) for row in generator.uniform(1.0, 9.0, (count, 5))])
    merged = merge_bars(bars, per)
    assert len(merged) == -(-count // per)
    assert merged["high"].max() == bars["high"].max()
    assert merged["low"].min() == bars["low"].min()
    assert merged["open"].iloc[0] == bars["open"].iloc[0]
    assert merged["close"].iloc[-1] == bars["close"].iloc[-1]
    assert merged["volume"].sum() == pytest.approx(bars["volume"].sum())


@settings(deadline=None)
@given(
    arrays(
        np.float64,
        st.integers(1, 600),
        elements=st.one_of(st.floats(-1e6, 1e6), st.just(float("nan"))),
    ),
    st.integers(2, 100),
)
def test_thinned_line_keeps_its_extremes_and_ends(values: np.ndarray, limit: int) -> None:
    kept = extreme_positions(values, limit)
    assert (np.diff(kept) > 0).all()
    assert kept[0] == 0 and kept[-1] == len(values) - 1
    assert len(kept) <= max(limit + 2, 3)
    if np.isfinite(values).any():
        assert np.nanmax(values[kept]) == np.nanmax(values)
        assert np.nanmin(values[kept]) == np.nanmin(values)


def test_gap_in_a_line_stays_a_gap() -> None:
    values = np.arange(1_000.0)
    values[300:500] = np.nan
    kept = extreme_positions(values, 40)
    inside = (kept >= 300) & (kept < 500)
    assert np.isnan(values[kept[inside]]).any()


def test_line_that_fits_is_left_alone() -> None:
    assert extreme_positions(np.array([3.0, 1.0, 2.0]), 3).tolist() == [0, 1, 2]
    assert extreme_positions(np.array([]), 3).tolist() == []


@given(st.integers(0, 5_000), st.integers(2, 300))
def test_kept_fills_are_spread_evenly(count: int, limit: int) -> None:
    kept = spread_positions(count, limit)
    assert len(kept) == min(count, limit)
    if count:
        assert kept[0] == 0 and kept[-1] == count - 1
    if len(kept) > 1:
        steps = np.diff(kept)
        assert steps.max() - steps.min() <= 1
