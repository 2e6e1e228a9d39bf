"""The bars an exchange replays, of one market, as arrays; and coarser bars made of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from robotrader_sdk.data.validate import validate_bars
from runner.errors import TestnetError

_WEEK_MS = 7 * 86_400_000
_MONDAY_MS = 4 * 86_400_000
"""Weeks begin on Mondays, and 1970 began on a Thursday."""


class Kline(NamedTuple):
    """One bar as it is served; the last one of a reply may still be open."""

    open_ms: int
    close_ms: int  # its last millisecond
    open: float
    high: float
    low: float
    close: float
    volume: float


class Series:
    """Bars of one market by number, with their open times in milliseconds."""

    def __init__(self, symbol: str, bars: pd.DataFrame) -> None:
        frame = validate_bars(bars, report_gaps=False)
        if len(frame) < 2:
            raise TestnetError(f"{symbol}: two bars at least are needed, got {len(frame)}")
        index = pd.DatetimeIndex(frame.index).as_unit("ms")
        self.symbol = symbol
        self.open_ms: NDArray[np.int64] = index.asi8
        self.length_ms = int(np.diff(self.open_ms).min())
        self.open, self.high, self.low, self.close, self.volume = (
            np.array(frame[name], dtype=np.float64)
            for name in ("open", "high", "low", "close", "volume")
        )

    def __len__(self) -> int:
        return len(self.open_ms)

    def kline(self, number: int) -> Kline:
        """A whole bar."""
        open_ms = int(self.open_ms[number])
        return Kline(
            open_ms,
            open_ms + self.length_ms - 1,
            float(self.open[number]),
            float(self.high[number]),
            float(self.low[number]),
            float(self.close[number]),
            float(self.volume[number]),
        )

    @staticmethod
    def intervals(open_ms: Sequence[int] | NDArray[np.int64], interval_ms: int) -> list[int]:
        """When the intervals open that bars belong to; weeks on Mondays."""
        anchor = _MONDAY_MS if interval_ms % _WEEK_MS == 0 else 0
        times = np.asarray(open_ms, dtype=np.int64)
        found: list[int] = ((times - anchor) // interval_ms * interval_ms + anchor).tolist()
        return found

    def coarser(self, interval_ms: int, start: int, end: int) -> list[Kline]:
        """The bars from number `start` up to `end`, merged into an interval's.

        The first and the last may be cut; whoever asks gives room for whole ones.
        """
        if end <= start:
            return []
        opens = np.asarray(self.intervals(self.open_ms[start:end], interval_ms))
        firsts = np.flatnonzero(np.diff(opens, prepend=opens[0] - 1))
        lasts = np.append(firsts[1:], end - start) - 1
        part: dict[str, Any] = {
            "high": np.maximum.reduceat(self.high[start:end], firsts),
            "low": np.minimum.reduceat(self.low[start:end], firsts),
            "volume": np.add.reduceat(self.volume[start:end], firsts),
        }
        return [
            Kline(
                int(opens[first]),
                int(opens[first]) + interval_ms - 1,
                float(self.open[start + first]),
                float(part["high"][k]),
                float(part["low"][k]),
                float(self.close[start + last]),
                float(part["volume"][k]),
            )
            for k, (first, last) in enumerate(zip(firsts, lasts, strict=True))
        ]
