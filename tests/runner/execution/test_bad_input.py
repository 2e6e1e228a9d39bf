"""What is set up wrongly is said clearly, before anything is written or sent."""

from __future__ import annotations

import asyncio
import sqlite3
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import event, text

import robotrader_sdk as rt
from runner.execution.ccxt_broker import CcxtBroker
from runner.execution.ccxt_client import Credentials
from runner.execution.engine import Engine
from runner.execution.errors import (
    BotError,
    EngineRunningError,
    ExchangeUnknownError,
    KeyMayWithdrawError,
    KeyRefusedError,
    LeaseLostError,
    MarketUnknownError,
)
from runner.execution.journal.tables import BotRow, BotState
from runner.execution.service import deploy
from runner.storage.database import Database
from runner.storage.errors import DatabaseCorruptError, DatabaseFullError, StorageError
from runner.storage.upgrade import upgrade
from runner.testnet.core.accounts import READ, SPOT, WITHDRAW, ApiKey
from tests.runner.execution.live_bots import live_bots, terms_of
from tests.runner.execution.local_brokers import broker_of
from tests.runner.testnet.conftest import SECRET, bars_of, exchange_of, serve

__all__ = ["serve"]
SYMBOL = "BTC/USDT"
CALM = (100.0, 100.5, 99.5, 100.0)
BARS = {SYMBOL: bars_of(*[CALM] * 40)}


class Buys(rt.Strategy):
    """Buys whenever it holds nothing."""

    def init(self, bars) -> None:
        pass

    def on_bar(self, ctx) -> None:
        if not ctx.position:
            ctx.buy(quantity=1.0, stop_loss=0.1)
        else:
            ctx.close_position()


def find(name):
    if name != "Buys":
        raise BotError(f"there is no strategy {name!r}")
    return Buys


def deployed(served, folder, key=None, venue="binance", **more):
    async def work():
        broker = broker_of(venue, served.url, **({"key": key} if key else {}))
        terms = terms_of(BARS, "Buys", exchange=venue, **more)
        try:
            async with Database(f"sqlite:///{folder / 'journal.db'}") as database:
                await upgrade(database)
                try:
                    return await deploy(database, broker, terms, find=find)
                finally:
                    async with database.reading() as session:
                        written = await session.get(BotRow, 1)
                    assert written is None or not (more or key)
        finally:
            await broker.close()

    return asyncio.run(work())


@pytest.mark.parametrize(
    ("more", "error", "said"),
    [
        ({"symbols": ("BTC/USDX",)}, MarketUnknownError, "BTC/USDT"),
        ({"symbols": (SYMBOL, "ETH/USDT")}, BotError, "one symbol"),
        ({"timeframe": "7x"}, BotError, "7x"),
        ({"capital": Decimal(1)}, BotError, "smallest order"),
        ({"capital": Decimal(-5)}, BotError, "above 0"),
        ({"strategy": "Sells"}, BotError, "Sells"),
        ({"params": {"speed": 3}}, BotError, "speed"),
        ({"quote": "EUR"}, BotError, "EUR"),
        ({"leverage": Decimal(3)}, BotError, "spot"),
        ({"risk": {"max_drawdawn": "0.1"}}, BotError, "max_drawdawn"),
        ({"risk": {"max_daily_loss": "1.5"}}, BotError, "max_daily_loss"),
    ],
)
def test_a_bot_that_can_not_be_is_refused_and_not_written_down(serve, tmp_path, more, error, said):
    with pytest.raises(error, match=said):
        deployed(serve(exchange_of(BARS)), tmp_path, **more)


def test_a_bot_that_can_be_is_written_down(serve, tmp_path):
    assert deployed(serve(exchange_of(BARS)), tmp_path).state is BotState.RUNNING


@pytest.mark.parametrize(
    ("exchange", "said"),
    [
        ("binanc", "did you mean 'binance'"),
        ("mtgox", "binance, bybit"),
        ("binanceusdm", "use bybit"),
        ("kraken", "RT_EXPERIMENTAL_VENUES=1"),
    ],
)
def test_an_exchange_that_can_not_be_used_is_refused(exchange, said):
    with pytest.raises(ExchangeUnknownError, match=said):
        CcxtBroker(exchange, Credentials("key", "secret"), environ={})


@pytest.mark.parametrize(
    ("key", "secret", "said"),
    [
        ("", "secret", "key is empty"),
        ("key", "", "secret is empty"),
        ("key ", "secret", "blanks"),
        ("key", "sec\nret", "line ends"),
        ("clé", "secret", "ASCII"),
    ],
)
def test_a_malformed_key_is_refused_without_showing_it(key, secret, said):
    with pytest.raises(KeyRefusedError, match=said) as refused:
        CcxtBroker("binance", Credentials(key, secret))
    assert "secret'" not in str(refused.value)


