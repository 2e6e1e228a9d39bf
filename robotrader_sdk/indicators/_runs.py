"""What happens at a hole: the indicator starts afresh behind it.

A row in which an input is NaN or infinite is a hole. TA-Lib answers a hole in as many ways
as it has functions: its SMA stays NaN to the end, its highest value forgets, its RSI takes
the hole for an unchanged price. Here every indicator is computed over each run of whole
rows as if the series began there, warm-up included. That looks back only, and a number
never comes from a price nobody knows.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from robotrader_sdk.indicators._reading import Columns, FloatArray

Result = TypeVar("Result")


def over_runs(
    compute: Callable[[Columns], Result], columns: Columns, cuts: NDArray[np.intp] | None = None
) -> Result:
    """Compute over each run of whole rows; a run also ends before each row of `cuts`."""
    if cuts is None and all(map(_is_whole, columns)):
        return compute(columns)
    return _joined(compute, columns, _runs(columns, cuts))


def over_runs_where_nan_spreads(
    compute: Callable[[Columns], FloatArray], columns: Columns
) -> FloatArray:
    """Do the same for functions whose running sums carry a NaN or infinity to the last value.

    One look at that value replaces the pass over the input, which for a moving average
    would be a tenth of the work.
    """
    result = compute(columns)
    if result.size == 0 or math.isfinite(result[-1]):
        return result
    return _joined(compute, columns, _runs(columns, None))


def _is_whole(column: FloatArray) -> bool:
    # A sum is finite only if every value is; where it overflows, the slow way decides.
    with np.errstate(all="ignore"):
        return math.isfinite(column.sum())


def _runs(columns: Columns, cuts: NDArray[np.intp] | None) -> list[tuple[int, int]]:
    whole = np.isfinite(columns[0])
    for column in columns[1:]:
        whole &= np.isfinite(column)
    begins = whole.copy()
    begins[1:] &= ~whole[:-1]
    ends = whole.copy()
    ends[:-1] &= ~whole[1:]
    if cuts is not None:
        begins[cuts] = whole[cuts]
        ends[cuts - 1] = whole[cuts - 1]
    starts = np.flatnonzero(begins).tolist()
    stops = (np.flatnonzero(ends) + 1).tolist()
    return list(zip(starts, stops, strict=True))


def _joined(
    compute: Callable[[Columns], Result], columns: Columns, runs: list[tuple[int, int]]
) -> Result:
    size = columns[0].size
    if runs == [(0, size)]:
        return compute(columns)
    # The result over no rows tells its kind: one array, or a named tuple of several.
    empty: Any = compute(tuple(column[:0] for column in columns))
    several = isinstance(empty, tuple)
    lines = [np.full(size, np.nan) for _ in (empty if several else [empty])]
    for start, stop in runs:
        part: Any = compute(tuple(column[start:stop] for column in columns))
        for line, values in zip(lines, part if several else [part], strict=True):
            line[start:stop] = values
    return cast(Result, type(empty)(*lines) if several else lines[0])
