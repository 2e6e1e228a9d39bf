"""Making, changing, finding and cancelling orders.

Source: https://bybit-exchange.github.io/docs/v5/order/create-order and the pages beside it.
"""

from __future__ import annotations

from typing import Any

from runner.testnet.bybit import views
from runner.testnet.bybit.errors import BybitError, translated, wrong
from runner.testnet.bybit.order_parameters import read_order, read_protection
from runner.testnet.bybit.parameters import Given
from runner.testnet.bybit.symbols import LINEAR, Symbols, check_known
from runner.testnet.core.accounts import READ
from runner.testnet.core.accounts import SPOT as TRADE
from runner.testnet.core.markets import Market
from runner.testnet.core.orders import Order, Request, State
from runner.testnet.core.refusals import Reason, RefusedError
from runner.testnet.local import LocalExchange
from runner.testnet.wire import Call, Route

_DAY_MS = 86_400_000
_UNFILLED_KEPT_MS, _KEPT_MS = _DAY_MS, 730 * _DAY_MS
"""For how long the history has what ended without a fill, and what has filled."""
_N_CLOSED = 500
"""How many orders that have ended are found among the open ones, of an account and a category."""


class Orders:
    """Answers what is about orders and executions."""

    def __init__(self, local: LocalExchange, symbols: Symbols) -> None:
        self._local = local
        self._exchange = local.exchange
        self._symbols = symbols

    def routes(self) -> list[Route]:
        """The routes of orders."""
        order = "/v5/order"
        return [
            Route("POST", f"{order}/create", self.create, permission=TRADE, n_orders=1),
            Route("POST", f"{order}/amend", self.amend, permission=TRADE, n_orders=1),
            Route("POST", f"{order}/cancel", self.cancel, permission=TRADE),
            Route("POST", f"{order}/cancel-all", self.cancel_all, permission=TRADE),
            Route("GET", f"{order}/realtime", self.open, permission=READ),
            Route("GET", f"{order}/history", self.history, permission=READ),
            Route("GET", "/v5/execution/list", self.executions, permission=READ),
        ]

    def create(self, call: Call) -> Any:
        """A new order, alone or with what protects it."""
        given = Given(call.given)
        market = self._symbols.traded(given)
        request = read_order(self._exchange, given, market)
        if self._local.faults.draw(["untold_price"], venue="bybit", symbol=market.symbol):
            request.tags["lastPriceOnCreated"] = ""
        account = owner(call)
        if market.linear:
            self._check_position_mode(account, market, given.whole("positionIdx") or 0)
        self._check_client_id(account, market, request.client_id)
        legs = read_protection(given, market, request.side, request.quantity or request.cost or
                               given.quantity())  # fmt: skip
        order = self._made(account, request, legs)
        call.orders.append(order.number)
        return {"orderId": str(order.number), "orderLinkId": order.client_id}

    def amend(self, call: Call) -> Any:
        """Change an order that works."""
        given = Given(call.given)
        market = self._symbols.traded(given)
        order = self._named(call, given, market)
        self._exchange.amend(
            order,
            quantity=given.number("qty"),
            price=given.number("price"),
            trigger=given.number("triggerPrice"),
        )
        return {"orderId": str(order.number), "orderLinkId": order.client_id}

    def cancel(self, call: Call) -> Any:
        """Cancel one order."""
        given = Given(call.given)
        market = self._symbols.traded(given)
        order = self._named(call, given, market)
        self._exchange.cancel(order)
        return {"orderId": str(order.number), "orderLinkId": order.client_id}

    def cancel_all(self, call: Call) -> Any:
        """Cancel all open orders of a market, or of all markets that settle in a coin."""
        given = Given(call.given)
        category = self._symbols.category(given)
        check_known(category)
        market = self._symbols.if_given(given)
        settle, base = given.text("settleCoin", ""), given.text("baseCoin", "")
        if category == LINEAR and market is None and not settle and not base:
            raise wrong("symbol")
        only = given.text("orderFilter", "")
        rows = []
        for order in self._exchange.records.open_orders(owner(call)):
            own = self._exchange.markets[order.symbol]
            if not order.is_live or own.linear != (category == LINEAR):
                continue
            if (market and own is not market) or (settle and own.settle != settle):
                continue
            if (base and own.base != base) or (only and _filter_of(order) != only):
                continue
            self._exchange.cancel(order)
            rows.append({"orderId": str(order.number), "orderLinkId": order.client_id})
        return {"list": rows, "success": "1"}

    def open(self, call: Call) -> Any:
        """The open orders; asked for by id, also one that has ended not long ago."""
        given = Given(call.given)
        category = self._symbols.category(given)
        by_id = "orderId" in given or "orderLinkId" in given
        if category == LINEAR and not ("symbol" in given or "settleCoin" in given
                                       or "baseCoin" in given or by_id):  # fmt: skip
            raise wrong("symbol or settleCoin or baseCoin")
        found = self._selected(call, given, category)
        with_ended = by_id or given.whole("openOnly") == 1
        recent = self._recently_ended(owner(call), category) if with_ended else set()
        found = [order for order in found if order.is_live or order.number in recent]
        return self._page(given, category, found)

    def history(self, call: Call) -> Any:
        """The orders that have ended, newest first, as long as they are kept."""
        given = Given(call.given)
        category = self._symbols.category(given)
        now_ms = self._exchange.clock.now_ms
        start_ms, end_ms = given.span(now_ms)
        status = given.text("orderStatus", "")
        found = [
            order
            for order in self._selected(call, given, category)
            if not order.is_live
            and start_ms <= order.created_ms <= end_ms
            and now_ms - order.updated_ms <= (_KEPT_MS if order.executed else _UNFILLED_KEPT_MS)
            and status in ("", views.status_of(order))
        ]
        return self._page(given, category, found)

    def executions(self, call: Call) -> Any:
        """One's own executions, newest first."""
        given = Given(call.given)
        category = self._symbols.category(given)
        market = self._symbols.if_given(given)
        number, client_id = given.text("orderId", ""), given.client_id()
        start_ms, end_ms = given.span(self._exchange.clock.now_ms)
        kind = given.text("execType", "")
        rows = []
        for trade in self._local.reports.trades(owner(call), market.symbol if market else None):
            own = self._exchange.markets[trade.symbol]
            if own.linear != (category == LINEAR) or not start_ms <= trade.time_ms <= end_ms:
                continue
            row = views.execution_row(self._exchange, trade)
            if (number and row["orderId"] != number) or (kind and row["execType"] != kind):
                continue
            if not client_id or row["orderLinkId"] == client_id:
                rows.append(row)
        return {"category": category, **paged(given, rows[::-1], 50, 100)}

    def _recently_ended(self, account: str, category: str) -> set[int]:
        """The numbers of the orders that ended last, unless the service has begun anew since.

        https://bybit-exchange.github.io/docs/v5/order/open-order
        """
        records = self._exchange.records
        ended = [
            order
            for order in records.orders_of(account)
            if not order.is_live
            and order.number not in records.before_restart
            and self._exchange.markets[order.symbol].linear == (category == LINEAR)
        ]
        if len(ended) > _N_CLOSED:
            ended.sort(key=lambda order: (order.updated_ms, order.number))
        return {order.number for order in ended[-_N_CLOSED:]}

    def _made(self, account: str, request: Request, legs: list[Request]) -> Order:
        try:
            if legs:
                made = self._exchange.lists.submit_bracket(account, "", request, legs)
                return self._exchange.records.orders[made.orders[0]]
            return self._exchange.submit(account, request)
        except RefusedError as refusal:
            if refusal.reason is not Reason.WOULD_TAKE:
                raise
            # It is taken, and cancelled at once.
            order = self._exchange.new_order(account, request)
            order.state, order.reason = State.CANCELED, views.POST_ONLY
            self._exchange.records.add_order(order)
            self._exchange.tell(order, "CANCELED")
            return order

    def _check_position_mode(self, account: str, market: Market, index: int) -> None:
        hedged = self._exchange.linear.position(account, market.symbol).hedged
        if hedged != (index in (1, 2)):
            raise BybitError(10001, "position idx not match position mode")
        if hedged:
            raise BybitError(10001, "params error: nothing is traded in hedge mode here")

    def _check_client_id(self, account: str, market: Market, client_id: str) -> None:
        """BybitError if the id has ever been used."""
        used = self._exchange.records.by_client_id(account, client_id) if client_id else []
        if any(order.venue == "bybit" for order in used):
            refusal = RefusedError(Reason.DUPLICATE_CLIENT_ID, client_id)
            raise translated(refusal, linear=market.linear)

    def _named(self, call: Call, given: Given, market: Market) -> Order:
        number, client_id = given.text("orderId", ""), given.client_id()
        unknown = translated(RefusedError(Reason.UNKNOWN_ORDER), linear=market.linear)
        if not number and not client_id:
            raise BybitError(10001, "params error: OrderId or orderLinkId is required")
        if number and not (number.isascii() and number.isdigit() and len(number) <= 18):
            raise unknown
        account, as_number = owner(call), int(number) if number else None
        try:
            self._local.reports.find(account, number=as_number, client_id=client_id or None)
        except RefusedError:
            raise unknown from None
        order = self._exchange.records.find(account, number=as_number, client_id=client_id or None)
        if order.symbol != market.symbol or not order.is_live:
            raise unknown
        return order

    def _selected(self, call: Call, given: Given, category: str) -> list[Order]:
        """The orders of a category, newest first, that a call's filters let through."""
        market = self._symbols.if_given(given)
        number, client_id = given.text("orderId", ""), given.client_id()
        settle, base = given.text("settleCoin", ""), given.text("baseCoin", "")
        only = given.text("orderFilter", "")
        found = []
        for order in self._local.reports.orders(owner(call), market.symbol if market else None):
            own = self._exchange.markets[order.symbol]
            if own.linear != (category == LINEAR) or order.state is State.PENDING_NEW:
                continue
            if (number and str(order.number) != number) or (
                client_id and order.client_id != client_id
            ):
                continue
            if (settle and own.settle != settle) or (base and own.base != base):
                continue
            if not only or _filter_of(order) == only:
                found.append(order)
        return found[::-1]

    def _page(self, given: Given, category: str, orders: list[Order]) -> dict[str, Any]:
        rows = [views.order_row(self._exchange, order) for order in orders]
        return {"category": category, **paged(given, rows, 20, 50)}


def owner(call: Call) -> str:
    """The name of the account that asks, known once the call has been signed."""
    if call.account is None:
        raise BybitError(10003, "API key is invalid.")
    return call.account.name


def paged(given: Given, rows: list[Any], default: int, most: int) -> dict[str, Any]:
    """One page of rows, and a cursor for the next."""
    cursor = given.text("cursor", "0")
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 10):
        raise wrong("cursor")
    start, limit = int(cursor), given.limit(default, most)
    ends = start + limit
    return {"list": rows[start:ends], "nextPageCursor": str(ends) if ends < len(rows) else ""}


def _filter_of(order: Order) -> str:
    if order.trigger is None:
        return "Order"
    is_protection = order.tags.get("stopOrderType") in ("TakeProfit", "StopLoss")
    return "tpslOrder" if is_protection else "StopOrder"
