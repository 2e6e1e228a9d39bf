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

FUNDING = np.dtype(
    [("time", "i8"), ("step", "i8"), ("rate", "f8"), ("mark", "f8"), ("quantity", "f8")]
)
"""One funding instant within the bars; `time` in nanoseconds since 1970, `quantity` signed."""

Given = pd.Series | pd.DataFrame | None


@dataclass(frozen=True)
class PerpetualData:
    """What the rules read of a perpetual, its funding instants, and the time they cover."""

    rules: Perpetual
    funding: NDArray[Any]
    covered: tuple[int, int] | None
    times: Times

    def paid(self, fills: NDArray[Any], n_steps: int) -> NDArray[Any]:
        """The funding of a finished run: the instants at which something was held.

        BacktestError if that was so at a time for which no rate is known.
        """
        self._check_covered(fills, self.times[:n_steps])
        instants = self.funding[self.funding["step"] < n_steps]
        instants["quantity"] = quantity_at(fills, instants["step"])
        held: NDArray[Any] = instants[instants["quantity"] != 0.0]
        return held

    def _check_covered(self, fills: NDArray[Any], times: Times) -> None:
        if self.covered is None:
            return
        first, end = self.covered
        held = quantity_at(fills, np.arange(len(times))) != 0.0
        lacking = np.flatnonzero(held & ((times < first) | (times >= end)))
        if lacking.size:
            raise BacktestError(
                f"funding does not cover the position: one is held at "
                f"{instant(times[lacking[0]])}, the rates given cover {instant(first)} to "
                f"{instant(end)}; give the missing rates, or fewer bars"
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
    np.add.at(due, instants["step"], instants["rate"] * instants["mark"])
    tiers = tier_table(config.instrument.tiers)
    tiers.flags.writeable = False
    arrays = (uniform(values, np.float64) for values in (*marks.along(times), due))
    return PerpetualData(Perpetual(tiers, *arrays), instants, covered, times)


def funding_frame(paid: NDArray[Any]) -> pd.DataFrame:
    """One row for each funding instant at which something was held.

    time; rate; mark; quantity (signed, base units); paid (quote; below 0: received).
    """
    return pd.DataFrame(
        {
            "time": pd.to_datetime(paid["time"], utc=True),
            "rate": paid["rate"],
            "mark": paid["mark"],
            "quantity": paid["quantity"],
            "paid": paid["rate"] * paid["mark"] * paid["quantity"],
        }
    )


def quantity_at(fills: NDArray[Any], steps: NDArray[np.int64]) -> NDArray[np.float64]:
    """The position in each step after the fills at its open."""
    moments = fills["bar"].astype(np.int64) * 4 + fills["moment"]
    after = np.searchsorted(moments, steps * 4 + AT_OPEN, side="right")
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
    instants["step"] = np.searchsorted(bar_times, times[within], side="right") - 1
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
