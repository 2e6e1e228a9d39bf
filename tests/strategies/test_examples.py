"""The scripts of examples/ run as they are, and print what they promise."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from strategies.catalog import CATALOG

EXAMPLES = Path(__file__).parents[2] / "examples"


def run(name: str, capsys: pytest.CaptureFixture[str]) -> str:
    runpy.run_path(str(EXAMPLES / name), run_name="__main__")
    return capsys.readouterr().out


def test_every_example_is_run_here() -> None:
    assert {file.name for file in EXAMPLES.glob("*.py")} == {
        "first_backtest.py",
        "compare_strategies.py",
    }


def test_first_backtest_prints_figures_and_trades(capsys: pytest.CaptureFixture[str]) -> None:
    out = run("first_backtest.py", capsys)
    assert "MonthHigh(length=20)" in out
    assert "total_return" in out
    assert "exit_reason" in out


def test_compare_strategies_ranks_the_whole_catalog(capsys: pytest.CaptureFixture[str]) -> None:
    lines = run("compare_strategies.py", capsys).splitlines()
    assert {line.split()[0] for line in lines if line.split()[:1]} >= set(CATALOG)
