"""Heavy libraries load when they are first used, and only where they belong."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

DRAWING = {"plotly", "matplotlib"}
TRADING = {"numba", "talib", "ta", "ccxt", "scipy", "tqdm", "pyarrow.parquet"}
EVERYTHING = {*DRAWING, *TRADING, "pandas", "numpy", "pydantic", "pyarrow", "rich", "typer"}

LOADED = "import json, sys; print(json.dumps(sorted(sys.modules)))"


@pytest.mark.parametrize(
    ("code", "not_loaded"),
    [
        ("import robotrader_sdk", EVERYTHING),
        ("import robotrader_sdk as rt; rt.errors.BarsError; dir(rt)", EVERYTHING),
        ("import robotrader_sdk as rt; rt.Strategy; rt.backtest; rt.Signals", DRAWING | TRADING),
        ("from strategies import SmaCross; SmaCross(fast=5)", DRAWING | TRADING),
        ("from strategies.catalog import CATALOG", EVERYTHING),
        (
            "import robotrader_sdk as rt; rt.sample_bars('FB')",
            DRAWING | TRADING - {"pyarrow.parquet"},
        ),
    ],
)
def test_stays_light(code: str, not_loaded: set[str], fresh_python: Callable[..., Any]) -> None:
    done = fresh_python(f"{code}\n{LOADED}")
    assert done.returncode == 0, done.stderr
    loaded = set(json.loads(done.stdout.splitlines()[-1]))
    assert "robotrader_sdk" in loaded or "strategies" in loaded
    assert loaded & not_loaded == set()


def _imported(path: Path) -> set[str]:
    """The top-level names a file imports anywhere, inside functions and TYPE_CHECKING too."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
        elif isinstance(node, ast.Call) and _is_import_call(node.func):
            names |= {str(a.value) for a in node.args if isinstance(a, ast.Constant)}
    return {name.partition(".")[0] for name in names}


def _is_import_call(function: ast.expr) -> bool:
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    return name in {"import_module", "__import__"}


def _importers(root: Path, library: str) -> set[str]:
    sources = [p for part in ("robotrader_sdk", "strategies") for p in (root / part).rglob("*.py")]
    return {p.relative_to(root).as_posix() for p in sources if library in _imported(p)}


def test_only_the_download_imports_ccxt(root: Path) -> None:
    assert _importers(root, "ccxt") == {"robotrader_sdk/data/download.py"}


@pytest.mark.parametrize(
    ("library", "part"),
    [
        ("plotly", "robotrader_sdk/plots/"),
        ("matplotlib", "robotrader_sdk/plots/"),
        ("talib", "robotrader_sdk/indicators/"),
        ("ta", "robotrader_sdk/indicators/"),
        ("numba", "robotrader_sdk/compile"),
        ("typer", "robotrader_sdk/cli/"),
    ],
)
def test_a_library_stays_in_its_part(library: str, part: str, root: Path) -> None:
    importers = _importers(root, library)
    assert importers
    assert {file for file in importers if not file.startswith(part)} == set()


@pytest.mark.parametrize(
    "source",
    [
        "import ccxt",
        "def load():\n    from ccxt.base import errors",
        "import importlib\nimportlib.import_module('ccxt.pro')",
    ],
)
def test_an_import_is_seen_wherever_it_stands(source: str, tmp_path: Path) -> None:
    (tmp_path / "some.py").write_text(source, encoding="utf-8")
    assert "ccxt" in _imported(tmp_path / "some.py")


def test_sql_is_written_by_repositories_only(root: Path) -> None:
    """The journal is one, storage is below it; the lock asks PostgreSQL itself."""
    allowed = ("runner/storage/", "runner/execution/journal/", "runner/execution/lock.py")
    writes = {"select", "insert", "update", "delete", "text", "func"}
    found = []
    for path in sorted((root / "runner").rglob("*.py")):
        name = path.relative_to(root).as_posix()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            is_sql = isinstance(node, ast.ImportFrom) and node.module == "sqlalchemy"
            if is_sql and writes & {alias.name for alias in node.names}:
                found.append(name)
    assert [name for name in found if not name.startswith(allowed)] == []
    assert found
