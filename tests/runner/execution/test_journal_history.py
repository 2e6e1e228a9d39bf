"""A journal that has grown old: it answers as fast, and its rows outlive a new version."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from alembic import command
from sqlalchemy import Connection, MetaData, Table, event
from sqlalchemy.ext.asyncio import AsyncSession

from robotrader_sdk.types import Side
from runner.execution.journal import accounts, bots, ledger, orders, standing
from runner.storage.database import Database
from runner.storage.upgrade import config_for, differences, upgrade
from tests.runner.execution.journal_rows import SPOT, START, Booker, in_journal, terms

SYMBOL = SPOT.symbol
TABLES = ("orders", "fills", "lots", "ledger")


async def ask(session: AsyncSession) -> None:
    """All that is asked again and again while bots run."""
    await standing.standing_of(session, 1)
    await bots.bots_in_service(session)
    await bots.bots_in_service(session, "binance")
    await bots.exchanges_in_service(session)
    await orders.refused_protection(session, "rt", START)
    await orders.vain_flattens(session, 1, SYMBOL, START)
    await orders.next_sequence(session, 1, START)
    await orders.openings_since(session, 1, START)
    await accounts.is_moving(session, "main")
    await accounts.is_opened(session, "main")
    await accounts.newest_fill(session, "main", SYMBOL)
    await accounts.oldest_open_bar(session, [1], SYMBOL)
    await accounts.orders_by_exchange_id(session, "main", ["1"])
    await accounts.given_up(session, 1, SYMBOL, START)
    await ledger.last_funding(session, 1, SYMBOL)


def test_no_question_reads_through_the_history(sqlite_url):
    """Each is led by an index to its rows: by the bot alone it would read all of a bot's life."""
    asked: list[tuple[str, Any]] = []

    async def work(database):
        await database.write(lambda s: bots.add_bot(s, terms()))
        engine = database.engine.sync_engine

        def note(_conn, _cursor, statement, parameters, *_):
            asked.append((statement, parameters))

        event.listen(engine, "before_cursor_execute", note)
        async with database.reading() as session:
            await ask(session)
        event.remove(engine, "before_cursor_execute", note)
        found = []
        async with database.engine.connect() as connection:
            for statement, parameters in asked:
                plan = await connection.exec_driver_sql(
                    f"EXPLAIN QUERY PLAN {statement}", parameters
                )
                found += [(row[3], statement) for row in plan]
        return found

    steps = in_journal(sqlite_url, work)
    told = [(step, s) for step, s in steps if step.split()[1] in TABLES]
    assert len(told) >= 12
    for step, statement in told:
        alone = step.endswith("(bot_id=?)") and "LIMIT" not in statement
        assert step.startswith("SEARCH"), statement
        assert not alone, statement


def test_what_was_given_up_is_found_behind_many_newer_orders(database_url):
    """Of a bot's other symbols, and of its own."""

    async def use(database):
        async def work(session):
            booker = await Booker.new(session)

            async def ended(minute, reason, symbol=SYMBOL):
                order = await booker.order(Side.BUY, "1")
                order.symbol, order.ended_at = symbol, START + timedelta(minutes=minute)
                order.is_open, order.reason = False, reason
                return order.client_order_id

            await ended(1, orders.NEVER_ARRIVED)
            wanted = await ended(3, f"{orders.NEVER_ARRIVED}, and a bar has passed")
            for n in range(30):
                await ended(4 + n, orders.NEVER_ARRIVED, "ETH/USDT")
                await ended(4 + n, "")
            since = START + timedelta(minutes=2)
            found = await accounts.given_up(session, booker.bot.id, SYMBOL, since)
            return [order.client_order_id for order in found] == [wanted]

        return await database.write(work)

    assert in_journal(database_url, use)


def test_rows_of_the_first_version_are_kept(database_url):
    async def work():
        async with Database(database_url) as database:

            def first(connection):
                command.upgrade(config_for(connection), "0001")
                write_old(connection)

            async with database.engine.execution_options(writes=True).begin() as connection:
                await connection.run_sync(first)
            await upgrade(database)
            assert await differences(database) == []
            async with database.reading() as session:
                stood = await standing.standing_of(session, 1)
                (order,) = stood.orders[SYMBOL]
                return stood.cash, order.client_order_id, order.bar, order.quantity, order.replaces

    wanted = (10_000, "rtaa0001s6kq8000e0", START, 1, None)
    assert asyncio.run(work()) == wanted


def write_old(connection: Connection) -> None:
    """A bot and its order, in the columns that there were."""
    at = START if connection.dialect.name == "postgresql" else START.replace(tzinfo=None)
    values = {
        "bots": {
            "id": 1, "owner_id": "alice", "name": "bot", "strategy": "SmaCross", "params": {},
            "symbols": [SYMBOL], "timeframe": "1m", "exchange": "binance", "account": "main",
            "mode": "live", "quote": "USDT", "capital": "10000", "leverage": "1",
            "margin_mode": "isolated", "risk": {}, "anchor": at, "started": at,
            "state": "running", "state_reason": "", "flatten": False, "peak_equity": "10000",
            "day_equity": "10000", "losses": 0,
        },
        "orders": {
            "client_order_id": "rtaa0001s6kq8000e0", "owner_id": "alice", "bot_id": 1,
            "account": "main", "symbol": SYMBOL, "bar": at, "sequence": 0, "purpose": "entry",
            "attempt": 0, "side": "buy", "type": "limit", "quantity": "1", "sizing": {},
            "limit_price": "90", "reduce_only": False, "terms": {}, "after": [],
            "status": "working", "is_open": True, "reason": "", "cancel_wanted": False,
            "n_sent": 0, "exchange_order_id": "7", "filled": "0", "filled_value": "0",
            "reported": "0", "created_at": at, "is_told": False,
        },
    }  # fmt: skip
    for name, row in values.items():
        table = Table(name, MetaData(), autoload_with=connection, resolve_fks=False)
        connection.execute(table.insert(), [row])
