"""validate_bars: what is accepted unchanged, what is converted, what is refused and how."""

from __future__ import annotations

import re
import tracemalloc
from collections.abc import Callable
from datetime import UTC
from decimal import Decimal

import numba  # noqa: F401 - once it is there, large frames take the compiled path
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robotrader_sdk.data import scan
from robotrader_sdk.data.faults import find_faults
from robotrader_sdk.data.validate import COLUMNS, BarsWarning, validate_bars
from robotrader_sdk.errors import BarsError


def good_bars(n: int = 10, unit: str = "us", freq: str = "h") -> pd.DataFrame:
    index = pd.date_range("2024-01-01", periods=n, freq=freq, tz="UTC", unit=unit, name="open_time")
    close = 100.0 + np.arange(n) % 50
    return pd.DataFrame(
        {"open": close, "high": close + 2, "low": close - 2, "close": close + 1, "volume": 5.0},
        index=index,
    )


def with_value(row: int, column: str, value: float, n: int = 10) -> pd.DataFrame:
    bars = good_bars(n)
    bars.iloc[row, bars.columns.get_loc(column)] = value
    return bars


def with_times(change: Callable[[list[pd.Timestamp]], object]) -> pd.DataFrame:
    bars = good_bars()
    times = list(bars.index)
    change(times)
    bars.index = pd.DatetimeIndex(times)
    return bars


def swap(times: list[pd.Timestamp]) -> None:
    times[4], times[5] = times[5], times[4]


FAULTS = {
    "NaN price": (with_value(3, "close", np.nan), "1 row with a missing price (NaN): row 3"),
    "NaN volume among others": (
        with_value(3, "volume", np.nan),
        "1 row with a missing volume (NaN): row 3",
    ),
    "infinite high": (with_value(9, "high", np.inf), "1 row with an infinite price: row 9"),
    "negative infinite low": (with_value(0, "low", -np.inf), "with an infinite price: row 0"),
    "infinite volume": (with_value(2, "volume", np.inf), "1 row with an infinite volume: row 2"),
    "high below low": (with_value(1, "high", 98.5), "1 row with high below low: row 1"),
    "open above high": (with_value(1, "open", 104), "1 row with open or close outside low to"),
    "close below low": (with_value(1, "close", 98), "1 row with open or close outside low to"),
    "zero price": (with_value(5, "low", 0.0), "1 row with a zero or negative price: row 5"),
    "negative price": (with_value(5, "low", -3.0), "1 row with a zero or negative price: row 5"),
    "negative volume": (with_value(7, "volume", -1.0), "1 row with a negative volume: row 7"),
    "unsorted": (with_times(swap), "1 row with a time before that of the row above: row 5"),
    "duplicate time": (
        with_times(lambda times: times.__setitem__(6, times[5])),
        "1 row with the time of an earlier row: row 6",
    ),
    "NaT": (
        with_times(lambda times: times.__setitem__(0, pd.NaT)),
        "1 row with no time (NaT): row 0",
    ),
    "NaT at the end": (
        with_times(lambda times: times.__setitem__(9, pd.NaT)),
        "1 row with no time (NaT): row 9",
    ),
    "newest first": (good_bars().iloc[::-1], "9 rows with a time before that of the row above"),
    "all NaN": (good_bars() * np.nan, "10 rows with a missing price (NaN): row 0"),
}  # fmt: skip


@pytest.mark.parametrize(("bars", "message"), FAULTS.values(), ids=FAULTS)
def test_wrong_rows_are_named(bars: pd.DataFrame, message: str) -> None:
    with pytest.raises(BarsError, match=re.escape(message)):
        validate_bars(bars)


@pytest.mark.parametrize("bars", [bars for bars, _ in FAULTS.values()], ids=FAULTS)
def test_the_compiled_scan_sees_the_same_faults(bars: pd.DataFrame) -> None:
    assert not is_clean_by_scan(bars)


def is_clean_by_scan(bars: pd.DataFrame) -> bool:
    arrays = [bars[name].to_numpy() for name in COLUMNS]
    times = pd.DatetimeIndex(bars.index).asi8
    sound, volume_sound, _ = scan.scan(times, arrays[:4], arrays[4])
    return sound and (volume_sound or bool(np.isnan(arrays[4]).all()))


def test_a_fault_shows_row_time_values_and_what_to_do() -> None:
    with pytest.raises(BarsError) as caught:
        validate_bars(with_value(4, "high", 99.0))
    message = str(caught.value)
    assert "row 4 (2024-01-01 04:00:00+00:00) high=99.0 low=102.0" in message
    assert "are the columns swapped?" in message


