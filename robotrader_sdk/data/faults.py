"""Which rows of a table of bars are wrong, and how: the explaining half of validation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Mask = NDArray[np.bool_]

_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of fault: which rows have it, and what its user can do."""

    what: str
    rows: NDArray[np.intp]
    columns: tuple[str, ...]
    advice: str


def find_faults(bars: pd.DataFrame) -> list[Fault]:
    """All faults of bars whose columns are floats and whose index is times in UTC.

    Empty exactly when the bars are sound. A volume column that is NaN throughout is no
    fault: the volume is unknown.
    """
    times = pd.DatetimeIndex(bars.index)
    rules = (*_time_rules(times), *_price_rules(bars), *_volume_rules(bars))
    return [
        Fault(what, np.flatnonzero(mask), columns, advice)
        for what, mask, columns, advice in rules
        if mask.any()
    ]


def describe(faults: list[Fault], bars: pd.DataFrame) -> str:
    """The message of the error: per kind the count, the first rows, and what to do."""
    lines = ["bars can't be trusted (rows count from 0, as in bars.iloc[row]):"]
    for fault in faults:
        count = len(fault.rows)
        shown = "; ".join(_describe_row(int(row), fault, bars) for row in fault.rows[:_SHOWN])
        more = f"; and {count - _SHOWN} more" if count > _SHOWN else ""
        lines.append(f"  {count} row{'s' * (count != 1)} with {fault.what}: {shown}{more}")
        lines.append(f"    {fault.advice}")
    return "\n".join(lines)


def _describe_row(row: int, fault: Fault, bars: pd.DataFrame) -> str:
    values = " ".join(f"{name}={bars[name].iloc[row]!s}" for name in fault.columns)
    return f"row {row} ({bars.index[row]!s})" + (f" {values}" if values else "")


_Rule = tuple[str, Mask, tuple[str, ...], str]


def _time_rules(index: pd.DatetimeIndex) -> Iterator[_Rule]:
    missing = np.asarray(index.isna())
    yield "no time (NaT)", missing, (), "every bar needs its open_time"
    # NaT is no duplicate of another NaT, and has no order.
    duplicate = np.asarray(index.duplicated()) & ~missing
    advice = "keep one of each: bars[~bars.index.duplicated(keep='last')]"
    yield "the time of an earlier row", duplicate, (), advice

    times = index.asi8
    before = np.zeros(len(times), dtype=np.bool_)
    before[1:] = (times[1:] < times[:-1]) & ~missing[1:] & ~missing[:-1]
    yield "a time before that of the row above", before, (), "sort them: bars.sort_index()"


def _price_rules(bars: pd.DataFrame) -> Iterator[_Rule]:
    names = ("open", "high", "low", "close")
    o, h, l, c = (bars[name].to_numpy() for name in names)  # noqa: E741 - the field's letters

    missing = np.isnan(o) | np.isnan(h) | np.isnan(l) | np.isnan(c)
    advice = "drop the rows, bars.dropna(subset=['close']), or find out what they should be"
    yield "a missing price (NaN)", missing, names, advice

    infinite = np.isinf(o) | np.isinf(h) | np.isinf(l) | np.isinf(c)
    yield "an infinite price", infinite, names, "find out where the infinity comes from"

    not_positive = (o <= 0) | (h <= 0) | (l <= 0) | (c <= 0)
    advice = "prices are above zero; a zero often stands for 'no trade': drop such rows"
    yield "a zero or negative price", not_positive, names, advice

    yield "high below low", h < l, ("high", "low"), "are the columns swapped?"

    outside = ((o > h) | (o < l) | (c > h) | (c < l)) & ~(h < l)
    advice = "adjusted and unadjusted prices mixed? columns swapped?"
    yield "open or close outside low to high", outside, names, advice


def _volume_rules(bars: pd.DataFrame) -> Iterator[_Rule]:
    volume = bars["volume"].to_numpy()
    missing = np.isnan(volume)
    if missing.all():
        return
    advice = "a volume is unknown for all bars (NaN throughout) or for none; 0 means no trade"
    yield "a missing volume (NaN)", missing, ("volume",), advice
    yield "an infinite volume", np.isinf(volume), ("volume",), "volumes are finite"
    yield "a negative volume", volume < 0, ("volume",), "volumes are zero or above"
