"""Faults that are so as long as they are set: a skewed clock, a revoked key, a delisted symbol."""

from __future__ import annotations

from runner.testnet.core.exchange import Exchange
from runner.testnet.faults import Faults

DELISTED = "BREAK"
"""Binance's word for a market that does not trade."""


class Standing:
    """Keeps the exchange as the standing faults say, and as it was when they are over."""

    def __init__(self, exchange: Exchange, faults: Faults) -> None:
        self._exchange = exchange
        self._faults = faults
        self._revoked: set[str] = set()
        self._delisted: set[str] = set()

    def apply(self) -> None:
        """Let what is set hold, and nothing else."""
        skews = self._faults.standing("clock_skew")
        self._exchange.clock.skew_ms = sum(fault.asked.milliseconds for fault in skews)
        self._exchange.clock.is_strict = bool(skews)
        self._revoke({fault.asked.key for fault in self._faults.standing("revoked_key")})
        named = list(self._faults.standing("delisted"))
        symbols = [s for s in self._exchange.markets for f in named if f.covers("", "", s)]
        self._exchange.closed_markets = frozenset(symbols)

    def _revoke(self, keys: set[str]) -> None:
        for name in keys | self._revoked:
            key = self._exchange.keys.get(name)
            if key is not None:
                key.revoked = name in keys
        self._revoked = keys
