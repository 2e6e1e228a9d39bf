"""`robotrader download`, from a cache that has it all, so that no exchange is asked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import robotrader_sdk as rt
from robotrader_sdk.cli.bars import MarketName
from robotrader_sdk.data.cache import BarCache
from robotrader_sdk.data.month_file import Market

from .conftest import Robotrader

HOUR = 3_600_000
PERIOD = ("--start", "2024-01-01", "--end", "2024-01-11")


@pytest.fixture
def cached(tmp_path: Path) -> pd.DataFrame:
    """Ten days of made-up bars in the cache, three of them missing."""
    bars = rt.synthetic_bars(240, "1h", seed=5, start="2024-01-01")
    bars = bars.drop(bars.index[50:53])
    times = bars.index.as_unit("ms").asi8
    begin = int(times[0])
    rows = np.column_stack([times.astype(float), bars.to_numpy()])
    market = Market("binance", "BTC/USDT", rt.Timeframe.parse("1h"))
    BarCache(tmp_path / "cache", market).add(rows, [(begin, begin + 240 * HOUR)])
    return bars


@pytest.mark.parametrize("ending", [".csv", ".csv.gz", ".parquet", ".feather"])
def test_a_file_reads_back_bit_for_bit(
    robotrader: Robotrader, folder: Path, cached: pd.DataFrame, ending: str
) -> None:
    ended = robotrader("download", "binance:BTC/USDT:1h", *PERIOD, "--out", f"bars{ending}")
    assert ended.code == 0
    assert "237 bars of binance:BTC/USDT:1h from 2024-01-01 00:00 to 2024-01-10 23:00" in ended.out
    assert "gaps: 1, with 3 bars missing" in ended.out
    assert str(folder / f"bars{ending}") in ended.out
    with pytest.warns(UserWarning, match="1 gap"):
        read = rt.read_bars(f"bars{ending}")
    pd.testing.assert_frame_equal(read, cached, check_exact=True, check_index_type=False)
    assert [path.name for path in folder.iterdir()] == [f"bars{ending}"]


def test_without_a_file_the_cache_is_named(
    robotrader: Robotrader, tmp_path: Path, cached: pd.DataFrame
) -> None:
    ended = robotrader("download", "binance:BTC/USDT:1h", *PERIOD)
    assert ended.code == 0
    assert str(tmp_path / "cache") in ended.out
    assert ended.err.startswith("Note: binance BTC/USDT 1h: 1 gap")


def test_a_backtest_takes_bars_of_an_exchange(robotrader: Robotrader, cached: pd.DataFrame) -> None:
    ended = robotrader("backtest", "SmaCross", "--bars", "binance:BTC/USDT:1h", *PERIOD)
    assert ended.code == 0
    assert "binance, BTC/USDT, 1h" in ended.out
    assert ended.err.count("gap") == 2  # one note: "1 gap ... find_gaps"


@pytest.mark.parametrize(
    ("text", "symbol"),
    [("binance:BTC/USDT:1h", "BTC/USDT"), ("bybit:BTC/USDT:USDT:1h", "BTC/USDT:USDT")],
)
def test_a_symbol_may_hold_a_colon(text: str, symbol: str) -> None:
    assert MarketName.parse(text).symbol == symbol
