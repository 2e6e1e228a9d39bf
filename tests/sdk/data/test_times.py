"""read_times: how times may be written, and which are refused rather than guessed."""

from __future__ import annotations

import re
from datetime import date, datetime

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robotrader_sdk.data.times import read_times
from robotrader_sdk.data.validate import BarsWarning
from robotrader_sdk.errors import BarsError

START = 1_704_067_200  # 2024-01-01
HOURS = pd.DatetimeIndex(["2024-01-01 00:00", "2024-01-01 01:00"], tz="UTC")


def times(*values: object) -> pd.Series:
    return pd.Series(list(values))


TIMES = {
    "seconds": times(START, START + 3600),
    "milliseconds": times(START * 1000, (START + 3600) * 1000),
    "microseconds": times(START * 10**6, (START + 3600) * 10**6),
    "nanoseconds": times(START * 10**9, (START + 3600) * 10**9),
    "seconds as floats": times(float(START), START + 3600.0),
    "ISO with Z": times("2024-01-01T00:00:00Z", "2024-01-01T01:00:00Z"),
    "ISO with an offset": times("2024-01-01 01:00:00+01:00", "2024-01-01 02:00:00+01:00"),
    "ISO with changing offsets": times("2024-01-01T01:00+01:00", "2024-01-01T03:00+02:00"),
    "ISO with a short offset": times("2024-01-01 00:00:00+00", "2024-01-01 01:00:00+00"),
    "UTC behind": times("2024-01-01 00:00:00 UTC", "2024-01-01 01:00:00 UTC"),
    "fractions": times("2024-01-01T00:00:00.000Z", "2024-01-01T01:00:00.000000Z"),
    "Timestamps": times(*HOURS),
    "Python datetimes": times(*HOURS.to_pydatetime()).astype(object),
}


@pytest.mark.parametrize("column", TIMES.values(), ids=TIMES)
def test_times_that_are_read(column: pd.Series) -> None:
    assert read_times(column).as_unit("ns").equals(HOURS.as_unit("ns"))


NAIVE_TIMES = {
    "ISO": times("2024-01-01 00:00", "2024-01-01 01:00"),
    "ISO with T and seconds": times("2024-01-01T00:00:00", "2024-01-01T01:00:00"),
    "naive Timestamps": times(datetime(2024, 1, 1), datetime(2024, 1, 1, 1)),
}


@pytest.mark.parametrize("column", NAIVE_TIMES.values(), ids=NAIVE_TIMES)
def test_times_without_a_zone_are_utc_with_one_warning(column: pd.Series) -> None:
    with pytest.warns(BarsWarning, match=r"read as UTC \(row 0: 2024-01-01") as caught:
        read = read_times(column)
    assert len(caught) == 1
    assert read.as_unit("ns").equals(HOURS.as_unit("ns"))
    assert read_times(column, timezone="UTC").equals(read)


def test_days_are_midnights() -> None:
    for column in (times("2024-01-01", "2024-01-02"), times(date(2024, 1, 1), date(2024, 1, 2))):
        read = read_times(column, timezone="UTC")
        assert [str(time) for time in read] == [
            "2024-01-01 00:00:00+00:00",
            "2024-01-02 00:00:00+00:00",
        ]


def test_times_in_a_zone_are_converted() -> None:
    read = read_times(times("2024-01-01 01:00", "2024-01-01 02:00"), timezone="Europe/Berlin")
    assert read.as_unit("ns").equals(HOURS.as_unit("ns"))


FORMATTED = {
    "day first": (times("01/02/2024 00:00"), "%d/%m/%Y %H:%M", "2024-02-01"),
    "month first": (times("01/02/2024 00:00"), "%m/%d/%Y %H:%M", "2024-01-02"),
    "numbers": (times(20240201), "%Y%m%d", "2024-02-01"),
    "with an offset": (times("01.02.2024 00:00 +0000"), "%d.%m.%Y %H:%M %z", "2024-02-01"),
    "a unit before 2000": (times(631_152_000), "s", "1990-01-01"),
    "a unit as text": (times("631152000000"), "ms", "1990-01-01"),
}


@pytest.mark.parametrize(("column", "how", "day"), FORMATTED.values(), ids=FORMATTED)
def test_the_user_says_how_times_are_written(column: pd.Series, how: str, day: str) -> None:
    read = read_times(column, time_format=how, timezone="UTC")
    assert str(read[0]) == f"{day} 00:00:00+00:00"


TIME_ERRORS: dict[str, tuple[pd.Series, dict[str, str], str]] = {
    "day or month first": (times("01/02/2024"), {}, "the time in row 0 is '01/02/2024'"),
    "words": (times("2024-01-01", "Jan 2, 2024"), {}, "the time in row 1 is 'Jan 2, 2024'"),
    "no time at all": (times("2024-01-01T00:00Z", "x00:00Z"), {}, "the time in row 1 is 'x00:00Z'"),
    "a missing time": (times("2024-01-01", None), {}, "the time in row 1 is missing"),
    "zones only here and there": (
        times("2024-01-01 00:00Z", "2024-01-01 01:00"),
        {},
        "row 0 is '2024-01-01 00:00Z', row 1 is '2024-01-01 01:00'",
    ),
    "two units": (times(START, START * 1000), {}, "not Unix times of one unit"),
    "numbers of days": (times(20240101, 20240102), {}, "time_format='ms', or a format"),
    "row numbers": (times(0, 1, 2), {}, "times from 0 to 2 are not Unix times"),
    "fractions of a unit": (times(START + 0.5), {}, "Unix times are whole numbers"),
    "inexact floats": (times(START * 1e9), {}, "too large to be exact"),
    "infinite": (times(float("inf")), {}, "Unix times are whole numbers"),
    "truth values": (times(True, False), {}, "the time in row 0 is 'True'"),
    "a wrong format": (
        times("2024-01-01"),
        {"time_format": "%d.%m.%Y"},
        "times don't read as time_format='%d.%m.%Y'",
    ),
    "a unit too small": (times(START * 10**9), {"time_format": "s"}, "are not Unix times in s"),
    "an unknown zone": (
        times("2024-01-01"),
        {"timezone": "Europe/Berlinn"},
        "timezone 'Europe/Berlinn' is not known",
    ),
    "an hour that exists twice": (
        times("2024-10-27 02:30"),
        {"timezone": "Europe/Berlin"},
        "exists twice or not at all in Europe/Berlin",
    ),
}


@pytest.mark.parametrize(("column", "how", "message"), TIME_ERRORS.values(), ids=TIME_ERRORS)
def test_times_are_not_guessed(column: pd.Series, how: dict[str, str], message: str) -> None:
    with pytest.raises(BarsError, match=re.escape(message)):
        read_times(column, **how)


@settings(max_examples=60, deadline=None)
@given(
    st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31)),
    st.sampled_from(["s", "ms", "us", "ns"]),
)
def test_the_unit_of_a_unix_time_of_this_century_is_never_mistaken(
    when: datetime, unit: str
) -> None:
    stamp = pd.Timestamp(when).tz_localize("UTC").floor("s").as_unit(unit)
    number = pd.DatetimeIndex([stamp]).as_unit(unit).asi8[0]
    assert read_times(pd.Series([number]))[0] == stamp
