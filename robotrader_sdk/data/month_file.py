"""One month of one market as a Parquet file: its content, and how damage to it is seen.

An ordinary Parquet file with the columns open_time (ms, UTC), open, high, low, close and
volume. Its metadata, under "robotrader", say in JSON whose bars these are, which stretches of
the month are known, and a checksum over all of it: Parquet checks neither its footer nor, by
default, its pages.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from robotrader_sdk.data.coverage import Span, intersect, merge
from robotrader_sdk.data.validate import COLUMNS
from robotrader_sdk.types import Timeframe

# A bar a row: open_time in Unix milliseconds, open, high, low, close, volume.
Rows = NDArray[np.float64]
NO_ROWS: Rows = np.empty((0, 6))

_VERSION = 1
_KEY = b"robotrader"


@dataclass(frozen=True, slots=True)
class Market:
    """What a series of bars is of."""

    exchange: str
    symbol: str
    timeframe: Timeframe

    def __str__(self) -> str:
        return f"{self.exchange} {self.symbol} {self.timeframe}"


@dataclass(frozen=True, slots=True)
class Month:
    """The bars of a month, sorted, and the stretches of it that are known."""

    rows: Rows
    known: list[Span]


class DamagedFileError(Exception):
    """Bytes that are not what was written; never leaves the cache."""


def encode(month: Month, market: Market) -> bytes:
    """The bytes of the file."""
    times = pa.array(month.rows[:, 0].astype(np.int64)).cast(pa.timestamp("ms", tz="UTC"))
    prices = [pa.array(np.ascontiguousarray(column)) for column in month.rows[:, 1:].T]
    table = pa.table([times, *prices], names=["open_time", *COLUMNS])
    table = table.replace_schema_metadata({_KEY: json.dumps(_about(month, market))})
    buffer = pa.BufferOutputStream()
    pq.write_table(table, buffer, compression="zstd")
    content: bytes = buffer.getvalue().to_pybytes()
    return content


def decode(content: bytes, market: Market, bounds: Span) -> Month:
    """What `encode` was given; DamagedFileError for bytes it did not give for this market."""
    try:
        table = pq.read_table(pa.BufferReader(content))
        about = json.loads((table.schema.metadata or {})[_KEY])
        known = merge((int(start), int(end)) for start, end in about["known"])
        times = table.column("open_time").cast(pa.int64()).to_numpy()
        prices = [table.column(name).to_numpy() for name in COLUMNS]
        rows = np.column_stack([times.astype(np.float64), *prices])
    except (pa.ArrowException, OSError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise DamagedFileError((str(error).splitlines() or [type(error).__name__])[0]) from None
    month = Month(rows, known)
    if about != _about(month, market):
        raise DamagedFileError(f"it does not hold what was stored for {market}")
    if (np.diff(times) <= 0).any() or not within(rows, intersect(known, bounds)).all():
        raise DamagedFileError("its bars are out of order or outside their month")
    return month


def within(rows: Rows, spans: list[Span]) -> NDArray[np.bool_]:
    """Which of the bars open in one of the spans."""
    inside = np.zeros(len(rows), dtype=np.bool_)
    for start, end in spans:
        inside |= (rows[:, 0] >= start) & (rows[:, 0] < end)
    return inside


def _about(month: Month, market: Market) -> dict[str, object]:
    known = [list(span) for span in month.known]
    content = np.ascontiguousarray(month.rows).tobytes() + json.dumps(known).encode()
    return {
        "version": _VERSION,
        "exchange": market.exchange,
        "symbol": market.symbol,
        "timeframe": str(market.timeframe),
        "known": known,
        "checksum": zlib.crc32(content),
    }
