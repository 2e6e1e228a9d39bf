"""Every probe: stopped at the levels that are accepted, and successful in a stack named for it."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from runner.sandbox.cells import Cells, Users
from runner.sandbox.preflight import Inspection, ProbeResult, inspect, try_probes
from runner.sandbox.probes import Probe, Weaker, all_probes
from runner.sandbox.stack import Level, Stack
from tests.runner.sandbox.jails import Prison
from tests.runner.sandbox.stacks import AS_ROOT, BARE, FULL, MIN, STACKS, findings_of

PROBES = all_probes()
BY_NAME = [pytest.param(probe, id=probe.name) for probe in PROBES]
LACKING = {
    "a bot's Seccomp is 0 instead of 2": replace(FULL, seccomp=False),
    "Landlock does not keep a bot from": replace(FULL, landlock=False),
    "a bot's limit 'Max data size'": replace(FULL, limits=False),
    "the net namespace is the runner's own": MIN,
    "is mounted in the jail": MIN,
    "a bot is root" if os.geteuid() == 0 else "a bot's Seccomp is 0": BARE,
}


@pytest.mark.parametrize("probe", BY_NAME)
def test_a_probe_is_stopped(prison: Prison, probe: Probe) -> None:
    results = _results_of_preflight(prison)
    if prison.jail.level is Level.MIN and probe.leaks_at_min:
        assert probe.name not in results
    else:
        assert results[probe.name].is_stopped, results[probe.name].detail


@pytest.mark.parametrize("probe", BY_NAME)
def test_a_probe_succeeds_in_a_weaker_stack(shared: Path, probe: Probe) -> None:
    if probe.weaker in AS_ROOT and os.geteuid() != 0:
        pytest.skip("only root can be shown to succeed in it")
    first = probe.weaker is Weaker.FIRST_PROCESS_AS_ROOT
    findings = findings_of(STACKS[probe.weaker], shared, first_process=first)
    result = findings.results[probe.name]
    assert not result.is_stopped, result.detail


def test_the_level_min_holds_but_for_what_it_is_known_to_leak(shared: Path) -> None:
    assert findings_of(MIN, shared).as_itself == "every probe is stopped"


@pytest.mark.parametrize("weaker", [Weaker.NO_LANDLOCK, Weaker.NO_LIMITS])
def test_without_one_layer_the_others_hold_by_themselves(shared: Path, weaker: Weaker) -> None:
    let_through = [f"the probe {p.name} succeeds" for p in PROBES if p.weaker is weaker]
    assert findings_of(STACKS[weaker], shared).as_itself == ", ".join(let_through)


@pytest.mark.parametrize(("said", "stack"), LACKING.items())
def test_a_layer_that_is_missing_is_named(shared: Path, said: str, stack: Stack) -> None:
    assert said in findings_of(stack, shared).as_full


def test_user_ids_that_are_not_one_for_each_bot_are_named(prison: Prison) -> None:
    class OneForAll(Users):
        def take(self) -> int:
            return 600_001

    async def look() -> Inspection:
        cells = await prison.jail._living_cells()
        return await inspect(Cells(cells.zygote, OneForAll(600_001, 1)), FULL)

    if not FULL.own_user:
        pytest.skip("bots have user ids of their own where root starts them")
    assert prison.run(look()).verdict == "two bots have one user id"


@pytest.mark.long
def test_probes_are_stopped_each_in_a_process_of_its_own(prison: Prison) -> None:
    async def attempt() -> list[ProbeResult]:
        return await try_probes(await prison.jail._living_cells(), PROBES, each_alone=True)

    assert [r for r in prison.run(attempt()) if not r.is_stopped] == []


def test_attempts_are_many_and_of_every_subject() -> None:
    subjects = Counter(probe.attempt.__module__.rpartition(".")[2] for probe in PROBES)
    assert set(subjects) == {"files", "secrets", "processes", "network", "memory", "kernel"}
    assert min(subjects.values()) >= 15
    assert len({probe.name for probe in PROBES}) == len(PROBES) >= 150


def _results_of_preflight(prison: Prison) -> dict[str, ProbeResult]:
    """Of the zygote that the jail has started with: these are its attempts to escape."""
    return {result.name: result for result in prison.jail.inspections[-1].results}
