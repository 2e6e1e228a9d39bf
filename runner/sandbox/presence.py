"""Whether each layer of a jail is there, seen from outside, where a bot can't lie about it."""

from __future__ import annotations

import os
import resource
from collections.abc import Sequence
from pathlib import Path

from runner.sandbox import processes
from runner.sandbox.hardening import limits_of
from runner.sandbox.settings import BotLimits
from runner.sandbox.stack import Stack
from runner.sandbox.zygote_process import ZygoteProcess, readable_folders

_SEPARATE_NAMESPACES = ("mnt", "pid", "net", "ipc", "uts", "cgroup")
_NO_CAPABILITIES = dict.fromkeys(("CapInh", "CapPrm", "CapEff", "CapAmb"), "0" * 16)
_LIMITS_AS_TOLD = {
    resource.RLIMIT_DATA: "Max data size",
    resource.RLIMIT_AS: "Max address space",
    resource.RLIMIT_STACK: "Max stack size",
    resource.RLIMIT_NPROC: "Max processes",
    resource.RLIMIT_NOFILE: "Max open files",
    resource.RLIMIT_SIGPENDING: "Max pending signals",
    resource.RLIMIT_FSIZE: "Max file size",
    resource.RLIMIT_CORE: "Max core file size",
    resource.RLIMIT_MEMLOCK: "Max locked memory",
    resource.RLIMIT_MSGQUEUE: "Max msgqueue size",
}


def missing_layers(
    zygote: ZygoteProcess, bots: Sequence[int], stack: Stack, limits: BotLimits
) -> list[str]:
    """What a zygote and its bots, by their process numbers, lack of a stack.

    Landlock can't be seen from outside; `preflight` has a probe that nothing else stops.
    OSError if one of them is gone.
    """
    facts = [processes.facts_of(bot) for bot in bots]
    missing = []
    for bot, its in zip(bots, facts, strict=True):
        missing += _missing_in_process(its, bot, stack)
        missing += _wrong_users(its, stack)
        if stack.limits:
            missing += _wrong_limits(bot, zygote, limits)
    if stack.own_user and len({its["Uid"] for its in facts}) < len(facts):
        missing.append("two bots have one user id")
    if stack.namespaces:
        missing += _shared_namespaces(zygote, stack)
        missing += _foreign_mounts(zygote)
    return list(dict.fromkeys(missing))


def _missing_in_process(facts: dict[str, str], bot: int, stack: Stack) -> list[str]:
    expected = {"NoNewPrivs": "1", "Threads": "1", **_NO_CAPABILITIES}
    if stack.seccomp:
        expected["Seccomp"] = "2"
    missing = [
        f"a bot's {name} is {facts.get(name, 'not told')} instead of {value}"
        for name, value in expected.items()
        if facts.get(name) != value
    ]
    if facts["NSsid"] != facts["NSpid"]:
        missing.append("a bot has no session of its own")
    if Path(f"/proc/{bot}/environ").stat().st_uid != 0:
        missing.append("a bot can be inspected by its user")
    return missing


def _wrong_users(facts: dict[str, str], stack: Stack) -> list[str]:
    users, groups = facts["Uid"].split(), facts["Gid"].split()
    if "0" in users:
        return ["a bot is root"]
    if not stack.own_user:
        return []
    missing = []
    if len({*users, *groups}) > 1 or facts["Groups"]:
        missing.append("a bot has more than one user and group id")
    if str(os.getuid()) in users:
        missing.append("a bot has the runner's user id")
    return missing


def _wrong_limits(bot: int, zygote: ZygoteProcess, limits: BotLimits) -> list[str]:
    given = limits_of(
        zygote.data_bytes + limits.memory_bytes, zygote.space_bytes + 2 * limits.memory_bytes
    )
    told = {line[:25].strip(): line[25:].split()[:2] for line in _lines(bot, "limits")}
    return [
        f"a bot's limit {name!r} is {' '.join(told.get(name, ['not told']))} instead of {most}"
        for name, most in ((_LIMITS_AS_TOLD[kind], most) for kind, most in given.items())
        if told.get(name) != [str(most)] * 2
    ]


def _shared_namespaces(zygote: ZygoteProcess, stack: Stack) -> list[str]:
    kinds = (*_SEPARATE_NAMESPACES, *(("user",) if stack.user_namespace else ()))
    ours = processes.namespaces_of(os.getpid(), kinds)
    theirs = processes.namespaces_of(zygote.first.outer, kinds)
    return [
        f"the {kind} namespace is the runner's own" for kind in kinds if theirs[kind] == ours[kind]
    ]


def _foreign_mounts(zygote: ZygoteProcess) -> list[str]:
    """Mounts beside the folders that may be read, and those that can be written to."""
    wanted, missing = readable_folders(), []
    for line in _lines(zygote.first.outer, "mountinfo"):
        place, options = line.split()[4:6]
        is_wanted = place in ("/", *wanted)
        if not is_wanted and not any(place.startswith(f"{folder}/") for folder in wanted):
            missing.append(f"{place} is mounted in the jail")
        elif is_wanted and "ro" not in options.split(","):
            missing.append(f"{place} can be written to in the jail")
    return missing


def _lines(number: int, name: str) -> list[str]:
    return Path(f"/proc/{number}/{name}").read_text().splitlines()
