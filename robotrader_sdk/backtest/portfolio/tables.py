"""The books of all symbols as one set of tables, in the order of time, on the panel's timeline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robotrader_sdk.backtest.perpetual import FUNDING
from robotrader_sdk.backtest.portfolio.log import Log
from robotrader_sdk.trading.book import Table
from robotrader_sdk.trading.fill import FILL
from robotrader_sdk.trading.order import NEVER, ORDER
from robotrader_sdk.trading.trade import LOT

Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class BookTables:
    """What one symbol's finished book holds, its bars counted on their own."""

    orders: Table
    lots: Table
    fills: Table
    funding: Table | None = None


@dataclass(frozen=True)
class AccountTables:
    """The same of all symbols: tables in the order of time, and each row's number of a symbol.

    Bars are those of the panel, rows of orders and lots those of these tables. The names are those
    of `PortfolioResult`.
    """

    order_table: Table
    lot_table: Table
    fill_table: Table
    funding_table: Table
    order_symbols: Numbers
    lot_symbols: Numbers
    fill_symbols: Numbers
    funding_symbols: Numbers


def joined(books: Sequence[BookTables], places: Sequence[Numbers], log: Log) -> AccountTables:
    """The tables of an account. `places` says where each symbol's bars lie on the timeline."""
    timeline = Timeline(places)
    orders = _Stack([book.orders for book in books], log.orders, ORDER)
    lots = _Stack([book.lots for book in books], log.lots, LOT)
    fills = _Stack([book.fills for book in books], log.fills, FILL)
    for name in ("created", "active", "triggered", "ended"):
        orders.rows[name] = timeline.at(orders.rows[name], orders.symbols)
    decided = np.array(log.decided, np.int64)[orders.places]
    orders.rows["created"] = np.where(decided >= 0, decided, orders.rows["created"])
    lasting = orders.rows["last"] != NEVER
    last = timeline.at(orders.rows["last"][lasting], orders.symbols[lasting])
    orders.rows["last"][lasting] = last
    orders.rows["lot"] = lots.renumbered(orders.rows["lot"], orders.symbols)
    for name in ("entry_bar", "exit_bar"):
        lots.rows[name] = timeline.at(lots.rows[name], lots.symbols)
    for name in ("order", "stop_order"):
        lots.rows[name] = orders.renumbered(lots.rows[name], lots.symbols)
    fills.rows["bar"] = timeline.at(fills.rows["bar"], fills.symbols)
    fills.rows["order"] = orders.renumbered(fills.rows["order"], fills.symbols)
    funding, funding_symbols = _funding(books)
    return AccountTables(
        order_table=orders.in_order(),
        lot_table=lots.in_order(),
        fill_table=fills.in_order(),
        funding_table=funding,
        order_symbols=np.array(log.orders, np.int64),
        lot_symbols=np.array(log.lots, np.int64),
        fill_symbols=np.array(log.fills, np.int64),
        funding_symbols=funding_symbols,
    )


def log_of(books: Sequence[BookTables], places: Sequence[Numbers]) -> Log:
    """The log of books that were run one after the other: by time, at one time by symbol."""
    timeline, log = Timeline(places), Log(len(books))
    log.orders = _by_time([book.orders["created"] for book in books], timeline)
    log.lots = _by_time([book.lots["entry_bar"] for book in books], timeline)
    moments = np.concatenate([book.fills["moment"] for book in books])
    log.fills = _by_time([book.fills["bar"] for book in books], timeline, moments)
    log.decided = [-1] * len(log.orders)
    return log


class Timeline:
    """Where the bars of each symbol lie among those of the panel."""

    def __init__(self, places: Sequence[Numbers]) -> None:
        self._places = np.concatenate(places)
        self._first = np.cumsum([0, *(len(own) for own in places[:-1])])
        self._final = np.array([len(own) - 1 for own in places])

    def at(self, bars: NDArray[Any], symbols: Numbers) -> Numbers:
        """The panel's bars for own bars; -1 stays, and beyond a symbol's end it counts on."""
        own, final = bars.astype(np.int64), self._final[symbols]
        inside = np.minimum(np.maximum(own, 0), final)
        found = self._places[self._first[symbols] + inside] + np.maximum(own - final, 0)
        return np.where(own < 0, -1, found)


class _Stack:
    """The rows of all books one below the other, and where they come in the order of time.

    places: for each row its row in the joint table.
    """

    def __init__(self, tables: list[Table], log: list[int], dtype: np.dtype[Any]) -> None:
        counts = [len(table) for table in tables]
        self.rows = np.concatenate(tables) if sum(counts) else np.zeros(0, dtype)
        self.symbols = np.repeat(np.arange(len(tables)), counts)
        self.places = np.argsort(np.array(log, np.int64), kind="stable")
        self._first = np.cumsum([0, *counts[:-1]])

    def in_order(self) -> Table:
        """The joint table."""
        table = np.empty_like(self.rows)
        table[self.places] = self.rows
        return table

    def renumbered(self, rows: NDArray[Any], symbols: Numbers) -> Numbers:
        """Rows of the joint table for rows of the symbols' own; -1 stays."""
        if not len(self.places):
            return np.full(len(rows), -1, np.int64)
        stacked = np.where(rows < 0, 0, self._first[symbols] + rows)
        return np.where(rows < 0, -1, self.places[stacked])


def _by_time(
    bars: list[NDArray[Any]], timeline: Timeline, moments: NDArray[Any] | None = None
) -> list[int]:
    """The symbols of all rows in the order of time, those of one symbol as they are."""
    symbols = np.repeat(np.arange(len(bars)), [len(own) for own in bars])
    times = 4 * timeline.at(np.concatenate(bars), symbols)
    if moments is not None:
        times = times + moments
    found: list[int] = symbols[np.argsort(times, kind="stable")].tolist()
    return found


def _funding(books: Sequence[BookTables]) -> tuple[Table, Numbers]:
    """The funding instants of all symbols by time, and whose each is."""
    paid = [np.zeros(0, FUNDING) if book.funding is None else book.funding for book in books]
    symbols = np.repeat(np.arange(len(books)), [len(own) for own in paid])
    table = np.concatenate(paid)
    order = np.argsort(table["time"], kind="stable")
    return table[order], symbols[order]
