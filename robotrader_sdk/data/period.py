"""The stretch of time a user asks bars for."""

from __future__ import annotations

from datetime import UTC, date, datetime

from robotrader_sdk.errors import DownloadError

When = str | date | datetime | None


def read_period(start: When, end: When) -> tuple[int | None, int | None]:
    """Start and end in Unix milliseconds, None where open; DownloadError if they make no sense."""
    begin, finish = _read_time("start", start), _read_time("end", end)
    if begin is not None and finish is not None and finish <= begin:
        raise DownloadError(f"end={end!s} is not after start={start!s}; the end is excluded")
    return begin, finish


def describe_time(milliseconds: int) -> str:
    """A time as messages show it."""
    return f"{datetime.fromtimestamp(milliseconds / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _read_time(name: str, when: When) -> int | None:
    if when is None:
        return None
    try:
        read = datetime.fromisoformat(when) if isinstance(when, str) else when
        if isinstance(read, date) and not isinstance(read, datetime):
            read = datetime(read.year, read.month, read.day)
        aware = read if read.tzinfo else read.replace(tzinfo=UTC)
        milliseconds = round(aware.timestamp() * 1000)
    except (ValueError, TypeError, AttributeError, OverflowError):
        raise DownloadError(
            f"{name}={when!r} is no time; write it as '2024-01-31' or '2024-01-31T14:00:00Z', or "
            "pass a datetime"
        ) from None
    if milliseconds < 0:
        raise DownloadError(f"{name}={when!s} is before 1970; no exchange has bars from then")
    return milliseconds
