"""Paper accounts: what each has and has done, kept as one text."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String, Text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from runner.storage.schema import Row


class PaperAccountRow(Row):
    """A paper account; state: JSON, which `runner.execution.paper_books` reads and writes."""

    __tablename__ = "paper_accounts"

    account: Mapped[str] = mapped_column(String(64), primary_key=True)
    owner_id: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(Text)
    updated_at: Mapped[datetime]


async def read_paper(session: AsyncSession, account: str) -> str | None:
    """What was kept of an account; None if there is none."""
    row = await session.get(PaperAccountRow, account)
    return None if row is None else row.state


async def keep_paper(
    session: AsyncSession, account: str, owner_id: str, state: str, at: datetime
) -> None:
    """Keep what an account has."""
    row = await session.get(PaperAccountRow, account)
    if row is None:
        row = PaperAccountRow(account=account, owner_id=owner_id)
        session.add(row)
    row.state, row.updated_at = state, at
