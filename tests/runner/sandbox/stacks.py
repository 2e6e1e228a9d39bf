"""Stacks that lack a layer: what probes get hold of there, and what an inspection says of it.

A zygote takes seconds to start, so each stack is looked at once for all processes of a test run.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest import mock

from runner.sandbox import zygote_process
from runner.sandbox.cells import Cells, Users
from runner.sandbox.preflight import ProbeResult, inspect, try_probes
from runner.sandbox.probes import Weaker, all_probes
from runner.sandbox.settings import JailSettings
from runner.sandbox.stack import Stack, stacks_to_try
from runner.sandbox.zygote_process import ZygoteProcess, _command

PRELOADED = ("numpy",)
"""Enough for probes."""

FULL = stacks_to_try()[0]
MIN = stacks_to_try()[1]
BARE = Stack(namespaces=False, landlock=False, seccomp=False, limits=False)
STACKS = {
    Weaker.BARE: BARE,
    Weaker.BARE_AS_ROOT: BARE,
    Weaker.FIRST_PROCESS_AS_ROOT: BARE,
    Weaker.NO_SECCOMP: replace(FULL, seccomp=False),
    Weaker.NO_LANDLOCK: replace(FULL, landlock=False),
    Weaker.NO_LIMITS: replace(FULL, limits=False),
    Weaker.NO_NAMESPACES: MIN,
}
AS_ROOT = (Weaker.BARE_AS_ROOT, Weaker.FIRST_PROCESS_AS_ROOT)
ALL_BUT_ONE = [STACKS[w] for w in (Weaker.NO_LANDLOCK, Weaker.NO_LIMITS, Weaker.NO_NAMESPACES)]
"""Those that lack so little that all other layers are seen to hold without it."""


@dataclass(frozen=True, slots=True)
class Findings:
    """Of one stack: the probes that are to succeed in it, and its inspection as the full stack.

    as_itself: what an inspection says of it as what it is, where that is asked for.
    """

    results: dict[str, ProbeResult]
    as_full: str
    as_itself: str


def once(place: Path, find: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What is found by whichever process of this test run comes first."""
    with place.open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        found: dict[str, Any] = json.loads(file.read() or "{}")
        if not found:
            found = find()
            file.write(json.dumps(found))
        return found


def findings_of(stack: Stack, shared: Path, *, first_process: bool = False) -> Findings:
    """What probes and an inspection find in a stack; first_process: see
    `_look_as_first_process`.
    """
    layers = [name for name, is_there in stack.to_dict().items() if is_there]
    name = "-".join([*layers, *(["first"] if first_process else [])])
    look = _look_as_first_process if first_process else _look
    found = once(shared / f"stack-{name}.json", lambda: asyncio.run(look(stack)))
    results = {result["name"]: ProbeResult(**result) for result in found["results"]}
    return Findings(results, found["as_full"], found["as_itself"])


async def _look(stack: Stack) -> dict[str, Any]:
    zygote = await ZygoteProcess.start(stack, PRELOADED)
    try:
        cells, elsewhere = _cells_of(zygote), {Weaker.FIRST_PROCESS_AS_ROOT}
        if os.geteuid() != 0:
            elsewhere.update(AS_ROOT)
        here = {weaker for weaker in STACKS if STACKS[weaker] == stack} - elsewhere
        as_itself = (await inspect(cells, stack)).verdict if stack in ALL_BUT_ONE else ""
        return {
            "results": await _tried(cells, here),
            "as_full": (await inspect(cells, FULL)).verdict,
            "as_itself": as_itself,
        }
    finally:
        zygote.stop()


async def _look_as_first_process(stack: Stack) -> dict[str, Any]:
    """The same where the zygote is process 1, as it is in a jail, and its /proc is there to see.

    Not even root may look at a first process that has capabilities which root lacks, as that of
    a container may have.
    """
    with mock.patch.object(zygote_process, "_command", _command_as_first_process):
        zygote = await ZygoteProcess.start(stack, PRELOADED)
    try:
        results = await _tried(_cells_of(zygote), [Weaker.FIRST_PROCESS_AS_ROOT])
        return {"results": results, "as_full": "", "as_itself": ""}
    finally:
        zygote.stop()


def _command_as_first_process(*arguments: Any) -> list[str]:
    return ["unshare", "--pid", "--mount-proc", "--fork", "--kill-child", *_command(*arguments)]


def _cells_of(zygote: ZygoteProcess) -> Cells:
    settings = JailSettings()
    return Cells(zygote, Users(settings.first_user, settings.n_users))


async def _tried(cells: Cells, here: Collection[Weaker]) -> list[dict[str, Any]]:
    probes = [probe for probe in all_probes() if probe.weaker in here]
    results = await try_probes(cells, probes, each_alone=True)
    return [{k: getattr(result, k) for k in ProbeResult.__slots__} for result in results]
