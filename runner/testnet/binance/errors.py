"""Binance's codes and texts for what goes wrong.

Source: https://developers.binance.com/docs/binance-spot-api-docs/errors
"""

from __future__ import annotations

from typing import Any

from runner.errors import TestnetError
from runner.testnet.core.refusals import Reason, RefusedError
from runner.testnet.wire import Failure, Reply


class BinanceError(TestnetError):
    """A refusal in Binance's words."""

    def __init__(self, code: int, message: str, status: int = 400, **more: Any) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.status, self.more = code, message, status, more

    @property
    def body(self) -> dict[str, Any]:
        """What the client is told."""
        return {"code": self.code, "msg": self.message, **self.more}

    def reply(self) -> Reply:
        """What the client is told, with its status."""
        return Reply(self.body, self.status)


_NEW_ORDER, _CANCEL, _FILTER = -2010, -2011, -1013

_REASONS: dict[Reason, tuple[int, str]] = {
    Reason.UNKNOWN_SYMBOL: (-1121, "Invalid symbol."),
    Reason.MARKET_CLOSED: (_FILTER, "Market is closed."),
    Reason.ORDER_TYPE_NOT_ALLOWED: (_NEW_ORDER, "Order type not supported for this symbol."),
    Reason.LIST_NOT_ALLOWED: (_NEW_ORDER, "OCO orders are not supported for this symbol."),
    Reason.LIST_PRICES_WRONG: (
        _NEW_ORDER,
        "The relationship of the prices for the orders is not correct.",
    ),
    Reason.PROTECTION_PRICES_WRONG: (
        _NEW_ORDER,
        "The relationship of the prices for the orders is not correct.",
    ),
    Reason.BAD_PRECISION: (-1111, "Parameter has too much precision."),
    Reason.BAD_QUANTITY: (_FILTER, "Invalid quantity."),
    Reason.BAD_PRICE: (_FILTER, "Invalid price."),
    Reason.PRICE_FILTER: (_FILTER, "Filter failure: PRICE_FILTER"),
    Reason.PERCENT_PRICE: (_FILTER, "Filter failure: PERCENT_PRICE_BY_SIDE"),
    Reason.LOT_SIZE: (_FILTER, "Filter failure: LOT_SIZE"),
    Reason.MARKET_LOT_SIZE: (_FILTER, "Filter failure: MARKET_LOT_SIZE"),
    Reason.NOTIONAL: (_FILTER, "Filter failure: NOTIONAL"),
    Reason.MAX_POSITION: (_FILTER, "Filter failure: MAX_POSITION"),
    Reason.ICEBERG_PARTS: (_FILTER, "Filter failure: ICEBERG_PARTS"),
    Reason.ICEBERG_WRONG: (-1114, "TimeInForce parameter sent when not required."),
    Reason.MAX_ORDERS: (_FILTER, "Filter failure: MAX_NUM_ORDERS"),
    Reason.MAX_STOP_ORDERS: (_FILTER, "Filter failure: MAX_NUM_ALGO_ORDERS"),
    Reason.MAX_ORDER_LISTS: (_FILTER, "Filter failure: MAX_NUM_ORDER_LISTS"),
    Reason.INSUFFICIENT_BALANCE: (
        _NEW_ORDER,
        "Account has insufficient balance for requested action.",
    ),
    Reason.WOULD_TRIGGER_AT_ONCE: (_NEW_ORDER, "Stop price would trigger immediately."),
    Reason.WOULD_TAKE: (_NEW_ORDER, "Order would immediately match and take."),
    Reason.DUPLICATE_CLIENT_ID: (_NEW_ORDER, "Duplicate order sent."),
    Reason.UNKNOWN_ORDER: (-2013, "Order does not exist."),
    Reason.ORDER_IS_FINAL: (_CANCEL, "Unknown order sent."),
}


def translated(refusal: RefusedError) -> BinanceError:
    """The exchange's refusal in Binance's words."""
    code, message = _REASONS.get(refusal.reason, (_NEW_ORDER, "Unknown order sent."))
    return BinanceError(code, message)


def missing(name: str) -> BinanceError:
    """A parameter that must be there is not, or is empty, or can't be read."""
    return BinanceError(
        -1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed."
    )


def illegal(name: str, allowed: str) -> BinanceError:
    """A parameter holds characters that it must not."""
    return BinanceError(
        -1100, f"Illegal characters found in parameter '{name}'; legal range is '{allowed}'."
    )


def failed(failure: Failure, until_ms: int) -> Reply:
    """A request that is turned away before it is understood."""
    if failure is Failure.MAINTENANCE:
        # During maintenance the edge answers, not the exchange: no code, and not JSON's shape.
        return Reply("Service Temporarily Unavailable", 503)
    if failure is Failure.SERVER_ERROR:
        return BinanceError(-1000, "An unknown error occurred while processing the request.",
                            503).reply()  # fmt: skip
    if failure is Failure.BANNED:
        return BinanceError(
            -1003,
            f"Way too much request weight used; IP banned until {until_ms}. Please use WebSocket "
            "Streams for live updates to avoid bans.",
            418,
        ).reply()
    if failure is Failure.TOO_MANY_REQUESTS:
        return BinanceError(
            -1003,
            "Too much request weight used; current limit is 6000 request weight per 1 MINUTE. "
            "Please use WebSocket Streams for live updates to avoid polling the API.",
            429,
        ).reply()
    if failure is Failure.TOO_LARGE:
        return Reply({}, 413)
    if failure is Failure.WRONG_METHOD:
        return Reply({}, 405)
    return Reply({}, 404)
