from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import robotrader_sdk as rt

above, below = rt.ta.crossed_above, rt.ta.crossed_below
NAN = np.nan

# a, b, bars at which a crosses above b, and below
CASES = {
    "rises through": ([1, 3], [2, 2], [1], []),
    "falls through": ([3, 1], [2, 2], [], [1]),
    "touches, then rises": ([1, 2, 3], [2, 2, 2], [2], []),
    "touches from above and rises again": ([3, 2, 3], [2, 2, 2], [2], []),
    "touches and turns back": ([1, 2, 1], [2, 2, 2], [], [2]),
    "lies on it": ([2, 2, 2], [2, 2, 2], [], []),
    "is above from the first bar": ([3, 3], [2, 2], [], []),
    "was unknown before": ([NAN, 3], [2, 2], [], []),
    "is unknown now": ([1, NAN, 3], [2, 2, 2], [], []),
    "other line unknown": ([1, 3, 1], [NAN, 2, NAN], [], []),
    "both move": ([1, 4, 2], [2, 3, 5], [1], [2]),
    "jumps from and to infinity": ([-np.inf, np.inf], [0, 0], [1], []),
    "one bar": ([1], [0], [], []),
    "no bar": ([], [], [], []),
}


@pytest.mark.parametrize("case", CASES)
def test_crossing(case: str) -> None:
    a, b, rises, falls = CASES[case]
    for left, right in ((a, b), (np.array(a, float), np.array(b, float))):
        assert np.flatnonzero(above(left, right)).tolist() == rises
        assert np.flatnonzero(below(left, right)).tolist() == falls
    lines = (pd.Series(a, dtype=float), pd.Series(b, dtype=float))
    assert np.flatnonzero(above(*lines)).tolist() == rises
    assert np.flatnonzero(below(*lines)).tolist() == falls


floats = st.lists(st.sampled_from([0.0, 1.0, 2.0, NAN]), min_size=1, max_size=12)


@given(floats, st.data())
def test_crossing_follows_its_definition(a: list[float], data: st.DataObject) -> None:
    b = data.draw(st.lists(st.sampled_from([0.0, 1.0, 2.0, NAN]), min_size=len(a), max_size=len(a)))
    steps = range(1, len(a))
    expected = [False, *(a[t] > b[t] and a[t - 1] <= b[t - 1] for t in steps)]
    assert above(a, b).tolist() == expected
    assert below(b, a).tolist() == expected


def test_a_number_is_a_flat_line() -> None:
    line = pd.Series([20.0, 31.0, 29.0, 30.0, 30.5])
    for level in (30, 30.0, np.int64(30), np.float32(30)):
        assert above(line, level).tolist() == [False, True, False, False, True]
        assert below(line, level).tolist() == [False, False, True, False, False]
    assert not above(line, float("nan")).any()


def test_a_series_on_either_side_makes_a_series() -> None:
    line = pd.Series([1.0, 3.0], index=pd.date_range("2024", periods=2, tz="UTC"), name="close")
    for result in (above(line, [2, 2]), below([2, 2], line), above(line, line), above(line, 2)):
        assert isinstance(result, pd.Series)
        assert result.dtype == bool
        assert result.index.equals(line.index)
    assert above(line, 2).name == "crossed_above"
    assert isinstance(above([1, 3], 2), np.ndarray)


def test_equal_indexes_need_not_be_the_same_object() -> None:
    first = pd.Series([1.0, 3.0], index=pd.Index([1, 2]))
    second = pd.Series([2.0, 2.0], index=pd.Index([1, 2]))
    assert above(first, second).tolist() == [False, True]


BAD = {
    "another index": (pd.Series([1.0, 2.0]), pd.Series([1.0, 2.0], index=[1, 2]), "one index"),
    "another length": ([1.0, 2.0], [1.0, 2.0, 3.0], r"\(2,\), \(3,\)"),
    "a Series of another length": (pd.Series([1.0]), pd.Series([1.0, 2.0]), r"\(1,\), \(2,\)"),
    "True": ([1.0], True, "got bool True"),
    "text": ([1.0], "x", "got str 'x'"),
    "nothing": ([1.0], None, "got NoneType None"),
    "a DataFrame": (pd.DataFrame({"a": [1.0]}), 1, "works on one column"),
    "texts": (["a"], 1, "must hold numbers"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(case: str) -> None:
    a, b, message = BAD[case]
    for crossing in (above, below):
        with pytest.raises(rt.errors.IndicatorError, match=message):
            crossing(a, b)
