"""Moving averages of one series.

All come from TA-Lib. The exponential ones start from the simple average of their first
`length` values, not from the first value alone.
"""

from __future__ import annotations

from robotrader_sdk.indicators._interface import of_prices
from robotrader_sdk.indicators._reading import FloatArray, whole_number
from robotrader_sdk.indicators._talib import talib


@of_prices(nan_spreads=True)
def sma(prices: FloatArray, length: int = 20) -> FloatArray:
    """Simple moving average: the mean of the last `length` values.

    Warm-up: `length - 1` NaN. Source: TA-Lib SMA.
    """
    return talib.SMA(prices, whole_number("length", length))


@of_prices(nan_spreads=True)
def ema(prices: FloatArray, length: int = 20) -> FloatArray:
    """Exponential moving average, smoothing factor 2 / (length + 1).

    The first value is the simple average of the first `length` values; pandas' `ewm` starts
    from the first value instead and agrees only in the long run.

    Warm-up: `length - 1` NaN. Source: TA-Lib EMA.
    """
    return talib.EMA(prices, whole_number("length", length))


@of_prices()
def wma(prices: FloatArray, length: int = 20) -> FloatArray:
    """Linearly weighted moving average: weight `length` for the newest value, 1 for the oldest.

    Warm-up: `length - 1` NaN. Source: TA-Lib WMA.
    """
    return talib.WMA(prices, whole_number("length", length))


@of_prices()
def hma(prices: FloatArray, length: int = 20) -> FloatArray:
    """Hull moving average: WMA(2 WMA(length / 2) - WMA(length), sqrt(length)).

    Half and root are rounded down.

    Warm-up: `length + floor(sqrt(length)) - 2` NaN. Source: A. Hull, 2005; TA-Lib HMA.
    """
    return talib.HMA(prices, whole_number("length", length))


@of_prices()
def dema(prices: FloatArray, length: int = 20) -> FloatArray:
    """Double exponential moving average: 2 EMA - EMA(EMA).

    Warm-up: `2 (length - 1)` NaN. Source: P. Mulloy, 1994; TA-Lib DEMA.
    """
    return talib.DEMA(prices, whole_number("length", length))


@of_prices()
def tema(prices: FloatArray, length: int = 20) -> FloatArray:
    """Triple exponential moving average: 3 EMA - 3 EMA(EMA) + EMA(EMA(EMA)).

    Warm-up: `3 (length - 1)` NaN. Source: P. Mulloy, 1994; TA-Lib TEMA.
    """
    return talib.TEMA(prices, whole_number("length", length))


@of_prices()
def kama(prices: FloatArray, length: int = 10) -> FloatArray:
    """Kaufman's adaptive moving average, fast in a trend and slow in noise.

    `length` is that of the efficiency ratio (>= 2); the smoothing runs between the factors of
    a 2-bar and a 30-bar EMA. It starts from the value before the first one it reports.

    Warm-up: `length` NaN. Source: P. Kaufman, 1995; TA-Lib KAMA.
    """
    return talib.KAMA(prices, whole_number("length", length, least=2))
