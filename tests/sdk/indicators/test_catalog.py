"""What holds for every indicator; a new row of the catalog is tested without a line here."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings

import robotrader_sdk as rt
from robotrader_sdk.indicators.catalog import CATALOG, Indicator

EVERY = pytest.mark.parametrize("row", CATALOG.values(), ids=list(CATALOG))
EVERY_NUMERIC = pytest.mark.parametrize(
    "row", [row for row in CATALOG.values() if row.inputs != ("a", "b")], ids=lambda row: row.name
)
quick = settings(max_examples=20, deadline=None)


MakeBars = Callable[[int, int], pd.DataFrame]


def arguments(row: Indicator, bars: pd.DataFrame) -> tuple[Any, ...]:
    if row.inputs == ("series",):
        return (bars["close"],)
    if row.inputs == ("a", "b"):
        return bars["close"], bars["close"].iloc[::-1].set_axis(bars.index).shift(3).ffill()
    return (bars,)


def as_arrays(given: tuple[Any, ...]) -> tuple[Any, ...]:
    """The same arguments as arrays, or as a mapping of arrays."""
    if isinstance(given[0], pd.Series):
        return tuple(series.to_numpy() for series in given)
    (bars,) = given
    times = {"open_time": bars.index.tz_convert(None).to_numpy()}
    return ({**times, **{name: bars[name].to_numpy() for name in bars}},)


def lines(row: Indicator, given: tuple[Any, ...], **parameters: Any) -> list[np.ndarray]:
    result = row.function(*given, **parameters)
    return [np.asarray(line) for line in (result if isinstance(result, tuple) else (result,))]


def assert_same(left: list[np.ndarray], right: list[np.ndarray]) -> None:
    assert len(left) == len(right)
    for one, other in zip(left, right, strict=True):
        np.testing.assert_array_equal(one, other)


@st.composite
def settings_of(draw: st.DrawFn, row: Indicator) -> dict[str, Any]:
    drawn: dict[str, Any] = {}
    for name, default in row.parameters.items():
        if name == "ddof":
            drawn[name] = draw(st.integers(0, 1))
        elif name == "anchor":
            drawn[name] = draw(st.sampled_from(["D", "W", "M", None]))
        elif isinstance(default, int):
            drawn[name] = draw(st.integers(2, 40))
        elif isinstance(default, float):
            drawn[name] = default * draw(st.floats(0.5, 1.0))
        else:
            drawn[name] = draw(st.none() | st.integers(1, 40))
    if row.name == "macd":
        drawn["slow"] += drawn["fast"]
    if row.name == "psar":
        drawn["maximum"] += drawn["step"]
    return drawn


@EVERY
@given(data=st.data(), seed=st.integers(0, 10_000), size=st.integers(2, 260))
@quick
def test_later_bars_never_change_a_value(
    row: Indicator, data: st.DataObject, seed: int, size: int, random_bars: MakeBars
) -> None:
    parameters = data.draw(settings_of(row))
    cut = data.draw(st.integers(1, size - 1))
    bars = random_bars(size, seed)
    given_now = tuple(argument.iloc[:cut] for argument in arguments(row, bars))
    known = lines(row, given_now, **parameters)

    later = tuple(argument.copy() for argument in arguments(row, bars))
    for argument in later:
        argument.iloc[cut:] *= np.random.default_rng(seed).uniform(0.2, 5)
    for given_later in (arguments(row, bars), later):
        assert_same([line[:cut] for line in lines(row, given_later, **parameters)], known)


@EVERY
@given(data=st.data(), seed=st.integers(0, 10_000))
@quick
def test_warm_up_is_as_long_as_the_catalog_says_and_nan(
    row: Indicator, data: st.DataObject, seed: int, random_bars: MakeBars
) -> None:
    parameters = data.draw(settings_of(row))
    stated = row.warmup(**parameters)
    values = lines(row, arguments(row, random_bars(300, seed)), **parameters)
    found = [int(np.isnan(line.astype(float)).argmin()) for line in values]
    assert tuple(found) == stated
    assert row.warmup_bars(**parameters) == max(stated)
    for line, bars_before in zip(values, stated, strict=True):
        assert np.isfinite(line[bars_before:].astype(float)).all()


@EVERY_NUMERIC
@given(
    data=st.data(),
    seed=st.integers(0, 10_000),
    holes=st.lists(st.integers(0, 199), min_size=1, max_size=4),
    hole=st.sampled_from([np.nan, np.inf, -np.inf]),
)
@quick
def test_behind_a_hole_the_indicator_starts_afresh(
    row: Indicator,
    data: st.DataObject,
    seed: int,
    holes: list[int],
    hole: float,
    random_bars: MakeBars,
) -> None:
    parameters = data.draw(settings_of(row))
    bars = random_bars(200, seed)
    column = "close" if row.inputs == ("series",) else data.draw(st.sampled_from(row.inputs))
    bars.iloc[holes, bars.columns.get_loc(column)] = hole

    found = lines(row, arguments(row, bars), **parameters)
    edges = [-1, *sorted(set(holes)), 200]
    for before, after in pairwise(edges):
        run = arguments(row, bars.iloc[before + 1 : after])
        assert_same([line[before + 1 : after] for line in found], lines(row, run, **parameters))
    for line in found:
        assert np.isnan(line[holes]).all()


@EVERY
def test_a_column_of_holes_gives_no_value(row: Indicator, random_bars: MakeBars) -> None:
    bars = random_bars(120, 1) * np.nan
    for line in lines(row, arguments(row, bars)):
        assert not np.nan_to_num(line).any()
        assert line.dtype == bool or np.isnan(line).all()


@EVERY
def test_series_in_series_out_and_arrays_in_arrays_out(
    row: Indicator, random_bars: MakeBars
) -> None:
    bars = random_bars(150, 2)
    given_series = arguments(row, bars)
    from_series, from_arrays = row.function(*given_series), row.function(*as_arrays(given_series))
    if len(row.outputs) > 1:
        assert type(from_series) is type(from_arrays)
        assert from_series._fields == from_arrays._fields == row.outputs
    else:
        from_series, from_arrays = (from_series,), (from_arrays,)
    for series, array in zip(from_series, from_arrays, strict=True):
        assert isinstance(series, pd.Series)
        assert isinstance(array, np.ndarray)
        assert series.index.is_(bars.index)
        assert series.name.startswith(row.name)
        assert series.dtype == array.dtype == (bool if row.inputs == ("a", "b") else np.float64)
        np.testing.assert_array_equal(series, array)


@EVERY
@pytest.mark.parametrize("size", [0, 1, 2, 5])
def test_fewer_bars_than_the_warm_up_give_nan_and_no_exception(
    row: Indicator, size: int, random_bars: MakeBars
) -> None:
    for line, warmup in zip(
        lines(row, arguments(row, random_bars(size, 3))), row.warmup(**row.parameters), strict=True
    ):
        assert line.size == size
        assert np.isnan(line[:warmup].astype(float)).all()


@EVERY
def test_the_input_is_left_as_it_was_and_not_lent_out(
    row: Indicator, random_bars: MakeBars
) -> None:
    bars = random_bars(150, 4)
    before = bars.copy(deep=True)
    smallest = {"length": 1} if row.name in {"sma", "ema", "wma", "highest", "lowest"} else {}
    for line in lines(row, arguments(row, bars), **smallest):
        assert not any(np.shares_memory(line, bars[name].to_numpy()) for name in bars)
    pd.testing.assert_frame_equal(bars, before)


@EVERY
def test_read_only_and_strided_input_works(row: Indicator, random_bars: MakeBars) -> None:
    bars = random_bars(150, 5)
    block = bars.to_numpy().copy()  # rows lie together, columns are strided
    block.flags.writeable = False
    strided = pd.DataFrame(block, columns=bars.columns, index=bars.index)
    assert_same(lines(row, arguments(row, strided)), lines(row, arguments(row, bars)))


@EVERY_NUMERIC
def test_whole_numbers_and_float32_become_float64(row: Indicator, random_bars: MakeBars) -> None:
    bars = random_bars(150, 6).round()
    expected = lines(row, arguments(row, bars))
    for kind in ("int64", "float32", "Int64", "Float64"):
        assert_same(lines(row, arguments(row, bars.astype(kind))), expected)


@EVERY
def test_a_row_describes_its_function(row: Indicator, random_bars: MakeBars) -> None:
    assert getattr(rt.ta, row.name) is row.function
    assert row.name in rt.ta.__all__
    assert row.function.__doc__ is not None
    assert row.family in row.function.__module__
    if row.inputs != ("a", "b"):
        assert "Warm-up" in row.function.__doc__
        assert "Source" in row.function.__doc__
    with pytest.raises(TypeError):
        row.function(*arguments(row, random_bars(50, 7)), no_such_setting=1)


def test_every_exported_function_has_a_row() -> None:
    functions = {name for name in rt.ta.__all__ if name.islower()}
    assert functions == set(CATALOG)


SCALES_WITH_PRICE = {
    *("sma", "ema", "wma", "hma", "dema", "tema", "kama", "macd", "psar", "true_range", "atr"),
    *("stdev", "bollinger", "keltner", "donchian", "highest", "lowest", "typical_price"),
    *("vwap", "ichimoku"),
}
BLIND_TO_SCALE = {
    *("rsi", "stochastic", "roc", "cci", "williams_r", "adx", "aroon", "natr", "zscore"),
    *("mfi", "obv"),
}


@pytest.mark.parametrize("name", sorted(SCALES_WITH_PRICE | BLIND_TO_SCALE))
@pytest.mark.parametrize("power", [-40, -20, 20])
def test_the_unit_of_the_price_does_not_matter(
    name: str, power: int, random_bars: MakeBars
) -> None:
    # powers of two scale floats exactly; 2 ** -40 is the price of a coin in bitcoin
    row, bars, scale = CATALOG[name], random_bars(300, 8), 2.0**power
    prices = ["open", "high", "low", "close"]
    scaled = bars.assign(**{column: bars[column] * scale for column in prices})
    factor = scale if name in SCALES_WITH_PRICE else 1.0
    expected = [line * factor for line in lines(row, arguments(row, bars))]
    assert_same(lines(row, arguments(row, scaled)), expected)


@pytest.mark.parametrize("power", [-40, 30])
@pytest.mark.parametrize(
    ("name", "parameters"), [("mfi", {}), ("vwap", {}), ("vwap", {"length": 10})]
)
def test_the_unit_of_the_volume_does_not_matter(
    name: str, parameters: dict[str, Any], power: int, random_bars: MakeBars
) -> None:
    row, bars = CATALOG[name], random_bars(300, 9)
    scaled = bars.assign(volume=bars["volume"] * 2.0**power)
    expected = lines(row, arguments(row, bars), **parameters)
    assert_same(lines(row, arguments(row, scaled), **parameters), expected)


CHAINS: dict[str, Callable[[pd.DataFrame], tuple[pd.Series, int]]] = {
    "ema of atr": lambda bars: (rt.ta.ema(rt.ta.atr(bars, 14), 10), 14 + 9),
    "sma of rsi": lambda bars: (rt.ta.sma(rt.ta.rsi(bars["close"], 14), 5), 14 + 4),
    "highest of rsi": lambda bars: (rt.ta.highest(rt.ta.rsi(bars["close"], 14), 5), 14 + 4),
    "bollinger of obv": lambda bars: (rt.ta.bollinger(rt.ta.obv(bars), 20).upper, 19),
    "rsi of macd": lambda bars: (rt.ta.rsi(rt.ta.macd(bars["close"]).macd, 14), 33 + 14),
    "zscore of zscore": lambda bars: (rt.ta.zscore(rt.ta.zscore(bars["close"], 10), 10), 9 + 9),
}


@pytest.mark.parametrize("chain", CHAINS)
def test_warm_ups_of_chained_indicators_add_up(chain: str, bars: pd.DataFrame) -> None:
    series, warmup = CHAINS[chain](bars)
    assert series.isna().sum() == warmup
    assert series.iloc[:warmup].isna().all()
