"""Bots and the engine that runs them: how they are set up, found, and switched off."""

from __future__ import annotations

import secrets
import string
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from sqlalchemy import ColumnElement, exists, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from runner.execution.broker import MarginMode
from runner.execution.errors import BotError
from runner.execution.journal.tables import (
    BotRow,
    BotState,
    InstallationRow,
    LotRow,
    OrderRow,
    SwitchRow,
)

Scope = Literal["bot", "owner", "all"]
ZERO = Decimal(0)
_LETTERS = string.ascii_lowercase + string.digits


@dataclass(frozen=True, slots=True, kw_only=True)
class BotTerms:
    """What a bot is set up with; see `BotRow`."""

    owner_id: str
    name: str
    strategy: str
    params: dict[str, Any]
    symbols: tuple[str, ...]
    timeframe: str
    exchange: str
    account: str
    quote: str
    capital: Decimal
    anchor: datetime
    started: datetime
    mode: Literal["live", "paper"] = "live"
    leverage: Decimal = Decimal(1)
    margin_mode: MarginMode = "isolated"
    risk: dict[str, Any] = field(default_factory=dict)


async def add_bot(session: AsyncSession, terms: BotTerms) -> BotRow:
    """Write a bot down; BotError if it can't share its account with the bots that have it."""
    in_service = {bot.id for bot in await bots_in_service(session)}
    for other in await session.scalars(select(BotRow).where(BotRow.account == terms.account)):
        if other.owner_id != terms.owner_id:  # whose keys it would trade with
            raise BotError(f"account {terms.account!r} is another owner's; use another name")
        _check_shared(terms, other, is_in_service=other.id in in_service)
    bot = BotRow(
        **{name: getattr(terms, name) for name in BotTerms.__slots__ if name != "symbols"},
        symbols=list(terms.symbols),
        state=BotState.RUNNING,
        peak_equity=terms.capital,
        day_equity=terms.capital,
    )
    session.add(bot)
    await session.flush()
    return bot


def _check_shared(terms: BotTerms, other: BotRow, *, is_in_service: bool) -> None:
    """BotError if the two can't trade with one account.

    An account's ledger adds up to what one exchange says it has: so it has one, also after its
    bots have been stopped. And an exchange has one position a perpetual, and one margin mode for
    all perpetuals.
    """
    if (other.exchange, other.mode) != (terms.exchange, terms.mode):
        raise BotError(
            f"account {terms.account!r} is {other.mode} at {other.exchange} (bot {other.id}) and "
            f"can't be {terms.mode} at {terms.exchange}, too; give that account another name"
        )
    if not is_in_service:
        return
    margins = [_has_perpetual(symbols) for symbols in (other.symbols, terms.symbols)]
    if all(margins) and other.margin_mode != terms.margin_mode:
        raise BotError(
            f"bot {other.id} trades perpetuals of account {terms.account!r} with "
            f"{other.margin_mode} margin, and an account has one margin mode; use that, or "
            "another account"
        )
    shared = [s for s in sorted(set(other.symbols) & set(terms.symbols)) if ":" in s]
    if shared:
        raise BotError(
            f"bot {other.id} trades {shared[0]} with account {terms.account!r} already, and an "
            "exchange has one position a perpetual; use another account, or stop that bot and "
            "close what it holds"
        )


def _has_perpetual(symbols: Sequence[str]) -> bool:
    return any(":" in symbol for symbol in symbols)


async def enter_engine(session: AsyncSession) -> InstallationRow:
    """A new engine's turn: its number is larger than any before."""
    row = await session.get(InstallationRow, 1)
    if row is None:
        code = "".join(secrets.choice(_LETTERS) for _ in range(2))
        row = InstallationRow(id=1, code=code, fence=0)
        session.add(row)
    row.fence += 1
    await session.flush()
    return row


async def newest_fence(session: AsyncSession) -> int:
    """The number of the engine that has begun last."""
    return (await session.get_one(InstallationRow, 1)).fence


