"""Preflight: a jail is inspected from outside, and attempts to escape are made from inside."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import pandas as pd

from robotrader_sdk.deploy.bundle import Bundle
from robotrader_sdk.types import Timeframe
from runner.sandbox.bot_process import BotProcess, BotTask
from runner.sandbox.cells import Cells
from runner.sandbox.errors import JailBrokenError
from runner.sandbox.outcome import Decision, Outcome, Strikes
from runner.sandbox.presence import missing_layers
from runner.sandbox.probes import Probe, all_probes, shared_source
from runner.sandbox.probes.files import read_the_top_folder
from runner.sandbox.settings import BotLimits
from runner.sandbox.stack import Level, Stack
from runner.sandbox.wire import Account, MarketTerms

LIMITS = BotLimits(
    wall_seconds=30.0,
    cpu_seconds=15.0,
    start_seconds=30.0,
    memory_bytes=64 << 20,
    log_lines=1_000,
    log_characters=200,
)
"""What a bot that makes attempts may use, whatever other bots may: some attempts are at this."""

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

_ONLY_LANDLOCK_STOPS = Probe(read_the_top_folder)
_AT_ONCE = 8
"""Bots that make attempts at the same time."""


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


async def inspect(cells: Cells, stack: Stack) -> Inspection:
    """Look whether every layer is there, and try all probes."""
    try:
        if problems := await _missing_layers(cells, stack):
            return Inspection(stack, tuple(problems))
        probes = [p for p in all_probes() if stack.level is Level.FULL or not p.leaks_at_min]
        return Inspection(stack, results=tuple(await try_probes(cells, probes)))
    except (JailBrokenError, OSError) as error:
        return Inspection(stack, (f"the inspection failed: {error}",))


async def try_probes(
    cells: Cells, probes: Sequence[Probe], *, each_alone: bool = False
) -> list[ProbeResult]:
    """Make attempts: those that are not deadly in one bot, or each in a bot of its own."""
    alone = [[probe] for probe in probes if probe.is_deadly or each_alone]
    together = [probe for probe in probes if not (probe.is_deadly or each_alone)]
    turn = asyncio.Semaphore(_AT_ONCE)

    async def attempt(group: Sequence[Probe]) -> list[ProbeResult]:
        async with turn:
            return await _attempt(cells, group)

    groups = [together, *alone] if together else alone
    return [result for results in await asyncio.gather(*map(attempt, groups)) for result in results]


def bundle_of(probes: Iterable[Probe]) -> Bundle:
    """A strategy that makes these attempts."""
    probes = list(probes)
    sources = [probe.source for probe in probes]
    names = ", ".join(probe.name for probe in probes)
    attempts = ["from typing import Any", *sources, f"ATTEMPTS = [{names}]", _ATTEMPTS]
    source = "\n\n".join([shared_source(), *attempts])
    return Bundle.of("Attempts", source)


async def _attempt(cells: Cells, probes: Sequence[Probe]) -> list[ProbeResult]:
    bot = _sacrifice(cells, probes)
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
    is_killed = probe.is_deadly and decision.outcome is Outcome.DIED
    return ProbeResult(probe.name, is_killed, decision.reason or "no word of it")


async def _missing_layers(cells: Cells, stack: Stack) -> list[str]:
    """What two bots and their zygote lack of a stack."""
    bots = [_sacrifice(cells, [_ONLY_LANDLOCK_STOPS]) for _ in range(2)]
    try:
        for bot in bots:
            await bot.start()
            if bot.process is None:
                failed = await bot.decide(_bars(), Account(1.0, 1.0))
                return [f"a bot can't be started: {failed.reason}"]
        numbers = [bot.process for bot in bots if bot.process is not None]
        missing = missing_layers(cells.zygote, numbers, stack, LIMITS)
        if stack.landlock:
            decision = await bots[0].decide(_bars(), Account(1.0, 1.0))
            if not _result(_ONLY_LANDLOCK_STOPS, decision).is_stopped:
                missing.append("Landlock does not keep a bot from listing the top folder")
        return missing
    finally:
        for bot in bots:
            await bot.kill()


def _sacrifice(cells: Cells, probes: Sequence[Probe]) -> BotProcess:
    task = BotTask(
        bundle=bundle_of(probes),
        params={},
        markets=(MarketTerms("PROBE/USDT"),),
        timeframe=Timeframe.parse("1h"),
    )
    return BotProcess(cells, task, b"", LIMITS, Strikes())


def _bars() -> dict[str, pd.DataFrame]:
    index = pd.date_range("2024-01-01", periods=2, freq="h", tz="UTC")
    one_price = dict.fromkeys(("open", "high", "low", "close", "volume"), 1.0)
    return {"PROBE/USDT": pd.DataFrame(one_price, index=index)}
