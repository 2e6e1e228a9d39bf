"""A bot whose process is killed while a kill switch closes what it holds: the next goes on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from runner.execution.identity import Purpose
from runner.execution.journal.tables import BotState
from tests.crash.child import IN_FLIGHT
from tests.crash.harness import Outcome, running
from tests.crash.scenarios import BARS, fault_of, scenario_under
from tests.crash.truth import (
    bot_of,
    check_journal,
    check_once,
    check_protected,
    check_stays_covered,
    covered,
    orders_of,
    position_of,
)

FLATTEN_AFTER = 17
"""A bar at which each of the bots holds something."""

N_BARS = 22
"""Nothing is left to happen then."""

CASES: tuple[tuple[str, str | None, list[tuple[str, int]]], ...] = (
    (
        "trailing on binance",
        None,
        [
            ("before cancel", 1),
            ("after cancel", 1),
            ("before promotion commit", 1),
            ("before submit", 1),
        ],
    ),
    (
        "trailing on binance",
        "timeout_after",
        [
            ("after cancel", 1),
            ("after promotion commit", 1),
            (IN_FLIGHT, 1),
            ("between fill and ledger", 1),
        ],
    ),
    (
        "trailing on bybit",
        "reset_before",
        [("before cancel", 1), ("before submit", 1), ("after submit", 1), ("after fill commit", 1)],
    ),
    (
        "reversals on bybit",
        "error_after",
        [
            ("after promotion commit", 1),
            ("before submit", 1),
            (IN_FLIGHT, 1),
            ("before fill commit", 1),
        ],
    ),
)


@pytest.fixture
def flattened(nursery, tmp_path) -> Callable[..., Outcome]:
    """Runs a scenario until its switch has closed what it held, and on to the end of the tape."""

    def run(name: str, kind: str | None, kills: Sequence[tuple[str, int]], seed: int) -> Outcome:
        scenario = scenario_under(name, kind)
        scenario = replace(scenario, flatten_after=FLATTEN_AFTER, n_bars=N_BARS)
        faults = fault_of(kind, scenario.venue, seed)
        folder = tmp_path / f"{len(kills)} kills"
        with running(scenario, BARS, nursery, folder, kills=kills, faults=faults) as outcome:
            check_once(outcome)
            check_journal(outcome)
            check_protected(outcome)
            only_reduces = name == "reversals on bybit"
            check_stays_covered(outcome.served, may_leave=not only_reduces)
            assert (position_of(outcome.served), covered(outcome.served)) == (0, 0)
        return outcome

    return run


@pytest.mark.parametrize("number", range(len(CASES)))
def test_what_is_held_is_closed_once(flattened, once, number):
    name, kind, kills = CASES[number]
    undisturbed = once(f"{name} flattened", lambda: flattened(name, None, [], number).trades)
    outcome = flattened(name, kind, kills, number)
    assert outcome.trades == undisturbed
    assert outcome.n_kills == len(kills)
    filled = [o for o in orders_of(outcome.database) if o.purpose is Purpose.FLATTEN and o.filled]
    assert len(filled) == 1
    bot = bot_of(outcome.database)
    assert (bot.state, bot.state_reason) == (BotState.PAUSED, "kill switch: enough")
