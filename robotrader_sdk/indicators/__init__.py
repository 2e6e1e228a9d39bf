"""Technical indicators: `rt.ta`.

    rt.ta.sma(bars["close"], length=50)     a Series or an array in, the same kind out
    rt.ta.atr(bars, length=14)              a DataFrame of bars in, a Series out;
                                            a mapping of arrays in, an array out
    rt.ta.bollinger(bars["close"]).upper    several lines: a named tuple of the same kind

What holds for all of them:

- A value at bar t is made of bars up to t. Bars that come later never change it.
- The warm-up is NaN; its length is in each docstring, and in `CATALOG` as a formula. An input
  shorter than that gives NaN throughout, an empty one an empty answer.
- A NaN or an infinity in an input is a hole: NaN there, and behind it the indicator starts
  afresh with its warm-up, as on a series that begins there. (`crossed_above` and
  `crossed_below` are False at a hole.)
- Numbers of any kind become float64; a Series keeps its index and is named for the indicator
  and its settings, such as `sma_50`.
- What can't be used raises IndicatorError: a missing column, columns of several lengths,
  values that are no numbers, a setting out of bounds.
- The formulas are TA-Lib's (0.8 or later) where it has them, else those of `ta`. Wilder's and
  exponential averages remember everything since the first bar, fading: start them at
  the same bar to get the same figures. `talib.set_unstable_period` would lengthen warm-ups
  behind the back of this module: leave it at 0.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from robotrader_sdk.indicators.averages import dema, ema, hma, kama, sma, tema, wma
    from robotrader_sdk.indicators.catalog import CATALOG, Indicator
    from robotrader_sdk.indicators.crossings import crossed_above, crossed_below
    from robotrader_sdk.indicators.momentum import (
        Macd,
        Stochastic,
        cci,
        macd,
        roc,
        rsi,
        stochastic,
        williams_r,
    )
    from robotrader_sdk.indicators.trend import (
        Adx,
        Aroon,
        Ichimoku,
        Supertrend,
        adx,
        aroon,
        ichimoku,
        psar,
        supertrend,
    )
    from robotrader_sdk.indicators.volatility import (
        Bollinger,
        Donchian,
        Keltner,
        atr,
        bollinger,
        donchian,
        highest,
        keltner,
        lowest,
        natr,
        stdev,
        true_range,
        zscore,
    )
    from robotrader_sdk.indicators.volume import mfi, obv, typical_price, vwap

_NAMES = {
    "averages": "dema ema hma kama sma tema wma",
    "catalog": "CATALOG Indicator",
    "crossings": "crossed_above crossed_below",
    "momentum": "Macd Stochastic cci macd roc rsi stochastic williams_r",
    "trend": "Adx Aroon Ichimoku Supertrend adx aroon ichimoku psar supertrend",
    "volatility": "Bollinger Donchian Keltner atr bollinger donchian highest keltner lowest natr "
    "stdev true_range zscore",
    "volume": "mfi obv typical_price vwap",
}
_WHERE = {name: module for module, names in _NAMES.items() for name in names.split()}

__all__ = [
    "CATALOG",
    "Adx",
    "Aroon",
    "Bollinger",
    "Donchian",
    "Ichimoku",
    "Indicator",
    "Keltner",
    "Macd",
    "Stochastic",
    "Supertrend",
    "adx",
    "aroon",
    "atr",
    "bollinger",
    "cci",
    "crossed_above",
    "crossed_below",
    "dema",
    "donchian",
    "ema",
    "highest",
    "hma",
    "ichimoku",
    "kama",
    "keltner",
    "lowest",
    "macd",
    "mfi",
    "natr",
    "obv",
    "psar",
    "roc",
    "rsi",
    "sma",
    "stdev",
    "stochastic",
    "supertrend",
    "tema",
    "true_range",
    "typical_price",
    "vwap",
    "williams_r",
    "wma",
    "zscore",
]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'robotrader_sdk.indicators' has no attribute {name!r}")
    module = importlib.import_module(f"robotrader_sdk.indicators.{_WHERE[name]}")
    value = getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
