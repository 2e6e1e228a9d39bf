"""Rate limits: shared, the urgent first, never above the venue's, and bans are obeyed by all."""

from __future__ import annotations

import asyncio
import threading
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random

import pytest

from robotrader_sdk.types import Side
from runner.execution.broker import OrderListRequest
from runner.execution.ccxt_broker import CcxtBroker
from runner.execution.ccxt_client import Credentials
from runner.execution.ccxt_market_data import CcxtMarketData
from runner.execution.errors import ExchangeUnreachableError, RateLimitedError
from runner.execution.rate_limits import Budget, Priority, RateLimiter, limiter_of
from runner.execution.rate_window import Taken, Window
from runner.testnet import ccxt_config
from tests.runner.execution.brokers import (
    LAST,
    SPOT,
    control,
    limit_order,
    local_exchange,
    requests_of,
    stop_order,
    with_broker,
)
from tests.runner.testnet.conftest import KEY, SECRET, serve

__all__ = ["serve"]
CANCEL, ORDER, RECONCILE, DATA = Priority


def limiter(amount: int = 10, seconds: float = 0.2, **more) -> RateLimiter:
    budgets = [Budget(amount=amount, seconds=seconds)]
    return RateLimiter("test", share=1.0, budgets=budgets, **{"patience": 5.0, **more})


def test_the_urgent_go_first_when_all_wait():
    async def work():
        given = limiter(amount=20)
        order: list[Priority] = []

        async def ask(priority: Priority) -> None:
            async with given.turn(priority):
                order.append(priority)

        given.note_ban(datetime.now(UTC) - timedelta(seconds=0.7))  # a third of a second is left
        waiting = [asyncio.create_task(ask(p)) for p in (DATA, RECONCILE, ORDER, CANCEL) * 3]
        await asyncio.gather(*waiting)
        return order

    order = asyncio.run(work())
    assert order == sorted(order)
    assert len(order) == 12


@pytest.mark.parametrize("seed", range(3))
def test_in_no_window_is_more_used_than_allowed(seed, monkeypatch):
    draw = Random(seed)
    taken: list[tuple[float, int]] = []
    take = Window.take

    def noted(window: Window, amount: int, now: float) -> Taken:
        if window.amount == 12:  # that of all requests
            taken.append((now, amount))
        return take(window, amount, now)

    monkeypatch.setattr(Window, "take", noted)

    async def work():
        given = limiter(amount=12, seconds=0.1)

        async def ask(priority: Priority, weight: int) -> None:
            await asyncio.sleep(draw.random() * 0.2)
            async with given.turn(priority, weight):
                pass

        asked = [ask(draw.choice(list(Priority)), draw.randint(1, 4)) for _ in range(24)]
        await asyncio.gather(*asked)

    asyncio.run(work())
    assert len(taken) == 24
    for start, _ in taken:
        assert sum(weight for moment, weight in taken if start <= moment < start + 0.1) <= 12


def test_a_flood_of_data_leaves_room_for_a_cancel():
    async def work():
        given = limiter(amount=20, seconds=30.0, patience=1.0)

        async def read() -> None:
            async with given.turn(DATA):
                pass

        flood = [asyncio.create_task(read()) for _ in range(200)]
        await asyncio.sleep(0.05)
        for priority in (RECONCILE, ORDER, CANCEL):
            async with given.turn(priority):  # else it would be refused: nothing comes back
                pass
        for task in flood:
            task.cancel()
        await asyncio.gather(*flood, return_exceptions=True)

    asyncio.run(work())


def test_orders_have_a_budget_of_their_own():
    async def work():
        budgets = [Budget(amount=100, seconds=30), Budget(amount=2, seconds=30, of=ORDER)]
        given = RateLimiter("test", share=1.0, budgets=budgets, patience=0.05)
        for _ in range(2):
            async with given.turn(ORDER):
                pass
        with pytest.raises(RateLimitedError):
            async with given.turn(ORDER):
                pass
        for priority in (CANCEL, RECONCILE, DATA):
            async with given.turn(priority):
                pass

    asyncio.run(work())


def test_a_budget_comes_back_when_its_time_is_over():
    async def work():
        given = limiter(amount=2, seconds=0.1)
        start = time.monotonic()
        for _ in range(3):
            async with given.turn(CANCEL):
                pass
        return time.monotonic() - start

    assert asyncio.run(work()) >= 0.1


def test_who_waits_too_long_is_told_and_nothing_is_used_up():
    async def work():
        given = limiter(amount=1, seconds=30.0, patience=0.05)
        async with given.turn(CANCEL):
            pass
        with pytest.raises(RateLimitedError, match="nothing was sent"):
            async with given.turn(CANCEL):
                pass

    asyncio.run(work())


def test_a_longer_ban_is_not_shortened():
    given = limiter()
    now = datetime.now(UTC)

    async def work():
        given.note_ban(now + timedelta(seconds=30))
        given.note_ban(now + timedelta(seconds=5))

    asyncio.run(work())
    assert given.banned_until is not None
    assert given.banned_until >= now + timedelta(seconds=30)


