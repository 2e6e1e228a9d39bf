"""From an order request to what ccxt is told, for every venue."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from robotrader_sdk.types import OrderType, Side
from runner.execution.broker import Market, OrderListRequest, OrderReport, OrderRequest
from runner.execution.ccxt_venues import Venue
from runner.execution.errors import OrderRefusedError

_MARKET = {OrderType.MARKET, OrderType.STOP}
_STOPS = {OrderType.STOP, OrderType.STOP_LIMIT}


@dataclass(frozen=True, slots=True)
class Order:
    """What ccxt's create_order is told; `cost` in place of `amount` for a market buy by cost."""

    type: str
    side: str
    amount: str | None
    price: str | None
    cost: str | None
    params: dict[str, Any]


def order_of(request: OrderRequest, market: Market, venue: Venue) -> Order:
    """What ccxt is told; OrderRefusedError if the request makes no sense, before it is sent."""
    check_request(request, market)
    params = {**venue.order_params, venue.client_id: request.client_order_id}
    if request.type in _STOPS:
        params[venue.trigger] = plain(request.stop_price)
        if venue.stop_id:
            params[venue.stop_id] = request.client_order_id
        if market.is_perpetual:
            params["triggerDirection"] = _direction(request.side)
    if request.reduce_only:
        params["reduceOnly"] = True
    if request.cost is not None:
        params |= venue.cost_params
    # A price makes ccxt turn a market order into one by cost, sells too.
    limit = None if request.type in _MARKET else plain(request.limit_price)
    return Order(
        type="market" if request.type in _MARKET else "limit",
        side=request.side.label,
        amount=None if request.quantity is None else plain(_contracts(request.quantity, market)),
        price=limit,
        cost=None if request.cost is None else plain(request.cost),
        params=params,
    )


def check_request(request: OrderRequest, market: Market) -> None:
    """OrderRefusedError if a request lacks what its type needs, or has what it must not."""
    wanted = {
        "limit_price": request.type in (OrderType.LIMIT, OrderType.STOP_LIMIT),
        "stop_price": request.type in _STOPS,
    }
    for name, needed in wanted.items():
        if (getattr(request, name) is not None) != needed:
            said = "needs" if needed else "has no"
            raise _refused(request, f"a {request.type.label} order {said} {name}")
    if (request.quantity is None) == (request.cost is None):
        raise _refused(request, "give either quantity or cost")
    by_cost = request.type is OrderType.MARKET and request.side is Side.BUY
    if request.cost is not None and (not by_cost or market.is_perpetual):
        raise _refused(request, "only a market buy on spot can be by cost")
    if request.type is OrderType.STOP and not market.has_stop_market:
        raise _refused(request, f"{market.symbol} has no stop-market orders, use a stop_limit")
    for value in (request.quantity, request.cost, request.limit_price, request.stop_price):
        if value is not None and not (value.is_finite() and value > 0):
            raise _refused(request, f"{value} is not above 0")
    # Whether a stop is too large is the exchange's to say: without it nothing would protect.
    kind = OrderType.STOP_LIMIT if request.type is OrderType.STOP else request.type
    if too_large := market.too_large(kind, request.quantity or Decimal(0)):
        raise _refused(request, too_large)


def list_params(request: OrderListRequest, market_id: str, market: Market) -> dict[str, Any]:
    """What Binance's orderList/oco is told, all ids ours.

    The take-profit is on the far side of the price: above for a sell.
    """
    target, stop = request.take_profit, request.stop
    for leg in (target, stop):
        check_request(leg, market)
    if (target.side, target.quantity) != (stop.side, stop.quantity) or target.quantity is None:
        raise _refused(stop, "both orders of a list have the same side and quantity")
    if target.type is not OrderType.LIMIT or stop.type not in _STOPS:
        raise _refused(stop, "an order list is a limit order and a stop")
    far, near = ("above", "below") if stop.side is Side.SELL else ("below", "above")
    params = {
        "symbol": market_id,
        "side": stop.side.name,
        "quantity": plain(target.quantity),
        "listClientOrderId": request.client_list_id,
        "newOrderRespType": "RESULT",
        f"{far}Type": "LIMIT_MAKER",
        f"{far}Price": plain(target.limit_price),
        f"{far}ClientOrderId": target.client_order_id,
        f"{near}Type": "STOP_LOSS",
        f"{near}StopPrice": plain(stop.stop_price),
        f"{near}ClientOrderId": stop.client_order_id,
    }
    if stop.type is OrderType.STOP_LIMIT:
        params |= {
            f"{near}Type": "STOP_LOSS_LIMIT",
            f"{near}Price": plain(stop.limit_price),
            f"{near}TimeInForce": "GTC",
        }
    return params


def replace_params(request: OrderRequest, replaced: str, market_id: str) -> dict[str, Any]:
    """What Binance's order/cancelReplace is told, to have an order in a stop's place."""
    params = {
        "symbol": market_id,
        "cancelReplaceMode": "STOP_ON_FAILURE",
        "cancelRestrictions": "ONLY_NEW",  # what it has filled meanwhile would be sold twice
        "cancelOrigClientOrderId": replaced,
        "newClientOrderId": request.client_order_id,
        "newOrderRespType": "RESULT",
        "side": request.side.name,
        "quantity": plain(request.quantity),
        "type": "MARKET",
    }
    if request.stop_price is not None:
        params |= {"type": "STOP_LOSS", "stopPrice": plain(request.stop_price)}
    if request.type is OrderType.STOP_LIMIT:
        params |= {
            "type": "STOP_LOSS_LIMIT",
            "price": plain(request.limit_price),
            "timeInForce": "GTC",
        }
    return params


def is_passed(order: OrderRequest | OrderReport, price: Decimal) -> bool:
    """Whether a price is beyond an order's stop."""
    if order.stop_price is None:
        return False
    if order.side is Side.BUY:
        return price >= order.stop_price
    return price <= order.stop_price


def plain(value: Decimal | None) -> str:
    """A number without an exponent and without zeros that say nothing."""
    if value is None:
        raise ValueError("a number is missing")
    shown = f"{value:f}"
    return shown.rstrip("0").rstrip(".") if "." in shown else shown


def _contracts(quantity: Decimal, market: Market) -> Decimal:
    contracts = quantity / market.contract_size
    if contracts * market.contract_size != quantity:
        raise OrderRefusedError(
            f"{quantity} {market.base} is no exact number of contracts of {market.contract_size}"
        )
    return contracts


def _direction(side: Side) -> str:
    return "ascending" if side is Side.BUY else "descending"


def _refused(request: OrderRequest, what: str) -> OrderRefusedError:
    return OrderRefusedError(f"order {request.client_order_id} was not sent: {what}")
