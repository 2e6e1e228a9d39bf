"""Bars that the tests of strategies share."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest


@pytest.fixture
def bars() -> pd.DataFrame:
    """Thirty daily bars whose prices tell their number: bar k opens at 100 + k."""
    opens = 100.0 + np.arange(30)
    index = pd.date_range("2024-01-01", periods=30, freq="D", tz="UTC", name="open_time")
    table = {
        "open": opens,
        "high": opens + 2,
        "low": opens - 2,
        "close": opens + 1,
        "volume": opens * 10,
    }
    return pd.DataFrame(table, index=index)
