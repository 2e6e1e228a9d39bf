"""The feed: closed bars of one exchange, fetched once for all bots that want them.

- One request a series (symbol, timeframe), however many subscribe to it.
- A bar counts as closed by the exchange's own time, never by ours.
- REST is the truth. A hint, such as a websocket's, only makes the feed look earlier.
- Bars come in order. What is missing between two of them is asked for again before the later one
  is handed out; what the exchange does not have then stays a gap, as it would in a backtest.
- A bar that is not there when it should be is late: it is asked for again and again. One that has
  changed since it was handed out is revised: later decisions see it as it is now.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Protocol

import pandas as pd

from robotrader_sdk.types import Timeframe
from runner.execution.broker import ClosedBar, MarketData
from runner.execution.errors import ExchangeUnreachableError, RateLimitedError

logger = logging.getLogger(__name__)

OVERLAP = 2
"""So many bars that are known are asked for again each time, to see whether they were revised."""

MOST = 100_000
"""Bars; more history than this is not kept for anybody."""

_COLUMNS = ("open", "high", "low", "close", "volume")


@dataclass(frozen=True, slots=True)
class Subscription:
    """What somebody wants: bars of a series from the one that opened at `anchor` on."""

    symbol: str
    timeframe: Timeframe
    anchor: datetime


@dataclass(frozen=True, slots=True)
class NewBar:
    """A bar that has closed; is_late: a later one has closed, too, by now."""

    symbol: str
    timeframe: Timeframe
    open_time: datetime
    is_late: bool


@dataclass(slots=True)
class Series:
    """The closed bars of one symbol and timeframe, oldest first."""

    symbol: str
    timeframe: Timeframe
    bars: dict[datetime, ClosedBar] = field(default_factory=dict)
    n_revised: int = 0
    told_late: datetime | None = None
    gaps: set[datetime] = field(default_factory=set)
    frame: pd.DataFrame | None = None

    @property
    def length(self) -> timedelta:
        """Of a bar."""
        return timedelta(seconds=self.timeframe.seconds)

    @property
    def newest(self) -> datetime | None:
        """The open_time of the last closed bar that is known."""
        return next(reversed(self.bars), None)

    def expected(self, now: datetime) -> datetime:
        """The open_time of the bar that has closed last, by the clock."""
        length = self.timeframe.seconds
        return datetime.fromtimestamp(now.timestamp() // length * length - length, now.tzinfo)

    def as_frame(self) -> pd.DataFrame:
        """All bars; a copy is made only where somebody writes into it."""
        if self.frame is None:
            index = pd.DatetimeIndex(list(self.bars), tz="UTC", name="open_time").as_unit("ms")
            rows = [[getattr(bar, name) for name in _COLUMNS] for bar in self.bars.values()]
            self.frame = pd.DataFrame(rows, index=index, columns=list(_COLUMNS), dtype=float)
        return self.frame


class Hints(Protocol):
    """Tells that a bar may have closed; `ccxt_hints.CcxtHints` is one."""

    async def watch(self, symbol: str, timeframe: Timeframe, tell: Callable[[], None]) -> None:
        """Call `tell` now and then, until cancelled."""


class Feed:
    """Bars of one exchange; see the module.

    It is polled: `wait` ends when it is worth it. pause: seconds until a bar that is late is
    asked for again. at_most: seconds between two looks, whatever the clock says. hint: set by
    whoever thinks that a bar has closed, `hints` for one.
    """

    def __init__(
        self,
        data: MarketData,
        *,
        pause: float = 2.0,
        at_most: float = 30.0,
        hints: Hints | None = None,
    ) -> None:
        self.data = data
        self._hints = hints
        self._watches: dict[tuple[str, Timeframe], asyncio.Task[None]] = {}
        self.hint = asyncio.Event()
        self._pause, self._at_most = pause, at_most
        self._series: dict[tuple[str, Timeframe], Series] = {}
        self._subscriptions: list[Subscription] = []
        self._now: datetime | None = None

    @property
    def n_revised(self) -> int:
        """How many bars have changed after they were handed out."""
        return sum(series.n_revised for series in self._series.values())

    async def subscribe(self, symbol: str, timeframe: Timeframe, anchor: datetime) -> Subscription:
        """Want a series from an anchor on; its history is fetched before this returns.

        MarketUnknownError if the exchange does not have it.
        """
        wanted = Subscription(symbol, timeframe, anchor)
        key = (symbol, timeframe)
        known = self._series.get(key)
        if known is None or anchor < next(iter(known.bars), anchor):
            series = Series(symbol, timeframe)
            now = await self.data.server_time()
            found = await self.data.bars(symbol, timeframe, anchor, MOST)
            series.bars = {bar.open_time: bar for bar in found if _is_closed(bar, series, now)}
            self._series[key] = series
        self._subscriptions.append(wanted)
        if self._hints is not None and key not in self._watches:
            watch = self._hints.watch(symbol, timeframe, self.hint.set)
            self._watches[key] = asyncio.create_task(watch)
        return wanted

    async def close(self) -> None:
        """Watch nothing any more."""
        watches = list(self._watches.values())
        self._watches.clear()
        for watch in watches:
            watch.cancel()
        await asyncio.gather(*watches, return_exceptions=True)

    def unsubscribe(self, subscription: Subscription) -> None:
        """Want it no more; a series that nobody wants is not asked for."""
        self._subscriptions.remove(subscription)
        key = (subscription.symbol, subscription.timeframe)
        if not any((s.symbol, s.timeframe) == key for s in self._subscriptions):
            del self._series[key]
            if (watch := self._watches.pop(key, None)) is not None:
                watch.cancel()

    def history(self, subscription: Subscription, until: datetime | None = None) -> pd.DataFrame:
        """The closed bars of a subscription, to that which opened at `until`; None: all of them."""
        frame = self._series[(subscription.symbol, subscription.timeframe)].as_frame()
        return frame.loc[pd.Timestamp(subscription.anchor) : until]

    def bar(self, subscription: Subscription, open_time: datetime) -> ClosedBar | None:
        """A closed bar of a subscription's series, by its name."""
        return self._series[(subscription.symbol, subscription.timeframe)].bars.get(open_time)

    async def poll(self) -> list[NewBar]:
        """Ask for what should have closed; the new bars of all series, oldest first.

        A series that can't be had now is left for the next time; nothing of it is lost.
        """
        self.hint.clear()
        try:
            now = self._now = await self.data.server_time()
        except (ExchangeUnreachableError, RateLimitedError) as error:
            logger.warning("%s: %s; bars are asked for again", self.data.exchange, error)
            return []
        due = [one for one in self._series.values() if self._is_due(one, now)]
        found = await asyncio.gather(*(self._update(series, now) for series in due))
        return sorted((bar for bars in found for bar in bars), key=lambda bar: bar.open_time)

    async def wait(self) -> None:
        """Wait until a bar should have closed, or a hint says so."""
        seconds = self._at_most
        if self._now is not None:
            for series in self._series.values():
                if self._is_due(series, self._now):
                    seconds = min(seconds, self._pause)
                else:
                    closes = series.expected(self._now) + 2 * series.length
                    left = (closes - self._now).total_seconds()
                    seconds = min(seconds, left)
        try:
            await asyncio.wait_for(self.hint.wait(), max(seconds, 0.01))
        except TimeoutError:
            return

    def _is_due(self, series: Series, now: datetime) -> bool:
        return series.newest is None or series.newest < series.expected(now)

    async def _update(self, series: Series, now: datetime) -> list[NewBar]:
        try:
            found = await self._fetch(series, now)
        except (ExchangeUnreachableError, RateLimitedError) as error:
            logger.warning("%s %s: %s; asked for again", series.symbol, series.timeframe, error)
            return []
        self._take_revisions(series, found)
        new = [bar for bar in found if series.newest is None or bar.open_time > series.newest]
        for bar in new:
            series.bars[bar.open_time] = bar
        if new:
            series.frame = None
        self._look_for_late(series, now)
        newest = series.expected(now)
        return [
            NewBar(series.symbol, series.timeframe, bar.open_time, bar.open_time < newest)
            for bar in new
        ]

    async def _fetch(self, series: Series, now: datetime) -> list[ClosedBar]:
        """The closed bars from the last known ones on; a hole in them is looked at twice."""
        known = list(series.bars)[-OVERLAP:]
        since = known[0] if known else self._earliest(series)
        found = await self._closed(series, since, now)
        holes = _holes(series, known, found)
        if holes:
            found = await self._closed(series, since, now)
            for hole in sorted(_holes(series, known, found) - series.gaps):
                logger.warning("%s: the exchange has no bar of %s", series.symbol, hole)
                series.gaps.add(hole)
        return found

    async def _closed(self, series: Series, since: datetime, now: datetime) -> list[ClosedBar]:
        found = await self.data.bars(series.symbol, series.timeframe, since, MOST)
        return [bar for bar in found if _is_closed(bar, series, now)]

    def _earliest(self, series: Series) -> datetime:
        key = (series.symbol, series.timeframe)
        wanted = [s.anchor for s in self._subscriptions if (s.symbol, s.timeframe) == key]
        return min(wanted)

    def _take_revisions(self, series: Series, found: Sequence[ClosedBar]) -> None:
        for bar in found:
            before = series.bars.get(bar.open_time)
            if before is not None and before != bar:
                series.n_revised += 1
                series.bars[bar.open_time] = bar
                series.frame = None
                logger.warning("%s: a bar was revised: %s is now %s", series.symbol, before, bar)

    def _look_for_late(self, series: Series, now: datetime) -> None:
        expected = series.expected(now)
        is_late = series.newest is None or series.newest < expected
        if is_late and series.told_late != expected:
            series.told_late = expected
            logger.warning("%s: the bar of %s is late", series.symbol, expected)


def _is_closed(bar: ClosedBar, series: Series, now: datetime) -> bool:
    return bar.open_time + series.length <= now


def _holes(series: Series, known: Sequence[datetime], found: Sequence[ClosedBar]) -> set[datetime]:
    """Where bars are missing between those that are known or found."""
    times = sorted({*known[-1:], *(bar.open_time for bar in found)})
    holes = set()
    for before, after in pairwise(times):
        moment = before + series.length
        while moment < after:
            holes.add(moment)
            moment += series.length
    return holes
