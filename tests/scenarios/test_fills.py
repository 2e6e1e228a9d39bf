"""Every scenario through kernel, event loop and plain Python."""

from __future__ import annotations

import pytest

from . import (
    rows_funding,
    rows_limit,
    rows_liquidation,
    rows_margin,
    rows_market_and_stop,
    rows_order_and_cost,
    rows_positions,
    rows_protection,
)
from .harness import RUNNERS, Row, expected_fill, mirror

WRITTEN = [
    *rows_market_and_stop.ROWS,
    *rows_limit.ROWS,
    *rows_order_and_cost.ROWS,
    *rows_protection.ROWS,
    *rows_positions.ROWS,
    *rows_margin.ROWS,
    *rows_liquidation.ROWS,
    *rows_funding.ROWS,
]
ROWS = [*WRITTEN, *(mirror(row) for row in WRITTEN if row.mirrored)]
CASES = [
    pytest.param(row, form, id=f"{row.name} [{form}]")
    for row in ROWS
    for form in RUNNERS
    if not (row.event_only and form == "kernel")
]


def test_the_tables_are_as_large_as_promised() -> None:
    assert len(WRITTEN) >= 90
    assert sum(not row.event_only for row in WRITTEN) >= 60
    assert len({row.name for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize(("row", "form"), CASES)
def test_scenario(row: Row, form: str) -> None:
    seen = RUNNERS[form](row)
    expected = [expected_fill(text) for text in row.fills]
    words = [(bar, side, liquidity, reason) for bar, side, _, _, liquidity, reason in seen.fills]
    assert words == [(bar, side, how, why) for bar, side, _, _, how, why in expected]
    for got, wanted in zip(seen.fills, expected, strict=True):
        assert got[2:4] == pytest.approx(wanted[2:4], rel=1e-12)
    assert seen.rejected == row.rejected
    assert seen.ambiguous == row.ambiguous
    if row.position is not None:
        assert seen.position == pytest.approx(row.position, rel=1e-12, abs=1e-12)
    if row.equity is not None:
        assert seen.equity == pytest.approx(row.equity, rel=1e-12)
    if row.paid is not None:
        assert seen.paid == pytest.approx(row.paid, rel=1e-12, abs=1e-12)
    if row.bounds is not None and seen.bounds is not None:
        assert seen.bounds == pytest.approx(row.bounds, rel=1e-9)
