"""Spans of time: what is known, what is missing, which months they touch."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from robotrader_sdk.data.coverage import Span, intersect, merge, month_bounds, months, subtract

from .binance_server import milliseconds

SPANS = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=8)


def points(spans: list[Span]) -> set[int]:
    return {point for start, end in spans for point in range(start, end)}


@settings(deadline=None)
@given(SPANS)
def test_merged_spans_are_the_same_times_sorted_and_apart(spans: list[Span]) -> None:
    merged = merge(spans)
    assert points(merged) == points(spans)
    assert all(start < end for start, end in merged)
    assert all(before[1] < after[0] for before, after in pairwise(merged))


@settings(deadline=None)
@given(st.tuples(st.integers(0, 40), st.integers(0, 40)), SPANS)
def test_missing_is_what_is_wanted_and_not_known(wanted: Span, known: list[Span]) -> None:
    missing = subtract(wanted, known)
    assert points(missing) == points([wanted]) - points(known)
    assert missing == merge(missing)


@settings(deadline=None)
@given(SPANS, st.tuples(st.integers(0, 40), st.integers(0, 40)))
def test_the_intersection_is_what_both_have(spans: list[Span], window: Span) -> None:
    assert points(intersect(spans, window)) == points(spans) & points([window])


def test_months_are_those_a_span_touches() -> None:
    span = (milliseconds("2023-11-30 23:59"), milliseconds("2024-02-01"))
    names = dict(months(span))
    assert list(names) == ["2023-11", "2023-12", "2024-01"]
    assert names["2023-12"] == (milliseconds("2023-12-01"), milliseconds("2024-01-01"))
    assert month_bounds("2023-12") == names["2023-12"]
    assert list(dict(months((span[0], span[1] + 1)))) == [*names, "2024-02"]
