"""--bars as a user writes it: a file, `exchange:symbol:timeframe`, a sample or synthetic bars.

Before it there may be a name, `NAME=SOURCE`: what the symbol is called in the run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import robotrader_sdk as rt
from robotrader_sdk.cli.errors import CommandError
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


def read_symbols(
    sources: Sequence[str], start: str | None = None, end: str | None = None
) -> dict[str, pd.DataFrame]:
    """The bars of each source by symbol, as named before it, by itself or by its file.

    CommandError if two sources have one symbol; and what `read_source` raises.
    """
    frames: dict[str, pd.DataFrame] = {}
    for text in sources:
        name, source = split_name(text)
        bars = read_source(source, start, end)
        symbol = name or str(bars.attrs.get("symbol") or _named_by(source))
        if symbol in frames:
            raise CommandError(
                f"--bars {text}: there are bars of {symbol} already; name one of them, as "
                f"--bars NAME={source}"
            )
        if name:
            bars.attrs["symbol"] = name
        frames[symbol] = bars
    return frames


def split_name(text: str) -> tuple[str, str]:
    """The name and the source of `NAME=SOURCE`; no name where the whole is a file's."""
    name, equals, source = text.partition("=")
    if not equals or Path(text).expanduser().exists():
        return "", text
    if not name.strip() or not source.strip():
        raise CommandError(
            f"--bars {text!r} is not understood; expected SOURCE or NAME=SOURCE, such as "
            f"BTC/USDT=btc.csv"
        )
    return name.strip(), source.strip()


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


def _named_by(source: str) -> str:
    """A file's name without its endings; another source's own text."""
    return Path(source).name.split(".")[0] if Path(source).expanduser().exists() else source


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
