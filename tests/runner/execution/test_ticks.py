"""A tick: once a bar, nothing opened late, and what was not sent in time is not sent at all."""

from __future__ import annotations

import asyncio

import pytest

import robotrader_sdk as rt
from runner.execution import points
from runner.execution.errors import LeaseLostError
from runner.execution.identity import Purpose
from runner.execution.journal.tables import TickRow
from runner.execution.running import Keeper, Rhythm
from runner.execution.status import Status
from tests.runner.execution.brokers import fault, requests_of
from tests.runner.execution.live_bots import live_bots, terms_of
from tests.runner.execution.test_feed import feed_at
from tests.runner.testnet.conftest import bars_of, exchange_of, serve

__all__ = ["serve"]
SYMBOL, BALANCES = "BTC/USDT", "GET /api/v3/account"
CALM = (100.0, 100.5, 99.5, 100.0)
BARS = {SYMBOL: bars_of(*[CALM] * 12)}


class Flips(rt.Strategy):
    """In at one bar, out at the next."""

    def init(self, bars) -> None:
        pass

    def on_bar(self, ctx) -> None:
        if ctx.position:
            ctx.close_position()
        else:
            ctx.buy(quantity=1.0, stop_loss=0.1)


class Died(BaseException):
    """The process is gone."""


def run(served, folder, use, *, deploys=True):
    async def work():
        async with live_bots(served, folder, [Flips], BARS) as bots:
            if not bots.engine.bots and deploys:
                await bots.add(terms_of(BARS, "Flips"))
            await use(bots)

    asyncio.run(work())


def seen(n_bars):
    return {SYMBOL: BARS[SYMBOL].iloc[:n_bars]}


def step(served, n_bars=1):
    served.call(served.local.driver.step, n_bars)


def test_a_late_bar_opens_nothing_and_closes(serve, tmp_path):
    served = serve(exchange_of(BARS))

    async def use(bots):
        step(served)
        report = await bots.engine.tick(1, seen(1), is_late=True)
        assert report.n_orders == 0
        assert report.logs == [f"{SYMBOL}: buy market refused: the bar is not the newest any more"]
        step(served)
        assert (await bots.engine.tick(1, seen(2))).n_orders == 1
        step(served)
        await bots.engine.tick(1, seen(3), is_late=True)
        assert [lot.is_open for lot in await bots.lots()] == [False]

    run(served, tmp_path, use)


def test_a_bar_is_decided_once(serve, tmp_path):
    served = serve(exchange_of(BARS))

    async def use(bots):
        step(served)
        first = await bots.engine.tick(1, seen(1))
        again = await bots.engine.tick(1, seen(1))
        assert (first.was_done, again.was_done) == (False, True)
        entries = [o for o in await bots.orders() if o.purpose is Purpose.ENTRY]
        assert len(entries) == 1

    run(served, tmp_path, use)


def test_a_bar_that_a_newer_engine_has_is_left_to_it(serve, tmp_path):
    served = serve(exchange_of(BARS))

    async def use(bots):
        step(served)
        open_time = BARS[SYMBOL].index[0].to_pydatetime()

        async def take(session):
            session.add(TickRow(bot_id=1, bar=open_time, owner_id="alice", fence=99, logs=[]))

        await bots.database.write(take)
        with pytest.raises(LeaseLostError, match="newer engine"):
            await bots.engine.tick(1, seen(1))
        assert await bots.orders() == []

    run(served, tmp_path, use)


def test_an_entry_that_was_not_sent_within_a_bar_expires(serve, tmp_path):
    served = serve(exchange_of(BARS))

    def die(point):
        if point == "before submit":
            raise Died

    async def first(bots):
        step(served)
        points.listen(die)
        try:
            with pytest.raises(Died):
                await bots.engine.tick(1, seen(1))
        finally:
            points.ignore(die)

    async def second(bots):
        await bots.engine.reconcile()
        (order,) = await bots.orders()
        assert order.status is Status.EXPIRED
        assert served.exchange.records.orders == {}

    run(served, tmp_path, first)
    step(served, 2)
    run(served, tmp_path, second)


