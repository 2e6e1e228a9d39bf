"""Binance's routes and websockets."""

from __future__ import annotations

from sanic import Blueprint

from runner.testnet.binance import sockets
from runner.testnet.binance.venue import Binance
from runner.testnet.gate import Gate
from runner.testnet.local import LocalExchange

PREFIXES = ("/api", "/sapi")


def blueprints(local: LocalExchange) -> list[Blueprint]:
    """All that answers for the venue."""
    binance = Binance(local)
    return [Gate(local, binance).blueprint(PREFIXES), sockets.blueprint(local, binance)]
