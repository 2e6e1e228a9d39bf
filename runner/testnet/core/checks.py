"""The market's filters: what an order has to keep to before it may work."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from robotrader_sdk.types import OrderType, Side
from runner.testnet.core.markets import ZERO, Market, is_whole
from runner.testnet.core.orders import Order, Request
from runner.testnet.core.refusals import Reason, RefusedError

if TYPE_CHECKING:
    from runner.testnet.core.exchange import Exchange

LARGEST = Decimal(10) ** 16
"""No price, quantity or cost is as large as this."""


def check_order(
    exchange: Exchange, account: str, market: Market, request: Request, *, pending: bool
) -> None:
    """RefusedError if an order may not work: by the market's rules, or by what works already.

    `pending`: it will only work later, so where the price stands now does not count.
    """
    if market.symbol in exchange.closed_markets:
        raise RefusedError(Reason.MARKET_CLOSED, "delisted")
    if not exchange.tape.has_price(market.symbol):
        raise RefusedError(Reason.MARKET_CLOSED, "no price yet")
    last = exchange.last_price(market)
    check_request(market, request, last)
    working = exchange.records.open_orders(account, market.symbol)
    if market.max_orders and len(working) >= market.max_orders:
        raise RefusedError(Reason.MAX_ORDERS, str(market.max_orders))
    _check_position(exchange, account, market, request, working)
    if request.trigger is None:
        return
    n_stops = sum(order.trigger is not None for order in working)
    if market.max_stop_orders and n_stops >= market.max_stop_orders:
        raise RefusedError(Reason.MAX_STOP_ORDERS, str(market.max_stop_orders))
    passed = last >= request.trigger if request.triggers_rising else last <= request.trigger
    if passed and not pending:
        raise RefusedError(Reason.WOULD_TRIGGER_AT_ONCE, f"{request.trigger}, last {last}")


def _check_position(
    exchange: Exchange, account: str, market: Market, request: Request, working: list[Order]
) -> None:
    """What is held of the base, and what open buys may add, stays below a bound."""
    if not market.max_position or market.linear or request.side is Side.SELL:
        return
    held = exchange.accounts[account].balance(market.base).total
    bought = sum((o.remaining for o in working if o.side is Side.BUY), request.quantity or ZERO)
    if held + bought > market.max_position:
        raise RefusedError(Reason.MAX_POSITION, f"{held + bought}")


def check_request(market: Market, request: Request, last_price: Decimal) -> None:
    """RefusedError, with the first rule of the market that a request breaks."""
    if market.status != "TRADING":
        raise RefusedError(Reason.MARKET_CLOSED, market.status)
    if request.cost is not None:
        _check_cost(market, request.cost, last_price)
        return
    quantity = request.quantity
    if quantity is None or not 0 < quantity < LARGEST:
        raise RefusedError(Reason.BAD_QUANTITY, str(quantity))
    for price in (request.price, request.trigger):
        if price is not None:
            _check_price(market, price)
    if request.price is not None and request.type is not OrderType.MARKET:
        _check_percent(market, request.side, request.price, last_price)
    _check_lots(market, request.type, quantity)
    if request.shown is not None:
        _check_iceberg(market, request, quantity, request.shown)
    _check_notional(market, request, quantity, last_price)


def _check_price(market: Market, price: Decimal) -> None:
    if not 0 < price < LARGEST:
        raise RefusedError(Reason.BAD_PRICE, str(price))
    low, high = market.min_price, market.max_price
    if (low and price < low) or (high and price > high) or not is_whole(price, market.tick_size):
        raise RefusedError(Reason.PRICE_FILTER, str(price))


def _check_percent(market: Market, side: Side, price: Decimal, last: Decimal) -> None:
    if side is Side.BUY:
        up, down = market.bid_multiplier_up, market.bid_multiplier_down
    else:
        up, down = market.ask_multiplier_up, market.ask_multiplier_down
    if (up and price > last * up) or (down and price < last * down):
        raise RefusedError(Reason.PERCENT_PRICE, str(price))


def _check_iceberg(market: Market, request: Request, quantity: Decimal, shown: Decimal) -> None:
    if request.price is None or request.time_in_force != "GTC" or not 0 < shown < quantity:
        raise RefusedError(Reason.ICEBERG_WRONG, str(shown))
    _check_lots(market, request.type, shown)
    parts = -(-quantity // shown)
    if market.iceberg_parts and parts > market.iceberg_parts:
        raise RefusedError(Reason.ICEBERG_PARTS, str(parts))


def _check_lots(market: Market, kind: OrderType, quantity: Decimal) -> None:
    low, high = market.min_quantity, market.max_quantity
    if (low and quantity < low) or (high and quantity > high):
        raise RefusedError(Reason.LOT_SIZE, str(quantity))
    if not is_whole(quantity, market.lot_size):
        raise RefusedError(Reason.LOT_SIZE, str(quantity))
    if kind in (OrderType.MARKET, OrderType.STOP):
        low, high = market.market_min_quantity, market.market_max_quantity
        whole = is_whole(quantity, market.market_lot_size)
        if (low and quantity < low) or (high and quantity > high) or not whole:
            raise RefusedError(Reason.MARKET_LOT_SIZE, str(quantity))


def _check_notional(
    market: Market, request: Request, quantity: Decimal, last_price: Decimal
) -> None:
    if request.reduce_only:
        return  # what closes a position may be as small as the position
    at_market = request.type in (OrderType.MARKET, OrderType.STOP)
    if at_market and not market.notional_for_market:
        return
    price = request.price or request.trigger or last_price
    notional = price * quantity
    low, high = market.min_notional, market.max_notional
    if (low and notional < low) or (high and notional > high):
        raise RefusedError(Reason.NOTIONAL, str(notional))


def _check_cost(market: Market, cost: Decimal, last: Decimal) -> None:
    if not 0 < cost < LARGEST:
        raise RefusedError(Reason.BAD_QUANTITY, str(cost))
    low, high = market.min_notional, market.max_notional
    if (low and cost < low and market.notional_for_market) or (high and cost > high):
        raise RefusedError(Reason.NOTIONAL, str(cost))
    most = market.market_max_quantity or market.max_quantity
    if most and cost > most * last:
        raise RefusedError(Reason.MARKET_LOT_SIZE, f"{cost} at {last}")
