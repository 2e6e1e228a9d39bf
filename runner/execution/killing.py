"""Kill switches: what is on is carried out, and again after every restart.

A switch takes a bot out of service: its own orders are cancelled, but for the protection of what
it holds; where the switch flattens, that goes too, and what is held is closed at the market.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncSession

from robotrader_sdk.types import OrderType, Side
from runner.execution.identity import Purpose
from runner.execution.journal.bots import switch_of
from runner.execution.journal.fills import is_opening
from runner.execution.journal.orders import add_order, next_sequence
from runner.execution.journal.standing import Standing, standing_of
from runner.execution.journal.tables import BotRow, BotState, OrderRow
from runner.execution.rules import Rules
from runner.execution.status import Status


async def obey_switches(session: AsyncSession, bot_id: int, rules: dict[str, Rules]) -> bool:
    """Write down what the switches that are on ask of a bot; whether that was anything new."""
    bot = await session.get_one(BotRow, bot_id)
    switch = await switch_of(session, bot)
    if switch is None:
        return False
    changed = bot.state not in (BotState.PAUSED, BotState.STOPPED)
    if changed:
        bot.state, bot.state_reason = BotState.PAUSED, f"kill switch: {switch.reason}"
    standing = await standing_of(session, bot_id)
    for order in _all_orders(standing):
        if order.lot is None and order.purpose is not Purpose.FLATTEN and not order.cancel_wanted:
            order.cancel_wanted = changed = True
    if switch.flatten:
        changed |= await flatten(session, standing, rules)
    return changed


def entries_left(standing: Standing) -> list[str]:
    """The entries of a bot that may open nothing any more: those that are to be cancelled."""
    return [] if standing.bot.state is BotState.RUNNING else openings(standing)


def openings(standing: Standing) -> list[str]:
    """The orders of a bot that may still open something, and are not to be cancelled yet."""
    return [
        order.client_order_id
        for order in _all_orders(standing)
        if order.purpose in (Purpose.ENTRY, Purpose.REBALANCE)
        and not order.cancel_wanted
        and is_opening(order, standing.held(order.symbol))
    ]


async def flatten(session: AsyncSession, standing: Standing, rules: dict[str, Rules]) -> bool:
    """Write down what closes all that a bot holds, at the market; whether that was anything."""
    bot, changed = standing.bot, False
    for symbol in standing.lots:
        orders = standing.orders.get(symbol, [])
        held = standing.held(symbol)
        under_way = any(order.purpose is Purpose.FLATTEN for order in orders)
        if under_way or not rules[symbol].market.lots(abs(held)):
            continue
        protection = [order for order in orders if order.lot is not None]
        for order in protection:
            order.cancel_wanted = True
        bar = bot.last_bar or bot.started
        await add_order(
            session,
            bot,
            bar=bar,
            sequence=await next_sequence(session, bot.id, bar),
            purpose=Purpose.FLATTEN,
            status=Status.WAITING,
            symbol=symbol,
            side=Side.SELL if held > 0 else Side.BUY,
            type=OrderType.MARKET,
            sizing={"unit": "position"},
            reduce_only=rules[symbol].market.is_perpetual,
            after=[order.client_order_id for order in protection],
            created_at=datetime.now(UTC),
        )
        changed = True
    return changed


def _all_orders(standing: Standing) -> list[OrderRow]:
    return [order for orders in standing.orders.values() for order in orders]
