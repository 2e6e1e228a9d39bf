"""Fair timing: the contenders in turn, so that a machine that slows down slows all of them."""

from __future__ import annotations

import gc
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any


def medians(jobs: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """The median seconds of each job, run warm: each time once unmeasured right before."""
    taken: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(rounds):
        for name, job in jobs.items():
            gc.collect()  # what one contender left behind is not the next one's to clear away
            job()
            start = time.perf_counter()
            job()
            taken[name].append(time.perf_counter() - start)
    return {name: statistics.median(seconds) for name, seconds in taken.items()}


def run_fresh(code: str, **environment: str) -> float:
    """Seconds of a fresh interpreter from before its first statement to after its last."""
    import os

    # As in a user's process, where the bytecode of all packages is at hand, not only of some.
    surroundings = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    timed = (
        f"import time; _start = time.perf_counter()\n{code}\nprint(time.perf_counter() - _start)"
    )
    done = subprocess.run(
        [sys.executable, "-c", timed],
        capture_output=True,
        text=True,
        check=True,
        env={**surroundings, **environment},
    )
    return float(done.stdout.split()[-1])
