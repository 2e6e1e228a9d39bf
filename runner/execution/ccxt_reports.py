"""From ccxt's parsed replies to reports; a reply that lacks what it should have is an error.

Ccxt is told to parse numbers as text, so every Decimal here is exactly what the venue sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from robotrader_sdk.types import Liquidity, Side
from runner.execution.broker import (
    Balance,
    FillReport,
    Market,
    OrderReport,
    OrderRequest,
    PositionReport,
)
from runner.execution.ccxt_errors import ReplyUnreadableError
from runner.execution.ccxt_venues import UNIFIED_STATUSES, Venue
from runner.execution.status import Status

_SIDES = {"buy": Side.BUY, "sell": Side.SELL}
_LIQUIDITIES = {"maker": Liquidity.MAKER, "taker": Liquidity.TAKER}
_FORCED = ("BustTrade", "AdlTrade")
_CLIENT_IDS = ("orderLinkId", "clOrdId", "algoClOrdId", "cl_ord_id", "client_order_id")


def order_report(order: Any, market: Market, venue: Venue) -> OrderReport:
    """An order as the exchange has it."""
    order = as_row(order)
    info = as_row(order.get("info") or {})
    status = _status(order, info, venue)
    quantity = number_or_none(order.get("amount"))
    if _is_in_quote(info):
        quantity = None
    filled = number_or_none(order.get("filled") or info.get("actualSz"))
    if filled is None and info.get("algoId") and status is Status.WORKING:
        filled = Decimal(0)
    if filled is None:
        raise ReplyUnreadableError("an order does not say how much of it is filled")
    is_trigger = status is Status.WORKING and _waits_for_trigger(order, info)
    return OrderReport(
        client_order_id=str(order.get("clientOrderId") or client_id_of(info)),
        # A stop of OKX becomes, once triggered, an order by another number, which its fills have.
        exchange_order_id=str((info.get("algoId") and info.get("ordId")) or text(order, "id")),
        symbol=market.symbol,
        side=side(order),
        status=status,
        quantity=None if quantity is None else quantity * market.contract_size,
        filled=filled * market.contract_size,
        is_trigger=is_trigger,
        stop_price=number_or_none(order.get("triggerPrice")) if is_trigger else None,
        placed=_time_or_none(order.get("timestamp") or info.get("transactTime")),
        reason=_reason(info) if status in (Status.REJECTED, Status.EXPIRED) else "",
    )


def price_when_made(order: Any) -> Decimal | None:
    """Bybit's last price as it made an order; None if there is no order, or it does not tell."""
    info = (order or {}).get("info")
    try:
        return number_or_none(as_row(info).get("lastPriceOnCreated")) or None
    except ReplyUnreadableError:
        return None


def taken_report(order: Any, request: OrderRequest) -> OrderReport:
    """What is known of an order whose reply gives its id only: the exchange has it."""
    info = as_row(as_row(order).get("info") or {})
    told = str(as_row(order).get("clientOrderId") or client_id_of(info))
    if told not in ("", request.client_order_id):
        raise ReplyUnreadableError("the reply is about an order with another client order id")
    return OrderReport(
        client_order_id=request.client_order_id,
        exchange_order_id=text(as_row(order), "id"),
        symbol=request.symbol,
        side=request.side,
        status=Status.WORKING,
        quantity=request.quantity,
        filled=Decimal(0),
        is_trigger=request.stop_price is not None,
    )


def fill_report(trade: Any, market: Market) -> FillReport:
    """An execution."""
    trade = as_row(trade)
    info = as_row(trade.get("info") or {})
    fee = as_row(trade.get("fee") or {})
    kind = _LIQUIDITIES.get(str(trade.get("takerOrMaker")), Liquidity.TAKER)
    return FillReport(
        trade_id=text(trade, "id"),
        exchange_order_id=str(trade.get("order") or ""),
        client_order_id=client_id_of(info),
        symbol=market.symbol,
        side=side(trade),
        quantity=number(trade.get("amount")) * market.contract_size,
        price=number(trade.get("price")),
        fee=number_or_none(fee.get("cost")) or Decimal(0),
        fee_asset=str(info.get("feeCurrency") or fee.get("currency") or market.quote),
        liquidity=kind,
        time=time(trade.get("timestamp")),
        is_liquidation=info.get("execType") in _FORCED,
    )