def test_only_the_first_three_rows_are_shown_and_all_are_counted() -> None:
    bars = good_bars(100)
    bars.iloc[10:60, bars.columns.get_loc("volume")] = -1.0
    with pytest.raises(BarsError, match="50 rows with a negative volume") as caught:
        validate_bars(bars)
    message = str(caught.value)
    assert [f"row {row} (" in message for row in (10, 11, 12, 13)] == [True, True, True, False]
    assert "and 47 more" in message


def test_every_kind_of_fault_is_listed_at_once() -> None:
    bars = with_value(1, "close", np.nan)
    bars.iloc[2, bars.columns.get_loc("volume")] = -1
    with pytest.raises(BarsError) as caught:
        validate_bars(bars)
    assert "a missing price" in str(caught.value)
    assert "a negative volume" in str(caught.value)


SHAPES = {
    "None": (None, "must be a pandas DataFrame, not NoneType"),
    "a Series": (good_bars()["close"], "must be a pandas DataFrame, not Series"),
    "a path": ("bars.csv", "must be a pandas DataFrame, not str"),
    "no columns": (pd.DataFrame(), "bars lack 'open', 'high', 'low', 'close', 'volume'"),
    "no rows": (good_bars().iloc[:0], "bars are empty: 0 rows"),
    "capital letters": (
        good_bars().rename(columns=str.title),
        "'close' (did you mean 'Close'?)",
    ),
    "a typing mistake": (
        good_bars().rename(columns={"volume": "volumne"}),
        "bars lack 'volume' (did you mean 'volumne'?)",
    ),
    "no volume": (good_bars().drop(columns="volume"), "bars.assign(volume=float('nan'))"),
    "a column twice": (
        good_bars()[[*COLUMNS, "close"]],
        "have the column 'close' more than once",
    ),
    "columns of two levels": (pd.concat({"AAPL": good_bars()}, axis=1), "columns of 2 levels"),
    "a numbered index": (good_bars().reset_index(drop=True), "an index of times, not RangeIndex"),
    "an index of text": (
        good_bars().set_axis([f"2024-01-{day:02d}" for day in range(1, 11)]),
        "row 0: '2024-01-01'",
    ),
    "text in a column": (
        good_bars().astype({"close": str}),
        "not numbers; 10 rows with no number: row 0 (2024-01-01 00:00:00+00:00): '101.0'",
    ),
    "one text among numbers": (
        good_bars().astype({"close": object}).replace({"close": {103.0: "n/a"}}),
        "1 row with no number: row 2 (2024-01-01 02:00:00+00:00): 'n/a'",
    ),
    "Decimal": (
        good_bars().assign(close=[Decimal(101)] * 10),
        "the column 'close' holds object, not numbers",
    ),
    "truth values": (good_bars().assign(volume=True), "the column 'volume' holds bool"),
    "complex numbers": (good_bars().assign(open=1 + 0j), "the column 'open' holds complex128"),
    "times as prices": (
        good_bars().assign(open=pd.Timestamp("2024-01-01")),
        "the column 'open' holds datetime64",
    ),
}


@pytest.mark.parametrize(("bars", "message"), SHAPES.values(), ids=SHAPES)
def test_what_is_no_table_of_bars_is_refused(bars: object, message: str) -> None:
    with pytest.raises(BarsError, match=re.escape(message)):
        validate_bars(bars)


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_canonical_bars_come_back_as_the_same_object(unit: str) -> None:
    bars = good_bars(unit=unit)
    assert validate_bars(bars) is bars


def test_one_bar_is_enough() -> None:
    bars = good_bars(1)
    assert validate_bars(bars) is bars


def test_other_forms_become_canonical_and_leave_the_original_alone() -> None:
    bars = good_bars()[["volume", "close", "low", "high", "open"]].astype(
        {"volume": "int64", "open": "float32", "close": "Float64"}
    )
    bars.insert(2, "trades", range(10))
    bars.index = bars.index.rename("when")
    before = bars.copy(deep=True)

    canonical = validate_bars(bars)

    assert list(canonical.columns) == [*COLUMNS, "trades"]
    assert [canonical[name].dtype for name in COLUMNS] == [np.dtype("float64")] * 5
    assert canonical.index.name == "open_time"
    assert validate_bars(canonical) is canonical
    pd.testing.assert_frame_equal(canonical[list(COLUMNS)], good_bars())
    pd.testing.assert_frame_equal(bars, before)


def test_a_missing_value_in_a_nullable_column_is_a_missing_price() -> None:
    bars = good_bars().astype({"close": "Float64"})
    bars.iloc[4, 3] = pd.NA
    with pytest.raises(BarsError, match=r"missing price \(NaN\): row 4"):
        validate_bars(bars)


def test_a_volume_that_is_unknown_throughout_is_accepted() -> None:
    bars = good_bars().assign(volume=np.nan)
    assert validate_bars(bars) is bars
    assert is_clean_by_scan(bars)


