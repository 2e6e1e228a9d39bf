"""Reading what order to make, and what is to protect it.

Source: https://bybit-exchange.github.io/docs/v5/order/create-order
"""

from __future__ import annotations

from decimal import Decimal

from robotrader_sdk.types import OrderType, Side
from runner.testnet.bybit.errors import BybitError, wrong
from runner.testnet.bybit.instruments import quote_step
from runner.testnet.bybit.parameters import Given
from runner.testnet.core.exchange import Exchange
from runner.testnet.core.markets import Market
from runner.testnet.core.orders import Request
from runner.testnet.numbers import plain

_SIDES = {"Buy": Side.BUY, "Sell": Side.SELL}
_TIMES = {"GTC": "GTC", "IOC": "IOC", "FOK": "FOK", "PostOnly": "GTC"}
_FILTERS = ("Order", "StopOrder", "tpslOrder")
_MODES = ("Full", "Partial")
TAKE_PROFIT, STOP_LOSS = "TakeProfit", "StopLoss"


def read_order(exchange: Exchange, given: Given, market: Market) -> Request:
    """The order of order/create; BybitError if it can't be one."""
    side = given.mapped("side", _SIDES)
    is_market = given.choice("orderType", ("Market", "Limit")) == "Market"
    time_name = given.choice("timeInForce", _TIMES, "IOC" if is_market else "GTC")
    price = None if is_market else given.number("price")
    if not is_market and price is None:
        raise wrong("price")
    trigger = given.number("triggerPrice")
    quantity, cost = _amount(given, market, side, is_market=is_market)
    tags = _tags(exchange, given, market, is_market=is_market)
    return Request(
        symbol=market.symbol,
        side=side,
        type=_type(is_market=is_market, triggers=trigger is not None),
        quantity=quantity,
        cost=cost,
        price=price,
        trigger=trigger,
        rises=None if trigger is None else _rises(exchange, given, market, trigger),
        client_id=given.client_id(),
        venue="bybit",
        venue_type="Market" if is_market else "Limit",
        time_in_force="GTC" if is_market else _TIMES[time_name],
        post_only=time_name == "PostOnly",
        reduce_only=market.linear and (given.flag("reduceOnly") or given.flag("closeOnTrigger")),
        tags=tags,
    )


def read_protection(given: Given, market: Market, side: Side, quantity: Decimal) -> list[Request]:
    """The take-profit and the stop-loss that a call asks for, as orders of the other side."""
    found = []
    for name, kind, short in (("takeProfit", TAKE_PROFIT, "tp"), ("stopLoss", STOP_LOSS, "sl")):
        trigger = given.number(name)
        if trigger is None:
            continue
        is_limit = given.choice(f"{short}OrderType", ("Market", "Limit"), "Market") == "Limit"
        price = given.number(f"{short}LimitPrice") if is_limit else None
        if is_limit and price is None:
            raise wrong(f"{short}LimitPrice")
        gains = kind == TAKE_PROFIT
        found.append(
            Request(
                symbol=market.symbol,
                side=Side(-side),
                type=OrderType.STOP_LIMIT if is_limit else OrderType.STOP,
                quantity=given.number(f"{short}Size") or quantity,
                price=price,
                trigger=trigger,
                rises=(side is Side.BUY) == gains,
                venue="bybit",
                venue_type="Limit" if is_limit else "Market",
                reduce_only=market.linear,
                tags={"stopOrderType": kind, "createType": f"CreateBy{kind}",
                      "tpslMode": given.choice("tpslMode", _MODES, "Full")},
            )
        )  # fmt: skip
    return found


def _type(*, is_market: bool, triggers: bool) -> OrderType:
    if triggers:
        return OrderType.STOP if is_market else OrderType.STOP_LIMIT
    return OrderType.MARKET if is_market else OrderType.LIMIT


def _amount(
    given: Given, market: Market, side: Side, *, is_market: bool
) -> tuple[Decimal | None, Decimal | None]:
    """Quantity in base units, or what a spot market order costs in quote."""
    quantity = given.quantity()
    usual = "quoteCoin" if side is Side.BUY else "baseCoin"
    unit = given.choice("marketUnit", ("baseCoin", "quoteCoin"), usual)
    if is_market and not market.linear and unit == "quoteCoin" and "triggerPrice" not in given:
        if quantity % quote_step(market):
            raise BybitError(170148, "Market order amount decimal too long.")
        return None, quantity
    return quantity, None


def _rises(exchange: Exchange, given: Given, market: Market, trigger: Decimal) -> bool:
    """Whether a trigger fires when the price rises to it: as said, or by where it lies."""
    direction = given.whole("triggerDirection")
    if direction is None:
        if market.linear:
            raise wrong("triggerDirection")
        return trigger > exchange.last_price(market)
    if direction not in (1, 2):
        raise wrong("triggerDirection")
    return direction == 1


def _tags(exchange: Exchange, given: Given, market: Market, *, is_market: bool) -> dict[str, str]:
    given.choice("orderFilter", _FILTERS, "Order")
    tags = {"lastPriceOnCreated": plain(exchange.last_price(market))}
    if is_market and not market.linear:
        usual = "quoteCoin" if given.text("side") == "Buy" else "baseCoin"
        tags["marketUnit"] = given.text("marketUnit", usual)
    for name in ("takeProfit", "stopLoss", "tpLimitPrice", "slLimitPrice"):
        value = given.number(name)
        if value is not None:
            tags[name] = plain(value)
    for name in ("tpTriggerBy", "slTriggerBy", "triggerBy"):
        if name in given:
            tags[name] = given.choice(name, ("LastPrice", "MarkPrice", "IndexPrice"))
    if "takeProfit" in given or "stopLoss" in given:
        tags["tpslMode"] = given.choice("tpslMode", _MODES, "Full")
    return tags
