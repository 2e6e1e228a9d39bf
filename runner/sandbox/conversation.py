"""The trusted end of a bot's socket: whole messages, and an end to whoever breaks the protocol."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from runner.sandbox.errors import WireError
from runner.sandbox.outcome import Outcome
from runner.sandbox.wire import (
    LARGEST_FRAME,
    Answer,
    Failed,
    FromBot,
    Ready,
    frame_length,
    read_from_bot,
)

_PREFIX = 4


@dataclass(frozen=True, slots=True)
class Broken:
    """How a bot broke off: what it did, for its owner."""

    outcome: Outcome
    reason: str


class Conversation(asyncio.BufferedProtocol):
    """Takes in one reply at a time; what comes unasked, or does not fit, breaks it off.

    No more than one frame and one state are ever held. arriving: where bytes are read into; all
    conversations of an event loop may have it in common, as each takes its bytes out at once.
    """

    def __init__(self, most_state: int, arriving: bytearray) -> None:
        self._most_state, self._arriving = most_state, arriving
        self._rest = b""
        self._answer: Answer | None = None
        self._state = bytearray()
        self._sequence = 0
        self._transport: asyncio.Transport | None = None
        self._reply: asyncio.Future[tuple[FromBot, bytes] | Broken] | None = None
        self.broken: Broken | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.BufferedProtocol`."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - asyncio says so
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - gone is gone
        """See `asyncio.BufferedProtocol`."""
        self._break(Outcome.DIED, "its process ended")

    def expect(self, sequence: int) -> asyncio.Future[tuple[FromBot, bytes] | Broken]:
        """The reply to a question that is about to be sent; 0 is the start."""
        self._sequence = sequence
        self._reply = asyncio.get_running_loop().create_future()
        if self.broken is not None:
            self._reply.set_result(self.broken)
        return self._reply

    def send(self, data: bytes) -> None:
        """Write to the bot; what has no reader any more is dropped."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def close(self) -> None:
        """Close the socket, whatever is still to be read or written."""
        if self._transport is not None:
            self._transport.abort()

    def get_buffer(self, sizehint: int) -> bytearray:  # noqa: ARG002 - as much as there is room for
        """See `asyncio.BufferedProtocol`."""
        return self._arriving

    def buffer_updated(self, nbytes: int) -> None:
        """See `asyncio.BufferedProtocol`."""
        if self.broken is not None:
            return
        try:
            self._rest = self._take_frames(self._rest + self._arriving[:nbytes])
        except WireError as error:
            self._break(Outcome.LIED, str(error))

    def _take_frames(self, data: bytes) -> bytes:
        """Take in the whole frames in front; what is left."""
        start = 0
        while start < len(data):
            if self._reply is None or self._reply.done():
                raise WireError(
                    "it went on after its answer" if start else "it spoke without being asked"
                )
            first = start + _PREFIX
            if first > len(data):
                break
            end = first + frame_length(data[start:first])
            if end > len(data):
                break
            self._take(data[first:end])
            start = end
        return data[start:]

    def _take(self, frame: bytes) -> None:
        if self._answer is not None:
            self._take_state(self._answer, frame)
            return
        message = read_from_bot(frame)
        if isinstance(message, Ready) != (self._sequence == 0) and not isinstance(message, Failed):
            raise WireError("it answered what was not asked")
        if not isinstance(message, Ready) and message.sequence != self._sequence:
            raise WireError("it answered another question than the one it was asked")
        if isinstance(message, Answer) and message.state_bytes:
            if not 0 < message.state_bytes <= self._most_state:
                raise WireError(
                    f"a state of {message.state_bytes} bytes; {self._most_state} at most"
                )
            self._answer = message
            return
        self._finish(message, b"")

    def _take_state(self, answer: Answer, frame: bytes) -> None:
        self._state += frame
        missing = answer.state_bytes - len(self._state)
        if missing < 0 or (missing and len(frame) < LARGEST_FRAME):
            raise WireError("a state of another length than it said")
        if not missing:
            state = bytes(self._state)
            self._answer, self._state = None, bytearray()
            self._finish(answer, state)

    def _finish(self, message: FromBot, state: bytes) -> None:
        if self._reply is not None:
            self._reply.set_result((message, state))

    def _break(self, outcome: Outcome, reason: str) -> None:
        if self.broken is None:
            self.broken = Broken(outcome, reason)
        if self._reply is not None and not self._reply.done():
            self._reply.set_result(self.broken)
        self.close()
