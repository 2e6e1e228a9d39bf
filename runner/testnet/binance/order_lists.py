"""Order lists: OCO in its new and its old form, and OTOCO.

Source: https://developers.binance.com/docs/binance-spot-api-docs/rest-api/trading-endpoints
"""

from __future__ import annotations

from typing import Any

from runner.testnet.binance import views
from runner.testnet.binance.errors import BinanceError, missing
from runner.testnet.binance.order_parameters import (
    ignore_without_effect,
    new_client_id,
    read_leg,
    read_response,
    read_side,
)
from runner.testnet.binance.orders import check_client_id, owner
from runner.testnet.binance.parameters import Given
from runner.testnet.binance.symbols import Symbols
from runner.testnet.core.accounts import READ, SPOT
from runner.testnet.core.lists import BRACKET
from runner.testnet.core.markets import Market
from runner.testnet.core.orders import OrderList, Request
from runner.testnet.local import LocalExchange
from runner.testnet.wire import Call, Route

_NO_LIST = BinanceError(-2018, "Order list does not exist.")


class OrderLists:
    """Answers what is about lists."""

    def __init__(self, local: LocalExchange, symbols: Symbols) -> None:
        self._local = local
        self._exchange = local.exchange
        self._symbols = symbols

    def routes(self) -> list[Route]:
        """The routes of lists."""
        base = "/api/v3"
        return [
            Route("POST", f"{base}/orderList/oco", self.oco, permission=SPOT, n_orders=2),
            Route("POST", f"{base}/order/oco", self.old_oco, permission=SPOT, n_orders=2),
            Route("POST", f"{base}/orderList/otoco", self.otoco, permission=SPOT, n_orders=3),
            Route("DELETE", f"{base}/orderList", self.cancel, permission=SPOT),
            Route("GET", f"{base}/orderList", self.find, weight=4, permission=READ),
            Route("GET", f"{base}/openOrderList", self.open, weight=6, permission=READ),
            Route("GET", f"{base}/allOrderList", self.all, weight=20, permission=READ),
        ]

    def oco(self, call: Call) -> Any:
        """Two legs, one above the price and one below."""
        given = Given(call.given)
        market, side = self._symbols.needed(given), read_side(given, "side")
        quantity = given.needed_number("quantity")
        legs = [
            read_leg(given, market, side, quantity, _leg_names(place))
            for place in ("above", "below")
        ]
        return self._made_oco(call, given, legs)

    def old_oco(self, call: Call) -> Any:
        """The same by a limit price and a stop price."""
        given = Given(call.given)
        market, side = self._symbols.needed(given), read_side(given, "side")
        quantity = given.needed_number("quantity")
        is_limit = "stopLimitPrice" in given
        types = {"limit": "LIMIT_MAKER", "stop": "STOP_LOSS_LIMIT" if is_limit else "STOP_LOSS"}
        typed = Given({**call.given, **{f"{leg}Type": kind for leg, kind in types.items()}})
        limit = {"type": "limitType", "price": "price", "time": "-", "id": "limitClientOrderId"}
        stop = {"type": "stopType", "price": "stopLimitPrice", "stop": "stopPrice",
                "time": "stopLimitTimeInForce", "id": "stopClientOrderId"}  # fmt: skip
        legs = [read_leg(typed, market, side, quantity, names) for names in (limit, stop)]
        given.ignore(*limit.values(), *stop.values())
        return self._made_oco(call, given, legs)

    def otoco(self, call: Call) -> Any:
        """A working order, and two legs that start once it has filled."""
        given = Given(call.given)
        market = self._symbols.needed(given)
        working = self._working(given, market)
        side, quantity = read_side(given, "pendingSide"), given.needed_number("pendingQuantity")
        legs = [
            read_leg(given, market, side, quantity, _leg_names(place))
            for place in ("pendingAbove", "pendingBelow")
        ]
        list_id, response = self._finish(given, "working", "pendingAbove", "pendingBelow")
        account = self._check_ids(call, list_id, [working, *legs])
        made = self._exchange.lists.submit_otoco(account, list_id, working, legs)
        return self._reply(call, made, response)

    def cancel(self, call: Call) -> Any:
        """Cancel a whole list."""
        given = Given(call.given)
        self._symbols.needed(given)
        given.client_id("newClientOrderId")
        made = self._named(call, given, "listClientOrderId")
        records = self._exchange.records
        live = [records.orders[n] for n in made.orders if records.orders[n].is_live]
        if not live:
            raise BinanceError(-2011, "Unknown order list sent.")
        self._exchange.cancel(live[0])
        orders = [records.orders[number] for number in made.orders]
        reports = [views.canceled(order, new_client_id()) for order in orders]
        return {**self._shown(made), "orderReports": reports}

    def find(self, call: Call) -> Any:
        """One list."""
        return self._shown(self._named(call, Given(call.given), "origClientOrderId"))

    def open(self, call: Call) -> Any:
        """The lists that are not done."""
        Given(call.given).done()
        return [self._shown(made) for made in self._own(call) if not made.done]

    def all(self, call: Call) -> Any:
        """All lists."""
        given = Given(call.given)
        from_id, limit = given.whole("fromId"), given.limit(500, 1000)
        start_ms, end_ms = given.whole("startTime"), given.whole("endTime")
        given.done()
        found = [
            made
            for made in self._own(call)
            if (from_id is None or made.number >= from_id)
            and (start_ms is None or made.created_ms >= start_ms)
            and (end_ms is None or made.created_ms <= end_ms)
        ]
        return [self._shown(made) for made in found[-limit:]]

    def _working(self, given: Given, market: Market) -> Request:
        quantity = given.needed_number("workingQuantity")
        names = {"type": "workingType", "price": "workingPrice", "time": "workingTimeInForce",
                 "id": "workingClientOrderId"}  # fmt: skip
        if given.text("workingType") not in ("LIMIT", "LIMIT_MAKER"):
            raise BinanceError(-1116, "Invalid orderType.")
        return read_leg(given, market, read_side(given, "workingSide"), quantity, names)

    def _made_oco(self, call: Call, given: Given, legs: list[Request]) -> Any:
        list_id, response = self._finish(given, "above", "below", "limit", "stop")
        account = self._check_ids(call, list_id, legs)
        made = self._exchange.lists.submit_oco(account, list_id, legs)
        return self._reply(call, made, response)

    def _finish(self, given: Given, *prefixes: str) -> tuple[str, str]:
        list_id = given.client_id("listClientOrderId") or new_client_id()
        response = read_response(given, "RESULT")
        ignore_without_effect(given, *prefixes)
        for prefix in prefixes:
            if f"{prefix}IcebergQty" in given or f"{prefix}TrailingDelta" in given:
                raise BinanceError(-1106, f"Parameter '{prefix}IcebergQty' sent when not required.")
        given.done()
        return list_id, response

    def _check_ids(self, call: Call, list_id: str, orders: list[Request]) -> str:
        account = owner(call)
        ids = [order.client_id for order in orders]
        if len(set(ids)) < len(ids) or any(
            made.client_id == list_id and not made.done for made in self._own(call)
        ):
            raise BinanceError(-2010, "Duplicate order sent.")
        for client_id in ids:
            check_client_id(self._local, account, client_id)
        return account

    def _reply(self, call: Call, made: OrderList, response: str) -> Any:
        call.orders.extend(made.orders)
        shown = self._shown(made)
        if response == "ACK":
            return shown
        orders = [self._exchange.records.orders[number] for number in made.orders]
        return {**shown, "orderReports": [views.result(order) for order in orders]}

    def _named(self, call: Call, given: Given, by_id: str) -> OrderList:
        number, client_id = given.whole("orderListId"), given.client_id(by_id)
        given.done()
        if number is None and not client_id:
            raise missing("orderListId")
        for made in reversed(self._own(call)):
            if made.number == number or (number is None and made.client_id == client_id):
                return made
        raise _NO_LIST

    def _own(self, call: Call) -> list[OrderList]:
        account = owner(call)
        lists = self._exchange.records.lists.values()
        return [made for made in lists if made.account == account and made.kind != BRACKET
                and not self._exchange.markets[made.symbol].linear]  # fmt: skip

    def _shown(self, made: OrderList) -> dict[str, Any]:
        orders = [self._exchange.records.orders[number] for number in made.orders]
        return views.order_list(made, orders, self._exchange.clock.now_ms)


def _leg_names(place: str) -> dict[str, str]:
    return {
        "type": f"{place}Type",
        "price": f"{place}Price",
        "stop": f"{place}StopPrice",
        "time": f"{place}TimeInForce",
        "id": f"{place}ClientOrderId",
    }
