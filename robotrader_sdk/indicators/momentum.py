"""Oscillators: how fast, and how far within its range, a price has moved.

All come from TA-Lib. Where a market stands still an oscillator is 0 / 0, and TA-Lib's answer
is 0: for `rsi` and `stochastic` that reads as oversold, for `williams_r` as overbought.
"""

from __future__ import annotations

from typing import Generic, NamedTuple

import pandas as pd

from robotrader_sdk.errors import IndicatorError
from robotrader_sdk.indicators._interface import (
    Line,
    of_bars,
    of_prices,
    several_of_bars,
    several_of_prices,
)
from robotrader_sdk.indicators._reading import Columns, FloatArray, whole_number
from robotrader_sdk.indicators._talib import talib


class Macd(NamedTuple, Generic[Line]):
    """What `macd` returns."""

    macd: Line
    signal: Line
    histogram: Line


class Stochastic(NamedTuple, Generic[Line]):
    """What `stochastic` returns."""

    k: Line
    d: Line


@of_prices()
def rsi(prices: FloatArray, length: int = 14) -> FloatArray:
    """Wilder's relative strength index, 0 to 100; not Cutler's, which uses simple averages.

    100 x gain / (gain + loss), where gain and loss are the rises and falls smoothed by
    Wilder's average (factor 1 / length), which starts from the mean of the first `length`.
    A market that has not moved at all gives 0. `length` >= 2.

    Warm-up: `length` NaN. Source: J. W. Wilder, New Concepts in Technical Trading Systems,
    1978; TA-Lib RSI.
    """
    return talib.RSI(prices, whole_number("length", length, least=2))


@several_of_prices(Macd[pd.Series])
def macd(prices: FloatArray, fast: int = 12, slow: int = 26, signal: int = 9) -> Macd[FloatArray]:
    """Moving average convergence / divergence, in the unit of the price.

    macd = EMA(fast) - EMA(slow), signal = EMA(macd, signal), histogram = macd - signal.
    Both averages start at the same bar (the fast one from the last `fast` of the first `slow`
    values), so at first `macd` differs a little from `ema(fast) - ema(slow)`.
    2 <= `fast` < `slow`.

    Warm-up: `slow + signal - 2` NaN in all three. Source: G. Appel, 1979; TA-Lib MACD.
    """
    quick = whole_number("fast", fast, least=2)
    if whole_number("slow", slow) <= quick:
        raise IndicatorError(f"slow must be above fast, got fast={fast} and slow={slow}")
    return Macd(*talib.MACD(prices, quick, slow, whole_number("signal", signal)))


@several_of_bars(Stochastic[pd.Series], "high", "low", "close")
def stochastic(bars: Columns, k: int = 14, smooth: int = 3, d: int = 3) -> Stochastic[FloatArray]:
    """Slow stochastic oscillator, 0 to 100: where the close lies in the range of `k` bars.

    k = SMA of 100 x (close - lowest low) / (highest high - lowest low) over `smooth` bars,
    d = SMA of k over `d` bars. `smooth=1` gives the fast stochastic. 0 where the range is 0.

    Warm-up: `k + smooth + d - 3` NaN in both. Source: G. Lane; TA-Lib STOCH.
    """
    high, low, close = bars
    lines = talib.STOCH(
        high,
        low,
        close,
        fastk_period=whole_number("k", k),
        slowk_period=whole_number("smooth", smooth),
        slowd_period=whole_number("d", d),
    )
    return Stochastic(*lines)


@of_prices()
def roc(prices: FloatArray, length: int = 10) -> FloatArray:
    """Rate of change in percent, as it is published: 100 x (value / value `length` ago - 1).

    0 where the earlier value is 0.

    Warm-up: `length` NaN. Source: TA-Lib ROC.
    """
    return talib.ROC(prices, whole_number("length", length))


@of_bars("high", "low", "close")
def cci(bars: Columns, length: int = 20) -> FloatArray:
    """Commodity channel index: distance of the typical price from its mean, most within +-100.

    (TP - SMA(TP)) / (0.015 x mean absolute deviation), TP = (high + low + close) / 3.
    0 where the deviation is 0. `length` >= 2. Time grows with `length`.

    Warm-up: `length - 1` NaN. Source: D. Lambert, 1980; TA-Lib CCI.
    """
    high, low, close = bars
    return talib.CCI(high, low, close, whole_number("length", length, least=2))


@of_bars("high", "low", "close")
def williams_r(bars: Columns, length: int = 14) -> FloatArray:
    """Williams %R, -100 to 0: how far the close lies below the highest high.

    -100 x (highest high - close) / (highest high - lowest low); 0 where the range is 0.
    `length` >= 2.

    Warm-up: `length - 1` NaN. Source: L. Williams, 1973; TA-Lib WILLR.
    """
    high, low, close = bars
    return talib.WILLR(high, low, close, whole_number("length", length, least=2))
