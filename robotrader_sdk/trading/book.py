"""The book: everything the rules know about one symbol, as tables they read and write.

Orders, lots and fills are kept for good, a row each; `working` and `open_lots` list the rows
that still matter, oldest first. The ledger is shared by the books of an account's symbols.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from robotrader_sdk.compiled import rule
from robotrader_sdk.trading.fill import FILL
from robotrader_sdk.trading.ledger import LEDGER, POSITION
from robotrader_sdk.trading.order import ORDER
from robotrader_sdk.trading.trade import LOT
from robotrader_sdk.types import OrderStatus

Table = NDArray[Any]
Record = Any
"""One row of a table: fields are read and written by name, in place."""


class Book(NamedTuple):
    """The single records and the tables of one symbol."""

    ledger: Record
    position: Record
    terms: Record
    orders: Table
    working: Table
    lots: Table
    open_lots: Table
    fills: Table


class Tables(NamedTuple):
    """A book as it is kept: its single records are tables of one row.

    Compiled functions are handed tables, since a record takes a microsecond to pass; each opens
    them itself, since a compiled function can't return a record.
    """

    ledger: Table
    position: Table
    terms: Table
    orders: Table
    working: Table
    lots: Table
    open_lots: Table
    fills: Table


def opened(tables: Tables) -> Book:
    """The book kept in tables; both are the same memory."""
    return Book(tables.ledger[0], tables.position[0], tables.terms[0], *tables[3:])


def new_ledger(cash: float) -> Table:
    """An account that holds cash and nothing else."""
    ledger = np.zeros(1, LEDGER)
    ledger["cash"] = cash
    return ledger


def new_tables(ledger: Table, terms: Table, rows: int = 256) -> Tables:
    """A book without orders, and room for so many."""
    return Tables(
        ledger=ledger,
        position=np.zeros(1, POSITION),
        terms=terms,
        orders=np.empty(rows, ORDER),
        working=np.empty(rows, np.int64),
        lots=np.empty(rows // 2, LOT),
        open_lots=np.empty(rows // 2, np.int64),
        fills=np.empty(rows, FILL),
    )


def enlarged(tables: Tables) -> Tables:
    """The same book with twice the room."""
    return tables._replace(
        orders=_doubled(tables.orders),
        working=_doubled(tables.working),
        lots=_doubled(tables.lots),
        open_lots=_doubled(tables.open_lots),
        fills=_doubled(tables.fills),
    )


def _doubled(table: Table) -> Table:
    larger = np.empty(2 * table.size, table.dtype)
    larger[: table.size] = table
    return larger


@rule
def equity_at(book: Book, price: float) -> float:
    """What the account is worth with this symbol at a price."""
    ledger, position = book.ledger, book.position
    worth = position["quantity"] * price - position["entry_value"]
    return float(ledger["cash"] + ledger["elsewhere"] + worth)


def mean_entry_price(book: Book) -> float:
    """The average entry price of the open lots, by quantity; there must be one."""
    lots = book.lots[book.open_lots[: book.position["n_open"]]]
    if lots.size == 1:
        return float(lots["entry_price"][0])
    return float((lots["quantity"] * lots["entry_price"]).sum() / lots["quantity"].sum())


@rule
def has_room(book: Book, new_orders: int) -> bool:
    """Whether the tables surely hold a bar that decides so many new orders.

    An order fills at most once, and then brings at most a lot, a stop and a take-profit.
    """
    position = book.position
    orders = position["n_working"] + new_orders
    return bool(
        position["n_orders"] + 3 * orders <= book.orders.size
        and position["n_lots"] + orders <= book.lots.size
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
    book.position["n_rejected"] = book.position["n_rejected"] + 1


@rule
def sweep(book: Book, bar: int) -> None:
    """Expire what could fill in this bar for the last time; drop from `working` what is final."""
    position = book.position
    kept = 0
    for k in range(position["n_working"]):
        row = book.working[k]
        order = book.orders[row]
        if order["status"] == OrderStatus.WORKING and order["last"] <= bar:
            end_order(book, row, OrderStatus.EXPIRED.value, order["last"])
        if order["status"] == OrderStatus.WORKING:
            book.working[kept] = row
            kept += 1
    position["n_working"] = kept
