"""Orders of a bot: how they are written down, and found again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from robotrader_sdk.types import OrderType
from runner.execution.identity import OrderIdentity, Purpose
from runner.execution.journal.moves import move
from runner.execution.journal.tables import BotRow, InstallationRow, LotRow, OrderRow
from runner.execution.status import Status

NEVER_ARRIVED = "it never arrived"
"""What the reason says of an order that was given up after a confirmed absence."""

KNOWS_NONE = "the exchange knows no such order"
"""The same of one that had worked there."""


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


async def replace_at_market(
    session: AsyncSession, order: OrderRow, *, is_there: bool = False
) -> str:
    """The market order that a stop has become which the price had passed.

    is_there: the stop is at the exchange all the same: the order waits for its end, and is for
    what it leaves.
    """
    bot = await session.get_one(BotRow, order.bot_id)
    limit = order.limit_price
    made = await add_order(
        session,
        bot,
        bar=order.bar,
        sequence=await next_sequence(session, bot.id, order.bar),
        purpose=order.purpose,
        status=Status.WAITING if is_there else Status.PENDING,
        symbol=order.symbol,
        side=order.side,
        type=OrderType.MARKET if limit is None else OrderType.LIMIT,
        quantity=order.quantity,
        sizing={"unit": "rest"} if is_there else {},
        after=[order.client_order_id] if is_there else [],
        limit_price=limit,
        reduce_only=order.reduce_only,
        terms=order.terms,
        last_bar=order.last_bar,
        created_at=order.created_at,
    )
    return made.client_order_id


async def send_again(session: AsyncSession, order_id: str) -> None:
    """It never arrived: it may be sent once more, with its own id.

    By itself, if what it was to replace has ended as it stood.
    """
    order = await session.get_one(OrderRow, order_id)
    order.n_sent += 1
    if order.replaces is not None:
        replaced = await session.get_one(OrderRow, order.replaces)
        if not replaced.is_open and not replaced.filled:
            order.replaces = None
    if order.status is not Status.PENDING:
        move(order, Status.PENDING, datetime.now(UTC))


async def was_taken_away(session: AsyncSession, ids: Sequence[str]) -> bool:
    """After a request to replace orders that found none: whether one like it may have done so.

    An order that is not open any more, filled nothing, and was not to be cancelled has gone by
    another's doing. One that is open all the same is cancelled first.
    """
    replaced = await orders_by_id(session, ids)
    gone = [o for o in replaced if not o.is_open and not o.filled and not o.cancel_wanted]
    for order in replaced:
        order.cancel_wanted |= order.is_open
    return bool(gone)


async def stop_watching(session: AsyncSession, order_id: str) -> None:
    """A watched order waits only for the protection in its way.

    One of a lot closes that lot alone: the other lots keep what protects them.
    """
    order = await session.get_one(OrderRow, order_id)
    others = await open_orders(session, order.bot_id, order.symbol)
    in_the_way = [
        other
        for other in others
        if other.lot is not None and order.lot in (None, other.lot) and other is not order
    ]
    for other in in_the_way:
        other.cancel_wanted = True
    order.watch_price = order.stop_price = None
    order.after = [other.client_order_id for other in in_the_way]


async def refused_protection(session: AsyncSession, entry: str, bar: datetime) -> list[OrderRow]:
    """The orders of a bar that were to protect or close a lot and were refused, oldest first."""
    found = await session.scalars(
        select(OrderRow)
        .where(OrderRow.lot == entry, OrderRow.status == Status.REJECTED, OrderRow.bar == bar)
        .order_by(OrderRow.sequence)
    )
    return list(found)


async def vain_flattens(
    session: AsyncSession, bot_id: int, symbol: str, bar: datetime
) -> list[OrderRow]:
    """The orders of a bar that were to flatten a symbol and closed nothing of it, oldest first."""
    found = await session.scalars(
        select(OrderRow)
        .where(
            OrderRow.bot_id == bot_id,
            OrderRow.bar == bar,
            OrderRow.symbol == symbol,
            OrderRow.purpose == Purpose.FLATTEN,
            ~OrderRow.is_open,
        )
        .order_by(OrderRow.sequence)
    )
    return [order for order in found if not order.filled]


async def leave_at_market(session: AsyncSession, order_id: str) -> None:
    """A stop-limit was passed without a fill: the lot is closed at the market in its place."""
    order = await session.get_one(OrderRow, order_id)
    lot = await session.get_one(LotRow, order.lot)
    order.cancel_wanted = lot.at_market = True


async def take_amendment(session: AsyncSession, order_id: str) -> None:
    """The exchange has made of a stop what was wanted."""
    order = await session.get_one(OrderRow, order_id)
    order.quantity = order.amended_quantity
    order.stop_price = order.amended_stop_price
    order.amended_quantity = order.amended_stop_price = None


async def give_up_amendment(session: AsyncSession, order_id: str, *, has_passed: bool) -> None:
    """A stop can't become what was wanted: it goes, and another comes in its place.

    has_passed: the price is beyond it already, so the lot is closed at the market.
    """
    order = await session.get_one(OrderRow, order_id)
    order.amended_quantity = order.amended_stop_price = None
    order.cancel_wanted = True
    lot = await session.get_one(LotRow, order.lot)
    lot.at_market |= has_passed


async def want_amended(
    session: AsyncSession, order_id: str, quantity: Decimal, stop_price: Decimal
) -> None:
    """Have a stop become another."""
    order = await session.get_one(OrderRow, order_id)
    order.amended_quantity, order.amended_stop_price = quantity, stop_price


async def want_cancelled(session: AsyncSession, ids: Sequence[str]) -> None:
    """Have orders cancelled."""
    for order in await orders_by_id(session, ids):
        order.cancel_wanted = True


async def openings_since(session: AsyncSession, bot_id: int, since: datetime) -> int:
    """How many orders that open something a bot has decided at bars after a time."""
    count = await session.scalar(
        select(func.count())
        .select_from(OrderRow)
        .where(
            OrderRow.bot_id == bot_id,
            OrderRow.bar > since,
            OrderRow.purpose.in_((Purpose.ENTRY, Purpose.REBALANCE)),
        )
    )
    return int(count or 0)


async def orders_since(
    session: AsyncSession, bot_id: int, since: datetime | None
) -> list[OrderRow]:
    """The orders of a bot that were decided at bars from a time on, oldest first."""
    query = select(OrderRow).where(OrderRow.bot_id == bot_id)
    if since is not None:
        query = query.where(OrderRow.bar >= since)
    return list(await session.scalars(query.order_by(OrderRow.bar, OrderRow.sequence)))
