"""Commands and catalogs of other packages, found through real entry points."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from .conftest import SCRIPT, Robotrader

COMMANDS = """
import typer

app = typer.Typer(help="Runs bots.", no_args_is_help=True)


@app.command()
def start(name: str):
    print(f"starting {name}")


@app.command()
def crash():
    raise ZeroDivisionError("a bug")


@app.command()
def fail():
    raise typer.Exit(3)


not_an_app = 1
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: Path) -> Path:
    """A package with one good and three broken commands, and two broken catalogs."""
    place = tmp_path / "plug-in"
    metadata = place / "robot_plugin-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: robot-plugin\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(
        "[robotrader.commands]\n"
        "bots = robot_plugin_commands:app\n"
        "gone = robot_plugin_missing:app\n"
        "odd = robot_plugin_commands:not_an_app\n"
        "demo = robot_plugin_commands:app\n"
        "[robotrader.strategies]\n"
        "gone = robot_plugin_missing:CATALOG\n"
        "odd = robot_plugin_commands:not_an_app\n"
    )
    (place / "robot_plugin_commands.py").write_text(COMMANDS)
    monkeypatch.syspath_prepend(place)
    return place


@pytest.mark.usefixtures("install")
class TestPlugins:
    def test_help_lists_the_good_one_and_tells_the_broken_ones_in_one_line_each(
        self, robotrader: Robotrader
    ) -> None:
        ended = robotrader("--help")
        assert ended.code == 0
        assert "Runs bots." in ended.out
        assert "gone" not in ended.out
        notes = ended.err.splitlines()
        assert len(notes) == 3
        assert "demo" in notes[0]
        assert "gone of robot-plugin" in notes[1]
        assert "No module named 'robot_plugin_missing'" in notes[1]
        assert "expected a typer.Typer" in notes[2]

    def test_its_command_runs(self, robotrader: Robotrader) -> None:
        ended = robotrader("bots", "start", "carl")
        assert (ended.code, ended.out, ended.err) == (0, "starting carl\n", "")

    def test_its_mistakes_end_like_ours(self, robotrader: Robotrader) -> None:
        assert "Missing argument" in robotrader("bots", "start").error

    def test_its_exit_code_is_kept(self, robotrader: Robotrader) -> None:
        assert robotrader("bots", "fail").code == 3

    def test_its_help_is_shown_where_a_command_is_missing(self, robotrader: Robotrader) -> None:
        ended = robotrader("bots")
        assert ended.code == 2
        assert "Runs bots." in ended.out + ended.err
        assert "Error" not in ended.err

    def test_a_broken_one_is_an_error_when_called(self, robotrader: Robotrader) -> None:
        assert "No module named 'robot_plugin_missing'" in robotrader("gone").error

    def test_a_real_bug_keeps_its_traceback(self, robotrader: Robotrader) -> None:
        with pytest.raises(ZeroDivisionError, match="a bug"):
            robotrader("bots", "crash")

    def test_other_commands_do_not_notice_a_broken_one(self, robotrader: Robotrader) -> None:
        assert robotrader("version").err == ""

    def test_what_it_printed_for_a_reader_that_went_away_gets_no_traceback(
        self, install: Path
    ) -> None:
        read_end, write_end = os.pipe()
        os.close(read_end)
        done = subprocess.run(
            [SCRIPT, "bots", "start", "carl"],
            stdout=write_end,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(install), "PYTHONUNBUFFERED": ""},
            timeout=60,
            check=False,
        )
        os.close(write_end)
        assert (done.returncode, done.stderr) == (1, b"")

    def test_broken_catalogs_are_told_and_the_others_listed(self, robotrader: Robotrader) -> None:
        ended = robotrader("strategies")
        assert (ended.code, "SmaCross" in ended.out) == (0, True)
        assert len(ended.err.splitlines()) == 2
        assert "expected a mapping" in ended.err
