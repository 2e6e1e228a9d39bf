"""Bybit's shapes of orders, executions and positions.

Sources: https://bybit-exchange.github.io/docs/v5/order/open-order, order/execution and position
beside it.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from robotrader_sdk.types import Liquidity, OrderType, Side
from runner.testnet.bybit.symbols import category_of
from runner.testnet.core.exchange import Exchange
from runner.testnet.core.house import FUNDING, LIQUIDATION
from runner.testnet.core.markets import ZERO
from runner.testnet.core.orders import Order, State, Trade
from runner.testnet.core.positions import Position
from runner.testnet.numbers import plain

POST_ONLY = "EC_PostOnlyWillTakeLiquidity"
_EXEC_TYPES = {FUNDING: "Funding", LIQUIDATION: "BustTrade"}


def side_of(side: Side) -> str:
    """Buy or Sell."""
    return "Buy" if side is Side.BUY else "Sell"


def status_of(order: Order) -> str:
    """The status of an order."""
    if order.state in (State.NEW, State.PENDING_NEW):
        waits = order.trigger is not None and not order.triggered
        return "Untriggered" if waits else "New"
    if order.state is State.PARTIALLY_FILLED:
        return "PartiallyFilled"
    if order.state is State.FILLED:
        return "Filled"
    if order.state is State.REJECTED:
        return "Rejected"
    if order.trigger is not None and not order.triggered and not order.executed:
        return "Deactivated"
    if order.executed and ":" not in order.symbol:
        return "PartiallyFilledCanceled"
    return "Cancelled"


def order_row(exchange: Exchange, order: Order) -> dict[str, Any]:
    """An order."""
    market = exchange.markets[order.symbol]
    tags, triggers = order.tags, order.trigger is not None
    in_quote = tags.get("marketUnit") == "quoteCoin"
    average = plain(round(order.executed_cost / order.executed, 8)) if order.executed else ""
    fees = {asset: plain(fee) for asset, fee in order.fees.items()}
    remaining = order.remaining if order.is_live else ZERO
    at_market = order.type in (OrderType.MARKET, OrderType.STOP)
    return {
        "orderId": str(order.number),
        "orderLinkId": order.client_id,
        "blockTradeId": "",
        "symbol": market.id,
        "price": plain(order.price or ZERO),
        "qty": plain(order.cost if in_quote and order.cost is not None else order.quantity),
        "side": side_of(order.side),
        "isLeverage": "" if market.linear else "0",
        "positionIdx": 0,
        "orderStatus": status_of(order),
        "createType": tags.get("createType", "CreateByUser"),
        "cancelType": "CancelByUser" if order.state is State.CANCELED else "UNKNOWN",
        "rejectReason": _reject_reason(order),
        "avgPrice": average,
        "leavesQty": plain(remaining),
        "leavesValue": plain(remaining * (order.price or ZERO)),
        "cumExecQty": plain(order.executed),
        "cumExecValue": plain(order.executed_cost),
        "cumExecFee": plain(sum(order.fees.values(), ZERO)),
        "cumFeeDetail": fees,
        "timeInForce": "PostOnly" if order.post_only else order.time_in_force,
        "orderType": "Market" if at_market else "Limit",
        "stopOrderType": tags.get("stopOrderType", "Stop" if triggers else ""),
        "orderIv": "",
        "marketUnit": tags.get("marketUnit", ""),
        "triggerPrice": plain(order.trigger) if order.trigger is not None else "",
        "takeProfit": tags.get("takeProfit", ""),
        "stopLoss": tags.get("stopLoss", ""),
        **({"tpslMode": tags.get("tpslMode", "")} if market.linear else {}),  # spot has no such
        "ocoTriggerBy": "",
        "tpLimitPrice": tags.get("tpLimitPrice", ""),
        "slLimitPrice": tags.get("slLimitPrice", ""),
        "tpTriggerBy": tags.get("tpTriggerBy", ""),
        "slTriggerBy": tags.get("slTriggerBy", ""),
        "triggerDirection": (1 if order.rises else 2) if triggers else 0,
        "triggerBy": tags.get("triggerBy", "LastPrice" if triggers else ""),
        "lastPriceOnCreated": tags.get("lastPriceOnCreated", ""),
        "basePrice": tags.get("lastPriceOnCreated", ""),
        "reduceOnly": order.reduce_only,
        "closeOnTrigger": False,
        "placeType": "",
        "smpType": "None",
        "smpGroup": 0,
        "smpOrderId": "",
        "slippageToleranceType": "UNKNOWN",
        "slippageTolerance": "0",
        "extraFees": "",
        "createdTime": str(order.created_ms),
        "updatedTime": str(order.updated_ms),
    }  # fmt: skip


def execution_row(exchange: Exchange, trade: Trade) -> dict[str, Any]:
    """An execution, or a funding."""
    market = exchange.markets[trade.symbol]
    order = exchange.records.orders.get(trade.order)
    at_market = order is not None and order.type in (OrderType.MARKET, OrderType.STOP)
    mark = exchange.linear.mark_price(market) if market.linear else None
    rate = trade.fee / trade.cost if trade.cost and trade.fee_asset == market.quote else (
        trade.fee / trade.quantity if trade.quantity else ZERO
    )  # fmt: skip
    return {
        "symbol": market.id,
        "orderId": str(trade.order) if order else f"{trade.kind}-{trade.number}",
        "orderLinkId": order.client_id if order else "",
        "side": side_of(trade.side),
        "orderPrice": plain(order.price or ZERO) if order else "0",
        "orderQty": plain(order.quantity) if order else "0",
        "leavesQty": plain(order.remaining) if order and order.is_live else "0",
        "createType": order.tags.get("createType", "CreateByUser") if order else "",
        "orderType": ("Market" if at_market else "Limit") if order else "UNKNOWN",
        "stopOrderType": order.tags.get("stopOrderType", "UNKNOWN") if order else "UNKNOWN",
        "execFee": plain(trade.fee),
        "execFeeV2": "",
        "execId": str(trade.number),
        "execPrice": plain(trade.price),
        "execQty": plain(trade.quantity),
        "execType": _EXEC_TYPES.get(trade.kind, "Trade"),
        "execValue": plain(trade.cost),
        "execTime": str(trade.time_ms),
        "feeCurrency": trade.fee_asset,
        "isMaker": trade.liquidity is Liquidity.MAKER,
        "feeRate": plain(round(rate, 8)),
        "tradeIv": "",
        "markIv": "",
        "markPrice": plain(mark) if mark is not None else "",
        "indexPrice": "",
        "underlyingPrice": "",
        "blockTradeId": "",
        "closedSize": "",
        "seq": trade.number,
        "extraFees": "",
    }


def position_row(exchange: Exchange, position: Position, index: int = 0) -> dict[str, Any]:
    """A position; the empty one of a market that has none. index: its positionIdx."""
    market, linear = exchange.markets[position.symbol], exchange.linear
    is_open = bool(position.quantity)
    liquidation = linear.liquidation_price(position)
    mark = linear.mark_price(market)
    protection = _protection(exchange, position)
    return {
        "positionIdx": index,
        "riskId": 1,
        "riskLimitValue": plain(market.tiers[1].notional_floor) if market.tiers[1:] else "0",
        "symbol": market.id,
        "side": _direction(position.quantity),
        "size": plain(abs(position.quantity)),
        "avgPrice": plain(round(position.entry_price, 8)),
        "positionValue": plain(abs(position.quantity) * mark) if is_open else "",
        "tradeMode": int(linear.is_isolated(position.account)),
        "autoAddMargin": 0,
        "positionStatus": "Normal",
        "leverage": plain(position.leverage),
        "markPrice": plain(mark),
        "liqPrice": plain(liquidation) if liquidation is not None else "",
        "bustPrice": "",
        "positionIM": plain(position.margin),
        "positionIMByMp": plain(position.margin),
        "positionMM": plain(linear.maintenance(position)) if is_open else "0",
        "positionMMByMp": plain(linear.maintenance(position)) if is_open else "0",
        "positionBalance": plain(position.margin),
        "takeProfit": protection.get("TakeProfit", ""),
        "stopLoss": protection.get("StopLoss", ""),
        "trailingStop": "0",
        "sessionAvgPrice": "",
        "delta": "",
        "gamma": "",
        "vega": "",
        "theta": "",
        "unrealisedPnl": plain(linear.unrealized(position)) if is_open else "",
        "curRealisedPnl": plain(position.realized),
        "cumRealisedPnl": plain(position.realized),
        "adlRankIndicator": 0,
        "createdTime": str(position.created_ms),
        "updatedTime": str(position.updated_ms),
        "seq": position.updated_ms,
        "isReduceOnly": False,
        "mmrSysUpdatedTime": "",
        "leverageSysUpdatedTime": "",
        "tpslMode": "Full",
        "breakEvenPrice": "",
    }


def order_category(exchange: Exchange, order: Order) -> str:
    """Spot or linear."""
    return category_of(exchange.markets[order.symbol])


def _direction(quantity: Decimal) -> str:
    if not quantity:
        return ""
    return "Buy" if quantity > 0 else "Sell"


def _reject_reason(order: Order) -> str:
    if order.reason == POST_ONLY:
        return POST_ONLY
    if order.state is State.EXPIRED and order.time_in_force in ("IOC", "FOK"):
        return "EC_NoImmediateQtyToFill"
    if order.state is State.CANCELED:
        return "EC_PerCancelRequest"
    return "EC_NoError"


def _protection(exchange: Exchange, position: Position) -> dict[str, str]:
    found = {}
    for order in exchange.records.open_orders(position.account, position.symbol):
        kind = order.tags.get("stopOrderType", "")
        if kind in ("TakeProfit", "StopLoss") and order.state is not State.PENDING_NEW:
            found[kind] = plain(order.trigger or ZERO)
    return found
