"""An answer to one question: a decision, or what went wrong with it, in plain words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from robotrader_sdk.errors import RobotraderError
from runner.sandbox.asking import Asker
from runner.sandbox.errors import StateError, WireError
from runner.sandbox.history import History
from runner.sandbox.logs import Logs
from runner.sandbox.wire import Answer, Ask, Caps, Failed

_LONGEST_MESSAGE = 2_000
"""Characters of an error that are passed on."""


def answer_to(
    question: Ask,
    asker: Asker,
    bars: Mapping[str, History],
    state: bytes,
    caps: Caps,
    logs: Logs,
) -> tuple[Answer | Failed, bytes]:
    """The answer, and the state after it: as before where nothing was decided."""
    try:
        reply = asker.ask(bars, question.account, state)
    except Exception as error:  # noqa: BLE001 - a user's code raises what it likes
        return failed(question.sequence, error, logs), state
    if len(reply.intents) > caps.intents:
        message = f"it asked for {len(reply.intents)} orders; {caps.intents} at most"
        return Failed(question.sequence, "flood", message, logs.take()), state
    answer = Answer(question.sequence, reply.intents, logs.take(), len(reply.state))
    return answer, reply.state


def failed(sequence: int, error: Exception, logs: Logs) -> Failed:
    """What an error of a user's code is told as."""
    cause = error.__cause__ if isinstance(error, RobotraderError) else error
    kind = "state" if isinstance(error, StateError) else "raised"
    if isinstance(cause, MemoryError):
        kind = "memory"
    is_ours = isinstance(error, (RobotraderError, StateError))
    message = str(error) if is_ours else f"{type(error).__name__}: {error}"
    return Failed(sequence, kind, _encodable(message), logs.take())


def unsent(sequence: int, what: str, error: Exception, logs: Sequence[str] = ()) -> Failed:
    """What is told instead of something that can't be sent, or is too long to be."""
    kind = "flood" if isinstance(error, WireError) else "raised"
    return Failed(sequence, kind, _encodable(f"{what} can't be sent: {error}"), list(logs))


def _encodable(message: str) -> str:
    return message[:_LONGEST_MESSAGE].encode(errors="replace").decode()
