"""Bars, and other processes, that the tests of bundles share."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import robotrader_sdk as rt

ROOT = Path(__file__).parents[3]

Python = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def bars() -> Any:
    """A day of hours, which any of the shapes trades on."""
    return rt.synthetic_bars(24, seed=3)


@pytest.fixture(scope="session")
def panel() -> Any:
    return {s: rt.synthetic_bars(24, "1d", seed=k) for k, s in enumerate(("BTC/USDT", "ETH/USDT"))}


@pytest.fixture(scope="session")
def python() -> Python:
    """Run code in a process of its own, which can import the shapes."""

    def run(code: str, given: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
            input=given,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )

    return run
