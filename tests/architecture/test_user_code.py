"""Where text of a user's may become code: in a jailed process, and nowhere else."""

from __future__ import annotations

import ast
from pathlib import Path

MAY_LOAD = {Path("runner/sandbox/bot_main.py")}
LOADERS = {"load_bundle", "run_path", "exec_module"}
BUILTINS = {"exec", "eval", "compile"}


def test_only_a_jailed_process_loads_bundles(root: Path) -> None:
    loading = {
        place.relative_to(root)
        for place in (root / "runner").rglob("*.py")
        if "probes" not in place.parts
        and (_names(place) & LOADERS or _names(place, attributes=False) & BUILTINS)
    }
    assert loading == MAY_LOAD


def test_states_are_opened_where_strategies_are_asked_and_nowhere_else(root: Path) -> None:
    opening = {
        place.relative_to(root)
        for place in (root / "runner/sandbox").rglob("*.py")
        if {"load_memory", "Unpickler", "loads"} & _names(place)
    }
    # `loads` of json is in the zygote and in who starts it.
    assert opening == {
        Path("runner/sandbox/state.py"),
        Path("runner/sandbox/asking.py"),
        Path("runner/sandbox/zygote.py"),
        Path("runner/sandbox/zygote_process.py"),
    }
    assert "pickle" not in _imports(root / "runner/sandbox/zygote.py")
    assert "pickle" not in _imports(root / "runner/sandbox/zygote_process.py")


def _names(place: Path, *, attributes: bool = True) -> set[str]:
    tree = ast.parse(place.read_text(encoding="utf-8"))
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    if not attributes:
        return names
    return names | {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}


def _imports(place: Path) -> set[str]:
    tree = ast.parse(place.read_text(encoding="utf-8"))
    nodes = [node for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom))]
    return {alias.name for node in nodes for alias in node.names}