def position_report(position: Any, market: Market, mode: str | None) -> PositionReport | None:
    """A position, or None if it is flat; `mode`: how the account is margined, if that decides."""
    position = as_row(position)
    contracts = number_or_none(position.get("contracts")) or Decimal(0)
    if not contracts:
        return None
    sign = {"long": 1, "short": -1}.get(str(position.get("side")))
    if sign is None:
        raise ReplyUnreadableError("a position does not say which side it is on")
    told = mode or position.get("marginMode")
    return PositionReport(
        symbol=market.symbol,
        quantity=sign * contracts * market.contract_size,
        entry_price=number(position.get("entryPrice")),
        leverage=number(position.get("leverage")),
        margin_mode="isolated" if told == "isolated" else "cross" if told == "cross" else None,
        liquidation_price=number_or_none(position.get("liquidationPrice")),
    )


def balances_of(reply: Any) -> dict[str, Balance]:
    """What there is of each asset."""
    reply = as_row(reply)
    totals, free = as_row(reply.get("total")), as_row(reply.get("free"))
    found = {}
    for asset, amount in totals.items():
        total = number_or_none(amount)
        if total is None:
            raise ReplyUnreadableError(f"the balance of {asset} does not say how much there is")
        left = number_or_none(free.get(asset))
        found[asset] = Balance(free=total if left is None else left, total=total)
    return found


def as_row(value: Any) -> Mapping[str, Any]:
    """A JSON object; ReplyUnreadableError if it is something else."""
    if not isinstance(value, Mapping):
        raise ReplyUnreadableError(f"an object was expected, not {type(value).__name__}")
    return value


def as_rows(value: Any) -> list[Mapping[str, Any]]:
    """A JSON list of objects."""
    if not isinstance(value, list):
        raise ReplyUnreadableError(f"a list was expected, not {type(value).__name__}")
    return [as_row(row) for row in value]


def text(row: Mapping[str, Any], name: str) -> str:
    """A text that must be there."""
    value = row.get(name)
    if value in (None, ""):
        raise ReplyUnreadableError(f"{name!r} is missing")
    return str(value)


def number(value: Any) -> Decimal:
    """A number that must be there."""
    found = number_or_none(value)
    if found is None:
        raise ReplyUnreadableError("a number is missing")
    return found


def number_or_none(value: Any) -> Decimal | None:
    """A number, or None if there is none."""
    if value in (None, ""):
        return None
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        raise ReplyUnreadableError("a number can't be read") from None
    if not found.is_finite():
        raise ReplyUnreadableError("a number is not finite")
    return found


def time(milliseconds: Any) -> datetime:
    """A time that must be there."""
    found = _time_or_none(milliseconds)
    if found is None:
        raise ReplyUnreadableError("a time is missing")
    return found


def side(row: Mapping[str, Any]) -> Side:
    """Buy or sell."""
    found = _SIDES.get(str(row.get("side")).lower())
    if found is None:
        raise ReplyUnreadableError("the side is missing")
    return found


def client_id_of(info: Mapping[str, Any]) -> str:
    """The client order id among a venue's own fields, "" if it tells none."""
    return next((str(info[name]) for name in _CLIENT_IDS if info.get(name)), "")


def _status(order: Mapping[str, Any], info: Mapping[str, Any], venue: Venue) -> Status:
    own = venue.statuses.get(str(info.get(venue.status_field)))
    if own is not None:
        return own
    if venue.statuses:
        raise ReplyUnreadableError(f"status {info.get(venue.status_field)!r} is not known")
    found = UNIFIED_STATUSES.get(str(order.get("status")))
    if found is None:
        raise ReplyUnreadableError(f"status {order.get('status')!r} is not known")
    return found


def _waits_for_trigger(order: Mapping[str, Any], info: Mapping[str, Any]) -> bool:
    if "orderStatus" in info:
        return str(info["orderStatus"]) == "Untriggered"
    if info.get("algoId"):
        return not info.get("ordId")
    if number_or_none(order.get("triggerPrice") or order.get("stopPrice")) in (None, 0):
        return False
    if "isWorking" in info:
        return info["isWorking"] is not True
    return not (number_or_none(info.get("workingTime")) or Decimal(-1)) > 0


def _is_in_quote(info: Mapping[str, Any]) -> bool:
    # The quantity of a buy by cost is what it came to, and no promise.
    by_cost = number_or_none(info.get("origQuoteOrderQty")) or Decimal(0)
    return by_cost > 0 or info.get("marketUnit") == "quoteCoin"


def _reason(info: Mapping[str, Any]) -> str:
    told = info.get("rejectReason") or info.get("status") or ""
    return "" if told == "EC_NoError" else str(told)


def _time_or_none(milliseconds: Any) -> datetime | None:
    if milliseconds is None or int(milliseconds) <= 0:
        return None
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC)
