"""How much a price moves: ranges, deviations and the channels built on them."""

from __future__ import annotations

import math
from typing import Generic, NamedTuple

import numpy as np
import pandas as pd

from robotrader_sdk.errors import IndicatorError
from robotrader_sdk.indicators._interface import (
    Line,
    of_bars,
    of_prices,
    several_of_bars,
    several_of_prices,
)
from robotrader_sdk.indicators._reading import (
    Columns,
    FloatArray,
    positive_number,
    whole_number,
)
from robotrader_sdk.indicators._talib import talib


class Bollinger(NamedTuple, Generic[Line]):
    """What `bollinger` returns."""

    upper: Line
    middle: Line
    lower: Line


class Keltner(NamedTuple, Generic[Line]):
    """What `keltner` returns."""

    upper: Line
    middle: Line
    lower: Line


class Donchian(NamedTuple, Generic[Line]):
    """What `donchian` returns."""

    upper: Line
    middle: Line
    lower: Line


@of_bars("high", "low", "close")
def true_range(bars: Columns) -> FloatArray:
    """Wilder's true range: the range of the bar, widened to the close before it.

    Warm-up: 1 NaN, as the first bar has no close before it. Source: TA-Lib TRANGE.
    """
    high, low, close = bars
    return talib.TRANGE(high, low, close)


@of_bars("high", "low", "close")
def atr(bars: Columns, length: int = 14) -> FloatArray:
    """Average true range by Wilder's average (factor 1 / length), in the unit of the price.

    It starts from the mean of the first `length` true ranges, without the first bar, which
    has none. Charts that count that bar's high - low agree after a few lengths.

    Warm-up: `length` NaN. Source: J. W. Wilder, 1978; TA-Lib ATR.
    """
    high, low, close = bars
    return talib.ATR(high, low, close, whole_number("length", length))


@of_bars("high", "low", "close")
def natr(bars: Columns, length: int = 14) -> FloatArray:
    """Average true range in percent of the close.

    Warm-up: `length` NaN. Source: TA-Lib NATR.
    """
    high, low, close = bars
    return talib.NATR(high, low, close, whole_number("length", length))


@of_prices()
def stdev(prices: FloatArray, length: int = 20, ddof: int = 0) -> FloatArray:
    """Standard deviation of the last `length` values.

    Population (`ddof=0`, as Bollinger's) or sample (`ddof=1`, as pandas'). `length` >= 2.

    Warm-up: `length - 1` NaN. Source: TA-Lib STDDEV.
    """
    return _deviation(prices, whole_number("length", length, least=2), ddof)


@of_prices()
def zscore(prices: FloatArray, length: int = 20, ddof: int = 0) -> FloatArray:
    """Distance from the mean of the last `length` values in their standard deviations.

    (value - sma) / stdev; NaN where all `length` values are the same. `length` >= 2.

    Warm-up: `length - 1` NaN. Source: TA-Lib SMA and STDDEV.
    """
    window = whole_number("length", length, least=2)
    deviation = _deviation(prices, window, ddof)
    deviation[deviation == 0] = np.nan
    distance = prices - talib.SMA(prices, window)
    return np.divide(distance, deviation, out=distance)


@several_of_prices(Bollinger[pd.Series])
def bollinger(
    prices: FloatArray, length: int = 20, multiplier: float = 2.0
) -> Bollinger[FloatArray]:
    """Bollinger bands: SMA +- `multiplier` population standard deviations. `length` >= 2.

    Warm-up: `length - 1` NaN in all three. Source: J. Bollinger; TA-Lib BBANDS.
    """
    window = whole_number("length", length, least=2)
    width = positive_number("multiplier", multiplier)
    return Bollinger(*talib.BBANDS(prices, window, width, width))


@several_of_bars(Keltner[pd.Series], "high", "low", "close")
def keltner(
    bars: Columns, length: int = 20, atr_length: int = 10, multiplier: float = 2.0
) -> Keltner[FloatArray]:
    """Keltner channel: EMA of the typical price +- `multiplier` ATR.

    The typical price is (high + low + close) / 3. The ATR is Wilder's over `atr_length` bars;
    it starts from the mean of the last `atr_length` true ranges at the first bar after the
    warm-up, so that at first it differs a little from `atr`. Keltner's own form of 1960 used
    simple averages; others take the EMA of the close. `length` >= 2.

    Warm-up: `max(length - 1, atr_length)` NaN in all three. Source: L. Raschke's form;
    TA-Lib KC.
    """
    high, low, close = bars
    lines = talib.KC(
        high,
        low,
        close,
        whole_number("length", length, least=2),
        whole_number("atr_length", atr_length),
        positive_number("multiplier", multiplier),
    )
    return Keltner(*lines)


@several_of_bars(Donchian[pd.Series], "high", "low")
def donchian(bars: Columns, length: int = 20) -> Donchian[FloatArray]:
    """Donchian channel: the highest high, the lowest low and their middle.

    The bar itself counts, so its close never lies outside: for a breakout compare with the
    channel of the bar before. `length` >= 2.

    Warm-up: `length - 1` NaN in all three. Source: R. Donchian; TA-Lib DONCHIAN.
    """
    high, low = bars
    return Donchian(*talib.DONCHIAN(high, low, whole_number("length", length, least=2)))


@of_prices()
def highest(prices: FloatArray, length: int = 20) -> FloatArray:
    """Highest of the last `length` values, the current one included.

    Warm-up: `length - 1` NaN. Source: TA-Lib MAX.
    """
    window = whole_number("length", length)
    return prices.copy() if window == 1 else talib.MAX(prices, window)  # TA-Lib starts at 2


@of_prices()
def lowest(prices: FloatArray, length: int = 20) -> FloatArray:
    """Lowest of the last `length` values, the current one included.

    Warm-up: `length - 1` NaN. Source: TA-Lib MIN.
    """
    window = whole_number("length", length)
    return prices.copy() if window == 1 else talib.MIN(prices, window)  # TA-Lib starts at 2


def _deviation(prices: FloatArray, length: int, ddof: object) -> FloatArray:
    if ddof not in (0, 1):
        raise IndicatorError(f"ddof must be 0 (population) or 1 (sample), got {ddof!r}")
    return talib.STDDEV(prices, length, math.sqrt(length / (length - ddof)))
