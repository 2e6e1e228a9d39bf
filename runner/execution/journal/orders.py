"""Orders of a bot: how they are written down, and found again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from runner.execution.identity import OrderIdentity, Purpose
from runner.execution.journal.tables import BotRow, InstallationRow, OrderRow
from runner.execution.status import Status


async def open_orders(
    session: AsyncSession, bot_id: int, symbol: str | None = None
) -> list[OrderRow]:
    """The orders of a bot that have not ended, oldest first."""
    query = select(OrderRow).where(OrderRow.bot_id == bot_id, OrderRow.is_open)
    if symbol is not None:
        query = query.where(OrderRow.symbol == symbol)
    return list(await session.scalars(query.order_by(OrderRow.bar, OrderRow.sequence)))


async def orders_by_id(session: AsyncSession, ids: Sequence[str]) -> list[OrderRow]:
    """Orders by their client order ids; those that there are."""
    if not ids:
        return []
    found = await session.scalars(select(OrderRow).where(OrderRow.client_order_id.in_(ids)))
    return list(found)


async def next_sequence(session: AsyncSession, bot_id: int, bar: datetime) -> int:
    """The first number that no order of this bar has."""
    newest = await session.scalar(
        select(func.max(OrderRow.sequence)).where(OrderRow.bot_id == bot_id, OrderRow.bar == bar)
    )
    return 0 if newest is None else newest + 1


async def add_order(
    session: AsyncSession,
    bot: BotRow,
    *,
    bar: datetime,
    sequence: int,
    purpose: Purpose,
    status: Status,
    attempt: int = 0,
    **fields: Any,
) -> OrderRow:
    """Write an order down under the id that follows from what it is."""
    installation = await session.get_one(InstallationRow, 1)
    identity = OrderIdentity(installation.code, bot.id, bar, sequence, purpose, attempt)
    order = OrderRow(
        client_order_id=identity.client_order_id,
        owner_id=bot.owner_id,
        bot_id=bot.id,
        account=bot.account,
        bar=bar,
        sequence=sequence,
        purpose=purpose,
        attempt=attempt,
        status=status,
        **{"sizing": {}, "terms": {}, "after": [], **fields},
    )
    session.add(order)
    await session.flush()
    return order
