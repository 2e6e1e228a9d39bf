"""The feed, against a real exchange whose clock is stepped."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

import robotrader_sdk as rt
from robotrader_sdk.data.validate import BarsWarning
from robotrader_sdk.types import Timeframe
from runner.execution.ccxt_market_data import CcxtMarketData
from runner.execution.ccxt_markets import forget_markets
from runner.execution.errors import MarketUnknownError
from runner.execution.feed import Feed, Series
from runner.testnet import ccxt_config
from tests.runner.execution.brokers import fault, requests_of, step
from tests.runner.testnet.conftest import exchange_of, serve

__all__ = ["serve"]
SYMBOL, MINUTE = "BTC/USDT", Timeframe(60)
BARS = rt.synthetic_bars(80, "1m", seed=3, price=40_000.0).round(1)
KLINES = {"binance": "GET /api/v3/klines", "bybit": "GET /v5/market/kline"}


class Forgetful(CcxtMarketData):
    """Leaves the last but one bar out of its first answer, as a node that lags behind does."""

    n_asked = 0

    async def bars(self, *asked):
        self.n_asked += 1
        found = list(await super().bars(*asked))
        return [*found[:-3], *found[-2:]] if self.n_asked == 1 else found


@asynccontextmanager
async def feed_at(served, venue, kind=CcxtMarketData, **more):
    data = kind(venue, overrides={**ccxt_config(venue, served.url), "timeout": 5_000, **more})
    try:
        yield Feed(data, pause=0.05, at_most=0.2)
    finally:
        await data.close()


def wait_at(served, seconds):
    """Let time pass for the faults of bars."""
    faults = served.local.faults
    faults.wall = lambda: time.time() + seconds


def times(new):
    return [bar.open_time for bar in new]


def anchor_of(number: int):
    return BARS.index[number].to_pydatetime()


@pytest.fixture(params=["binance", "bybit"])
def venue(request):
    return request.param


@pytest.fixture
def served(serve):
    served = serve(exchange_of({SYMBOL: BARS, "ETH/USDT": BARS}))
    step(served, 20)
    return served


def test_however_many_subscribe_there_is_one_request_a_series(served, venue):
    async def work():
        async with feed_at(served, venue) as feed:
            earliest = anchor_of(0) - timedelta(hours=1)  # older than the exchange's first bar
            for wanted in (earliest, *map(anchor_of, range(50))):
                await feed.subscribe(SYMBOL, MINUTE, wanted)
            more = [feed.subscribe("ETH/USDT", MINUTE, earliest) for _ in range(50)]
            await asyncio.gather(*more)
            before = len(requests_of(served, KLINES[venue]))
            assert before == 2
            for _ in range(5):
                step(served)
                assert len(await feed.poll()) == 2
            assert len(requests_of(served, KLINES[venue])) == before + 10
            assert await feed.poll() == []
            assert len(requests_of(served, KLINES[venue])) == before + 10

    asyncio.run(work())


def test_only_closed_bars_are_given_by_the_exchanges_own_time(served, venue):
    async def work():
        async with feed_at(served, venue) as feed:
            subscription = await feed.subscribe(SYMBOL, MINUTE, anchor_of(5))
            history = feed.history(subscription)
            pd.testing.assert_frame_equal(
                history, BARS.iloc[5:20], check_freq=False, check_index_type=False
            )
            step(served)
            (new,) = await feed.poll()
            assert (new.open_time, new.is_late) == (BARS.index[20], False)
            assert feed.history(subscription).index[-1] == BARS.index[20]

    asyncio.run(work())


def test_what_was_missed_comes_first_in_order_and_is_late(served, venue):
    async def work():
        async with feed_at(served, venue) as feed:
            await feed.subscribe(SYMBOL, MINUTE, anchor_of(0))
            step(served, 30)
            new = await feed.poll()
            assert times(new) == list(BARS.index[20:50])
            assert [bar.is_late for bar in new] == [True] * 29 + [False]

    asyncio.run(work())


@pytest.mark.parametrize("kind", ["reset_before", "timeout_before", "error_before", "truncated"])
def test_what_fails_is_asked_for_again_and_nothing_is_lost(served, venue, kind, caplog):
    async def work():
        async with feed_at(served, venue) as feed:
            await feed.subscribe(SYMBOL, MINUTE, anchor_of(0))
            step(served, 2)
            feed.data._client.timeout = 500 if kind == "timeout_before" else 5_000
            with fault(served, kind, route=KLINES[venue], seconds=1.0):
                assert await feed.poll() == []
            feed.data._client.timeout = 5_000
            assert times(await feed.poll()) == list(BARS.index[20:22])

    asyncio.run(work())
    assert "asked for again" in caplog.text


def test_a_reply_that_comes_twice_answers_no_other_question(serve, venue):
    others = rt.synthetic_bars(80, "1m", seed=4, price=3_000.0).round(1)
    served = serve(exchange_of({SYMBOL: BARS, "ETH/USDT": others}))
    step(served, 20)

    async def work():
        async with feed_at(served, venue) as feed:
            one = await feed.subscribe(SYMBOL, MINUTE, anchor_of(0))
            two = await feed.subscribe("ETH/USDT", MINUTE, anchor_of(0))
            with fault(served, "duplicate_reply", route=KLINES[venue]):
                for _ in range(5):
                    step(served)
                    await feed.poll()
            for _ in range(3):  # what a second reply has spoiled may have another one behind it
                await feed.poll()
            assert feed.history(one)["close"].tolist() == BARS["close"].iloc[:25].tolist()
            assert feed.history(two)["close"].tolist() == others["close"].iloc[:25].tolist()

    asyncio.run(work())


def test_each_history_begins_at_its_own_anchor(served):
    async def work():
        async with feed_at(served, "binance") as feed:
            late = await feed.subscribe(SYMBOL, MINUTE, anchor_of(15))
            early = await feed.subscribe(SYMBOL, MINUTE, anchor_of(2))
            assert feed.history(late).index[0] == BARS.index[15]
            assert feed.history(early).index[0] == BARS.index[2]
            mine = feed.history(late)
            mine.iloc[0, 0] = 0.0
            assert feed.history(late).iloc[0, 0] == BARS.iloc[15, 0]
            feed.unsubscribe(early)
            feed.unsubscribe(late)
            step(served)
            assert await feed.poll() == []

    asyncio.run(work())


def test_a_late_bar_is_waited_for_and_told_once(served, caplog):
    async def work():
        async with feed_at(served, "binance") as feed:
            await feed.subscribe(SYMBOL, MINUTE, anchor_of(0))
            with fault(served, "late_bar", symbol=SYMBOL, seconds=600, times=1):
                step(served)
                for _ in range(3):
                    assert await feed.poll() == []
                    await feed.wait()
                wait_at(served, 601)
                assert times(await feed.poll()) == [BARS.index[20]]

    with caplog.at_level(logging.WARNING):
        asyncio.run(work())
    assert caplog.text.count("is late") == 1


def test_a_bar_that_never_comes_is_a_gap_and_is_told(served, caplog):
    async def work():
        async with feed_at(served, "binance") as feed:
            subscription = await feed.subscribe(SYMBOL, MINUTE, anchor_of(0))
            with fault(served, "missing_bar", symbol=SYMBOL, times=1):
                step(served)
                assert await feed.poll() == []
            step(served)
            assert times(await feed.poll()) == [BARS.index[21]]
            assert BARS.index[20] not in feed.history(subscription).index

    asyncio.run(work())
    assert "the exchange has no bar of" in caplog.text


def test_a_bar_that_comes_after_later_ones_takes_its_place(served, caplog):
    async def work():
        async with feed_at(served, "binance") as feed:
            subscription = await feed.subscribe(SYMBOL, MINUTE, anchor_of(0))
            with fault(served, "late_bar", symbol=SYMBOL, seconds=600, times=1):
                step(served)
            step(served)
            assert times(await feed.poll()) == [BARS.index[21]]
            assert BARS.index[20] not in feed.history(subscription).index
            wait_at(served, 601)
            step(served)
            assert times(await feed.poll()) == [BARS.index[22]]
            assert list(feed.history(subscription).index) == list(BARS.index[:23])

    asyncio.run(work())
    assert caplog.text.count("a bar came after later ones") == 1


@pytest.mark.parametrize("is_new", [True, False])
def test_a_hole_is_filled_before_a_later_bar_is_handed_out(served, is_new, caplog):
    """In the history that a subscription begins with, and in what comes afterwards."""

    async def work():
        async with feed_at(served, "binance", Forgetful) as feed:
            feed.data.n_asked = 0 if is_new else 1
            subscription = await feed.subscribe(SYMBOL, MINUTE, anchor_of(0))
            feed.data.n_asked = 0
            step(served, 3)
            assert times(await feed.poll()) == list(BARS.index[20:23])
            assert list(feed.history(subscription).index) == list(BARS.index[:23])

    asyncio.run(work())
    assert "no bar of" not in caplog.text


def test_a_market_that_is_gone_holds_up_no_other(served, venue, caplog):
    async def work():
        async with feed_at(served, venue) as feed:
            await feed.subscribe(SYMBOL, MINUTE, anchor_of(0))
            await feed.subscribe("ETH/USDT", MINUTE, anchor_of(0))
            feed.data._client.markets.pop("ETH/USDT")
            for number in (20, 21):
                step(served)
                (new,) = await feed.poll()
                assert (new.symbol, new.open_time) == (SYMBOL, BARS.index[number])
            forget_markets()  # it is listed again
            new = await feed.poll()
            assert [(bar.symbol, bar.open_time) for bar in new] == [
                ("ETH/USDT", BARS.index[20]), ("ETH/USDT", BARS.index[21]),
            ]  # fmt: skip

    asyncio.run(work())
    assert caplog.text.count("asked for again") == 1


def test_bars_of_other_lengths_begin_when_their_exchange_says():
    monday = datetime(2024, 1, 1, tzinfo=UTC)
    week, moment = timedelta(weeks=1), timedelta(seconds=1)
    series = Series(SYMBOL, Timeframe.parse("1w"), monday, {monday: None})
    assert series.expected(monday + week) == monday
    assert series.expected(monday + 2 * week - moment) == monday
    assert series.expected(monday + 2 * week) == monday + week


def test_a_revised_bar_replaces_the_one_that_was_known(served, caplog):
    async def work():
        async with feed_at(served, "binance") as feed:
            subscription = await feed.subscribe(SYMBOL, MINUTE, anchor_of(0))
            with fault(served, "revised_bar", symbol=SYMBOL, seconds=600, times=1):
                step(served)
                await feed.poll()
            first = feed.history(subscription).iloc[-1]["close"]
            wait_at(served, 601)
            step(served)
            await feed.poll()
            assert feed.n_revised == 1
            assert feed.history(subscription).iloc[-2]["close"] == BARS.iloc[20]["close"] != first

    asyncio.run(work())
    assert "was revised" in caplog.text


def test_real_gaps_do_not_stop_it(serve, real_bars):
    with pytest.warns(BarsWarning, match="538 gaps"):
        bars = rt.read_bars(real_bars / "UNITTEST-BTC_1m_with_gaps_2017-11.csv").iloc[:300]
    served = serve(exchange_of({SYMBOL: bars}))
    gaps = (bars.index.to_series().diff() > pd.Timedelta("1min")).sum()
    assert gaps >= 1

    async def work():
        async with feed_at(served, "binance") as feed:
            step(served, 5)
            subscription = await feed.subscribe(SYMBOL, MINUTE, bars.index[0].to_pydatetime())
            for _ in range(10):
                step(served, 29)
                await feed.poll()
            assert list(feed.history(subscription).index) == list(bars.index[:295])

    asyncio.run(work())


def test_a_hint_ends_the_wait_early(served):
    async def work():
        async with feed_at(served, "binance") as feed:
            feed._at_most = 30.0
            await feed.subscribe(SYMBOL, MINUTE, anchor_of(0))
            await feed.poll()
            waiting = asyncio.create_task(feed.wait())
            await asyncio.sleep(0.05)
            assert not waiting.done()
            feed.hint.set()
            await asyncio.wait_for(waiting, 1.0)
            feed.hint.clear()
            feed._asked -= 60.0  # the bots have decided for as long as the next bar takes
            await asyncio.wait_for(feed.wait(), 1.0)

    asyncio.run(work())


def test_unknown_symbols_and_timeframes_are_said(served, venue):
    async def work():
        async with feed_at(served, venue) as feed:
            with pytest.raises(MarketUnknownError, match="BTC/USDT"):
                await feed.subscribe("BTC/USDX", MINUTE, anchor_of(0))
            with pytest.raises(MarketUnknownError, match="1m, "):
                await feed.subscribe(SYMBOL, Timeframe(7), anchor_of(0))

    asyncio.run(work())


def test_long_histories_come_page_by_page(serve):
    bars = rt.synthetic_bars(2_600, "1m", seed=1, price=100.0).round(1)
    served = serve(exchange_of({SYMBOL: bars}))
    for _ in range(5):
        step(served, 500)

    async def work():
        async with feed_at(served, "binance") as feed:
            subscription = await feed.subscribe(SYMBOL, MINUTE, bars.index[0].to_pydatetime())
            assert list(feed.history(subscription).index) == list(bars.index[:2_500])
            oldest = bars.index[0].to_pydatetime() + timedelta(minutes=1)
            assert len(await feed.data.bars(SYMBOL, MINUTE, oldest, 1_234)) == 1_234

    asyncio.run(work())
