"""Lists of an exchange that come in pages and windows of time, read to the end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from runner.execution.ccxt_errors import ReplyUnreadableError
from runner.execution.ccxt_reports import as_row, as_rows

_MOST_PAGES = 1000
"""Beyond these the venue repeats itself."""


async def bybit_rows(
    ask: Callable[[Mapping[str, Any]], Awaitable[Any]], request: Mapping[str, Any]
) -> AsyncIterator[Mapping[str, Any]]:
    """All rows of one of Bybit's lists, by its cursor."""
    cursor = ""
    for _ in range(_MOST_PAGES):
        reply = as_row(await ask({**request, "cursor": cursor} if cursor else request))
        result = as_row(reply.get("result"))
        for row in as_rows(result.get("list")):
            yield row
        cursor = str(result.get("nextPageCursor") or "")
        if not cursor:
            return
    raise ReplyUnreadableError("a list has no end")


def windows(since: datetime, until: datetime, length: timedelta) -> Iterator[tuple[int, int]]:
    """Times from and to, in milliseconds, that cover a span without overlap."""
    start, end = _milliseconds(since), _milliseconds(until)
    step = int(length.total_seconds() * 1000)
    while start <= end:
        yield start, min(start + step - 1, end)
        start += step


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
