"""Coarser bars hold exactly the finer ones that lie in them, and none before it has ended."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robotrader_sdk.data.resample import resample
from robotrader_sdk.errors import BarsError

from .binance_server import DAY, HOUR, MINUTE, make_rows


def bars_from(start: str, n: int, step: int, unit: str = "us") -> pd.DataFrame:
    rows = np.array(make_rows(start, n, step))
    times = pd.DatetimeIndex(rows[:, 0].astype(np.int64).view("M8[ms]")).as_unit(unit)
    return pd.DataFrame(
        rows[:, 1:],
        columns=["open", "high", "low", "close", "volume"],
        index=times.tz_localize("UTC").rename("open_time"),
    )


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_first_open_highest_high_lowest_low_last_close_sum_of_volumes(unit: str) -> None:
    bars = bars_from("2024-01-01", 8, HOUR, unit)
    coarse = resample(bars, "4h")
    assert list(coarse.columns) == ["open", "high", "low", "close", "volume"]
    assert coarse.index.tolist() == [bars.index[0], bars.index[4]]
    assert coarse.index.name == "open_time"
    for number, part in enumerate((bars.iloc[:4], bars.iloc[4:])):
        bar = coarse.iloc[number]
        assert bar["open"] == part["open"].iloc[0]
        assert bar["high"] == part["high"].max()
        assert bar["low"] == part["low"].min()
        assert bar["close"] == part["close"].iloc[-1]
        assert bar["volume"] == pytest.approx(part["volume"].sum())


@pytest.mark.parametrize(("n", "complete"), [(4, 1), (5, 1), (7, 1), (8, 2), (9, 2)])
def test_the_last_bar_appears_only_when_the_finer_bars_reach_its_end(n: int, complete: int) -> None:
    assert len(resample(bars_from("2024-01-01", n, HOUR), "4h")) == complete


def test_a_first_bar_that_the_data_begin_inside_of_is_dropped() -> None:
    coarse = resample(bars_from("2024-01-01 01:00", 11, HOUR), "4h")
    assert coarse.index.hour.tolist() == [4, 8]


def test_incomplete_bars_can_be_kept_and_are_marked() -> None:
    bars = bars_from("2024-01-01 01:00", 9, HOUR)
    coarse = resample(bars, "4h", incomplete="mark")
    assert coarse["complete"].tolist() == [False, True, False]
    pd.testing.assert_frame_equal(
        coarse[coarse["complete"]].drop(columns="complete"), resample(bars, "4h")
    )


def test_a_gap_at_its_end_does_not_keep_a_bar_open_once_time_has_passed() -> None:
    bars = bars_from("2024-01-01", 9, HOUR)
    assert len(resample(bars.drop(bars.index[7]), "4h")) == 2
    assert len(resample(bars.drop(bars.index[[7, 8]]), "4h")) == 1


def test_times_without_finer_bars_give_no_coarse_bar() -> None:
    bars = bars_from("2024-01-01", 16, HOUR)
    coarse = resample(bars.drop(bars.index[4:8]), "4h")
    assert coarse.index.hour.tolist() == [0, 8, 12]


def test_weeks_start_on_monday() -> None:
    coarse = resample(bars_from("2024-01-03", 20, DAY), "1w")  # from a Wednesday
    assert [str(day.date()) for day in coarse.index] == ["2024-01-08", "2024-01-15"]
    assert (coarse.index.day_of_week == 0).all()
    two = resample(bars_from("2024-01-01", 40, DAY), "2w")
    assert (two.index.day_of_week == 0).all()


def test_an_unknown_volume_stays_unknown_and_other_columns_are_left_out() -> None:
    bars = bars_from("2024-01-01", 8, HOUR).assign(volume=np.nan, trades=1)
    coarse = resample(bars, "4h")
    assert coarse["volume"].isna().all()
    assert "trades" not in coarse.columns


def test_the_label_of_the_bars_is_kept_with_the_new_timeframe() -> None:
    bars = bars_from("2024-01-01", 8, HOUR)
    bars.attrs = {"symbol": "BTC/USDT", "timeframe": "1h"}
    assert resample(bars, "4h").attrs == {"symbol": "BTC/USDT", "timeframe": "4h"}
    assert bars.attrs["timeframe"] == "1h"


REFUSED = {
    "finer": ("30m", "30m is finer than that of the bars, 1h"),
    "the same": ("1h", "1h is the same as that of the bars, 1h"),
    "no multiple": ("90m", "90m is no multiple of that of the bars, 1h.*such as 2h"),
    "unknown": ("1 hour", "timeframe '1 hour' is not known"),
    "months": ("1M", "timeframe '1M' is not known"),
}


@pytest.mark.parametrize(("timeframe", "message"), REFUSED.values(), ids=REFUSED)
def test_a_timeframe_that_does_not_fit_is_refused(timeframe: str, message: str) -> None:
    with pytest.raises(BarsError, match=message):
        resample(bars_from("2024-01-01", 100, HOUR), timeframe)


def test_too_few_bars_for_one_coarse_bar_are_refused() -> None:
    with pytest.raises(BarsError, match=r"3 bars of 1h .* make no complete bar of 4h"):
        resample(bars_from("2024-01-01", 3, HOUR), "4h")


def test_bars_that_straddle_the_end_of_a_coarse_one_are_refused() -> None:
    bars = bars_from("2024-01-01 00:30", 10, HOUR)
    with pytest.raises(BarsError, match=r"2 bars of 1h reach beyond .* row 3, .*03:30"):
        resample(bars, "4h")


def test_an_unknown_choice_is_refused() -> None:
    with pytest.raises(BarsError, match="incomplete='keep' is not known"):
        resample(bars_from("2024-01-01", 8, HOUR), "4h", incomplete="keep")  # type: ignore[arg-type]


def test_the_timeframe_of_the_bars_can_be_said() -> None:
    bars = bars_from("2024-01-01", 8, HOUR).iloc[[0, 2, 4, 6]]
    assert len(resample(bars, "4h")) == 2  # looks like 2h
    assert len(resample(bars, "4h", from_timeframe="1h")) == 1


@settings(deadline=None, max_examples=30)
@given(
    st.integers(0, 400),
    st.sets(st.integers(0, 199), min_size=30),
    st.sampled_from([("5m", "5min"), ("15m", "15min"), ("1h", "1h"), ("4h", "4h"), ("1d", "1D")]),
)
def test_the_same_bars_as_pandas_makes(
    offset: int, kept: set[int], timeframe: tuple[str, str]
) -> None:
    ours, theirs = timeframe
    start = pd.Timestamp("2024-01-01") + pd.Timedelta(minutes=offset)
    bars = bars_from(str(start), 200, MINUTE).iloc[sorted(kept)]
    coarse = resample(bars, ours, from_timeframe="1m", incomplete="mark")
    expected = bars.resample(theirs, closed="left", label="left").agg(
        {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
    )
    expected = expected.dropna(subset=["open"])
    pd.testing.assert_frame_equal(coarse.drop(columns="complete"), expected, check_freq=False)


@settings(deadline=None, max_examples=30)
@given(st.integers(8, 100), st.integers(1, 90))
def test_more_bars_change_no_coarse_bar_that_is_there_already(n: int, more: int) -> None:
    bars = bars_from("2024-01-01", n + more, HOUR)
    early, late = resample(bars.iloc[:n], "4h"), resample(bars, "4h")
    pd.testing.assert_frame_equal(early, late.iloc[: len(early)], check_freq=False)
    assert early.index[-1] + pd.Timedelta("4h") <= bars.index[n - 1] + pd.Timedelta("1h")
