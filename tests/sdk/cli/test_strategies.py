"""`robotrader strategies`: the catalogs as a table and as JSON."""

from __future__ import annotations

import json
from pathlib import Path

from strategies.catalog import CATALOG

from .conftest import Robotrader


def test_the_list_shows_every_strategy_with_its_parameters(robotrader: Robotrader) -> None:
    ended = robotrader("strategies")
    assert (ended.code, ended.err) == (0, "")
    for name in CATALOG:
        assert name in ended.out
    assert "fast = 10 (≥ 2, ≤ 200)" in ended.out
    assert "multiplier = 3.0 (> 0, ≤ 20)" in ended.out
    assert "seed" not in ended.out


def test_the_list_as_json_has_ideas_and_schemas(robotrader: Robotrader) -> None:
    ended = robotrader("strategies", "--json")
    rows = {row["name"]: row for row in json.loads(ended.out)}
    assert list(rows) == list(CATALOG)
    row = rows["SmaCross"]
    assert row["idea"] == CATALOG["SmaCross"].idea
    assert row["class"] == "strategies.sma_cross:SmaCross"
    assert row["parameters"]["properties"]["fast"]["maximum"] == 200
    assert {name: row["market"] for name, row in rows.items()} == {
        name: entry.market for name, entry in CATALOG.items()
    }


def test_one_is_shown_with_its_docstring_and_bounds(
    robotrader: Robotrader, strategy_file: Path
) -> None:
    ended = robotrader("strategies", f"{strategy_file.name}:Cross")
    assert ended.code == 0
    for expected in ("In short.", "≥ 2, ≤ 50", "bars in the average", "fast | slow", "seed"):
        assert expected in ended.out


def test_it_is_told_what_a_strategy_is_for(robotrader: Robotrader) -> None:
    assert "RiskParity  for a panel" in robotrader("strategies", "RiskParity").out
    assert "Grid  for one symbol" in robotrader("strategies", "grid").out
    lines = robotrader("strategies").out.splitlines()
    (line,) = [line for line in lines if "PairsReversion" in line]
    assert "a panel" in line


def test_one_as_json_is_all_of_stdout(robotrader: Robotrader, strategy_file: Path) -> None:
    ended = robotrader("strategies", f"{strategy_file.name}:Cross", "--json")
    told = json.loads(ended.out)
    assert (told["name"], told["idea"]) == ("Cross", "Long above the average.")
    assert "In short." in told["description"]
    assert "a strategy file that talks" in ended.err


def test_the_version_names_what_results_depend_on(robotrader: Robotrader) -> None:
    assert robotrader("--version").out.startswith("robotrader 0.")
    assert "numba" in robotrader("version").out


def test_no_command_shows_the_help(robotrader: Robotrader) -> None:
    ended = robotrader()
    assert ended.code == 0
    assert "backtest" in ended.out
