"""Indicators that weigh a move by the volume behind it."""

from __future__ import annotations

import functools
from typing import overload

import numpy as np
import pandas as pd

from robotrader_sdk.indicators._interface import as_series, of_bars
from robotrader_sdk.indicators._reading import (
    BarArrays,
    Columns,
    FloatArray,
    read_columns,
    whole_number,
)
from robotrader_sdk.indicators._runs import over_runs
from robotrader_sdk.indicators._sessions import session_starts
from robotrader_sdk.indicators._talib import talib


@of_bars("high", "low", "close")
def typical_price(bars: Columns) -> FloatArray:
    """Typical price: (high + low + close) / 3.

    Warm-up: none. Source: TA-Lib TYPPRICE.
    """
    high, low, close = bars
    return talib.TYPPRICE(high, low, close)


@of_bars("close", "volume")
def obv(bars: Columns) -> FloatArray:
    """On-balance volume: the running sum of volume, added on a rise, subtracted on a fall.

    An unchanged close leaves it as it is. It starts with the first bar's volume, so only its
    moves mean anything, not its level.

    Warm-up: none. Source: J. Granville, 1963; TA-Lib OBV.
    """
    close, volume = bars
    return talib.OBV(close, volume)


@of_bars("high", "low", "close", "volume")
def mfi(bars: Columns, length: int = 14) -> FloatArray:
    """Money flow index, 0 to 100: an RSI of typical price times volume.

    100 x the flow of rising bars / the flow of rising and falling bars, over `length` bars by
    the typical price; 0 where there was no flow. `length` >= 2.

    Warm-up: `length` NaN. Source: G. Quong and A. Soudack, 1989; TA-Lib MFI.
    """
    high, low, close, volume = bars
    return talib.MFI(high, low, close, volume, whole_number("length", length, least=2))


@overload
def vwap(
    bars: pd.DataFrame, length: int | None = None, *, anchor: str | None = "D"
) -> pd.Series: ...
@overload
def vwap(bars: BarArrays, length: int | None = None, *, anchor: str | None = "D") -> FloatArray: ...
def vwap(
    bars: pd.DataFrame | BarArrays, length: int | None = None, *, anchor: str | None = "D"
) -> pd.Series | FloatArray:
    """Volume-weighted average of the typical price, (high + low + close) / 3.

    Without `length` it runs from the start of each session: the UTC day (`anchor="D"`), the
    week from Monday ("W"), the calendar month ("M"), or all bars (None). With `length` it is
    that of the last `length` bars, and `anchor` has no part in it.

    Sessions need the bars' times: a DatetimeIndex (a naive one is read as UTC), or in a
    mapping of arrays `open_time`, as datetime64 or as nanoseconds since 1970 in UTC.

    NaN until a session, or where the last `length` bars, have had any volume. Warm-up
    otherwise: none; with `length`, `length - 1` NaN. Source: TA-Lib VWAP; with `length`, `ta`
    VolumeWeightedAveragePrice.
    """
    columns = read_columns(bars, ("high", "low", "close", "volume"), "vwap")
    if length is not None:
        window = whole_number("length", length)
        result = over_runs(functools.partial(_of_last_bars, length=window), columns)
        settings: list[object] = [window]
    else:
        cuts = None if anchor is None else session_starts(bars, anchor, columns[0].size)
        result = over_runs(_from_first_bar, columns, cuts)
        settings = [anchor]
    if isinstance(bars, pd.DataFrame):
        series: pd.Series = as_series(result, bars.index, "vwap", settings)
        return series
    return result


def _from_first_bar(bars: Columns) -> FloatArray:
    high, low, close, volume = bars
    average = talib.VWAP(high, low, close, volume)
    average[average == 0] = np.nan  # TA-Lib's answer to no volume, and no price to act on
    return average


def _of_last_bars(bars: Columns, length: int) -> FloatArray:
    from ta.volume import VolumeWeightedAveragePrice  # takes a second to import

    high, low, close, volume = (pd.Series(column, copy=False) for column in bars)
    averaging = VolumeWeightedAveragePrice(high, low, close, volume, window=length)
    average: FloatArray = averaging.volume_weighted_average_price().to_numpy()
    return average
