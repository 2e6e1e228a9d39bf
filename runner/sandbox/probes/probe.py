"""What a probe is."""

from __future__ import annotations

import inspect
import platform
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from runner.sandbox.probes import reaching


class Weaker(Enum):
    """Stacks that lack something, by what they lack; the tests run each probe in one of them."""

    BARE = "nothing but a process of its own"
    BARE_AS_ROOT = "nothing but a process of its own, and that as root"
    FIRST_PROCESS_AS_ROOT = "nothing, in processes and a /proc of which the zygote is the first"
    NO_SECCOMP = "everything but seccomp"
    NO_LANDLOCK = "everything but Landlock"
    NO_LIMITS = "everything but limits"
    NO_NAMESPACES = "everything but namespaces"


@dataclass(frozen=True, slots=True)
class Probe:
    """One attempt.

    weaker: where it succeeds. is_deadly: it is answered with death, and so gets a bot to itself.
    leaks_at_min: it succeeds at the level "min", and is known to. machine: the only one on which
    it can be tried, "" for all.
    """

    attempt: Callable[[], Any]
    weaker: Weaker = Weaker.BARE
    is_deadly: bool = False
    leaks_at_min: bool = False
    machine: str = ""

    @property
    def name(self) -> str:
        """What it attempts."""
        return self.attempt.__name__

    @property
    def source(self) -> str:
        """Its code, as it is sent."""
        return textwrap.dedent(inspect.getsource(self.attempt))

    @property
    def is_for_this_machine(self) -> bool:
        """Whether it can be tried here."""
        return self.machine in ("", platform.machine())


def shared_source() -> str:
    """What goes ahead of the code of probes: the functions that they share."""
    return inspect.getsource(reaching)
