"""Bybit's codes and texts for what goes wrong.

Source: https://bybit-exchange.github.io/docs/v5/error
"""

from __future__ import annotations

from typing import Any

from runner.errors import TestnetError
from runner.testnet.core.refusals import Reason, RefusedError
from runner.testnet.wire import Failure, Reply


class BybitError(TestnetError):
    """A refusal in Bybit's words; most come with HTTP 200."""

    def __init__(self, code: int, message: str, status: int = 200) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.status = code, message, status


_LINEAR: dict[Reason, tuple[int, str]] = {
    Reason.UNKNOWN_SYMBOL: (10001, "params error: symbol invalid"),
    Reason.MARKET_CLOSED: (110066, "Trading is currently not allowed."),
    Reason.BAD_QUANTITY: (10001, "Qty invalid"),
    Reason.BAD_PRICE: (10001, "Price invalid"),
    Reason.PRICE_FILTER: (110003, "Order price exceeds the allowable range."),
    Reason.PERCENT_PRICE: (110003, "Order price exceeds the allowable range."),
    Reason.LOT_SIZE: (10001, "Qty invalid"),
    Reason.MARKET_LOT_SIZE: (10001, "The number of contracts exceeds maximum limit allowed"),
    Reason.NOTIONAL: (110094, "Order does not meet minimum order value"),
    Reason.MAX_ORDERS: (110020, "You can't have more than 500 active orders."),
    Reason.MAX_STOP_ORDERS: (
        110009,
        "The number of stop orders exceeds the maximum allowable limit.",
    ),
    Reason.INSUFFICIENT_BALANCE: (110007, "Available balance is insufficient"),
    Reason.INSUFFICIENT_MARGIN: (110007, "ab not enough for new order"),
    Reason.LEVERAGE: (110013, "Cannot set leverage due to risk limit level."),
    Reason.REDUCE_ONLY: (
        110017,
        "current position is zero, cannot fix reduce-only order qty",
    ),
    Reason.POSITION_EXISTS: (110024, "You have an existing position, so mode can't be switched."),
    Reason.WOULD_TRIGGER_AT_ONCE: (110092, "expect Rising, but trigger_price <= current"),
    Reason.PROTECTION_PRICES_WRONG: (
        10001,
        "StopLoss or TakeProfit set for position should be beyond base_price",
    ),
    Reason.DUPLICATE_CLIENT_ID: (110072, "OrderLinkedID is duplicate"),
    Reason.UNKNOWN_ORDER: (110001, "order not exists or too late to cancel"),
    Reason.ORDER_IS_FINAL: (110001, "order not exists or too late to cancel"),
    Reason.ORDER_IN_LIST: (110032, "Invalid order."),
    Reason.NOTHING_CHANGES: (10001, "The order remains unchanged as the parameters entered match "
                             "the existing ones."),
}  # fmt: skip
_SPOT: dict[Reason, tuple[int, str]] = {
    Reason.UNKNOWN_SYMBOL: (170121, "Invalid symbol."),
    Reason.MARKET_CLOSED: (170151, "This trading pair is not open yet."),
    Reason.BAD_QUANTITY: (170136, "Order quantity exceeded lower limit."),
    Reason.BAD_PRICE: (170133, "Order price lower than the minimum."),
    Reason.PRICE_FILTER: (170134, "Order price has too many decimals."),
    Reason.PERCENT_PRICE: (170193, "Buy order price cannot be higher than the limit."),
    Reason.LOT_SIZE: (170137, "Order quantity has too many decimals."),
    Reason.MARKET_LOT_SIZE: (170124, "Order quantity exceeded upper limit."),
    Reason.NOTIONAL: (170140, "Order value exceeded lower limit."),
    Reason.MAX_ORDERS: (170210, "New order rejected."),
    Reason.MAX_POSITION: (170228, "The purchase amount of each order exceeds the maximum."),
    Reason.INSUFFICIENT_BALANCE: (170131, "Insufficient balance."),
    Reason.WOULD_TRIGGER_AT_ONCE: (170206, "trigger price would trigger at once."),
    Reason.PROTECTION_PRICES_WRONG: (170203, "Please enter the TP/SL price."),
    Reason.DUPLICATE_CLIENT_ID: (170141, "Duplicate clientOrderId"),
    Reason.UNKNOWN_ORDER: (170213, "Order does not exist."),
    Reason.ORDER_IS_FINAL: (170213, "Order does not exist."),
}


def translated(refusal: RefusedError, *, linear: bool) -> BybitError:
    """The exchange's refusal in Bybit's words."""
    reason = refusal.reason
    if not linear and reason in _SPOT:
        return BybitError(*_SPOT[reason])
    return BybitError(*_LINEAR.get(reason, (10001, f"params error: {reason.name.lower()}")))


def wrong(name: str) -> BybitError:
    """A parameter that can't be read, or is missing."""
    return BybitError(10001, f"params error: {name} invalid")


def envelope(error: BybitError, time_ms: int) -> Reply:
    """A refusal as a reply."""
    return Reply(wrapped({}, time_ms, error.code, error.message), error.status)


def wrapped(result: Any, time_ms: int, code: int = 0, message: str = "OK") -> dict[str, Any]:
    """What every reply has around its result."""
    return {"retCode": code, "retMsg": message, "result": result, "retExtInfo": {},
            "time": time_ms}  # fmt: skip


_FAILURES: dict[Failure, tuple[int, str, int]] = {
    Failure.NO_SUCH_ROUTE: (10017, "Route not found.", 404),
    Failure.WRONG_METHOD: (10017, "Request path not found or request method is invalid.", 404),
    Failure.TOO_LARGE: (10001, "Request body is too large.", 413),
    Failure.MAINTENANCE: (10016, "Service is under maintenance. Please try again later.", 503),
    Failure.SERVER_ERROR: (10016, "System error. Please try again later.", 500),
    Failure.TOO_MANY_REQUESTS: (10006, "Too many visits. Exceeded the API Rate Limit.", 200),
    Failure.BANNED: (10018, "Exceeded the IP Rate Limit.", 403),
}


def failed(failure: Failure, time_ms: int) -> Reply:
    """A request that is turned away before it is understood."""
    return envelope(BybitError(*_FAILURES[failure]), time_ms)
