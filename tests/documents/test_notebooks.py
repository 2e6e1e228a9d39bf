"""No notebook is left out: each has a file of tests that runs it."""

from __future__ import annotations

import re
from pathlib import Path

from .kernel import NOTEBOOKS


def test_every_notebook_has_its_tests() -> None:
    texts = [file.read_text(encoding="utf-8") for file in Path(__file__).parent.glob("test_*.py")]
    tested = re.findall(r'^NOTEBOOK = "(.+)"$', "\n".join(texts), re.MULTILINE)
    assert sorted(tested) == sorted(file.name for file in NOTEBOOKS.glob("*.ipynb"))
