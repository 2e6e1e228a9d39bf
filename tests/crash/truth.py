"""What must hold after any number of kills, read from the exchange's own ledger and the journal."""

from __future__ import annotations

import asyncio
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import select

from robotrader_sdk.types import OrderType
from runner.execution.journal.bots import set_state
from runner.execution.journal.ledger import expected_balances
from runner.execution.journal.tables import (
    BotRow,
    BotState,
    EntryKind,
    EntryRow,
    FillRow,
    LotRow,
    OrderRow,
    PositionRow,
)
from runner.execution.status import Status
from runner.storage.database import Database
from tests.crash.harness import Outcome
from tests.runner.testnet.conftest import Served

ZERO = Decimal(0)
_WORKS = ("NEW", "PARTIALLY_FILLED", "PENDING_NEW")
_TIME_MOVES = ("request", "order", "trade")
_STATES = {"FILLED": Status.FILLED, "CANCELED": Status.CANCELLED, "EXPIRED": Status.EXPIRED}


def check_once(outcome: Outcome) -> None:
    """No order is there twice."""
    created = Counter(
        entry.what["client_id"]
        for entry in outcome.served.local.ledger.entries
        if entry.kind == "order" and entry.what["what"] == "NEW"
    )
    assert [order for order, count in created.items() if count > 1] == []


def check_protected(outcome: Outcome, hidden_ms: int = 0) -> None:
    """Whenever the market went on, all that was held had its stop at the exchange.

    hidden_ms: for how long, by the wall clock, the exchange may have kept a fill to itself.
    """
    orders = {order.number: order for order in _orders(outcome)}
    held: dict[str, Decimal] = {}
    stops: dict[int, Decimal] = {}
    now = since = 0
    for entry in outcome.served.local.ledger.entries:
        if entry.kind not in _TIME_MOVES:
            continue
        bare = [s for s, q in held.items() if abs(q) > _covered(s, q, stops, orders)]
        since = since if bare else entry.wall_ms
        if entry.time_ms > now:
            assert not bare or entry.wall_ms - since <= hidden_ms, f"{bare} at {entry.number}"
            now = entry.time_ms
        if entry.kind == "trade":
            signed = int(entry.what["side"]) * entry.what["quantity"]
            held[entry.what["symbol"]] = held.get(entry.what["symbol"], ZERO) + signed
        elif entry.kind == "order":
            _keep(stops, orders[entry.what["order"]], entry.what)


def _covered(
    symbol: str, held: Decimal, stops: dict[int, Decimal], orders: dict[int, Any]
) -> Decimal:
    """What of a position the stops against it would close; those that would add to it do not."""
    against = [
        quantity
        for number, quantity in stops.items()
        if orders[number].symbol == symbol and int(orders[number].side) * held < 0
    ]
    return sum(against, ZERO)


def _keep(stops: dict[int, Decimal], order: Any, told: dict[str, Any]) -> None:
    if order.trigger is None:
        return
    if told["state"] in _WORKS:
        stops[order.number] = told["quantity"] - told["executed"]
    else:
        stops.pop(order.number, None)


def check_journal(outcome: Outcome, account: str = "main", owner: str = "alice") -> None:
    """The journal has every order and every fill of the exchange, once, and the same money.

    account: what the journal calls what the exchange calls `owner`.
    """
    orders, fills, entries, expected = asyncio.run(_read(outcome, account))
    there = {order.client_id: order for order in _orders(outcome) if order.account == owner}
    assert set(there) == {o.client_order_id for o in orders if _arrived(o)}
    for order in orders:
        if order.client_order_id in there:
            state = there[order.client_order_id].state
            assert order.status is _STATES.get(str(state), Status.WORKING), order.client_order_id
            assert order.filled == there[order.client_order_id].executed
    records = outcome.served.exchange.records
    trades = [t for t in records.trades if t.kind == "trade" and t.account == owner]
    assert sorted((f.client_order_id, f.quantity, f.price, f.fee) for f in fills) == sorted(
        (_client_id(outcome, t), t.quantity, t.price, t.fee) for t in trades
    )
    assert [e.reference for e in entries if e.kind is EntryKind.EXTERNAL] == []
    books = outcome.served.exchange.accounts[owner].balances
    balances = {asset: balance.total for asset, balance in books.items() if balance.total}
    totals = {asset: total for asset, total in expected.items() if total}
    assert totals == balances, f"the journal has {totals}, the exchange {balances}"


def position_of(served: Served) -> Decimal:
    """What the exchange's trades leave held of all symbols, signed."""
    trades = [t for t in served.exchange.records.trades if t.kind == "trade"]
    return sum((int(t.side) * t.quantity for t in trades), ZERO)


def covered(served: Served) -> Decimal:
    """What the stops that rest at the exchange would close."""
    orders = served.exchange.records.orders.values()
    stops = [o for o in orders if o.trigger is not None and str(o.state) in _WORKS]
    return sum((order.remaining for order in stops), ZERO)


