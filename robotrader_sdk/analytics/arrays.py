"""The arrays the compiled passes take: one-dimensional, contiguous, of one exact type.

They are read-only views, so that a frame's read-only column and a writable array are the same
type to the compiler, and each pass is compiled once.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

from robotrader_sdk.errors import BacktestError

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
T = TypeVar("T", bound=np.generic)


def floats(values: npt.ArrayLike, name: str) -> FloatArray:
    """`values` as float64, not copied where it already is; BacktestError unless one-dimensional."""
    return _view(np.ascontiguousarray(values, dtype=np.float64), name)


def integers(values: npt.ArrayLike, name: str) -> IntArray:
    """`values` as int64, not copied where it already is; BacktestError unless one-dimensional."""
    return _view(np.ascontiguousarray(values, dtype=np.int64), name)


def require_same_length(**arrays: npt.NDArray[np.generic]) -> None:
    """BacktestError that names every array's length, unless all are equally long."""
    if len({len(array) for array in arrays.values()}) > 1:
        lengths = ", ".join(f"{name}: {len(array)}" for name, array in arrays.items())
        raise BacktestError(f"arrays of one run must be equally long, got {lengths}")


def require_positive_start(start: float) -> None:
    """BacktestError unless the starting equity is a positive number."""
    if not 0 < start < np.inf:
        raise BacktestError(f"start={start!r}: the equity before the first bar must be above 0")


def _view(array: npt.NDArray[T], name: str) -> npt.NDArray[T]:
    if array.ndim != 1:
        raise BacktestError(f"{name} must be one-dimensional, got the shape {array.shape}")
    view = array.view()
    view.flags.writeable = False
    return view
