"""Changing an order that works: its rules are checked anew, and what is set aside follows."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from runner.testnet.core.checks import check_request
from runner.testnet.core.orders import Order, Request, State
from runner.testnet.core.refusals import Reason, RefusedError

if TYPE_CHECKING:
    from runner.testnet.core.exchange import Exchange


def amend(
    exchange: Exchange,
    order: Order,
    quantity: Decimal | None,
    price: Decimal | None,
    trigger: Decimal | None,
) -> Order:
    """Change an order; see `Exchange.amend`."""
    wanted = (quantity or order.quantity, price or order.price, trigger or order.trigger)
    before = (order.quantity, order.price, order.trigger)
    _check(exchange, order, *wanted)
    if wanted == before:
        raise RefusedError(Reason.NOTHING_CHANGES, str(order.number))
    market = exchange.markets[order.symbol]
    account, book = exchange.accounts[order.account], exchange.book(order.account, market)
    if order.state is State.PENDING_NEW:
        order.quantity, order.price, order.trigger = wanted
        return order
    account.release(order.lock)
    order.quantity, order.price, order.trigger = wanted
    try:
        order.lock = exchange.settlement(market).set_aside(order, None)
    except RefusedError:
        order.quantity, order.price, order.trigger = before
        order.lock = exchange.settlement(market).set_aside(order, None)
        raise
    book.remove(order)
    order.updated_ms = exchange.clock.now_ms
    exchange.tell(order, "REPLACED")
    exchange.fill_at_once(order, exchange.put_to_work(order))
    return order


def _check(
    exchange: Exchange,
    order: Order,
    quantity: Decimal,
    price: Decimal | None,
    trigger: Decimal | None,
) -> None:
    if not order.is_live:
        raise RefusedError(Reason.ORDER_IS_FINAL, order.state)
    if exchange.lists.shares_lock(order):
        raise RefusedError(Reason.ORDER_IN_LIST, str(order.number))
    if quantity <= order.executed:
        raise RefusedError(Reason.BAD_QUANTITY, f"{quantity}, filled are {order.executed}")
    request = Request(
        symbol=order.symbol,
        side=order.side,
        type=order.type,
        quantity=quantity,
        price=price,
        trigger=trigger,
        reduce_only=order.reduce_only,
    )
    market = exchange.markets[order.symbol]
    last = exchange.last_price(market)
    check_request(market, request, last)
    if trigger is not None and trigger != order.trigger:
        passed = last >= trigger if order.rises else last <= trigger
        if passed:
            raise RefusedError(Reason.WOULD_TRIGGER_AT_ONCE, f"{trigger}, last {last}")
