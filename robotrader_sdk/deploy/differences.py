"""What a run did, and where two runs first differ by as much as a bit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from robotrader_sdk.backtest.result import BacktestResult

_TABLES = ("fills", "trades", "rejected", "orders")


@dataclass(frozen=True)
class Traces:
    """All that two runs are compared by; it can be sent from one process to another."""

    bits: tuple[bytes, ...]
    tables: dict[str, pd.DataFrame]
    equity: NDArray[np.float64]

    @classmethod
    def of(cls, result: BacktestResult) -> Traces:
        """The traces that a run has left."""
        arrays = (result.order_table, result.lot_table, result.fill_table, result.equity_values)
        tables = {name: getattr(result, name) for name in _TABLES}
        return cls(tuple(a.tobytes() for a in arrays), tables, result.equity_values)


def first_difference(one: Traces, other: Traces) -> str | None:
    """Where two runs first differ, in words; None: nowhere."""
    if one.bits == other.bits:
        return None
    for name in _TABLES:
        where = _in_table(one.tables[name], other.tables[name])
        if where is not None:
            return f"{name}: {where}"
    bar = _in_column(one.equity, other.equity)
    return (
        None if bar is None else f"equity: at bar {bar}: {one.equity[bar]} and {other.equity[bar]}"
    )


def _in_table(one: pd.DataFrame, other: pd.DataFrame) -> str | None:
    n_common = min(len(one), len(other))
    found = [
        (row, place, str(name))
        for place, name in enumerate(one.columns)
        if (row := _in_column(one[name][:n_common], other[name][:n_common])) is not None
    ]
    if found:
        row, _, name = min(found)
        return f"row {row}, {name}: {one[name].iloc[row]} and {other[name].iloc[row]}"
    return None if len(one) == len(other) else f"{len(one)} rows and {len(other)}"


def _in_column(one: Any, other: Any) -> int | None:
    """The first place at which two columns differ; NaN is like NaN."""
    if len(one) != len(other):
        return min(len(one), len(other))
    left, right = np.asarray(one), np.asarray(other)
    if left.dtype.kind == "f":
        different = left.view(np.int64) != right.view(np.int64)
        different &= ~(np.isnan(left) & np.isnan(right))
    else:
        different = (left != right) & ~(pd.isna(left) & pd.isna(right))
    places = np.flatnonzero(different)
    return int(places[0]) if len(places) else None
