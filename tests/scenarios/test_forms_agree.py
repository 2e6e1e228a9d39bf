"""One strategy as signals, in `on_bar` and through the plain rules: the same to the last bit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

import robotrader_sdk as rt

from .harness import FREE, Row, frame, run_events, run_plain
from .markets import Case, cases, rows_of_asks
from .wishes import ENTER_LONG, ENTER_SHORT, ByHand, Wish, run_plainly

NUMBERS = ("bar", "side", "liquidity", "purpose", "price", "quantity", "fee", "cash", "position")
RELAXED: dict[str, Any] = {"deadline": None, "suppress_health_check": list(HealthCheck)}


def same(one: Any, other: Any) -> None:
    """The same fills and equity, bit for bit."""
    for name in NUMBERS:
        np.testing.assert_array_equal(one.fill_table[name], other.fill_table[name], err_msg=name)
    assert one.equity_values.tobytes() == other.equity_values.tobytes()
    assert one.n_ambiguous == other.n_ambiguous


def agree(case: Case) -> None:
    kernel = case.run()
    same(kernel, case.run(ByHand))
    plain = run_plainly(case.bars, case.wishes, case.unit, case.settings)
    same(kernel, plain)
    assert kernel.n_conflicts == plain.n_conflicts


@settings(max_examples=80, **RELAXED)
@given(cases())
def test_kernel_event_loop_and_plain_rules_agree(case: Case) -> None:
    agree(case)


@pytest.mark.long
@pytest.mark.timeout(400)
@settings(max_examples=1_500, **RELAXED)
@given(cases(n_bars=25))
def test_kernel_event_loop_and_plain_rules_agree_on_many_markets(case: Case) -> None:
    agree(case)


@settings(max_examples=60, **RELAXED)
@given(rows_of_asks())
def test_event_loop_and_plain_rules_agree_on_many_orders_at_once(row: Row) -> None:
    assert replace(run_events(row), bounds=None) == run_plain(row)


@pytest.mark.long
@pytest.mark.timeout(400)
@settings(max_examples=1_500, **RELAXED)
@given(rows_of_asks())
def test_event_loop_and_plain_rules_agree_on_many_markets(row: Row) -> None:
    assert replace(run_events(row), bounds=None) == run_plain(row)


def test_tables_that_outgrow_their_room_change_nothing() -> None:
    n_bars = 800
    bars = frame([(100, 101, 99, 100)] * n_bars)
    protection = {"stop_loss": 0.05, "take_profit": 0.05}
    wishes = [
        Wish(ENTER_LONG if k % 2 else ENTER_SHORT, size=1, protection=protection)
        for k in range(n_bars)
    ]
    terms = {"cash": 10_000.0, "fees": FREE, "instrument": rt.Instrument()}
    case = Case(bars, wishes, "quantity", terms)
    kernel = case.run()
    assert len(kernel.order_table) == 4 * (n_bars - 1) + 2 - 1
    assert len(kernel.fill_table) == 2 * (n_bars - 1) - 1
    same(kernel, case.run(ByHand))
