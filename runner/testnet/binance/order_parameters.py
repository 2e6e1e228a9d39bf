"""Reading what order to make, by the rules of each order type.

Source: https://developers.binance.com/docs/binance-spot-api-docs/rest-api/trading-endpoints
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from robotrader_sdk.types import OrderType, Side
from runner.testnet.binance.errors import BinanceError, missing
from runner.testnet.binance.parameters import Given
from runner.testnet.core.markets import Market
from runner.testnet.core.orders import Request


@dataclass(frozen=True, slots=True)
class _Kind:
    """What a venue's order type is here, and what must come with it."""

    type: OrderType
    needs: tuple[str, ...]
    takes_profit: bool = False
    post_only: bool = False


_KINDS = {
    "MARKET": _Kind(OrderType.MARKET, ()),
    "LIMIT": _Kind(OrderType.LIMIT, ("timeInForce", "quantity", "price")),
    "LIMIT_MAKER": _Kind(OrderType.LIMIT, ("quantity", "price"), post_only=True),
    "STOP_LOSS": _Kind(OrderType.STOP, ("quantity", "stopPrice")),
    "TAKE_PROFIT": _Kind(OrderType.STOP, ("quantity", "stopPrice"), takes_profit=True),
    "STOP_LOSS_LIMIT": _Kind(
        OrderType.STOP_LIMIT, ("timeInForce", "quantity", "price", "stopPrice")
    ),
    "TAKE_PROFIT_LIMIT": _Kind(
        OrderType.STOP_LIMIT, ("timeInForce", "quantity", "price", "stopPrice"), takes_profit=True
    ),
}
_SIDES = {"BUY": Side.BUY, "SELL": Side.SELL}
_TIMES = ("GTC", "IOC", "FOK")
_OFFERED_NOT = ("trailingDelta", "pegPriceType", "pegOffsetValue", "pegOffsetType")
_WITHOUT_EFFECT = ("selfTradePreventionMode", "strategyId", "strategyType")

RESPONSES = ("ACK", "RESULT", "FULL")


def new_client_id() -> str:
    """The id of an order whose client has chosen none."""
    return secrets.token_urlsafe(16)


def read_order(given: Given, market: Market) -> Request:
    """The order of POST order; BinanceError if it can't be one."""
    side = read_side(given, "side")
    kind = _read_kind(given, "type")
    _refuse_what_is_not_offered(given)
    quantity, cost = given.number("quantity"), given.number("quoteOrderQty")
    if kind.type is OrderType.MARKET:
        if (quantity is None) == (cost is None):
            raise missing("quantity") if quantity is None else BinanceError(
                -1106, "Parameter 'quoteOrderQty' sent when not required."
            )  # fmt: skip
    elif cost is not None:
        raise BinanceError(-1106, "Parameter 'quoteOrderQty' sent when not required.")
    return _request(
        market,
        side,
        given.text("type"),
        quantity=quantity,
        cost=cost,
        price=given.number("price"),
        trigger=given.number("stopPrice"),
        time_in_force=given.text("timeInForce", ""),
        client_id=given.client_id("newClientOrderId"),
        shown=given.number("icebergQty"),
    )


def read_leg(
    given: Given, market: Market, side: Side, quantity: Decimal | None, names: dict[str, str]
) -> Request:
    """A leg of a list, by what its parameters are called: type, price, stop, time, id."""
    _read_kind(given, names["type"])
    return _request(
        market,
        side,
        given.text(names["type"]),
        quantity=quantity,
        price=given.number(names["price"]),
        trigger=given.number(names["stop"]) if "stop" in names else None,
        time_in_force=given.text(names["time"], ""),
        client_id=given.client_id(names["id"]),
        names=names,
    )


def read_side(given: Given, name: str) -> Side:
    """BUY or SELL."""
    return _SIDES[given.choice(name, _SIDES, BinanceError(-1117, "Invalid side."))]


def read_response(given: Given, default: str) -> str:
    """How much of a new order is to be told."""
    wrong = BinanceError(-1100, "Illegal characters found in parameter 'newOrderRespType'.")
    return given.choice("newOrderRespType", RESPONSES, wrong, default)


def ignore_without_effect(given: Given, *prefixes: str) -> None:
    """Parameters that may come with every order and change nothing here."""
    for prefix in ("", *prefixes):
        for name in _WITHOUT_EFFECT:
            given.ignore(f"{prefix}{name[0].upper()}{name[1:]}" if prefix else name)


def _read_kind(given: Given, name: str) -> _Kind:
    return _KINDS[given.choice(name, _KINDS, BinanceError(-1116, "Invalid orderType."))]


def _refuse_what_is_not_offered(given: Given) -> None:
    for name in _OFFERED_NOT:
        if name in given:
            raise BinanceError(-1106, f"Parameter '{name}' sent when not required.")
        given.ignore(name)
    ignore_without_effect(given)


def _request(
    market: Market,
    side: Side,
    venue_type: str,
    *,
    quantity: Decimal | None,
    price: Decimal | None,
    trigger: Decimal | None,
    time_in_force: str,
    client_id: str,
    cost: Decimal | None = None,
    shown: Decimal | None = None,
    names: dict[str, str] | None = None,
) -> Request:
    kind = _KINDS[venue_type]
    _check_parts(kind, names or {}, quantity=quantity, price=price, stopPrice=trigger,
                 timeInForce=time_in_force)  # fmt: skip
    if venue_type not in market.order_types:
        words = venue_type.replace("_", " ").capitalize()
        raise BinanceError(-1013, f"{words} orders are not supported for this symbol.")
    if time_in_force and time_in_force not in _TIMES:
        raise BinanceError(-1115, "Invalid timeInForce.")
    for value, digits in ((quantity, market.base_precision), (price, 8), (trigger, 8),
                          (cost, market.quote_precision)):  # fmt: skip
        if value is not None and -int(value.as_tuple().exponent) > digits:
            raise BinanceError(-1111, "Parameter has too much precision.")
    rises = None if trigger is None else (side is Side.BUY) != kind.takes_profit
    return Request(
        symbol=market.symbol,
        side=side,
        type=kind.type,
        quantity=quantity,
        cost=cost,
        price=price,
        trigger=trigger,
        rises=rises,
        client_id=client_id or new_client_id(),
        venue="binance",
        venue_type=venue_type,
        time_in_force=time_in_force or "GTC",
        shown=shown,
        post_only=kind.post_only,
    )


def _check_parts(kind: _Kind, names: dict[str, str], **parts: Any) -> None:
    """What the type needs is there, and nothing that it can't have."""
    called = {"price": "price", "stopPrice": "stop", "timeInForce": "time"}
    allowed = {*kind.needs, *({"quantity"} if kind.type is OrderType.MARKET else ())}
    for part, value in parts.items():
        name = names.get(called.get(part, ""), part)
        is_there = value is not None and value != ""
        if part in kind.needs and not is_there:
            raise missing(name)
        if is_there and part not in allowed:
            raise BinanceError(-1106, f"Parameter '{name}' sent when not required.")
