"""The arrays of a run, checked: one-dimensional, as long as they must be, of one exact type."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from robotrader_sdk.compiled import uniform
from robotrader_sdk.errors import BacktestError

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


def floats(values: npt.ArrayLike, name: str) -> FloatArray:
    """`values` as float64, not copied where it already is; BacktestError unless one-dimensional."""
    array = uniform(values, np.float64)
    _require_one_dimension(name, array.shape)
    return array


def integers(values: npt.ArrayLike, name: str) -> IntArray:
    """`values` as int64, not copied where it already is; BacktestError unless one-dimensional."""
    array = uniform(values, np.int64)
    _require_one_dimension(name, array.shape)
    return array


def require_same_length(**arrays: npt.NDArray[np.generic]) -> None:
    """BacktestError that names every array's length, unless all are equally long."""
    if len({len(array) for array in arrays.values()}) > 1:
        lengths = ", ".join(f"{name}: {len(array)}" for name, array in arrays.items())
        raise BacktestError(f"arrays of one run must be equally long, got {lengths}")


def require_positive_start(start: float) -> None:
    """BacktestError unless the starting equity is a positive number."""
    if not 0 < start < np.inf:
        raise BacktestError(f"start={start!r}: the equity before the first bar must be above 0")


def _require_one_dimension(name: str, shape: tuple[int, ...]) -> None:
    if len(shape) != 1:
        raise BacktestError(f"{name} must be one-dimensional, got the shape {shape}")
