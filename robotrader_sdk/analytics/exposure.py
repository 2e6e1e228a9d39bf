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
    starts, sizes, lengths = _holdings(bars, quantities, len(values))
    held = sizes > 0.0
    held_bars = int(lengths[held].sum())
    add_up = _sum_of_shares.for_work(0.5 * held_bars)
    total = add_up(prices, values, starts[held], sizes[held], lengths[held])
    return Exposure(total / len(values), held_bars / len(values))


@compiled
def _sum_of_shares(
    close: FloatArray, equity: FloatArray, starts: IntArray, sizes: FloatArray, lengths: IntArray
) -> float:
    """The sum of size * close / equity over the bars of all spans; of a ruined bar it is 0."""
    total = 0.0
    for span in range(starts.size):
        some = 0.0
        for t in range(starts[span], starts[span] + lengths[span]):
            if equity[t] > 0.0:
                some += close[t] / equity[t]
        total += some * sizes[span]
    return total


def _holdings(
    fill_bars: IntArray, quantity_after: FloatArray, n_bars: int
) -> tuple[IntArray, FloatArray, IntArray]:
    """Spans of bars with one quantity: the first bar of each, |quantity|, and its bars."""
    starts = np.concatenate([[0], fill_bars])
    lengths = np.diff(starts, append=n_bars)
    # Of several fills in one bar the last one counts.
    lasting = lengths > 0
    sizes = np.abs(np.concatenate([[0.0], quantity_after]))
    return starts[lasting], sizes[lasting], lengths[lasting]


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
