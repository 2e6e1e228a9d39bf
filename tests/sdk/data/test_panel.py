"""A panel: several symbols on one timeline, given in several forms."""

from __future__ import annotations

import math
import pickle
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import robotrader_sdk as rt
from robotrader_sdk.data.panel_input import is_sound
from robotrader_sdk.errors import BarsError


def bars(
    n_bars: int, start: str = "2024-01-01", freq: str = "D", price: float = 100.0
) -> pd.DataFrame:
    """Bars whose prices tell their number: bar k closes at price + k + 1."""
    index = pd.date_range(start, periods=n_bars, freq=freq, tz="UTC", name="open_time")
    opens = price + np.arange(n_bars)
    table = {"open": opens, "high": opens + 2, "low": opens - 2, "close": opens + 1}
    return pd.DataFrame(table, index=index).assign(volume=opens * 10)


@pytest.fixture
def frames() -> dict[str, pd.DataFrame]:
    """A has ten days; B starts on the third and lacks the fifth; C ends on the eighth."""
    late = bars(10, price=50.0).drop(pd.Timestamp("2024-01-05", tz="UTC"))
    return {"A": bars(10), "B": late.iloc[2:], "C": bars(8, price=10.0)}


def test_the_timeline_is_the_union(frames: Any) -> None:
    panel = rt.Panel(frames)
    assert panel.symbols == tuple(panel) == ("A", "B", "C")
    assert len(panel) == 3
    assert panel.index.equals(frames["A"].index)
    assert panel.index.name == "open_time"
    assert str(panel.timeframe) == "1d"
    pd.testing.assert_frame_equal(panel["B"], frames["B"])


@pytest.mark.parametrize("field", ["open", "high", "low", "close", "volume"])
def test_wide_frames_have_nan_where_there_is_no_bar(frames: Any, field: str) -> None:
    wide = getattr(rt.Panel(frames), field)
    expected = pd.DataFrame({symbol: frame[field] for symbol, frame in frames.items()})
    pd.testing.assert_frame_equal(wide, expected, check_freq=False, check_names=False)


def test_bar_numbers_count_each_symbols_own(frames: Any) -> None:
    numbers = rt.Panel(frames).bar_numbers
    assert numbers[:, 1].tolist() == [-1, -1, 0, 1, -1, 2, 3, 4, 5, 6]
    assert numbers[:, 2].tolist() == [0, 1, 2, 3, 4, 5, 6, 7, -1, -1]


def test_coverage(frames: Any) -> None:
    table = rt.Panel(frames).coverage
    assert table["bars"].tolist() == [10, 7, 8]
    assert table["missing"].tolist() == [0, 1, 0]
    assert table["delisted"].tolist() == [False, False, True]
    assert table.loc["B", "first_bar"] == pd.Timestamp("2024-01-03", tz="UTC")
    assert table.loc["C", "last_bar"] == pd.Timestamp("2024-01-08", tz="UTC")


@pytest.mark.parametrize("order", ["symbol first", "field first"])
def test_a_table_with_symbol_columns(frames: Any, order: str) -> None:
    table = pd.concat(frames, axis=1)
    if order == "field first":
        table = table.swaplevel(axis=1).sort_index(axis=1)
    panel = rt.Panel(table)
    assert panel.symbols == ("A", "B", "C")
    for symbol, frame in frames.items():
        pd.testing.assert_frame_equal(panel[symbol], frame, check_freq=False, check_names=False)


def test_a_panel_of_a_panel(frames: Any) -> None:
    panel = rt.Panel(rt.Panel(frames))
    assert panel.symbols == ("A", "B", "C")


def test_times_of_several_units_are_one_timeline(frames: Any) -> None:
    frames["B"].index = frames["B"].index.as_unit("s")
    frames["C"].index = frames["C"].index.as_unit("ns")
    panel = rt.Panel(frames)
    assert len(panel.index) == 10
    assert panel.close["B"].count() == 7


def test_what_is_done_to_a_copy_is_not_seen(frames: Any) -> None:
    panel = rt.Panel(frames)
    copy = panel.copy()
    copy["A"]["signal"] = 1.0
    copy["A"].iloc[0, 3] = 7.0
    closes = copy.close
    closes.iloc[:] = 0.0
    assert "signal" not in panel["A"]
    assert panel["A"]["close"].iloc[0] == 101.0
    assert panel.close.iloc[0, 0] == 101.0
    assert frames["A"]["close"].iloc[0] == 101.0


def test_a_panel_pickles(frames: Any) -> None:
    again = pickle.loads(pickle.dumps(rt.Panel(frames)))
    pd.testing.assert_frame_equal(again.close, rt.Panel(frames).close)


def test_its_repr_tells_its_size(frames: Any) -> None:
    assert repr(rt.Panel(frames)) == (
        "<Panel of 3 symbols, 10 bars of 1d, 2024-01-01 to 2024-01-10>"
    )


