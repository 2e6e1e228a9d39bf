"""Binance's protocol over HTTP: its routes, who may use them, and its words for failures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from runner.testnet.binance.account import AccountData
from runner.testnet.binance.errors import BinanceError, failed, translated
from runner.testnet.binance.listen_keys import ListenKeys
from runner.testnet.binance.market_data import MarketData
from runner.testnet.binance.order_lists import OrderLists
from runner.testnet.binance.orders import Orders
from runner.testnet.binance.parameters import parse
from runner.testnet.binance.signing import identify
from runner.testnet.binance.streams import Stream
from runner.testnet.binance.symbols import Symbols
from runner.testnet.book_updates import BookUpdates
from runner.testnet.core.refusals import RefusedError
from runner.testnet.local import LocalExchange
from runner.testnet.wire import Call, Failure, Reply, Route

_MINUTE, _TEN_SECONDS, _DAY = 60.0, 10.0, 86_400.0


class Binance:
    """Binance as a local exchange serves it."""

    name = "binance"

    def __init__(self, local: LocalExchange) -> None:
        self._exchange = local.exchange
        self._symbols = Symbols(local)
        self.listen_keys = ListenKeys()
        self.updates = BookUpdates(local.prices)
        self.market_data = MarketData(local, self._symbols, self.updates)
        self.stream = Stream(local, self._symbols, self.updates)
        local.streams.speak(self.name, self.stream)
        self.routes: Sequence[Route] = [
            *self.market_data.routes(),
            *Orders(local, self._symbols).routes(),
            *OrderLists(local, self._symbols).routes(),
            *AccountData(local, self._symbols, self.listen_keys).routes(),
        ]

    def read(self, call: Call) -> Reply | None:
        """See `Venue`."""
        try:
            call.given = parse(call)
        except BinanceError as error:
            return error.reply()
        call.symbol = self._symbols.symbol_of(call.given.get("symbol"))
        return None

    def answer(self, call: Call) -> Reply:
        """See `Venue`."""
        route = call.route
        if route is None:
            return self.fail(call, Failure.NO_SUCH_ROUTE)
        try:
            if route.permission:
                identify(self._exchange, call, route.permission)
            answered = route.answer(call)
        except RefusedError as refusal:
            return translated(refusal).reply()
        except BinanceError as error:
            return error.reply()
        return answered if isinstance(answered, Reply) else Reply(answered)

    def fail(self, call: Call, failure: Failure, until_ms: int = 0) -> Reply:  # noqa: ARG002 - of no matter
        """See `Venue`."""
        return failed(failure, until_ms)

    def limits(self) -> Sequence[tuple[str, float, int]]:
        """See `Venue`."""
        return [
            ("weight", _MINUTE, 6000),
            ("orders", _TEN_SECONDS, 100),
            ("orders", _DAY, 200_000),
        ]

    def usage(self, used: Mapping[tuple[str, float], int]) -> dict[str, str]:
        """See `Venue`."""
        weight = str(used.get(("weight", _MINUTE), 0))
        headers = {"x-mbx-used-weight": weight, "x-mbx-used-weight-1m": weight}
        orders = used.get(("orders", _TEN_SECONDS), 0)
        if orders:
            headers["x-mbx-order-count-10s"] = str(orders)
            headers["x-mbx-order-count-1d"] = str(used.get(("orders", _DAY), 0))
        return headers
