"""No notebook is left out: each has a file of tests that runs it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .kernel import NOTEBOOKS, assert_stored_small_and_without_outputs

NAMES = sorted(file.name for file in NOTEBOOKS.glob("*.ipynb"))


@pytest.mark.parametrize("name", NAMES)
def test_every_notebook_is_stored_small_and_without_outputs(name: str) -> None:
    assert_stored_small_and_without_outputs(name)


def test_every_notebook_has_its_tests() -> None:
    texts = [file.read_text(encoding="utf-8") for file in Path(__file__).parent.glob("test_*.py")]
    tested = re.findall(r'^NOTEBOOK = "(.+)"$', "\n".join(texts), re.MULTILINE)
    assert sorted(tested) == NAMES
