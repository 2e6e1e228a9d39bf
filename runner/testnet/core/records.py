"""All orders, trades and lists there ever were, and how they are found again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from runner.testnet.core.orders import Order, OrderList, Trade
from runner.testnet.core.refusals import Reason, RefusedError

Place = tuple[str, str]
"""An account and a symbol."""


class Records:
    """Rows by number, and by whose and in which market they are."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget all rows."""
        self.orders: dict[int, Order] = {}
        self.trades: list[Trade] = []
        self.lists: dict[int, OrderList] = {}
        self.next_order, self.next_trade, self.next_list = 1, 1, 1
        self.before_restart: set[int] = set()
        """Orders that had ended when this exchange was loaded from a saved one."""
        self._open: dict[Place, dict[int, Order]] = defaultdict(dict)
        self._by_client_id: dict[Place, list[Order]] = defaultdict(list)
        self._orders_of: dict[Place, list[Order]] = defaultdict(list)
        self._trades_of: dict[Place, list[Trade]] = defaultdict(list)

    def order_number(self) -> int:
        """The next order's number; one that is refused leaves a gap."""
        self.next_order += 1
        return self.next_order - 1

    def add_order(self, order: Order) -> None:
        """Keep an order; it is open until it is dropped."""
        place = (order.account, order.symbol)
        self.orders[order.number] = order
        self._orders_of[place].append(order)
        if order.is_live:
            self._open[place][order.number] = order
        if order.client_id:
            self._by_client_id[order.account, order.client_id].append(order)

    def drop(self, order: Order) -> None:
        """An order is final: it is no longer among the open ones."""
        self._open[order.account, order.symbol].pop(order.number, None)

    def add_trade(self, trade: Trade) -> None:
        """Keep an execution."""
        self.next_trade = trade.number + 1
        self.trades.append(trade)
        self._trades_of[trade.account, trade.symbol].append(trade)

    def add_list(self, orders: OrderList) -> None:
        """Keep a list of orders."""
        self.next_list = orders.number + 1
        self.lists[orders.number] = orders

    def open_orders(self, account: str, symbol: str | None = None) -> list[Order]:
        """What may still fill, oldest first."""
        if symbol is not None:
            return list(self._open[account, symbol].values())
        places = [own for (name, _), own in self._open.items() if name == account]
        return sorted((o for own in places for o in own.values()), key=lambda o: o.number)

    def orders_of(self, account: str, symbol: str | None = None) -> Iterator[Order]:
        """Every order there ever was, oldest first."""
        if symbol is not None:
            return iter(self._orders_of[account, symbol])
        return (order for order in self.orders.values() if order.account == account)

    def trades_of(self, account: str, symbol: str | None = None) -> list[Trade]:
        """All executions, oldest first."""
        if symbol is not None:
            return self._trades_of[account, symbol]
        return [trade for trade in self.trades if trade.account == account]

    def by_client_id(self, account: str, client_id: str) -> list[Order]:
        """The orders that carried a client's id, oldest first."""
        return self._by_client_id.get((account, client_id), [])

    def find(
        self, account: str, *, number: int | None = None, client_id: str | None = None
    ) -> Order:
        """One order by its number, or by a client's id the open one, else the newest.

        RefusedError if there is none.
        """
        if number is not None:
            order = self.orders.get(number)
            if order is not None and order.account == account:
                return order
        elif client_id is not None:
            found = self.by_client_id(account, client_id)
            if found:
                return next((o for o in reversed(found) if o.is_live), found[-1])
        raise RefusedError(Reason.UNKNOWN_ORDER, str(client_id if number is None else number))
