"""What clients are told of orders and executions, which faults may keep from them for a while."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import msgspec

from runner.testnet.core.events import Event
from runner.testnet.core.exchange import Exchange
from runner.testnet.core.orders import Order, State, Trade
from runner.testnet.core.refusals import Reason, RefusedError
from runner.testnet.faults import Faults


class Reports:
    """Orders and executions as they are shown: true, but for the faults that are set.

    Every reply is made from what this gives, never from the records themselves.
    """

    def __init__(self, exchange: Exchange, faults: Faults) -> None:
        self._exchange = exchange
        self._faults = faults
        self._hidden: dict[int, float] = {}
        """Until when an order can't be found, by its number."""
        self._earlier: dict[int, list[tuple[float, Order]]] = defaultdict(list)
        """What an order is shown as instead, and until when: before its late fills."""
        self._late: dict[int, float] = {}
        """Until when an execution is not shown, by its number."""
        exchange.listeners.append(self._note)

    def find(
        self, account: str, *, number: int | None = None, client_id: str | None = None
    ) -> Order:
        """One order, by its number or its client's id; RefusedError if there is none to be seen."""
        order = self._exchange.records.find(account, number=number, client_id=client_id)
        if self._is_hidden(order):
            raise RefusedError(Reason.UNKNOWN_ORDER, str(order.number))
        return self._shown(order)

    def open_orders(self, account: str, symbol: str | None = None) -> list[Order]:
        """What may still fill, oldest first; an order whose last fill is late among them."""
        if not self._earlier and not self._hidden:
            return self._exchange.records.open_orders(account, symbol)
        return [order for order in self.orders(account, symbol) if order.is_live]

    def orders(self, account: str, symbol: str | None = None) -> Iterator[Order]:
        """All orders, oldest first."""
        for order in self._exchange.records.orders_of(account, symbol):
            if not self._is_hidden(order):
                yield self._shown(order)

    def trades(self, account: str, symbol: str | None = None) -> list[Trade]:
        """All executions, oldest first."""
        trades = self._exchange.records.trades_of(account, symbol)
        if self._late:
            now = self._faults.wall()
            trades = [trade for trade in trades if self._late.get(trade.number, 0.0) <= now]
        place = {"symbol": symbol or ""}
        if len(trades) > 1 and self._faults.draw(["out_of_order_fills"], **place):
            trades = [*trades[:-2], trades[-1], trades[-2]]
        return trades

    def delay(self, trade: Trade) -> float:
        """In how many seconds an execution may be told."""
        return max(self._late.get(trade.number, 0.0) - self._faults.wall(), 0.0)

    def _note(self, event: Event) -> None:
        order, trade = event.order, event.trade
        if order is None or not self._faults:
            return
        if event.what == "NEW":
            fault = self._faults.draw(["order_not_found"], venue=order.venue, symbol=order.symbol)
            if fault is not None:
                self._hidden[order.number] = self._faults.wall() + fault.asked.seconds
        elif trade is not None:
            fault = self._faults.draw(["late_fills"], venue=order.venue, symbol=order.symbol)
            if fault is not None:
                until = self._faults.wall() + fault.asked.seconds
                self._late[trade.number] = until
                self._earlier[order.number].append((until, _before(order, trade)))

    def _is_hidden(self, order: Order) -> bool:
        until = self._hidden.get(order.number)
        if until is None:
            return False
        if until <= self._faults.wall():
            del self._hidden[order.number]
            return False
        return True

    def _shown(self, order: Order) -> Order:
        for until, earlier in self._earlier.get(order.number, ()):
            if until > self._faults.wall():
                return earlier
        self._earlier.pop(order.number, None)
        return order


def _before(order: Order, trade: Trade) -> Order:
    """An order as it was before its last fill."""
    executed = order.executed - trade.quantity
    fees = {**order.fees, trade.fee_asset: order.fees[trade.fee_asset] - trade.fee}
    return msgspec.structs.replace(
        order,
        state=State.PARTIALLY_FILLED if executed else State.NEW,
        executed=executed,
        executed_cost=order.executed_cost - trade.cost,
        fees={asset: fee for asset, fee in fees.items() if fee},
    )
