"""The columns of bars by the names that files give them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import pandas as pd

from robotrader_sdk.data.spelling import did_you_mean
from robotrader_sdk.data.times import read_times
from robotrader_sdk.errors import BarsError

# Spellings after lower case and with every run of other characters as one underscore.
_SPELLINGS = {
    "open": {"open", "o", "open_price"},
    "high": {"high", "h", "high_price"},
    "low": {"low", "l", "low_price"},
    "close": {"close", "c", "close_price"},
    "volume": {"volume", "v", "vol", "base_volume"},
    "open_time": {
        "open_time", "opentime", "time", "timestamp", "date", "datetime", "date_time", "t", "ts",
        "unix", "unix_time", "unix_timestamp", "start", "start_time",
    },
}  # fmt: skip


def to_bars(
    table: pd.DataFrame,
    columns: Mapping[str, str] | None = None,
    time_format: str | None = None,
    timezone: str | None = None,
) -> pd.DataFrame:
    """A table with columns and index as bars have them; its rows are not checked yet.

    See `robotrader_sdk.data.files.read_bars` for what is recognised. Raises BarsError.
    """
    found = _find(table, dict(columns or {}))
    replaced = [ours for ours, theirs in found.items() if ours in table.columns and ours != theirs]
    renamed = table.drop(columns=replaced).rename(
        columns={theirs: ours for ours, theirs in found.items()}
    )
    if "open_time" in found:
        times = read_times(renamed["open_time"], time_format, timezone)
        renamed = renamed.drop(columns="open_time")
    else:
        times = read_times(table.index.to_series(), time_format, timezone)
    renamed.index = times.rename("open_time")
    return renamed if "volume" in found else renamed.assign(volume=float("nan"))


def _find(table: pd.DataFrame, given: dict[str, str]) -> dict[str, str]:
    """Our names and the table's for the same columns, what the user gave first."""
    if table.columns.nlevels > 1:
        raise BarsError(f"the table has columns of several levels, such as {table.columns[0]}")
    _check_given(given, table)
    taken = set(given.values())
    found = dict(given)
    for ours in _SPELLINGS:
        if ours not in found and not (ours == "open_time" and _has_times(table.index)):
            candidates = [name for name in _spelled(ours, table.columns) if name not in taken]
            if len(candidates) > 1:
                raise BarsError(
                    f"{ours} is ambiguous: the columns {_listed(candidates)} could be it; say "
                    f"which, such as columns={{'{ours}': {candidates[0]!r}}}"
                )
            if candidates:
                found[ours] = candidates[0]
    _check_complete(found, table)
    return found


def _spelled(ours: str, columns: pd.Index) -> list[str]:
    """The columns that may be ours: the one of exactly our name, else all of its spellings."""
    if ours in columns:
        return [ours]
    return [name for name in columns if _plain(name) in _SPELLINGS[ours]]


def _plain(name: object) -> str:
    return re.sub(r"[\W_]+", "_", str(name).strip().lower()).strip("_")


def _check_given(given: dict[str, str], table: pd.DataFrame) -> None:
    unknown = [ours for ours in given if ours not in _SPELLINGS]
    if unknown:
        raise BarsError(f"columns names {unknown[0]!r}; it maps {_listed(_SPELLINGS)}")
    for ours, theirs in given.items():
        if theirs not in table.columns:
            raise BarsError(
                f"columns says that {ours} is {theirs!r}, which the table lacks"
                f"{did_you_mean(theirs, table.columns)}; found: {_listed(table.columns)}"
            )


def _check_complete(found: dict[str, str], table: pd.DataFrame) -> None:
    missing = [ours for ours in ("open", "high", "low", "close") if ours not in found]
    if "open_time" not in found and not _has_times(table.index):
        missing.append("open_time")
    if missing:
        free = [name for name in table.columns if name not in found.values()]
        hints = ", ".join(f"{ours}{did_you_mean(ours, free)}" for ours in missing)
        raise BarsError(
            f"no column was recognised as {hints}; found: {_listed(table.columns)}; expected "
            "open, high, low, close, volume and a time, or columns={'close': 'their name', ...}"
        )


def _has_times(index: pd.Index) -> bool:
    return isinstance(index, pd.DatetimeIndex) or _plain(index.name) in _SPELLINGS["open_time"]


def _listed(names: Iterable[object]) -> str:
    return ", ".join(map(repr, names)) or "none"
