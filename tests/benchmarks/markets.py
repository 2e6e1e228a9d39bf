"""The market every benchmark runs on: a seeded random walk of one-minute bars."""

from __future__ import annotations

import numpy as np
import pandas as pd


def random_walk(n_bars: int, seed: int = 1) -> pd.DataFrame:
    """Bars whose opens are the closes before, with a little range around both."""
    rng = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 1e-3, n_bars)))
    opens = np.concatenate([close[:1], close[:-1]])
    return pd.DataFrame(
        {
            "open": opens,
            "high": np.maximum(opens, close) * 1.0002,
            "low": np.minimum(opens, close) * 0.9998,
            "close": close,
            "volume": np.ones(n_bars),
        },
        index=pd.date_range("2000-01-01", periods=n_bars, freq="min", tz="UTC", name="open_time"),
    )
