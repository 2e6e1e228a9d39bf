"""The markets Bybit has here: spot and linear, with bars, by category and Bybit's name."""

from __future__ import annotations

from runner.testnet.bybit.errors import BybitError, translated, wrong
from runner.testnet.bybit.parameters import Given
from runner.testnet.core.markets import Market
from runner.testnet.core.refusals import Reason, RefusedError
from runner.testnet.local import LocalExchange

SPOT, LINEAR = "spot", "linear"
CATEGORIES = (SPOT, LINEAR, "inverse", "option")


class Symbols:
    """Finds markets by category and name."""

    def __init__(self, local: LocalExchange) -> None:
        self._exchange = local.exchange
        self._symbols = {
            (LINEAR if market.linear else SPOT, market.id): market.symbol
            for market in local.exchange.markets.values()
            if market.symbol in local.symbols
        }

    def category(self, given: Given, default: str | None = None) -> str:
        """The category that a call names."""
        return given.choice("category", CATEGORIES, default)

    def all(self, category: str) -> list[Market]:
        """Every market of a category."""
        return [
            self._exchange.markets[symbol]
            for (own, _), symbol in self._symbols.items()
            if own == category and symbol not in self._exchange.delisted
        ]

    def needed(self, given: Given) -> Market:
        """The market that a call names, as it must."""
        category = self.category(given)
        symbol = self._symbols.get((category, given.text("symbol")))
        if symbol is None or symbol in self._exchange.delisted:
            raise translated(RefusedError(Reason.UNKNOWN_SYMBOL), linear=category != SPOT)
        return self._exchange.markets[symbol]

    def if_given(self, given: Given) -> Market | None:
        """The market that a call names, if it does."""
        return self.needed(given) if "symbol" in given else None

    def traded(self, given: Given) -> Market:
        """The market of an order: of a category that is traded here."""
        if self.category(given) not in (SPOT, LINEAR):
            raise wrong("category")
        return self.needed(given)

    def symbol_of(self, category: object, name: object) -> str:
        """Ccxt's name of a market, "" if there is none."""
        if not (isinstance(category, str) and isinstance(name, str)):
            return ""
        return self._symbols.get((category, name), "")


def category_of(market: Market) -> str:
    """Spot or linear."""
    return LINEAR if market.linear else SPOT


def check_known(category: str) -> None:
    """BybitError for a category that is not traded here."""
    if category not in (SPOT, LINEAR):
        raise BybitError(10001, "params error: category invalid")
