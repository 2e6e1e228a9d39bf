"""Kill switches: what is on is carried out, and again after every restart.

A switch takes a bot out of service: its own orders are cancelled, but for the protection of what
it holds. Where the switch flattens, what is held is closed at the market. Its protection goes: on
spot before the sale, as it holds the balance; on perpetuals after it, as it can only reduce.

What can't be closed is better off protected, and on spot each new try takes its protection away
for a moment. So after a few that came to nothing it is left alone until the next bar, and the bot
says why.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from robotrader_sdk.types import OrderType, Side, Timeframe
from runner.execution.identity import Purpose
from runner.execution.journal.bots import bot_to_change, switch_of
from runner.execution.journal.fills import is_opening
from runner.execution.journal.orders import add_order, next_sequence, vain_flattens
from runner.execution.journal.standing import Standing, standing_of
from runner.execution.journal.tables import BotRow, BotState, OrderRow
from runner.execution.rules import Rules
from runner.execution.status import Status

MOST_TRIES = 3
"""After how many FLATTENs of a symbol that came to nothing in one bar the next one waits."""

_LEAST_PAUSE = 60.0
"""Seconds; a timeframe may be shorter."""


async def obey_switches(session: AsyncSession, bot_id: int, rules: dict[str, Rules]) -> bool:
    """Write down what the switches that are on ask of a bot; whether that was anything new."""
    bot = await bot_to_change(session, bot_id)
    switch = await switch_of(session, bot)
    if switch is None:
        return False
    reason = f"kill switch: {switch.reason}"
    changed = bot.state not in (BotState.PAUSED, BotState.STOPPED)
    if changed:
        bot.state, bot.state_reason = BotState.PAUSED, reason
    standing = await standing_of(session, bot_id)
    for order in _all_orders(standing):
        if order.lot is None and order.purpose is not Purpose.FLATTEN and not order.cancel_wanted:
            order.cancel_wanted = changed = True
    if switch.flatten:
        stuck = await _stuck(session, standing, datetime.now(UTC))
        changed |= await flatten(session, standing, rules, but=stuck)
        changed |= _tell(standing, reason, stuck)
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


async def flatten(
    session: AsyncSession,
    standing: Standing,
    rules: dict[str, Rules],
    *,
    but: Container[str] = (),
) -> bool:
    """Write down what closes all that a bot holds, at the market; whether that was anything.

    but: the symbols that are left alone for now.
    """
    bot, changed = standing.bot, False
    for symbol in standing.lots:
        orders = standing.orders.get(symbol, [])
        held = standing.held(symbol)
        under_way = any(order.purpose is Purpose.FLATTEN for order in orders)
        if under_way or symbol in but or not rules[symbol].market.lots(abs(held)):
            continue
        market = rules[symbol].market
        part = market.next_part(abs(held))  # what is left is closed at the next look
        is_whole = part == market.lots(abs(held))
        only_reduces = market.is_perpetual
        protection = [order for order in orders if order.lot is not None]
        if only_reduces:  # what rests stays until the position is gone
            protection = [order for order in protection if order.type is OrderType.MARKET]
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
            quantity=None if is_whole else part,
            sizing={"unit": "position" if is_whole else "at most"},
            reduce_only=only_reduces,
            after=[order.client_order_id for order in protection],
            created_at=datetime.now(UTC),
        )
        changed = True
    return changed


async def _stuck(session: AsyncSession, standing: Standing, at: datetime) -> dict[str, str]:
    """The symbols that are not flattened for now, each with the last answer to a try."""
    bot = standing.bot
    bar = bot.last_bar or bot.started
    found = {}
    for symbol in standing.lots:
        vain = await vain_flattens(session, bot.id, symbol, bar)
        if len(vain) >= MOST_TRIES and at < _next_try(bot, vain):
            found[symbol] = vain[-1].reason or vain[-1].status.value
    return found


def _next_try(bot: BotRow, vain: Sequence[OrderRow]) -> datetime:
    """When a symbol is tried again if no bar comes before.

    A bot may get none for long, and has only so many order ids a bar: each pause is longer than
    the one before.
    """
    length = max(Timeframe.parse(bot.timeframe).seconds, _LEAST_PAUSE)
    ended = vain[-1].ended_at or vain[-1].created_at
    return ended + timedelta(seconds=length * (len(vain) - MOST_TRIES + 1))


def _tell(standing: Standing, reason: str, stuck: Mapping[str, str]) -> bool:
    """Have the bot say what can't be closed, until it holds nothing; whether that is new."""
    bot = standing.bot
    told = [f"{symbol} can't be closed for now: {answer}" for symbol, answer in stuck.items()]
    text = "; ".join([reason, *told])
    is_over = not standing.lots and bot.state_reason.startswith(f"{reason}; ")
    if not (told or is_over) or bot.state_reason == text:
        return False
    bot.state_reason = text
    return True


def _all_orders(standing: Standing) -> list[OrderRow]:
    return [order for orders in standing.orders.values() for order in orders]
