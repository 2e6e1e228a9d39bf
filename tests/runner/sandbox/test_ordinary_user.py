"""The jail of an ordinary user: by a user namespace, and where there are no namespaces at all."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from runner.sandbox.probes import all_probes
from tests.runner.sandbox.stacks import once

SCRIPT = Path(__file__).with_name("ordinary_user.py")
ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def found(shared: Path) -> dict[str, Any]:
    """By level, what the jail of an ordinary user has found."""
    return once(shared / "ordinary-user.json", _examine)


def _examine() -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, str(SCRIPT)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    levels: dict[str, Any] = json.loads(done.stdout)
    return levels


@pytest.mark.parametrize("level", ["full", "min"])
def test_an_ordinary_user_has_a_jail(found: dict[str, Any], level: str) -> None:
    at = found[level]
    assert at["user"] != 0
    assert at["refusal"] == ""
    assert at["problems"] == []
    assert (at["outcome"], at["n_intents"]) == ("DECIDED", 1)


@pytest.mark.parametrize("level", ["full", "min"])
@pytest.mark.parametrize("probe", [pytest.param(p, id=p.name) for p in all_probes()])
def test_a_probe_is_stopped(found: dict[str, Any], level: str, probe: Any) -> None:
    if level == "min" and probe.leaks_at_min:
        assert probe.name not in found[level]["stopped"]
    else:
        assert found[level]["stopped"][probe.name] is True
