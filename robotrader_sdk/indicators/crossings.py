"""Where one line crosses another."""

from __future__ import annotations

from typing import overload

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from robotrader_sdk.errors import IndicatorError
from robotrader_sdk.indicators._reading import NUMBER, Array, FloatArray, read_prices

BoolArray = NDArray[np.bool_]


@overload
def crossed_above(a: pd.Series, b: pd.Series | Array | float) -> pd.Series: ...
@overload
def crossed_above(a: Array, b: pd.Series) -> pd.Series: ...
@overload
def crossed_above(a: Array, b: Array | float) -> BoolArray: ...
def crossed_above(a: pd.Series | Array, b: pd.Series | Array | float) -> pd.Series | BoolArray:
    """Tell where `a` has just risen above `b`.

    True at t only if a[t] > b[t] and a[t-1] <= b[t-1]: the first bar is False, and so is any
    bar at which one of the four values is NaN. `b` may be a number. If either is a Series,
    so is the answer; two Series need the same index.
    """
    left, right, index = _read(a, b, "crossed_above")
    return _answer(left, right, index, "crossed_above")


@overload
def crossed_below(a: pd.Series, b: pd.Series | Array | float) -> pd.Series: ...
@overload
def crossed_below(a: Array, b: pd.Series) -> pd.Series: ...
@overload
def crossed_below(a: Array, b: Array | float) -> BoolArray: ...
def crossed_below(a: pd.Series | Array, b: pd.Series | Array | float) -> pd.Series | BoolArray:
    """Tell where `a` has just fallen below `b`.

    True at t only if a[t] < b[t] and a[t-1] >= b[t-1]; otherwise as `crossed_above`.
    """
    left, right, index = _read(a, b, "crossed_below")
    # a falls below b where b rises above a
    return _answer(right, left, index, "crossed_below")


def _answer(
    rising: FloatArray | float, falling: FloatArray | float, index: pd.Index | None, name: str
) -> pd.Series | BoolArray:
    crossed = np.greater(rising, falling)
    before = np.less_equal(_but_last(rising), _but_last(falling))
    crossed[1:] &= before
    crossed[:1] = False
    if index is None:
        return crossed
    return pd.Series(crossed, index=index, name=name, copy=False)


def _but_last(values: FloatArray | float) -> FloatArray | float:
    return values[:-1] if isinstance(values, np.ndarray) else values


def _read(
    a: object, b: object, name: str
) -> tuple[FloatArray, FloatArray | float, pd.Index | None]:
    left = read_prices(a, name)
    if isinstance(b, NUMBER) and not isinstance(b, bool):
        right: FloatArray | float = float(b)
    else:
        right = read_prices(b, name)
    if isinstance(right, np.ndarray) and right.size != left.size:
        raise IndicatorError(f"{name} needs lines of one length, got {left.shape}, {right.shape}")
    indexes = [line.index for line in (a, b) if isinstance(line, pd.Series)]
    if len(indexes) == 2 and not indexes[0].equals(indexes[1]):
        raise IndicatorError(
            f"{name} needs Series of one index, but they differ; align them first, such as "
            f"with b.reindex(a.index)"
        )
    return left, right, indexes[0] if indexes else None
