"""The one interface of all indicators: a Series in, a Series out; an array in, an array out.

An indicator is written as a function of plain float64 arrays and marked with what it
reads: `of_prices` (one series) or `of_bars` (named columns). `several_of_prices` and
`several_of_bars` are for those that return a named tuple, and are told its form for Series.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, cast, overload

import pandas as pd

from robotrader_sdk.indicators._reading import (
    Array,
    BarArrays,
    Columns,
    FloatArray,
    read_columns,
    read_prices,
)
from robotrader_sdk.indicators._runs import over_runs, over_runs_where_nan_spreads

P = ParamSpec("P")
Line = TypeVar("Line")
OfSeries = TypeVar("OfSeries")
OfArrays = TypeVar("OfArrays")
OfSeries_co = TypeVar("OfSeries_co", covariant=True)
OfArrays_co = TypeVar("OfArrays_co", covariant=True)


class PriceIndicator(Protocol[P, OfSeries_co, OfArrays_co]):
    """An indicator of one series of numbers."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    @overload
    def __call__(self, series: pd.Series, *args: P.args, **kwargs: P.kwargs) -> OfSeries_co: ...
    @overload
    def __call__(self, series: Array, *args: P.args, **kwargs: P.kwargs) -> OfArrays_co: ...


class BarIndicator(Protocol[P, OfSeries_co, OfArrays_co]):
    """An indicator of bars."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    @overload
    def __call__(self, bars: pd.DataFrame, *args: P.args, **kwargs: P.kwargs) -> OfSeries_co: ...
    @overload
    def __call__(self, bars: BarArrays, *args: P.args, **kwargs: P.kwargs) -> OfArrays_co: ...


def of_prices(
    *, nan_spreads: bool = False
) -> Callable[
    [Callable[Concatenate[FloatArray, P], FloatArray]], PriceIndicator[P, pd.Series, FloatArray]
]:
    """Make an indicator of one series; `nan_spreads` is explained in `_runs`."""

    def mark(
        function: Callable[Concatenate[FloatArray, P], FloatArray],
    ) -> PriceIndicator[P, pd.Series, FloatArray]:
        over = over_runs_where_nan_spreads if nan_spreads else over_runs
        return cast("PriceIndicator[P, pd.Series, FloatArray]", _of_prices(function, (), over))

    return mark


def several_of_prices(
    form: type[OfSeries],
) -> Callable[
    [Callable[Concatenate[FloatArray, P], OfArrays]], PriceIndicator[P, OfSeries, OfArrays]
]:
    """Make an indicator of one series that returns several lines, such as `Macd[pd.Series]`."""

    def mark(
        function: Callable[Concatenate[FloatArray, P], OfArrays],
    ) -> PriceIndicator[P, OfSeries, OfArrays]:
        made = _of_prices(function, _fields(form), over_runs)
        return cast("PriceIndicator[P, OfSeries, OfArrays]", made)

    return mark


def of_bars(
    *columns: str,
) -> Callable[
    [Callable[Concatenate[Columns, P], FloatArray]], BarIndicator[P, pd.Series, FloatArray]
]:
    """Make an indicator of the named columns."""

    def mark(
        function: Callable[Concatenate[Columns, P], FloatArray],
    ) -> BarIndicator[P, pd.Series, FloatArray]:
        made = _of_bars(function, columns, ())
        return cast("BarIndicator[P, pd.Series, FloatArray]", made)

    return mark


def several_of_bars(
    form: type[OfSeries], *columns: str
) -> Callable[[Callable[Concatenate[Columns, P], OfArrays]], BarIndicator[P, OfSeries, OfArrays]]:
    """Make an indicator of the named columns that returns several lines."""

    def mark(
        function: Callable[Concatenate[Columns, P], OfArrays],
    ) -> BarIndicator[P, OfSeries, OfArrays]:
        made = _of_bars(function, columns, _fields(form))
        return cast("BarIndicator[P, OfSeries, OfArrays]", made)

    return mark


def as_series(result: Any, index: pd.Index, name: str, settings: Sequence[object]) -> Any:
    """Put an array, or a named tuple of arrays, on an index under telling names.

    `sma` of length 20 is called `sma_20`; the lines of `macd` are `macd_12_26_9`,
    `macd_signal_12_26_9` and `macd_histogram_12_26_9`.
    """
    suffix = "".join(f"_{_written(setting)}" for setting in settings if setting is not None)
    if not isinstance(result, tuple):
        return pd.Series(result, index=index, name=name + suffix, copy=False)
    fields: tuple[str, ...] = result._fields  # type: ignore[attr-defined]  # a named tuple
    labels = [name if field == name else f"{name}_{field}" for field in fields]
    return type(result)(
        *(
            pd.Series(line, index=index, name=label + suffix, copy=False)
            for label, line in zip(labels, result, strict=True)
        )
    )


def _of_prices(
    function: Callable[..., Any], outputs: tuple[str, ...], over: Callable[..., Any]
) -> Callable[..., Any]:
    settings = _settings_of(function)

    @functools.wraps(function)
    def indicator(series: object, *args: Any, **kwargs: Any) -> Any:
        prices = read_prices(series, function.__name__)
        result = over(lambda part: function(part[0], *args, **kwargs), (prices,))
        if not isinstance(series, pd.Series):
            return result
        return as_series(result, series.index, function.__name__, settings(args, kwargs))

    return _described(indicator, ("series",), outputs)


def _of_bars(
    function: Callable[..., Any], columns: tuple[str, ...], outputs: tuple[str, ...]
) -> Callable[..., Any]:
    settings = _settings_of(function)

    @functools.wraps(function)
    def indicator(bars: object, *args: Any, **kwargs: Any) -> Any:
        read = read_columns(bars, columns, function.__name__)
        result = over_runs(lambda part: function(part, *args, **kwargs), read)
        if not isinstance(bars, pd.DataFrame):
            return result
        return as_series(result, bars.index, function.__name__, settings(args, kwargs))

    return _described(indicator, columns, outputs)


def _described(
    indicator: Callable[..., Any], inputs: tuple[str, ...], outputs: tuple[str, ...]
) -> Callable[..., Any]:
    described: Any = indicator
    described.inputs = inputs
    described.outputs = outputs or (indicator.__name__,)
    # What a notebook shows: the argument as callers name it, instead of the arrays inside.
    signature = inspect.signature(indicator)
    inner, *rest = signature.parameters.values()
    first = inner.replace(
        name="series" if inputs == ("series",) else "bars", annotation=inspect.Parameter.empty
    )
    described.__signature__ = signature.replace(
        parameters=[first, *rest], return_annotation=inspect.Signature.empty
    )
    return indicator


def _settings_of(function: Callable[..., Any]) -> Callable[..., list[object]]:
    parameters = list(inspect.signature(function).parameters.values())[1:]
    defaults = {parameter.name: parameter.default for parameter in parameters}

    def settings(args: tuple[object, ...], kwargs: dict[str, object]) -> list[object]:
        return list({**defaults, **dict(zip(defaults, args, strict=False)), **kwargs}.values())

    return settings


def _fields(form: Any) -> tuple[str, ...]:
    fields: tuple[str, ...] = form._fields
    return fields


def _written(setting: object) -> str:
    return f"{setting:g}" if isinstance(setting, float) else str(setting)
