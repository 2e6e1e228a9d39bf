from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.crash.harness import Nursery


@pytest.fixture(scope="session")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    """The process that forks lives, one for all tests of a process."""
    nursery = Nursery(tmp_path_factory.mktemp("lives") / "log")
    yield nursery
    nursery.close()
