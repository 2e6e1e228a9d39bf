"""Fewer points that look the same: a screen shows some thousand, a run may have a million.

Bars are merged, lines keep each stretch's lowest and highest value at their own times, and of
fills an evenly spread part is kept. No extreme is lost, and no value is made up.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

Positions = npt.NDArray[np.int64]


def bars_per_candle(bars: int, limit: int) -> int:
    """How many bars one candle must hold so that there are at most `limit` candles."""
    return max(-(-bars // limit), 1)


def merge_bars(bars: pd.DataFrame, per_candle: int) -> pd.DataFrame:
    """Every `per_candle` bars as one: first open, highest high, lowest low, last close.

    A merged bar is named by the open time of its first; volume is summed. The last one may hold
    fewer bars. The columns are those of `bars`: open, high, low, close and, where given, volume.
    """
    if per_candle <= 1:
        return bars
    firsts = np.arange(0, len(bars), per_candle)
    lasts = np.append(firsts[1:], len(bars)) - 1
    merged = {
        "open": bars["open"].to_numpy()[firsts],
        "high": np.fmax.reduceat(bars["high"].to_numpy(), firsts),
        "low": np.fmin.reduceat(bars["low"].to_numpy(), firsts),
        "close": bars["close"].to_numpy()[lasts],
    }
    if "volume" in bars:
        merged["volume"] = np.add.reduceat(bars["volume"].to_numpy(), firsts)
    return pd.DataFrame(merged, index=bars.index[firsts])


def extreme_positions(values: npt.NDArray[np.float64], limit: int) -> Positions:
    """Positions, in order, of at most about `limit` values that keep the line's shape.

    Of each of limit / 2 stretches the lowest and the highest value, and the line's two ends.
    A stretch that is all NaN keeps one NaN, so that a gap stays a gap.
    """
    count = len(values)
    if count <= max(limit, 2):
        return np.arange(count)
    stretch = -(-count // max(limit // 2, 1))
    missing = np.isnan(values)
    rows = -(-count // stretch)
    lowest = _padded(np.where(missing, np.inf, values), rows * stretch, np.inf)
    highest = _padded(np.where(missing, -np.inf, values), rows * stretch, -np.inf)
    starts = np.arange(rows) * stretch
    return np.unique(
        np.concatenate(
            [
                [0, count - 1],
                starts + lowest.reshape(rows, stretch).argmin(axis=1),
                starts + highest.reshape(rows, stretch).argmax(axis=1),
            ]
        )
    )


def spread_positions(count: int, limit: int) -> Positions:
    """At most `limit` of the positions 0 to count - 1, evenly spread, both ends among them."""
    if count <= limit:
        return np.arange(count)
    return np.unique(np.linspace(0, count - 1, limit).round().astype(np.int64))


def _padded(values: npt.NDArray[np.float64], length: int, value: float) -> npt.NDArray[np.float64]:
    return np.pad(values, (0, length - len(values)), constant_values=value)
