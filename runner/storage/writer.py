"""The one pen of a process: takes what waits to be written into one transaction.

Each piece of work runs in a savepoint. Nobody hears of success before the commit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from runner.storage.errors import StorageError

MOST_AT_ONCE = 200
"""How many pieces of work one transaction takes, so that none waits long for its commit."""

Result = TypeVar("Result")


@dataclass(slots=True)
class _Piece:
    work: Callable[[AsyncSession], Awaitable[Any]]
    done: asyncio.Future[Any]
    result: Any = None
    error: BaseException | None = None


class Writer:
    """Writes, in the order asked, whatever `do` is given."""

    def __init__(
        self, engine: AsyncEngine, as_ours: Callable[[BaseException], BaseException]
    ) -> None:
        self._engine = engine.execution_options(writes=True)
        self._as_ours = as_ours
        self._waiting: asyncio.Queue[_Piece | None] = asyncio.Queue()
        self._is_closed = False
        self._task = asyncio.create_task(self._run(), name="storage writer")
        self.n_transactions = 0

    async def do(self, work: Callable[[AsyncSession], Awaitable[Result]]) -> Result:
        """Have a piece of work done; its result after the commit.

        A caller that is cancelled stops waiting; the work is done all the same.
        """
        if self._is_closed:
            raise StorageError("the database is closed; nothing was written")
        piece = _Piece(work, asyncio.get_running_loop().create_future())
        self._waiting.put_nowait(piece)
        result: Result = await asyncio.shield(piece.done)
        return result

    async def close(self) -> None:
        """Finish what waits, then stop."""
        if not self._is_closed:
            self._is_closed = True
            self._waiting.put_nowait(None)
        await self._task

    async def _run(self) -> None:
        closing = False
        while not closing:
            pieces, closing = await self._take()
            if pieces:
                await self._write(pieces)

    async def _take(self) -> tuple[list[_Piece], bool]:
        """What waits, at least one; and whether it is the last."""
        pieces: list[_Piece] = []
        piece = await self._waiting.get()
        while True:
            if piece is None:
                return pieces, True
            pieces.append(piece)
            if self._waiting.empty() or len(pieces) == MOST_AT_ONCE:
                return pieces, False
            piece = self._waiting.get_nowait()

    async def _write(self, pieces: list[_Piece]) -> None:
        try:
            async with (
                AsyncSession(self._engine, expire_on_commit=False) as session,
                session.begin(),
            ):
                for piece in pieces:
                    await _do_in_savepoint(session, piece)
            self.n_transactions += 1
        except Exception as error:  # noqa: BLE001 - whatever it is, all who wait must hear it
            for piece in pieces:
                piece.error = piece.error or error
        for piece in pieces:
            self._tell(piece)

    def _tell(self, piece: _Piece) -> None:
        if piece.done.cancelled():
            return
        if piece.error is None:
            piece.done.set_result(piece.result)
            return
        ours = self._as_ours(piece.error)
        if ours is not piece.error:
            ours.__cause__ = piece.error
        piece.done.set_exception(ours)


async def _do_in_savepoint(session: AsyncSession, piece: _Piece) -> None:
    """Whatever the work did is undone if it raises, and the next one meets none of its objects.

    Raises what ended the whole transaction: SQLite drops it, savepoints and all, when the disk is
    full or fails.
    """
    try:
        async with session.begin_nested():
            try:
                piece.result = await piece.work(session)
                await session.flush()
            except Exception as error:
                piece.error = _what_came_first(error)
                raise
    except Exception as error:  # noqa: BLE001 - told to whoever asked for the work
        if error is not piece.error:
            raise (piece.error or _what_came_first(error)) from None
    session.expunge_all()


def _what_came_first(error: BaseException) -> BaseException:
    """The reason behind a savepoint that is gone, which hides it."""
    while "no such savepoint" in str(error) and error.__context__ is not None:
        error = error.__context__
    return error
