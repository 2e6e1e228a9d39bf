"""Why the exchange refuses a request, in words of its own; each venue has codes for them."""

from __future__ import annotations

from enum import Enum, auto

from runner.errors import TestnetError


class Reason(Enum):
    """What was wrong with a request that was understood."""

    UNKNOWN_SYMBOL = auto()
    MARKET_CLOSED = auto()
    ORDER_TYPE_NOT_ALLOWED = auto()
    LIST_NOT_ALLOWED = auto()
    LIST_PRICES_WRONG = auto()
    PROTECTION_PRICES_WRONG = auto()
    BAD_PRECISION = auto()
    BAD_QUANTITY = auto()
    BAD_PRICE = auto()
    PRICE_FILTER = auto()
    PERCENT_PRICE = auto()
    LOT_SIZE = auto()
    MARKET_LOT_SIZE = auto()
    NOTIONAL = auto()
    MAX_POSITION = auto()
    ICEBERG_PARTS = auto()
    ICEBERG_WRONG = auto()
    MAX_ORDERS = auto()
    MAX_STOP_ORDERS = auto()
    MAX_ORDER_LISTS = auto()
    INSUFFICIENT_BALANCE = auto()
    INSUFFICIENT_MARGIN = auto()
    LEVERAGE = auto()
    REDUCE_ONLY = auto()
    POSITION_EXISTS = auto()
    WOULD_TRIGGER_AT_ONCE = auto()
    WOULD_TAKE = auto()
    DUPLICATE_CLIENT_ID = auto()
    BAD_CLIENT_ID = auto()
    UNKNOWN_ORDER = auto()
    ORDER_IS_FINAL = auto()
    ORDER_IN_LIST = auto()
    NOTHING_CHANGES = auto()


class RefusedError(TestnetError):
    """A request that was understood and is refused; nothing has changed."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(f"{reason.name}: {detail}" if detail else reason.name)
        self.reason = reason
        self.detail = detail