def bot_of(database: Path) -> BotRow:
    """The one bot of a database."""
    return bots_of(database)[0]


def bots_of(database: Path) -> list[BotRow]:
    """The bots of a database."""
    return asyncio.run(_rows(database, BotRow))


def orders_of(database: Path) -> list[OrderRow]:
    """The journal's orders."""
    return asyncio.run(_rows(database, OrderRow))


def set_running(database: Path) -> None:
    """What an owner does who has given a new key."""

    async def work() -> None:
        async with Database(f"sqlite:///{database}") as opened:
            await opened.write(lambda s: set_state(s, 1, BotState.RUNNING, ""))

    asyncio.run(work())


async def _rows(path: Path, kind: type[Any]) -> list[Any]:
    async with Database(f"sqlite:///{path}") as database, database.reading() as session:
        return list(await session.scalars(select(kind)))


def _orders(outcome: Outcome) -> list[Any]:
    return list(outcome.served.exchange.records.orders.values())


def _client_id(outcome: Outcome, trade: Any) -> str:
    return str(outcome.served.exchange.records.orders[trade.order].client_id)


def _arrived(order: OrderRow) -> bool:
    if order.status in (Status.ABANDONED, Status.REJECTED, Status.WAITING):
        return False
    return bool(order.exchange_order_id)


def check_books(outcome: Outcome, account: str = "main") -> None:
    """Each bot's lots, dust and positions are what its fills made of them."""
    lots, positions, fills = asyncio.run(_read_books(outcome, account))
    for position in positions:
        key = (position.bot_id, position.symbol)
        own = [lot for lot in lots if (lot.bot_id, lot.symbol) == key]
        held = sum((lot.quantity * lot.direction for lot in own), ZERO)
        assert held == position.quantity, key
        traded = sum(
            (
                int(fill.side) * fill.quantity - _base_fee(fill)
                for fill in fills
                if (fill.bot_id, fill.symbol) == key
            ),
            ZERO,
        )
        assert traded == position.quantity, key


def _base_fee(fill: FillRow) -> Decimal:
    is_spot = ":" not in fill.symbol
    return fill.fee if is_spot and fill.fee_asset == fill.symbol.partition("/")[0] else ZERO


async def _read_books(outcome: Outcome, account: str) -> tuple[Any, Any, Any]:
    async with (
        Database(f"sqlite:///{outcome.database}") as database,
        database.reading() as session,
    ):
        bots = list(await session.scalars(select(BotRow.id).where(BotRow.account == account)))
        kinds: tuple[Any, ...] = (LotRow, PositionRow, FillRow)
        lots, positions, fills = [
            list(await session.scalars(select(kind).where(kind.bot_id.in_(bots)))) for kind in kinds
        ]
        return lots, positions, fills


async def _read(outcome: Outcome, account: str) -> tuple[Any, Any, Any, dict[str, Decimal]]:
    async with (
        Database(f"sqlite:///{outcome.database}") as database,
        database.reading() as session,
    ):
        kinds: tuple[Any, ...] = (OrderRow, FillRow, EntryRow)
        orders, fills, entries = [
            list(await session.scalars(select(kind).where(kind.account == account)))
            for kind in kinds
        ]
        return orders, fills, entries, await expected_balances(session, account)


def check_stays_covered(served: Served, *, may_leave: bool = False) -> None:
    """At the end of no request is less of a position covered by stops than before it.

    But for what a trade has closed. So whoever dies after a request leaves a position no barer.
    may_leave: a stop may go so that a market order can sell, which takes two requests.
    """
    entries, orders = served.local.ledger.entries, served.exchange.records.orders
    held: dict[str, Decimal] = {}
    stops: dict[int, Decimal] = {}
    before: dict[str, Decimal] = {}
    for at, entry in enumerate(entries):
        if entry.kind == "trade":
            signed = int(entry.what["side"]) * entry.what["quantity"]
            held[entry.what["symbol"]] = held.get(entry.what["symbol"], ZERO) + signed
        elif entry.kind == "order":
            _keep(stops, orders[entry.what["order"]], entry.what)
        elif entry.kind == "request":
            for symbol, quantity in held.items():
                now = min(_covered(symbol, quantity, stops, orders), abs(quantity))
                lacking = min(before.get(symbol, ZERO), abs(quantity)) - now
                leaves = may_leave and _is_left(entries[at:], orders, symbol)
                assert lacking <= 0 or leaves, f"{lacking} of {symbol} is bare at {entry.number}"
                before[symbol] = now


def _is_left(later: list[Any], orders: dict[int, Any], symbol: str) -> bool:
    """Whether the next thing that happens to a symbol's orders is a sale at the market."""
    made = (
        orders[entry.what["order"]]
        for entry in later
        if entry.kind == "order" and entry.what["symbol"] == symbol and entry.what["what"] == "NEW"
    )
    first = next(made, None)
    return first is not None and first.trigger is None and first.type is OrderType.MARKET
