from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

SHARED = Path(__file__).parents[3].parent / "shared" / "data"


def _random_bars(size: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, size)))
    opened = close * np.exp(rng.normal(0, 0.004, size))
    return pd.DataFrame(
        {
            "open": opened,
            "high": np.maximum(opened, close) * (1 + rng.random(size) * 0.01),
            "low": np.minimum(opened, close) * (1 - rng.random(size) * 0.01),
            "close": close,
            "volume": 1 + 100 * rng.random(size),
        },
        index=pd.date_range("2024-02-27", periods=size, freq="37min", tz="UTC"),
    )


@pytest.fixture(scope="session")
def random_bars() -> Callable[[int, int], pd.DataFrame]:
    """Bars of a random walk, given how many and a seed."""
    return _random_bars


@pytest.fixture
def bars() -> pd.DataFrame:
    return _random_bars(600, 0)


@pytest.fixture(scope="session")
def read_published() -> Callable[[str], pd.DataFrame]:
    """A worksheet that others published; its first line names the source."""

    def read(name: str) -> pd.DataFrame:
        return pd.read_csv(Path(__file__).parent / "published" / f"{name}.csv", comment="#")

    return read


@pytest.fixture(scope="session")
def read_shared() -> Callable[[str], pd.DataFrame]:
    """Real bars that lie beside the repository; the test is skipped where they don't."""

    def read(name: str) -> pd.DataFrame:
        path = SHARED / name
        if not path.exists():
            pytest.skip(f"{name} is not beside this checkout")
        return pd.read_csv(path, index_col="open_time", parse_dates=True)

    return read
