"""`python -m runner.execution` as a user starts it, against `robotrader testnet`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runner.testnet.test_command import Running

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def exchange() -> Iterator[Running]:
    running = Running("--synthetic", "3", "--speed", "120x", "--balance", "USDT=100000")
    yield running
    running.end()


def command(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "runner.execution", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "120", **environment},
    )


def options(exchange: Running, folder: Path, *more: str) -> list[str]:
    return [
        "SmaCross", "--url", exchange.url, "--symbol", "BTC/USDT", "--set", "fast=2", "--set",
        "slow=4", "--database", f"sqlite:///{folder / 'bot.db'}", *more,
    ]  # fmt: skip


def test_it_says_what_it_does_and_goes_on_after_a_kill(exchange, tmp_path):
    first = command(*options(exchange, tmp_path))
    assert first.stdout is not None
    lines: list[str] = []
    while not any("entry: buy market" in line and "filled" in line for line in lines):
        lines.append(first.stdout.readline())
        assert lines[-1], (lines, first.communicate())
    first.send_signal(signal.SIGKILL)
    first.communicate()
    assert lines[0] == "bot 1: SmaCross on BTC/USDT at binance, 1m bars, 1000 USDT\n"

    out, err = command(*options(exchange, tmp_path, "--bars", "3")).communicate(timeout=60)
    assert err == ""
    assert out.startswith("bot 1: SmaCross")
    assert out.count("equity") >= 3
    assert "entry: buy market" in out  # of before, from the journal


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--symbol", "ETH/USDT"), "one symbol"),
        (("--symbol", "BTC/USDX"), "did you mean"),
        (("--set", "fest=2"), "fast"),
        (("--capital", "much"), "not a number"),
        (("--timeframe", "7x"), "7x"),
        (("--timeframe", "7m"), "1m, "),
        (("--exchange", "mtgox"), "mtgox"),
    ],
)
def test_mistakes_are_said_without_a_traceback(exchange, tmp_path, more, said):
    process = command(*options(exchange, tmp_path, *more))
    out, err = process.communicate(timeout=60)
    assert process.returncode == 2, out + err
    assert said in err
    assert "Traceback" not in out + err


def test_an_exchange_that_is_not_there_is_said(tmp_path):
    process = command("SmaCross", "--url", "http://127.0.0.1:9", "--symbol", "BTC/USDT",
                      "--database", f"sqlite:///{tmp_path / 'bot.db'}")  # fmt: skip
    out, err = process.communicate(timeout=60)
    assert process.returncode == 2, out + err
    assert "Traceback" not in out + err
    assert "is there a local exchange at http://127.0.0.1:9" in err
