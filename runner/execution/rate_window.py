"""A sliding window: no stretch of time of its length ever sees more than its amount."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass


@dataclass(slots=True)
class Taken:
    """What one request took from a window, and when the window has it again."""

    back_at: float
    amount: int


class Window:
    """Counts what was taken in the last `seconds`; times are those of any clock that never jumps.

    A bucket that refills would let its capacity and the refill of the same minute through, nearly
    twice what the venue counts: so each taking is kept until it is as old as the window is long.
    """

    def __init__(self, amount: int, seconds: float) -> None:
        self.amount = amount
        self._seconds = seconds
        self._log: deque[Taken] = deque()
        self._used = 0

    def fits(self, amount: int, now: float) -> bool:
        """Whether so much can be taken now."""
        self._forget(now)
        return self._used + amount <= self.amount

    def take(self, amount: int, now: float) -> Taken:
        """Take so much, which must fit."""
        taken = Taken(now + self._seconds, amount)
        self._log.append(taken)
        self._used += amount
        return taken

    def give_back(self, taken: Taken) -> None:
        """Undo a taking, for a request that was never sent."""
        self._used -= taken.amount
        taken.amount = 0

    def next_release(self) -> float:
        """When something that was taken comes back; infinity if nothing was."""
        return self._log[0].back_at if self._log else float("inf")

    def _forget(self, now: float) -> None:
        while self._log and self._log[0].back_at <= now:
            self.give_back(self._log.popleft())