def test_an_unknown_symbol_is_a_key_error_with_a_hint(frames: Any) -> None:
    with pytest.raises(KeyError, match="did you mean 'A'"):
        rt.Panel(frames)["a"]


def test_bars_that_are_often_missing_are_still_of_that_timeframe(frames: Any) -> None:
    frames["B"] = bars(10).iloc[[0, 1, 5, 9]]
    frames["C"] = bars(10).iloc[[0, 9]]
    assert str(rt.Panel(frames).timeframe) == "1d"


@pytest.mark.parametrize("freq", ["h", "7D", "MS"])
def test_bars_of_different_timeframes(freq: str) -> None:
    words = "all symbols of a panel need one timeframe"
    with pytest.raises(BarsError, match=words) as caught:
        rt.Panel({"A": bars(200), "B": bars(6, freq=freq)})
    assert "A" in str(caught.value)
    assert "B" in str(caught.value)


def test_a_symbol_without_common_time() -> None:
    frames = {"A": bars(5), "B": bars(5), "C": bars(5, start="2024-03-01")}
    with pytest.raises(BarsError, match=r"^C has no time in common.*2024-03-01"):
        rt.Panel(frames)
    frames["C"] = bars(5, start="2024-01-01 12:00")
    with pytest.raises(BarsError, match=r"^C has no time in common.*at which hour"):
        rt.Panel(frames)


def test_a_panel_of_one_bar() -> None:
    with pytest.raises(BarsError, match="a single bar, at 2024-01-01"):
        rt.Panel({"A": bars(1), "B": bars(1)})


def test_one_symbol_is_a_panel() -> None:
    assert len(rt.Panel({"A": bars(5)})) == 1


def test_bad_bars_name_their_symbol() -> None:
    for bad, words in (
        (bars(5).iloc[::-1], "^B: .*sort"),
        (bars(5).drop(columns="low"), "^B: bars lack 'low'"),
        (bars(5).iloc[:0], "^B: bars are empty"),
        (None, "^B: bars must be a pandas DataFrame"),
        (bars(5).assign(close=np.nan), "^B: .*NaN"),
    ):
        with pytest.raises(BarsError, match=f"(?s){words}"):
            rt.Panel({"A": bars(5), "B": bad})


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "panel is empty"),
        (None, "dict of frames of bars by symbol.*NoneType"),
        ([bars(5)], "dict of frames.*list"),
        (bars(5), "bars of one symbol"),
        (pd.DataFrame({"A": [1.0, 2.0], "B": [1.0, 2.0]}), "one price a symbol.*A, B"),
        ({1: bars(5)}, "names such as 'BTC/USDT', got 1"),
        ({"": bars(5)}, "names such as 'BTC/USDT', got ''"),
        (pd.concat({"A": bars(3)}, axis=1).rename(columns=str.title), "two levels.*did you mean"),
        (pd.concat({"x": pd.concat({"A": bars(3)}, axis=1)}, axis=1), "two levels"),
        (pd.concat({"A": bars(3) * np.nan}, axis=1), "^A: bars are empty"),
    ],
)
def test_what_is_no_panel(given: Any, words: str) -> None:
    with pytest.raises(BarsError, match=f"(?s){words}"):
        rt.Panel(given)


@given(
    st.sampled_from(["open", "high", "low", "close", "volume"]),
    st.integers(0, 5),
    st.sampled_from([math.nan, math.inf, -math.inf, 0.0, -1.0, 1e9, 100.5]),
)
def test_what_is_taken_as_it_is_is_what_validation_would_take(
    name: str, row: int, value: float
) -> None:
    frame = bars(6)
    frame.iloc[row, frame.columns.get_loc(name)] = value
    try:
        sound = rt.validate_bars(frame, report_gaps=False) is frame
    except BarsError:
        sound = False
    assert is_sound(frame) == sound


def test_other_forms_are_left_to_validation() -> None:
    frame = bars(6)
    assert is_sound(frame)
    others = [
        frame.iloc[::-1],
        frame.iloc[[0, 1, 1, 2]],
        frame.iloc[:0],
        frame[["close", "open", "high", "low", "volume"]],
        frame.assign(more=1.0),
        frame.tz_localize(None),
        frame.tz_convert("Europe/Berlin"),
        frame.rename_axis("time"),
        frame.reset_index(drop=True),
        frame.astype({"volume": int}),
        frame.astype(np.float32),
        frame.assign(volume=np.nan),
        frame.set_index(frame.index.where(frame.index != frame.index[0])),
        None,
        frame["close"],
    ]
    assert [is_sound(other) for other in others] == [False] * len(others)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for other in (*others[3:8], *others[9:12]):
            assert rt.Panel({"A": frame, "B": other})["B"]["close"].iloc[0] == 101.0
