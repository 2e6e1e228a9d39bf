"""One engine a database: a lock that the system itself lets go of when its holder dies."""

from __future__ import annotations

import fcntl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import IO

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from runner.execution.errors import EngineRunningError
from runner.storage.database import Database

_LOCK = 0x7274  # an arbitrary number, the same in every engine


@asynccontextmanager
async def engine_lock(database: Database) -> AsyncIterator[None]:
    """Hold the database's one engine lock; EngineRunningError if somebody has it.

    On SQLite it is a file beside the database, on PostgreSQL an advisory lock of a session.
    """
    if database.is_sqlite:
        file = _locked(Path(str(database.url.database) + ".lock"), database.name)
        try:
            yield
        finally:
            file.close()
        return
    with database.translating():
        async with database.engine.connect() as connection:
            taken = await connection.scalar(text(f"SELECT pg_try_advisory_lock({_LOCK})"))
            if not taken:
                raise _running(database.name)
            await connection.commit()
            try:
                yield
            finally:
                with suppress(DBAPIError):  # the server has let go of it with the connection
                    await connection.execute(text(f"SELECT pg_advisory_unlock({_LOCK})"))


def _locked(path: Path, name: str) -> IO[bytes]:
    file = path.open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise _running(name) from None
    return file


def _running(name: str) -> EngineRunningError:
    return EngineRunningError(
        f"another engine works with {name}; stop it first, or give this one a database of its own"
    )
