"""The notebook on perpetuals shows what its text says."""

from __future__ import annotations

from .kernel import Cells, said

NOTEBOOK = "03_perpetuals.ipynb"


def test_funding_is_listed_and_what_the_trades_paid(executed: Cells) -> None:
    lines = said(executed, "paid = result.funding")
    assert lines[1] == "the trades paid the same: True"
    assert "paid" in lines[2]


def test_positions_are_liquidated_and_a_stop_prevents_it(executed: Cells) -> None:
    assert any("liquidation" in line for line in said(executed, "liquidated = "))
    careful = said(executed, "class Careful")
    assert careful[1].split() == ["n_liquidations", "0"]


def test_leverage_costs_in_isolated_margin(executed: Cells) -> None:
    rows = (line.rsplit(maxsplit=4) for line in said(executed, "for leverage in")[1:])
    liquidations = {name: int(count) for name, _, count, _, _ in rows}
    assert liquidations["4 x, isolated"] == 0 < liquidations["20 x, isolated"]
    assert liquidations["20 x, isolated"] < liquidations["50 x, isolated"]


def test_mistakes_are_named(executed: Cells) -> None:
    text = "\n".join(said(executed, "size=25"))
    assert "needs more margin" in text
    assert "leverage=75 is above 50" in text
    assert "divide them by 100 if they are in percent" in text
