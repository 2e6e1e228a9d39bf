"""Bars of a bot: claimed under an engine's number before they are decided, and done once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from sqlalchemy.ext.asyncio import AsyncSession

from runner.execution.errors import LeaseLostError
from runner.execution.journal.tables import LotRow, TickRow


async def claim(
    session: AsyncSession, bot_id: int, owner_id: str, bar: datetime, fence: int
) -> bool:
    """Take a bar under an engine's number; False if it is done already.

    LeaseLostError if a newer engine has it.
    """
    tick = await session.get(TickRow, (bot_id, bar))
    if tick is None:
        session.add(TickRow(bot_id=bot_id, bar=bar, owner_id=owner_id, fence=fence, logs=[]))
        return True
    if tick.is_done:
        return False
    if tick.fence > fence:
        raise LeaseLostError(f"bar {bar} of bot {bot_id} belongs to a newer engine")
    tick.fence = fence
    return True


async def trail(session: AsyncSession, extremes: Mapping[str, Decimal]) -> None:
    """Note the prices that trailing stops hang on, by the entries of their lots."""
    for entry, price in extremes.items():
        (await session.get_one(LotRow, entry)).best_price = price


async def equity_at(session: AsyncSession, bot_id: int, bar: datetime) -> Decimal | None:
    """A bot's equity at a bar it has decided at."""
    tick = await session.get(TickRow, (bot_id, bar))
    return None if tick is None else tick.equity
