"""Bars and a strategy that the tests of runs share."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import robotrader_sdk as rt


class Cross(rt.Strategy):
    """SMA cross with a stop and a target, always on the look-out."""

    fast: int = rt.param(3, ge=2)
    slow: int = rt.param(8, ge=2)

    @property
    def warmup_bars(self) -> int:
        return self.slow

    def signals(self, bars: pd.DataFrame) -> rt.Signals:
        fast, slow = rt.ta.sma(bars["close"], self.fast), rt.ta.sma(bars["close"], self.slow)
        return rt.Signals(
            enter_long=rt.ta.crossed_above(fast, slow),
            enter_short=rt.ta.crossed_below(fast, slow),
            stop_loss=0.03,
            take_profit=0.05,
            fraction=0.9,
            indicators={"fast": fast, "slow": slow},
        )


def random_bars(n_bars: int, seed: int = 7) -> pd.DataFrame:
    """Hourly bars of a random walk."""
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, n_bars)))
    opened = np.r_[100.0, close[:-1]] * (1 + rng.normal(0, 0.002, n_bars))
    spread = np.abs(rng.normal(0, 0.004, (2, n_bars)))
    table = {
        "open": opened,
        "high": np.maximum(opened, close) * (1 + spread[0]),
        "low": np.minimum(opened, close) * (1 - spread[1]),
        "close": close,
        "volume": rng.uniform(1, 5, n_bars),
    }
    index = pd.date_range("2024-01-01", periods=n_bars, freq="h", tz="UTC", name="open_time")
    return pd.DataFrame(table, index=index)


@pytest.fixture
def bars() -> pd.DataFrame:
    return random_bars(400)


@pytest.fixture(scope="session")
def result() -> Any:
    """A run with trades of every sort: stopped, at target, reversed, ambiguous, open, rejected."""
    return rt.backtest(Cross(), random_bars(400), instrument=rt.Instrument(min_notional=5_000))