def test_a_naive_index_is_read_as_utc_with_one_warning_at_the_callers_line() -> None:
    bars = good_bars().tz_localize(None)
    with pytest.warns(BarsWarning, match="without a time zone are read as UTC") as caught:
        canonical = validate_bars(bars)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    pd.testing.assert_frame_equal(canonical, good_bars(), check_freq=False)
    assert bars.index.tz is None


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Etc/UTC", UTC])
def test_another_time_zone_is_converted(zone: object) -> None:
    canonical = validate_bars(good_bars().tz_convert(zone))
    assert str(canonical.index.tz) == "UTC"
    pd.testing.assert_index_equal(canonical.index, good_bars().index)


def test_gaps_are_counted_in_a_warning_and_stop_nothing() -> None:
    bars = good_bars(100).drop(good_bars(100).index[[10, 50, 51, 52]])
    with pytest.warns(BarsWarning, match="2 gaps, 4 bars of 1h missing, at most 3 in a row"):
        assert validate_bars(bars) is bars
    assert validate_bars(bars, report_gaps=False) is bars


def test_the_weekends_of_a_market_that_closes_are_not_warned_about() -> None:
    bars = good_bars(20, freq="B")
    assert validate_bars(bars) is bars


def test_bars_a_fraction_of_a_second_apart_are_accepted() -> None:
    bars = good_bars(10, unit="ms").iloc[[0, 1, 2, 3]]
    bars.index = bars.index[0] + pd.to_timedelta([0, 100, 250, 300], unit="ms")
    assert len(validate_bars(bars)) == 4


LARGE = 70_000  # more than one chunk of the scan


def test_large_bars_cost_no_memory_in_any_layout_and_one_compilation() -> None:
    frames = {
        "own arrays": good_bars(LARGE),
        "one block": good_bars(LARGE).copy(),
        "strided": pd.concat([good_bars(2 * LARGE)] * 2, axis=1).iloc[::2, :5],
        "seconds": good_bars(LARGE, unit="s"),
    }
    for bars in frames.values():
        validate_bars(bars)
    tracemalloc.start()
    for name, bars in frames.items():
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        assert validate_bars(bars) is bars
        used = tracemalloc.get_traced_memory()[1] - before
        # Strided columns are copied a chunk at a time; the bars are 3.4 MB.
        assert used < (4_000_000 if name == "strided" else 100_000), name
    tracemalloc.stop()
    assert len(scan._scan.dispatcher.signatures) == 1


@pytest.mark.parametrize("row", [0, 1, 65_535, 65_536, 65_537, LARGE - 1])
def test_a_wrong_row_of_large_bars_is_found_wherever_it_is(row: int) -> None:
    with pytest.raises(BarsError, match=rf"high below low: row {row} \("):
        validate_bars(with_value(row, "high", 0.5, LARGE))


@pytest.mark.parametrize("row", [1, 65_535, 65_536, 65_537, LARGE - 1])
def test_a_repeated_time_in_large_bars_is_found_wherever_it_is(row: int) -> None:
    bars = good_bars(LARGE)
    times = bars.index.to_numpy().copy() if bars.index.tz is None else bars.index.asi8.copy()
    times[row] = times[row - 1]
    bars.index = pd.DatetimeIndex(times.view("M8[us]")).tz_localize("UTC")
    with pytest.raises(BarsError, match=rf"the time of an earlier row: row {row} \("):
        validate_bars(bars)


def test_gaps_of_large_bars_are_reported() -> None:
    bars = good_bars(LARGE).drop(good_bars(LARGE).index[60_000])
    with pytest.warns(BarsWarning, match="1 gap, 1 bars of 1h missing"):
        validate_bars(bars)


PRICES = st.sampled_from([1.0, 2.0, 3.0, 0.0, -1.0, np.nan, np.inf, -np.inf, 5e-324, 1.7e308])
TIMES = st.sampled_from([0, 1, 2, 3, 1_700_000_000, np.iinfo(np.int64).min, 4, 5])


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(PRICES, PRICES, PRICES, PRICES, PRICES), min_size=1, max_size=3),
    st.lists(TIMES, min_size=3, max_size=3),
    st.sampled_from(["s", "ns"]),
)
def test_the_compiled_scan_and_the_explanation_agree(
    rows: list[tuple[float, ...]], times: list[int], unit: str
) -> None:
    stamps = np.array(times[: len(rows)], dtype=np.int64).view(f"M8[{unit}]")
    bars = pd.DataFrame(
        rows, columns=list(COLUMNS), index=pd.DatetimeIndex(stamps).tz_localize("UTC")
    )
    assert is_clean_by_scan(bars) == (not find_faults(bars))
