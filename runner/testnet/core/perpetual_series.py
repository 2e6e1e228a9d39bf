"""What a perpetual has beyond its bars: a mark price, and funding at its own instants."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from robotrader_sdk.backtest.marks import Marks, aware_times
from robotrader_sdk.errors import BacktestError
from runner.errors import TestnetError
from runner.testnet.core.series import Series

_NS = 1_000_000


class Instant(NamedTuple):
    """A funding: when, and at which rate if one was given for it."""

    time_ms: int
    rate: float | None


class PerpetualSeries:
    """The mark price along the bars of a market, and the funding instants by bar.

    Without a mark price the last price is its own; without rates funding falls due at the whole
    multiples of the interval, at whatever rate is set then. The rules are the backtest's.
    """

    def __init__(
        self,
        bars: Series,
        interval_minutes: int,
        *,
        mark: pd.Series | pd.DataFrame | None = None,
        funding: pd.Series | None = None,
    ) -> None:
        self._bars = bars
        self.interval_ms = interval_minutes * 60_000
        self.mark_open, self.mark_high, self.mark_low = _marks(bars, mark)
        self.instants: dict[int, list[Instant]] = {}
        """By the bar that contains them."""
        for instant in self._instants(funding):
            position = int(np.searchsorted(bars.open_ms, instant.time_ms, "right")) - 1
            if position >= 0 and instant.time_ms < bars.open_ms[position] + bars.length_ms:
                self.instants.setdefault(position, []).append(instant)

    def next_instant(self, now_ms: int) -> Instant:
        """The funding that comes next; one of the fixed multiples after the last that is known."""
        for instants in self.instants.values():
            for instant in instants:
                if instant.time_ms > now_ms:
                    return instant
        return Instant((now_ms // self.interval_ms + 1) * self.interval_ms, None)

    def _instants(self, funding: pd.Series | None) -> list[Instant]:
        if funding is None:
            first = -(-int(self._bars.open_ms[0]) // self.interval_ms) * self.interval_ms
            last = int(self._bars.open_ms[-1]) + self._bars.length_ms
            return [Instant(time_ms, None) for time_ms in range(first, last, self.interval_ms)]
        try:
            times = aware_times("funding", funding.index) // _NS
        except BacktestError as error:
            raise TestnetError(f"{self._bars.symbol}: {error}") from None
        rates = funding.to_numpy(dtype=np.float64)
        return [Instant(t, r) for t, r in zip(times.tolist(), rates.tolist(), strict=True)]


def _marks(
    bars: Series, mark: pd.Series | pd.DataFrame | None
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    if mark is None:
        return bars.open, bars.high, bars.low
    index = pd.DatetimeIndex(pd.to_datetime(bars.open_ms, unit="ms", utc=True))
    try:
        marks = Marks.read(mark)
        marks.check_covers(pd.DataFrame(index=index), bars.open_ms * _NS)
    except BacktestError as error:
        raise TestnetError(f"{bars.symbol}: {error}") from None
    return marks.along(bars.open_ms * _NS)
