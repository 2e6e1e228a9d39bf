"""The order book as updates: what has changed since the one before, and a number for each."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from runner.testnet.core.events import Event
from runner.testnet.core.markets import ZERO, Market
from runner.testnet.prices import DEEPEST, Level, Prices


class Update(NamedTuple):
    """Levels that have changed; a quantity of 0 takes a level away."""

    number: int
    bids: list[Level]
    asks: list[Level]


class BookUpdates:
    """Numbers the books of all markets as prices move."""

    def __init__(self, prices: Prices) -> None:
        self._prices = prices
        self._numbers: dict[str, int] = {}
        self._books: dict[str, tuple[dict[Decimal, Decimal], dict[Decimal, Decimal]]] = {}
        self._made: dict[str, tuple[Event, Update]] = {}

    def number(self, market: Market) -> int:
        """The number of the last update."""
        return self._numbers.get(market.symbol, 1)

    def snapshot(self, market: Market) -> Update:
        """The whole book as it is, numbered as the last update: the next one starts from here."""
        bids, asks = self._prices.book(market, DEEPEST)
        self._books[market.symbol] = (dict(bids), dict(asks))
        return Update(self.number(market), bids, asks)

    def update(self, market: Market, event: Event) -> Update:
        """What an event has changed; asked again for the same event, the same."""
        known = self._made.get(market.symbol)
        if known is not None and known[0] is event:
            return known[1]
        bids, asks = (dict(levels) for levels in self._prices.book(market, DEEPEST))
        before = self._books.get(market.symbol, ({}, {}))
        number = self._numbers[market.symbol] = self.number(market) + 1
        made = Update(number, _changes(before[0], bids), _changes(before[1], asks))
        self._books[market.symbol] = (bids, asks)
        self._made[market.symbol] = (event, made)
        return made


def _changes(before: dict[Decimal, Decimal], after: dict[Decimal, Decimal]) -> list[Level]:
    gone = [(price, ZERO) for price in before if price not in after]
    return gone + [(price, size) for price, size in after.items() if before.get(price) != size]
