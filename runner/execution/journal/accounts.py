"""What the journal knows of an account, as a reconciliation asks it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from runner.execution.journal.orders import KNOWS_NONE, NEVER_ARRIVED
from runner.execution.journal.tables import (
    EntryKind,
    EntryRow,
    FillRow,
    OrderRow,
    PositionRow,
    ReportRow,
)

_NEWEST = 20
"""So many orders that were given up are asked for again: the newest ones."""


async def oldest_open_bar(
    session: AsyncSession, bot_ids: Sequence[int], symbol: str
) -> datetime | None:
    """The bar of the oldest order of these bots that has not ended."""
    found: datetime | None = await session.scalar(
        select(OrderRow.bar)
        .where(OrderRow.bot_id.in_(bot_ids), OrderRow.symbol == symbol, OrderRow.is_open)
        .order_by(OrderRow.bar)
        .limit(1)
    )
    return found


async def newest_fill(session: AsyncSession, account: str, symbol: str) -> datetime | None:
    """When the last execution that is entered was."""
    found: datetime | None = await session.scalar(
        select(FillRow.time)
        .where(FillRow.account == account, FillRow.symbol == symbol)
        .order_by(FillRow.time.desc())
        .limit(1)
    )
    return found


async def fills_from(
    session: AsyncSession, account: str, bot_id: int, symbol: str, since: datetime
) -> list[FillRow]:
    """A bot's executions of a symbol from a time on."""
    found = await session.scalars(
        select(FillRow).where(
            FillRow.account == account,
            FillRow.symbol == symbol,
            FillRow.time >= since,
            FillRow.bot_id == bot_id,
        )
    )
    return list(found)


async def orders_by_exchange_id(
    session: AsyncSession, account: str, ids: Sequence[str]
) -> dict[str, OrderRow]:
    """Orders by the exchange's own ids; those that there are."""
    found = await session.scalars(
        select(OrderRow).where(OrderRow.account == account, OrderRow.exchange_order_id.in_(ids))
    )
    return {order.exchange_order_id: order for order in found}


async def given_up(
    session: AsyncSession, bot_id: int, symbol: str, since: datetime
) -> list[OrderRow]:
    """The orders that were given up after a time because they were not there, as far as was seen.

    Newest first, and not many: each is to be asked for again.
    """
    newest = await session.scalars(
        select(OrderRow)
        .where(
            OrderRow.bot_id == bot_id,
            OrderRow.symbol == symbol,
            OrderRow.ended_at >= since,
            or_(*(OrderRow.reason.contains(told) for told in (NEVER_ARRIVED, KNOWS_NONE))),
        )
        .order_by(OrderRow.ended_at.desc())
        .limit(_NEWEST)
    )
    return list(newest)


async def is_opened(session: AsyncSession, account: str) -> bool:
    """Whether it is entered what the account had when it was first seen."""
    found = await session.scalar(
        select(EntryRow.id)
        .where(EntryRow.account == account, EntryRow.kind == EntryKind.OPENING)
        .limit(1)
    )
    return found is not None


async def is_moving(session: AsyncSession, account: str) -> bool:
    """Whether executions are known of that are not entered yet."""
    orders = await session.scalars(
        select(OrderRow).where(OrderRow.account == account, OrderRow.is_open)
    )
    return any(order.reported > order.filled for order in orders)


async def positions_of(session: AsyncSession, bot_id: int) -> dict[str, Decimal]:
    """What a bot holds, by symbol, signed."""
    rows = await session.scalars(select(PositionRow).where(PositionRow.bot_id == bot_id))
    return {row.symbol: row.quantity for row in rows}


async def add_report(
    session: AsyncSession, owner_id: str, account: str, at: datetime, findings: list[str]
) -> None:
    """Keep what a reconciliation found and did."""
    session.add(ReportRow(owner_id=owner_id, account=account, time=at, findings=findings))
