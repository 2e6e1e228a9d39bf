"""What a bot gives up, in the one order that works, before it reads anything of a user's.

Limits come first, as an ordinary user may not raise them; the user id before the death signal,
which a change of id clears; Landlock and seccomp need NO_NEW_PRIVS; seccomp is last, since it
forbids all the rest.
"""

from __future__ import annotations

import os
import resource
import signal
from dataclasses import dataclass

from runner.sandbox import landlock
from runner.sandbox.seccomp import Filter
from runner.sandbox.stack import Stack
from runner.sandbox.system_calls import (
    PR_SET_DUMPABLE,
    PR_SET_NO_NEW_PRIVS,
    PR_SET_PDEATHSIG,
    control_process,
    drop_capabilities,
)

_NICENESS = 10


@dataclass(frozen=True, slots=True)
class Tools:
    """What the zygote has prepared for its bots; None where the stack lacks the layer."""

    stack: Stack
    ruleset: int | None
    filter: Filter | None


def limits_of(data_bytes: int, space_bytes: int) -> dict[int, int]:
    """Limits by resource: what may be allocated, and what may be mapped at all."""
    return {
        resource.RLIMIT_DATA: data_bytes,
        resource.RLIMIT_AS: space_bytes,
        resource.RLIMIT_STACK: 8 << 20,
        resource.RLIMIT_NPROC: 1,
        resource.RLIMIT_NOFILE: 32,
        resource.RLIMIT_SIGPENDING: 16,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_MEMLOCK: 0,
        resource.RLIMIT_MSGQUEUE: 0,
    }


def harden(tools: Tools, user: int, limits: dict[int, int]) -> None:
    """Give up everything; afterwards the process can compute, and read and write its socket."""
    stack = tools.stack
    os.setsid()
    os.setpriority(os.PRIO_PROCESS, 0, _NICENESS)
    if stack.limits:
        for kind, most in limits.items():
            resource.setrlimit(kind, (most, most))
    if stack.own_user:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    elif stack.user_namespace:
        drop_capabilities()
    control_process(PR_SET_PDEATHSIG, signal.SIGKILL)
    control_process(PR_SET_DUMPABLE, 0)
    control_process(PR_SET_NO_NEW_PRIVS, 1)
    if tools.ruleset is not None:
        landlock.restrict_self(tools.ruleset)
        os.close(tools.ruleset)
    if tools.filter is not None:
        tools.filter.install()
