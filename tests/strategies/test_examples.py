"""The scripts of examples/ run as they are, and print what they promise."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from robotrader_sdk.data.samples import SAMPLES
from strategies.catalog import CATALOG

EXAMPLES = Path(__file__).parents[2] / "examples"


def run(name: str, capsys: pytest.CaptureFixture[str]) -> str:
    runpy.run_path(str(EXAMPLES / name), run_name="__main__")
    return capsys.readouterr().out


def test_every_example_is_run_here() -> None:
    assert {file.name for file in EXAMPLES.glob("*.py")} == {
        "first_backtest.py",
        "compare_strategies.py",
        "several_timeframes.py",
        "portfolio.py",
        "perpetual.py",
    }


def test_first_backtest_prints_figures_and_trades(capsys: pytest.CaptureFixture[str]) -> None:
    out = run("first_backtest.py", capsys)
    assert "MonthHigh(length=20)" in out
    assert "total_return" in out
    assert "exit_reason" in out


def test_compare_strategies_ranks_those_for_one_symbol(capsys: pytest.CaptureFixture[str]) -> None:
    lines = run("compare_strategies.py", capsys).splitlines()
    named = {line.split()[0] for line in lines if line.split()[:1]} & set(CATALOG)
    assert named == {name for name, entry in CATALOG.items() if entry.market == "symbol"}


def test_several_timeframes_trades_alike_in_both_forms(capsys: pytest.CaptureFixture[str]) -> None:
    lines = run("several_timeframes.py", capsys).splitlines()
    before, last, after = (line.split()[2:] for line in lines[2:5])
    assert before[1] == "NaN"
    assert last[0] == last[1] == after[1]
    figures = dict(line.split(maxsplit=1) for line in lines if line.startswith("n_trades"))
    event, vectorised = figures["n_trades"].split()
    assert event == vectorised
    assert int(event) > 20
    assert "the same fills: True" in lines
    alone, detailed = (line.split(": ")[1].split() for line in lines[-2:])
    assert int(alone[0]) > 10 * max(int(detailed[0]), 1)
    assert alone[2] == detailed[2]


def test_perpetual_shows_what_leverage_does(capsys: pytest.CaptureFixture[str]) -> None:
    lines = run("perpetual.py", capsys).splitlines()
    rows = {line[:13].strip(): line.split()[-5:] for line in lines[1:7]}
    assert float(rows["1 x, cross"][4]) == 0 < float(rows["1 x, isolated"][4])
    assert abs(float(rows["10 x, cross"][2])) > abs(float(rows["3 x, cross"][2])) > 1.0
    assert "isolated margin at 1 x" in lines[-1]


def test_portfolio_tells_what_each_stock_did(capsys: pytest.CaptureFixture[str]) -> None:
    lines = run("portfolio.py", capsys).splitlines()
    figures = dict(line.split() for line in lines if len(line.split()) == 2)
    table = lines.index(next(line for line in lines if line.split()[:1] == ["pnl"])) + 2
    profits = [float(line.split()[1]) for line in lines[table : table + len(SAMPLES)]]
    assert sum(profits) == pytest.approx(10_000 * float(figures["total_return"]), abs=0.1)
    assert any("weights traded monthly" in line for line in lines)
