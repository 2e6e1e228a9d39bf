"""A real SIGKILL at every point of the trading path, under every fault that may meet an order.

The market's clock stands still while the bot is dead and until it has done all it has to, so a run
with kills must come to the very trades of one without.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import pytest

from runner.execution.journal.tables import BotState
from runner.execution.points import POINTS
from runner.execution.status import Status
from runner.testnet.faults import FaultRequest
from tests.crash.child import IN_FLIGHT
from tests.crash.conftest import Once
from tests.crash.harness import Nursery, Outcome, running
from tests.crash.scenarios import (
    BARS,
    FAULTS,
    HIDDEN_MS,
    HIDES,
    SCENARIOS,
    SPOT,
    TWICE,
    fault_of,
    scenario_under,
)
from tests.crash.truth import (
    bot_of,
    check_journal,
    check_once,
    check_protected,
    check_stays_covered,
    covered,
    orders_of,
    position_of,
    set_running,
)
from tests.runner.testnet.conftest import KEY, Served

KILLS = (*POINTS, IN_FLIGHT)


class Undisturbed(NamedTuple):
    """What a scenario comes to when nothing happens to it."""

    trades: list[tuple[Any, ...]]
    reached: dict[str, int]


@pytest.fixture
def undisturbed(nursery: Nursery, once: Once, tmp_path: Path) -> Callable[[str], Undisturbed]:
    """A scenario without kills and faults."""

    def run(name: str) -> Undisturbed:
        with running(SCENARIOS[name], BARS, nursery, tmp_path / "undisturbed") as outcome:
            check(outcome, name)
            assert len(outcome.trades) >= 8
            return Undisturbed(outcome.trades, outcome.reached)

    return lambda name: once(name, lambda: run(name))


def check(outcome: Outcome, name: str, kind: str | None = None) -> None:
    check_once(outcome)
    check_journal(outcome)
    if "weights" not in name:
        check_protected(outcome, HIDDEN_MS if kind == HIDES else 0)
    if "trailing" in name:
        check_stays_covered(outcome.served, may_leave=True)


@pytest.fixture
def killed(
    nursery: Nursery, undisturbed: Callable[[str], Undisturbed], tmp_path: Path
) -> Callable[..., Outcome]:
    """Runs a scenario with kills and a fault, and holds it against the undisturbed one."""

    def run(name: str, kind: str | None, kills: Sequence[tuple[str, int]], seed: int) -> Outcome:
        scenario = scenario_under(name, kind)
        faults = fault_of(kind, scenario.venue, seed)
        expected = undisturbed(name)
        with running(scenario, BARS, nursery, tmp_path, kills=kills, faults=faults) as outcome:
            check(outcome, name, kind)
            assert kind == HIDES or outcome.trades == expected.trades
        return outcome

    return run


CASES: tuple[tuple[str, str | None, list[tuple[str, int]]], ...] = (
    (
        "limits on binance",
        None,
        [
            ("in the middle of cancel-then-exit", 1),
            ("before submit", 2),
            ("absence confirmed", 1),
            ("after submit", 1),
        ],
    ),
    (
        "limits on bybit",
        "timeout_before",
        [
            ("before cancel", 1),
            ("after decision commit", 2),
            ("before fill commit", 3),
            (IN_FLIGHT, 1),
        ],
    ),
    (
        "trailing on binance",
        "timeout_after",
        [
            ("before protection commit", 2),
            ("after protection commit", 2),
            ("after submit", 2),
            (IN_FLIGHT, 2),
        ],
    ),
    (
        "stops on binance",
        "error_before",
        [
            ("between fill and ledger", 2),
            ("after fill commit", 3),
            ("before cancel", 1),
            ("after reply stored", 2),
        ],
    ),
    (
        "reversals on bybit",
        "error_after",
        [
            ("in the middle of a reversal", 1),
            ("in the middle of a reversal", 2),
            ("after promotion commit", 1),
            ("after claim", 3),
        ],
    ),
    (
        "weights on binance",
        "reset_before",
        [
            ("before promotion commit", 2),
            ("after promotion commit", 3),
            (IN_FLIGHT, 2),
            ("before decision commit", 2),
        ],
    ),
    (
        "limits on binance",
        "reset_after",
        [
            ("inside reconcile", 1),
            ("after cancel", 1),
            ("after reconcile", 1),
            ("between fill and ledger", 2),
        ],
    ),
    (
        "trailing on binance",
        "truncated",
        [
            (IN_FLIGHT, 1),
            ("after protection commit", 1),
            ("before submit", 3),
            ("before submit", 2),
        ],
    ),
    (
        "stops on binance",
        "not_json",
        [
            ("before protection commit", 1),
            (IN_FLIGHT, 2),
            ("after decision commit", 4),
            ("before fill commit", 3),
        ],
    ),
    (
        "reversals on bybit",
        "duplicate_reply",
        [
            (IN_FLIGHT, 2),
            ("before promotion commit", 2),
            ("between fill and ledger", 2),
            ("after submit", 3),
        ],
    ),
    (
        "limits on bybit",
        "handled_twice",
        [("after submit", 2), (IN_FLIGHT, 1), ("after cancel", 1), ("after fill commit", 2)],
    ),
    (
        "stops on binance",
        "order_not_found",
        [("after submit", 1), (IN_FLIGHT, 2), ("after reply stored", 3), ("before submit", 2)],
    ),
    (
        "limits on binance",
        "late_fills",
        [("before fill commit", 2), ("after submit", 2), (IN_FLIGHT, 1), ("after claim", 5)],
    ),
    (
        "reversals on bybit",
        "out_of_order_fills",
        [("before cancel", 1), (IN_FLIGHT, 3), ("before protection commit", 1), ("after claim", 2)],
    ),
    (
        "weights on binance",
        "slow",
        [("before submit", 3), ("between fill and ledger", 3), (IN_FLIGHT, 1), ("after submit", 2)],
    ),
    (
        "reversals on bybit",
        "maintenance",
        [("before submit", 2), (IN_FLIGHT, 2), ("after cancel", 1), ("before fill commit", 3)],
    ),
    (
        "stops on binance",
        "clock_skew",
        [("after submit", 2), ("before cancel", 1), (IN_FLIGHT, 1), ("after claim", 3)],
    ),
    (
        "trailing on bybit",
        "ban",
        [("before amend", 2), ("after amend", 2), (IN_FLIGHT, 1), ("after amend", 1)],
    ),
)


@pytest.mark.parametrize(("name", "count"), [("limits on binance", 7), ("reversals on bybit", 8)])
def test_a_revoked_key_pauses_and_with_a_new_one_nothing_was_lost(
    nursery, undisturbed, tmp_path, name, count
):
    """The stated end: paused, what is held keeps its stop, and it can go on as if nothing were.

    The key goes with a stop's arrival: what has just been bought without one stays so.
    """
    paused = []

    def let_go_on(served: Served, database: Path) -> None:
        held = position_of(served)
        paused.append((bot_of(database).state, held))
        assert covered(served) >= abs(held)
        served.exchange.keys[KEY].revoked = False
        for fault in served.call(lambda: list(served.local.faults)):
            served.call(served.local.faults.remove, fault.number)
        set_running(database)

    revoked = FaultRequest(kind="revoked_key", key=KEY)
    kills = [("after submit", 2), ("before fill commit", 2)]
    with running(
        SCENARIOS[name], BARS, nursery, tmp_path,
        kills=kills, later=(count, revoked), between=let_go_on,
    ) as outcome:  # fmt: skip
        check(outcome, name)
        assert outcome.trades == undisturbed(name).trades
    assert [state for state, _ in paused] == [BotState.PAUSED]


def test_a_market_that_closes_loses_nothing(nursery, tmp_path):
    """Orders are refused while it is closed; what is held in the end has its stop again."""
    name = "trailing on binance"
    delisted = FaultRequest(kind="delisted", symbol=SPOT)
    kills = [("before protection commit", 1), ("after submit", 2)]
    with running(
        SCENARIOS[name], BARS, nursery, tmp_path, kills=kills, later=(9, delisted), later_for=3
    ) as outcome:
        check_once(outcome)
        check_journal(outcome)
        assert covered(outcome.served) >= abs(position_of(outcome.served))
    refused = [order for order in orders_of(outcome.database) if order.status is Status.REJECTED]
    assert refused


def test_the_cases_cover_every_point_every_fault_and_every_scenario():
    assert {point for _, _, kills in CASES for point, _ in kills} == set(KILLS)
    assert {kind for _, kind, _ in CASES} == set(FAULTS)
    assert {name for name, _, _ in CASES} == set(SCENARIOS)
    assert sum(len(kills) for _, _, kills in CASES) >= 60


@pytest.mark.parametrize("number", range(len(CASES)))
def test_kills_change_nothing(killed, number):
    name, kind, kills = CASES[number]
    outcome = killed(name, kind, kills, seed=number)
    assert outcome.n_kills == len(kills)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100))
def test_drawn_kills_change_nothing(killed, undisturbed, seed):
    """Scenario, fault and kills are drawn; of 400 kills asked for, more than 300 happen."""
    draw = Random(seed)
    name, kind = draw.choice(sorted(SCENARIOS)), draw.choice(FAULTS)
    if kind == TWICE and SCENARIOS[name].venue == "binance":
        kind = "duplicate_reply"
    reached = undisturbed(name).reached
    often = [point for point, count in reached.items() if count >= 8] + [IN_FLIGHT]
    kills = [(draw.choice(sorted(reached)), 1)]
    kills += [(draw.choice(often), draw.randint(1, 3)) for _ in range(3)]
    outcome = killed(name, kind, kills, seed)
    assert outcome.n_kills >= len(kills) - 1, kills
