"""What an executor knows of its bot is never of before what was written since."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

from runner.execution.executor import Executor
from runner.execution.journal.bots import add_bot, set_state
from runner.execution.journal.tables import BotState
from runner.storage.database import Database
from tests.runner.execution.journal_rows import in_journal, terms


class Slow(Database):
    """A database whose connections take a while to be given back."""

    @asynccontextmanager
    async def reading(self):
        async with super().reading() as session:
            yield session
        await asyncio.sleep(0.1)


def test_a_reading_that_began_before_a_write_is_not_kept(database_url):
    """A timer reads where a bot stands while its tick writes."""

    async def use(database):
        bot = await database.write(lambda session: add_bot(session, terms()))
        async with Slow(database_url) as slow:
            executor = Executor(slow, None, bot, {})
            reading = asyncio.create_task(executor.standing())
            await asyncio.sleep(0.05)
            await executor.write(lambda s: set_state(s, bot.id, BotState.PAUSED, "a test"))
            seen, kept = await reading, await executor.standing()
            return seen.bot.state, kept.bot.state

    assert in_journal(database_url, use) == (BotState.PAUSED, BotState.PAUSED)
