"""What a look at an account has found and done, and whose matter it was."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from runner.execution.errors import (
    ExchangeUnreachableError,
    KeyRefusedError,
    LeaseLostError,
    RateLimitedError,
    UnknownOutcomeError,
)
from runner.execution.tick import RunningBot
from runner.storage.errors import StorageError

_OF_ALL = (
    StorageError,
    LeaseLostError,
    ExchangeUnreachableError,
    RateLimitedError,
    UnknownOutcomeError,
    KeyRefusedError,
)
"""What one bot meets and concerns all of its account."""


@dataclass(slots=True)
class Reconciliation:
    """What was found and done. `consistent`: money was compared, while nothing moved.

    failed: by their numbers, the bots that could not be looked after, and why.
    """

    findings: list[str] = field(default_factory=list)
    n_fills: int = 0
    consistent: bool = False
    failed: dict[int, Exception] = field(default_factory=dict)

    @contextmanager
    def apart(self, bots: Sequence[RunningBot]) -> Iterator[None]:
        """What only these bots are concerned by, such as a market that is gone, stops no other."""
        try:
            yield
        except _OF_ALL:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it is theirs
            for bot in bots:
                self.failed.setdefault(bot.bot_id, error)
