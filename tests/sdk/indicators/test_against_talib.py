"""The same figures as TA-Lib called directly, to the last bit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import talib

import robotrader_sdk as rt

ta = rt.ta
Bars = pd.DataFrame


def _arrays(bars: Bars) -> tuple[np.ndarray, ...]:
    return tuple(bars[name].to_numpy() for name in ("high", "low", "close", "volume"))


# name: (ours, TA-Lib's)
PAIRS: dict[str, tuple[Callable[[Bars], Any], Callable[..., Any]]] = {
    "sma": (lambda b: ta.sma(b["close"], 10), lambda hi, lo, c, v: talib.SMA(c, 10)),
    "ema": (lambda b: ta.ema(b["close"], 10), lambda hi, lo, c, v: talib.EMA(c, 10)),
    "wma": (lambda b: ta.wma(b["close"], 10), lambda hi, lo, c, v: talib.WMA(c, 10)),
    "hma": (lambda b: ta.hma(b["close"], 10), lambda hi, lo, c, v: talib.HMA(c, 10)),
    "dema": (lambda b: ta.dema(b["close"], 10), lambda hi, lo, c, v: talib.DEMA(c, 10)),
    "tema": (lambda b: ta.tema(b["close"], 10), lambda hi, lo, c, v: talib.TEMA(c, 10)),
    "kama": (lambda b: ta.kama(b["close"], 10), lambda hi, lo, c, v: talib.KAMA(c, 10)),
    "rsi": (lambda b: ta.rsi(b["close"], 10), lambda hi, lo, c, v: talib.RSI(c, 10)),
    "macd": (lambda b: ta.macd(b["close"], 5, 9, 4), lambda hi, lo, c, v: talib.MACD(c, 5, 9, 4)),
    "stochastic": (
        lambda b: ta.stochastic(b, 10, 4, 5),
        lambda hi, lo, c, v: talib.STOCH(hi, lo, c, 10, 4, 0, 5, 0),
    ),
    "roc": (lambda b: ta.roc(b["close"], 9), lambda hi, lo, c, v: talib.ROC(c, 9)),
    "cci": (lambda b: ta.cci(b, 9), lambda hi, lo, c, v: talib.CCI(hi, lo, c, 9)),
    "williams_r": (lambda b: ta.williams_r(b, 9), lambda hi, lo, c, v: talib.WILLR(hi, lo, c, 9)),
    "adx": (
        lambda b: ta.adx(b, 9),
        lambda hi, lo, c, v: (
            talib.ADX(hi, lo, c, 9),
            talib.PLUS_DI(hi, lo, c, 9),
            talib.MINUS_DI(hi, lo, c, 9),
        ),
    ),
    "aroon": (lambda b: ta.aroon(b, 9), lambda hi, lo, c, v: talib.AROON(hi, lo, 9)[::-1]),
    "supertrend": (
        lambda b: ta.supertrend(b, 9, 2.5).line,
        lambda hi, lo, c, v: talib.SUPERTREND(hi, lo, c, 9, 2.5)[0],
    ),
    "psar": (lambda b: ta.psar(b, 0.03, 0.3), lambda hi, lo, c, v: talib.SAR(hi, lo, 0.03, 0.3)),
    "true_range": (lambda b: ta.true_range(b), lambda hi, lo, c, v: talib.TRANGE(hi, lo, c)),
    "atr": (lambda b: ta.atr(b, 9), lambda hi, lo, c, v: talib.ATR(hi, lo, c, 9)),
    "natr": (lambda b: ta.natr(b, 9), lambda hi, lo, c, v: talib.NATR(hi, lo, c, 9)),
    "stdev": (lambda b: ta.stdev(b["close"], 9), lambda hi, lo, c, v: talib.STDDEV(c, 9, 1.0)),
    "bollinger": (
        lambda b: ta.bollinger(b["close"], 9, 1.5),
        lambda hi, lo, c, v: talib.BBANDS(c, 9, 1.5, 1.5),
    ),
    "keltner": (
        lambda b: ta.keltner(b, 9, 5, 1.5),
        lambda hi, lo, c, v: talib.KC(hi, lo, c, 9, 5, 1.5),
    ),
    "donchian": (lambda b: ta.donchian(b, 9), lambda hi, lo, c, v: talib.DONCHIAN(hi, lo, 9)),
    "highest": (lambda b: ta.highest(b["close"], 9), lambda hi, lo, c, v: talib.MAX(c, 9)),
    "lowest": (lambda b: ta.lowest(b["close"], 9), lambda hi, lo, c, v: talib.MIN(c, 9)),
    "typical_price": (
        lambda b: ta.typical_price(b),
        lambda hi, lo, c, v: talib.TYPPRICE(hi, lo, c),
    ),
    "obv": (lambda b: ta.obv(b), lambda hi, lo, c, v: talib.OBV(c, v)),
    "mfi": (lambda b: ta.mfi(b, 9), lambda hi, lo, c, v: talib.MFI(hi, lo, c, v, 9)),
    "vwap": (lambda b: ta.vwap(b, anchor=None), lambda hi, lo, c, v: talib.VWAP(hi, lo, c, v)),
}


@pytest.mark.parametrize("name", PAIRS)
def test_equals_talib(name: str, bars: Bars) -> None:
    ours, theirs = PAIRS[name]
    expected = theirs(*_arrays(bars))
    found = ours(bars)
    if not isinstance(found, tuple):
        found, expected = (found,), (expected,)
    for line, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(line, other)


def test_supertrend_direction_is_talibs_but_nan_in_the_warm_up(bars: Bars) -> None:
    high, low, close, _ = _arrays(bars)
    _, trend = talib.SUPERTREND(high, low, close, 10, 3.0)
    direction = ta.supertrend(bars).direction
    assert direction.iloc[:10].isna().all()
    np.testing.assert_array_equal(direction.iloc[10:], trend[10:])
    assert set(direction.iloc[10:]) == {1.0, -1.0}


def test_length_one_that_talib_refuses_is_the_value_itself(bars: Bars) -> None:
    with pytest.raises(Exception, match="Bad Parameter"):
        talib.MAX(bars["close"].to_numpy(), 1)
    for indicator in (ta.highest, ta.lowest, ta.sma, ta.ema, ta.wma):
        np.testing.assert_array_equal(indicator(bars["close"], 1), bars["close"])


def test_the_longest_length_talib_knows_is_accepted(bars: Bars) -> None:
    assert ta.sma(bars["close"], 100_000).isna().all()
    with pytest.raises(rt.errors.IndicatorError, match="at most 100000, got 100001"):
        ta.sma(bars["close"], 100_001)
