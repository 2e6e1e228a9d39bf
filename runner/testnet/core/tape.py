"""The tape: the bars of all markets on one line of time, and where on it the exchange stands.

A bar goes through three moments: its open, its inside, and its close, which is the open of the
next. At its open only its open price is known to anyone; what is inside is told by fills.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from robotrader_sdk.trading.matching import BETWEEN, DONE, OPEN
from runner.errors import TestnetError
from runner.testnet.core.series import Kline, Series
from runner.testnet.core.working import Bar


class Tape:
    """Bars of several markets by the number of their open time."""

    def __init__(self, series: Iterable[Series], start: int = 0) -> None:
        self.series: Mapping[str, Series] = {one.symbol: one for one in series}
        if not self.series:
            raise TestnetError("an exchange needs bars of at least one market")
        all_times = [one.open_ms for one in self.series.values()]
        self.times: NDArray[np.int64] = np.unique(np.concatenate(all_times))
        self.length_ms = min(one.length_ms for one in self.series.values())
        self._numbers = {
            symbol: _positions(self.times, one.open_ms) for symbol, one in self.series.items()
        }
        self.number = start
        self.stage = OPEN
        self._last: dict[str, float] = {}
        self._bars: dict[str, Bar] = {}
        """The bars at hand that have been asked for."""
        self._open_bars()

    @property
    def symbols(self) -> list[str]:
        """The markets that have bars."""
        return list(self.series)

    @property
    def is_over(self) -> bool:
        """Whether the last bar has closed."""
        return self.number >= len(self.times)

    @property
    def is_inside(self) -> bool:
        """Whether the open of the bar at hand has passed."""
        return self.stage != OPEN

    @property
    def open_ms(self) -> int:
        """The open time of the bar at hand; of one that is no more, the close of the last."""
        if self.is_over:
            return int(self.times[-1]) + self.length_ms
        return int(self.times[self.number])

    @property
    def middle_ms(self) -> int:
        """The middle of the bar at hand, which is what fills inside it are stamped with."""
        return self.open_ms + self.length_ms // 2

    @property
    def close_ms(self) -> int:
        """When the bar at hand closes; the next one opens then, or after a gap."""
        return self.open_ms + self.length_ms

    @property
    def next_open_ms(self) -> int:
        """When the next bar opens; after the last one, its close."""
        if self.number + 1 >= len(self.times):
            return int(self.times[-1]) + self.length_ms
        return int(self.times[self.number + 1])

    def last(self, symbol: str) -> float:
        """Where a market's price stands: an open, a fill inside, or the last close."""
        try:
            return self._last[symbol]
        except KeyError:
            raise TestnetError(
                f"{symbol} has no price before {self.open_ms} ms; its bars begin later"
            ) from None

    def has_price(self, symbol: str) -> bool:
        """Whether a market has traded by now."""
        return symbol in self._last

    def bar(self, symbol: str) -> Bar | None:
        """The bar at hand of a market; None where it has none at this time."""
        known = self._bars.get(symbol)
        if known is not None and known.number == self.number:
            return known
        position = self.position(symbol)
        if position < 0:
            return None
        one = self.series[symbol]
        made = self._bars[symbol] = Bar(
            self.number,
            float(one.open[position]),
            float(one.high[position]),
            float(one.low[position]),
            float(one.close[position]),
        )
        return made

    def trade_at(self, symbol: str, price: float) -> None:
        """A market's price has moved within its bar."""
        self._last[symbol] = price

    def enter(self) -> None:
        """Leave the open behind."""
        self.stage = BETWEEN

    def close(self) -> None:
        """Close the bar at hand; the next one is not open yet."""
        for symbol, one in self.series.items():
            position = self.position(symbol)
            if position >= 0:
                self._last[symbol] = float(one.close[position])
        self.stage = DONE

    def open_next(self) -> None:
        """Open the next bar, if there is one."""
        self.number += 1
        self.stage = DONE if self.is_over else OPEN
        self._open_bars()

    def go_to(self, number: int, stage: int, last: Mapping[str, float]) -> None:
        """Stand where a saved exchange stood."""
        self.number, self.stage, self._last = number, stage, dict(last)

    @property
    def last_prices(self) -> Mapping[str, float]:
        """Where the prices stand, of the markets that have traded."""
        return self._last

    def closed(self, symbol: str) -> int:
        """How many bars of a market have closed."""
        own = self.series[symbol].open_ms
        if self.is_over:
            return len(own)
        return int(np.searchsorted(own, self.open_ms, "right" if self.stage == DONE else "left"))

    def forming(self, symbol: str) -> Kline | None:
        """The bar that is open, as far as anyone knows it: its open, and the price now."""
        bar = self.bar(symbol)
        if bar is None or self.stage == DONE:
            return None
        open_ms, now = self.open_ms, self.last(symbol)
        high, low = max(bar.open, now), min(bar.open, now)
        length = self.series[symbol].length_ms
        return Kline(open_ms, open_ms + length - 1, bar.open, high, low, now, 0.0)

    def _open_bars(self) -> None:
        for symbol, one in self.series.items():
            position = self.position(symbol)
            if position >= 0:
                self._last[symbol] = float(one.open[position])

    def position(self, symbol: str) -> int:
        """The number of the bar at hand in a market's own series; -1 where it has none."""
        return -1 if self.is_over else int(self._numbers[symbol][self.number])


def _positions(times: NDArray[np.int64], own: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each time the bar that opens then, or -1."""
    found = np.full(len(times), -1, np.int64)
    found[np.searchsorted(times, own)] = np.arange(len(own))
    return found
