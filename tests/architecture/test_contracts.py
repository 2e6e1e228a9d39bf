"""Who may import whom: the contracts of pyproject.toml hold, and each of them can fail."""

from __future__ import annotations

import shutil
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

LINT = """
import sys
from importlinter.cli import lint_imports
sys.exit(lint_imports(no_cache=True, no_logo=True))
"""

# Inside a function, where a reader would overlook it.
FORBIDDEN = {
    "robotrader_sdk/trading/order.py": ["strategies", "ccxt", "robotrader_sdk.strategy.base"],
    "robotrader_sdk/analytics/ratios.py": ["robotrader_sdk.indicators", "runner"],
    "strategies/sma_cross.py": ["httpx"],
    "runner/testnet/core/orders.py": ["sanic", "ccxt", "runner.testnet.gate"],
    "runner/execution/tick.py": ["sanic", "ccxt", "runner.execution.engine", "plotly"],
    "runner/storage/writer.py": ["runner.execution.tick"],
    "runner/sandbox/wire.py": ["runner.execution.broker"],
}


def _settings(root: Path) -> dict[str, Any]:
    with (root / "pyproject.toml").open("rb") as file:
        settings: dict[str, Any] = tomllib.load(file)["tool"]["importlinter"]
    return settings


def test_the_contracts_hold(root: Path, fresh_python: Callable[..., Any]) -> None:
    linted = fresh_python(LINT, root)
    assert linted.returncode == 0, linted.stdout + linted.stderr


def test_each_contract_sees_a_forbidden_import(
    root: Path, tmp_path: Path, fresh_python: Callable[..., Any]
) -> None:
    for package in ("robotrader_sdk", "strategies", "runner"):
        shutil.copytree(root / package, tmp_path / package, ignore=shutil.ignore_patterns("*.nb?"))
    shutil.copy(root / "pyproject.toml", tmp_path)
    for file, modules in FORBIDDEN.items():
        with (tmp_path / file).open("a", encoding="utf-8") as source:
            source.write("\n\ndef _later():\n")
            source.writelines(f"    import {module}\n" for module in modules)
    linted = fresh_python(LINT, tmp_path)
    assert linted.returncode == 1, linted.stderr
    said = " ".join(linted.stdout.split())
    for contract in _settings(root)["contracts"]:
        assert f"{contract['name']} BROKEN" in said
    for importer, imported in (
        ("robotrader_sdk.trading", "robotrader_sdk.strategy"),
        ("robotrader_sdk.analytics", "robotrader_sdk.indicators"),
    ):
        assert f"{importer} is not allowed to import {imported}" in said


def test_every_part_of_the_sdk_has_a_layer(root: Path) -> None:
    (known,) = [_parts(c) for c in _layers(root) if c["containers"] == ["robotrader_sdk"]]
    parts = {
        path.stem
        for path in (root / "robotrader_sdk").iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert parts - {"__init__"} == known


def test_every_part_of_the_local_exchange_has_a_layer(root: Path) -> None:
    (known,) = [_parts(c) for c in _layers(root) if c["containers"] == ["runner.testnet"]]
    parts = {
        path.stem
        for path in (root / "runner/testnet").iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert parts - {"__init__"} == known


def _layers(root: Path) -> list[dict[str, Any]]:
    return [c for c in _settings(root)["contracts"] if c["type"] == "layers"]


def _parts(contract: dict[str, Any]) -> set[str]:
    return {part.strip() for layer in contract["layers"] for part in layer.split("|")}
