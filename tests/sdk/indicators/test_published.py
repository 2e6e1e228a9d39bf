"""Figures that others published; each file names its source."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

import robotrader_sdk as rt

ta = rt.ta
Read = Callable[[str], pd.DataFrame]


def agrees(ours: pd.Series, theirs: pd.Series, within: float) -> None:
    """Equal where they published a figure, up to its rounding."""
    given = theirs.notna()
    assert given.sum() >= 8
    np.testing.assert_allclose(ours[given], theirs[given], rtol=0, atol=within)


def test_sma_and_ema_of_stockcharts(read_published: Read) -> None:
    sheet = read_published("averages")
    agrees(ta.sma(sheet["close"], 10), sheet["sma"], 0.005)
    agrees(ta.ema(sheet["close"], 10), sheet["ema"], 0.005)
    assert ta.ema(sheet["close"], 10).isna().equals(sheet["ema"].isna())


def test_rsi_of_stockcharts_begins_where_theirs_does(read_published: Read) -> None:
    sheet = read_published("rsi")
    agrees(ta.rsi(sheet["close"], 14), sheet["rsi"], 0.005)
    assert ta.rsi(sheet["close"], 14).isna().equals(sheet["rsi"].isna())


def test_bollinger_and_stdev_of_stockcharts(read_published: Read) -> None:
    sheet = read_published("bollinger")
    bands = ta.bollinger(sheet["close"], 20, 2.0)
    for line in ("upper", "middle", "lower"):
        agrees(getattr(bands, line), sheet[line], 1e-6)
    agrees(ta.stdev(sheet["close"], 20), sheet["stdev"], 1e-6)


def test_true_range_of_stockcharts_after_the_first_bar(read_published: Read) -> None:
    sheet = read_published("atr")
    agrees(ta.true_range(sheet).iloc[1:], sheet["true_range"].iloc[1:], 1e-9)


def test_atr_differs_from_stockcharts_by_the_seed_alone(read_published: Read) -> None:
    # Theirs starts from the mean of bars 0 to 13, ours from that of bars 1 to 14; Wilder's
    # average then forgets 1/14 of the difference with each bar.
    sheet = read_published("atr")
    gap = (ta.atr(sheet, 14) - sheet["atr"]).dropna().to_numpy()
    assert gap[0] == pytest.approx((sheet["atr"][13] - sheet["true_range"][0]) / 14)
    np.testing.assert_allclose(gap[1:] / gap[:-1], 13 / 14, rtol=1e-6)


def test_cci_of_stockcharts(read_published: Read) -> None:
    sheet = read_published("cci")
    agrees(ta.cci(sheet, 20), sheet["cci"], 1e-4)


def test_mfi_of_stockcharts(read_published: Read) -> None:
    sheet = read_published("mfi")
    agrees(ta.mfi(sheet, 14), sheet["mfi"], 1e-5)


def test_obv_of_stockcharts(read_published: Read) -> None:
    sheet = read_published("obv")
    agrees(ta.obv(sheet), sheet["obv"], 0)


def test_fast_stochastic_and_williams_r_of_stockcharts(read_published: Read) -> None:
    sheet = read_published("stochastic")
    sheet["close"] = sheet["close"].fillna(sheet["high"])  # unpublished, and without influence
    lines = ta.stochastic(sheet, k=14, smooth=1, d=3)
    agrees(lines.k.iloc[15:], sheet["k"].iloc[15:], 1e-6)
    agrees(lines.d, sheet["d"], 1e-6)
    agrees(ta.williams_r(sheet, 14), sheet["williams_r"], 1e-6)


def test_roc_of_stockcharts(read_published: Read) -> None:
    sheet = read_published("roc")
    agrees(ta.roc(sheet["close"], 12), sheet["roc"], 1e-8)


def test_kama_of_stockcharts(read_published: Read) -> None:
    sheet = read_published("kama")
    agrees(ta.kama(sheet["close"], 10), sheet["kama"], 1e-6)
