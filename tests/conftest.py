"""What holds for every test of the project."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import pytest

REAL_BARS = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture
def real_bars() -> Path:
    """The folder of real bars beside the repository."""
    if not REAL_BARS.is_dir():
        pytest.skip("no ../shared/data beside the repository")
    return REAL_BARS


def pytest_report_header() -> str:
    """What of the jail can be tried here."""
    if os.geteuid() == 0:
        return "jail: tried as root, and as an ordinary user"
    return "NOTE: the jail is tried as an ordinary user only; what takes root is skipped"


def pytest_collection_finish() -> None:
    """Have no collection go through the tests and the modules again, which stay to the end.

    They are more than half a million objects, of which each full collection takes a second.
    """
    gc.collect()
    gc.freeze()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI nothing may be skipped: a run with a skipped test fails there."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") != "true" or reporter is None:
        return
    skipped = len(reporter.stats.get("skipped", ()))
    if skipped:
        reporter.write_line(f"{skipped} skipped, and in CI nothing may be skipped", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
