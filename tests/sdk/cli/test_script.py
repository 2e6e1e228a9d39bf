"""The installed script, in processes of its own."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from .conftest import SCRIPT, Robotrader

HEAVY = ("pandas", "numpy", "pydantic", "numba", "ccxt", "plotly", "pyarrow", "matplotlib", "talib")


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from robotrader_sdk.cli.app import main; assert main(['--help']) == 0; "
        f"print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stderr == "[]\n"
    for command in ("backtest", "download", "strategies", "demo", "version"):
        assert command in done.stdout


def test_demo_prints_figures_and_writes_a_self_contained_report(
    script: Robotrader, folder: Path
) -> None:
    ended = script("demo", "--out", "new folder", COLUMNS="100")
    assert (ended.code, "Traceback" in ended.err) == (0, False), ended.err
    for expected in ("SmaCross(fast=10, slow=50", "AAPL", "Sharpe ratio", "market orders fill at"):
        assert expected in ended.out
    report = folder / "new folder" / "robotrader-demo.html"
    assert str(report) in ended.out
    assert len(ended.out[ended.out.index("Next:") :].strip().splitlines()) == 2
    page = report.read_text(encoding="utf-8")
    assert "SmaCross" in page
    assert not re.findall(r"<(?:script|img|iframe)[^>]*\ssrc=|<link[^>]*\shref=", page)


def test_json_is_all_of_stdout_though_the_strategy_prints(
    script: Robotrader, strategy_file: Path
) -> None:
    ended = script(
        "backtest", f"{strategy_file.name}:Cross", "--bars", "sample:AAPL", "--set", "length=20",
        "--json",
    )  # fmt: skip
    assert ended.code == 0, ended.err
    assert json.loads(ended.out)["parameters"]["length"] == 20
    assert "a strategy file that talks" in ended.err


def test_a_mistake_ends_with_code_2_and_one_line(script: Robotrader) -> None:
    assert "did you mean 'SmaCross'?" in script("strategies", "SmaCros").error


@pytest.mark.parametrize("args", [["strategies"], ["strategies", "--json"], ["--help"]])
def test_a_reader_that_went_away_gets_no_traceback(args: list[str]) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    try:
        done = subprocess.run(
            [SCRIPT, *args],
            stdout=write_end,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONUNBUFFERED": ""},
            timeout=60,
            check=False,
        )
    finally:
        os.close(write_end)
    assert (done.returncode, done.stderr) == (1, b"")


def test_a_terminal_without_unicode_is_served(script: Robotrader) -> None:
    ended = script("strategies", "SmaCross", PYTHONIOENCODING="ascii")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.isascii()
    assert "? 2, ? 200" in ended.out


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
def test_ctrl_c_in_a_strategy_ends_with_130_and_one_line(folder: Path) -> None:
    (folder / "slow.py").write_text(
        "import pathlib, time\n"
        "import robotrader_sdk as rt\n"
        "class Slow(rt.Strategy):\n"
        "    def signals(self, bars):\n"
        "        pathlib.Path('started').touch()\n"
        "        time.sleep(60)\n"
    )
    process = subprocess.Popen(
        [SCRIPT, "backtest", "slow.py:Slow", "--bars", "synthetic:1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Who starts the tests in the background may have SIGINT ignored, which is inherited.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    deadline = time.monotonic() + 60
    while not (folder / "started").exists() and time.monotonic() < deadline:
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, "", "Note: interrupted\n")
