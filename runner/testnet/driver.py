"""Who moves time: a control request, the clients' acknowledgements, or the wall clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from robotrader_sdk.trading.matching import BETWEEN, DONE, OPEN
from runner.errors import TestnetError
from runner.testnet.core.clock import MANUAL, MAX
from runner.testnet.core.exchange import Exchange
from runner.testnet.core.session import Stop, advance, close_bar, fill_inside, open_next

_LONGEST_SLEEP = 0.25
"""Seconds; so that a changed speed is noticed soon."""


class Driver:
    """Moves an exchange on at the speed of its clock.

    At `max` each registered client acknowledges every stop, by the number it was given with it;
    while none is registered, time stands still.
    """

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self.n_stops = 0
        self.last_stop: Stop | None = None
        self._clients: dict[str, int] = {}
        self._moved = asyncio.Condition()
        self.listeners: list[Callable[[Stop], None]] = []

    @property
    def clients(self) -> dict[str, int]:
        """The registered clients, and which stop each has acknowledged last."""
        return dict(self._clients)

    def step(self, n_bars: int = 1, *, through_fills: bool = False) -> Stop:
        """Go on to the next stop, or, through the fills, to the close of so many bars.

        TestnetError unless the clock is manual, or if no bar is left.
        """
        if self._exchange.clock.speed != MANUAL:
            raise TestnetError(
                f"the clock runs by itself, at {self._exchange.clock.speed}; only a manual one "
                "is stepped"
            )
        if n_bars < 1:
            raise TestnetError(f"bars is at least 1, got {n_bars}")
        while True:
            stop = self._go_on()
            if stop.at == "close":
                n_bars -= 1
            if n_bars == 0 or (stop.at == "fill" and not through_fills):
                return stop
            if self._exchange.tape.is_over:
                return stop

    def register(self, name: str) -> int:
        """Let a client take part; the number of the last stop, which counts as acknowledged."""
        self._clients[name] = self.n_stops
        return self.n_stops

    def leave(self, name: str) -> None:
        """A client takes no more part."""
        if name not in self._clients:
            raise TestnetError(f"no client {name!r} is registered: {sorted(self._clients)}")
        del self._clients[name]

    def acknowledge(self, name: str, stop: int) -> None:
        """A client has done what it does at a stop."""
        if name not in self._clients:
            raise TestnetError(f"client {name!r} is not registered; register it first")
        if not 0 <= stop <= self.n_stops:
            raise TestnetError(f"stop {stop} has not come yet; the last was {self.n_stops}")
        self._clients[name] = max(self._clients[name], stop)

    async def wait_for(self, after: int, seconds: float) -> int:
        """The number of the last stop, once it is larger than `after` or the time is up."""
        try:
            async with asyncio.timeout(seconds):
                async with self._moved:
                    await self._moved.wait_for(lambda: self.n_stops > after)
        except TimeoutError:
            pass
        return self.n_stops

    async def run(self) -> None:
        """Move time for as long as the server runs."""
        while True:
            clock, tape = self._exchange.clock, self._exchange.tape
            if tape.is_over or clock.speed == MANUAL:
                await asyncio.sleep(_LONGEST_SLEEP / 10)
            elif clock.speed == MAX:
                await self._go_at_max()
            else:
                await self._go_by_the_clock()
            async with self._moved:
                self._moved.notify_all()

    async def _go_at_max(self) -> None:
        if self._clients and min(self._clients.values()) >= self.n_stops:
            self._go_on()
            await asyncio.sleep(0)
        else:
            await asyncio.sleep(0.0005)

    async def _go_by_the_clock(self) -> None:
        clock, tape = self._exchange.clock, self._exchange.tape
        moment, happens = {
            OPEN: (tape.middle_ms, fill_inside),
            BETWEEN: (tape.close_ms, close_bar),
            DONE: (tape.next_open_ms, open_next),
        }[tape.stage]
        if clock.due_ms() < moment:
            clock.held_ms = moment - 1
            await asyncio.sleep(min(clock.wait_seconds(moment), _LONGEST_SLEEP))
            return
        clock.move_to(moment)
        for stop in happens(self._exchange):
            self._note(stop)
        if tape.stage == OPEN:
            await asyncio.sleep(0)

    def _go_on(self) -> Stop:
        stop = advance(self._exchange)
        self._note(stop)
        return stop

    def _note(self, stop: Stop) -> None:
        self.n_stops += 1
        self.last_stop = stop
        for listener in self.listeners:
            listener(stop)
