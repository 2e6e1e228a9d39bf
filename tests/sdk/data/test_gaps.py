"""Missing bars are found where they are, counted, and filled flat."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robotrader_sdk.data.gaps import fill_gaps, find_gaps, infer_timeframe
from robotrader_sdk.errors import BarsError
from robotrader_sdk.types import Timeframe


def bars_at(times: pd.DatetimeIndex) -> pd.DataFrame:
    close = 100.0 + np.arange(len(times))
    return pd.DataFrame(
        {"open": close - 1, "high": close + 2, "low": close - 2, "close": close, "volume": 3.0},
        index=times.rename("open_time"),
    )


def hours(*numbers: int, unit: str = "us") -> pd.DataFrame:
    start = pd.Timestamp("2024-01-01", tz="UTC")
    times = pd.DatetimeIndex([start + pd.Timedelta(hours=number) for number in numbers])
    return bars_at(times.as_unit(unit))


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_a_gap_is_listed_with_its_edges_and_its_length(unit: str) -> None:
    gaps = find_gaps(hours(0, 1, 2, 6, 7, 9, unit=unit))
    assert list(gaps.columns) == ["after", "before", "missing"]
    assert gaps["after"].dt.hour.tolist() == [2, 7]
    assert gaps["before"].dt.hour.tolist() == [6, 9]
    assert gaps["missing"].tolist() == [3, 1]


def test_no_gap_gives_an_empty_list() -> None:
    assert find_gaps(hours(0, 1, 2)).empty
    assert find_gaps(hours(5)).empty


def test_the_timeframe_can_be_said_where_most_bars_are_missing() -> None:
    bars = hours(0, 2, 4, 5)
    assert find_gaps(bars)["missing"].tolist() == []
    assert find_gaps(bars, "1h")["missing"].tolist() == [1, 1]


def test_bars_of_local_midnights_have_no_gap_where_the_clocks_change() -> None:
    days = pd.date_range("2024-03-25", "2024-11-05", freq="D", tz="Europe/Berlin")
    bars = bars_at(days.tz_convert("UTC"))
    assert find_gaps(bars).empty
    without_one = bars.drop(bars.index[6])  # 47 hours around the change
    assert find_gaps(without_one)["missing"].tolist() == [1]


def test_a_timeframe_coarser_than_the_bars_is_refused() -> None:
    with pytest.raises(BarsError, match=r"3 bars are closer together than 4h.*resample"):
        find_gaps(hours(0, 1, 2, 3), "4h")


def test_bars_that_are_wrong_are_refused() -> None:
    with pytest.raises(BarsError, match="a time before"):
        find_gaps(hours(1, 0))


TIMEFRAMES = {
    "regular": ((0, 1, 2, 3), "1h"),
    "with gaps": ((0, 1, 2, 9, 10, 20), "1h"),
    "most are not the smallest": ((0, 1, 5, 9, 13), "4h"),
    "a tie goes to the shorter": ((0, 1, 3), "1h"),
    "two bars": ((0, 24), "1d"),
}


@pytest.mark.parametrize(("numbers", "expected"), TIMEFRAMES.values(), ids=TIMEFRAMES)
def test_the_most_common_distance_is_the_timeframe(numbers: list[int], expected: str) -> None:
    assert infer_timeframe(hours(*numbers).index) == Timeframe.parse(expected)


NO_TIMEFRAME = {
    "one bar": (hours(0).index, "1 bar can't tell a timeframe"),
    "no bar": (hours(0).index[:0], "0 bars can't tell a timeframe"),
    "numbers": (pd.RangeIndex(5), "needs an index of times, not RangeIndex"),
    "unsorted": (hours(2, 1, 0).index, "times do not increase"),
    "milliseconds": (
        pd.date_range("2024", periods=5, freq="100ms", tz="UTC"),
        "timeframes are whole seconds",
    ),
}


@pytest.mark.parametrize(("index", "message"), NO_TIMEFRAME.values(), ids=NO_TIMEFRAME)
def test_no_timeframe_is_guessed(index: pd.Index, message: str) -> None:
    with pytest.raises(BarsError, match=message):
        infer_timeframe(index)


def test_gaps_are_filled_flat_at_the_last_close_and_marked() -> None:
    bars = hours(0, 1, 4)
    filled = fill_gaps(bars)
    assert filled.index.equals(hours(0, 1, 2, 3, 4).index)
    assert filled["filled"].tolist() == [False, False, True, True, False]
    assert filled["filled"].dtype == np.dtype(bool)
    made_up = filled[filled["filled"]]
    assert (made_up[["open", "high", "low", "close"]] == 101.0).all().all()
    assert (made_up["volume"] == 0).all()
    pd.testing.assert_frame_equal(filled[~filled["filled"]].drop(columns="filled"), bars)


def test_filling_twice_keeps_what_is_marked() -> None:
    once = fill_gaps(hours(0, 1, 4))
    pd.testing.assert_frame_equal(fill_gaps(once), once)
    again = fill_gaps(once.drop(once.index[3]))
    assert again["filled"].tolist() == [False, False, True, True, False]


def test_an_unknown_volume_stays_unknown_and_other_columns_stay_empty() -> None:
    bars = hours(0, 1, 4).assign(volume=np.nan, trades=[7, 8, 9], maker=True)
    filled = fill_gaps(bars)
    assert filled["volume"].isna().all()
    assert filled["trades"].isna().tolist() == [False, False, True, True, False]
    assert filled["maker"].isna().tolist() == [False, False, True, True, False]


def test_one_wrong_time_does_not_fill_the_memory() -> None:
    bars = bars_at(pd.DatetimeIndex(["1970-01-01", "2024-01-01", "2024-01-01 00:00:01"], tz="UTC"))
    with pytest.raises(BarsError, match=r"make up 17040671\d\d bars of 1s.*1970-01-01"):
        fill_gaps(bars)


@settings(max_examples=40, deadline=None)
@given(st.sets(st.integers(0, 60), min_size=2), st.sampled_from(["s", "ns"]))
def test_filled_bars_are_even_and_keep_every_real_one(numbers: set[int], unit: str) -> None:
    bars = hours(*sorted(numbers), unit=unit)
    filled = fill_gaps(bars, "1h")
    assert len(filled) == max(numbers) - min(numbers) + 1
    assert find_gaps(filled, "1h").empty
    assert find_gaps(bars, "1h")["missing"].sum() == filled["filled"].sum()
    real = filled[~filled["filled"]].drop(columns="filled")
    pd.testing.assert_frame_equal(real, bars, check_freq=False)
    assert (filled["open"].to_numpy()[1:] == filled["close"].to_numpy()[:-1])[
        filled["filled"].to_numpy()[1:]
    ].all()
