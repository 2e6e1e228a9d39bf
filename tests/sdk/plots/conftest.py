"""Made-up runs to draw."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

Frames = dict[str, Any]
MakeRun = Callable[..., Frames]


def make_bars(count: int, freq: str = "1h") -> pd.DataFrame:
    generator = np.random.default_rng(count)
    close = 100.0 * np.exp(np.cumsum(generator.normal(0.0, 2e-3, count)))
    opens = np.concatenate(([100.0], close[:-1]))[:count]
    return pd.DataFrame(
        {
            "open": opens,
            "high": np.maximum(opens, close) * (1.0 + generator.uniform(0.0, 2e-3, count)),
            "low": np.minimum(opens, close) * (1.0 - generator.uniform(0.0, 2e-3, count)),
            "close": close,
            "volume": generator.uniform(1.0, 9.0, count),
        },
        index=pd.date_range("2024-01-01", periods=count, freq=freq, tz="UTC", name="open_time"),
    )


def make_run(bars: int = 300, every: int = 20, freq: str = "1h", **changes: Any) -> Frames:
    """A run that enters and leaves in turn, long and short, at each `every`-th open."""
    frame = make_bars(bars, freq)
    at = np.arange(every, bars, every)
    entry = np.arange(len(at)) % 2 == 0
    long = np.arange(len(at)) % 4 < 2
    fills = pd.DataFrame(
        {
            "time": frame.index[at],
            "side": np.where(entry == long, "buy", "sell"),
            "price": frame["open"].to_numpy()[at],
            "quantity": 2.0,
            "fee": 0.1,
            "reason": np.where(entry, "entry", np.where(long, "stop_loss", "exit")),
        }
    )
    opened, closed = at[0::2], at[1::2]
    count = len(closed)
    opens = frame["open"].to_numpy()
    pnl = (opens[closed] - opens[opened[:count]]) * np.where(np.arange(count) % 2 == 0, 2.0, -2.0)
    trades = pd.DataFrame(
        {
            "direction": np.where(np.arange(count) % 2 == 0, "long", "short"),
            "quantity": 2.0,
            "entry_time": frame.index[opened[:count]],
            "entry_price": opens[opened[:count]],
            "exit_time": frame.index[closed],
            "exit_price": opens[closed],
            "pnl": pnl,
            "status": "closed",
        }
    )
    equity = frame["close"] * 10.0
    peak = equity.cummax().clip(lower=1_000.0)
    return {
        "bars": frame,
        "fills": fills,
        "equity": equity,
        "drawdown": equity / peak - 1.0,
        "indicators": {"sma(10)": frame["close"].rolling(10).mean()},
        "trades": trades,
        "title": "SmaCross(fast=10)",
        "start_equity": 1_000.0,
    } | changes


@pytest.fixture
def run() -> MakeRun:
    return make_run
