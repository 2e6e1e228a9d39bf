"""The markets Binance has here: spot, with bars, by Binance's name."""

from __future__ import annotations

from runner.testnet.binance.errors import BinanceError
from runner.testnet.binance.parameters import Given
from runner.testnet.core.markets import Market
from runner.testnet.local import LocalExchange


class Symbols:
    """Finds markets by name."""

    def __init__(self, local: LocalExchange) -> None:
        self._exchange = exchange = local.exchange
        self._markets = {
            market.id: market
            for market in exchange.markets.values()
            if not market.linear and market.symbol in local.symbols
        }

    def all(self) -> list[Market]:
        """Every one."""
        gone = self._exchange.delisted
        return [market for market in self._markets.values() if market.symbol not in gone]

    def named(self, name: str) -> Market:
        """The market of a name; BinanceError if there is none."""
        market = self._markets.get(name)
        if market is None or market.symbol in self._exchange.delisted:
            raise BinanceError(-1121, "Invalid symbol.")
        return market

    def needed(self, given: Given) -> Market:
        """The market that a call names, as it must."""
        return self.named(given.symbol_id())

    def if_given(self, given: Given) -> Market | None:
        """The market that a call names, if it does."""
        return self.needed(given) if "symbol" in given else None

    def symbol_of(self, name: object) -> str:
        """Ccxt's name of a market, "" if there is none."""
        market = self._markets.get(name) if isinstance(name, str) else None
        return "" if market is None else market.symbol
