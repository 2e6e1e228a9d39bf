"""One jail for all tests of a process."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runner.sandbox.jails import Prison


@pytest.fixture(scope="session")
def prison() -> Iterator[Prison]:
    """A jail at the level this host gives, with library and user strategies."""
    prison = Prison()
    yield prison
    prison.close()


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all processes of this test run have in common."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
