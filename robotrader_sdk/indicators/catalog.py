"""The table of all indicators: what each reads, its settings, what it returns, its warm-up.

Forms and lists are drawn from it, and the tests walk it: a new indicator is a function in
its family and a row here.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from robotrader_sdk.indicators import (
    averages,
    crossings,
    momentum,
    trend,
    volatility,
    volume,
)


@dataclass(frozen=True, slots=True)
class Indicator:
    """One row.

    name: as in `rt.ta`.
    function: to be called with its inputs and, by keyword, its parameters.
    inputs: `("series",)` for one series, `("a", "b")` for two lines, else the columns of bars.
    parameters: name and default.
    outputs: name of each line it returns.
    family: the module it lives in.
    source: who computes it.
    warmup: given the parameters, how many leading values are NaN in each output.
    """

    name: str
    function: Callable[..., Any]
    inputs: tuple[str, ...]
    parameters: Mapping[str, Any]
    outputs: tuple[str, ...]
    family: str
    source: str
    warmup: Callable[..., tuple[int, ...]]

    def warmup_bars(self, **parameters: Any) -> int:
        """Count the bars before every output has a value; settings override the defaults."""
        return max(self.warmup(**{**self.parameters, **parameters}))


def _row(
    function: Callable[..., Any],
    source: str,
    warmup: Callable[..., int | tuple[int, ...]],
    inputs: tuple[str, ...] = (),
) -> Indicator:
    inputs = getattr(function, "inputs", inputs)
    outputs: tuple[str, ...] = getattr(function, "outputs", (function.__name__,))
    settings = list(inspect.signature(function).parameters.values())
    settings = settings[2:] if inputs == ("a", "b") else settings[1:]

    def of_each(**parameters: Any) -> tuple[int, ...]:
        bars = warmup(**parameters)
        return bars if isinstance(bars, tuple) else (bars,) * len(outputs)

    return Indicator(
        name=function.__name__,
        function=function,
        inputs=inputs,
        parameters=MappingProxyType({one.name: one.default for one in settings}),
        outputs=outputs,
        family=function.__module__.rpartition(".")[2],
        source=source,
        warmup=of_each,
    )


def _of_ichimoku(conversion: int, base: int, span: int, displacement: int) -> tuple[int, ...]:
    middle = max(conversion, base) - 1
    return conversion - 1, base - 1, middle + displacement, span - 1 + displacement


_ROWS = (
    _row(averages.sma, "TA-Lib SMA", lambda length: length - 1),
    _row(averages.ema, "TA-Lib EMA", lambda length: length - 1),
    _row(averages.wma, "TA-Lib WMA", lambda length: length - 1),
    _row(averages.hma, "TA-Lib HMA", lambda length: length + math.isqrt(length) - 2),
    _row(averages.dema, "TA-Lib DEMA", lambda length: 2 * (length - 1)),
    _row(averages.tema, "TA-Lib TEMA", lambda length: 3 * (length - 1)),
    _row(averages.kama, "TA-Lib KAMA", lambda length: length),
    _row(momentum.rsi, "TA-Lib RSI (Wilder)", lambda length: length),
    _row(momentum.macd, "TA-Lib MACD", lambda slow, signal, **_: slow + signal - 2),
    _row(momentum.stochastic, "TA-Lib STOCH (slow)", lambda k, smooth, d: k + smooth + d - 3),
    _row(momentum.roc, "TA-Lib ROC", lambda length: length),
    _row(momentum.cci, "TA-Lib CCI", lambda length: length - 1),
    _row(momentum.williams_r, "TA-Lib WILLR", lambda length: length - 1),
    _row(
        trend.adx,
        "TA-Lib ADX, PLUS_DI, MINUS_DI (Wilder)",
        lambda length: (2 * length - 1, length, length),
    ),
    _row(trend.aroon, "TA-Lib AROON", lambda length: length),
    _row(trend.supertrend, "TA-Lib SUPERTREND", lambda length, **_: length),
    _row(trend.psar, "TA-Lib SAR (Wilder)", lambda **_: 1),
    _row(trend.ichimoku, "TA-Lib MIDPRICE", _of_ichimoku),
    _row(volatility.true_range, "TA-Lib TRANGE", lambda: 1),
    _row(volatility.atr, "TA-Lib ATR (Wilder)", lambda length: length),
    _row(volatility.natr, "TA-Lib NATR", lambda length: length),
    _row(volatility.stdev, "TA-Lib STDDEV", lambda length, **_: length - 1),
    _row(volatility.zscore, "TA-Lib SMA and STDDEV", lambda length, **_: length - 1),
    _row(volatility.bollinger, "TA-Lib BBANDS", lambda length, **_: length - 1),
    _row(
        volatility.keltner,
        "TA-Lib KC",
        lambda length, atr_length, **_: max(length - 1, atr_length),
    ),
    _row(volatility.donchian, "TA-Lib DONCHIAN", lambda length: length - 1),
    _row(volatility.highest, "TA-Lib MAX", lambda length: length - 1),
    _row(volatility.lowest, "TA-Lib MIN", lambda length: length - 1),
    _row(volume.typical_price, "TA-Lib TYPPRICE", lambda: 0),
    _row(volume.obv, "TA-Lib OBV", lambda: 0),
    _row(volume.mfi, "TA-Lib MFI", lambda length: length),
    _row(
        volume.vwap,
        "TA-Lib VWAP; rolling: ta VolumeWeightedAveragePrice",
        lambda length, **_: 0 if length is None else length - 1,
        inputs=("high", "low", "close", "volume"),
    ),
    _row(crossings.crossed_above, "comparison", lambda: 0, inputs=("a", "b")),
    _row(crossings.crossed_below, "comparison", lambda: 0, inputs=("a", "b")),
)

CATALOG: Mapping[str, Indicator] = MappingProxyType({row.name: row for row in _ROWS})
