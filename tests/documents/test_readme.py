"""The README tells the truth: its code runs, its output is real, its names and commands exist."""

from __future__ import annotations

import ast
import inspect
import linecache
import os
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

import robotrader_sdk as rt
from robotrader_sdk.cli.app import app, main
from runner import cli as runner_cli
from strategies.catalog import CATALOG


def _needs_an_exchange(block: str) -> bool:
    return "rt.load_bars(" in block


def _without_trailing_blanks(text: str) -> list[str]:
    return [line.rstrip() for line in text.rstrip().splitlines()]


def _run_blocks(blocks: list[str]) -> dict[str, Any]:
    namespace: dict[str, Any] = {"__name__": "readme"}
    for number, block in enumerate(blocks):
        if not _needs_an_exchange(block):
            name = f"<README {number}>"
            # As in a notebook, where the source of a class is at hand.
            linecache.cache[name] = (len(block), None, block.splitlines(keepends=True), name)
            exec(compile(block, name, "exec"), namespace)
    return namespace


def test_opens_with_the_two_commands(readme: Any) -> None:
    first = readme.text.split("```", 2)[1]
    assert [line.split("#")[0].strip() for line in first.splitlines()[1:3]] == [
        "make demo",
        "make test",
    ]


def test_the_first_example_prints_the_output_below_it(
    readme: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    example = readme.blocks("python")[0]
    assert len(example.strip().splitlines()) <= 10
    _run_blocks([example])
    shown = _without_trailing_blanks(capsys.readouterr().out)
    assert shown == _without_trailing_blanks(readme.blocks("text")[0])


def test_all_its_code_runs(readme: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = _run_blocks(readme.blocks("python"))
    assert names["same"].equity.equals(names["result"].equity)
    assert len(names["breakout"].trades) > 10
    assert len(names["dip"].trades) > 10
    assert len(names["same_trades"]) > 0
    assert names["decision"].is_decided
    assert (tmp_path / "report.html").stat().st_size > 10_000


def test_what_it_asks_of_an_exchange_is_a_valid_call(readme: Any) -> None:
    (block,) = [block for block in readme.blocks("python") if _needs_an_exchange(block)]
    calls = [node for node in ast.walk(ast.parse(block)) if isinstance(node, ast.Call)]
    for call in calls:
        named = {str(word.arg): ast.literal_eval(word.value) for word in call.keywords}
        plain = [ast.literal_eval(value) for value in call.args]
        inspect.signature(rt.load_bars).bind(*plain, **named)


def test_every_name_it_gives_exists(readme: Any) -> None:
    result = rt.backtest(CATALOG["BuyAndHold"].load()(), rt.sample_bars("FB"))
    for owner, name in re.findall(r"\b(rt|rt\.ta|result)\.([A-Za-z_]+)", readme.text):
        assert hasattr({"rt": rt, "rt.ta": rt.ta, "result": result}[owner], name), f"{owner}.{name}"
    (row,) = re.findall(r"^\| `result\.stats` \|(.*)\|$", readme.text, re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", row)) <= set(result.stats.index)


def test_its_links_lead_somewhere(readme: Any, root: Path) -> None:
    targets = re.findall(r"\]\(([^)#:]+)\)", readme.text)
    assert targets
    assert [target for target in targets if not (root / target).exists()] == []


def test_its_make_targets_exist(readme: Any, root: Path) -> None:
    rules = re.findall(r"^([a-z-]+):", (root / "Makefile").read_text(), re.MULTILINE)
    mentioned = re.findall(r"^(?:make) ([a-z-]+)|`make ([a-z-]+)`", readme.text, re.MULTILINE)
    wanted = {first or second for first, second in mentioned}
    assert wanted >= {"demo", "test", "lint", "bench"}
    assert wanted <= set(rules)


def test_the_check_that_it_names_can_be_run(readme: Any, root: Path) -> None:
    assert readme.commands(".ci/run") == [".ci/run"]
    assert os.access(root / ".ci" / "run", os.X_OK)


def test_its_strategies_are_those_of_the_catalog(readme: Any) -> None:
    rows = re.findall(r"^\| `([A-Z]\w+)` \| (\w+) \| (\w+) \| (.*) \|$", readme.text, re.MULTILINE)
    assert rows == [(name, e.form, e.family, e.idea) for name, e in CATALOG.items()]


def test_its_command_lines_run(
    readme: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (own,) = [block for block in readme.blocks("python") if "class Breakout" in block]
    Path("mine.py").write_text("import robotrader_sdk as rt\n" + own.split("\n\n\nbreakout")[0])
    rt.synthetic_bars(500, seed=1).to_parquet("btc.parquet")
    lines = readme.commands("robotrader")
    assert {line.split()[1] for line in lines} == {
        "strategies",
        "backtest",
        "download",
        "demo",
        "testnet",
        "doctor",
    }
    for line in lines:
        arguments = shlex.split(line, comments=True)[1:]
        if arguments[0] == "download":  # would ask an exchange: only read
            group: Any = typer.main.get_command(app)
            group.commands["download"].make_context("download", arguments[1:])
        elif arguments[0] == "testnet":  # would serve for ever: only read
            typer.main.get_command(runner_cli.testnet).make_context("testnet", arguments[1:])
        else:
            assert main(arguments) == 0, f"{line}\n{capfd.readouterr().err}"
    assert Path("out.html").exists()