async def bots_in_service(session: AsyncSession, exchange: str | None = None) -> Sequence[BotRow]:
    """All bots that are not stopped for good, and those that are and have left something behind.

    An entry that still rests at the exchange has to be cancelled, what is held stays protected.
    exchange: whose bots; None: those of all.
    """
    wanted = select(BotRow).where(_is_in_service()).order_by(BotRow.id)
    if exchange is not None:
        wanted = wanted.where(BotRow.exchange == exchange)
    return list(await session.scalars(wanted))


async def exchanges_in_service(session: AsyncSession) -> set[str]:
    """The exchanges that they trade at."""
    return set(await session.scalars(select(BotRow.exchange).where(_is_in_service()).distinct()))


def _is_in_service() -> ColumnElement[bool]:
    has_orders = exists().where(OrderRow.bot_id == BotRow.id, OrderRow.is_open)
    holds = exists().where(LotRow.bot_id == BotRow.id, LotRow.is_open)
    return or_(BotRow.state != BotState.STOPPED, has_orders, holds)


async def bot_to_change(session: AsyncSession, bot_id: int) -> BotRow:
    """A bot whose state may be changed: nobody else changes it until this transaction ends.

    Where writers do not take turns, one that has read a bot as running would let it go on that its
    owner has stopped meanwhile.
    """
    return await session.get_one(BotRow, bot_id, with_for_update={"key_share": True})


async def set_state(session: AsyncSession, bot_id: int, state: BotState, reason: str) -> None:
    """Change what a bot may do; BotError if it is stopped for good.

    One that is let run again is measured afresh where nothing but its owner's word ends a limit:
    its peak is its equity at the next tick, and no loss has gone before. The day's loss and a
    rest end by themselves, and hold until then.
    """
    bot = await bot_to_change(session, bot_id)
    if bot.state is BotState.STOPPED and state is not BotState.STOPPED:
        raise BotError(f"bot {bot_id} is stopped for good; set up a new one")
    if state is BotState.RUNNING and bot.state is not BotState.RUNNING:
        bot.peak_equity, bot.losses = ZERO, 0
    bot.state, bot.state_reason = state, reason


async def pause(session: AsyncSession, bot_id: int, reason: str) -> bool:
    """Have a bot decide nothing for now; whether that is new. One stopped for good stays so."""
    bot = await bot_to_change(session, bot_id)
    before = (bot.state, bot.state_reason)
    if bot.state is not BotState.STOPPED:
        bot.state, bot.state_reason = BotState.PAUSED, reason
    return (bot.state, bot.state_reason) != before


async def turn_on(
    session: AsyncSession,
    scope: Scope,
    name: str,
    *,
    flatten: bool,
    reason: str,
    at: datetime,
) -> None:
    """Turn a kill switch on; it stays on, restarts included, until it is turned off."""
    switch = await session.get(SwitchRow, (scope, name))
    if switch is None:
        switch = SwitchRow(scope=scope, name=name)
        session.add(switch)
    switch.flatten, switch.reason, switch.set_at = flatten, reason, at


async def turn_off(session: AsyncSession, scope: Scope, name: str) -> None:
    """Turn a kill switch off; bots stay as they are until somebody lets them run again."""
    switch = await session.get(SwitchRow, (scope, name))
    if switch is not None:
        await session.delete(switch)


async def switches_on(session: AsyncSession) -> list[SwitchRow]:
    """All kill switches that are on."""
    return list(await session.scalars(select(SwitchRow)))


async def states_of(session: AsyncSession) -> dict[int, BotState]:
    """The state of every bot."""
    found = await session.execute(select(BotRow.id, BotRow.state))
    return {row.id: row.state for row in found}


async def switch_of(session: AsyncSession, bot: BotRow) -> SwitchRow | None:
    """The kill switch that holds for a bot, one that flattens first; None if none does."""
    on = [switch for switch in await switches_on(session) if switch.holds_for(bot)]
    return max(on, key=lambda switch: switch.flatten, default=None)
