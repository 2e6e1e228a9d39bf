"""An exchange that does not answer delays no other: neither ticks, nor reconciliation, nor service.

Binance's requests hang for longer than any test may take, and Bybit's are answered.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from contextlib import asynccontextmanager

import pytest

import robotrader_sdk as rt
from runner.execution import engine as engines
from runner.execution import exchange_turns
from runner.execution.errors import LeaseLostError
from runner.execution.journal.bots import add_bot, enter_engine
from runner.execution.journal.tables import EntryRow
from runner.execution.running import Keeper, Rhythm
from tests.runner.execution.brokers import fault, requests_of, step
from tests.runner.execution.live_bots import live_bots, terms_of
from tests.runner.execution.test_feed import feed_at
from tests.runner.testnet.conftest import bars_of, exchange_of, serve

__all__ = ["serve"]
SYMBOL = "BTC/USDT"
CALM = (100.0, 100.5, 99.5, 100.0)
BARS = {SYMBOL: bars_of(*[CALM] * 12)}
BINANCE, BYBIT = 1, 2
"""The bots' numbers."""
FOR_EVER, AT_MOST = 600_000, 60.0
"""Milliseconds after which a client gives up; seconds after which a test does."""
BALANCES = {"binance": "GET /api/v3/account", "bybit": "GET /v5/account/wallet-balance"}


class Bids(rt.Strategy):
    """For a little more at each close; nobody sells to it."""

    def init(self, bars) -> None:
        pass

    def on_bar(self, ctx) -> None:
        ctx.buy(quantity=0.1, limit_price=90.0)


def run(served, folder, use):
    """`use` with an engine that has clients who wait for ever, and with no more time than that."""

    async def work():
        async with (
            asyncio.timeout(AT_MOST),
            live_bots(served, folder, [Bids], BARS, timeout=FOR_EVER) as bots,
        ):
            await use(bots)

    asyncio.run(work())


def terms(venue, **more):
    return terms_of(BARS, "Bids", **{"exchange": venue, "account": f"{venue}-main", **more})


async def add_both(bots):
    assert [await bots.add(terms(venue)) for venue in BALANCES] == [BINANCE, BYBIT]


def write_down(bots, venue, **more):
    """A bot that nobody has taken into service."""
    return bots.database.write(lambda session: add_bot(session, terms(venue, **more)))


def hangs(served, **where):
    """Binance takes requests and does not answer them."""
    return fault(served, "timeout_before", venue="binance", **where)


@asynccontextmanager
async def going_on(work):
    """While it is done, which it is not by the end; it leaves nothing running."""
    before = asyncio.all_tasks()
    task = asyncio.create_task(work)
    try:
        yield task
        assert not task.done()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert asyncio.all_tasks() == before


async def come_true(is_true):
    while not await is_true():
        await asyncio.sleep(0.01)


class Heard:
    """The ticks of each bot."""

    def __init__(self) -> None:
        self.n_ticks = defaultdict(int)
        self._new = asyncio.Event()

    def tell(self, bot_id, report) -> None:
        self.n_ticks[bot_id] += 1
        self._new.set()

    async def until(self, bot_id, n_ticks) -> None:
        while self.n_ticks[bot_id] < n_ticks:
            self._new.clear()
            await self._new.wait()


@asynccontextmanager
async def kept(served, bots, rhythm):
    """A keeper whose bots have ticked once and have an order working, and what it tells."""
    heard = Heard()
    async with (
        feed_at(served, "binance", timeout=FOR_EVER) as binance,
        feed_at(served, "bybit", timeout=FOR_EVER) as bybit,
    ):
        feeds = {"binance": binance, "bybit": bybit}
        keeper = Keeper(bots.engine, feeds.__getitem__, rhythm=rhythm, tell=heard.tell)
        await asyncio.to_thread(step, served)
        await keeper.turn()
        heard.n_ticks.clear()
        yield keeper, heard


async def opened_accounts(bots):
    return {entry.account for entry in await bots.rows(EntryRow)}


def test_others_are_reconciled_while_an_exchange_does_not_answer(serve, tmp_path):
    served = serve(exchange_of(BARS))

    async def use(bots):
        await add_both(bots)

        async def is_bybit_opened():
            return "bybit-main" in await opened_accounts(bots)

        with hangs(served):
            async with going_on(bots.engine.reconcile()):
                await come_true(is_bybit_opened)
        assert await opened_accounts(bots) == {"bybit-main"}

    run(served, tmp_path, use)


