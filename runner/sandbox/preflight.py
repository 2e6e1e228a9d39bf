"""Preflight: a jail is inspected from outside, and attempts to escape are made from inside."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import pandas as pd

from robotrader_sdk.deploy.bundle import Bundle
from robotrader_sdk.types import Timeframe
from runner.sandbox import processes
from runner.sandbox.bot_process import BotProcess, BotTask
from runner.sandbox.cells import Cells
from runner.sandbox.errors import JailBrokenError
from runner.sandbox.outcome import Decision, Outcome, Strikes
from runner.sandbox.probes import Probe, all_probes
from runner.sandbox.settings import BotLimits
from runner.sandbox.stack import Level, Stack
from runner.sandbox.wire import Account, MarketTerms

_ATTEMPTS = '''
import robotrader_sdk as rt


class Attempts(rt.Strategy):
    """Makes each attempt, and says which got hold of something."""

    def on_bar(self, ctx):
        for attempt in ATTEMPTS:
            try:
                got = attempt()
            except BaseException as error:
                print(attempt.__name__, "stopped", type(error).__name__, error)
            else:
                print(attempt.__name__, "escaped" if got else "stopped", repr(got)[:100])
'''

_SEPARATE_NAMESPACES = ("mnt", "pid", "net", "ipc", "uts", "cgroup")


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What became of a probe; `detail`: the error that stopped it, or what it got hold of."""

    name: str
    is_stopped: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was found of a stack: layers that are missing, and each probe's result."""

    stack: Stack
    problems: tuple[str, ...] = ()
    results: tuple[ProbeResult, ...] = field(default=())

    @property
    def is_passed(self) -> bool:
        """Whether every layer is there and every probe was stopped."""
        return not self.problems and all(result.is_stopped for result in self.results)

    @property
    def verdict(self) -> str:
        """In one line."""
        escaped = [f"the probe {r.name} succeeds" for r in self.results if not r.is_stopped]
        return ", ".join([*self.problems, *escaped]) or "every probe is stopped"


async def inspect(cells: Cells, stack: Stack, limits: BotLimits) -> Inspection:
    """Look whether every layer is there, and try all probes."""
    try:
        problems = await _missing_layers(cells, stack, limits)
        if problems:
            return Inspection(stack, tuple(problems))
        probes = [p for p in all_probes() if stack.level is Level.FULL or not p.leaks_at_min]
        return Inspection(stack, results=tuple(await try_probes(cells, probes, limits)))
    except (JailBrokenError, OSError) as error:
        return Inspection(stack, (f"the inspection failed: {error}",))


async def try_probes(cells: Cells, probes: Sequence[Probe], limits: BotLimits) -> list[ProbeResult]:
    """Make attempts: harmless ones in one bot, deadly ones in one each."""
    harmless = [probe for probe in probes if not probe.is_deadly]
    results = await _attempt(cells, harmless, limits) if harmless else []
    for probe in probes:
        if probe.is_deadly:
            results.extend(await _attempt(cells, [probe], limits))
    return results


def bundle_of(probes: Iterable[Probe]) -> Bundle:
    """A strategy that makes these attempts."""
    probes = list(probes)
    sources = [probe.source for probe in probes]
    names = ", ".join(probe.name for probe in probes)
    source = "\n\n".join(["from typing import Any", *sources, f"ATTEMPTS = [{names}]", _ATTEMPTS])
    return Bundle.of("Attempts", source)


async def _attempt(cells: Cells, probes: Sequence[Probe], limits: BotLimits) -> list[ProbeResult]:
    bot = _sacrifice(cells, bundle_of(probes), limits)
    try:
        await bot.start()
        decision = await bot.decide(_bars(), Account(1.0, 1.0))
    finally:
        await bot.kill()
    return [_result(probe, decision) for probe in probes]


def _result(probe: Probe, decision: Decision) -> ProbeResult:
    for line in decision.logs:
        name, _, rest = line.partition(" ")
        if name == probe.name:
            verdict, _, detail = rest.partition(" ")
            return ProbeResult(name, verdict == "stopped", detail)
    died = decision.outcome in (Outcome.DIED, Outcome.OUT_OF_MEMORY, Outcome.OVERWORKED)
    return ProbeResult(probe.name, probe.is_deadly and died, decision.reason or "no word of it")


async def _missing_layers(cells: Cells, stack: Stack, limits: BotLimits) -> list[str]:
    """What a bot lacks of its stack, seen from outside, where it can't lie."""
    bot = _sacrifice(cells, bundle_of([]), limits)
    try:
        await bot.start()
        if bot.process is None:
            failed = await bot.decide(_bars(), Account(1.0, 1.0))
            return [f"a bot can't be started: {failed.reason}"]
        facts = processes.facts_of(bot.process)
        return [*_missing_in(facts, stack), *_shared_namespaces(cells, stack)]
    finally:
        await bot.kill()


def _missing_in(facts: dict[str, str], stack: Stack) -> list[str]:
    expected = {"NoNewPrivs": "1", "Threads": "1", "CapEff": "0" * 16, "CapPrm": "0" * 16}
    if stack.seccomp:
        expected["Seccomp"] = "2"
    if not (stack.own_user or stack.user_namespace) and os.geteuid() == 0:
        return ["a bot is root"]
    found = [
        f"a bot's {name} is {facts.get(name, 'not told')} instead of {value}"
        for name, value in expected.items()
        if facts.get(name) != value
    ]
    if stack.own_user and str(os.getuid()) in facts["Uid"].split():
        found.append("a bot has the runner's user id")
    return found


def _shared_namespaces(cells: Cells, stack: Stack) -> list[str]:
    if not stack.namespaces:
        return []
    ours = processes.namespaces_of(os.getpid())
    theirs = processes.namespaces_of(cells.zygote.first.outer)
    return [
        f"the {kind} namespace is the runner's own"
        for kind in _SEPARATE_NAMESPACES
        if theirs.get(kind) in (None, ours[kind])
    ]


def _sacrifice(cells: Cells, bundle: Bundle, limits: BotLimits) -> BotProcess:
    task = BotTask(
        bundle=bundle,
        params={},
        markets=(MarketTerms("PROBE/USDT"),),
        timeframe=Timeframe.parse("1h"),
    )
    return BotProcess(cells, task, b"", limits, Strikes())


def _bars() -> dict[str, pd.DataFrame]:
    index = pd.date_range("2024-01-01", periods=2, freq="h", tz="UTC")
    one_price = dict.fromkeys(("open", "high", "low", "close", "volume"), 1.0)
    return {"PROBE/USDT": pd.DataFrame(one_price, index=index)}
