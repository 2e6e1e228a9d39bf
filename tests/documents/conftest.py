from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from .kernel import Cells, assert_every_cell_was_run_and_none_warned, run_notebook

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Readme:
    """The README, as text and as its code blocks."""

    text: str

    def blocks(self, language: str) -> list[str]:
        """What stands in the blocks of a language, in order."""
        return re.findall(rf"^```{language}\n(.*?)^```$", self.text, re.MULTILINE | re.DOTALL)

    def commands(self, start: str) -> list[str]:
        """The lines of its shell blocks that begin so, without their comments."""
        lines = [line for block in self.blocks("sh") for line in block.splitlines()]
        return [line.split("  #")[0].strip() for line in lines if line.startswith(start)]


@pytest.fixture
def root() -> Path:
    return ROOT


@pytest.fixture(scope="module")
def executed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Cells:
    """The cells of a test file's NOTEBOOK with what they showed; none may fail or warn."""
    cells = run_notebook(request.module.NOTEBOOK, tmp_path_factory.mktemp("notebook"))
    assert_every_cell_was_run_and_none_warned(cells)
    return cells


@pytest.fixture
def readme() -> Readme:
    return Readme((ROOT / "README.md").read_text(encoding="utf-8"))


@pytest.fixture
def git() -> Callable[..., str]:
    """Run git here; skips where the project is no checkout, as in an unpacked archive."""
    if not (ROOT / ".git").exists():
        pytest.skip("no git checkout, so nothing says which files are committed")

    def run(*arguments: str) -> str:
        command = ["git", "-c", f"safe.directory={ROOT}", *arguments]
        return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout

    return run
