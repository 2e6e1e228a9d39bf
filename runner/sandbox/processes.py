"""What the kernel says of a process, by a descriptor that stays the same one's (pidfd)."""

from __future__ import annotations

import contextlib
import select
import signal
import time
from collections.abc import Sequence
from pathlib import Path


def number_of(descriptor: int) -> int:
    """The process number in this process's namespace; -1 once it is gone."""
    return int(_fields(Path(f"/proc/self/fdinfo/{descriptor}"))["Pid"])


def has_ended(descriptor: int) -> bool:
    """Whether the process has ended, waited for or not."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))


def kill(descriptor: int) -> None:
    """SIGKILL; one that has gone already is gone."""
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(descriptor, signal.SIGKILL)


def cpu_seconds(number: int) -> float:
    """The CPU time of all threads of a process; 0 once it is gone."""
    per_process_clock = (~number << 3) | 2  # clock_getcpuclockid(3)
    with contextlib.suppress(OSError):
        return time.clock_gettime(per_process_clock)
    return 0.0


def facts_of(number: int) -> dict[str, str]:
    """/proc/PID/status by name; OSError once it is gone."""
    return _fields(Path(f"/proc/{number}/status"))


def kilobytes(text: str) -> int:
    """`1234 kB` in bytes."""
    return int(text.split()[0]) * 1024


def namespaces_of(number: int, kinds: Sequence[str]) -> dict[str, str]:
    """The namespaces of these kinds that a process is in; OSError if it may not be inspected."""
    # Not by listing: a process that has changed its user id may not list its own folder.
    return {kind: str(Path(f"/proc/{number}/ns/{kind}").readlink()) for kind in kinds}


def _fields(place: Path) -> dict[str, str]:
    lines = (line.partition(":") for line in place.read_text().splitlines())
    return {name: value.strip() for name, _, value in lines}
