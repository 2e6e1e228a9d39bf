"""Streams: who listens on a websocket, and what faults do to what they are sent.

A venue's protocol says what is sent; this says when and to whom. Each subscriber has a queue of
its own, so that a slow one delays nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, Protocol

import msgspec

from runner.testnet.core.events import Event
from runner.testnet.core.exchange import Exchange
from runner.testnet.core.orders import Trade
from runner.testnet.faults import Faults
from runner.testnet.reports import Reports

MOST_WAITING = 10_000
"""A subscriber that is further behind than this is disconnected, as venues do."""


class Subscriber:
    """One open websocket: what it listens to, and what waits to be sent."""

    def __init__(self, venue: str) -> None:
        self.venue = venue
        self.account = ""
        self.topics: set[str] = set()
        self.is_gone = False
        self.category = ""
        """The kind of market it listens to, where the connection says that."""
        self.is_combined = False
        """Whether each message is wrapped with the name of its stream."""
        self.is_by_request = False
        """Whether it has subscribed by a request, whose number comes with each event."""
        self._waiting: asyncio.Queue[str | None] = asyncio.Queue(MOST_WAITING)
        self._stalled_until = 0.0

    def send(self, message: Any) -> None:
        """Queue a message, encoded as JSON."""
        try:
            self._waiting.put_nowait(msgspec.json.encode(message).decode())
        except asyncio.QueueFull:
            self.drop()

    def stall(self, until: float) -> None:
        """Send nothing before a time of the loop's clock; what waits is sent then."""
        self._stalled_until = max(self._stalled_until, until)

    def drop(self) -> None:
        """Close the connection without a word."""
        self.is_gone = True
        while not self._waiting.empty():
            self._waiting.get_nowait()
        self._waiting.put_nowait(None)

    async def next(self) -> str | None:
        """The next message to send; None: the connection is to be closed."""
        message = await self._waiting.get()
        loop = asyncio.get_running_loop()
        while not self.is_gone and loop.time() < self._stalled_until:
            await asyncio.sleep(min(self._stalled_until - loop.time(), 0.05))
        return None if self.is_gone else message


class StreamProtocol(Protocol):
    """What a venue sends to its subscribers when something happens."""

    def messages(self, subscriber: Subscriber, event: Event) -> Iterable[Any]:
        """What a subscriber is sent of an event; nothing if it does not listen to it."""


class Streams:
    """Passes what happens on to subscribers: at once, or as faults will have it."""

    def __init__(self, exchange: Exchange, faults: Faults, reports: Reports) -> None:
        self._faults = faults
        self._reports = reports
        self._protocols: dict[str, StreamProtocol] = {}
        self._subscribers: set[Subscriber] = set()
        self._held: dict[str, Callable[[], None]] = {}
        """An execution that waits until the next one has been told, by account."""
        exchange.listeners.append(self._pass_on)

    def speak(self, venue: str, protocol: StreamProtocol) -> None:
        """Let a venue's protocol word what its subscribers are sent."""
        self._protocols[venue] = protocol

    def join(self, subscriber: Subscriber) -> None:
        """Somebody connects."""
        self._subscribers.add(subscriber)

    def leave(self, subscriber: Subscriber) -> None:
        """Somebody is gone."""
        self._subscribers.discard(subscriber)

    def disturb(self) -> None:
        """Drop the connections that a fault is set for, whether they have anything to send."""
        for subscriber in list(self._subscribers):
            where = {"venue": subscriber.venue, "route": "stream"}
            if self._faults.draw(["stream_drop"], **where):
                subscriber.drop()

    def _pass_on(self, event: Event) -> None:
        if not self._subscribers:
            return
        if event.trade is not None:
            self._pass_on_trade(event, event.trade)
        else:
            self._tell(event)

    def _pass_on_trade(self, event: Event, trade: Trade) -> None:
        # The row goes on changing, so what is told later is told of a copy.
        told = msgspec.structs.replace(event.order) if event.order else None
        event = Event(event.kind, event.account, event.symbol, event.what, told, trade)
        delay = self._reports.delay(trade)
        if delay:
            asyncio.get_running_loop().call_later(delay, self._tell, event)
            return
        held = self._held.pop(trade.account, None)
        if held is None and self._faults.draw(["out_of_order_fills"], symbol=trade.symbol):
            self._held[trade.account] = lambda: self._tell(event)
            asyncio.get_running_loop().call_later(1.0, self._let_go, trade.account)
            return
        self._tell(event)
        if held is not None:
            held()

    def _let_go(self, account: str) -> None:
        """No other execution came: tell the one that was held."""
        held = self._held.pop(account, None)
        if held is not None:
            held()

    def _tell(self, event: Event) -> None:
        for subscriber in list(self._subscribers):
            protocol = self._protocols.get(subscriber.venue)
            if protocol is None or subscriber.is_gone:
                continue
            messages = list(protocol.messages(subscriber, event))
            if not messages:
                continue
            copies = self._disturb(subscriber, event.symbol)
            for message in messages * copies:
                subscriber.send(message)

    def _disturb(self, subscriber: Subscriber, symbol: str) -> int:
        """Draw a fault; how often the message is sent."""
        if not self._faults:
            return 1
        kinds = ["stream_drop", "stream_stall", "stream_duplicate"]
        fault = self._faults.draw(kinds, venue=subscriber.venue, route="stream", symbol=symbol)
        if fault is None:
            return 1
        if fault.asked.kind == "stream_drop":
            subscriber.drop()
            return 0
        if fault.asked.kind == "stream_stall":
            subscriber.stall(asyncio.get_running_loop().time() + fault.asked.seconds)
            return 1
        return 2
