"""The bars that come with the package are the public ones, adjusted and whole."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import robotrader_sdk.data.samples as samples
from robotrader_sdk.data.samples import SAMPLES, sample_bars
from robotrader_sdk.data.validate import validate_bars
from robotrader_sdk.errors import DataError

BUNDLED = Path(samples.__file__).parent / "bundled"

# Rows and adjusted closes as the public file has them (2000-03-01 or the listing; 2013-03-01).
PUBLISHED = {
    "AAPL": (3270, 4.186662803811, 56.137353),
    "FB": (196, 38.2318, 27.78),
    "GOOG": (2148, 50.322842, 404.343169),
    "IBM": (3270, 73.667719, 175.271183),
    "MSFT": (3270, 30.225710, 24.684342),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_is_canonical_and_has_the_published_closes(name: str) -> None:
    bars = sample_bars(name)
    rows, first, last = PUBLISHED[name]
    assert validate_bars(bars) is bars
    assert len(bars) == rows
    assert bars["close"].iloc[0] == pytest.approx(first, abs=1e-6)
    assert bars["close"].iloc[-1] == pytest.approx(last, abs=1e-6)
    assert str(bars.index[-1]) == "2013-03-01 00:00:00+00:00"
    assert bars.attrs["symbol"] == name


def test_splits_are_adjusted_away() -> None:
    apple = sample_bars("AAPL").loc["2005-02-25":"2005-03-01"]
    assert apple["close"].pct_change().abs().max() < 0.02  # 2 for 1 on 2005-02-28
    assert apple["volume"].max() < 3 * apple["volume"].min()


def test_price_times_volume_is_what_was_traded() -> None:
    table = pd.read_csv(BUNDLED / "stocks.csv.gz")
    traded = (table["Close"] * table["Volume"])[table["Ticker"] == "IBM"].to_numpy()
    bars = sample_bars("IBM")
    np.testing.assert_allclose(bars["close"] * bars["volume"], traded, rtol=1e-12)


def test_each_call_gives_bars_of_ones_own() -> None:
    bars = sample_bars("FB")
    bars.iloc[0, 0] = 1e9
    assert sample_bars("FB")["open"].iloc[0] < 1e3


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("aapl", r"there is no sample 'aapl' \(did you mean 'AAPL'\?\)"),
        ("BTC/USDT", "there are AAPL, FB, GOOG, IBM, MSFT"),
        (None, "there is no sample None"),
    ],
)
def test_another_name_is_refused(name: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        sample_bars(name)


def test_the_file_is_the_public_one_and_small_and_says_where_it_is_from() -> None:
    content = (BUNDLED / "stocks.csv.gz").read_bytes()
    source = (BUNDLED / "SOURCE.md").read_text()
    assert hashlib.sha256(content).hexdigest() in source
    assert "public domain" in source
    assert len(content) < 400_000
