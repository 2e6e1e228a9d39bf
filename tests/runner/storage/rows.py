"""A table for the tests, and a process that writes to it until it is killed."""

from __future__ import annotations

import asyncio
import sys
from datetime import datetime
from decimal import Decimal

from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from runner.storage.database import Database
from runner.storage.schema import Row


class Base(DeclarativeBase):
    """Apart from the runner's own tables."""

    type_annotation_map = Row.type_annotation_map


class Note(Base):
    """A row with one value of each kind."""

    __tablename__ = "note"
    id: Mapped[int] = mapped_column(primary_key=True)
    amount: Mapped[Decimal | None]
    at: Mapped[datetime | None]


async def create(database: Database) -> None:
    async def work(session: AsyncSession) -> None:
        connection = await session.connection()
        await connection.run_sync(Base.metadata.create_all)

    await database.write(work)


async def add(database: Database, number: int, amount: object = None, at: object = None) -> int:
    """Write one row; its number."""

    async def work(session: AsyncSession) -> int:
        session.add(Note(id=number, amount=amount, at=at))
        return number

    return await database.write(work)


async def write_on(url: str, first: int, last: int) -> None:
    """Write rows, five at once, and say which are safe."""
    async with Database(url) as database:
        for number in range(first, last, 5):
            done = await asyncio.gather(*(add(database, n) for n in range(number, number + 5)))
            sys.stdout.write("".join(f"{n}\n" for n in done))
            sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(write_on(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
