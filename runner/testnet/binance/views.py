"""Binance's shapes of orders, executions, lists and markets.

Sources: https://developers.binance.com/docs/binance-spot-api-docs/rest-api/trading-endpoints,
account-endpoints and general-endpoints beside it.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from robotrader_sdk.types import Liquidity, OrderType, Side
from runner.testnet.core.exchange import Exchange
from runner.testnet.core.lists import OCO
from runner.testnet.core.markets import ZERO, Market
from runner.testnet.core.orders import Order, OrderList, Trade
from runner.testnet.numbers import fixed

SELF_TRADES = "EXPIRE_MAKER"
"""Nobody else trades here, so what happens to orders that meet is of no matter."""

_TYPES = {
    OrderType.MARKET: "MARKET",
    OrderType.LIMIT: "LIMIT",
    OrderType.STOP: "STOP_LOSS",
    OrderType.STOP_LIMIT: "STOP_LOSS_LIMIT",
}


def state_of(order: Order) -> str:
    """The status of an order; a leg that waits for its working order is new for the client."""
    return order.state.value


def side_of(side: Side) -> str:
    """BUY or SELL."""
    return side.name


def acknowledged(order: Order) -> dict[str, Any]:
    """The ACK reply."""
    return {
        "symbol": _id(order.symbol),
        "orderId": order.number,
        "orderListId": order.list_number,
        "clientOrderId": order.client_id,
        "transactTime": order.updated_ms,
    }


def result(order: Order) -> dict[str, Any]:
    """The RESULT reply."""
    return {
        **acknowledged(order),
        "price": fixed(order.price or ZERO),
        "origQty": fixed(order.quantity),
        "executedQty": fixed(order.executed),
        "origQuoteOrderQty": fixed(order.cost or ZERO),
        "cummulativeQuoteQty": fixed(order.executed_cost),
        "status": state_of(order),
        "timeInForce": order.time_in_force,
        "type": order.venue_type or _TYPES[order.type],
        "side": side_of(order.side),
        **_stop_price(order),
        "workingTime": order.working_ms,
        "selfTradePreventionMode": SELF_TRADES,
    }


def full(order: Order, trades: Iterable[Trade]) -> dict[str, Any]:
    """The FULL reply, with the executions so far."""
    fills = [
        {
            "price": fixed(trade.price),
            "qty": fixed(trade.quantity),
            "commission": fixed(trade.fee),
            "commissionAsset": trade.fee_asset,
            "tradeId": trade.number,
        }
        for trade in trades
    ]
    return {**result(order), "fills": fills}


def looked_up(order: Order) -> dict[str, Any]:
    """An order as queries show it."""
    return {
        "symbol": _id(order.symbol),
        "orderId": order.number,
        "orderListId": order.list_number,
        "clientOrderId": order.client_id,
        "price": fixed(order.price or ZERO),
        "origQty": fixed(order.quantity),
        "executedQty": fixed(order.executed),
        "cummulativeQuoteQty": fixed(order.executed_cost),
        "status": state_of(order),
        "timeInForce": order.time_in_force,
        "type": order.venue_type or _TYPES[order.type],
        "side": side_of(order.side),
        "stopPrice": fixed(order.trigger or ZERO),
        "icebergQty": fixed(order.shown or ZERO),
        "time": order.created_ms,
        "updateTime": order.updated_ms,
        "isWorking": order.working_ms >= 0,
        "workingTime": order.working_ms,
        "origQuoteOrderQty": fixed(order.cost or ZERO),
        "selfTradePreventionMode": SELF_TRADES,
    }


def canceled(order: Order, cancel_id: str) -> dict[str, Any]:
    """The reply to a cancel; `cancel_id` is the id of the cancel itself."""
    shown = {**result(order), "clientOrderId": cancel_id}
    shown.pop("workingTime")
    return {"origClientOrderId": order.client_id, **shown}


def execution(trade: Trade, list_number: int) -> dict[str, Any]:
    """An execution of one's own."""
    return {
        "symbol": _id(trade.symbol),
        "id": trade.number,
        "orderId": trade.order,
        "orderListId": list_number,
        "price": fixed(trade.price),
        "qty": fixed(trade.quantity),
        "quoteQty": fixed(trade.cost),
        "commission": fixed(trade.fee),
        "commissionAsset": trade.fee_asset,
        "time": trade.time_ms,
        "isBuyer": trade.side is Side.BUY,
        "isMaker": trade.liquidity is Liquidity.MAKER,
        "isBestMatch": True,
    }


