from __future__ import annotations

import fcntl
import os
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.crash.harness import Nursery

Once = Callable[[str, Callable[[], Any]], Any]


@pytest.fixture(scope="session")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    """The process that forks lives, one for all tests of a process."""
    nursery = Nursery(tmp_path_factory.mktemp("lives") / "log")
    yield nursery
    nursery.close()


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Once:
    """`once(name, work)`: what the work gives, done by the first process of the run that asks."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent  # of all workers

    def done(name: str, work: Callable[[], Any]) -> Any:
        path = folder / f"{name.replace(' ', '-')}.pkl"
        with path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not path.exists():
                path.write_bytes(pickle.dumps(work()))
        return pickle.loads(path.read_bytes())

    return done