@pytest.mark.parametrize("venue", ["binance", "bybit"])
def test_a_key_that_may_withdraw_is_refused(serve, tmp_path, venue):
    served = serve(exchange_of(BARS))
    able = ApiKey(
        key="able", secret=SECRET, account="alice", permissions=frozenset({READ, SPOT, WITHDRAW})
    )
    served.exchange.keys["able"] = able

    with pytest.raises(KeyMayWithdrawError, match="make one at the exchange"):
        deployed(served, tmp_path, key="able", venue=venue)


def test_a_key_that_is_wrong_is_refused(serve, tmp_path):
    with pytest.raises(KeyRefusedError):
        deployed(serve(exchange_of(BARS)), tmp_path, key="unknown")


def test_two_engines_on_one_database(serve, database_url):
    served = serve(exchange_of(BARS))

    async def work():
        async with live_bots(served, database_url, [Buys], BARS) as bots:
            await bots.add(terms_of(BARS, "Buys"))
            with pytest.raises(EngineRunningError, match="another engine"):
                async with live_bots(served, database_url, [Buys], BARS):
                    pass
            await bots.to_close(2)
            assert len(await bots.lots()) == 1
        async with live_bots(served, database_url, [Buys], BARS) as again:
            assert list(again.engine.bots) == [1]

    asyncio.run(work())


def test_an_engine_that_has_lost_its_lock_ends_once_another_has_begun(serve, postgresql_url):
    served = serve(exchange_of(BARS))

    async def work():
        async with live_bots(served, postgresql_url, [Buys], BARS) as old:
            await old.add(terms_of(BARS, "Buys"))
            async with old.database.reading() as session:
                await session.execute(
                    text(
                        "SELECT pg_terminate_backend(pid) FROM pg_locks "
                        "WHERE locktype = 'advisory' AND database = "
                        "(SELECT oid FROM pg_database WHERE datname = current_database())"
                    )
                )
            async with live_bots(served, postgresql_url, [Buys], BARS) as new:
                await asyncio.sleep(1.1)
                with pytest.raises(LeaseLostError, match="newer engine"):
                    await old.engine.look()
                await new.to_close(2)
                assert len(await new.lots()) == 1

    asyncio.run(work())


def test_a_corrupt_database_is_said_and_left_as_it_is(serve, tmp_path):
    path = tmp_path / "journal.db"
    path.write_bytes(b"SQLite format 3\0" + b"\xff" * 5000)
    before = path.read_bytes()

    async def work():
        async with Database(f"sqlite:///{path}") as database, Engine(database, lambda row: None):
            pass

    with pytest.raises(DatabaseCorruptError, match="restore a backup"):
        asyncio.run(work())
    assert path.read_bytes() == before


def test_a_full_disk_ends_the_tick_and_the_journal_goes_on_later(serve, tmp_path):
    """Nothing is sent that could not be written down; with room again the bot goes on."""
    served = serve(exchange_of(BARS))

    async def fill_up():
        async with live_bots(served, tmp_path, [Buys], BARS) as bots:
            await bots.add(terms_of(BARS, "Buys"))
            await bots.engine.reconcile()
            await bots.to_close(2)
            n_orders = len(served.exchange.records.orders)
            async with bots.database.engine.connect() as connection:
                pages = (await connection.exec_driver_sql("PRAGMA page_count")).scalar_one()
            event.listen(bots.database.engine.sync_engine, "begin", limited(pages))
            with pytest.raises(DatabaseFullError, match="room"):
                await bots.to_close(35)
            return n_orders

    def limited(pages):
        return lambda connection: connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")

    async def go_on():
        async with live_bots(served, tmp_path, [Buys], BARS) as bots:
            await bots.engine.reconcile()
            known = {order.client_order_id for order in await bots.orders()}
            assert {o.client_id for o in served.exchange.records.orders.values()} <= known
            assert (await bots.bot()).state is BotState.RUNNING

    asyncio.run(fill_up())
    with sqlite3.connect(tmp_path / "journal.db") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
    asyncio.run(go_on())


def test_a_database_that_can_not_be_reached_is_said(tmp_path: Path):
    async def work():
        async with Database(f"sqlite:///{tmp_path / 'no' / 'such' / 'journal.db'}"):
            pass

    with pytest.raises(StorageError, match="path"):
        asyncio.run(work())
