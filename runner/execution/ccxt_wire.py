"""The one way from the broker to an exchange: takes a turn, sends once, keeps what came back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import ceil
from typing import Any, Protocol, TypeVar

from runner.execution.ccxt_codes import Meaning
from runner.execution.ccxt_errors import Doing, Failure, ReplyUnreadableError
from runner.execution.ccxt_replies import Asked, read_reply
from runner.execution.errors import BrokerError
from runner.execution.rate_limits import Priority

T = TypeVar("T")

_ASKED: ContextVar[Asked | None] = ContextVar("asked", default=None)

_PRIORITIES = {
    Doing.READ: Priority.RECONCILE,
    Doing.FIND: Priority.RECONCILE,
    Doing.SUBMIT: Priority.ORDER,
    Doing.CANCEL: Priority.CANCEL,
    Doing.CHANGE: Priority.ORDER,
}

# What a request weighs in the venue's own units, for each unit of ccxt's cost.
_WEIGHTS = {"binance": 5}


class RequestLimiter(Protocol):
    """Gives turns; rate_limits.RateLimiter is one."""

    def turn(
        self, priority: Priority, weight: int = 1, n_orders: int = 1
    ) -> AbstractAsyncContextManager[None]:
        """Wait for a turn, and hold it while one request is made."""

    def note_ban(self, until: datetime) -> None:
        """Nobody gets a turn before `until`."""


class Wire:
    """A ccxt client whose requests take turns, whose replies are kept, and that never rounds.

    reads: how urgent its reading is.
    """

    def __init__(
        self,
        client: Any,
        exchange: str,
        limiter: RequestLimiter | None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        reads: Priority = Priority.RECONCILE,
    ) -> None:
        self.client = client
        self._priorities = {**_PRIORITIES, Doing.READ: reads}
        self._exchange = exchange
        self._limiter = limiter
        self._now = now
        _listen(client, exchange, self._turn)

    async def call(self, doing: Doing, ask: Callable[[], Awaitable[T]], n_orders: int = 1) -> T:
        """What `ask` returns, or one of our errors.

        n_orders: as how many orders the venue counts it.

        Where the venue refuses because of the clocks, which is definite, they are set and it is
        asked once more, with the same ids.
        """
        failure = await self._attempt(doing, ask, n_orders)
        if isinstance(failure, Failure) and failure.meaning is Meaning.CLOCK:
            set_clock = await self._attempt(Doing.READ, self.client.load_time_difference)
            if not isinstance(set_clock, Failure):
                failure = await self._attempt(doing, ask, n_orders)
        if not isinstance(failure, Failure):
            return failure
        if self._limiter is not None and (until := failure.banned_until) is not None:
            self._limiter.note_ban(until)
        # Causes carry signed URLs and bodies.
        raise failure.translated() from None

    @property
    def clock_ahead(self) -> timedelta:
        """How far our clock is ahead of the venue's, as last measured."""
        return timedelta(milliseconds=int(self.client.options.get("timeDifference") or 0))

    def venue_now(self) -> datetime:
        """What time it is at the venue, by our clock and the measured difference."""
        return self._now() - self.clock_ahead

    async def _attempt(
        self, doing: Doing, ask: Callable[[], Awaitable[T]], n_orders: int = 1
    ) -> T | Failure:
        asked = Asked(self._priorities[doing], n_orders)
        token = _ASKED.set(asked)
        try:
            answer = await ask()
            if not asked.all_readable:
                raise ReplyUnreadableError("a reply is not JSON")
            return answer
        except BrokerError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a strange reply made ccxt raise
            return Failure(self._exchange, doing, asked, error, self._now(), self.clock_ahead)
        finally:
            _ASKED.reset(token)

    def _turn(self, cost: float) -> AbstractAsyncContextManager[None]:
        if self._limiter is None:
            return nullcontext()
        asked = _ASKED.get()
        priority = Priority.RECONCILE if asked is None else asked.priority
        n_orders = 1 if asked is None else asked.n_orders
        weight = ceil(round(cost * _WEIGHTS.get(self._exchange, 0), 6))
        return self._limiter.turn(priority, max(weight, 1), n_orders)


def _listen(
    client: Any, exchange: str, turn: Callable[[float], AbstractAsyncContextManager[None]]
) -> None:
    """Have a client take turns, keep its replies, and send numbers as they are."""
    send_signed, send, see = client.fetch2, client.fetch, client.on_rest_response

    async def in_turn(
        path: str, api: Any = "public", method: str = "GET", params: Any = None, config: Any = None
    ) -> Any:
        params, config = params or {}, config or {}
        # Before it is signed: a signature ages while it waits.
        async with turn(client.calculate_rate_limiter_cost(api, method, path, params, config)):
            return await send_signed(path, api, method, params, config)

    async def counted(url: str, method: str = "GET", headers: Any = None, body: Any = None) -> Any:
        asked = _ASKED.get()
        if asked is not None:
            asked.n_sent, asked.reply = asked.n_sent + 1, None
        return await send(url, method, headers, body)

    def seen(status: int, reason: str, url: str, method: str, headers: Any, body: str,
             *sent: Any) -> str:  # fmt: skip
        asked = _ASKED.get()
        if asked is not None:
            asked.note(read_reply(exchange, status, dict(headers), body))
        text: str = see(status, reason, url, method, headers, body, *sent)
        return text

    client.fetch2, client.fetch, client.on_rest_response = in_turn, counted, seen
    client.decimal_to_precision = _as_it_is


def _as_it_is(number: Any, *_: Any, **__: Any) -> str:
    """In place of ccxt's rounding: what comes from us is in whole ticks and lots."""
    return f"{Decimal(str(number)):f}"
