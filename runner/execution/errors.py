"""What can go wrong on the trading path.

RunnerError
└── ExecutionError
    ├── IllegalMoveError            an order's status can't change like that
    ├── IdentityError               a client order id can't be made of this
    ├── BotError                    a bot can't be set up or run as asked
    ├── EngineRunningError          another engine works with this database
    ├── LeaseLostError              somebody else has taken this tick
    └── BrokerError
        ├── ExchangeUnknownError    no such exchange, or not for live use
        ├── MarketUnknownError      no such symbol or timeframe
        ├── UnknownOutcomeError     the exchange may or may not have done it
        ├── OrderRefusedError       it has not, for a reason it gives
        │   ├── DuplicateOrderError     it has an order with that id already
        │   ├── WouldTriggerError       a stop that the price has passed already
        │   ├── OrderUnchangedError     it is so already
        │   └── FundsLackingError
        ├── OrderMissingError       it has no such order
        ├── PreparationError        leverage or margin mode are not what was asked for
        ├── KeyRefusedError         the key is wrong, revoked, or may not trade
        │   └── KeyMayWithdrawError
        ├── RateLimitedError        not before a time
        └── ExchangeUnreachableError    nothing is known; ask again
"""

from __future__ import annotations

from datetime import datetime

from runner.errors import RunnerError


class ExecutionError(RunnerError):
    """The root of what can go wrong on the trading path."""


class IllegalMoveError(ExecutionError):
    """An order's status can't change like that: a defect, and nothing is written."""


class IdentityError(ExecutionError, ValueError):
    """A client order id can't be made of this."""


class BotError(ExecutionError):
    """A bot can't be set up or run as asked."""


class EngineRunningError(ExecutionError):
    """Another engine works with this database; two would send orders twice."""


class LeaseLostError(ExecutionError):
    """Somebody else has taken this tick; nothing of it was written."""


class BrokerError(ExecutionError):
    """The root of what an exchange, or the way there, can answer."""


class ExchangeUnknownError(BrokerError):
    """There is no such exchange, or it may not be used live."""


class MarketUnknownError(BrokerError):
    """The exchange has no such symbol or timeframe."""


class UnknownOutcomeError(BrokerError):
    """The exchange may or may not have done what was asked; look before anything is repeated."""


class OrderRefusedError(BrokerError):
    """The exchange has refused an order for good; `code` is its own word for the reason."""

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class DuplicateOrderError(OrderRefusedError):
    """The exchange has an order with that client order id already; look it up."""


class WouldTriggerError(OrderRefusedError):
    """The price has passed the stop already."""


class OrderUnchangedError(OrderRefusedError):
    """What was to be changed is so already."""


class FundsLackingError(OrderRefusedError):
    """The account has less than the order needs."""


class OrderMissingError(BrokerError):
    """The exchange has no such order, or not yet."""


class PreparationError(BrokerError):
    """A perpetual's leverage or margin mode are not what was asked for."""


class KeyRefusedError(BrokerError):
    """The key is wrong, revoked, or may not trade; no repetition mends that."""


class KeyMayWithdrawError(KeyRefusedError):
    """The key may withdraw, which no key given to a runner may."""


class RateLimitedError(BrokerError):
    """The exchange wants no request before `until`."""

    def __init__(self, message: str, until: datetime) -> None:
        super().__init__(message)
        self.until = until


class ExchangeUnreachableError(BrokerError):
    """No answer, or none that can be read; reading again does no harm."""
