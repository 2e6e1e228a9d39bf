"""Making, finding and cancelling orders.

Source: https://developers.binance.com/docs/binance-spot-api-docs/rest-api/trading-endpoints
"""

from __future__ import annotations

from typing import Any

from robotrader_sdk.types import OrderType
from runner.testnet.binance import views
from runner.testnet.binance.errors import BinanceError, missing, translated
from runner.testnet.binance.order_parameters import new_client_id, read_order, read_response
from runner.testnet.binance.parameters import Given
from runner.testnet.binance.symbols import Symbols
from runner.testnet.core.accounts import READ, SPOT
from runner.testnet.core.checks import check_request
from runner.testnet.core.markets import Market
from runner.testnet.core.orders import Order, Request
from runner.testnet.core.refusals import Reason, RefusedError
from runner.testnet.local import LocalExchange
from runner.testnet.wire import Call, Reply, Route

_AT_ONCE = 10
_UNKNOWN = BinanceError(-2011, "Unknown order sent.")


class Orders:
    """Answers what is about single orders."""

    def __init__(self, local: LocalExchange, symbols: Symbols) -> None:
        self._local = local
        self._exchange = local.exchange
        self._symbols = symbols

    def routes(self) -> list[Route]:
        """The routes of orders."""
        return [
            Route("POST", "/api/v3/order", self.create, permission=SPOT, n_orders=1),
            Route("POST", "/api/v3/order/test", self.test, permission=SPOT),
            Route("POST", "/api/v3/order/cancelReplace", self.replace, permission=SPOT,
                  n_orders=1),
            Route("DELETE", "/api/v3/order", self.cancel, permission=SPOT),
            Route("DELETE", "/api/v3/openOrders", self.cancel_all, permission=SPOT),
            Route("GET", "/api/v3/order", self.find, weight=4, permission=READ),
            Route("GET", "/api/v3/openOrders", self.open, weight=6, permission=READ),
            Route("GET", "/api/v3/allOrders", self.all, weight=20, permission=READ),
            Route("GET", "/api/v3/rateLimit/order", self.used, weight=40, permission=READ),
        ]  # fmt: skip

    def create(self, call: Call) -> Any:
        """A new order."""
        given = Given(call.given)
        request, response = self._read(given)
        given.done()
        return self._made(call, request, response)

    def test(self, call: Call) -> Any:
        """Whether an order would be taken; it is not."""
        given = Given(call.given)
        request, _ = self._read(given)
        given.ignore("computeCommissionRates")
        given.done()
        account = owner(call)
        self._exchange.check(account, self._exchange.market(request.symbol), request)
        return {}

    def cancel(self, call: Call) -> Any:
        """Cancel one order; one of a list takes the list with it."""
        given = Given(call.given)
        self._symbols.needed(given)
        cancel_id = given.client_id("newClientOrderId") or new_client_id()
        number, client_id = self._named(given)
        restriction = given.text("cancelRestrictions", "")
        given.done()
        order = self._to_cancel(call, number, client_id)
        _check_restriction(order, restriction)
        if order.list_number >= 0:
            return self._cancel_list(order)
        self._exchange.cancel(order)
        return views.canceled(order, cancel_id)

    def cancel_all(self, call: Call) -> Any:
        """Cancel all open orders of a market."""
        given = Given(call.given)
        market = self._symbols.needed(given)
        given.done()
        records, shown = self._exchange.records, []
        live = records.open_orders(owner(call), market.symbol)
        if not live:
            raise _UNKNOWN
        for order in live:
            if not order.is_live:
                continue  # gone with another order of its list
            if order.list_number >= 0:
                shown.append(self._cancel_list(order))
            else:
                self._exchange.cancel(order)
                shown.append(views.canceled(order, new_client_id()))
        return shown

    def replace(self, call: Call) -> Any:
        """Cancel an order and make another."""
        given = Given(call.given)
        wrong = BinanceError(-1100, "Illegal characters found in parameter 'cancelReplaceMode'.")
        mode = given.choice("cancelReplaceMode", ("STOP_ON_FAILURE", "ALLOW_FAILURE"), wrong)
        cancel_id = given.client_id("cancelNewClientOrderId") or new_client_id()
        names = ("cancelOrderId", "cancelOrigClientOrderId")
        number, client_id = self._named(given, *names)
        request, response = self._read(given)
        restriction = given.text("cancelRestrictions", "")
        given.ignore("orderRateLimitExceededMode")
        given.done()
        self._check_filters(request)

        def cancel() -> Any:
            order = self._to_cancel(call, number, client_id)
            _check_restriction(order, restriction)
            self._exchange.cancel(order)
            return views.canceled(order, cancel_id)

        canceled = self._attempt(cancel)
        if isinstance(canceled, BinanceError) and mode == "STOP_ON_FAILURE":
            return _replaced(canceled, None)
        return _replaced(canceled, self._attempt(lambda: self._made(call, request, response)))

    def find(self, call: Call) -> Any:
        """One order."""
        given = Given(call.given)
        market = self._symbols.needed(given)
        number, client_id = self._named(given)
        given.done()
        order = self._local.reports.find(owner(call), number=number, client_id=client_id)
        if order.symbol != market.symbol or client_id not in (None, order.client_id):
            raise BinanceError(-2013, "Order does not exist.")
        return views.looked_up(order)

    def open(self, call: Call) -> Any:
        """The open orders, of one market or all."""
        given = Given(call.given)
        market = self._symbols.if_given(given)
        given.done()
        orders = self._local.reports.open_orders(owner(call), market.symbol if market else None)
        return [views.looked_up(order) for order in orders if self._is_spot(order)]

    def all(self, call: Call) -> Any:
        """All orders of a market."""
        given = Given(call.given)
        market = self._symbols.needed(given)
        number, limit = given.whole("orderId"), given.limit(500, 1000)
        start_ms, end_ms = given.whole("startTime"), given.whole("endTime")
        given.done()
        found = [
            order
            for order in self._local.reports.orders(owner(call), market.symbol)
            if (number is None or order.number >= number)
            and (start_ms is None or order.created_ms >= start_ms)
            and (end_ms is None or order.created_ms <= end_ms)
        ]
        forward = number is not None or start_ms is not None
        return [views.looked_up(o) for o in (found[:limit] if forward else found[-limit:])]

    def used(self, call: Call) -> Any:
        """How much of the limit of orders has been used."""
        given = Given(call.given)
        given.done()
        used = self._local.limits["binance"].used(call.client)
        rules = (("SECOND", 10, 10.0, 100), ("DAY", 1, 86_400.0, 200_000))
        return [
            {
                "rateLimitType": "ORDERS",
                "interval": unit,
                "intervalNum": number,
                "limit": most,
                "count": used.get(("orders", seconds), 0),
            }
            for unit, number, seconds, most in rules
        ]

    def _read(self, given: Given) -> tuple[Request, str]:
        market = self._symbols.needed(given)
        request = read_order(given, market)
        at_once = request.type in (OrderType.MARKET, OrderType.LIMIT) and not request.post_only
        return request, read_response(given, "FULL" if at_once else "ACK")

    def _made(self, call: Call, request: Request, response: str) -> Any:
        account = owner(call)
        check_client_id(self._local, account, request.client_id)
        order = self._exchange.submit(account, request)
        call.orders.append(order.number)
        if response == "ACK":
            return views.acknowledged(order)
        order = self._shown(order)
        if response == "RESULT":
            return views.result(order)
        if not order.executed:
            return views.full(order, [])
        # What filled at once is among the last executions, however many there were before.
        trades = self._local.reports.trades(account, order.symbol)[-_AT_ONCE:]
        return views.full(order, [trade for trade in trades if trade.order == order.number])

    def _check_filters(self, request: Request) -> None:
        """BinanceError if the market's filters do not let it be; that comes before the cancel."""
        market = self._exchange.market(request.symbol)
        try:
            check_request(market, request, self._exchange.last_price(market))
        except RefusedError as refusal:
            raise translated(refusal) from None

    def _shown(self, order: Order) -> Order:
        """An order as reports show it; its own reply may tell of one that can't be found yet."""
        try:
            return self._local.reports.find(order.account, number=order.number)
        except RefusedError:
            return order

    def _to_cancel(self, call: Call, number: int | None, client_id: str | None) -> Order:
        account = owner(call)
        try:
            self._local.reports.find(account, number=number, client_id=client_id)
        except RefusedError:
            raise _UNKNOWN from None
        order = self._exchange.records.find(account, number=number, client_id=client_id)
        if not order.is_live or order.symbol != call.symbol:
            raise _UNKNOWN
        if client_id not in (None, order.client_id):
            raise _UNKNOWN
        return order

    def _cancel_list(self, order: Order) -> dict[str, Any]:
        records = self._exchange.records
        made = records.lists[order.list_number]
        self._exchange.cancel(order)
        orders = [records.orders[number] for number in made.orders]
        shown = views.order_list(made, orders, self._exchange.clock.now_ms)
        reports = [views.canceled(one, new_client_id()) for one in orders]
        return {**shown, "orderReports": reports}

    def _attempt(self, do: Any) -> Any:
        """What is done, or why it could not be."""
        try:
            return do()
        except RefusedError as refusal:
            return translated(refusal)
        except BinanceError as error:
            return error

    def _named(
        self, given: Given, by_number: str = "orderId", by_id: str = "origClientOrderId"
    ) -> tuple[int | None, str | None]:
        number, client_id = given.whole(by_number), given.client_id(by_id)
        if number is None and not client_id:
            raise missing(by_number)
        return number, client_id or None

    def _is_spot(self, order: Order) -> bool:
        market: Market = self._exchange.markets[order.symbol]
        return not market.linear


