"""The compiled step of a rebalance: a market order placed and filled at one open or close."""

from __future__ import annotations

from robotrader_sdk.compiled import compiled
from robotrader_sdk.trading import matching, placing
from robotrader_sdk.trading.book import Book, Tables, sweep
from robotrader_sdk.types import OrderStatus, OrderType

Traded = tuple[float, float, int, int, int, int]
"""The position's quantity, held, n_orders, n_working, n_lots and n_fills."""


@compiled
def trade(
    tables: Tables,
    created: int,
    bar: int,
    price: float,
    at_close: bool,
    side: int,
    purpose: int,
    size_unit: int,
    size: float,
    elsewhere: float,
    tied: float,
) -> Traded:
    """Place a market order decided at one bar's close and fill it at another's open, or close.

    Not for perpetuals, whose open is gone through but once. `elsewhere` and `tied` are what the
    ledger is told of the other symbols.
    """
    book = Book(tables.ledger[0], tables.position[0], tables.terms[0], *tables[3:])
    book.ledger["elsewhere"] = elsewhere
    book.ledger["tied"] = tied
    row = placing.append_order(book, created, side, OrderType.MARKET.value, purpose)
    order = book.orders[row]
    order["size_unit"] = size_unit
    order["size"] = size
    placing.admit(book, created, price, row, 0.0, None)
    if order["status"] == OrderStatus.REJECTED:
        order["ended"] = bar  # its quantity is of this bar, not of the decision's
    matching.match_open(book, bar, price, at_close, None)
    sweep(book, bar)
    position = book.position
    return (
        float(position["quantity"]),
        float(position["held"]),
        int(position["n_orders"]),
        int(position["n_working"]),
        int(position["n_lots"]),
        int(position["n_fills"]),
    )
