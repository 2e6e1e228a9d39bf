"""--bars as a user writes it: a file, `exchange:symbol:timeframe`, a sample or synthetic bars."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import robotrader_sdk as rt
from robotrader_sdk.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

FORMS = (
    "a file (.csv, .parquet, .feather ...), exchange:symbol:timeframe such as "
    "binance:BTC/USDT:1h, sample:AAPL, or synthetic:SEED"
)


@dataclass(frozen=True, slots=True)
class MarketName:
    """`exchange:symbol:timeframe`; a symbol may hold colons itself (`bybit:BTC/USDT:USDT:1h`)."""

    exchange: str
    symbol: str
    timeframe: str

    @classmethod
    def parse(cls, text: str) -> MarketName:
        """DataError if a part is missing."""
        exchange, _, rest = text.partition(":")
        symbol, _, timeframe = rest.rpartition(":")
        if not (exchange and symbol and timeframe):
            raise DataError(
                f"{text!r} names no market; expected exchange:symbol:timeframe, such as "
                f"binance:BTC/USDT:1h"
            )
        return cls(exchange, symbol, timeframe)


def read_source(source: str, start: str | None = None, end: str | None = None) -> pd.DataFrame:
    """The bars of a source with start <= open_time < end.

    DataError if the source is of no known form, or has no bars in the period; and what
    rt.read_bars, rt.load_bars, rt.sample_bars and rt.synthetic_bars raise.
    """
    kind, separator, rest = source.partition(":")
    if Path(source).expanduser().exists():
        return _within(rt.read_bars(source), source, start, end)
    if kind == "sample" and separator:
        return _within(_sample(rest), source, start, end)
    if kind == "synthetic" and separator:
        return _within(_synthetic(rest), source, start, end)
    if source.count(":") >= 2:
        market = MarketName.parse(source)
        return rt.load_bars(market.exchange, market.symbol, market.timeframe, start, end)
    if not separator and Path(source).suffix:
        return rt.read_bars(source)  # which says what is wrong with the file
    raise DataError(f"bars {source!r} are not understood; expected {FORMS}")


def _sample(name: str) -> pd.DataFrame:
    from robotrader_sdk.data.samples import SAMPLES

    return rt.sample_bars(name.upper() if name.upper() in SAMPLES else name)


def _synthetic(seed: str) -> pd.DataFrame:
    if not seed.isdecimal():
        raise DataError(f"synthetic:{seed} has no seed; expected a whole number, as synthetic:7")
    return rt.synthetic_bars(seed=int(seed))


def _within(bars: pd.DataFrame, source: str, start: str | None, end: str | None) -> pd.DataFrame:
    import pandas as pd

    from robotrader_sdk.data.period import read_period

    begin, finish = (
        None if time is None else pd.Timestamp(time, unit="ms", tz="UTC")
        for time in read_period(start, end)
    )
    lower = 0 if begin is None else bars.index.searchsorted(begin)
    upper = len(bars) if finish is None else bars.index.searchsorted(finish)
    if lower == upper:
        raise DataError(
            f"{source} has no bars from {start or 'its first'} to {end or 'its last'}; it has "
            f"those from {bars.index[0]} to {bars.index[-1]}"
        )
    return bars.iloc[lower:upper]