def test_one_exchange_can_be_reconciled_and_looked_at_alone(serve, tmp_path):
    served = serve(exchange_of(BARS))

    async def use(bots):
        await add_both(bots)
        await bots.to_close()
        assert len(await bots.orders(is_open=True)) == 2
        with hangs(served):
            assert len(await bots.engine.reconcile("bybit")) == 1
            assert await bots.engine.look("bybit")
            assert await bots.engine.reconcile("kraken") == []
        assert requests_of(served, BALANCES["binance"]) == []
        assert len(await bots.engine.reconcile()) == 2

    run(served, tmp_path, use)


def test_where_one_account_does_not_get_through_the_others_of_its_exchange_wait(serve, tmp_path):
    served = serve(exchange_of(BARS))

    async def use(bots):
        for number in range(3):
            await bots.add(terms("binance", account=f"account {number}"))
        await bots.add(terms("bybit"))
        n_before = len(requests_of(served))
        with fault(served, "maintenance", venue="binance"):
            assert len(await bots.engine.reconcile()) == 1
            asked = requests_of(served)[n_before:]
        assert [row["venue"] for row in asked].count("binance") == 1
        assert len(await bots.engine.reconcile()) == 4

    run(served, tmp_path, use)


def test_an_account_that_never_gets_through_keeps_no_other_waiting_for_ever(serve, tmp_path):
    """The next run begins with those that were left out."""
    symbols = (SYMBOL, "ETH/USDT", "SOL/USDT")
    served = serve(exchange_of(dict.fromkeys(symbols, BARS[SYMBOL])))

    async def use(bots):
        for symbol in symbols:
            await bots.add(terms("binance", account=f"for {symbol}", symbols=(symbol,)))
        with fault(served, "error_before", venue="binance", symbol="ETHUSDT"):
            assert len(await bots.engine.reconcile()) == 1
            n_before = len(requests_of(served))
            assert len(await bots.engine.reconcile()) == 2
            asked = [row["symbol"] for row in requests_of(served)[n_before:] if row["symbol"]]
        assert list(dict.fromkeys(asked)) == ["SOL/USDT", "BTC/USDT", "ETH/USDT"]
        assert len(await bots.engine.reconcile()) == 3

    run(served, tmp_path, use)


@pytest.mark.parametrize(
    ("route", "rhythm"),
    [
        ("", Rhythm(0.05, 0.05)),
        (BALANCES["binance"], Rhythm(0.05, 0.05)),
        ("GET /api/v3/openOrders", Rhythm(0.05, 1e9)),
        ("GET /api/v3/time", Rhythm(1e9, 1e9)),
        ("POST /api/v3/order", Rhythm(1e9, 1e9)),
    ],
    ids=["anywhere", "reconciling", "looking", "asking for bars", "ticking"],
)
def test_others_tick_bar_after_bar_while_an_exchange_does_not_answer(
    serve, tmp_path, monkeypatch, route, rhythm
):
    """Wherever in its turn it hangs, also where it takes all the places to tick at."""
    monkeypatch.setattr(exchange_turns, "AT_ONCE", 1)
    served = serve(exchange_of(BARS))
    turns = []

    async def after():
        turns.append(1)

    async def use(bots):
        await add_both(bots)
        async with kept(served, bots, rhythm) as (keeper, heard):
            n_before = len(requests_of(served, BALANCES["bybit"]))
            with hangs(served, route=route):
                await asyncio.to_thread(step, served)
                async with going_on(keeper.run(after=after)):
                    for n_bars in (1, 2, 3):
                        await heard.until(BYBIT, n_bars)
                        await asyncio.to_thread(step, served)
                assert any(row["status"] == 0 for row in requests_of(served))
            assert heard.n_ticks[BINANCE] == 0
            assert len(turns) >= 2
            is_reconciled = len(requests_of(served, BALANCES["bybit"])) > n_before
            assert is_reconciled is (rhythm.reconcile < 1)

    run(served, tmp_path, use)


