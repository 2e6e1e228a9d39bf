"""Binance's protocol over HTTP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from runner.testnet.local import LocalExchange
from runner.testnet.wire import Call, Failure, Reply, Route


class Binance:
    """Binance as a local exchange serves it."""

    name = "binance"

    def __init__(self, local: LocalExchange) -> None:
        self._local = local
        self.routes: Sequence[Route] = (Route("GET", "/api/v3/time", self._time),)

    def read(self, call: Call) -> Reply | None:
        """See `Venue`."""
        return None

    def answer(self, call: Call) -> Reply:
        """See `Venue`."""
        assert call.route is not None
        return Reply(call.route.answer(call))

    def fail(self, call: Call, failure: Failure, until_ms: int = 0) -> Reply:
        """See `Venue`."""
        return Reply({"code": -1, "msg": failure.name}, 500)

    def limits(self) -> Sequence[tuple[str, float, int]]:
        """See `Venue`."""
        return [("weight", 60.0, 6000)]

    def usage(self, used: Mapping[tuple[str, float], int]) -> dict[str, str]:
        """See `Venue`."""
        return {}

    def _time(self, call: Call) -> dict[str, int]:
        return {"serverTime": self._local.exchange.clock.served_ms}
