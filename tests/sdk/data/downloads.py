"""A market of the local exchange, its bars loaded and compared with what is there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from robotrader_sdk.data.download import load_bars

from .binance_server import BinanceServer, milliseconds

N = 2600  # of 1h bars: three pages


def truth(server: BinanceServer, start: str, end: str) -> np.ndarray[Any, Any]:
    rows = np.array(server.rows)
    return rows[(rows[:, 0] >= milliseconds(start)) & (rows[:, 0] < milliseconds(end))]


def assert_equals_truth(bars: pd.DataFrame, server: BinanceServer, start: str, end: str) -> None:
    expected = truth(server, start, end)
    assert bars.index.as_unit("ms").asi8.tolist() == expected[:, 0].tolist()
    assert np.array_equal(bars.to_numpy(), expected[:, 1:])


def load(exchange: Any, folder: Path, *period: Any, **how: Any) -> pd.DataFrame:
    how = {"progress": False, "symbol": "BTC/USDT", "timeframe": "1h", **how}
    return load_bars(
        exchange, how.pop("symbol"), how.pop("timeframe"), *period, cache=folder, **how
    )


def asked_from(server: BinanceServer) -> list[int]:
    return [int(request["startTime"]) for request in server.klines_requests]
