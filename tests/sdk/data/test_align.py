"""A coarse bar's value shows at finer bars from its close on, and never before."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import robotrader_sdk as rt
from robotrader_sdk.data.align import align
from robotrader_sdk.data.resample import resample
from robotrader_sdk.data.validate import BarsWarning
from robotrader_sdk.errors import BarsError

HOURS = rt.synthetic_bars(24 * 40, "1h", seed=4, start="2024-01-01")
MINUTES = rt.synthetic_bars(600, "1m", seed=5, start="2024-01-01")
NAN = float("nan")


def times(*texts: str) -> pd.DatetimeIndex:
    return pd.DatetimeIndex([f"2024-01-{text}" for text in texts], tz="UTC", name="open_time")


def at(hours: list[int], bars: pd.DataFrame = HOURS) -> pd.DataFrame:
    """The hourly bars of those hours."""
    return bars.iloc[hours]


def expected(coarse: pd.Series, length: str, bars: pd.DataFrame, fine: str) -> list[float]:
    """The rule in words: of the coarse bars closed by the close of each bar, the last."""
    result = []
    long, short = (pd.Timedelta(seconds=rt.Timeframe.parse(one).seconds) for one in (length, fine))
    for time in bars.index:
        closed = coarse[coarse.index + long <= time + short]
        result.append(closed.iloc[-1] if len(closed) else NAN)
    return result


@pytest.mark.parametrize(
    ("hours", "shown"),
    [
        pytest.param(
            [0, 1, 2, 3, 4, 5, 6, 7, 8],
            [NAN, NAN, NAN, 0, 0, 0, 0, 4, 4],
            id="from the bar that closes with it",
        ),
        pytest.param(
            [0, 1, 2, 4, 5, 6, 7, 8],
            [NAN, NAN, NAN, 0, 0, 0, 4, 4],
            id="a gap at its end: from the next bar there is",
        ),
        pytest.param(
            [0, 1, 2, 3, 9, 11, 12],
            [NAN, NAN, NAN, 0, 0, 8, 8],
            id="a gap of a whole one: the last before it stays",
        ),
        pytest.param(
            [2, 3, 4, 5, 6, 7, 8, 11],
            [NAN, NAN, NAN, NAN, NAN, 4, 4, 8],
            id="one that the data begin inside of is not there",
        ),
        pytest.param(
            [0, 1, 2, 3, 4, 5, 6],
            [NAN, NAN, NAN, 0, 0, 0, 0],
            id="one that is not over yet is not there",
        ),
    ],
)
def test_a_value_shows_from_its_bar_s_close(hours: list[int], shown: list[float]) -> None:
    bars = at(hours)
    coarse = resample(bars, "4h", from_timeframe="1h")
    values = pd.Series(coarse.index.hour.astype(float), coarse.index)
    aligned = align(values, bars, timeframe="4h", from_timeframe="1h")
    np.testing.assert_array_equal(aligned, shown)
    assert aligned.index is bars.index


def test_a_week_of_stocks_shows_at_the_first_bar_of_the_next() -> None:
    """It ends on Sunday at midnight, when Friday's bar has long been closed."""
    bars = rt.sample_bars("AAPL")
    weeks = resample(bars, "1w")
    number = align(pd.Series(np.arange(len(weeks)), weeks.index), bars)
    changes = bars.index[number.notna() & (number != number.shift())]
    week = bars.index.to_series().dt.tz_localize(None).dt.to_period("W-SUN")
    first_days = bars.index[~week.duplicated()]
    # The data begin inside the first week; the second one shows at the start of the third.
    assert changes.equals(first_days[2:])


def test_an_incomplete_bar_at_the_end_does_not_show_even_if_it_was_kept() -> None:
    bars = HOURS.iloc[:7]
    marked = resample(bars, "4h", incomplete="mark")
    assert len(marked) == 2
    shown = align(marked["close"], bars, timeframe="4h")
    np.testing.assert_array_equal(shown.dropna().unique(), marked["close"].iloc[:1])


def test_nan_of_a_coarse_bar_is_not_filled_from_the_one_before() -> None:
    values = pd.Series([1.0, NAN, 3.0], HOURS.index[[0, 4, 8]])
    shown = align(values, HOURS.iloc[:12])
    np.testing.assert_array_equal(shown, [NAN] * 3 + [1.0] * 4 + [NAN] * 4 + [3.0])


