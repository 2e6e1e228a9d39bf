"""One jail for all tests of a process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.runner.sandbox.jails import Prison


@pytest.fixture(scope="session")
def prison() -> Iterator[Prison]:
    """A jail at the level this host gives, with library and user strategies."""
    prison = Prison()
    yield prison
    prison.close()