def owner(call: Call) -> str:
    """The name of the account that asks, known once the call has been signed."""
    if call.account is None:
        raise BinanceError(-2015, "Invalid API-key, IP, or permissions for action.", 401)
    return call.account.name


def check_client_id(local: LocalExchange, account: str, client_id: str) -> None:
    """BinanceError if an open order has the id; closed ones may have had it."""
    if any(order.is_live for order in local.exchange.records.by_client_id(account, client_id)):
        raise translated(RefusedError(Reason.DUPLICATE_CLIENT_ID, client_id))


def _check_restriction(order: Order, restriction: str) -> None:
    is_partly_filled = order.executed > 0
    if (restriction == "ONLY_NEW" and is_partly_filled) or (
        restriction == "ONLY_PARTIALLY_FILLED" and not is_partly_filled
    ):
        raise BinanceError(-2011, "Order was not canceled due to cancel restrictions.")


def _replaced(canceled: Any, made: Any) -> Any:
    """The reply to a cancel-and-replace; `made` is None if it was not attempted."""

    def told(outcome: Any) -> tuple[str, Any]:
        if outcome is None:
            return "NOT_ATTEMPTED", None
        if isinstance(outcome, BinanceError):
            return "FAILURE", outcome.body
        return "SUCCESS", outcome

    (cancel_result, cancel_reply), (new_result, new_reply) = told(canceled), told(made)
    body = {
        "cancelResult": cancel_result,
        "newOrderResult": new_result,
        "cancelResponse": cancel_reply,
        "newOrderResponse": new_reply,
    }
    results = (cancel_result, new_result)
    if results == ("SUCCESS", "SUCCESS"):
        return body
    if "SUCCESS" in results:
        partly = "Order cancel-replace partially failed."
        return Reply({"code": -2021, "msg": partly, "data": body}, 409)
    return Reply({"code": -2022, "msg": "Order cancel-replace failed.", "data": body}, 400)
