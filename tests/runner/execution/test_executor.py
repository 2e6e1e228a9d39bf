"""What an executor knows is never of before what was written since; what it can't know it asks."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest

import robotrader_sdk as rt
from runner.execution import commands
from runner.execution.executor import Executor
from runner.execution.journal.bots import add_bot, set_state
from runner.execution.journal.tables import BotState
from runner.execution.patience import Patience
from runner.execution.status import Status
from runner.storage.database import Database
from runner.testnet.core.refusals import Reason
from tests.runner.execution.brokers import (
    CANCEL,
    CREATE,
    PERP,
    SPOT,
    VENUES,
    fault,
    n_orders,
    requests_of,
)
from tests.runner.execution.journal_rows import in_journal, terms
from tests.runner.execution.live_bots import live_bots, refusing, terms_of
from tests.runner.testnet.conftest import KEY, bars_of, exchange_of, serve

__all__ = ["serve"]
BARS = {"BTC/USDT": bars_of(*[(100.0, 100.5, 99.5, 100.0)] * 6)}


class Buys(rt.Strategy):
    """Buys once."""

    def init(self, bars) -> None:
        pass

    def on_bar(self, ctx) -> None:
        if not ctx.position:
            ctx.buy(quantity=1.0)


class Rests(rt.Strategy):
    """Has a limit order rest below the price."""

    def init(self, bars) -> None:
        pass

    def on_bar(self, ctx) -> None:
        if not ctx.orders and not ctx.position:
            ctx.buy(quantity=1.0, limit_price=90.0)


class Slow(Database):
    """A database whose readers get on only when somebody has written."""

    def __init__(self, url):
        super().__init__(url)
        self.was_read, self.was_written = asyncio.Event(), asyncio.Event()

    @asynccontextmanager
    async def reading(self):
        async with super().reading() as session:
            yield session
        self.was_read.set()
        await self.was_written.wait()


def test_a_reading_that_began_before_a_write_is_not_kept(database_url):
    """A timer reads where a bot stands while its tick writes."""

    async def use(database):
        bot = await database.write(lambda session: add_bot(session, terms()))
        async with Slow(database_url) as slow:
            executor = Executor(slow, None, bot, {})
            reading = asyncio.create_task(executor.standing())
            await slow.was_read.wait()
            await executor.write(lambda s: set_state(s, bot.id, BotState.PAUSED, "a test"))
            slow.was_written.set()
            seen, kept = await reading, await executor.standing()
            return seen.bot.state, kept.bot.state

    assert in_journal(database_url, use) == (BotState.PAUSED, BotState.PAUSED)


@pytest.mark.parametrize("venue", VENUES)
def test_an_order_that_can_not_be_found_yet_is_waited_for_and_not_sent_again(
    serve, tmp_path, venue
):
    served = serve(exchange_of(BARS))
    patience = Patience(grace=10.0, interval=0.05, n_looks=3)

    async def work():
        async with live_bots(served, tmp_path, [Buys], BARS, patience=patience) as bots:
            await bots.add(terms_of(BARS, "Buys", exchange=venue))
            with (
                fault(served, "order_not_found", seconds=1.0, times=1),
                fault(served, "error_after", route=CREATE[venue], times=1),
            ):
                await bots.to_close()
            (order,) = await bots.orders()
            assert order.status is Status.FILLED

    asyncio.run(work())
    assert n_orders(served) == 1


@pytest.mark.parametrize("venue", VENUES)
def test_a_key_that_is_revoked_pauses_the_bot_and_is_used_no_more(serve, tmp_path, venue):
    served = serve(exchange_of(BARS))

    async def work():
        async with live_bots(served, tmp_path, [Buys], BARS) as bots:
            await bots.add(terms_of(BARS, "Buys", exchange=venue))
            with fault(served, "revoked_key", key=KEY):
                await bots.to_close()
            bot = await bots.bot()
            assert bot.state is BotState.PAUSED
            assert "revoked" in bot.state_reason
            await bots.to_close()

    asyncio.run(work())
    assert n_orders(served) == 0


@pytest.mark.parametrize(
    ("venue", "symbol", "reason"),
    [
        ("binance", SPOT, Reason.MARKET_CLOSED),
        ("binance", SPOT, Reason.UNKNOWN_SYMBOL),
        ("bybit", SPOT, Reason.MARKET_CLOSED),
        ("bybit", SPOT, Reason.UNKNOWN_SYMBOL),
        ("bybit", PERP, Reason.MARKET_CLOSED),
    ],
)
def test_an_order_that_the_exchange_does_not_cancel_is_asked_for_again_at_each_look(
    serve, tmp_path, caplog, venue, symbol, reason
):
    bars = {symbol: bars_of(*[(100.0, 100.5, 99.5, 100.0)] * 6)}
    served = serve(exchange_of(bars))

    async def work():
        async with live_bots(served, tmp_path, [Rests], bars) as bots:
            await bots.add(terms_of(bars, "Rests", exchange=venue))
            await bots.to_close(2)
            (resting,) = bots.working(symbol)
            with refusing(served.exchange, "cancel", reason=reason):
                await bots.engine.kill("bot", "1", reason="enough")
                await bots.engine.look()
                await bots.engine.reconcile()
                assert len(requests_of(served, CANCEL[venue])) == 3
                assert bots.working(symbol) == [resting]
                (order,) = await bots.orders()
                assert (order.status, order.cancel_wanted) == (Status.WORKING, True)
                assert (await bots.bot()).state_reason == "kill switch: enough"
            await bots.engine.look()
            assert bots.working(symbol) == []
            (order,) = await bots.orders()
            assert order.status is Status.CANCELLED
            assert bots.remembered() == 1
            await bots.engine.look()
            assert bots.remembered() == 0

    asyncio.run(work())
    assert caplog.text.count("is not cancelled yet") == 1


@pytest.mark.parametrize("venue", VENUES)
def test_an_order_that_fills_while_it_is_to_be_cancelled_is_entered(
    serve, tmp_path, monkeypatch, venue
):
    monkeypatch.setattr(commands, "FRESH", 0.0)
    calm = (100.0, 100.5, 99.5, 100.0)
    bars = {SPOT: bars_of(calm, calm, (100.0, 100.5, 85.0, 95.0), calm, calm)}
    served = serve(exchange_of(bars))

    async def work():
        async with live_bots(served, tmp_path, [Rests], bars) as bots:
            await bots.add(terms_of(bars, "Rests", exchange=venue))
            await bots.to_close(2)

            def fill_first(order):
                while not order.executed:
                    served.local.driver.step()
                return True

            with refusing(served.exchange, "cancel", fill_first):
                await bots.engine.kill("bot", "1", reason="enough")
            (order,) = await bots.orders()
            assert order.status is Status.FILLED
            assert [lot.quantity for lot in await bots.lots()] == [1]
            assert (await bots.bot()).state_reason == "kill switch: enough"

    asyncio.run(work())
