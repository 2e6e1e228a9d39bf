"""Funding and mark price of a perpetual, checked and laid out along the bars."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from robotrader_sdk.backtest.config import BacktestConfig
from robotrader_sdk.backtest.marks import Marks, Times, aware_times, instant, nanoseconds
from robotrader_sdk.compiled import uniform
from robotrader_sdk.errors import BacktestError
from robotrader_sdk.trading.filling import AT_OPEN
from robotrader_sdk.trading.margin import Perpetual
from robotrader_sdk.trading.tiers import tier_table

FUNDING = np.dtype([("time", "i8"), ("bar", "i8"), ("rate", "f8"), ("mark", "f8")])
"""One funding instant within the bars; `time` in nanoseconds since 1970."""

Given = pd.Series | pd.DataFrame | None


@dataclass(frozen=True)
class PerpetualData:
    """What the rules read of a perpetual, its funding instants, and the time they cover."""

    rules: Perpetual
    funding: NDArray[Any]
    covered: tuple[int, int] | None

    def check_covered(self, fills: NDArray[Any], index: pd.DatetimeIndex) -> None:
        """BacktestError if a position was held where funding was given but is not known."""
        if self.covered is None:
            return
        first, end = self.covered
        times = nanoseconds(index)
        held = quantity_at(fills, np.arange(len(times))) != 0.0
        lacking = np.flatnonzero(held & ((times < first) | (times >= end)))
        if lacking.size:
            raise BacktestError(
                f"funding does not cover the position: one is held at {index[lacking[0]]}, the "
                f"rates given cover {instant(first)} to {instant(end)}; give the missing rates, "
                f"or fewer bars"
            )


def read_perpetual(
    bars: pd.DataFrame, config: BacktestConfig, funding: Given, mark: Given
) -> PerpetualData | None:
    """The perpetual side of a run; None for other kinds of instruments.

    BacktestError names what is wrong with the funding or the mark price.
    """
    if not config.instrument.is_perpetual:
        for name, given in (("funding", funding), ("mark", mark)):
            if given is not None:
                raise BacktestError(
                    f"{name}= belongs to an instrument of kind 'linear_perpetual', this one is "
                    f"{config.instrument.kind!r}"
                )
        return None
    times = nanoseconds(pd.DatetimeIndex(bars.index))
    marks = Marks.of_bars(bars) if mark is None else Marks.read(mark)
    marks.check_covers(bars, times)
    instants, covered = np.zeros(0, FUNDING), None
    if funding is not None:
        instants, covered = _read_funding(funding, times, config.max_funding_rate)
    instants["mark"] = marks.at(instants["time"])
    due = np.zeros(len(times))
    np.add.at(due, instants["bar"], instants["rate"] * instants["mark"])
    tiers = tier_table(config.instrument.tiers)
    tiers.flags.writeable = False
    arrays = (uniform(values, np.float64) for values in (*marks.along(times), due))
    return PerpetualData(Perpetual(tiers, *arrays), instants, covered)


def funding_frame(instants: NDArray[Any], fills: NDArray[Any], n_bars: int) -> pd.DataFrame:
    """One row for each funding instant at which something was held.

    time; rate; mark; quantity (signed, base units); paid (quote; below 0: received).
    """
    instants = instants[instants["bar"] < n_bars]
    quantity = quantity_at(fills, instants["bar"])
    frame = pd.DataFrame(
        {
            "time": pd.to_datetime(instants["time"], utc=True),
            "rate": instants["rate"],
            "mark": instants["mark"],
            "quantity": quantity,
            "paid": instants["rate"] * instants["mark"] * quantity,
        }
    )
    paid: pd.DataFrame = frame[quantity != 0.0].reset_index(drop=True)
    return paid


def quantity_at(fills: NDArray[Any], bars: NDArray[np.int64]) -> NDArray[np.float64]:
    """The position in each bar after the fills at its open."""
    moments = fills["bar"].astype(np.int64) * 4 + fills["moment"]
    after = np.searchsorted(moments, bars * 4 + AT_OPEN, side="right")
    return np.concatenate([[0.0], fills["position"]])[after]


def _read_funding(
    funding: object, bar_times: Times, max_rate: float
) -> tuple[NDArray[Any], tuple[int, int] | None]:
    """The instants within the bars, and the time for which the rates are known."""
    if isinstance(funding, pd.DataFrame) and funding.shape[1] == 1:
        funding = funding.iloc[:, 0]
    if not isinstance(funding, pd.Series):
        raise BacktestError(
            f"funding must be a Series of rates by time, got {type(funding).__name__}"
        )
    times = aware_times("funding", funding.index)
    rates = _rates(funding, max_rate)
    interval = int(np.median(np.diff(times))) if len(times) > 1 else 0
    step = int(np.median(np.diff(bar_times))) if len(bar_times) > 1 else interval
    within = (times >= bar_times[0]) & (times < bar_times[-1] + max(step, 1))
    instants = np.zeros(int(within.sum()), FUNDING)
    instants["time"] = times[within]
    instants["rate"] = rates[within]
    instants["bar"] = np.searchsorted(bar_times, times[within], side="right") - 1
    if interval == 0:
        return instants, None
    # Not covered are the bar that contains the instant before the first and those before it, and
    # the bar that contains the instant after the last and those after it.
    return instants, (int(times[0]) - interval + 1, int(times[-1]) + interval - step + 1)


def _rates(funding: pd.Series, max_rate: float) -> NDArray[np.float64]:
    try:
        rates = funding.to_numpy(dtype=np.float64)
    except (TypeError, ValueError):
        raise BacktestError(f"funding must hold rates, got {funding.dtype}") from None
    wrong = np.flatnonzero(~np.isfinite(rates))
    if wrong.size:
        raise BacktestError(
            f"funding has no rate at {funding.index[wrong[0]]}, got {rates[wrong[0]]}"
        )
    typical = float(np.median(np.abs(rates)))
    if typical > max_rate:
        raise BacktestError(
            f"funding rates are fractions per interval; their median size {typical:g} is above "
            f"max_funding_rate={max_rate:g}: divide them by 100 if they are in percent, or raise "
            f"max_funding_rate"
        )
    return rates
