"""What a probe is."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any


class Weaker(Enum):
    """Stacks that lack something, by what they have; the tests run each probe in one of them."""

    BARE = "nothing but a process of its own"
    OWN_USER = "own user and limits"
    NO_SECCOMP = "everything but seccomp"
    NO_LANDLOCK = "everything but Landlock and namespaces"
    NO_NAMESPACES = "everything but namespaces"
    NO_LIMITS = "everything but limits"


@dataclass(frozen=True, slots=True)
class Probe:
    """One attempt.

    weaker: where it succeeds. is_deadly: it may be answered with death, and gets a bot to itself.
    levels: where it has to be stopped, "full" only for what "min" is known to leak.
    """

    attempt: Callable[[], Any]
    weaker: Weaker = Weaker.BARE
    is_deadly: bool = False
    leaks_at_min: bool = False

    @property
    def name(self) -> str:
        """What it attempts."""
        return self.attempt.__name__

    @property
    def source(self) -> str:
        """Its code, as it is sent."""
        return textwrap.dedent(inspect.getsource(self.attempt))
