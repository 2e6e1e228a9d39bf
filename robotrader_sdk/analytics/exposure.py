"""How much of the equity was in the market, and how much was traded."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from robotrader_sdk.analytics.arrays import (
    FloatArray,
    IntArray,
    floats,
    integers,
    require_same_length,
)
from robotrader_sdk.analytics.blocks import BLOCK, add
from robotrader_sdk.compiled import compiled
from robotrader_sdk.errors import BacktestError


class Exposure(NamedTuple):
    """Fractions over all bars: how much was in the market, and in how many bars anything was."""

    mean: float
    time_in_market: float


def exposure(
    close: npt.ArrayLike,
    equity: npt.ArrayLike,
    fill_bars: npt.ArrayLike,
    quantity_after: npt.ArrayLike,
) -> Exposure:
    """Mean over the bars of |quantity| * close / equity, and the share of bars with a position.

    The quantity of bar t is `quantity_after` of the last fill whose bar is at most t, 0 before
    the first; `fill_bars` are bar numbers in ascending order. Leverage takes the mean above 1.
    A bar whose equity is 0 or less (ruined) counts as 0 in the mean. Both NaN without bars.

    BacktestError if arrays that belong together differ in length, or a fill's bar is not one
    of the bars or comes before that of the fill before it.
    """
    prices, values = floats(close, "close"), floats(equity, "equity")
    bars = integers(fill_bars, "fill_bars")
    quantities = floats(quantity_after, "quantity_after")
    require_same_length(close=prices, equity=values)
    require_same_length(fill_bars=bars, quantity_after=quantities)
    _require_ascending(bars, len(values))
    if len(values) == 0:
        return Exposure(math.nan, math.nan)
    lanes = np.zeros((3, BLOCK))
    scan = _scan.for_work(2.0 * len(values))
    held_bars = scan(prices, values, bars, quantities, lanes)
    return Exposure(float(lanes[2].sum()) / len(values), held_bars / len(values))


def turnover(
    fill_quantities: npt.ArrayLike, fill_prices: npt.ArrayLike, mean_equity: float
) -> float:
    """How often the equity was traded: sum of |quantity| * price of all fills / mean equity.

    Both sides count: once in and out with the whole equity is 2. Over the whole run, not per
    year. NaN unless the mean equity is above 0.
    """
    quantities = floats(fill_quantities, "fill_quantities")
    prices = floats(fill_prices, "fill_prices")
    require_same_length(fill_quantities=quantities, fill_prices=prices)
    # Not a dot product: BLAS would start its threads for it, which costs more than the sum.
    traded = float((np.abs(quantities) * prices).sum())
    return traded / mean_equity if mean_equity > 0 else math.nan


def _require_ascending(fill_bars: IntArray, bars: int) -> None:
    if len(fill_bars) == 0:
        return
    if fill_bars[0] < 0 or fill_bars[-1] >= bars or np.any(fill_bars[1:] < fill_bars[:-1]):
        raise BacktestError(
            f"fill_bars must be bar numbers from 0 to {bars - 1} in ascending order, "
            f"got {fill_bars[0]} to {fill_bars[-1]}"
        )


@compiled
def _scan(
    close: FloatArray,
    equity: FloatArray,
    fill_bars: IntArray,
    quantity_after: FloatArray,
    lanes: FloatArray,
) -> int:
    n, fills = len(close), len(fill_bars)
    sizes, shares, sums = lanes[0], lanes[1], lanes[2]
    held_bars = 0
    size, following = 0.0, 0
    for first in range(0, n, BLOCK):
        end = min(first + BLOCK, n)
        held_before = held_bars
        t = first
        while t < end:
            while following < fills and fill_bars[following] <= t:
                size = abs(quantity_after[following])
                following += 1
            until = min(end, fill_bars[following]) if following < fills else end
            sizes[t - first : until - first] = size
            if size > 0.0:
                held_bars += until - t
            t = until
        if held_bars > held_before:
            some, prices, values = shares[: end - first], close[first:end], equity[first:end]
            for i in range(len(some)):
                some[i] = sizes[i] * prices[i] / values[i] if values[i] > 0.0 else 0.0
            add(some, sums)
    return held_bars
