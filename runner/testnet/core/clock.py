"""What time it is at the exchange, and who decides when it moves.

- `manual`: time stands still until it is told to step.
- `max`: goes on as soon as every registered client has acknowledged.
- a factor, such as 60: runs so many times as fast as the wall clock.

Market time is what is served, what bars are stamped with and what signatures are checked
against. It differs from the wall clock and jumps, so a client that has once measured the
difference signs, later on, with a time that the market has left behind or not yet reached.
`is_plausible` therefore accepts what a client could sign now that measured the difference at
any moment since the start; at factor 1 that is exactly the venues' own rule.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from runner.errors import TestnetError

MANUAL: Final = "manual"
MAX: Final = "max"

AHEAD_MS = 1000
"""How far ahead of the exchange's time both venues let a signature be."""


class Clock:
    """Market time in milliseconds."""

    def __init__(
        self, start_ms: int, speed: str = MANUAL, *, wall: Callable[[], float] = time.time
    ) -> None:
        self.speed = speed
        self.factor = read_speed(speed)
        self._wall = wall
        self._start_ms = start_ms
        self._now_ms = start_ms
        self._wall_start = wall()
        self._least_offset = self._most_offset = start_ms - 1000 * self._wall_start
        self.skew_ms = 0
        self.is_strict = False
        self.held_ms = start_ms
        """What happens later has not happened yet, so a running clock does not pass it."""

    @property
    def now_ms(self) -> int:
        """The market's time; while a running clock is held, no later than it is held at."""
        if not self.factor:
            return self._now_ms
        return max(self._now_ms, min(self.due_ms(), self.held_ms))

    @property
    def served_ms(self) -> int:
        """The time that clients are told: with the skew of a fault, if one is set."""
        return self.now_ms + self.skew_ms

    def move_to(self, now_ms: int) -> None:
        """Move on; never back."""
        if now_ms <= self._now_ms:
            return
        self._note_offset()
        self._now_ms = now_ms
        self._note_offset()

    def due_ms(self) -> int:
        """Where a running clock should be by now."""
        elapsed = self._wall() - self._wall_start
        return self._start_ms + int(1000 * elapsed * self.factor)

    def wait_seconds(self, until_ms: int) -> float:
        """How long a running clock takes until some market time."""
        return max((until_ms - self.due_ms()) / (1000 * self.factor), 0.0)

    def is_plausible(self, timestamp_ms: int, window_ms: int) -> bool:
        """Whether a signature may carry this time; see above."""
        latest = self.served_ms + AHEAD_MS
        earliest = self.served_ms - window_ms
        if not self.is_strict:
            self._note_offset()
            wall_ms = 1000 * self._wall()
            latest = int(max(latest, wall_ms + self._most_offset + self.skew_ms + AHEAD_MS))
            earliest = int(min(earliest, wall_ms + self._least_offset + self.skew_ms - window_ms))
        return earliest <= timestamp_ms <= latest

    def restart_at(self, now_ms: int, speed: str | None = None) -> None:
        """Go on from a time, at another speed if one is given; TestnetError if it is not known."""
        if speed is not None:
            self.factor = read_speed(speed)
            self.speed = speed
        self._start_ms = self._now_ms = self.held_ms = now_ms
        self._wall_start = self._wall()
        self._least_offset = self._most_offset = now_ms - 1000 * self._wall_start

    def _note_offset(self) -> None:
        offset = self.now_ms - 1000 * self._wall()
        self._least_offset = min(self._least_offset, offset)
        self._most_offset = max(self._most_offset, offset)


def read_speed(speed: str) -> float:
    """The factor of a speed; 0 for `manual` and `max`. TestnetError says which forms there are."""
    if speed in (MANUAL, MAX):
        return 0.0
    try:
        factor = float(speed.removesuffix("x"))
    except ValueError:
        factor = 0.0
    if not 0.0 < factor <= 1e6:
        raise TestnetError(
            f"speed {speed!r} is not known; use manual, max, or a factor such as 1x or 60x"
        )
    return factor
