"""Bybit's routes and websockets."""

from __future__ import annotations

from sanic import Blueprint

from runner.testnet.bybit import sockets
from runner.testnet.bybit.venue import Bybit
from runner.testnet.gate import Gate
from runner.testnet.local import LocalExchange

PREFIXES = ("/v5",)


def blueprints(local: LocalExchange) -> list[Blueprint]:
    """All that answers for the venue."""
    bybit = Bybit(local)
    return [Gate(local, bybit).blueprint(PREFIXES), sockets.blueprint(local, bybit)]
