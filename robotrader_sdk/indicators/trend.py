"""Trend followers: whether there is a trend, which way, and where it would end."""

from __future__ import annotations

from typing import Generic, NamedTuple

import numpy as np
import pandas as pd

from robotrader_sdk.errors import IndicatorError
from robotrader_sdk.indicators._interface import Line, of_bars, several_of_bars
from robotrader_sdk.indicators._reading import (
    Columns,
    FloatArray,
    positive_number,
    whole_number,
)
from robotrader_sdk.indicators._talib import talib


class Adx(NamedTuple, Generic[Line]):
    """What `adx` returns."""

    adx: Line
    plus_di: Line
    minus_di: Line


class Aroon(NamedTuple, Generic[Line]):
    """What `aroon` returns."""

    up: Line
    down: Line


class Supertrend(NamedTuple, Generic[Line]):
    """What `supertrend` returns."""

    line: Line
    direction: Line


class Ichimoku(NamedTuple, Generic[Line]):
    """What `ichimoku` returns."""

    conversion: Line
    base: Line
    span_a: Line
    span_b: Line


@several_of_bars(Adx[pd.Series], "high", "low", "close")
def adx(bars: Columns, length: int = 14) -> Adx[FloatArray]:
    """Average directional index with its two directional indicators, all 0 to 100.

    plus_di and minus_di compare upward and downward movement with the true range, smoothed
    by Wilder's sum; adx is the Wilder average of 100 x |plus - minus| / (plus + minus): the
    strength of a trend, whichever way. Charts that seed the sums with `length` instead of
    `length - 1` bars agree after a few lengths. `length` >= 2.

    Warm-up: `2 length - 1` NaN in adx, `length` in the others. Source: J. W. Wilder, 1978;
    TA-Lib ADX, PLUS_DI, MINUS_DI.
    """
    high, low, close = bars
    window = whole_number("length", length, least=2)
    return Adx(
        talib.ADX(high, low, close, window),
        talib.PLUS_DI(high, low, close, window),
        talib.MINUS_DI(high, low, close, window),
    )


@several_of_bars(Aroon[pd.Series], "high", "low")
def aroon(bars: Columns, length: int = 25) -> Aroon[FloatArray]:
    """Aroon up and down, 0 to 100: how recent the highest high and the lowest low are.

    100 x (length - bars since the extreme) / length, over the last `length + 1` bars.
    `length` >= 2.

    Warm-up: `length` NaN in both. Source: T. Chande, 1995; TA-Lib AROON.
    """
    high, low = bars
    down, up = talib.AROON(high, low, whole_number("length", length, least=2))
    return Aroon(up, down)


@several_of_bars(Supertrend[pd.Series], "high", "low", "close")
def supertrend(bars: Columns, length: int = 10, multiplier: float = 3.0) -> Supertrend[FloatArray]:
    """Supertrend: a band of `multiplier` ATR around (high + low) / 2 that trails the price.

    `direction` is +1 in an uptrend (the line is the lower band) and -1 in a downtrend (the
    upper band); it turns when the close crosses the line. The first bar after the warm-up
    is taken for an uptrend, where TradingView assumes a downtrend: the two agree from the
    first turn on. The ATR is Wilder's. `length` >= 2.

    Warm-up: `length` NaN in both. Source: O. Seban; TA-Lib SUPERTREND.
    """
    high, low, close = bars
    line, trend = talib.SUPERTREND(
        high,
        low,
        close,
        whole_number("length", length, least=2),
        positive_number("multiplier", multiplier),
    )
    # TA-Lib's trend is an integer, 0 in the warm-up.
    return Supertrend(line, np.where(np.isnan(line), np.nan, trend))


@of_bars("high", "low")
def psar(bars: Columns, step: float = 0.02, maximum: float = 0.2) -> FloatArray:
    """Parabolic stop and reverse: below the price in an uptrend, above it in a downtrend.

    The stop moves towards the extreme of the trend by a factor that grows by `step` with
    each new extreme, up to `maximum` (>= `step`). It starts in the direction of the larger
    directional movement of the second bar. At a turn the value is the extreme of the trend
    that ended; it never lies inside the range of the bar or of the one before.

    Warm-up: 1 NaN. Source: J. W. Wilder, 1978; TA-Lib SAR.
    """
    high, low = bars
    growth = positive_number("step", step)
    if positive_number("maximum", maximum) < growth:
        raise IndicatorError(f"maximum must be at least step, got step={step}, maximum={maximum}")
    return talib.SAR(high, low, growth, float(maximum))


@several_of_bars(Ichimoku[pd.Series], "high", "low")
def ichimoku(
    bars: Columns, conversion: int = 9, base: int = 26, span: int = 52, displacement: int = 26
) -> Ichimoku[FloatArray]:
    """Ichimoku lines, each known at its own bar.

    conversion and base are the middle of the range of the last 9 and 26 bars; span_a is the
    mean of the two, span_b the middle of the range of the last 52. Charts draw the spans
    `displacement` bars ahead: here, too, span_a and span_b at bar t are those computed at
    bar t - `displacement`, the cloud that a chart shows at bar t. `displacement=0` gives the
    newest spans, the cloud drawn ahead of the price. The lagging span is left out, as a chart
    draws it where it was not known; compare the close with the close 26 bars ago instead.
    All lengths >= 2, `displacement` >= 0.

    Warm-up: length - 1 NaN; for the spans `max(conversion, base) - 1 + displacement` and
    `span - 1 + displacement`. Source: G. Hosoda, 1969; TA-Lib MIDPRICE.
    """
    high, low = bars
    quick = talib.MIDPRICE(high, low, whole_number("conversion", conversion, least=2))
    slow = talib.MIDPRICE(high, low, whole_number("base", base, least=2))
    wide = talib.MIDPRICE(high, low, whole_number("span", span, least=2))
    delay = whole_number("displacement", displacement, least=0)
    return Ichimoku(quick, slow, _delayed((quick + slow) / 2, delay), _delayed(wide, delay))


def _delayed(values: FloatArray, bars: int) -> FloatArray:
    if bars == 0:
        return values
    delayed = np.full(values.size, np.nan)
    delayed[bars:] = values[:-bars]
    return delayed
