"""Hints of a websocket: they wake a feed, take turns like everybody, and decide nothing."""

from __future__ import annotations

import asyncio

import pytest

from runner.execution.ccxt_hints import CcxtHints
from runner.execution.rate_limits import Priority, RateLimiter
from runner.testnet import ccxt_config
from tests.runner.execution.brokers import fault, step
from tests.runner.execution.test_feed import BARS, MINUTE, SYMBOL, anchor_of, feed_at
from tests.runner.testnet.conftest import exchange_of, serve

__all__ = ["serve"]


class Counted(RateLimiter):
    """Remembers who took turns."""

    def __init__(self, exchange):
        super().__init__(exchange)
        self.turns = []

    def turn(self, priority, weight=1, n_orders=1):
        self.turns.append(priority)
        return super().turn(priority, weight, n_orders)


@pytest.mark.parametrize("venue", ["binance", "bybit"])
def test_a_websocket_wakes_the_feed_and_changes_nothing_else(serve, venue):
    """With hints, with broken ones and without, the bars are the same."""
    served = serve(exchange_of({SYMBOL: BARS}))
    step(served, 20)

    async def work(hints):
        async with feed_at(served, venue) as feed:
            feed._hints, feed._at_most = hints, 30.0
            subscription = await feed.subscribe(SYMBOL, MINUTE, anchor_of(0))
            await feed.poll()
            if hints is not None:
                while not feed.hint.is_set():  # until it is connected
                    await asyncio.to_thread(step, served)
                    await asyncio.sleep(0.1)
                await feed.poll()
                waiting = asyncio.create_task(feed.wait())
                await asyncio.to_thread(step, served)
                await asyncio.wait_for(waiting, 20.0)  # it would wait for 30 by itself
                assert hints.n_hints >= 1
            else:
                await asyncio.to_thread(step, served)
            with fault(served, "stream_drop", times=1):
                await asyncio.to_thread(step, served)
            await feed.poll()
            await feed.close()
            n_closed = served.exchange.tape.closed(SYMBOL)
            assert list(feed.history(subscription).index) == list(BARS.index[:n_closed])

    async def both():
        limiter = Counted(venue)
        hints = CcxtHints(venue, limiter=limiter, overrides=ccxt_config(venue, served.url))
        try:
            await work(hints)
        finally:
            await hints.close()
        assert {*limiter.turns} == {Priority.DATA}
        await work(None)

    asyncio.run(both())
