"""From what ccxt raised and what came over the wire to one of our errors.

What matters is whether the exchange has done what it was asked. It surely has not if no request
left, or if the venue itself says no in a reply that can be read and is no server error. Else
nobody knows: of an order, UnknownOutcomeError; of a question, ExchangeUnreachableError.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto

from runner.execution.ccxt_codes import Meaning, meaning_of
from runner.execution.ccxt_replies import Asked, Reply
from runner.execution.errors import (
    BrokerError,
    DuplicateOrderError,
    ExchangeUnreachableError,
    FundsLackingError,
    KeyRefusedError,
    MarketUnknownError,
    OrderMissingError,
    OrderRefusedError,
    OrderUnchangedError,
    RateLimitedError,
    UnknownOutcomeError,
    WouldTriggerError,
)
from runner.execution.scrub import scrub

_RATE_STATUS = (418, 429)
_WALL_STATUS = 403
_WALL_WAIT = timedelta(minutes=10)
"""https://bybit-exchange.github.io/docs/v5/rate-limit: "wait for at least 10 minutes"; Binance's
firewall says no time. Both answer in no JSON, so nobody knows what became of an order."""
_USUAL_WAIT = timedelta(seconds=10)
_LONGEST_TEXT = 300


class Doing(Enum):
    """What a request is for."""

    READ = auto()
    FIND = auto()  # read about one order
    SUBMIT = auto()
    CANCEL = auto()
    CHANGE = auto()


_ABOUT_AN_ORDER = (Doing.FIND, Doing.CANCEL, Doing.CHANGE)
"""What can meet an order that is not there. Whoever asks for balances and is told so has been given
another question's answer, and asks again."""


class ReplyUnreadableError(Exception):
    """A reply lacks what it should have, or holds what nobody knows."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A call that failed: where, of what kind, and what is known of it."""

    exchange: str
    doing: Doing
    asked: Asked
    error: Exception
    now: datetime
    clock_ahead: timedelta = timedelta(0)

    @property
    def meaning(self) -> Meaning:
        """What it comes to; AMBIGUOUS unless something definite is known."""
        reply = self.asked.reply
        if isinstance(self.error, ReplyUnreadableError):
            return Meaning.AMBIGUOUS
        if reply is None:
            return Meaning.AMBIGUOUS if self.asked.n_sent else _without_request(self.error)
        if reply.status in _RATE_STATUS:
            return Meaning.RATE
        if not reply.is_refusal:
            return Meaning.AMBIGUOUS
        return meaning_of(self.exchange, reply.code, reply.message)

    def translated(self) -> BrokerError:
        """Our error for it, scrubbed."""
        meaning = self.meaning
        if meaning is Meaning.RATE:
            return self._rate_limited()
        if meaning is Meaning.KEY:
            return KeyRefusedError(f"{self._text}; the key is wrong, revoked or lacks a right")
        if meaning is Meaning.MARKET:
            return MarketUnknownError(self._text)
        if meaning is Meaning.MISSING and self.doing in _ABOUT_AN_ORDER:
            return OrderMissingError(self._text)
        if meaning is Meaning.CLOCK:
            return ExchangeUnreachableError(f"{self._text}; it was not done, the clocks differ")
        if self.doing in (Doing.READ, Doing.FIND):
            return ExchangeUnreachableError(self._text)
        if meaning is Meaning.AMBIGUOUS:
            return UnknownOutcomeError(f"{self._text}; it may have been done, look it up")
        refused = _REFUSALS.get(meaning, OrderRefusedError)
        return refused(self._text, self._code)

    @property
    def banned_until(self) -> datetime | None:
        """Until when nobody may ask anything; None where there is no ban."""
        reply = self.asked.reply
        if self.meaning is Meaning.RATE:
            until = None if reply is None else reply.ban_end(self.now, self.clock_ahead)
            return until if until and until >= self.now else self.now + _USUAL_WAIT
        if reply is not None and reply.status == _WALL_STATUS and not reply.code:
            return self.now + _WALL_WAIT
        return None

    def _rate_limited(self) -> RateLimitedError:
        until = self.banned_until or self.now + _USUAL_WAIT
        return RateLimitedError(f"{self._text}; no request before {until:%H:%M:%S} UTC", until)

    @property
    def _code(self) -> str:
        reply = self.asked.reply
        return reply.code if reply is not None else ""

    @property
    def _text(self) -> str:
        said = _said(self.asked.reply) or _own_words(self.asked, self.error)
        return scrub(f"{self.exchange}, {self.doing.name.lower()}: {said}"[:_LONGEST_TEXT])


_REFUSALS: dict[Meaning, Callable[[str, str], OrderRefusedError]] = {
    Meaning.DUPLICATE: DuplicateOrderError,
    Meaning.PASSED: WouldTriggerError,
    Meaning.FUNDS: FundsLackingError,
    Meaning.UNCHANGED: OrderUnchangedError,
}

# What ccxt finds wrong by itself, before anything is sent: the most specific first.
_BEFORE_SENDING: tuple[tuple[str, Meaning], ...] = (
    ("AuthenticationError", Meaning.KEY),
    ("BadSymbol", Meaning.MARKET),
    ("ExchangeClosedByUser", Meaning.AMBIGUOUS),
    ("OrderNotFound", Meaning.MISSING),
    ("InsufficientFunds", Meaning.FUNDS),
    ("ExchangeError", Meaning.REFUSED),
)


def _without_request(error: Exception) -> Meaning:
    # By name, so that this module needs no ccxt: its classes are known when one was raised.
    names = {kind.__name__ for kind in type(error).__mro__}
    for name, meaning in _BEFORE_SENDING:
        if name in names:
            return meaning
    return Meaning.AMBIGUOUS


def _said(reply: Reply | None) -> str:
    if reply is None:
        return ""
    if reply.code:
        return f"{reply.code} {reply.message}".strip()
    return f"HTTP {reply.status}, and nothing that can be read"


def _own_words(asked: Asked, error: Exception) -> str:
    if asked.n_sent:
        # Its text is the signed URL.
        return f"no answer ({type(error).__name__})"
    return f"{type(error).__name__}: {error}"
