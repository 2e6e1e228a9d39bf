"""The turns at one exchange: bars from its feed, ticks, looks at orders, reconciling by the clock.

A bot ticks at each bar that all its symbols have, in order; those it has missed come first, as late
ones. Where a symbol has no bar of a time at which the others do, it is waited for until the next;
one that has none for longer is halted, and the others go on without it until it is back.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd

from robotrader_sdk.types import Timeframe
from runner.execution.engine import Engine, Round, Served
from runner.execution.errors import BrokerError
from runner.execution.feed import Feed, Subscription
from runner.execution.paper import PaperBroker
from runner.execution.tick import TickReport
from runner.execution.together import first_of, side_by_side

logger = logging.getLogger(__name__)

AT_ONCE = 32
"""Bots of an exchange that tick at the same time: enough to share commits, and the first need not
wait for all."""

HALTED = 3
"""Bars that a symbol lacks and others have, until it counts as halted."""

Told = Callable[[int, TickReport], None]

Feeds = Callable[[str], Feed]
"""Gives the feed of an exchange by its name; one for all bots."""


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Seconds between two looks at working orders, and between two reconciliations."""

    look: float = 5.0
    reconcile: float = 60.0


@dataclass(slots=True)
class _Fed:
    """A bot and its bars. done: the last bar it has ticked at, or None."""

    bot: Served
    timeframe: Timeframe
    subscriptions: dict[str, Subscription]
    done: datetime | None = None


class ExchangeTurns:
    """Takes the bots of one exchange on, turn by turn; see `running.Keeper`."""

    def __init__(
        self, engine: Engine, exchange: str, feeds: Feeds, rhythm: Rhythm, tell: Told | None
    ) -> None:
        self.engine, self.exchange = engine, exchange
        self._feeds, self._rhythm, self._tell = feeds, rhythm, tell
        self._fed: dict[int, _Fed] = {}
        self._looked = self._reconciled = float("-inf")
        self._round: Round = {}
        self._matching: dict[tuple[str, str, str], asyncio.Lock] = {}

    async def turn(self) -> None:
        """Whatever is due now."""
        await self.engine.serve_waiting(self.exchange)
        await self._feed_new_bots()
        now = time.monotonic()
        if now - self._reconciled >= self._rhythm.reconcile or self._met_unknown():
            await self.engine.reconcile(self.exchange)
            self._reconciled = self._looked = now
        elif now - self._looked >= self._rhythm.look:
            await self.engine.look(self.exchange)
            self._looked = now
        if self._fed:
            await self._feed.poll()
        turns = asyncio.Semaphore(AT_ONCE)
        self._round = self.engine.new_round()
        await side_by_side(self._tick_in_turn(fed, turns) for fed in self._fed.values())

    async def wait(self) -> None:
        """Until a bar may have closed, or something else is due."""
        waits = [self._feed.wait()] if self._fed else []
        await first_of(*waits, asyncio.sleep(self._rhythm.look))

    @property
    def _feed(self) -> Feed:
        return self._feeds(self.exchange)

    @property
    def _bots(self) -> dict[int, Served]:
        bots = self.engine.bots.items()
        return {bot_id: bot for bot_id, bot in bots if bot.row.exchange == self.exchange}

    def _met_unknown(self) -> bool:
        """Whether some answer was unknown since the last time: then all is compared at once."""
        executors = [bot.running.executor for bot in self._bots.values()]
        met = [executor for executor in executors if executor.met_unknown]
        for executor in met:
            executor.met_unknown = False
        return bool(met)

    async def _feed_new_bots(self) -> None:
        for bot_id in [known for known in self._fed if known not in self.engine.bots]:
            fed = self._fed.pop(bot_id)
            for subscription in fed.subscriptions.values():
                self._feed.unsubscribe(subscription)
        for bot_id, bot in self._bots.items():
            if bot_id not in self._fed:
                await self._subscribe(bot_id, bot)

    async def _subscribe(self, bot_id: int, bot: Served) -> None:
        feed, row = self._feed, bot.row
        timeframe = Timeframe.parse(row.timeframe)
        made: dict[str, Subscription] = {}
        try:
            for symbol in row.symbols:
                made[symbol] = await feed.subscribe(symbol, timeframe, row.anchor)
        except BrokerError as error:
            logger.warning("bot %s has no bars yet: %s", bot_id, error)
            for subscription in made.values():
                feed.unsubscribe(subscription)
            return
        self._fed[bot_id] = _Fed(bot, timeframe, made, await self.engine.last_bar(bot_id))

    async def _tick_in_turn(self, fed: _Fed, turns: asyncio.Semaphore) -> None:
        async with turns:
            await self._tick_all(fed)

    async def _tick_all(self, fed: _Fed) -> None:
        """Tick at every bar that has closed since the last; an exchange that fails is for later."""
        feed = self._feed
        frames = {s: feed.history(one) for s, one in fed.subscriptions.items()}
        before = fed.bot.row.started - timedelta(seconds=fed.timeframe.seconds)
        due = _due(frames, fed.timeframe, fed.done or before, is_new=fed.done is None)
        for moment in due:
            if not await self._match_paper(fed, moment.to_pydatetime()):
                return
            seen = {symbol: frame.loc[:moment] for symbol, frame in frames.items()}
            # Several bars at once: what the first has led to is not in what all asked for.
            shared = self._round if len(due) == 1 else None
            report = await self.engine.tick(
                fed.bot.row.id, seen, is_late=moment != due[-1], round_=shared
            )
            if report is None:
                return
            fed.done = moment.to_pydatetime()
            if not report.was_done and self._tell is not None:
                self._tell(fed.bot.row.id, report)

    async def _match_paper(self, fed: _Fed, moment: datetime) -> bool:
        """On paper, let the bar fill what it fills, and all bots of the account answer each fill.

        Bots that share an account share its bars: the second finds them matched.
        """
        broker, feed = fed.bot.running.executor.broker, self._feed
        if not isinstance(broker, PaperBroker):
            return True
        async with self._matching.setdefault(fed.bot.account, asyncio.Lock()):
            for symbol, subscription in fed.subscriptions.items():
                bar = feed.bar(subscription, moment)
                while bar is not None and await broker.match_next(symbol, bar):
                    if not await self._answer(fed.bot.account, symbol):
                        return False
        return True

    async def _answer(self, account: tuple[str, str, str], symbol: str) -> bool:
        """Let the bots that trade a symbol with an account look; False if one has to wait."""
        bots = self._bots.items()
        ids = [n for n, bot in bots if bot.account == account and symbol in bot.row.symbols]
        return all([await self.engine.look_at(bot_id) for bot_id in ids])


def _due(
    frames: Mapping[str, pd.DataFrame], timeframe: Timeframe, since: datetime, *, is_new: bool
) -> list[pd.Timestamp]:
    """The bars after one that every symbol has, oldest first; a new bot begins with the newest.

    A time that a symbol has no bar of, and later ones has, is not waited for; nor is a symbol that
    lacks the newest `HALTED` bars of the others.
    """
    if any(frame.empty for frame in frames.values()):
        return []
    ends = [frame.index[-1] for frame in frames.values()]
    halted = max(ends) - HALTED * timedelta(seconds=timeframe.seconds)
    ready, after = min(end for end in ends if end > halted), pd.Timestamp(since)
    newer = [f.index[f.index.searchsorted(after, side="right") :] for f in frames.values()]
    due = sorted({moment for index in newer for moment in index if moment <= ready})
    return due[-1:] if is_new else due
