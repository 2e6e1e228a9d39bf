"""On which bars a portfolio is rebalanced."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from robotrader_sdk.strategy.schedule import scheduled_bars
from robotrader_sdk.types import Timeframe


def decided(index: pd.DatetimeIndex, timeframe: str, rebalance: Any, first: int = 0) -> list[str]:
    due = scheduled_bars(index, Timeframe.parse(timeframe), rebalance, first)
    return [f"{time:%m-%d %H}" for time in index[due]]


def days(start: str, end: str, freq: str = "D") -> pd.DatetimeIndex:
    return pd.date_range(start, end, freq=freq, tz="UTC")


def test_a_month_ends_with_the_bar_whose_close_ends_it() -> None:
    index = days("2024-01-15", "2024-04-02")
    assert decided(index, "1d", "monthly") == ["01-31 00", "02-29 00", "03-31 00"]


def test_weeks_end_on_sundays() -> None:
    index = days("2024-01-01", "2024-01-20")
    assert decided(index, "1d", "weekly") == ["01-07 00", "01-14 00"]


def test_quarters() -> None:
    index = days("2023-11-15", "2024-07-02")
    assert decided(index, "1d", "quarterly") == ["12-31 00", "03-31 00", "06-30 00"]


def test_a_day_of_hours_ends_with_its_last_hour() -> None:
    index = days("2024-01-01 05:00", "2024-01-03 04:00", "h")
    assert decided(index, "1h", "daily") == ["01-01 23", "01-02 23"]
    assert decided(index, "1h", "weekly") == []


def test_daily_bars_are_all_decided_at_daily() -> None:
    assert len(decided(days("2024-01-01", "2024-01-05"), "1d", "daily")) == 5


def test_a_market_closed_when_the_period_ends_is_decided_at_the_first_bar_after() -> None:
    index = days("2024-02-26", "2024-05-03", "B")
    # February ends on a Thursday, whose close ends it; March on a Sunday, after Friday the 29th;
    # April on a Tuesday.
    assert decided(index, "1d", "monthly") == ["02-29 00", "04-01 00", "04-30 00"]
    weeks = decided(index, "1d", "weekly")
    assert weeks == [f"{time:%m-%d} 00" for time in index[index.day_of_week == 0][1:]]


def test_missing_bars_at_the_end_of_a_period() -> None:
    index = days("2024-01-01", "2024-02-10").drop(pd.Timestamp("2024-01-31", tz="UTC"))
    assert decided(index, "1d", "monthly") == ["02-01 00"]


def test_a_period_is_decided_at_once_only() -> None:
    index = days("2024-01-01", "2024-03-10")
    assert len(decided(index, "1d", "monthly")) == 2


def test_the_first_bar_of_the_history_begins_no_period() -> None:
    assert decided(days("2024-02-01", "2024-02-10"), "1d", "monthly") == []


def test_nothing_is_decided_in_the_warmup() -> None:
    index = days("2024-01-15", "2024-04-02")
    assert decided(index, "1d", "monthly", first=20) == ["02-29 00", "03-31 00"]
    assert decided(index, "1d", 30, first=20) == ["02-04 00", "03-05 00"]
    assert decided(index, "1d", None, first=77) == ["04-01 00", "04-02 00"]


def test_without_a_timeframe_a_period_ends_when_the_next_has_begun() -> None:
    index = days("2024-01-30", "2024-02-03")
    due = scheduled_bars(index, None, "monthly", 0)
    assert index[due].tolist() == [pd.Timestamp("2024-02-01", tz="UTC")]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("period", ["daily", "weekly", "monthly", "quarterly"])
def test_what_is_decided_is_known_then(unit: Any, period: Any) -> None:
    """Later bars change nothing, whatever their calendar."""
    rng = np.random.default_rng(3)
    index = days("2023-01-01", "2024-12-31", "6h").as_unit(unit)
    index = index[rng.random(len(index)) > 0.3]
    timeframe = Timeframe.parse("6h")
    whole = scheduled_bars(index, timeframe, period, 0)
    for end in rng.integers(1, len(index), 40):
        part = scheduled_bars(index[:end], timeframe, period, 0)
        np.testing.assert_array_equal(part, whole[:end])
