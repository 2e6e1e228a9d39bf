"""How a SQLite file is opened, and asked without a detour too many.

The driver does its work in a thread of the connection's own, and each visit there costs more than
most statements: it is visited once a statement, which comes back with all its rows.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from functools import partial
from typing import Any, Self

import aiosqlite
from sqlalchemy import event
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

_PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON")


def new_engine(url: URL, busy_seconds: float) -> AsyncEngine:
    """An engine whose writers take their lock when they begin."""
    engine = create_async_engine(
        url,
        hide_parameters=True,
        connect_args={"timeout": busy_seconds, "async_creator_fn": _open},
    )
    event.listen(engine.sync_engine, "connect", _prepare)
    event.listen(engine.sync_engine, "begin", _begin)
    return engine


def look_into(path: str) -> None:
    """Raise sqlite3's error if a file can't be opened or is no database; it isn't changed."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA schema_version").fetchone()


class _Cursor:
    """A statement at a time, and its rows, in one visit to the connection's thread.

    Its face is what SQLAlchemy's adapter uses of `aiosqlite.Cursor`.
    """

    arraysize = 1

    def __init__(self, connection: _Connection) -> None:
        self._connection = connection
        self.description: Any = None
        self.rowcount = -1
        self.lastrowid: int | None = None
        self._rows: list[Any] = []

    async def __aenter__(self) -> Self:
        return self

    async def execute(self, sql: str, parameters: Sequence[Any] = ()) -> Self:
        """Run a statement and fetch its rows."""
        await self._visit(lambda cursor: cursor.execute(sql, parameters))
        return self

    async def executemany(self, sql: str, parameters: Iterable[Sequence[Any]]) -> Self:
        """Run a statement with each of many parameters."""
        await self._visit(lambda cursor: cursor.executemany(sql, parameters))
        return self

    async def fetchall(self) -> list[Any]:
        """The rows of the last statement, once."""
        rows, self._rows = self._rows, []
        return rows

    async def close(self) -> None:
        """There is nothing to close: each statement's own cursor is closed at its end."""

    async def _visit(self, run: Callable[[sqlite3.Cursor], object]) -> None:
        await self._connection.visit(partial(self._run, run))

    def _run(self, run: Callable[[sqlite3.Cursor], object], connection: sqlite3.Connection) -> None:
        with closing(connection.cursor()) as cursor:
            run(cursor)
            self.description = cursor.description
            self._rows = cursor.fetchall() if cursor.description else []
            self.rowcount, self.lastrowid = cursor.rowcount, cursor.lastrowid


class _Connection(aiosqlite.Connection):
    """A connection whose cursors are these."""

    def cursor(self) -> _Cursor:  # type: ignore[override]  # as SQLAlchemy's adapter uses it
        """A cursor; made without a visit."""
        return _Cursor(self)

    async def visit(self, work: Callable[[sqlite3.Connection], None]) -> None:
        """Do some work in the connection's thread."""
        await self._execute(lambda: work(self._conn))  # type: ignore[no-untyped-call]


def _open(path: str, **options: Any) -> _Connection:
    connection = _Connection(partial(sqlite3.connect, path, **options), iter_chunk_size=64)
    connection._thread.daemon = True  # as SQLAlchemy has it for its own
    return connection


def _prepare(connection: Any, record: object) -> None:  # noqa: ARG001 - SQLAlchemy's form
    connection.isolation_level = None  # the driver would otherwise begin by itself, and late
    cursor = connection.cursor()
    try:
        for pragma in _PRAGMAS:
            cursor.execute(f"PRAGMA {pragma}")
    except Exception:
        connection.close()  # the pool has not seen it yet, and would leave its thread behind
        raise
    cursor.close()


def _begin(connection: Any) -> None:
    """A writer takes its lock at once: one that reads first could no longer get it later."""
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
