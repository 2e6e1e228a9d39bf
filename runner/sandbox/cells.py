"""Processes forked from one zygote, each with its own socket and user id."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from runner.sandbox import processes
from runner.sandbox.conversation import Conversation
from runner.sandbox.errors import JailBrokenError
from runner.sandbox.settings import BotLimits
from runner.sandbox.wire import LARGEST_FRAME
from runner.sandbox.zygote_process import Forked, ZygoteProcess

T = TypeVar("T")


@dataclass(slots=True)
class Hold:
    """A jailed process and the way to it."""

    forked: Forked
    conversation: Conversation
    user: int
    cells: Cells


class Users:
    """User ids, each for one bot at a time."""

    def __init__(self, first: int, count: int) -> None:
        self._next, self._end = first, first + count
        self._free: list[int] = []

    def take(self) -> int:
        """One that nobody has; JailBrokenError if there is none."""
        if self._free:
            return self._free.pop()
        if self._next == self._end:
            raise JailBrokenError("there are more bots than user ids for them")
        self._next += 1
        return self._next - 1

    def give_back(self, user: int) -> None:
        """Its process is gone."""
        self._free.append(user)


class Cells:
    """A zygote and the user ids of its bots."""

    def __init__(self, zygote: ZygoteProcess, users: Users) -> None:
        self.zygote, self._users = zygote, users
        self._arriving = bytearray(LARGEST_FRAME)
        self._at_work: set[asyncio.Future[Any]] = set()

    async def imprison(self, limits: BotLimits) -> Hold:
        """A new jailed process and the way to it; JailBrokenError if the zygote has died.

        What was asked of the zygote is waited for even if nobody wants it any more: its answer
        would be taken for that to the next request.
        """
        making = self._apart(self._make(limits))
        try:
            return await asyncio.shield(making)
        except asyncio.CancelledError:
            making.add_done_callback(self._release_unwanted)
            raise

    def drop(self, hold: Hold, loop: asyncio.AbstractEventLoop) -> None:
        """Kill a process whose bot nobody has any more; this may come from any thread.

        The loop it was made in lets go of it as soon as it can.
        """
        processes.kill(hold.forked.descriptor)
        with contextlib.suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(self._release_soon, hold)

    async def release(self, hold: Hold) -> int:
        """Kill a process, if it lives, and let go of it; its status, 0 where nobody knows."""
        return await asyncio.shield(self._release_soon(hold))

    async def _make(self, limits: BotLimits) -> Hold:
        user = self._users.take()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        forked: Forked | None = None
        try:
            with theirs:
                forked = await self.zygote.fork(theirs, user, limits.memory_bytes)
            conversation = Conversation(limits.state_bytes, self._arriving)
            loop = asyncio.get_running_loop()
            await loop.create_unix_connection(lambda: conversation, sock=ours)
        except BaseException:
            ours.close()
            if forked is None:
                self._users.give_back(user)
            else:
                processes.kill(forked.descriptor)
                await self._let_go(forked, user)
            raise
        return Hold(forked, conversation, user, self)

    def _release_unwanted(self, making: asyncio.Future[Hold]) -> None:
        if not making.cancelled() and making.exception() is None:
            self._release_soon(making.result())

    def _release_soon(self, hold: Hold) -> asyncio.Future[int]:
        hold.conversation.close()
        processes.kill(hold.forked.descriptor)
        return self._apart(self._let_go(hold.forked, hold.user))

    async def _let_go(self, forked: Forked, user: int) -> int:
        """Of a process that was killed."""
        try:
            return await self.zygote.reap(forked)
        except JailBrokenError:
            return 0
        finally:
            os.close(forked.descriptor)
            self._users.give_back(user)

    def _apart(self, work: Coroutine[Any, Any, T]) -> asyncio.Future[T]:
        """Work that goes on when who waits for it is cancelled."""
        task = asyncio.ensure_future(work)
        self._at_work.add(task)
        task.add_done_callback(self._at_work.discard)
        return task
