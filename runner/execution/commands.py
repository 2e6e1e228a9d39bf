"""What others write down for an engine: kill switches, states of bots, a newer engine."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable

from runner.execution.errors import LeaseLostError
from runner.execution.executor import Executor
from runner.execution.journal.bots import newest_fence, states_of, switches_on
from runner.execution.journal.tables import BotRow, SwitchRow
from runner.storage.database import Database

FRESH = 1.0
"""For how many seconds it is known once it was read."""


class Commands:
    """Reads what whoever serves the owners may change. fence: the engine's own number."""

    def __init__(self, database: Database, fence: int) -> None:
        self._database, self._fence = database, fence
        self._switches: list[SwitchRow] = []
        self._read = float("-inf")
        self._version = 0
        self._reading = asyncio.Lock()

    def holds_for(self, bot: BotRow) -> bool:
        """Whether a kill switch that is on is meant for a bot."""
        return any(switch.holds_for(bot) for switch in self._switches)

    def forget(self) -> None:
        """Somebody has just written something; what is being read may be of before."""
        self._read = float("-inf")
        self._version += 1

    async def read(self, executors: Callable[[], Iterable[Executor]]) -> None:
        """Read it unless it is fresh, and have executors forget of a bot what is no longer so.

        LeaseLostError if a newer engine has begun: a server that has lost the lock's connection
        has let it in.
        """
        async with self._reading:  # whoever comes while it is read waits for it
            now = time.monotonic()
            if now - self._read < FRESH:
                return
            version = self._version
            async with self._database.reading() as session:
                fence = await newest_fence(session)
                self._switches = await switches_on(session)
                states = await states_of(session)
            if fence != self._fence:
                raise LeaseLostError(
                    f"a newer engine works with {self._database.name}, this one goes on no more"
                )
            for executor in executors():
                known = executor.known_state
                if known is not None and known is not states.get(executor.bot_id):
                    executor.forget()
            if version == self._version:
                self._read = now
