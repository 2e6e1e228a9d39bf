"""The status machine of the journal's orders, every move of it."""

from __future__ import annotations

import itertools

import pytest

from runner.execution.errors import IllegalMoveError
from runner.execution.status import Status, check_move

LEGAL = """
waiting: pending abandoned
pending: unknown working rejected filled cancelled expired
unknown: pending working rejected filled cancelled expired
working: filled cancelled expired
filled:
cancelled:
expired:
rejected:
abandoned:
"""
TABLE = {
    line.partition(":")[0]: set(line.partition(":")[2].split())
    for line in LEGAL.strip().splitlines()
}


@pytest.mark.parametrize(("before", "after"), list(itertools.product(Status, Status)))
def test_every_move(before: Status, after: Status) -> None:
    if after.value in TABLE[before.value]:
        check_move("one", before, after)
    else:
        with pytest.raises(IllegalMoveError, match=f"order one is {before.value} and can't become"):
            check_move("one", before, after)


def test_what_is_final_has_nowhere_to_go() -> None:
    assert {s.value for s in Status if s.is_final} == {n for n, to in TABLE.items() if not to}


def test_every_state_is_reached() -> None:
    reached = {"waiting", "pending"}
    for _ in Status:
        reached |= set().union(*(TABLE[name] for name in reached))
    assert reached == {status.value for status in Status}
