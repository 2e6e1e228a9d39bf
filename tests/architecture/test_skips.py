"""A skipped test fails the run in CI, and only there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SKIPS = "import pytest\n\n\ndef test_not_here():\n    pytest.skip('no database')\n"
PASSES = "def test_here():\n    pass\n"


@pytest.mark.parametrize("workers", ["0", "1"])
@pytest.mark.parametrize(
    ("ci", "tests", "status"), [("true", SKIPS, 1), ("", SKIPS, 0), ("true", PASSES, 0)]
)
def test_a_skip_fails_the_run_in_ci(
    tmp_path: Path, ci: str, tests: str, status: int, workers: str
) -> None:
    shutil.copy(Path(__file__).parents[1] / "conftest.py", tmp_path)
    (tmp_path / "test_it.py").write_text(tests)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "xdist", "-n", workers]
    done = subprocess.run(
        [*command, "--rootdir", str(tmp_path), "-c", os.devnull, str(tmp_path)],
        env={**os.environ, "CI": ci, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == status, done.stdout
    assert ("in CI nothing may be skipped" in done.stdout) == (status == 1)
