"""Where things are, and how large they may grow."""

from __future__ import annotations

import ast
import subprocess
from pathlib import Path
from statistics import median

import pytest

FOLDERS = {"robotrader_sdk", "strategies", "runner", "notebooks", "examples", "tests", ".ci"}
FILES = {
    ".gitignore", "CHANGELOG.md", "LICENSE", "Makefile", "README.md", "constraints.txt",
    "pyproject.toml",
}  # fmt: skip

LONGEST_FILE, LONGEST_FUNCTION = 400, 80


def _sources(root: Path) -> list[Path]:
    packages = ("robotrader_sdk", "strategies", "runner")
    return [path for package in packages for path in sorted((root / package).rglob("*.py"))]


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def test_the_top_level_is_exactly_this(root: Path) -> None:
    if not (root / ".git").exists():
        pytest.skip("no git checkout, so nothing says which files are committed")
    listed = subprocess.run(
        ["git", "-c", f"safe.directory={root}", "ls-files", "--cached", "--others",
         "--exclude-standard"],
        cwd=root, check=True, capture_output=True, text=True,
    ).stdout.split("\n")  # fmt: skip
    paths = [Path(line) for line in listed if line]
    assert {path.parts[0] for path in paths if len(path.parts) > 1} == FOLDERS
    assert {path.name for path in paths if len(path.parts) == 1} == FILES


def test_no_source_file_is_too_long(root: Path) -> None:
    lengths = {path.relative_to(root).as_posix(): len(_lines(path)) for path in _sources(root)}
    assert {name: n for name, n in lengths.items() if n > LONGEST_FILE} == {}
    assert median(lengths.values()) <= 150
    assert sum(n <= 250 for n in lengths.values()) >= 0.9 * len(lengths)


def test_no_function_is_too_long(root: Path) -> None:
    long = {}
    for path in _sources(root):
        if path.parent.name == "versions":
            continue  # a migration lists tables; Alembic wrote it
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                body = node.body[1:] if ast.get_docstring(node) and node.body[1:] else node.body
                length = (body[-1].end_lineno or 0) - body[0].lineno + 1
                if length > LONGEST_FUNCTION:
                    long[f"{path.name}:{node.name}"] = length
    assert long == {}


def test_every_source_file_says_what_it_is_for(root: Path) -> None:
    silent = [
        path.relative_to(root).as_posix()
        for path in _sources(root)
        if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert silent == []


def test_no_file_has_a_name_that_says_nothing(root: Path) -> None:
    vague = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "handler"}
    assert [path for path in _sources(root) if path.stem.strip("_") in vague] == []
