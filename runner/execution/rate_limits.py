"""Turns at an exchange: cancels before orders before reconciliation before data, within limits.

An exchange counts the requests of an address and the orders of an account, and bans who goes on
after a warning. So everything in a process that speaks to one exchange from one address takes
turns at one RateLimiter, and nobody sends a request outside a turn.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from math import inf

from runner.execution.errors import RateLimitedError
from runner.execution.rate_window import Taken, Window

SHARE = 0.8
"""Of a venue's limits that is used: requests reach it later than they left, in another rhythm."""

PATIENCE = 120.0
"""Seconds that a turn is waited for."""

_AT_ONCE = 20
"""Reads in flight: more would only queue in the sockets, where no priority counts."""

_BAN_MARGIN = timedelta(seconds=1)


class Priority(IntEnum):
    """Who goes first."""

    CANCEL = 0
    ORDER = 1
    RECONCILE = 2
    DATA = 3


_ALL = frozenset(Priority)
_READS = frozenset({Priority.RECONCILE, Priority.DATA})

_SHARES: tuple[tuple[frozenset[Priority], float], ...] = (
    (_ALL, 1.0),
    # What reads leave alone is more than the orders' own limits let through: a cancel has room.
    (_READS, 0.8),
    # And neither kind of read can take all of that from the other.
    (frozenset({Priority.RECONCILE}), 0.6),
    (frozenset({Priority.DATA}), 0.6),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What a venue allows in `seconds`, as weight, or as a number of requests of a kind."""

    amount: int
    seconds: float
    of: Priority | None = None


_ORDERS, _CANCELS = Priority.ORDER, Priority.CANCEL

# Orders are counted for each account, here for each address: conservative where it has several.
_BUDGETS: dict[str, tuple[Budget, ...]] = {
    # GET /api/v3/exchangeInfo, rateLimits: REQUEST_WEIGHT 6000 a minute (by IP), ORDERS 100 in
    # 10 seconds (by account; cancels are not counted).
    "binance": (Budget(amount=6000, seconds=60), Budget(amount=100, seconds=10, of=_ORDERS)),
    # bybit-exchange.github.io/docs/v5/rate-limit: 600 requests in 5 seconds (by IP);
    # order/create and order/cancel 10 a second (by account; spot has 20).
    "bybit": (
        Budget(amount=600, seconds=5),
        Budget(amount=10, seconds=1, of=_ORDERS),
        Budget(amount=10, seconds=1, of=_CANCELS),
    ),
}

# An exchange whose limits are not listed here: one request a second is within all of them.
_UNLISTED = (Budget(amount=30, seconds=30), Budget(amount=5, seconds=5, of=_ORDERS))


@dataclass(frozen=True, slots=True)
class _Limit:
    window: Window
    of: frozenset[Priority]
    by_weight: bool


@dataclass(slots=True)
class _Waiter:
    priority: Priority
    weight: int
    n_orders: int
    since: float
    turn: asyncio.Future[None]
    taken: list[tuple[Window, Taken]] = field(default_factory=list)

    def needs(self, limit: _Limit) -> int:
        return self.weight if limit.by_weight else self.n_orders


class RateLimiter:
    """Gives turns, the most urgent first, and within a priority in the order they were asked for.

    Each budget is a sliding window, of which `share` is used; 0 means without limits, for tests.
    A fifth of the requests is kept from reads, so that a cancel finds room in any flood of them,
    and reconciliation and data can't starve each other. A ban is obeyed by everyone.

    It belongs to one event loop at a time. `clock` never jumps and runs as the loop's; `now` is
    the wall's, which bans are told in. A waiter that is cancelled leaves nothing behind: neither
    its place nor its budget.
    """

    def __init__(
        self,
        exchange: str,
        *,
        share: float = SHARE,
        patience: float = PATIENCE,
        budgets: Sequence[Budget] | None = None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.exchange = exchange
        self._patience = patience
        self._clock = clock
        self._now = now
        given = _BUDGETS.get(exchange, _UNLISTED) if budgets is None else budgets
        self._limits = [limit for budget in given for limit in _limits(budget, share)]
        self._queues: dict[Priority, deque[_Waiter]] = {name: deque() for name in Priority}
        self._reads = 0
        self._banned_until: datetime | None = None
        self._ban_end = 0.0
        self._timer: asyncio.TimerHandle | None = None

    @asynccontextmanager
    async def turn(
        self, priority: Priority, weight: int = 1, n_orders: int = 1
    ) -> AsyncIterator[None]:
        """Wait for a turn, and hold it while one request is made.

        weight: what the venue counts the request as; n_orders: as how many of its kind. A
        RateLimitedError raised inside is noted as a ban. RateLimitedError if the turn does not
        come, or because of a ban can't come, within the limiter's patience. No turn may be asked
        for inside another.
        """
        waiter = await self._come(priority, weight, n_orders)
        # A turn that ends is given on before the ban that its request has met is noted.
        while self.banned_until is not None:
            self._give_up(waiter)
            waiter = await self._come(priority, weight, n_orders)
        try:
            yield
        except RateLimitedError as refused:
            self.note_ban(refused.until)
            raise
        finally:
            self._end(priority)

    def note_ban(self, until: datetime) -> None:
        """Nobody gets a turn before `until`; a longer ban is not shortened."""
        until += _BAN_MARGIN
        end = self._clock() + (until - self._now()).total_seconds()
        if end > max(self._ban_end, self._clock()):
            self._ban_end, self._banned_until = end, until
        self._serve()

    @property
    def banned_until(self) -> datetime | None:
        """Until when nobody gets a turn; None if there is no ban."""
        return self._banned_until if self._clock() < self._ban_end else None

    async def _come(self, priority: Priority, weight: int, n_orders: int) -> _Waiter:
        loop = asyncio.get_running_loop()
        waiter = _Waiter(priority, weight, n_orders, self._clock(), loop.create_future())
        for limit in self._limits:
            if priority in limit.of and waiter.needs(limit) > limit.window.amount:
                raise ValueError(
                    f"a {priority.name} of {waiter.needs(limit)} can never have a turn at "
                    f"{self.exchange}: the limit is {limit.window.amount}"
                )
        self._queues[priority].append(waiter)
        self._serve()
        try:
            await asyncio.wait({waiter.turn}, timeout=self._patience)
        except asyncio.CancelledError:
            self._give_up(waiter)
            raise
        if not waiter.turn.done():
            self._give_up(waiter)
            raise self._too_long(waiter)
        waiter.turn.result()
        return waiter

    def _give_up(self, waiter: _Waiter) -> None:
        if not waiter.turn.done():
            waiter.turn.cancel()
            self._serve()
        elif waiter.turn.exception() is None:
            for window, taken in waiter.taken:
                window.give_back(taken)
            self._end(waiter.priority)

    def _end(self, priority: Priority) -> None:
        self._reads -= priority in _READS
        self._serve()

    def _serve(self) -> None:
        """Give all the turns that can be given now, and come back when there may be more."""
        now = self._clock()
        if now < self._ban_end:
            self._refuse_the_impatient()
            again = self._ban_end
        else:
            again = self._serve_queues(now)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if any(self._queues.values()) and again != inf:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(again - now, self._serve)

    def _serve_queues(self, now: float) -> float:
        """Serve what fits; returns when a window that was in the way has room again."""
        again = inf
        full: list[Window] = []
        for priority in Priority:
            while (waiter := self._first(priority)) is not None:
                if priority in _READS and self._reads >= _AT_ONCE:
                    break
                # A window that a more urgent one waits for is full for the others: a light
                # request must not take, again and again, the room that a heavy one needs.
                hurdles = self._hurdles(waiter, now, full)
                if hurdles:
                    full += hurdles
                    again = min(again, *(window.next_release() for window in hurdles))
                    break
                self._queues[priority].popleft()
                self._give_turn(waiter, now)
        return again

    def _first(self, priority: Priority) -> _Waiter | None:
        queue = self._queues[priority]
        while queue and queue[0].turn.done():
            queue.popleft()
        return queue[0] if queue else None

    def _hurdles(self, waiter: _Waiter, now: float, full: list[Window]) -> list[Window]:
        return [
            limit.window
            for limit in self._limits
            if waiter.priority in limit.of
            and (limit.window in full or not limit.window.fits(waiter.needs(limit), now))
        ]

    def _give_turn(self, waiter: _Waiter, now: float) -> None:
        for limit in self._limits:
            if waiter.priority in limit.of:
                taken = limit.window.take(waiter.needs(limit), now)
                waiter.taken.append((limit.window, taken))
        self._reads += waiter.priority in _READS
        waiter.turn.set_result(None)

    def _refuse_the_impatient(self) -> None:
        for queue in self._queues.values():
            for waiter in queue:
                if not waiter.turn.done() and self._ban_end - waiter.since > self._patience:
                    waiter.turn.set_exception(self._too_long(waiter))

    def _too_long(self, waiter: _Waiter) -> RateLimitedError:
        until = self.banned_until
        why = f"is banned until {until:%Y-%m-%d %H:%M:%S} UTC" if until else "is busy"
        return RateLimitedError(
            f"no turn for a {waiter.priority.name} at {self.exchange} within {self._patience:g} "
            f"seconds: this address {why}; nothing was sent, try again then",
            until or self._now(),
        )


def _limits(budget: Budget, share: float) -> list[_Limit]:
    if not share:
        return []
    if budget.of is not None:
        amount = max(1, int(budget.amount * share))
        return [_Limit(Window(amount, budget.seconds), frozenset({budget.of}), by_weight=False)]
    return [
        _Limit(
            Window(max(1, int(budget.amount * share * part)), budget.seconds), of, by_weight=True
        )
        for of, part in _SHARES
    ]


_limiters: dict[tuple[str, str], RateLimiter] = {}


def limiter_of(exchange: str, address: str = "") -> RateLimiter:
    """The limiter of an exchange and an address of ours: one for all in this process."""
    return _limiters.setdefault((exchange, address), RateLimiter(exchange))
