"""Keeps an engine going: at each exchange by turns of its own, so that none waits for another.

An exchange that is slow, does not answer or has banned this address holds up its own bots only.
Whatever ends one exchange's turns, such as a database that fails, ends all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from runner.execution.commands import FRESH
from runner.execution.engine import Engine
from runner.execution.exchange_turns import ExchangeTurns, Feeds, Rhythm, Told
from runner.execution.together import first_of, side_by_side, together

__all__ = ["Keeper", "Rhythm"]

Until = Callable[[], bool]
After = Callable[[], Awaitable[None]]


class Keeper:
    """Keeps the bots of an engine going; `tell` hears of each tick."""

    def __init__(
        self,
        engine: Engine,
        feeds: Feeds,
        *,
        rhythm: Rhythm | None = None,
        tell: Told | None = None,
    ) -> None:
        self.engine, self._feeds = engine, feeds
        self._rhythm = rhythm or Rhythm()
        self._tell = tell
        self._turns: dict[str, ExchangeTurns] = {}

    async def run(self, until: Until = lambda: False, after: After | None = None) -> None:
        """Go on until told to stop; StorageError if the database fails, which ends all.

        Turns that have begun by then come to their end; who can't wait for that cancels this.
        after: is called after each turn of an exchange, never twice at once.
        """
        end, calling = _End(until), asyncio.Lock()
        begun: dict[str, asyncio.Task[None]] = {}

        async def keep(turns: ExchangeTurns) -> None:
            while not end.has_come():
                await turns.turn()
                if after is not None:
                    async with calling:
                        await after()
                if not end.has_come():
                    await first_of(turns.wait(), end.seen.wait())

        async def watch() -> None:
            # Also while all that is asked of the exchanges hangs: what waits to be sent must not go
            # out beside a newer engine, which looks for it in vain and sends it, too.
            while True:
                await self.engine.check_lease()
                await asyncio.sleep(FRESH)

        async with together() as loops:
            watching = loops.create_task(watch())
            while not end.has_come():
                for turns in await self._of_all():
                    if turns.exchange not in begun:
                        begun[turns.exchange] = loops.create_task(keep(turns))
                await first_of(asyncio.sleep(self._rhythm.look), end.seen.wait())
            await asyncio.gather(*begun.values())
            watching.cancel()

    async def turn(self) -> None:
        """One round at each exchange: whatever is due now."""
        await side_by_side([turns.turn() for turns in await self._of_all()])

    async def _of_all(self) -> list[ExchangeTurns]:
        """The turns of the exchanges that have bots, or had; a new one's begin."""
        for name in await self.engine.exchanges():
            if name not in self._turns:
                self._turns[name] = ExchangeTurns(
                    self.engine, name, self._feeds, self._rhythm, self._tell
                )
        return list(self._turns.values())


class _End:
    """When to stop; once it was seen to have come, it has for everyone."""

    def __init__(self, until: Until) -> None:
        self._until = until
        self.seen = asyncio.Event()

    def has_come(self) -> bool:
        """Whether it has."""
        if self._until():
            self.seen.set()
        return self.seen.is_set()