def test_there_is_one_limiter_an_exchange_and_address():
    assert limiter_of("binance") is limiter_of("binance")
    assert limiter_of("binance") is not limiter_of("bybit")
    assert limiter_of("binance") is not limiter_of("binance", "10.0.0.2")


@pytest.mark.parametrize("venue", ["binance", "bybit"])
def test_after_a_ban_nobody_asks_before_it_is_over(serve, venue):
    """Two brokers and the bars share a limiter; the exchange's own ledger says who came."""
    served = serve(local_exchange())
    later = 0.0
    shared = RateLimiter(venue, patience=0.1, clock=lambda: time.monotonic() + later)

    def broker() -> CcxtBroker:
        return CcxtBroker(
            venue,
            Credentials(KEY, SECRET),
            limiter=shared,
            overrides=ccxt_config(venue, served.url),
        )

    async def work():
        nonlocal later
        one, two = broker(), broker()
        data = CcxtMarketData(venue, limiter=shared, overrides=ccxt_config(venue, served.url))
        try:
            await one.balances()
            await two.balances()
            control(served, "POST", "faults", json={"kind": "ban", "seconds": 60.0, "times": 1})
            with pytest.raises((RateLimitedError, ExchangeUnreachableError)):
                await one.balances()
            before = len(requests_of(served))
            for ask in (two.balances, lambda: two.open_orders(SPOT), data.server_time):
                with pytest.raises(RateLimitedError):
                    await ask()
            assert len(requests_of(served)) == before
            served.call(served.local.limits[venue].forget)
            later = 58.0
            with pytest.raises(RateLimitedError):
                await two.balances()
            later = 63.0
            await two.balances()
        finally:
            for each in (one, two, data):
                await each.close()

    asyncio.run(work())


@pytest.mark.parametrize("venue", ["binance", "bybit"])
def test_who_waits_in_the_queue_sends_nothing_once_a_ban_is_answered(serve, venue):
    """The turn of the request that was refused is free again before the ban is noted."""
    served = serve(local_exchange())
    shared = RateLimiter(venue, patience=5.0)

    async def work():
        data = CcxtMarketData(venue, limiter=shared, overrides=ccxt_config(venue, served.url))
        try:
            await data.instrument(SPOT)
            before = len(requests_of(served))
            control(served, "POST", "faults", json={"kind": "ban", "seconds": 60.0, "times": 1})
            asked = [data.server_time() for _ in range(30)]
            told = await asyncio.gather(*asked, return_exceptions=True)
            assert all(isinstance(e, RateLimitedError | ExchangeUnreachableError) for e in told)
            return len(requests_of(served)) - before
        finally:
            await data.close()

    # What was in flight already, and no more.
    assert asyncio.run(work()) == 20


@pytest.mark.parametrize("venue", ["binance", "bybit"])
def test_who_is_turned_away_at_the_wall_before_a_venue_asks_no_more_for_a_while(venue):
    """A firewall answers 403 and a page; what it did with the request it does not say."""
    asked = []

    class Wall(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(403)
            self.send_header("Content-Length", "6")
            self.end_headers()
            self.wfile.write(b"<html>")

        def log_message(self, *_):
            """Say nothing."""

    async def work(url):
        given = RateLimiter(venue, patience=0.1)
        data = CcxtMarketData(venue, limiter=given, overrides=ccxt_config(venue, url))
        try:
            with pytest.raises(ExchangeUnreachableError):
                await data.server_time()
            with pytest.raises(RateLimitedError):
                await data.server_time()
        finally:
            await data.close()
        assert given.banned_until > datetime.now(UTC) + timedelta(minutes=9)

    with ThreadingHTTPServer(("127.0.0.1", 0), Wall) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            asyncio.run(work(f"http://127.0.0.1:{server.server_port}"))
        finally:
            server.shutdown()
            thread.join()
    assert len(asked) == 1


def test_an_order_list_counts_as_the_two_orders_that_it_is(serve):
    """developers.binance.com, orderList/oco: "Unfilled Order Count: 2"."""
    served = serve(local_exchange(), limit_share=0.08)  # eight orders in ten seconds
    budgets = [Budget(amount=480, seconds=60), Budget(amount=8, seconds=10, of=ORDER)]
    shared = RateLimiter("binance", share=1.0, budgets=budgets, patience=0.1)

    def legs(number: int) -> OrderListRequest:
        target = limit_order(f"rt-target-{number}", side=Side.SELL, limit_price=2 * LAST)
        return OrderListRequest(
            client_list_id=f"rt-list-{number}",
            take_profit=target,
            stop=stop_order(f"rt-stop-{number}", stop_price=(LAST / 2).quantize(LAST)),
        )

    async def use(broker):
        for number in range(4):
            await broker.submit_list(legs(number))
        with pytest.raises(RateLimitedError, match="is busy"):
            await broker.submit_list(legs(4))

    with_broker(served, "binance", use, limiter=shared)
    assert len(requests_of(served, "POST /api/v3/orderList/oco")) == 4
