from __future__ import annotations

import datetime
import subprocess
import sys
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

import robotrader_sdk as rt

ta = rt.ta
SERIES = pd.Series([1.0, 2.0, 3.0])
ARRAY = SERIES.to_numpy()
FRAME = pd.DataFrame({"high": SERIES + 1, "low": SERIES - 1, "close": SERIES})

BAD_SERIES: dict[str, tuple[Any, str]] = {
    "nothing": (None, "must be a pandas Series, a 1-D array or a list of numbers, got NoneType"),
    "a number": (5.0, "got float 5.0"),
    "text": ("close", "got str 'close'"),
    "a set": ({1.0}, r"got set \{1.0\}"),
    "a DataFrame": (FRAME, r"works on one column, .* DataFrame of shape \(3, 3\)"),
    "two dimensions": (np.ones((3, 2)), r"one dimension, got the shape \(3, 2\)"),
    "no dimension": (np.array(1.0), r"one dimension, got the shape \(\)"),
    "a ragged list": ([[1], [1, 2]], "must be a flat list of numbers"),
    "a list of texts": (["1", "2"], "must hold numbers, got <U1 values"),
    "a list with None": ([1, None], "must hold numbers, got object values"),
    "booleans": ([True, False], "must hold numbers, got bool values"),
    "complex numbers": (np.ones(3, complex), "must hold numbers, got complex128 values"),
    "decimals": ([Decimal(1)], "must hold numbers, got object values"),
    "times": ([datetime.datetime(2024, 1, 1)], "must hold numbers, got object values"),
    "a Series of texts": (pd.Series(["1"]), "must hold numbers"),
    "a Series of booleans": (pd.Series([True]), "must hold numbers, got bool values"),
    "a Series of times": (pd.Series(pd.date_range("2024", periods=3)), "must hold numbers"),
    "a masked array": (np.ma.masked_array([1.0], [True]), r"got MaskedArray of shape \(1,\)"),
}


@pytest.mark.parametrize("case", BAD_SERIES)
def test_bad_series(case: str) -> None:
    given, message = BAD_SERIES[case]
    with pytest.raises(rt.errors.IndicatorError, match=message) as caught:
        ta.sma(given, 2)
    assert "sma" in str(caught.value)


BAD_BARS: dict[str, tuple[Any, str]] = {
    "a missing column": (
        FRAME.drop(columns="low"),
        "atr needs the columns high, low, close; missing: low; there are: high, close",
    ),
    "a missing array": ({"high": ARRAY}, "missing: low, close; there are: high"),
    "a Series": (SERIES, r"works on bars: a DataFrame .* but was given Series of shape \(3,\)"),
    "an array": (ARRAY, r"but was given ndarray of shape \(3,\)"),
    "nothing": (None, "but was given NoneType None"),
    "arrays of several lengths": (
        {"high": ARRAY, "low": ARRAY[1:], "close": ARRAY},
        r"one length, got high \(3,\), low \(2,\), close \(3,\)",
    ),
    "a mapping of Series": (
        {"high": SERIES, "low": SERIES, "close": SERIES},
        "a mapping of Series; give a DataFrame",
    ),
    "a column of texts": (
        FRAME.assign(low=["1", "2", "3"]),
        "atr's column 'low' must hold numbers",
    ),
    "a column twice": (
        pd.concat([FRAME, FRAME[["low"]]], axis=1),
        "column 'low' must be a pandas Series",
    ),
}


@pytest.mark.parametrize("case", BAD_BARS)
def test_bad_bars(case: str) -> None:
    given, message = BAD_BARS[case]
    with pytest.raises(rt.errors.IndicatorError, match=message):
        ta.atr(given, 2)


@pytest.mark.parametrize("length", [0, -1, 2.0, 2.5, True, "2", None, float("nan"), [2]])
def test_bad_length(length: Any) -> None:
    with pytest.raises(rt.errors.IndicatorError, match="length must be a whole number >= 1, got "):
        ta.sma(SERIES, length)


AT_LEAST_TWO = "kama rsi cci williams_r adx aroon supertrend stdev zscore bollinger keltner mfi"


@pytest.mark.parametrize("name", [*AT_LEAST_TWO.split(), "donchian"])
def test_length_one_where_it_makes_no_sense(name: str, bars: pd.DataFrame) -> None:
    function = getattr(ta, name)
    given = bars["close"] if function.inputs == ("series",) else bars
    with pytest.raises(rt.errors.IndicatorError, match="length must be a whole number >= 2, got 1"):
        function(given, length=1)


BAD_SETTINGS: dict[str, tuple[str, dict[str, Any], str]] = {
    "fast not below slow": ("macd", {"fast": 26, "slow": 26}, "got fast=26 and slow=26"),
    "fast 1": ("macd", {"fast": 1}, "fast must be a whole number >= 2, got 1"),
    "signal 0": ("macd", {"signal": 0}, "signal must be a whole number >= 1, got 0"),
    "k 0": ("stochastic", {"k": 0}, "k must be"),
    "smooth 0": ("stochastic", {"smooth": 0}, "smooth must be"),
    "d 0": ("stochastic", {"d": 0}, "d must be"),
    "multiplier 0": ("bollinger", {"multiplier": 0}, "a finite number above 0, got 0"),
    "multiplier negative": ("keltner", {"multiplier": -2.0}, "above 0, got -2.0"),
    "multiplier NaN": ("supertrend", {"multiplier": float("nan")}, "above 0, got nan"),
    "multiplier infinite": ("supertrend", {"multiplier": float("inf")}, "above 0, got inf"),
    "multiplier text": ("supertrend", {"multiplier": "3"}, "above 0, got '3'"),
    "atr_length 0": ("keltner", {"atr_length": 0}, "atr_length must be"),
    "step above maximum": ("psar", {"step": 0.3}, "got step=0.3, maximum=0.2"),
    "step 0": ("psar", {"step": 0}, "step must be"),
    "displacement -1": ("ichimoku", {"displacement": -1}, "displacement must be .* >= 0, got -1"),
    "conversion 1": ("ichimoku", {"conversion": 1}, "conversion must be"),
    "base 1": ("ichimoku", {"base": 1}, "base must be"),
    "span 1": ("ichimoku", {"span": 1}, "span must be"),
    "ddof 2": ("stdev", {"ddof": 2}, r"ddof must be 0 \(population\) or 1 \(sample\), got 2"),
}


