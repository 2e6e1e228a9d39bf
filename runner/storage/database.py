"""One database: how it is opened, read and written.

Reading and writing are two doors. On SQLite all writes of a process go through one task, which
takes what waits into one transaction, each piece of work in a savepoint of its own: many ticks
share one fsync, one's failure does not touch another's, and nobody is told of success before the
commit. On PostgreSQL each piece of work is a transaction of its own.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Self, TypeVar

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, StatementError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from runner.storage import sqlite
from runner.storage.errors import DatabaseUrlError, StorageError, translated
from runner.storage.writer import Writer

Result = TypeVar("Result")
Work = Callable[[AsyncSession], Awaitable[Result]]

BUSY_SECONDS = 10.0
"""How long a write waits for another process's."""

_DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg"}


class Database:
    """A database that is open; `async with Database(url) as database`.

    `url`: "sqlite:///path/to/file.db" or "postgresql://user:password@host/name".
    """

    def __init__(self, url: str, busy_seconds: float = BUSY_SECONDS) -> None:
        self.url = read_url(url)
        self.engine = _new_engine(self.url, busy_seconds)
        self._reader = self.engine
        if not self.is_sqlite:  # where each statement would otherwise see what is new
            self._reader = self.engine.execution_options(isolation_level="REPEATABLE READ")
        self._writer: Writer | None = None

    @property
    def is_sqlite(self) -> bool:
        """Whether it is a file that one process at a time writes to."""
        return self.url.get_backend_name() == "sqlite"

    @property
    def name(self) -> str:
        """What it is called in messages: without a password."""
        return self.url.render_as_string(hide_password=True)

    async def __aenter__(self) -> Self:
        try:
            with self.translating():
                if self.is_sqlite:
                    await asyncio.to_thread(sqlite.look_into, str(self.url.database))
                async with self.engine.connect():
                    pass
        except BaseException:
            await self.engine.dispose()
            raise
        if self.is_sqlite:
            self._writer = Writer(self.engine, self._as_ours)
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._writer is not None:
            await self._writer.close()
            self._writer = None
        await self.engine.dispose()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """A session to read with: one consistent view, nothing is written."""
        with self.translating():
            async with AsyncSession(self._reader, expire_on_commit=False) as session:
                yield session

    async def write(self, work: Work[Result]) -> Result:
        """Do a piece of work in a transaction; its result, once that is committed.

        Whatever the work raises is raised here, and nothing of it is written. A StorageError if
        the commit failed. Work holds the only pen on SQLite: it does nothing but SQL.
        """
        if self._writer is not None:
            return await self._writer.do(work)
        with self.translating():
            async with (
                AsyncSession(self.engine, expire_on_commit=False) as session,
                session.begin(),
            ):
                return await work(session)

    def translating(self) -> _Translating:
        """Turns a driver's errors inside into ours."""
        return _Translating(self._as_ours)

    def _as_ours(self, error: BaseException) -> BaseException:
        if isinstance(error, StatementError) and isinstance(error.orig, StorageError):
            return error.orig
        if isinstance(error, DBAPIError | sqlite3.Error | OSError):
            return translated(error, self.name) or error
        return error


class _Translating:
    def __init__(self, as_ours: Callable[[BaseException], BaseException]) -> None:
        self._as_ours = as_ours

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is not None and (ours := self._as_ours(error)) is not error:
            raise ours from error


def read_url(text: str) -> URL:
    """A database's URL with the driver used here; DatabaseUrlError says what is expected."""
    expected = "expected sqlite:///file.db or postgresql://user:password@host/name"
    try:
        url = make_url(text)
    except ArgumentError:
        raise DatabaseUrlError(f"the database URL can't be read; {expected}") from None
    backend = url.get_backend_name()
    if backend not in _DRIVERS:
        raise DatabaseUrlError(f"databases of kind {backend!r} are not supported; {expected}")
    if backend == "sqlite" and url.database in (None, "", ":memory:"):
        raise DatabaseUrlError(f"a database in memory is lost with its process; {expected}")
    return url.set(drivername=_DRIVERS[backend])


def _new_engine(url: URL, busy_seconds: float) -> AsyncEngine:
    if url.get_backend_name() == "sqlite":
        return sqlite.new_engine(url, busy_seconds)
    return create_async_engine(url, hide_parameters=True, pool_pre_ping=True)
