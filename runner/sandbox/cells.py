"""Processes forked from one zygote, each with its own socket and user id."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from dataclasses import dataclass

from runner.sandbox import processes
from runner.sandbox.conversation import Conversation
from runner.sandbox.errors import JailBrokenError
from runner.sandbox.settings import BotLimits
from runner.sandbox.wire import LARGEST_FRAME
from runner.sandbox.zygote_process import Forked, ZygoteProcess


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
        self._endings: set[asyncio.Future[int]] = set()

    async def imprison(self, limits: BotLimits) -> Hold:
        """A new jailed process and the way to it; JailBrokenError if the zygote has died."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        user = self._users.take()
        try:
            with theirs:
                forked = await self.zygote.fork(theirs, user, limits.memory_bytes)
            conversation = Conversation(limits.state_bytes, self._arriving)
            loop = asyncio.get_running_loop()
            await loop.create_unix_connection(lambda: conversation, sock=ours)
        except BaseException:
            ours.close()
            self._users.give_back(user)
            raise
        return Hold(forked, conversation, user, self)

    def drop(self, hold: Hold, loop: asyncio.AbstractEventLoop) -> None:
        """Kill a process whose bot nobody has any more; this may come from any thread.

        The loop it was made in lets go of it as soon as it can.
        """
        processes.kill(hold.forked.descriptor)
        with contextlib.suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(self._release_soon, hold)

    def _release_soon(self, hold: Hold) -> None:
        ending = asyncio.ensure_future(self.release(hold))
        self._endings.add(ending)
        ending.add_done_callback(self._endings.discard)

    async def release(self, hold: Hold) -> int:
        """Kill a process, if it lives, and let go of it; its status, 0 where nobody knows."""
        hold.conversation.close()
        processes.kill(hold.forked.descriptor)
        try:
            return await self.zygote.reap(hold.forked)
        except JailBrokenError:
            return 0
        finally:
            os.close(hold.forked.descriptor)
            self._users.give_back(hold.user)
