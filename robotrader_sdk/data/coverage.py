"""Stretches of time that are known, and what is missing between them.

A span is `(start, end)` in Unix milliseconds, start included, end not. It is about the
open_times of bars: a known span without a bar means that the exchange has none there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

Span = tuple[int, int]


def merge(spans: Iterable[Span]) -> list[Span]:
    """The same stretches sorted, without empty ones, joined where they touch or overlap."""
    merged: list[Span] = []
    for start, end in sorted(spans):
        if end <= start:
            continue
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def subtract(wanted: Span, known: Iterable[Span]) -> list[Span]:
    """What of a span is in none of the known ones."""
    missing: list[Span] = []
    position, end = wanted
    for known_start, known_end in merge(known):
        if known_start >= end:
            break
        if known_start > position:
            missing.append((position, known_start))
        position = max(position, known_end)
    if position < end:
        missing.append((position, end))
    return missing


def intersect(spans: Iterable[Span], window: Span) -> list[Span]:
    """The parts of the spans that lie within a window."""
    return merge((max(start, window[0]), min(end, window[1])) for start, end in spans)


def months(span: Span) -> Iterator[tuple[str, Span]]:
    """The calendar months (UTC) a span touches: their names such as "2024-01", and bounds."""
    first = datetime.fromtimestamp(span[0] / 1000, UTC)
    year, month = first.year, first.month
    while (start := _milliseconds(year, month)) < span[1]:
        name = f"{year:04d}-{month:02d}"
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
        yield name, (start, _milliseconds(year, month))


def month_bounds(name: str) -> Span:
    """The span of a month by its name; ValueError where it is none."""
    year, month = (int(part) for part in name.split("-"))
    following = (year + 1, 1) if month == 12 else (year, month + 1)
    return _milliseconds(year, month), _milliseconds(*following)


def _milliseconds(year: int, month: int) -> int:
    return int(datetime(year, month, 1, tzinfo=UTC).timestamp()) * 1000
