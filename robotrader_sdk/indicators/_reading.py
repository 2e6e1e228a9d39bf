"""What an indicator is given, as contiguous float64 arrays; IndicatorError where it can't be.

Nothing is copied that is float64 and contiguous already: a Series or a column of a
DataFrame is read in place.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from robotrader_sdk.errors import IndicatorError

FloatArray: TypeAlias = NDArray[np.float64]
Columns: TypeAlias = tuple[FloatArray, ...]
Array: TypeAlias = NDArray[Any] | Sequence[float]
BarArrays: TypeAlias = Mapping[str, Any]

LONGEST = 100_000  # TA-Lib refuses longer windows
NUMBER = (int, float, np.integer, np.floating)


def read_prices(series: object, indicator: str) -> FloatArray:
    """Read a Series, a 1-D array or a list of numbers."""
    if isinstance(series, pd.DataFrame):
        raise IndicatorError(
            f"{indicator} works on one column, such as bars['close'], "
            f"but was given a DataFrame of shape {series.shape}"
        )
    return _as_floats(series, f"{indicator}'s input")


def read_columns(bars: object, names: Sequence[str], indicator: str) -> Columns:
    """Read the named columns of a DataFrame or of a mapping of equally long arrays."""
    if not isinstance(bars, (pd.DataFrame, Mapping)):
        raise IndicatorError(
            f"{indicator} works on bars: a DataFrame with the columns {', '.join(names)} or a "
            f"mapping of equally long arrays, but was given {_describe(bars)}"
        )
    missing = [name for name in names if name not in bars]
    if missing:
        raise IndicatorError(
            f"{indicator} needs the columns {', '.join(names)}; missing: {', '.join(missing)}; "
            f"there are: {', '.join(map(str, bars))}"
        )
    if isinstance(bars, Mapping):
        _refuse_series_in_mapping(bars, names, indicator)
    columns = tuple(_as_floats(bars[name], f"{indicator}'s column {name!r}") for name in names)
    if len({column.size for column in columns}) > 1:
        shapes = ", ".join(
            f"{name} {column.shape}" for name, column in zip(names, columns, strict=True)
        )
        raise IndicatorError(f"{indicator} needs columns of one length, got {shapes}")
    return columns


def whole_number(name: str, value: object, least: int = 1) -> int:
    """Read a window length: a whole number from `least` to 100,000."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise IndicatorError(f"{name} must be a whole number >= {least}, got {value!r}")
    if value > LONGEST:
        raise IndicatorError(f"{name} must be at most {LONGEST}, got {value!r}")
    return int(value)


def positive_number(name: str, value: object) -> float:
    """Read a factor: a finite number above 0."""
    if isinstance(value, bool) or not isinstance(value, NUMBER) or not 0 < value < math.inf:
        raise IndicatorError(f"{name} must be a finite number above 0, got {value!r}")
    return float(value)


def _as_floats(values: object, what: str) -> FloatArray:
    array = _of_series(values) if isinstance(values, pd.Series) else _as_array(values, what)
    if array.ndim != 1:
        raise IndicatorError(f"{what} must have one dimension, got the shape {array.shape}")
    empty = array.size == 0 and array.dtype == object  # an empty Series says nothing of its kind
    if array.dtype.kind not in "iuf" and not empty:
        raise IndicatorError(
            f"{what} must hold numbers, got {array.dtype} values; convert them first, "
            f"such as with .astype(float)"
        )
    return np.ascontiguousarray(array, dtype=np.float64)


def _of_series(series: pd.Series) -> NDArray[Any]:
    nullable = not isinstance(series.dtype, np.dtype)
    if nullable and series.dtype.kind in "iuf":
        return series.to_numpy(dtype=np.float64, na_value=np.nan)
    return series.to_numpy()


def _as_array(values: object, what: str) -> NDArray[Any]:
    if isinstance(values, np.ndarray) and not isinstance(values, np.ma.MaskedArray):
        return values
    if not isinstance(values, (list, tuple)):
        raise IndicatorError(
            f"{what} must be a pandas Series, a 1-D array or a list of numbers, "
            f"got {_describe(values)}"
        )
    try:
        return np.asarray(values)
    except ValueError as error:
        raise IndicatorError(f"{what} must be a flat list of numbers: {error}") from error


def _refuse_series_in_mapping(
    bars: Mapping[Any, object], names: Sequence[str], indicator: str
) -> None:
    # Several Series may carry several indexes; only a DataFrame has aligned them.
    if any(isinstance(bars[name], pd.Series) for name in names):
        raise IndicatorError(
            f"{indicator} was given a mapping of Series; give a DataFrame, or a mapping of arrays"
        )


def _describe(value: object) -> str:
    shape = getattr(value, "shape", None)
    kind = type(value).__name__
    return f"{kind} {value!r}" if shape is None else f"{kind} of shape {shape}"
