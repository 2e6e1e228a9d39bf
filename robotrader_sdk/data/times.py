"""Times as files write them, read without guessing."""

from __future__ import annotations

import re
from typing import Literal

import numpy as np
import pandas as pd

from robotrader_sdk.data.validate import warn
from robotrader_sdk.errors import BarsError

# Unix times of the years 2000 to 2100, in seconds. Counted in ms, us or ns the same years
# give ranges a thousand times higher each, so that no two overlap.
_YEAR_2000, _YEAR_2100 = 946_684_800, 4_102_444_800
_Unit = Literal["s", "ms", "us", "ns"]
_UNITS: dict[str, tuple[_Unit, int]] = {
    "s": ("s", 1),
    "ms": ("ms", 10**3),
    "us": ("us", 10**6),
    "ns": ("ns", 10**9),
}

_EXACT = 2**53  # from here on a float64 skips whole numbers

_AWARE = re.compile(r"\d\d:\d\d.*(?:Z|[+-]\d\d(?::?\d\d)?)$", re.IGNORECASE)


def read_times(
    column: pd.Series, time_format: str | None = None, timezone: str | None = None
) -> pd.DatetimeIndex:
    """A column of times as an index in UTC.

    Read are times of pandas, ISO 8601 text (`2024-01-31`, `2024-01-31 14:00`,
    `2024-01-31T14:00:00Z`, with an offset or "UTC" behind), and Unix times: numbers that in
    one unit of s, ms, us, ns, and then in that one only, all lie in the years 2000 to 2100.
    For everything else `time_format` says what it is: one of those units, or a format of
    strptime such as "%d.%m.%Y". Text such as 01/02/2024, where the day may be the first or
    the second number, is never read without it.

    Times without a zone are in `timezone` (such as "Europe/Berlin"); without one they are
    read as UTC, with a warning.

    Raises BarsError, with the first value that can't be read.
    """
    if column.isna().any():
        row = int(np.flatnonzero(column.isna())[0])
        raise BarsError(f"the time in row {row} is missing; every bar needs its open_time")
    return _to_utc(_parse(column, time_format), column, timezone)


def _parse(column: pd.Series, time_format: str | None) -> pd.DatetimeIndex:
    if isinstance(column.dtype, pd.DatetimeTZDtype) or column.dtype.kind == "M":
        return pd.DatetimeIndex(column)
    is_number = pd.api.types.is_numeric_dtype(column) and column.dtype.kind in "iuf"
    if time_format in _UNITS or (is_number and time_format is None):
        return _from_unix(column, time_format)
    text = column.astype(str)
    if time_format is not None:
        return _from_format(text, time_format)
    return _from_iso(text)


def _from_unix(column: pd.Series, unit: str | None) -> pd.DatetimeIndex:
    numbers = pd.to_numeric(column, errors="coerce")
    whole = numbers.round()
    wrong = np.flatnonzero(np.asarray(numbers != whole) | np.asarray(~np.isfinite(whole)))
    if len(wrong):
        row = int(wrong[0])
        raise BarsError(
            f"the time in row {row} is {column.iloc[row]!r}; Unix times are whole numbers"
        )
    if numbers.dtype.kind == "f" and whole.abs().max() > _EXACT:
        raise BarsError(
            "times are Unix times as floating point numbers, too large to be exact; store "
            "them as whole numbers"
        )
    known = _unit_of(int(whole.min()), int(whole.max())) if unit is None else _UNITS[unit][0]
    try:
        times = pd.to_datetime(whole.astype(np.int64), unit=known, utc=True)
    except (ValueError, OverflowError) as error:
        raise BarsError(f"times are not Unix times in {known}: {error}") from None
    return pd.DatetimeIndex(times)


def _unit_of(first: int, last: int) -> _Unit:
    for unit, scale in _UNITS.values():
        if _YEAR_2000 * scale <= first and last < _YEAR_2100 * scale:
            return unit
    raise BarsError(
        f"times from {first} to {last} are not Unix times of one unit (s, ms, us or ns) in the "
        "years 2000 to 2100; say what they are: time_format='ms', or a format such as '%Y%m%d'"
    )


def _from_format(text: pd.Series, time_format: str) -> pd.DatetimeIndex:
    has_zone = "%z" in time_format
    try:
        return pd.DatetimeIndex(pd.to_datetime(text, format=time_format, utc=has_zone))
    except ValueError as error:
        reason = str(error).splitlines()[0]
        raise BarsError(f"times don't read as time_format={time_format!r}: {reason}") from None


def _from_iso(text: pd.Series) -> pd.DatetimeIndex:
    text = text.str.strip().str.replace(r"\s*UTC$", "Z", regex=True)
    aware = text.str.contains(_AWARE)
    if aware.any() and not aware.all():
        row = int(np.flatnonzero(aware != aware.iloc[0])[0])
        raise BarsError(
            f"some times have a zone and some have none: row 0 is {text.iloc[0]!r}, row {row} is "
            f"{text.iloc[row]!r}; write all of them in one way"
        )
    times = pd.to_datetime(text, format="ISO8601", utc=bool(aware.all()), errors="coerce")
    wrong = np.flatnonzero(times.isna())
    if len(wrong):
        row = int(wrong[0])
        raise BarsError(
            f"the time in row {row} is {text.iloc[row]!r}, which is no ISO 8601 time such as "
            "2024-01-31T14:00:00Z; say how it is written, such as time_format='%d/%m/%Y %H:%M'"
        )
    return pd.DatetimeIndex(times)


def _to_utc(times: pd.DatetimeIndex, column: pd.Series, timezone: str | None) -> pd.DatetimeIndex:
    if times.tz is not None:
        return times.tz_convert("UTC")
    if timezone is None:
        warn(
            f"times without a time zone are read as UTC (row 0: {column.iloc[0]}); pass "
            "timezone='UTC', or theirs, to silence this"
        )
    try:
        local = times.tz_localize(timezone or "UTC", ambiguous="NaT", nonexistent="NaT")
    except KeyError:  # zoneinfo's ZoneInfoNotFoundError
        raise BarsError(
            f"timezone {timezone!r} is not known; write a name such as 'Europe/Berlin'"
        ) from None
    unclear = np.flatnonzero(local.isna())
    if len(unclear):
        row = int(unclear[0])
        raise BarsError(
            f"the time in row {row}, {column.iloc[row]}, exists twice or not at all in {timezone}, "
            "where the clocks change; write times in UTC, or with their offset"
        )
    return local.tz_convert("UTC")
