"""The local exchange as one thing: the exchange itself, and all that stands around it."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from runner.testnet.core.events import Event
from runner.testnet.core.exchange import Exchange
from runner.testnet.driver import Driver
from runner.testnet.faults import Fault, Faults
from runner.testnet.ledger import Ledger
from runner.testnet.limits import Limits
from runner.testnet.prices import Prices
from runner.testnet.reports import Reports
from runner.testnet.standing import Standing
from runner.testnet.streams import Streams
from runner.testnet.wire import Venue


class LocalExchange:
    """What the routes of both venues and of the control share.

    limit_share: of each venue's rate limits, how much is allowed; 0 turns them off.
    """

    def __init__(self, exchange: Exchange, *, limit_share: float = 1.0) -> None:
        self.exchange = exchange
        self.faults = Faults()
        self.ledger = Ledger(exchange.clock)
        self.reports = Reports(exchange, self.faults)
        self.prices = Prices(exchange, self.faults)
        self.streams = Streams(exchange, self.faults, self.reports)
        self.driver = Driver(exchange)
        self.standing = Standing(exchange, self.faults)
        self.is_served = threading.Event()
        """Set once it answers."""
        self.limit_share = limit_share
        self.limits: dict[str, Limits] = {}
        exchange.listeners.append(self._note_event)
        self.faults.listeners.append(self._note_fault)

    def limit(self, venue: Venue) -> None:
        """Count a venue's requests against its limits."""
        self.limits[venue.name] = Limits(venue.limits(), self.limit_share)

    def limit_all(self, share: float) -> None:
        """Allow that share of all limits from now on, and lift all bans."""
        self.limit_share = share
        for limits in self.limits.values():
            limits.share = share
            limits.forget()

    @property
    def symbols(self) -> Sequence[str]:
        """The markets that have bars: those that can be traded."""
        return self.exchange.tape.symbols

    def _note_event(self, event: Event) -> None:
        self.ledger.note_event(event)

    def _note_fault(self, fault: Fault, what: str) -> None:
        self.ledger.note_fault(fault, what)
        self.standing.apply()
        if what == "set" and fault.asked.kind == "stream_drop":
            self.streams.disturb()
