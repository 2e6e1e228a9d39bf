"""Order lists: OCO, whose legs end each other, and OTOCO, whose OCO waits for a working order.

Source: https://developers.binance.com/docs/binance-spot-api-docs/faqs/spot_glossary, and the
trading endpoints beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from robotrader_sdk.types import OrderType, Side
from runner.testnet.core.markets import ZERO
from runner.testnet.core.orders import Order, OrderList, Request, State
from runner.testnet.core.refusals import Reason, RefusedError

if TYPE_CHECKING:
    from runner.testnet.core.exchange import Exchange

OCO, OTOCO = "OCO", "OTOCO"
BRACKET = "BRACKET"
"""Bybit's take-profit and stop-loss of an order: as OTOCO, but for what has filled, if not all."""


class Lists:
    """Takes lists, and does to the other orders of one what follows from what happened to one."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._busy: set[int] = set()

    def submit_oco(self, account: str, client_id: str, legs: Sequence[Request]) -> OrderList:
        """Two legs around the price, of which one fills; they share what is set aside."""
        self._check_list(account, legs, needs_otoco=False)
        orders = [self._exchange.new_order(account, leg) for leg in legs]
        lock = self._lock_for(orders)
        made = self._new_list(account, client_id, OCO, orders)
        for order in orders:
            self._exchange.admit(order, lock)
        return made

    def submit_otoco(
        self, account: str, client_id: str, working: Request, legs: Sequence[Request]
    ) -> OrderList:
        """A working order; once it has filled, its two legs work as an OCO."""
        exchange = self._exchange
        self._check_list(account, legs, needs_otoco=True)
        exchange.check(account, exchange.market(working.symbol), working)
        first = exchange.new_order(account, working)
        pending = [exchange.new_order(account, leg) for leg in legs]
        return self._submit_pending(account, client_id, OTOCO, first, pending)

    def submit_bracket(
        self, account: str, client_id: str, entry: Request, legs: Sequence[Request]
    ) -> OrderList:
        """An order, and one or two that protect what it has filled once it is final."""
        exchange = self._exchange
        market = exchange.market(entry.symbol)
        exchange.check(account, market, entry)
        _check_around(legs, entry.price or exchange.last_price(market))
        first = exchange.new_order(account, entry)
        pending = [exchange.new_order(account, leg) for leg in legs]
        return self._submit_pending(account, client_id, BRACKET, first, pending)

    def submit_protection(self, account: str, legs: Sequence[Request]) -> OrderList:
        """One or two orders for a position that is there, of which one fills."""
        exchange = self._exchange
        market = exchange.market(legs[0].symbol)
        for leg in legs:
            exchange.check(account, market, leg)
        orders = [exchange.new_order(account, leg) for leg in legs]
        lock = -1 if market.linear else self._lock_for(orders)
        made = self._new_list(account, "", OCO, orders)
        for order in orders:
            exchange.admit(order, lock)
        return made

    def shares_lock(self, order: Order) -> bool:
        """Whether another live order of its list has the same amount set aside."""
        records = self._exchange.records
        made = records.lists.get(order.list_number)
        others = [records.orders[n] for n in made.orders if n != order.number] if made else []
        return order.lock >= 0 and any(o.is_live and o.lock == order.lock for o in others)

    def follow(self, order: Order) -> None:
        """An order of a list has filled or ended: see to the others."""
        exchange = self._exchange
        made = exchange.records.lists.get(order.list_number)
        if made is None or made.number in self._busy:
            return
        self._busy.add(made.number)
        try:
            others = [exchange.records.orders[n] for n in made.orders if n != order.number]
            is_working_order = made.kind != OCO and order.number == made.orders[0]
            if is_working_order and order.state is State.FILLED:
                self._start_legs(others)
            elif is_working_order and made.kind == BRACKET and order.executed and not order.is_live:
                for other in others:
                    other.quantity = order.executed
                self._start_legs(others)
            elif is_working_order and order.is_live:
                return
            elif order.executed or not order.is_live:
                canceled = order.state is State.CANCELED
                for other in others:
                    if other.is_live:
                        exchange.end(other, State.CANCELED if canceled else State.EXPIRED)
        finally:
            self._busy.discard(made.number)
        if not any(exchange.records.orders[n].is_live for n in made.orders):
            made.done = True

    def triggered(self, order: Order) -> None:
        """A stop-limit of a list has triggered: its sibling is gone, as on the real venue."""
        if order.list_number < 0:
            return
        self._busy.add(order.list_number)
        for number in self._exchange.records.lists[order.list_number].orders:
            other = self._exchange.records.orders[number]
            if other is not order and other.is_live:
                self._exchange.end(other, State.EXPIRED)
        self._busy.discard(order.list_number)

    def _submit_pending(
        self, account: str, client_id: str, kind: str, first: Order, pending: list[Order]
    ) -> OrderList:
        exchange = self._exchange
        for order in pending:
            order.state = State.PENDING_NEW
        made = self._new_list(account, client_id, kind, [first, *pending])
        try:
            for order in pending:
                exchange.records.add_order(order)
            exchange.admit(first)
        except RefusedError:
            for order in pending:
                order.state = State.REJECTED
                exchange.records.drop(order)
            made.done = True
            raise
        return made

    def _start_legs(self, legs: list[Order]) -> None:
        exchange = self._exchange
        try:
            lock = -1 if exchange.markets[legs[0].symbol].linear else self._lock_for(legs)
        except RefusedError as refusal:
            for leg in legs:
                exchange.end(leg, State.EXPIRED, str(refusal))
            return
        for leg in legs:
            if leg.is_live:
                leg.state, leg.lock = State.NEW, lock
                exchange.start(leg)

    def _lock_for(self, legs: list[Order]) -> int:
        """One lock that is enough for whichever leg fills."""
        exchange, first = self._exchange, legs[0]
        account = exchange.accounts[first.account]
        market = exchange.markets[first.symbol]
        if first.side is Side.SELL:
            return account.set_aside(market.base, first.quantity)
        costs = [exchange.spot.cost_of(leg, leg.price or leg.trigger or ZERO) for leg in legs]
        return account.set_aside(market.quote, max(costs))

    def _new_list(self, account: str, client_id: str, kind: str, orders: list[Order]) -> OrderList:
        exchange = self._exchange
        made = OrderList(
            number=exchange.records.next_list,
            account=account,
            symbol=orders[0].symbol,
            client_id=client_id,
            kind=kind,
            orders=[order.number for order in orders],
            created_ms=exchange.clock.now_ms,
        )
        for order in orders:
            order.list_number = made.number
        exchange.records.add_list(made)
        return made

    def _check_list(self, account: str, legs: Sequence[Request], *, needs_otoco: bool) -> None:
        exchange = self._exchange
        market = exchange.market(legs[0].symbol)
        if not (market.otoco_allowed if needs_otoco else market.oco_allowed):
            raise RefusedError(Reason.LIST_NOT_ALLOWED, market.symbol)
        live = [made for made in exchange.records.lists.values() if not made.done]
        own = [made for made in live if (made.account, made.symbol) == (account, market.symbol)]
        if market.max_order_lists and len(own) >= market.max_order_lists:
            raise RefusedError(Reason.MAX_ORDER_LISTS, str(market.max_order_lists))
        last = None if needs_otoco else exchange.last_price(market)
        for leg in legs:
            exchange.check(account, market, leg, pending=needs_otoco)
        above, below = sorted((leg.trigger or leg.price or ZERO for leg in legs), reverse=True)
        if above <= below or (last is not None and not below < last < above):
            raise RefusedError(Reason.LIST_PRICES_WRONG, f"{above} > {last} > {below}")
        if all(leg.type is OrderType.LIMIT for leg in legs):
            raise RefusedError(Reason.LIST_PRICES_WRONG, "one leg must be a stop")


def _check_around(legs: Sequence[Request], price: Decimal) -> None:
    """A take-profit lies on the gaining side of a price, a stop-loss on the losing one."""
    for leg in legs:
        trigger = leg.trigger or leg.price or price
        if trigger == price or (trigger > price) != leg.triggers_rising:
            raise RefusedError(Reason.PROTECTION_PRICES_WRONG, f"{trigger}, entry {price}")
