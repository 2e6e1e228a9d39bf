"""What became of a question, and when a bot has failed too often."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from enum import Enum

from runner.sandbox.wire import Intent


class Outcome(Enum):
    """How a question ended; for all but DECIDED nothing was decided and the state is as before."""

    DECIDED = "decided"
    RAISED = "its code raised an error"
    DIED = "its process ended"
    TIMED_OUT = "it gave no answer in time"
    OVERWORKED = "it computed for too long"
    OUT_OF_MEMORY = "it used too much memory"
    FLOODED = "it said too much"
    LIED = "it broke the protocol"
    UNKEPT = "what it keeps between bars can't be kept"
    INTERRUPTED = "it was interrupted"
    PAUSED = "it is paused"

    @property
    def is_its_fault(self) -> bool:
        """Whether it counts against the bot."""
        return self not in (Outcome.DECIDED, Outcome.INTERRUPTED, Outcome.PAUSED)


KINDS = {
    "raised": Outcome.RAISED,
    "memory": Outcome.OUT_OF_MEMORY,
    "state": Outcome.UNKEPT,
    "flood": Outcome.FLOODED,
}
"""What a bot calls its own failures; see `wire.Failed`."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What a bot wants at a bar.

    intents: in the order they were asked for. state: opaque bytes, for the next question or the
    next process. reason: for its owner; "" if it has decided. pause_reason: set once it has failed
    too often; it is not asked any more.
    """

    outcome: Outcome
    state: bytes
    intents: tuple[Intent, ...] = ()
    logs: tuple[str, ...] = ()
    reason: str = ""
    pause_reason: str = ""

    @property
    def is_decided(self) -> bool:
        """Whether there is a decision at all."""
        return self.outcome is Outcome.DECIDED

    def paused(self, pause_reason: str) -> Decision:
        """The same with the reason of a pause, if there is one."""
        if not pause_reason:
            return self
        reason = self.reason or pause_reason
        return replace(self, reason=reason, pause_reason=pause_reason)


@dataclass(slots=True)
class Strikes:
    """Failures of one bot; too many within its last questions pause it.

    It outlives the bot's processes. most: how many pause it. within: questions that are looked at.
    """

    most: int = 3
    within: int = 100
    pause_reason: str = ""
    _n_questions: int = 0
    _failures: deque[tuple[int, str]] = field(default_factory=deque)

    def count(self, reason: str) -> str:
        """Take note of a question's end, "" for a good one; the reason of a pause, or ""."""
        self._n_questions += 1
        if reason:
            self._failures.append((self._n_questions, reason))
        while self._failures and self._failures[0][0] <= self._n_questions - self.within:
            self._failures.popleft()
        if not self.pause_reason and len(self._failures) >= self.most:
            reasons = "; ".join(dict.fromkeys(reason for _, reason in self._failures))
            self.pause_reason = (
                f"paused after {len(self._failures)} failures in {self.within} bars or fewer: "
                f"{reasons}"
            )
        return self.pause_reason
