"""Real bars that come with the package, so that a first backtest needs no network."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from robotrader_sdk.data.spelling import did_you_mean
from robotrader_sdk.data.validate import validate_bars
from robotrader_sdk.errors import DataError

SAMPLES = ("AAPL", "FB", "GOOG", "IBM", "MSFT")

_FILE = Path(__file__).parent / "bundled" / "stocks.csv.gz"


def sample_bars(name: str) -> pd.DataFrame:
    """Real daily bars of a US stock up to 2013-03-01: AAPL, FB, GOOG, IBM or MSFT.

    From 2000-03-01, or the listing of GOOG (2004-08-19) and FB (2012-05-18). A bar's
    open_time is midnight UTC of its trading day; there are none for weekends and holidays.

    Adjusted for splits and dividends: open, high, low and close of a day are multiplied by its
    adjusted close / close, the volume is divided by it, so that price x volume stays what
    was traded. The source is public domain (Quandl WIKI Prices); see bundled/SOURCE.md.

    Raises DataError for another name.
    """
    if name not in SAMPLES:
        hint = did_you_mean(name, SAMPLES)
        raise DataError(f"there is no sample {name!r}{hint}; there are {', '.join(SAMPLES)}")
    table = pd.read_csv(_FILE)
    table = table[table["Ticker"] == name]
    adjustment = (table["Adj Close"] / table["Close"]).to_numpy()
    bars = pd.DataFrame(
        {
            "open": table["Open"].to_numpy() * adjustment,
            "high": table["High"].to_numpy() * adjustment,
            "low": table["Low"].to_numpy() * adjustment,
            "close": table["Close"].to_numpy() * adjustment,
            "volume": table["Volume"].to_numpy() / adjustment,
        },
        index=pd.DatetimeIndex(pd.to_datetime(table["Date"], utc=True), name="open_time"),
    )
    bars.attrs = {"source": "sample (Quandl WIKI Prices)", "symbol": name, "timeframe": "1d"}
    return validate_bars(bars, report_gaps=False)
