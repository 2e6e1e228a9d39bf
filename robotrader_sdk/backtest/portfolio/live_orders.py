"""The orders that a strategy holds in its hands, and what becomes of them in the book."""

from __future__ import annotations

from robotrader_sdk.strategy.intents import Order
from robotrader_sdk.trading.book import Book
from robotrader_sdk.trading.order import RejectReason
from robotrader_sdk.types import OrderStatus

_STATUSES = list(OrderStatus)


class LiveOrders:
    """A strategy's orders of one symbol that may still fill, by their row in the book."""

    def __init__(self) -> None:
        self._orders: dict[int, Order] = {}

    def all(self) -> tuple[Order, ...]:
        """The orders, oldest first."""
        return tuple(self._orders.values())

    def row_of(self, order: Order) -> int | None:
        """Where an order is in the book, while it is live."""
        return next((row for row, live in self._orders.items() if live is order), None)

    def add(self, row: int, order: Order, book: Book) -> None:
        """Tell a new order how it was received, and keep it if it works."""
        _read_back(book, row, order)
        if order.status is OrderStatus.WORKING:
            self._orders[row] = order

    def tell(self, book: Book) -> None:
        """Tell the orders that have ended."""
        if self._orders:
            status = book.orders["status"]
            for row in [row for row in self._orders if status[row]]:
                _read_back(book, row, self._orders.pop(row))


def status_of(book: Book, row: int) -> OrderStatus:
    """How an order in the book stands."""
    return _STATUSES[int(book.orders[row]["status"])]


def _read_back(book: Book, row: int, order: Order) -> None:
    record = book.orders[row]
    order.status = status_of(book, row)
    order.quantity = float(record["quantity"])
    if order.status is OrderStatus.FILLED:
        order.fill_price = float(record["fill_price"])
    elif order.status is OrderStatus.REJECTED:
        order.reject_reason = RejectReason(int(record["reject_reason"])).label
