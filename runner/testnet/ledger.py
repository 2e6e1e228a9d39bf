"""The ledger: all that the exchange saw and did, in order; the truth that tests count against."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from runner.testnet.core.clock import Clock
from runner.testnet.core.events import Event
from runner.testnet.faults import Fault

SECRET = frozenset({"signature"})
"""Parameters that are not kept."""


class Entry(msgspec.Struct, kw_only=True):
    """One thing that happened.

    kind: request, order, trade, funding, fault or control. time_ms: the market's time; wall_ms:
    the wall clock's. what: the rest, by kind.
    """

    number: int
    kind: str
    time_ms: int
    wall_ms: int
    what: dict[str, Any]


class Ledger:
    """Entries by number, from 1."""

    def __init__(self, clock: Clock, *, wall: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._wall = wall
        self.entries: list[Entry] = []

    def add(self, kind: str, /, **what: Any) -> Entry:
        """Write an entry."""
        made = Entry(
            number=len(self.entries) + 1,
            kind=kind,
            time_ms=self._clock.now_ms,
            wall_ms=int(1000 * self._wall()),
            what=what,
        )
        self.entries.append(made)
        return made

    def note_event(self, event: Event) -> None:
        """Write down what happened to an order, or a funding."""
        order, trade = event.order, event.trade
        if trade is not None:
            self.add("trade", **msgspec.structs.asdict(trade))
        if order is not None:
            self.add(
                "order",
                what=event.what,
                order=order.number,
                account=order.account,
                symbol=order.symbol,
                client_id=order.client_id,
                state=order.state,
                quantity=order.quantity,
                executed=order.executed,
                trigger=order.trigger,
                reason=order.reason,
            )
        elif event.kind == "funding":
            self.add("funding", account=event.account, symbol=event.symbol, what=event.what)

    def note_fault(self, fault: Fault, what: str) -> None:
        """Write down that a fault was set, occurred or was removed."""
        self.add("fault", what=what, fault=fault.number, fault_kind=fault.asked.kind)

    def read(self, kind: str = "", after: int = 0, limit: int | None = None) -> Iterator[Entry]:
        """Entries of a kind with larger numbers, oldest first."""
        found = 0
        for entry in self.entries[after:]:
            if limit is not None and found >= limit:
                return
            if kind in ("", entry.kind):
                found += 1
                yield entry
