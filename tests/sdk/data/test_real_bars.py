"""Real bars, gaps and missing volumes included, are read as they are."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from robotrader_sdk.data.files import read_bars
from robotrader_sdk.data.gaps import fill_gaps, find_gaps, infer_timeframe
from robotrader_sdk.data.validate import BarsWarning, validate_bars
from robotrader_sdk.errors import UnreadableFileError

# name: rows, timeframe, gaps, missing bars
FILES = {
    "ETH-BTC_5m_2018-01.csv": (5760, "5m", 0, 0),
    "UNITTEST-BTC_1m_with_gaps_2017-11.csv": (13_681, "1m", 538, 717),
    "binance_BTC-USDT_1d_2020.csv": (366, "1d", 0, 0),
    "binance_XRP-USDT-perp_1h_2021-11.csv": (100, "1h", 0, 0),
    "binance_XRP-USDT-perp_5m_2021-11.csv": (1999, "5m", 0, 0),
    "bitstamp_BTC-USD_1m_2020-01-01.csv": (1440, "1m", 0, 0),
    "coinbase_BTC-USD_1d.csv": (1318, "1d", 8, 34),
}


@pytest.mark.parametrize(
    ("name", "rows", "timeframe", "gaps", "missing"),
    [(name, *facts) for name, facts in FILES.items()],
    ids=list(FILES),
)
def test_real_files_are_read_and_their_gaps_are_counted(
    real_bars: Path, name: str, rows: int, timeframe: str, gaps: int, missing: int
) -> None:
    report = pytest.warns(BarsWarning, match=f"{gaps} gaps, {missing} bars")
    with report if gaps else nullcontext():
        bars = read_bars(real_bars / name)
    assert len(bars) == rows
    assert validate_bars(bars, report_gaps=False) is bars
    assert str(infer_timeframe(bars.index)) == timeframe
    listed = find_gaps(bars)
    assert len(listed) == gaps
    assert listed["missing"].sum() == missing
    table = pd.read_csv(real_bars / name)
    assert np.array_equal(bars.to_numpy(), table.drop(columns="open_time").to_numpy())
    assert bars.index.strftime("%Y-%m-%dT%H:%M:%SZ").tolist() == table["open_time"].tolist()


def test_the_minutes_with_gaps_can_be_filled(real_bars: Path) -> None:
    with pytest.warns(BarsWarning, match="538 gaps"):
        bars = read_bars(real_bars / "UNITTEST-BTC_1m_with_gaps_2017-11.csv")
    filled = fill_gaps(bars)
    assert len(filled) == 13_681 + 717
    assert filled["filled"].sum() == 717
    assert find_gaps(filled).empty


def test_mark_prices_have_no_volume(real_bars: Path) -> None:
    bars = read_bars(real_bars / "binance_XRP-USDT-perp_1h_mark_2021-11.csv")
    assert bars["volume"].isna().all()
    assert not bars["close"].isna().any()


def test_funding_rates_are_no_bars(real_bars: Path) -> None:
    with pytest.raises(UnreadableFileError, match="the first line is 'time,funding_rate'"):
        read_bars(real_bars / "binance_XRP-USDT-perp_funding_8h_2021-11.csv")
