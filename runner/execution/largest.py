"""What is larger than one order at a market may be: entries are refused, exits go in parts.

No entry is larger than what one order at the market closes. So whatever is held, each lot of it can
be protected by one stop, and all of it closed by one order a lot; a position of several lots leaves
in parts, each of which waits for the one before it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from sqlalchemy.ext.asyncio import AsyncSession

from robotrader_sdk.types import OrderType
from runner.execution.broker import Market
from runner.execution.decision import Decision, NewOrder
from runner.execution.journal.orders import add_order
from runner.execution.journal.standing import Standing
from runner.execution.journal.tables import BotRow
from runner.execution.status import Status

ROOM = Decimal("0.95")
"""Of the most, what an order by money may come to: its price is not known yet."""


MOST_PARTS = 100
"""A bar has only so many order ids; what is left is sold when it is asked for again."""


def too_large(
    order: NewOrder, market: Market, price: Decimal, equity: Decimal, closes: Decimal
) -> str:
    """Why an order that opens something is too large to be closed by one order; "" if it is not.

    price: the last close. closes: what it can close of a position before it opens one.
    """
    quantity = order.quantity or Decimal(0)
    unit = order.sizing.get("unit")
    if unit in ("fraction", "notional") and price > 0:
        size = Decimal(str(order.sizing["size"]))
        quantity = size * (equity if unit == "fraction" else 1) / price / ROOM
        quantity = market.lots(quantity)
    opens = max(quantity - closes, Decimal(0))
    reason = market.too_large(order.type, quantity) or market.too_large(OrderType.MARKET, opens)
    return f"{reason}; ask for less at a time" if reason else ""


def split(decision: Decision, markets: Mapping[str, Market], standing: Standing) -> None:
    """Have the exits at the market go in parts that are too large for one order."""
    for number, order in enumerate(decision.new):
        held = standing.held(order.symbol)
        if order.symbol in markets and _closes_now(order, held):
            parts = _parts(order, markets[order.symbol], abs(held))
            decision.parts[number] = parts
            if order.quantity is not None:
                decision.new[number] = replace(order, quantity=order.quantity - sum(parts))


def _closes_now(order: NewOrder, held: Decimal) -> bool:
    at_market = order.type is OrderType.MARKET and order.watch_price is None
    is_sized = order.quantity is not None or order.sizing.get("unit") == "position"
    return at_market and is_sized and int(order.side) * held < 0


def _parts(order: NewOrder, market: Market, held: Decimal) -> list[Decimal]:
    left = market.lots(held)
    if order.quantity is not None:
        left = min(left, order.quantity)
    parts: list[Decimal] = []
    while market.too_large(OrderType.MARKET, left) and len(parts) < MOST_PARTS:
        parts.append(market.next_part(left))
        left -= parts[-1]
    return parts


async def write_parts(
    session: AsyncSession,
    row: BotRow,
    order: NewOrder,
    parts: Sequence[Decimal],
    *,
    bar: datetime,
    sequence: int,
    after: list[str],
) -> list[str]:
    """Write down what goes before an exit, one after the other; the ids.

    sequence: of the first part. after: what the exit as a whole waits for.
    """
    ids: list[str] = []
    for number, quantity in enumerate(parts):
        made = await add_order(
            session,
            row,
            bar=bar,
            sequence=sequence + number,
            purpose=order.purpose,
            status=Status.WAITING,
            symbol=order.symbol,
            side=order.side,
            type=OrderType.MARKET,
            quantity=quantity,
            sizing={"unit": "at most"},
            reduce_only=order.reduce_only,
            after=after,
            created_at=datetime.now(UTC),
        )
        after = [made.client_order_id]
        ids += after
    return ids
