"""What clients are told of prices: bars, the last day, and a book of orders around the price."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

import numpy as np

from runner.testnet.core.events import Event
from runner.testnet.core.exchange import Exchange
from runner.testnet.core.markets import Market
from runner.testnet.core.series import Kline, Series
from runner.testnet.faults import Faults

_DAY_MS = 86_400_000

DEEPEST = 50
"""How many levels a book has on each side."""

Level = tuple[Decimal, Decimal]
"""A price and how much is wanted or offered there."""


class Day(NamedTuple):
    """The last 24 hours of a market."""

    open_ms: int
    close_ms: int
    open: float
    high: float
    low: float
    last: float
    volume: float
    quote_volume: float
    n_bars: int


class Prices:
    """Prices as they are shown: true, but for the faults that are set.

    A bar may be missing for good, come late, or be revised some time after it was first shown.
    That is drawn when it closes, and holds for bars of the length that is replayed, not for
    those that are put together from them.
    """

    def __init__(self, exchange: Exchange, faults: Faults) -> None:
        self._exchange = exchange
        self._faults = faults
        self._missing: set[tuple[str, int]] = set()
        self._late: dict[tuple[str, int], float] = {}
        self._unrevised: dict[tuple[str, int], float] = {}
        exchange.listeners.append(self._note)

    def klines(
        self,
        symbol: str,
        interval_ms: int,
        *,
        start_ms: int | None = None,
        end_ms: int | None = None,
        limit: int = 500,
    ) -> list[Kline]:
        """Bars by their open time, oldest first; the last one may still be open.

        Without `start_ms` they are the last ones. Nothing finer than what is replayed is known.
        """
        tape = self._exchange.tape
        one = tape.series.get(symbol)
        if one is None or interval_ms < one.length_ms or interval_ms % one.length_ms:
            return []
        now_ms = self._exchange.clock.now_ms
        end_ms = now_ms if end_ms is None else min(end_ms, now_ms)
        whole = self._closed(one, interval_ms, start_ms, end_ms, limit)
        forming = tape.forming(symbol)
        if forming is not None:
            _extend(whole, forming, interval_ms, one)
        found = [k for k in whole if (start_ms or 0) <= k.open_ms <= end_ms]
        if interval_ms == one.length_ms:
            found = [kline for each in found for kline in self._shown(symbol, each)]
        return found[-limit:] if start_ms is None else found[:limit]

    def last_bar(self, symbol: str) -> Kline | None:
        """The bar that has closed last, unless it is missing or late."""
        n_closed = self._exchange.tape.closed(symbol)
        if not n_closed:
            return None
        kline = self._exchange.tape.series[symbol].kline(n_closed - 1)
        return next(iter(self._shown(symbol, kline)), None)

    def day(self, symbol: str) -> Day:
        """The last 24 hours."""
        tape = self._exchange.tape
        one, n_closed = tape.series[symbol], tape.closed(symbol)
        now_ms, last = self._exchange.clock.now_ms, tape.last(symbol)
        first = int(np.searchsorted(one.open_ms, now_ms - _DAY_MS))
        window = slice(min(first, n_closed), n_closed)
        if window.start == window.stop:
            return Day(now_ms - _DAY_MS, now_ms, last, last, last, last, 0.0, 0.0, 0)
        volume = one.volume[window]
        return Day(
            open_ms=now_ms - _DAY_MS,
            close_ms=now_ms,
            open=float(one.open[window.start]),
            high=max(float(one.high[window].max()), last),
            low=min(float(one.low[window].min()), last),
            last=last,
            volume=float(volume.sum()),
            quote_volume=float((volume * one.close[window]).sum()),
            n_bars=window.stop - window.start,
        )

    def book(self, market: Market, n_levels: int) -> tuple[list[Level], list[Level]]:
        """Bids and asks, best first, a tick apart around the last price, `DEEPEST` at most.

        The quantities are made up, of the size of the last bar's volume; nobody else trades here,
        and market orders fill at the last price whatever stands in the book.
        """
        last, tick = self._exchange.last_price(market), market.tick_size or Decimal("0.01")
        bar = self.last_bar(market.symbol)
        usual = Decimal(repr(bar.volume if bar else 1.0)) / 50
        sizes = [
            max(market.lots(usual * (1 + k * 7 % 5)), market.min_quantity, market.lot_size)
            for k in range(min(n_levels, DEEPEST))
        ]
        bids = [(last - tick * (k + 1), size) for k, size in enumerate(sizes)]
        asks = [(last + tick * (k + 1), size) for k, size in enumerate(sizes)]
        return [level for level in bids if level[0] > 0], asks

    def spread(self, market: Market) -> tuple[Level, Level]:
        """The best bid and the best ask."""
        bids, asks = self.book(market, 1)
        return (bids or [(self._exchange.last_price(market), market.lot_size)])[0], asks[0]

    def _closed(
        self, one: Series, interval_ms: int, start_ms: int | None, end_ms: int, limit: int
    ) -> list[Kline]:
        n_closed = self._exchange.tape.closed(one.symbol)
        room = (limit + 1) * (interval_ms // one.length_ms)
        if start_ms is None:
            # The whole of the interval that holds `end_ms` counts.
            end = int(np.searchsorted(one.open_ms[:n_closed], end_ms + interval_ms, "right"))
            start = max(end - room, 0)
        else:
            start = int(np.searchsorted(one.open_ms[:n_closed], start_ms))
            end = min(start + room, n_closed)
        if interval_ms == one.length_ms:
            return [one.kline(number) for number in range(start, end)]
        return one.coarser(interval_ms, start, end)

    def _note(self, event: Event) -> None:
        if event.kind != "bar" or not self._faults:
            return
        tape, now = self._exchange.tape, self._faults.wall()
        for symbol, one in tape.series.items():
            n_closed = tape.closed(symbol)
            if not n_closed:
                continue
            place = (symbol, int(one.open_ms[n_closed - 1]))
            fault = self._faults.draw(["missing_bar", "late_bar", "revised_bar"], symbol=symbol)
            if fault is None:
                continue
            if fault.asked.kind == "missing_bar":
                self._missing.add(place)
            elif fault.asked.kind == "late_bar":
                self._late[place] = now + fault.asked.seconds
            else:
                self._unrevised[place] = now + fault.asked.seconds

    def _shown(self, symbol: str, kline: Kline) -> list[Kline]:
        if not (self._missing or self._late or self._unrevised):
            return [kline]
        place, now = (symbol, kline.open_ms), self._faults.wall()
        if place in self._missing or self._late.get(place, 0.0) > now:
            return []
        if self._unrevised.get(place, 0.0) > now:
            # As if the last trades were not counted yet.
            close = (kline.open + kline.close) / 2
            return [kline._replace(close=close, volume=kline.volume / 2)]
        return [kline]


def _extend(whole: list[Kline], forming: Kline, interval_ms: int, one: Series) -> None:
    """Add the bar that is open to the interval it belongs to."""
    (begun,) = one.intervals([forming.open_ms], interval_ms)
    end = begun + interval_ms - 1
    if whole and whole[-1].open_ms == begun:
        last = whole[-1]
        high, low = max(last.high, forming.high), min(last.low, forming.low)
        whole[-1] = Kline(begun, end, last.open, high, low, forming.close, last.volume)
    elif not whole or whole[-1].open_ms < begun:
        whole.append(forming._replace(open_ms=begun, close_ms=end))
