"""Pages from exchanges of every manner add up to exactly the bars there are."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from robotrader_sdk.data.coverage import Span, merge
from robotrader_sdk.data.paging import Page, Pager

STEP, COARSE = 10, 100
Fetch = Callable[[int, int, int], list[list[float]]]


class Venue:
    """An exchange as a rule: which of its bars it gives for (since, limit)."""

    def __init__(self, times: list[int], manner: str, cap: int) -> None:
        self.bars = {STEP: times, COARSE: sorted({time - time % COARSE for time in times})}
        self.manner, self.cap = manner, cap
        self.asked = 0

    def __call__(self, step: int, since: int, limit: int) -> list[list[float]]:
        self.asked += 1
        later = [time for time in self.bars[step] if time >= since]
        if self.manner == "from since on":
            found = later[: min(limit, self.cap)]
        else:
            found = [time for time in later if time < since + limit * step]
            if self.manner == "the end of a window":
                found = found[-min(limit, self.cap) :]
            elif self.manner == "a window":
                found = found[: min(limit, self.cap)]
        return [[time, 1.0, 1.0, 1.0, 1.0, 1.0] for time in found]


def collect(pages: list[Page]) -> list[float]:
    return [time for page in pages for time in page.rows[:, 0].tolist()]


def pager(fetch: Fetch, limit: int = 5, settled: int = 10**9) -> Pager:
    return Pager(fetch, step=STEP, coarse_step=COARSE, limit=limit, settled=settled)


TIMES = st.sets(st.integers(0, 150), max_size=60).map(lambda found: sorted(n * STEP for n in found))
LIMITS = st.integers(2, 9)
MANNERS = st.sampled_from(["from since on", "a window", "the end of a window"])


@settings(max_examples=200, deadline=None)
@given(TIMES, MANNERS, LIMITS, LIMITS, st.integers(0, 150), st.integers(1, 80))
def test_all_bars_of_a_span_are_found_once_and_all_of_it_is_known(
    times: list[int], manner: str, limit: int, cap: int, start: int, length: int
) -> None:
    span: Span = (start * STEP, (start + length) * STEP)
    pages = list(pager(Venue(times, manner, cap), limit).pages(span))
    found = collect(pages)
    assert merge(page.known for page in pages)[0][0] == span[0]
    assert len(merge(page.known for page in pages)) == 1
    assert merge(page.known for page in pages)[0][1] >= span[1]
    wanted = [time for time in times if span[0] <= time < span[1]]
    assert found == wanted


def test_pages_follow_each_other_without_asking_twice() -> None:
    venue = Venue(list(range(0, 1000, STEP)), "from since on", 99)
    pages = list(pager(venue, limit=25).pages((0, 1000)))
    assert [len(page.rows) for page in pages] == [25, 25, 25, 25]
    assert venue.asked == 4


def test_long_emptiness_is_skipped_by_the_coarse_bars() -> None:
    venue = Venue([100_000, 100_010], "a window", 50)
    pages = list(pager(venue, limit=50).pages((0, 100_020)))
    assert collect(pages) == [100_000, 100_010]
    # In windows of 50 bars it would be 200 requests; a window of coarse ones is ten times longer.
    assert venue.asked < 50


def test_a_server_that_gives_the_end_of_a_window_loses_nothing() -> None:
    times = list(range(0, 300, STEP))
    venue = Venue(times, "the end of a window", 7)
    ask = pager(venue, limit=20)
    assert collect(list(ask.pages((0, 300)))) == times
    assert ask.limit == 7


def test_the_last_day_without_bars_stays_unknown() -> None:
    venue = Venue([0, 10, 20], "from since on", 5)
    pages = list(pager(venue, settled=60).pages((0, 200)))
    assert merge(page.known for page in pages) == [(0, 60)]
    pages = list(pager(venue, settled=5).pages((0, 200)))
    assert merge(page.known for page in pages) == [(0, 30)]


def test_a_bar_that_lasts_beyond_the_end_leaves_nothing_to_ask_again() -> None:
    page = next(iter(pager(Venue([0, 10], "from since on", 5)).pages((0, 11))))
    assert page.known == (0, 20)


def test_rows_are_sorted_unique_and_without_those_that_have_no_price() -> None:
    rows = [
        [20, 2.0, 2.0, 2.0, 2.0, 1.0],
        [10, 1.0, 1.0, 1.0, 1.0, None],
        [20, 3.0, 3.0, 3.0, 3.0, 1.0],
        [30, None, None, None, None, 0.0],
        [None, 1.0, 1.0, 1.0, 1.0, 1.0],
        [0, 1.0, 1.0, 1.0, 1.0],
    ]
    ask = pager(lambda step, since, limit: rows if step == STEP else [])  # type: ignore[arg-type,return-value]
    page = next(iter(ask.pages((0, 100))))
    assert page.rows[:, 0].tolist() == [0, 10, 20]
    assert page.rows[2, 1] == 3.0
    assert np.isnan(page.rows[:2, 5]).all()


def test_an_exchange_that_repeats_old_bars_is_not_asked_for_ever() -> None:
    ask = pager(lambda step, since, limit: [[0, 1.0, 1.0, 1.0, 1.0, 1.0]])
    pages = list(ask.pages((50, 500)))
    assert collect(pages) == []
    assert len(pages) < 20


def test_the_first_bar_is_found_and_none_where_there_is_none() -> None:
    ask = pager(Venue([12_340], "a window", 5), settled=20_000)
    first = ask.first_bar(0)
    assert first is not None
    assert 12_340 - COARSE < first <= 12_340
    assert pager(Venue([], "a window", 5), settled=20_000).first_bar(0) is None
