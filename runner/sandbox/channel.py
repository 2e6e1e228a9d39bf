"""Frames over a descriptor, read and written with nothing but read(2) and write(2)."""

from __future__ import annotations

import os

import msgspec

from runner.sandbox.errors import WireError
from runner.sandbox.wire import LARGEST_FRAME, FromBot, frame_length, frames_of, read_to_bot
from runner.sandbox.wire import ToBot as Message

UNSENDABLE = (
    WireError,
    TypeError,
    ValueError,
    OverflowError,
    RecursionError,
    msgspec.MsgspecError,
)
"""What is raised for a message that is too long, or holds what MessagePack has no form for."""


class Channel:
    """The bot's end of its socket; EOFError when the other side has gone.

    What has come is read as one: bars and a question are two frames and one system call.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._read = b""
        self._used = 0

    def receive(self) -> Message:
        """The next message."""
        return read_to_bot(self._frame())

    def receive_bytes(self, n_bytes: int) -> bytes:
        """Raw frames with so many bytes in all."""
        parts, missing = [], n_bytes
        while missing:
            part = self._frame()
            if len(part) > missing:
                raise WireError(f"{len(part)} bytes where {missing} were left")
            parts.append(part)
            missing -= len(part)
        return b"".join(parts)

    def send(self, message: FromBot, *blobs: bytes) -> None:
        """Write a message and what follows it.

        One of `UNSENDABLE` if that can't be; nothing is written then.
        """
        rest = memoryview(frames_of(message, *blobs))
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]

    def _frame(self) -> bytes:
        return self._exactly(frame_length(self._exactly(4)))

    def _exactly(self, n_bytes: int) -> bytes:
        end = self._used + n_bytes
        while len(self._read) < end:
            more = os.read(self._descriptor, LARGEST_FRAME)
            if not more:
                raise EOFError
            self._read = self._read[self._used :] + more
            self._used, end = 0, n_bytes
        taken = self._read[self._used : end]
        self._used = end
        return taken
