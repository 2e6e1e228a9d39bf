"""A saved exchange: everything that has happened and where the tape stands, in one JSON document.

Bars and markets are not in it: it is loaded into an exchange that replays the same ones.
"""

from __future__ import annotations

from typing import Any

import msgspec

from runner.errors import TestnetError
from runner.testnet.core.accounts import Account, ApiKey
from runner.testnet.core.exchange import Exchange
from runner.testnet.core.orders import Order, OrderList, Trade
from runner.testnet.core.working import Placed
from runner.testnet.ledger import Entry, Ledger


class Place(msgspec.Struct, kw_only=True):
    """The working orders of an account in a market, oldest first."""

    account: str
    symbol: str
    orders: list[Placed]


class Saved(msgspec.Struct, kw_only=True):
    """See the module's description."""

    symbols: list[str]
    first_open_ms: int
    n_bars: int
    bar: int
    stage: int
    now_ms: int
    last: dict[str, float]
    next_order: int
    next_trade: int
    next_list: int
    accounts: list[Account]
    keys: list[ApiKey]
    orders: list[Order]
    trades: list[Trade]
    lists: list[OrderList]
    working: list[Place]
    entries: list[Entry]
    linear: dict[str, Any] = {}


def save(exchange: Exchange, ledger: Ledger) -> bytes:
    """The exchange as JSON."""
    tape, records = exchange.tape, exchange.records
    saved = Saved(
        symbols=tape.symbols,
        first_open_ms=int(tape.times[0]),
        n_bars=len(tape.times),
        bar=tape.number,
        stage=tape.stage,
        now_ms=exchange.clock.now_ms,
        last=dict(tape.last_prices),
        next_order=records.next_order,
        next_trade=records.next_trade,
        next_list=records.next_list,
        accounts=list(exchange.accounts.values()),
        keys=list(exchange.keys.values()),
        orders=list(records.orders.values()),
        trades=records.trades,
        lists=list(records.lists.values()),
        working=[
            Place(account=account, symbol=symbol, orders=book.placed())
            for (account, symbol), book in exchange.working.items()
        ],
        entries=ledger.entries,
        linear=exchange.linear.saved(),
    )
    return msgspec.json.encode(saved)


def load(exchange: Exchange, ledger: Ledger, document: bytes) -> None:
    """Become the saved exchange; TestnetError, and no change, if it was of other bars."""
    try:
        saved = msgspec.json.decode(document, type=Saved)
    except msgspec.MsgspecError as error:
        raise TestnetError(f"this is not a saved exchange: {error}") from None
    tape = exchange.tape
    of = (saved.symbols, saved.first_open_ms, saved.n_bars)
    here = (tape.symbols, int(tape.times[0]), len(tape.times))
    if of != here:
        raise TestnetError(
            "the saved exchange replayed other bars: symbols, first open time and number of "
            f"bars were {of}, here they are {here}"
        )
    tape.go_to(saved.bar, saved.stage, saved.last)
    exchange.clock.restart_at(saved.now_ms)
    exchange.accounts = {account.name: account for account in saved.accounts}
    exchange.keys = {key.key: key for key in saved.keys}
    exchange.linear.restore(saved.linear)
    _load_records(exchange, saved)
    ledger.entries[:] = saved.entries


def _load_records(exchange: Exchange, saved: Saved) -> None:
    records = exchange.records
    records.clear()
    for order in saved.orders:
        records.add_order(order)
    records.before_restart = {order.number for order in saved.orders if not order.is_live}
    for trade in saved.trades:
        records.add_trade(trade)
    for made in saved.lists:
        records.add_list(made)
    records.next_order, records.next_trade = saved.next_order, saved.next_trade
    records.next_list = saved.next_list
    exchange.working.clear()
    for place in saved.working:
        book = exchange.book(place.account, exchange.market(place.symbol))
        for placed in place.orders:
            book.add(records.orders[placed.order], placed.bar, placed.active)
