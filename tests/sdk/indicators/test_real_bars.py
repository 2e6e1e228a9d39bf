from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import talib

import robotrader_sdk as rt
from robotrader_sdk.indicators.catalog import CATALOG, Indicator

ta = rt.ta
Read = Callable[[str], pd.DataFrame]
DAILY, MINUTES = "binance_BTC-USDT_1d_2020.csv", "bitstamp_BTC-USD_1m_2020-01-01.csv"
FILES = [DAILY, MINUTES, "ETH-BTC_5m_2018-01.csv", "binance_XRP-USDT-perp_1h_2021-11.csv"]


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("row", CATALOG.values(), ids=list(CATALOG))
def test_every_indicator_has_a_value_at_every_bar_after_its_warm_up(
    row: Indicator, file: str, read_shared: Read
) -> None:
    bars = read_shared(file)
    given = {("series",): (bars["close"],), ("a", "b"): (bars["close"], bars["open"])}
    result = row.function(*given.get(row.inputs, (bars,)))
    lines = result if isinstance(result, tuple) else (result,)
    for line, warmup in zip(lines, row.warmup(**row.parameters), strict=True):
        values = line.to_numpy(dtype=float)
        assert len(values) == len(bars)
        assert np.isnan(values[:warmup]).all()
        known = values[warmup:]
        if row.name == "vwap":
            known = known[bars["volume"].groupby(bars.index.floor("D")).cumsum()[warmup:] > 0]
        if row.name == "zscore":
            known = known[ta.stdev(bars["close"])[warmup:] > 0]
        assert np.isfinite(known).all()


@pytest.mark.parametrize("file", FILES)
def test_levels_lie_where_they_belong(file: str, read_shared: Read) -> None:
    bars = read_shared(file)
    close = bars["close"]
    for line in (ta.rsi(close), *ta.stochastic(bars), *ta.adx(bars), *ta.aroon(bars), ta.mfi(bars)):
        assert line.dropna().between(-1e-9, 100 + 1e-9).all()
    assert ta.williams_r(bars).dropna().between(-100, 0).all()
    channel = ta.donchian(bars)
    inside = channel.upper.notna()
    assert (bars["high"] <= channel.upper)[inside].all()
    assert (bars["low"] >= channel.lower)[inside].all()
    assert (ta.atr(bars).dropna() >= 0).all()


def test_highs_of_2020_daily_bitcoin(read_shared: Read) -> None:
    bars = read_shared(DAILY)
    assert ta.highest(bars["high"], len(bars)).iloc[-1] == bars["high"].max()
    assert ta.lowest(bars["low"], len(bars)).iloc[-1] == bars["low"].min()
    # the crash of 12 March 2020 is the widest true range until the autumn
    assert ta.true_range(bars)[:"2020-09"].idxmax() == pd.Timestamp("2020-03-12", tz="UTC")


def test_a_day_of_minutes_is_one_session(read_shared: Read) -> None:
    bars = read_shared(MINUTES)
    np.testing.assert_array_equal(ta.vwap(bars), ta.vwap(bars, anchor=None))
    arrays = (bars[name].to_numpy() for name in ("high", "low", "close", "volume"))
    expected = talib.VWAP(*arrays)
    np.testing.assert_array_equal(ta.vwap(bars), np.where(expected == 0, np.nan, expected))


def test_adding_bars_one_by_one_gives_what_one_pass_gives(read_shared: Read) -> None:
    bars = read_shared(DAILY)
    whole = ta.supertrend(bars)
    for size in range(300, 330):
        last = ta.supertrend(bars.iloc[:size])
        assert last.line.iloc[-1] == whole.line.iloc[size - 1]
        assert last.direction.iloc[-1] == whole.direction.iloc[size - 1]
