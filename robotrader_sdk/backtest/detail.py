"""Finer bars that decide what happened inside the bars of a run, and which trades they settled."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from robotrader_sdk.backtest.marks import nanoseconds
from robotrader_sdk.backtest.steps import FineSteps
from robotrader_sdk.data.validate import validate_bars
from robotrader_sdk.errors import BarsError
from robotrader_sdk.trading.instrument import Instrument, from_steps
from robotrader_sdk.trading.order import Purpose

PRICES = ("open", "high", "low", "close")

_ALIKE = 1e-6
"""Relative distance within which finer bars give their bar's own prices."""


def read_detail(bars: pd.DataFrame, detail: pd.DataFrame) -> FineSteps:
    """The steps through bars: the finer ones of each bar that they describe whole, else itself.

    Finer bars describe a bar whole if together they have its open, high, low and close; where
    some are missing, they may not, and the bar stays as it is.

    BarsError if they are not finer, or if a bar that has all of its finer ones has other prices.
    """
    detail = validate_bars(detail, report_gaps=False)
    times, fine = (nanoseconds(pd.DatetimeIndex(frame.index)) for frame in (bars, detail))
    length, step = _usual_step(times), _usual_step(fine)
    if not 0 < step < length:
        raise BarsError(
            f"detail must be finer than the bars, whose usual distance is {_span(length)}; that "
            f"of detail is {_span(step)}"
        )
    if fine[-1] < times[0] or fine[0] >= times[-1] + length:
        raise BarsError(
            f"detail does not overlap the bars: it goes from {detail.index[0]} to "
            f"{detail.index[-1]}, the bars from {bars.index[0]} to {bars.index[-1]}"
        )
    ends = np.minimum(np.append(times[1:], times[-1] + length), times + length)
    first, after = np.searchsorted(fine, times), np.searchsorted(fine, ends)
    whole = _describes(bars, detail, first, after)
    complete = (after - first) * step >= length
    wrong = np.flatnonzero(complete & ~whole)
    if wrong.size:
        bar = int(wrong[0])
        inside = detail.iloc[first[bar] : after[bar]]
        raise BarsError(
            f"detail is of another market: the bar of {bars.index[bar]} is "
            f"{_prices(bars.iloc[bar])}, its finer bars make {_prices(_merged(inside))}"
        )
    return _interleaved(bars, detail, np.where(whole, first, 0), np.where(whole, after, 0))


def _interleaved(
    bars: pd.DataFrame,
    detail: pd.DataFrame,
    first: NDArray[np.int64],
    after: NDArray[np.int64],
) -> FineSteps:
    counts = after - first
    steps = np.maximum(counts, 1)
    ends = np.cumsum(steps) - 1
    # The place of each step in its source: the bars, then the finer ones.
    offsets = np.arange(ends[-1] + 1) - np.repeat(ends - steps + 1, steps)
    source = np.where(
        np.repeat(counts > 0, steps),
        len(bars) + np.repeat(first, steps) + offsets,
        np.repeat(np.arange(len(bars)), steps),
    )
    columns = {
        name: np.concatenate([bars[name].to_numpy(), detail[name].to_numpy()])[source]
        for name in PRICES
    }
    times = np.concatenate([nanoseconds(pd.DatetimeIndex(f.index)) for f in (bars, detail)])
    index = pd.DatetimeIndex(times[source].view("M8[ns]"), name="open_time").tz_localize("UTC")
    return FineSteps(bars, pd.DataFrame(columns, index=index), ends)


def count_settled(
    steps: FineSteps, lots: NDArray[Any], orders: NDArray[Any], instrument: Instrument
) -> int:
    """How many trades were closed by protection in a bar that could not have told how.

    `lots` and `orders` are in bars. Without finer bars each would be ambiguous: its bar reaches
    both its stop and its target, or its stop after an entry inside that bar.
    """
    protection = (Purpose.STOP_LOSS, Purpose.TRAILING_STOP, Purpose.TAKE_PROFIT)
    stops, targets = np.full((2, len(lots)), np.nan)
    own = orders[orders["lot"] >= 0]
    is_target = own["purpose"] == Purpose.TAKE_PROFIT
    stops[own["lot"][~is_target]] = own["stop"][~is_target]
    targets[own["lot"][is_target]] = own["limit"][is_target]
    tick = from_steps(1.0, instrument.tick_size, 0.0)

    exit_bar = np.maximum(lots["exit_bar"], 0)
    high, low = (steps.bars[name].to_numpy()[exit_bar] for name in ("high", "low"))
    inside = (lots["entry_bar"] == lots["exit_bar"]) & (
        lots["entry_price"] != steps.bars["open"].to_numpy()[exit_bar]
    )
    stopped, reached = ((low <= v * tick) & (v * tick <= high) for v in (stops, targets))
    doubtful = stopped & (reached | inside)
    by_protection = np.isin(lots["exit_purpose"], protection) & (lots["closed"] == 1)
    settled = doubtful & by_protection & steps.refined[exit_bar] & (lots["ambiguous"] == 0)
    return int(settled.sum())


def _describes(
    bars: pd.DataFrame,
    detail: pd.DataFrame,
    first: NDArray[np.int64],
    after: NDArray[np.int64],
) -> NDArray[np.bool_]:
    """Which bars the rows first to after of the finer ones make up, price by price."""
    some = np.flatnonzero(after > first)
    whole = np.zeros(len(bars), np.bool_)
    if some.size == 0:
        return whole
    edges = np.column_stack([first[some], after[some]]).ravel()
    fine = {name: np.append(detail[name].to_numpy(), np.nan) for name in PRICES}
    made = {
        "open": fine["open"][first[some]],
        "high": np.maximum.reduceat(fine["high"], edges)[::2],
        "low": np.minimum.reduceat(fine["low"], edges)[::2],
        "close": fine["close"][after[some] - 1],
    }
    alike = np.ones(some.size, np.bool_)
    for name, values in made.items():
        alike &= np.isclose(values, bars[name].to_numpy()[some], rtol=_ALIKE, atol=0.0)
    whole[some] = alike
    return whole


def _usual_step(times: NDArray[np.int64]) -> int:
    return int(np.median(np.diff(times))) if len(times) > 1 else 0


def _span(nanoseconds: int) -> str:
    return str(pd.Timedelta(nanoseconds, unit="ns")) if nanoseconds else "unknown"


def _merged(inside: pd.DataFrame) -> dict[str, float]:
    return {
        "open": inside["open"].iloc[0],
        "high": inside["high"].max(),
        "low": inside["low"].min(),
        "close": inside["close"].iloc[-1],
    }


def _prices(bar: Any) -> str:
    return ", ".join(f"{name} {bar[name]:g}" for name in PRICES)