def order_list(made: OrderList, orders: list[Order], now_ms: int) -> dict[str, Any]:
    """An order list."""
    return {
        "orderListId": made.number,
        "contingencyType": OCO if made.kind == OCO else "OTO",
        "listStatusType": "ALL_DONE" if made.done else "EXEC_STARTED",
        "listOrderStatus": "ALL_DONE" if made.done else "EXECUTING",
        "listClientOrderId": made.client_id,
        "transactionTime": now_ms,
        "symbol": _id(made.symbol),
        "orders": [
            {
                "symbol": _id(order.symbol),
                "orderId": order.number,
                "clientOrderId": order.client_id,
            }
            for order in orders
        ],
    }


def market(exchange: Exchange, one: Market) -> dict[str, Any]:
    """A symbol of exchangeInfo."""
    is_open = one.status == "TRADING" and one.symbol not in exchange.closed_markets
    return {
        "symbol": one.id,
        "status": "TRADING" if is_open else "BREAK",
        "baseAsset": one.base,
        "baseAssetPrecision": one.base_precision,
        "quoteAsset": one.quote,
        "quotePrecision": one.quote_precision,
        "quoteAssetPrecision": one.quote_precision,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": sorted(one.order_types),
        "icebergAllowed": bool(one.iceberg_parts),
        "ocoAllowed": one.oco_allowed,
        "otoAllowed": one.otoco_allowed,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": False,
        "cancelReplaceAllowed": True,
        "amendAllowed": False,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": filters(one),
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": SELF_TRADES,
        "allowedSelfTradePreventionModes": [SELF_TRADES],
    }


def filters(one: Market) -> list[dict[str, Any]]:
    """The filters of a market that are enforced, in Binance's shape."""
    found: list[dict[str, Any]] = [
        _row(
            "PRICE_FILTER", minPrice=one.min_price, maxPrice=one.max_price, tickSize=one.tick_size
        ),
        _row("LOT_SIZE", minQty=one.min_quantity, maxQty=one.max_quantity, stepSize=one.lot_size),
        _row(
            "MARKET_LOT_SIZE",
            minQty=one.market_min_quantity,
            maxQty=one.market_max_quantity,
            stepSize=one.market_lot_size,
        ),
        {
            **_row(
                "PERCENT_PRICE_BY_SIDE",
                bidMultiplierUp=one.bid_multiplier_up,
                bidMultiplierDown=one.bid_multiplier_down,
                askMultiplierUp=one.ask_multiplier_up,
                askMultiplierDown=one.ask_multiplier_down,
            ),
            "avgPriceMins": 0,
        },
        {
            **_row("NOTIONAL", minNotional=one.min_notional, maxNotional=one.max_notional),
            "applyMinToMarket": one.notional_for_market,
            "applyMaxToMarket": False,
            "avgPriceMins": 0,
        },
        {"filterType": "ICEBERG_PARTS", "limit": one.iceberg_parts},
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": one.max_orders},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": one.max_stop_orders},
        {"filterType": "MAX_NUM_ORDER_LISTS", "maxNumOrderLists": one.max_order_lists},
    ]
    if one.max_position:
        found.append(_row("MAX_POSITION", maxPosition=one.max_position))
    return [row for row in found if any(v not in (0, "0.00000000") for v in _values(row))]


def _row(kind: str, **values: Decimal) -> dict[str, Any]:
    return {"filterType": kind, **{name: fixed(value) for name, value in values.items()}}


def _values(row: dict[str, Any]) -> list[Any]:
    return [v for k, v in row.items() if k not in ("filterType", "avgPriceMins")
            and not isinstance(v, bool)]  # fmt: skip


def _stop_price(order: Order) -> dict[str, str]:
    return {} if order.trigger is None else {"stopPrice": fixed(order.trigger)}


def _id(symbol: str) -> str:
    return symbol.replace("/", "")
