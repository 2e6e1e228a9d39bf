"""Funding: what perpetuals pay each other, entered before a decision that counts on it.

What was paid while a bot held nothing was its owner's, who holds the same perpetual by hand.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from sqlalchemy.ext.asyncio import AsyncSession

from runner.execution.broker import FundingReport
from runner.execution.executor import Executor
from runner.execution.journal.accounts import fills_from, positions_of
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
            for payment in await _own(session, bot, symbol, payments)
        ]
        return sum(entered)

    return await executor.write(enter_all)


async def collect_all_funding(executor: Executor) -> int:
    """The same for every perpetual that the bot has ever held."""
    held = (await executor.standing()).positions
    perpetuals = [s for s, rules in executor.rules.items() if rules.market.is_perpetual]
    return sum([await collect_funding(executor, s) for s in perpetuals if s in held])


async def _own(
    session: AsyncSession, bot: BotRow, symbol: str, payments: Sequence[FundingReport]
) -> list[FundingReport]:
    """Those that were made while the bot held something, just before or just after."""
    held = (await positions_of(session, bot.id)).get(symbol, Decimal(0))
    since = payments[0].time
    fills = await fills_from(session, bot.account, bot.id, symbol, since)

    def gained(from_: datetime, *, and_at: bool) -> Decimal:
        later = (f for f in fills if f.time > from_ or (and_at and f.time == from_))
        return sum((f.quantity * int(f.side) for f in later), Decimal(0))

    return [
        payment
        for payment in payments
        if held != gained(payment.time, and_at=True) or held != gained(payment.time, and_at=False)
    ]
