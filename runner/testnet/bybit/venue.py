"""Bybit's protocol over HTTP: its routes, who may use them, and its words for failures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from runner.testnet.bybit.account import AccountData
from runner.testnet.bybit.errors import BybitError, envelope, failed, translated, wrapped
from runner.testnet.bybit.market_data import MarketData
from runner.testnet.bybit.orders import Orders
from runner.testnet.bybit.parameters import parse
from runner.testnet.bybit.positions import Positions
from runner.testnet.bybit.signing import identify
from runner.testnet.bybit.streams import Stream
from runner.testnet.bybit.symbols import Symbols
from runner.testnet.core.accounts import LINEAR, SPOT
from runner.testnet.core.refusals import RefusedError
from runner.testnet.local import LocalExchange
from runner.testnet.wire import Call, Failure, Reply, Route

_FIVE_SECONDS = 5.0
_MOST = 600
"""Requests an address may send in five seconds:
https://bybit-exchange.github.io/docs/v5/rate-limit"""


class Bybit:
    """Bybit as a local exchange serves it."""

    name = "bybit"

    def __init__(self, local: LocalExchange) -> None:
        self._local = local
        self._exchange = local.exchange
        self._symbols = Symbols(local)
        self.market_data = MarketData(local, self._symbols)
        self.account = AccountData(local, self._symbols)
        self.stream = Stream(local, self._symbols, self.market_data, self.account)
        local.streams.speak(self.name, self.stream)
        self.routes: Sequence[Route] = [
            *self.market_data.routes(),
            *Orders(local, self._symbols).routes(),
            *Positions(local, self._symbols).routes(),
            *self.account.routes(),
        ]

    def read(self, call: Call) -> Reply | None:
        """See `Venue`."""
        try:
            call.given = parse(call)
        except BybitError as error:
            return envelope(error, self._exchange.clock.served_ms)
        given = call.given
        call.symbol = self._symbols.symbol_of(given.get("category"), given.get("symbol"))
        return None

    def answer(self, call: Call) -> Reply:
        """See `Venue`."""
        route = call.route
        if route is None:
            return self.fail(call, Failure.NO_SUCH_ROUTE)
        try:
            if route.permission:
                identify(self._exchange, call, self._permission(call, route))
            result = route.answer(call)
        except RefusedError as refusal:
            linear = call.given.get("category") != "spot"
            return envelope(translated(refusal, linear=linear), self._exchange.clock.served_ms)
        except BybitError as error:
            return envelope(error, self._exchange.clock.served_ms)
        return Reply(wrapped(result, self._exchange.clock.served_ms))

    def fail(self, call: Call, failure: Failure, until_ms: int = 0) -> Reply:
        """See `Venue`."""
        reply = failed(failure, self._exchange.clock.served_ms)
        if failure is Failure.TOO_MANY_REQUESTS:
            reply.headers.update(self._headers(0, until_ms))
        if failure is Failure.BANNED:
            reply.content["retMsg"] += f" Banned until {until_ms}. ({call.client})"
        return reply

    def limits(self) -> Sequence[tuple[str, float, int]]:
        """See `Venue`."""
        return [("weight", _FIVE_SECONDS, _MOST)]

    def usage(self, used: Mapping[tuple[str, float], int]) -> dict[str, str]:
        """See `Venue`."""
        left = _MOST - used.get(("weight", _FIVE_SECONDS), 0)
        return self._headers(left, self._exchange.clock.served_ms)

    def _headers(self, left: int, reset_ms: int) -> dict[str, str]:
        return {
            "X-Bapi-Limit": str(_MOST),
            "X-Bapi-Limit-Status": str(max(left, 0)),
            "X-Bapi-Limit-Reset-Timestamp": str(reset_ms),
        }

    def _permission(self, call: Call, route: Route) -> str:
        """Trading on linear needs the permission for it."""
        if route.permission == SPOT and call.given.get("category") == "linear":
            return LINEAR
        return route.permission
