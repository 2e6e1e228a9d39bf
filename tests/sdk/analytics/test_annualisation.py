"""Bars per year, on calendars of real and made-up markets."""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from robotrader_sdk.analytics.annualisation import bar_length_ns, bars_per_year
from robotrader_sdk.errors import BarsError


def ns(index: pd.DatetimeIndex) -> np.ndarray:
    return index.as_unit("ns").asi8


def around_the_clock(freq: str, count: int, start: str = "2021-03-03 15:00") -> np.ndarray:
    return ns(pd.date_range(start, periods=count, freq=freq))


def sessions(freq: str, start: str, end: str, opens: str, closes: str) -> np.ndarray:
    every = pd.date_range(start, end, freq=freq)
    inside = every[every.indexer_between_time(opens, closes, include_end=False)]
    return ns(inside[inside.day_of_week < 5])


def without(times: np.ndarray, count: int, seed: int = 0) -> np.ndarray:
    gone = np.random.default_rng(seed).choice(len(times) - 2, count, replace=False) + 1
    return np.delete(times, gone)


@pytest.mark.parametrize(
    ("freq", "count", "expected"),
    [
        ("1min", 1_440, 525_600.0),
        ("1min", 100_000, 525_600.0),
        ("5min", 5_000, 105_120.0),
        ("15min", 5_000, 35_040.0),
        ("90min", 500, 5_840.0),
        ("1h", 200, 8_760.0),
        ("4h", 900, 2_190.0),
        ("12h", 100, 730.0),
        ("1D", 400, 365.0),
        ("1D", 2, 365.0),
    ],
)
def test_market_that_never_closes(freq: str, count: int, expected: float) -> None:
    assert bars_per_year(around_the_clock(freq, count)) == expected


@pytest.mark.parametrize(
    ("freq", "count", "gaps", "expected"),
    [
        ("1min", 100_000, 538, 525_600.0),
        ("1min", 20_000, 8_000, 525_600.0),
        ("1h", 5_000, 400, 8_760.0),
        ("1D", 1_500, 300, 365.0),
    ],
)
def test_gaps_do_not_make_a_market_one_that_closes(
    freq: str, count: int, gaps: int, expected: float
) -> None:
    assert bars_per_year(without(around_the_clock(freq, count), gaps)) == expected


def test_outage_of_three_days_does_not_make_a_market_one_that_closes() -> None:
    times = around_the_clock("1min", 40 * 1_440)
    assert bars_per_year(np.delete(times, slice(10_000, 14_320))) == 525_600.0


def test_outage_within_a_day_or_two_does_not_make_a_market_one_that_closes() -> None:
    times = around_the_clock("1min", 25 * 60)
    assert bars_per_year(np.delete(times, slice(600, 900))) == 525_600.0


def test_less_than_a_day_can_not_tell_that_a_market_closes() -> None:
    times = around_the_clock("1min", 600)
    assert bars_per_year(np.delete(times, slice(30, 570))) == 525_600.0


def test_five_daily_bars_without_a_weekend_count_as_never_closing() -> None:
    assert bars_per_year(ns(pd.bdate_range("2024-01-08", periods=5))) == 365.0


def test_daily_stock_bars_of_the_reference() -> None:
    spec = importlib.util.find_spec("backtesting")
    assert spec is not None and spec.origin is not None
    goog = pd.read_csv(Path(spec.origin).parent / "test" / "GOOG.csv", index_col=0)
    assert bars_per_year(ns(pd.DatetimeIndex(goog.index))) == pytest.approx(252.0, abs=1.0)


def test_weekdays_without_holidays_are_261_a_year() -> None:
    assert bars_per_year(ns(pd.bdate_range("2024-01-08", periods=10))) == pytest.approx(
        260.7, abs=0.1
    )
    assert bars_per_year(ns(pd.bdate_range("2020-01-08", "2024-01-08"))) == pytest.approx(
        260.7, abs=0.5
    )


def test_market_of_six_days_a_week_with_a_nightly_break_closes() -> None:
    every = pd.date_range("2020-01-01", "2022-01-01", freq="4h")
    six = ns(every[(every.day_of_week != 5) & (every.hour >= 4)])
    assert bars_per_year(six) == pytest.approx(6 * 5 * 365 / 7, rel=0.01)


@pytest.mark.parametrize(("freq", "a_day"), [("1min", 390), ("5min", 78), ("30min", 13)])
@pytest.mark.parametrize("end", ["2024-01-22", "2024-02-07", "2024-12-31"])
def test_stocks_by_the_minute(freq: str, a_day: int, end: str) -> None:
    times = sessions(freq, "2024-01-08", end, "14:30", "21:00")
    assert bars_per_year(times) == pytest.approx(a_day * 5 * 365 / 7, rel=0.02)


def test_less_than_a_week_of_stocks_by_the_minute_assumes_five_days_a_week() -> None:
    within_a_week = sessions("1min", "2024-01-08", "2024-01-11", "14:30", "21:00")
    over_a_weekend = sessions("1min", "2024-01-12", "2024-01-17", "14:30", "21:00")
    for times in (within_a_week, over_a_weekend):
        assert bars_per_year(times) == pytest.approx(390 * 5 * 365 / 7)


def test_foreign_exchange_by_the_hour_closes_at_the_weekend() -> None:
    every = pd.date_range("2023-01-01", "2023-12-31", freq="1h")
    hour_of_week = every.day_of_week * 24 + every.hour
    times = ns(every[(hour_of_week < 4 * 24 + 22) | (hour_of_week >= 6 * 24 + 22)])
    assert bars_per_year(times) == pytest.approx(120 * 365 / 7, rel=0.01)


def test_stray_weekend_bar_does_not_open_the_market() -> None:
    weekdays = pd.bdate_range("2023-01-02", "2023-12-29")
    times = ns(weekdays.append(pd.DatetimeIndex(["2023-06-10", "2023-06-11"])).sort_values())
    assert bars_per_year(times) == pytest.approx(262.7, abs=0.1)


def test_daylight_saving_does_not_open_the_market() -> None:
    local = pd.bdate_range("2022-01-03", "2023-12-29", tz="America/New_York")
    assert bars_per_year(ns(local.tz_convert("UTC"))) == pytest.approx(260.7, abs=1.0)


@pytest.mark.parametrize(
    ("freq", "expected", "within"), [("W-MON", 52.14, 0.01), ("3D", 121.67, 0.01), ("MS", 12, 0.05)]
)
def test_bars_longer_than_a_day_are_counted(freq: str, expected: float, within: float) -> None:
    times = ns(pd.date_range("2019-01-01", "2023-01-02", freq=freq))
    assert bars_per_year(times) == pytest.approx(expected, abs=within)


def test_no_bars_or_one_have_no_rate() -> None:
    assert math.isnan(bars_per_year([]))
    assert math.isnan(bars_per_year([0]))
    assert bar_length_ns([0]) == 0


def test_bar_length_is_the_most_common_spacing() -> None:
    assert bar_length_ns([0, 60, 120, 600, 660]) == 60
    assert bar_length_ns([0, 60, 180]) == 60


@pytest.mark.parametrize("times", [[60, 0], [0, 60, 60, 120]])
def test_times_that_do_not_increase_are_an_error(times: list[int]) -> None:
    with pytest.raises(BarsError, match="increase"):
        bars_per_year(times)