@pytest.mark.parametrize("case", BAD_SETTINGS)
@pytest.mark.parametrize("size", [0, 600])
def test_bad_settings(case: str, size: int, bars: pd.DataFrame) -> None:
    name, settings, message = BAD_SETTINGS[case]
    function, some = getattr(ta, name), bars.iloc[:size]
    given = some["close"] if function.inputs == ("series",) else some
    with pytest.raises(rt.errors.IndicatorError, match=message):
        function(given, **settings)


def test_numpy_integers_are_lengths() -> None:
    for kind in (np.int64, np.int32, np.uint8):
        assert ta.sma(SERIES, kind(2)).tolist()[1:] == [1.5, 2.5]


def test_lists_and_tuples_are_arrays() -> None:
    for given in ([1, 2, 3], (1, 2, 3), [1.0, 2, 3]):
        result = ta.sma(given, 2)
        assert isinstance(result, np.ndarray)
        assert result.tolist()[1:] == [1.5, 2.5]


def test_missing_values_of_a_nullable_series_are_nan() -> None:
    series = pd.Series([1, 2, None, 4, 5], dtype="Int64")
    np.testing.assert_array_equal(ta.sma(series, 2), [np.nan, 1.5, np.nan, np.nan, 4.5])


@pytest.mark.parametrize("empty", [[], np.array([]), pd.Series([]), pd.Series([], dtype=float)])
def test_empty_in_empty_out(empty: Any) -> None:
    assert ta.sma(empty, 3).size == 0
    assert ta.macd(empty).signal.size == 0


def test_names_tell_indicator_line_and_settings(bars: pd.DataFrame) -> None:
    close = bars["close"]
    assert ta.sma(close, length=50).name == "sma_50"
    assert ta.sma(close, 50).name == "sma_50"
    assert [line.name for line in ta.macd(close, slow=30)] == [
        "macd_12_30_9",
        "macd_signal_12_30_9",
        "macd_histogram_12_30_9",
    ]
    assert ta.bollinger(close, 20, 2.5).upper.name == "bollinger_upper_20_2.5"
    assert ta.bollinger(close, 20, 2.0).upper.name == "bollinger_upper_20_2"
    assert ta.true_range(bars).name == "true_range"


def test_keywords_work_for_the_input_too(bars: pd.DataFrame) -> None:
    assert ta.sma(series=bars["close"], length=3).equals(ta.sma(bars["close"], 3))
    assert ta.atr(bars=bars, length=3).equals(ta.atr(bars, 3))


def test_help_shows_the_arguments_of_a_caller() -> None:
    import inspect

    assert str(inspect.signature(ta.sma)) == "(series, length: 'int' = 20)"
    assert list(inspect.signature(ta.atr).parameters) == ["bars", "length"]
    assert "Simple moving average" in str(ta.sma.__doc__)


def test_indicators_pickle_by_name() -> None:
    import pickle

    assert pickle.loads(pickle.dumps(ta.sma)) is ta.sma
    pickled = pickle.loads(pickle.dumps(ta.macd(np.arange(50.0))))
    assert type(pickled) is ta.Macd


def test_a_series_of_float64_is_read_in_place(bars: pd.DataFrame) -> None:
    from robotrader_sdk.indicators._reading import read_columns, read_prices

    assert np.shares_memory(read_prices(bars["close"], "sma"), bars["close"].to_numpy())
    for name, column in zip(("high", "low"), read_columns(bars, ("high", "low"), "x"), strict=True):
        assert np.shares_memory(column, bars[name].to_numpy())


def test_a_call_allocates_little_more_than_its_answer() -> None:
    import tracemalloc

    rows = 200_000
    series = pd.Series(np.random.default_rng(0).random(rows))
    fast, slow = ta.sma(series, 3), ta.sma(series, 9)
    calls = {
        8 * rows: lambda: ta.sma(series, 20),
        2 * rows: lambda: ta.crossed_above(fast, slow),
    }
    for allowed, call in calls.items():
        tracemalloc.start()
        call()
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < allowed + 50_000


LIGHT = """
import sys, robotrader_sdk as rt
rt.ta, dir(rt.ta)
heavy = ("pandas", "numpy", "talib", "ta", "numba")
assert not [name for name in heavy if name in sys.modules], "importing rt.ta"
rt.ta.crossed_above([1, 3], 2), rt.ta.sma, rt.ta.CATALOG
assert not [name for name in ("talib", "ta", "numba") if name in sys.modules], "naming a function"
rt.ta.sma([1.0, 2.0], 2)
assert "talib" in sys.modules and "ta" not in sys.modules and "numba" not in sys.modules
"""


def test_nothing_is_loaded_before_it_is_needed() -> None:
    subprocess.run([sys.executable, "-c", LIGHT], check=True)


def test_unknown_names_are_no_attributes() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'smaa'"):
        ta.smaa  # noqa: B018
    assert set(ta.__all__) <= set(dir(ta))
