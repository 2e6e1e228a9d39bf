"""The feed: closed bars of one exchange, fetched once for all bots that want them.

- One request a series (symbol, timeframe), however many subscribe to it.
- A bar counts as closed by the exchange's own time, never by ours.
- REST is the truth. A hint, such as a websocket's, only makes the feed look earlier.
- Bars come in order. What is missing between two of them is asked for again before the later one
  is handed out; what the exchange does not have then stays a gap, as it would in a backtest.
- A bar that is not there when it should be is late: it is asked for again and again. One that comes
  after a later one was handed out takes its place in the history, and nobody decides at it. One
  that has changed since it was handed out is revised: later decisions see it as it is now.
- A series that can't be had now, whatever the reason, holds up no other.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Protocol

import pandas as pd

from robotrader_sdk.types import Timeframe
from runner.execution.broker import ClosedBar, MarketData
from runner.execution.errors import BrokerError

logger = logging.getLogger(__name__)

OVERLAP = 2
"""So many bars that are known are asked for again each time, to see whether they were revised."""

MOST = 100_000
"""Bars asked for at once; a longer history comes in several."""

_COLUMNS = ("open", "high", "low", "close", "volume")
_LABELS = pd.Index(list(_COLUMNS))


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
    """The closed bars of one symbol and timeframe, oldest first, asked for from `since` on."""

    symbol: str
    timeframe: Timeframe
    since: datetime
    bars: dict[datetime, ClosedBar] = field(default_factory=dict)
    n_revised: int = 0
    told_late: datetime | None = None
    trouble: str = ""
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
        """The open_time of the bar that has closed last, by the clock.

        Weeks begin on Mondays, which is not how they count from 1970: the known bars tell.
        """
        length = self.timeframe.seconds
        phase = self.newest.timestamp() % length if self.newest is not None else 0
        begun = (now.timestamp() - phase) // length * length + phase
        return datetime.fromtimestamp(begun - length, now.tzinfo)

    def as_frame(self) -> pd.DataFrame:
        """All bars; a copy is made only where somebody writes into it."""
        if self.frame is None:
            index = pd.DatetimeIndex(list(self.bars), tz="UTC", name="open_time").as_unit("ms")
            rows = [[getattr(bar, name) for name in _COLUMNS] for bar in self.bars.values()]
            self.frame = pd.DataFrame(rows, index=index, columns=_LABELS, dtype=float)
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
        self._subscribing = asyncio.Lock()
        self._now: datetime | None = None
        self._asked = 0.0
        self._is_away = False

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
        async with self._subscribing:  # whoever comes meanwhile must not ask for the same
            known = self._series.get(key)
            if known is None or anchor < known.since:
                self._series[key] = await self._begun(symbol, timeframe, anchor)
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
            self._asked = time.monotonic()
            self._is_away = False
        except BrokerError as error:
            self._is_away = True
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
                    # Whoever decided at the last bars has taken time, too.
                    seconds = min(seconds, left - (time.monotonic() - self._asked))
        try:
            least = self._pause if self._is_away else 0.01  # what is due then stays due
            await asyncio.wait_for(self.hint.wait(), max(seconds, least))
        except TimeoutError:
            return

    def _is_due(self, series: Series, now: datetime) -> bool:
        return series.newest is None or series.newest < series.expected(now)

    async def _begun(self, symbol: str, timeframe: Timeframe, anchor: datetime) -> Series:
        series = Series(symbol, timeframe, anchor)
        found = await self._fetch(series, await self.data.server_time())
        series.bars = {bar.open_time: bar for bar in found}
        return series

    async def _update(self, series: Series, now: datetime) -> list[NewBar]:
        try:
            found = await self._fetch(series, now)
        except BrokerError as error:
            if str(error) != series.trouble:
                logger.warning("%s %s: %s; asked for again", series.symbol, series.timeframe, error)
            series.trouble = str(error)
            return []
        series.trouble = ""
        before = series.newest
        new = [bar for bar in found if before is None or bar.open_time > before]
        self._take_changes(series, found[: len(found) - len(new)])
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
        since = known[0] if known else series.since
        found = await self._closed(series, since, now)
        if _holes(series, known, found) - series.gaps:
            found = await self._closed(series, since, now)
            holes = sorted(_holes(series, known, found) - series.gaps)
            if holes:
                more = f" and {len(holes) - 1} more, to {holes[-1]}" if holes[1:] else ""
                logger.warning("%s: the exchange has no bar of %s%s", series.symbol, holes[0], more)
            series.gaps.update(holes)
        return found

    async def _closed(self, series: Series, since: datetime, now: datetime) -> list[ClosedBar]:
        found = await self.data.bars(series.symbol, series.timeframe, since, MOST)
        return [bar for bar in found if _is_closed(bar, series, now)]

    def _take_changes(self, series: Series, found: Sequence[ClosedBar]) -> None:
        """Take in what is new about the time before the newest bar."""
        for bar in found:
            before = series.bars.get(bar.open_time)
            if before == bar:
                continue
            series.bars[bar.open_time] = bar
            series.frame = None
            if before is None:
                series.bars = dict(sorted(series.bars.items()))
                series.gaps.discard(bar.open_time)
                logger.warning("%s: a bar came after later ones: %s", series.symbol, bar)
            else:
                series.n_revised += 1
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
