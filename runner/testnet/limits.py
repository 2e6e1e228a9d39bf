"""Rate limits: how much each client has used, when it must wait, and when it is banned.

A client that goes on while it is told to wait is banned, the longer the more often; as
https://developers.binance.com/docs/binance-spot-api-docs/rest-api/limits describes it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

PATIENCE = 10
"""How many requests that were told to wait it takes until a client is banned."""
FIRST_BAN_SECONDS, LONGEST_BAN_SECONDS = 120.0, 3 * 86_400.0


@dataclass(slots=True)
class _Client:
    used: dict[tuple[str, float], int] = field(default_factory=dict)
    window: dict[tuple[str, float], int] = field(default_factory=dict)
    n_ignored: int = 0
    n_bans: int = 0
    banned_until: float = 0.0


@dataclass(frozen=True, slots=True)
class Wait:
    """A client has to wait until a time of the wall clock; it is banned if it did not listen."""

    until: float
    is_ban: bool


class Limits:
    """The use of one venue's limits, by the clients' addresses.

    rules: "weight" or "orders", in how many seconds, and how many. share: of what the rules
    allow; 0 turns the limits off.
    """

    def __init__(
        self,
        rules: Sequence[tuple[str, float, int]],
        share: float = 1.0,
        *,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._rules = rules
        self.share = share
        self._wall = wall
        self._clients: dict[str, _Client] = {}

    def take(self, address: str, amounts: Mapping[str, int]) -> Wait | None:
        """Count a request; how long its client has to wait if it may not be answered."""
        client, now = self._client(address), self._wall()
        if client.banned_until > now:
            return Wait(client.banned_until, is_ban=True)
        if not self.share:
            return None
        for name, seconds, allowed in self._rules:
            rule, window = (name, seconds), int(now // seconds)
            if client.window.get(rule) != window:
                client.window[rule], client.used[rule] = window, 0
            amount = amounts.get(name, 0)
            if amount and client.used[rule] + amount > allowed * self.share:
                return self._ignored(client, now, (window + 1) * seconds)
            client.used[rule] += amount
        client.n_ignored = 0
        return None

    def used(self, address: str) -> Mapping[tuple[str, float], int]:
        """What a client has used, by rule."""
        return self._client(address).used

    def ban(self, address: str, seconds: float) -> Wait:
        """Ban a client."""
        client = self._client(address)
        client.banned_until = self._wall() + seconds
        return Wait(client.banned_until, is_ban=True)

    def forget(self) -> None:
        """Let everyone in again."""
        self._clients.clear()

    def _ignored(self, client: _Client, now: float, until: float) -> Wait:
        client.n_ignored += 1
        if client.n_ignored <= PATIENCE:
            return Wait(until, is_ban=False)
        seconds = min(FIRST_BAN_SECONDS * 4**client.n_bans, LONGEST_BAN_SECONDS)
        client.n_bans, client.n_ignored = client.n_bans + 1, 0
        client.banned_until = now + seconds
        return Wait(client.banned_until, is_ban=True)

    def _client(self, address: str) -> _Client:
        return self._clients.setdefault(address, _Client())
