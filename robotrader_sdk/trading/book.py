"""The book: everything the rules know about one symbol, as tables they read and write.

Orders, lots and fills are kept for good, a row each; `working` and `open_lots` list the rows
that still matter, oldest first. The counters are in the ledger.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from robotrader_sdk.compiled import rule
from robotrader_sdk.trading.fill import FILL
from robotrader_sdk.trading.ledger import LEDGER
from robotrader_sdk.trading.order import ORDER
from robotrader_sdk.trading.trade import LOT
from robotrader_sdk.types import OrderStatus

Table = NDArray[Any]


class Book(NamedTuple):
    """The tables of one symbol."""

    ledger: Table
    orders: Table
    working: Table
    lots: Table
    open_lots: Table
    fills: Table
    terms: Table


def new_book(cash: float, terms: Table, rows: int = 256) -> Book:
    """A book with cash and nothing else, and room for so many orders."""
    ledger = np.zeros(1, LEDGER)
    ledger["cash"] = cash
    return Book(
        ledger=ledger,
        orders=np.empty(rows, ORDER),
        working=np.empty(rows, np.int64),
        lots=np.empty(rows // 2, LOT),
        open_lots=np.empty(rows // 2, np.int64),
        fills=np.empty(rows, FILL),
        terms=terms,
    )


def enlarged(book: Book) -> Book:
    """The same book with twice the room."""
    return book._replace(
        orders=_doubled(book.orders),
        working=_doubled(book.working),
        lots=_doubled(book.lots),
        open_lots=_doubled(book.open_lots),
        fills=_doubled(book.fills),
    )


def _doubled(table: Table) -> Table:
    larger = np.empty(2 * table.size, table.dtype)
    larger[: table.size] = table
    return larger


@rule
def has_room(book: Book, new_orders: int) -> bool:
    """Whether the tables surely hold a bar that decides so many new orders.

    An order fills at most once, and then brings at most a lot, a stop and a take-profit.
    """
    ledger = book.ledger[0]
    orders = ledger["n_working"] + new_orders
    return bool(
        ledger["n_orders"] + 3 * orders <= book.orders.size
        and ledger["n_lots"] + orders <= book.lots.size
    )


@rule
def end_order(book: Book, row: int, status: int, bar: int) -> None:
    """Give a working order its final status; it leaves `working` at the next `sweep`."""
    order = book.orders[row]
    order["status"] = status
    order["ended"] = bar


@rule
def reject_order(book: Book, row: int, reason: int, bar: int) -> None:
    """Refuse an order, with its reason."""
    end_order(book, row, OrderStatus.REJECTED.value, bar)
    book.orders[row]["reject_reason"] = reason
    book.ledger[0]["n_rejected"] = book.ledger[0]["n_rejected"] + 1


@rule
def sweep(book: Book, bar: int) -> None:
    """Expire what this bar is too late for, and drop from `working` what is final."""
    ledger = book.ledger[0]
    kept = 0
    for k in range(ledger["n_working"]):
        row = book.working[k]
        order = book.orders[row]
        if order["status"] == OrderStatus.WORKING and order["last"] < bar:
            end_order(book, row, OrderStatus.EXPIRED.value, bar)
        if order["status"] == OrderStatus.WORKING:
            book.working[kept] = row
            kept += 1
    ledger["n_working"] = kept