def test_a_round_of_turns_does_what_is_due_at_the_others_first(serve, tmp_path):
    served = serve(exchange_of(BARS))

    async def use(bots):
        await add_both(bots)
        async with kept(served, bots, Rhythm(1e9, 1e9)) as (keeper, heard):
            await asyncio.to_thread(step, served)
            with hangs(served):
                async with going_on(keeper.turn()):
                    await heard.until(BYBIT, 1)
            await keeper.turn()
            assert heard.n_ticks == {BINANCE: 1, BYBIT: 1}

    run(served, tmp_path, use)


def test_bots_are_taken_into_service_while_another_exchange_does_not_answer(serve, tmp_path):
    served = serve(exchange_of(BARS))

    async def use(bots):
        for venue in BALANCES:
            await write_down(bots, venue)

        async def is_served():
            return BYBIT in bots.engine.bots

        with hangs(served):
            async with going_on(bots.engine.serve_waiting()):
                await come_true(is_served)
        assert list(bots.engine.bots) == [BYBIT]
        await bots.engine.serve_waiting("binance")
        assert list(bots.engine.bots) == [BYBIT, BINANCE]

    run(served, tmp_path, use)


def test_an_engine_begins_while_an_exchange_does_not_answer(serve, tmp_path, monkeypatch):
    served = serve(exchange_of(BARS))

    async def begun(bots):
        assert BINANCE not in bots.engine.bots
        await bots.engine.serve_waiting("bybit")
        assert list(bots.engine.bots) == [BYBIT]

    run(served, tmp_path, add_both)
    monkeypatch.setattr(engines, "_AT_START", 0.2)
    with hangs(served):
        run(served, tmp_path, begun)


def test_a_keeper_takes_on_an_exchange_whose_first_bot_comes_later(serve, tmp_path):
    """Also while bots at the other wait for service."""
    served = serve(exchange_of(BARS))

    async def use(bots):
        await bots.add(terms("binance"))
        async with kept(served, bots, Rhythm(0.05, 1e9)) as (keeper, heard):
            with hangs(served):
                await write_down(bots, "binance", account="another")
                async with going_on(keeper.run()):
                    row = await write_down(bots, "bybit")
                    await asyncio.to_thread(step, served)
                    await heard.until(row.id, 1)
                assert sorted(bots.engine.bots) == [BINANCE, row.id]

    run(served, tmp_path, use)


def test_what_ends_the_turns_of_one_exchange_ends_all(serve, tmp_path):
    """A newer engine is noticed at one exchange while another's request hangs."""
    served = serve(exchange_of(BARS))

    async def use(bots):
        await add_both(bots)
        async with kept(served, bots, Rhythm(0.05, 1e9)) as (keeper, heard):
            before = asyncio.all_tasks()
            with hangs(served):
                await asyncio.to_thread(step, served)
                running = asyncio.create_task(keeper.run())
                await heard.until(BYBIT, 1)
                await bots.database.write(enter_engine)
                with pytest.raises(LeaseLostError) as caught:
                    await running
            assert type(caught.value) is LeaseLostError
            assert asyncio.all_tasks() == before

    run(served, tmp_path, use)


def test_a_newer_engine_is_noticed_while_all_that_is_asked_hangs(serve, tmp_path):
    served = serve(exchange_of(BARS))

    async def use(bots):
        await bots.add(terms("binance"))
        async with kept(served, bots, Rhythm(1e9, 1e9)) as (keeper, _):
            with hangs(served):
                await asyncio.to_thread(step, served)
                n_asked = len(requests_of(served))
                bots.engine.bots[BINANCE].running.executor.met_unknown = True
                running = asyncio.create_task(keeper.run())

                async def hangs_now():
                    return len(requests_of(served)) > n_asked

                await come_true(hangs_now)
                await bots.database.write(enter_engine)
                with pytest.raises(LeaseLostError):
                    await running

    run(served, tmp_path, use)


def test_a_run_ends_everywhere_once_it_is_told_to(serve, tmp_path):
    """Those who wait for their next turn wait no longer."""
    served = serve(exchange_of(BARS))

    async def use(bots):
        await add_both(bots)
        async with kept(served, bots, Rhythm(1e9, 1e9)) as (keeper, heard):
            before = asyncio.all_tasks()
            await asyncio.to_thread(step, served)
            await keeper.run(until=lambda: len(heard.n_ticks) == 2)
            assert heard.n_ticks == {BINANCE: 1, BYBIT: 1}
            assert asyncio.all_tasks() == before

    run(served, tmp_path, use)
