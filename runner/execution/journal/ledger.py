"""The ledger: what changes an asset of an account is entered once, and sums are kept beside it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, localcontext

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from runner.execution.journal.tables import NOBODY, EntryKind, EntryRow, HoldingRow
from runner.execution.rounding import PRECISION


@dataclass(frozen=True, slots=True)
class Party:
    """Whose entry it is: an owner's bot, or `NOBODY`, in an account."""

    owner_id: str
    account: str
    bot_id: int = NOBODY


async def enter(
    session: AsyncSession,
    party: Party,
    kind: EntryKind,
    asset: str,
    amount: Decimal,
    reference: str,
    time: datetime,
) -> bool:
    """Add an entry and move the sum; False if there is one of this kind and reference already."""
    if not amount:
        return False
    found = await session.scalar(
        select(EntryRow.id).where(
            EntryRow.account == party.account,
            EntryRow.kind == kind,
            EntryRow.asset == asset,
            EntryRow.reference == reference,
        )
    )
    if found is not None:
        return False
    session.add(
        EntryRow(
            owner_id=party.owner_id,
            account=party.account,
            bot_id=party.bot_id,
            asset=asset,
            kind=kind,
            amount=amount,
            reference=reference,
            time=time,
        )
    )
    holding = await session.get(HoldingRow, (party.account, party.bot_id, asset))
    if holding is None:
        holding = HoldingRow(
            account=party.account,
            bot_id=party.bot_id,
            asset=asset,
            owner_id=party.owner_id,
            amount=Decimal(0),
        )
        session.add(holding)
    with localcontext(prec=PRECISION):
        holding.amount += amount
    await session.flush()
    return True


async def holdings_of(session: AsyncSession, account: str, bot_id: int) -> dict[str, Decimal]:
    """The sums of a bot, or of nobody, by asset."""
    rows = await session.scalars(
        select(HoldingRow).where(HoldingRow.account == account, HoldingRow.bot_id == bot_id)
    )
    return {row.asset: row.amount for row in rows}


async def expected_balances(session: AsyncSession, account: str) -> dict[str, Decimal]:
    """What the journal says an account has, by asset."""
    rows = await session.scalars(select(HoldingRow).where(HoldingRow.account == account))
    totals: dict[str, Decimal] = {}
    with localcontext(prec=PRECISION):
        for row in rows:
            totals[row.asset] = totals.get(row.asset, Decimal(0)) + row.amount
    return totals


async def last_funding(session: AsyncSession, bot_id: int, symbol: str) -> datetime | None:
    """When the newest payment of funding that is entered for a bot's perpetual was made."""
    found: datetime | None = await session.scalar(
        select(EntryRow.time)
        .where(
            EntryRow.bot_id == bot_id,
            EntryRow.kind == EntryKind.FUNDING,
            EntryRow.reference.startswith(f"{symbol} ", autoescape=True),
        )
        .order_by(EntryRow.time.desc())
        .limit(1)
    )
    return found
