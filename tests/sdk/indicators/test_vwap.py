from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import robotrader_sdk as rt

vwap = rt.ta.vwap


def flat_bars(prices: list[float], volumes: list[float], index: pd.Index) -> pd.DataFrame:
    columns = {name: np.array(prices, float) for name in ("high", "low", "close")}
    return pd.DataFrame({**columns, "volume": np.array(volumes, float)}, index=index)


def hours(start: str, size: int, tz: str | None = "UTC", step: str = "12h") -> pd.DatetimeIndex:
    return pd.date_range(start, periods=size, freq=step, tz=tz)


def test_starts_again_at_each_utc_day() -> None:
    bars = flat_bars([10, 20, 30, 60], [1, 3, 2, 1], hours("2024-01-01", 4))
    assert vwap(bars).tolist() == [10, 17.5, 30, 40]
    assert vwap(bars).name == "vwap_D"


def test_the_typical_price_counts() -> None:
    bars = flat_bars([10.0], [5], hours("2024-01-01", 1)).assign(high=16.0, low=7.0)
    assert vwap(bars).tolist() == [11]


def test_anchor_none_runs_on() -> None:
    bars = flat_bars([10, 20, 30], [1, 1, 2], hours("2024-01-01", 3))
    assert vwap(bars, anchor=None).tolist() == [10, 15, 22.5]


def test_a_week_starts_on_monday_and_a_month_on_the_first() -> None:
    days = pd.date_range("2024-06-28", periods=5, freq="D", tz="UTC")  # Friday to Tuesday
    bars = flat_bars([1, 3, 5, 7, 9], [1] * 5, days)
    assert vwap(bars, anchor="W").tolist() == [1, 2, 3, 7, 8]
    assert vwap(bars, anchor="M").tolist() == [1, 2, 3, 7, 8]
    longer = flat_bars([1, 3], [1, 1], pd.DatetimeIndex(["2024-06-30", "2024-07-02"], tz="UTC"))
    assert vwap(longer, anchor="M").tolist() == [1, 3]


def test_times_of_another_zone_are_compared_in_utc() -> None:
    utc = hours("2024-01-01", 4)
    expected = vwap(flat_bars([10, 20, 30, 60], [1, 3, 2, 1], utc)).tolist()
    for index in (utc.tz_convert("America/New_York"), utc.tz_convert(None), utc.as_unit("ns")):
        assert vwap(flat_bars([10, 20, 30, 60], [1, 3, 2, 1], index)).tolist() == expected


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_arrays_with_open_time(unit: str) -> None:
    bars = flat_bars([10, 20, 30, 60], [1, 3, 2, 1], hours("2024-01-01", 4))
    arrays = {name: bars[name].to_numpy() for name in bars}
    times = bars.index.tz_convert(None).as_unit(unit).to_numpy()
    assert vwap({**arrays, "open_time": times}).tolist() == [10, 17.5, 30, 40]
    nanoseconds = times.astype("datetime64[ns]").astype(np.int64)
    assert vwap({**arrays, "open_time": nanoseconds}).tolist() == [10, 17.5, 30, 40]


def test_without_volume_there_is_no_price() -> None:
    bars = flat_bars([10, 20, 30, 60], [0, 3, 0, 0], hours("2024-01-01", 4))
    np.testing.assert_array_equal(vwap(bars), [np.nan, 20, np.nan, np.nan])
    np.testing.assert_array_equal(vwap(bars, anchor=None), [np.nan, 20, 20, 20])


def test_rolling_over_the_last_bars() -> None:
    bars = flat_bars([10, 20, 30, 60], [1, 3, 2, 2], hours("2024-01-01", 4))
    np.testing.assert_array_equal(vwap(bars, 2), [np.nan, 17.5, 24, 45])
    assert vwap(bars, 2).name == "vwap_2"
    assert vwap({name: bars[name].to_numpy() for name in bars}, length=2).tolist()[1:] == [
        17.5,
        24,
        45,
    ]


def test_rolling_over_a_quiet_market_is_nan_and_never_a_remainder() -> None:
    # a difference of running sums would leave a tiny volume, and a price of -126
    rng = np.random.default_rng(0)
    volume = np.concatenate([rng.random(100) * 3e6, np.zeros(100), rng.random(100)])
    prices = list(100 + rng.random(300))
    rolling = vwap(flat_bars(prices, list(volume), hours("2024-01-01", 300)), 14)
    assert rolling.iloc[113:200].isna().all()
    known = rolling.dropna()
    assert len(known) == 300 - 13 - 87
    assert known.between(100, 101).all()


BAD = {
    "unknown anchor": ({"anchor": "H"}, "anchor must be 'D', 'W', 'M' or None .*, got 'H'"),
    "length 0": ({"length": 0}, "length must be a whole number >= 1, got 0"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_settings(case: str) -> None:
    settings, message = BAD[case]
    with pytest.raises(rt.errors.IndicatorError, match=message):
        vwap(flat_bars([1.0], [1.0], hours("2024-01-01", 1)), **settings)


def test_sessions_need_times() -> None:
    bars = flat_bars([1.0], [1.0], pd.RangeIndex(1))
    with pytest.raises(rt.errors.IndicatorError, match="the index is a RangeIndex"):
        vwap(bars)
    arrays = {name: bars[name].to_numpy() for name in bars}
    with pytest.raises(rt.errors.IndicatorError, match="there is no open_time"):
        vwap(arrays)
    with pytest.raises(rt.errors.IndicatorError, match="open_time holds float64 values"):
        vwap({**arrays, "open_time": np.array([1.0])})
    with pytest.raises(rt.errors.IndicatorError, match="open_time has 2 values for 1 bars"):
        vwap({**arrays, "open_time": np.array([1, 2])})
    assert vwap(bars, anchor=None).tolist() == vwap(arrays, anchor=None).tolist() == [1.0]
