"""The command line as a user meets it: exit code, stdout and stderr."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from robotrader_sdk.cli.app import main

SCRIPT = Path(sys.executable).with_name("robotrader")

STRATEGIES = '''
import robotrader_sdk as rt

print("a strategy file that talks")


class Cross(rt.Strategy):
    """Long above the average.

    In short.
    """

    length: int = rt.param(10, ge=2, le=50, description="bars in the average")
    name: str = rt.param("7")
    mode: str = rt.param("fast", choices=("fast", "slow"))
    step: int = rt.param(1, choices=(1, 2))
    hold: bool = rt.param(False)

    def check(self):
        if self.length == 13:
            raise ValueError("13 brings bad luck")

    def signals(self, bars):
        mean = rt.ta.sma(bars.close, self.length)
        return rt.Signals(
            enter_long=rt.ta.crossed_above(bars.close, mean),
            exit_long=rt.ta.crossed_below(bars.close, mean),
        )


class Broken(rt.Strategy):
    def signals(self, bars):
        return bars.close / {}["missing"]


class Careless(rt.Strategy):
    def check(self):
        raise TypeError("not a ValueError")


NUMBER = 1
'''


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The one line on stderr that a user's mistake ends with."""
        lines = self.err.splitlines()
        assert (self.code, self.out) == (2, ""), self
        assert len(lines) == 1, self.err
        assert lines[0].startswith("Error: ")
        return lines[0]


Robotrader = Callable[..., Ended]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder, with spaces in its name."""
    place = tmp_path / "my own strategies"
    place.mkdir()
    monkeypatch.chdir(place)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setenv("ROBOTRADER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "100")
    return place


@pytest.fixture
def strategy_file(folder: Path) -> Path:
    path = folder / "my cross.py"
    path.write_text(STRATEGIES)
    return path


@pytest.fixture
def robotrader(folder: Path, capsys: pytest.CaptureFixture[str]) -> Robotrader:
    """The command line in this process: main() is all that the script calls."""

    def run(*args: str) -> Ended:
        capsys.readouterr()
        code = main(args)
        shown = capsys.readouterr()
        return Ended(code, shown.out, _without_notice(shown.err))

    return run


@pytest.fixture
def script(folder: Path) -> Robotrader:
    """The installed script in a process of its own."""

    def run(*args: str, **environment: str) -> Ended:
        done = subprocess.run(
            [SCRIPT, *args],
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=100,
            check=False,
            env={**os.environ, **environment},
        )
        return Ended(done.returncode, done.stdout, _without_notice(done.stderr))

    return run


def _without_notice(text: str) -> str:
    """stderr without the line that says that kernels are compiled, which only the first run has."""
    lines = text.splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith("RoboTrader: compiling"))
