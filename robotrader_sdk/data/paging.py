"""How a long stretch of bars is fetched page by page, from any exchange.

Exchanges page in two ways. Some, such as Binance, answer "up to N bars from this time on":
whatever they skip does not exist. Others answer for a window of N bars only, where an empty
page says nothing about later ones. What is done here is right for both.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from robotrader_sdk.data.coverage import Span
from robotrader_sdk.data.month_file import Rows

# (timeframe in ms, since in ms, limit) -> rows as ccxt gives them
Fetch = Callable[[int, int, int], Sequence[Sequence[float | None]]]


@dataclass(frozen=True, slots=True)
class Page:
    """Bars, and the stretch of time in which there are no others; where the next page starts."""

    rows: Rows
    known: Span
    upto: int


@dataclass(slots=True)
class Pager:
    """Fetches bars of one length from an exchange.

    `step` is the length of a bar and `coarse_step` that of the longest the exchange serves
    (both in ms), `limit` the most bars of a page. Before `settled` (Unix ms) an exchange no
    longer adds bars it had forgotten.
    """

    fetch: Fetch
    step: int
    coarse_step: int
    limit: int
    settled: int

    def pages(self, span: Span) -> Iterator[Page]:
        """The pages of a span, in order; they leave no part of it out."""
        position, end = span
        while position < end:
            rows = self._page(self.step, position, (end - position) // self.step + 2)
            wanted = rows[rows[:, 0] < end]
            if len(wanted):
                upto = int(wanted[-1, 0]) + self.step
                known = upto
            elif len(rows):
                upto = known = end
            else:
                upto = min(end, max(position + self.limit * self.step, self._next_bar(position)))
                # The newest bars may only be late.
                known = min(upto, max(position, self.settled))
            yield Page(wanted, (position, known), upto)
            position = upto

    def first_bar(self, since: int) -> int | None:
        """A time at or somewhat before the exchange's first bar since then; None: no bar."""
        rows = self._page(self.coarse_step, since)
        while not len(rows) and since < self.settled:
            since += self.limit * self.coarse_step
            rows = self._page(self.coarse_step, since)
        return int(rows[0, 0]) if len(rows) else None

    def _page(self, step: int, since: int, enough: int | None = None) -> Rows:
        limit = self.limit if enough is None else min(self.limit, enough)
        rows = self._rows(step, since, limit)
        if 0 < len(rows) < limit and rows[0, 0] - since >= step:
            # A hole before a short page is real, unless the exchange gives fewer bars than asked
            # for, and those the last of the window.
            hole = self._rows(step, since, int(-(-(rows[0, 0] - since) // step)))
            if len(hole) and hole[0, 0] < rows[0, 0]:
                self.limit = len(rows)
                return self._page(step, since, enough)
        return rows

    def _next_bar(self, position: int) -> int:
        """Before this time there is no bar, as far as the coarse bars tell."""
        if self.coarse_step <= self.step:
            return position
        since = position - self.coarse_step + 1  # the one that position lies in
        coarse = self._page(self.coarse_step, since)
        if len(coarse):
            return max(position, int(coarse[0, 0]))
        return since + self.limit * self.coarse_step

    def _rows(self, step: int, since: int, limit: int) -> Rows:
        """The bars the exchange has from a time on: sorted, each once, with their prices."""
        answer = self.fetch(step, since, limit)
        rows = np.array([_numbers(row) for row in answer], dtype=np.float64).reshape(-1, 6)
        # Some exchanges fill a time without trades with a row without prices: no bar.
        rows = rows[~np.isnan(rows[:, :5]).any(axis=1) & (rows[:, 0] >= since)]
        # Of two rows of one time the later is the newer.
        _, last = np.unique(rows[::-1, 0], return_index=True)
        return rows[::-1][last]


def _numbers(row: Sequence[float | None]) -> list[float]:
    numbers = [math.nan if value is None else float(value) for value in row[:6]]
    return numbers + [math.nan] * (6 - len(numbers))