def test_a_keeper_ticks_every_bar_once_and_those_it_missed_late(serve, tmp_path):
    served = serve(exchange_of(BARS))
    heard = []

    def keep(bots, feed):
        rhythm = Rhythm(look=0.0, reconcile=0.0)
        return Keeper(bots.engine, lambda _: feed, rhythm=rhythm, tell=lambda _, r: heard.append(r))

    async def use(bots):
        async with feed_at(served, "binance") as feed:
            keeper = keep(bots, feed)
            for n_bars in (1, 1, 1, 3):
                await asyncio.to_thread(step, served, n_bars)
                await keeper.turn()
            await keeper.turn()
            assert [r.bar for r in heard] == list(BARS[SYMBOL].index[:6])
            late = [any("not the newest" in line for line in r.logs) for r in heard]
            assert late == [False, False, False, False, True, False]

    async def later(bots):
        async with feed_at(served, "binance") as feed:
            await keep(bots, feed).turn()
            assert [r.bar for r in heard[6:]] == list(BARS[SYMBOL].index[6:9])

    run(served, tmp_path, use)
    step(served, 3)
    run(served, tmp_path, later)


@pytest.mark.parametrize(("every", "grows"), [(1e9, False), (0.0, True)])
def test_a_keeper_reconciles_at_the_start_and_by_the_clock(serve, tmp_path, every, grows):
    served = serve(exchange_of(BARS))

    async def use(bots):
        async with feed_at(served, "binance") as feed:
            keeper = Keeper(bots.engine, lambda _: feed, rhythm=Rhythm(1e9, every))
            await keeper.turn()
            at_first = len(requests_of(served, BALANCES))
            await keeper.turn()
            assert at_first > 0
            assert (len(requests_of(served, BALANCES)) > at_first) is grows

    run(served, tmp_path, use)


def test_after_an_unknown_answer_all_is_reconciled(serve, tmp_path):
    served = serve(exchange_of(BARS))

    async def use(bots):
        async with feed_at(served, "binance") as feed:
            keeper = Keeper(bots.engine, lambda _: feed, rhythm=Rhythm(1e9, 1e9))
            await keeper.turn()
            await asyncio.to_thread(step, served)
            n_before = len(requests_of(served, BALANCES))
            with fault(served, "error_after", route="POST /api/v3/order", times=1):
                await keeper.turn()  # the bot buys, and the answer is an error
            assert len([lot for lot in await bots.lots() if lot.is_open]) == 1
            assert len(requests_of(served, BALANCES)) == n_before
            await keeper.turn()
            assert len(requests_of(served, BALANCES)) > n_before
            n_before = len(requests_of(served, BALANCES))
            await keeper.turn()
            assert len(requests_of(served, BALANCES)) == n_before

    run(served, tmp_path, use)


class Both(rt.PortfolioStrategy):
    """Half and half."""

    def target_weights(self, panel):
        return panel.close * 0 + 0.4


def test_a_symbol_that_is_halted_does_not_hold_the_others_up(serve, tmp_path):
    """For three bars it might still come; then the portfolio goes on without, until it is back."""
    index = BARS[SYMBOL].index
    panel = {SYMBOL: BARS[SYMBOL], "ETH/USDT": BARS[SYMBOL].drop(index[3:9])}
    served = serve(exchange_of(panel))
    heard = []

    async def work():
        async with (
            live_bots(served, tmp_path, [Both], panel) as bots,
            feed_at(served, "binance") as feed,
        ):
            await bots.add(terms_of(panel, "Both"))
            keeper = Keeper(
                bots.engine, lambda _: feed, rhythm=Rhythm(0.0, 1e9),
                tell=lambda _, report: heard.append(report),
            )  # fmt: skip
            n_heard = []
            for _ in range(11):
                await asyncio.to_thread(step, served)
                await keeper.turn()
                n_heard.append(len(heard))
            assert n_heard == [1, 2, 3, 3, 3, 6, 7, 8, 9, 10, 11]

    asyncio.run(work())
    assert [report.bar for report in heard] == list(index[:11])
    late = [report.bar for report in heard if any("not the newest" in t for t in report.logs)]
    assert set(late) <= set(index[3:5])


def test_a_bot_one_of_whose_series_can_not_be_had_leaves_no_subscription_behind(serve, tmp_path):
    panel = {SYMBOL: BARS[SYMBOL], "ETH/USDT": BARS[SYMBOL]}
    served = serve(exchange_of(panel))

    async def work():
        async with (
            live_bots(served, tmp_path, [Both], panel) as bots,
            feed_at(served, "binance") as feed,
        ):
            await bots.add(terms_of(panel, "Both"))
            keeper = Keeper(bots.engine, lambda _: feed, rhythm=Rhythm(1e9, 1e9))
            with fault(served, "error_before", route="GET /api/v3/klines", symbol="ETHUSDT"):
                for _ in range(2):
                    await keeper.turn()
                    assert feed._subscriptions == []
            await keeper.turn()
            assert len(feed._subscriptions) == 2

    asyncio.run(work())
