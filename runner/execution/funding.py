"""Funding: what perpetuals pay each other, entered before a decision that counts on it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from runner.execution.executor import Executor
from runner.execution.journal.ledger import Party, enter, last_funding
from runner.execution.journal.tables import BotRow, EntryKind


async def collect_funding(executor: Executor, symbol: str) -> int:
    """Enter the payments of funding for a bot's perpetual that are not entered; how many."""
    async with executor.database.reading() as session:
        bot = await session.get_one(BotRow, executor.bot_id)
        since: datetime = await last_funding(session, bot.id, symbol) or bot.started
    payments = await executor.broker.funding_since(symbol, since)
    if not payments:
        return 0
    party = Party(bot.owner_id, bot.account, bot.id)

    async def enter_all(session: AsyncSession) -> int:
        entered = [
            await enter(
                session,
                party,
                EntryKind.FUNDING,
                payment.asset,
                payment.amount,
                f"{symbol} {payment.reference}",
                payment.time,
            )
            for payment in payments
        ]
        return sum(entered)

    return await executor.write(enter_all)


async def collect_all_funding(executor: Executor) -> int:
    """The same for every perpetual that the bot has ever held."""
    held = (await executor.standing()).positions
    perpetuals = [s for s, rules in executor.rules.items() if rules.market.is_perpetual]
    return sum([await collect_funding(executor, s) for s in perpetuals if s in held])
