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
        self._symbols = {
            market.id: market.symbol
            for market in exchange.markets.values()
            if not market.linear and market.symbol in local.symbols
        }

    def all(self) -> list[Market]:
        """Every one."""
        markets, gone = self._exchange.markets, self._exchange.delisted
        return [markets[symbol] for symbol in self._symbols.values() if symbol not in gone]

    def named(self, name: str) -> Market:
        """The market of a name; BinanceError if there is none."""
        symbol = self._symbols.get(name)
        if symbol is None or symbol in self._exchange.delisted:
            raise BinanceError(-1121, "Invalid symbol.")
        return self._exchange.markets[symbol]

    def needed(self, given: Given) -> Market:
        """The market that a call names, as it must."""
        return self.named(given.symbol_id())

    def if_given(self, given: Given) -> Market | None:
        """The market that a call names, if it does."""
        return self.needed(given) if "symbol" in given else None

    def symbol_of(self, name: object) -> str:
        """Ccxt's name of a market, "" if there is none."""
        return self._symbols.get(name, "") if isinstance(name, str) else ""
