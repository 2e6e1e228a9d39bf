"""Changing a resting stop in one request: Binance's cancel-replace, Bybit's amend, both of spot."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from robotrader_sdk.types import OrderType
from runner.execution.broker import Market, OrderReport, OrderRequest, StopChange
from runner.execution.ccxt_errors import Doing, ReplyUnreadableError
from runner.execution.ccxt_orders import check_request, plain, replace_params
from runner.execution.ccxt_reports import as_row, order_report
from runner.execution.ccxt_venues import Venue
from runner.execution.ccxt_wire import Wire
from runner.execution.errors import OrderRefusedError, OrderUnchangedError

_TYPES = (OrderType.STOP, OrderType.STOP_LIMIT, OrderType.MARKET)


async def replace(
    wire: Wire, raw: Any, market: Market, venue: Venue, client_order_id: str, order: OrderRequest
) -> OrderReport:
    """Cancel an order and send another in its place; see `Broker.replace`.

    https://developers.binance.com/docs/binance-spot-api-docs/rest-api/trading-endpoints: filters
    are looked at before the cancel, and a cancel that fails sends nothing.
    """
    _check(market, StopChange.REPLACE)
    check_request(order, market)
    if order.type not in _TYPES or order.quantity is None:
        raise OrderRefusedError(f"a stop becomes a stop or a market order, not {order.type.label}")
    params = replace_params(order, client_order_id, raw["id"])

    async def ask() -> OrderReport:
        reply = as_row(await wire.client.privatePostOrderCancelReplace(params))
        made = wire.client.parse_order(as_row(reply.get("newOrderResponse")), raw)
        report = order_report(made, market, venue)
        if report.client_order_id != order.client_order_id:
            raise ReplyUnreadableError("the reply is about another order")
        return report

    return await wire.call(Doing.CHANGE, ask)


async def amend(wire: Wire, raw: Any, market: Market, order: OrderRequest) -> None:
    """Give a stop another quantity and another price; see `Broker.amend`.

    https://bybit-exchange.github.io/docs/v5/order/amend-order
    """
    _check(market, StopChange.AMEND)
    check_request(order, market)
    params = {
        "category": "spot",
        "symbol": raw["id"],
        "orderLinkId": order.client_order_id,
        "qty": plain(order.quantity),
        "triggerPrice": plain(order.stop_price),
    }

    async def ask() -> None:
        result = as_row(as_row(await wire.client.privatePostV5OrderAmend(params)).get("result"))
        if result.get("orderLinkId") not in ("", order.client_order_id):
            raise ReplyUnreadableError("the reply is about another order")

    with suppress(OrderUnchangedError):
        await wire.call(Doing.CHANGE, ask)


def _check(market: Market, change: StopChange) -> None:
    if market.stop_change is not change:
        raise OrderRefusedError(
            f"orders of {market.symbol} are changed {market.stop_change.value}, not by "
            f"{change.value}; cancel it and send another"
        )