KINDS: dict[str, tuple[Any, Any, list[Any]]] = {
    "booleans stay so, False before": ([True, False], "bool", [False, False, True, True, False]),
    "whole numbers": ([1, 2], "float64", [NAN, NAN, 1, 1, 2]),
    "numbers": ([1.5, 2.5], "float64", [NAN, NAN, 1.5, 1.5, 2.5]),
    "nullable booleans": (
        pd.array([True, None], dtype="boolean"), "boolean", [pd.NA, pd.NA, True, True, pd.NA],
    ),
    "nullable whole numbers": (
        pd.array([7, None], dtype="Int64"), "Int64", [pd.NA, pd.NA, 7, 7, pd.NA],
    ),
    "categories": (
        pd.Categorical(["up", "down"]), pd.CategoricalDtype(["down", "up"]),
        [NAN, NAN, "up", "up", "down"],
    ),
    "objects": (
        np.array([True, None], object), "object", [NAN, NAN, True, True, None],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("given_", "dtype", "shown"), KINDS.values(), ids=KINDS)
def test_the_kind_of_values_is_kept(given_: Any, dtype: Any, shown: list[Any]) -> None:
    bars = HOURS.iloc[:5]
    values = pd.Series(given_, bars.index[[0, 2]], name="line")
    aligned = align(values, bars.iloc[[0, 1, 2, 3, 4]], timeframe="3h")
    assert len(aligned) == 5
    wanted = pd.Series(shown, bars.index, dtype=dtype, name="line")
    pd.testing.assert_series_equal(aligned, wanted)


def test_whole_numbers_without_a_bar_before_the_first_stay_whole() -> None:
    values = pd.Series([1, 2], HOURS.index[[0, 4]])
    assert align(values, HOURS.iloc[3:9], timeframe="4h").tolist() == [1, 1, 1, 1, 2, 2]
    assert align(values, HOURS.iloc[3:9], timeframe="4h").dtype == np.int64


def test_a_frame_is_aligned_column_by_column() -> None:
    coarse = resample(HOURS, "4h")
    frame = pd.DataFrame({"ema": rt.ta.ema(coarse.close, 5), "up": coarse.close > coarse.open})
    frame = pd.concat([frame, frame["up"]], axis=1)  # a name may be there twice
    aligned = align(frame, HOURS)
    assert aligned.columns.tolist() == ["ema", "up", "up"]
    assert aligned.index is HOURS.index
    for k in range(3):
        pd.testing.assert_series_equal(aligned.iloc[:, k], align(frame.iloc[:, k], HOURS))
    assert align(frame[[]], HOURS).shape == (len(HOURS), 0)


def test_bars_may_be_a_frame_a_column_or_an_index() -> None:
    values = resample(HOURS, "4h").close
    for bars in (HOURS, HOURS.close, HOURS.index):
        pd.testing.assert_series_equal(align(values, bars), align(values, HOURS))


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_the_two_may_count_time_in_different_units(unit: Any) -> None:
    values = resample(HOURS, "4h").close
    other = values.set_axis(pd.DatetimeIndex(values.index).as_unit(unit).tz_convert("Asia/Tokyo"))
    np.testing.assert_array_equal(align(other, HOURS), align(values, HOURS))
    back = HOURS.set_axis(pd.DatetimeIndex(HOURS.index).as_unit(unit))
    np.testing.assert_array_equal(align(values, back), align(values, HOURS))


def test_times_without_a_zone_are_utc_and_warned_about() -> None:
    values = resample(HOURS, "4h").close
    with pytest.warns(BarsWarning, match="bars without a time zone"):
        shown = align(values, HOURS.tz_localize(None))
    np.testing.assert_array_equal(shown, align(values, HOURS))
    with pytest.warns(BarsWarning, match="values without a time zone"):
        align(values.tz_localize(None), HOURS)


def test_neither_argument_is_changed() -> None:
    values, bars = resample(HOURS, "4h").close, HOURS.copy()
    before = values.copy()
    shown = align(values, bars)
    shown.iloc[:] = 0.0
    pd.testing.assert_series_equal(values, before)
    pd.testing.assert_frame_equal(bars, HOURS)


gaps = st.sets(st.integers(0, 239), min_size=2)
lengths = st.sampled_from(["2m", "5m", "12m", "30m", "1h"])


@settings(deadline=None, max_examples=60)
@given(gaps, lengths, st.integers(0, 59))
def test_what_shows_is_the_rule_in_words_whatever_is_missing(
    kept: set[int], length: str, offset: int
) -> None:
    bars = MINUTES.iloc[offset:].iloc[sorted(kept)]
    marked = resample(bars, length, from_timeframe="1m", incomplete="mark")
    closes = marked.loc[marked["complete"], "close"]
    shown = align(closes, bars, timeframe=length, from_timeframe="1m")
    np.testing.assert_array_equal(shown, expected(closes, length, bars, "1m"))


@settings(deadline=None, max_examples=60)
@given(gaps, lengths, st.integers(2, 240))
def test_later_bars_change_no_earlier_value(kept: set[int], length: str, n: int) -> None:
    def shown(bars: pd.DataFrame) -> pd.Series:
        marked = resample(bars, length, from_timeframe="1m", incomplete="mark")
        line = rt.ta.ema(marked.loc[marked["complete"], "close"], 3)
        return align(line, bars, timeframe=length, from_timeframe="1m")

    bars = MINUTES.iloc[sorted(kept)]
    early = bars.iloc[:n]
    np.testing.assert_array_equal(shown(early), shown(bars).iloc[: len(early)])
    other = bars.copy()
    other.iloc[n:] *= 2
    np.testing.assert_array_equal(shown(other).iloc[:n], shown(bars).iloc[:n])


@settings(deadline=None, max_examples=200)
@given(gaps, lengths)
def test_a_length_is_read_rightly_or_not_at_all(kept: set[int], length: str) -> None:
    bars = MINUTES.iloc[sorted(kept)]
    marked = resample(bars, length, from_timeframe="1m", incomplete="mark")
    closes = marked.loc[marked["complete"], "close"]
    try:
        shown = align(closes, bars, from_timeframe="1m")
    except BarsError:
        return
    told = align(closes, bars, timeframe=length, from_timeframe="1m")
    np.testing.assert_array_equal(shown, told)


@pytest.mark.parametrize("timeframe", ["2h", "4h", "1d", "1w"])
def test_a_length_is_read_where_nothing_is_missing(timeframe: str) -> None:
    values = resample(HOURS, timeframe).close
    told = align(values, HOURS, timeframe=timeframe)
    pd.testing.assert_series_equal(align(values, HOURS), told)
    pd.testing.assert_series_equal(align(values, HOURS.iloc[100:]), told.iloc[100:])


@pytest.mark.parametrize("lost", [range(4, 8), range(4, 20), range(6, 10), [1, 2, 3]])
def test_a_length_is_read_across_gaps(lost: Any) -> None:
    bars = HOURS.drop(HOURS.index[list(lost)])
    values = resample(bars, "4h").close
    pd.testing.assert_series_equal(align(values, bars), align(values, bars, timeframe="4h"))


def test_a_length_is_read_where_no_two_coarse_bars_are_next_to_each_other() -> None:
    bars = at([*range(4), *range(8, 12), *range(20, 24), *range(28, 32)])
    values = resample(bars, "4h").close
    assert values.index.hour.tolist() == [0, 8, 20, 4]
    pd.testing.assert_series_equal(align(values, bars), align(values, bars, timeframe="4h"))


MORNINGS = HOURS[HOURS.index.hour < 6]
FOURS = resample(HOURS, "4h").close
DOUBT: dict[str, tuple[pd.Series, pd.DataFrame, str, str]] = {
    "one value": (FOURS.iloc[:1], HOURS, "4h", "there is one of them"),
    "no value": (FOURS.iloc[:0], HOURS, "4h", "there are none of them"),
    "a market open in the morning only": (
        resample(MORNINGS, "12h").close, MORNINGS, "12h", "1d or another length",
    ),
    "two values around a gap": (
        FOURS.iloc[[0, 2]], at([0, 1, 2, 3, 8, 9, 10, 11, 12]), "4h", "8h or another length",
    ),
    "rows left out": (
        FOURS.drop(FOURS.index[5]), HOURS, "4h", r"the bar at 2024-01-01 20:00\S* lies in none",
    ),
    "weeks named by their Fridays": (
        HOURS.close.resample("W-FRI").last(), HOURS, "1w", "bars of 1w would not open at",
    ),
    "months": (
        pd.Series([1.0, 2.0], pd.to_datetime(["2024-01-01", "2024-02-01"], utc=True)), HOURS,
        "31d", "bars of 31d would not open at 2024-01-01",
    ),
    "days from 8 in the morning": (
        pd.Series([1.0, 2.0, 3.0], times("01 08:00", "02 08:00", "03 08:00")), HOURS, "1d",
        "bars of 1d would not open at 2024-01-01 08:00",
    ),
    "fractions of a second": (
        pd.Series([1.0, 2.0], times("01 00:00:00.000", "01 00:00:00.250")), HOURS, "4h",
        "not whole seconds apart",
    ),
    "bars of another time": (FOURS, HOURS.iloc[-3:], "4h", "4h or another length"),
}  # fmt: skip


@pytest.mark.parametrize(("values", "bars", "length", "why"), DOUBT.values(), ids=DOUBT)
def test_a_length_in_doubt_has_to_be_said(
    values: pd.Series, bars: pd.DataFrame, length: str, why: str
) -> None:
    with pytest.raises(BarsError, match=f"{why}.*say it, such as .*timeframe='4h'"):
        align(values, bars)
    shown = align(values, bars, timeframe=length, from_timeframe="1h")
    np.testing.assert_array_equal(shown, expected(values, length, bars, "1h"))


def test_a_length_in_doubt_because_of_bars_between_the_finer_ones() -> None:
    half_past = HOURS.iloc[:12].set_axis(HOURS.index[:12] + pd.Timedelta("30min"))
    bars = pd.concat([HOURS.iloc[:12], half_past]).sort_index()
    with pytest.raises(BarsError, match="4h or another length, the bars of 1h don't tell"):
        align(FOURS, bars, from_timeframe="1h")


def test_a_length_that_would_look_ahead_is_refused() -> None:
    with pytest.raises(BarsError, match=r"timeframe 1h is shorter than any distance .* 01:00"):
        align(FOURS, HOURS, timeframe="1h")
    mornings = resample(MORNINGS, "12h").close  # a day apart, and nothing lies between
    align(mornings, MORNINGS, timeframe="12h")
    weekdays = HOURS.close.resample("1D").last()
    weekdays = weekdays[weekdays.index.day_of_week < 5]  # published on five days a week
    align(weekdays, HOURS, timeframe="1d")


WRONG: dict[str, tuple[Any, Any, str]] = {
    "a list": ([1.0, 2.0], HOURS, "takes a Series or DataFrame .* not list"),
    "several lines": (
        rt.ta.macd(FOURS), HOURS, "not Macd; of several lines give one at a time",
    ),
    "values that are not of times": (
        pd.Series([1.0, 2.0]), HOURS, "values need an index of times, not RangeIndex",
    ),
    "bars that are not of times": (FOURS, pd.RangeIndex(5), "bars need an index of times"),
    "bars that are none": (FOURS, "4h", "bars must be a DataFrame or its index, not str"),
    "unsorted values": (FOURS.iloc[::-1], HOURS, "times of the values are .* unsorted"),
    "a value twice": (FOURS.iloc[[0, 1, 1, 2]], HOURS, "times of the values are .* twice"),
    "a time that is missing": (
        FOURS.set_axis(FOURS.index.where(FOURS.index != FOURS.index[0])), HOURS,
        "times of the values are missing",
    ),
    "unsorted bars": (FOURS, HOURS.iloc[::-1], "times of the bars are .* unsorted"),
    "the wrong way round": (HOURS.close, resample(HOURS, "4h"), "1h are finer than the bars of 4h"),
    "one bar": (FOURS, HOURS.iloc[:1], "1 bar can't tell a timeframe"),
}  # fmt: skip


@pytest.mark.parametrize(("values", "bars", "message"), WRONG.values(), ids=WRONG)
def test_what_can_not_be_aligned_is_refused(values: Any, bars: Any, message: str) -> None:
    with pytest.raises(BarsError, match=message):
        align(values, bars)


def test_a_stated_length_finer_than_the_bars_is_refused() -> None:
    with pytest.raises(BarsError, match="30m are finer than the bars of 1h"):
        align(FOURS, HOURS, timeframe="30m")
    with pytest.raises(BarsError, match="timeframe '4 hours' is not known"):
        align(FOURS, HOURS, timeframe="4 hours")
