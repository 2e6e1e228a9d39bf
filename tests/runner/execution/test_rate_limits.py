"""Rate limits: shared, the urgent first, never above the venue's, and bans are obeyed by all."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from runner.execution.ccxt_broker import CcxtBroker
from runner.execution.ccxt_client import Credentials
from runner.execution.ccxt_market_data import CcxtMarketData
from runner.execution.errors import ExchangeUnreachableError, RateLimitedError
from runner.execution.rate_limits import Budget, Priority, RateLimiter, limiter_of
from runner.testnet import ccxt_config
from tests.runner.execution.brokers import SPOT, control, local_exchange, requests_of
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

        given.note_ban(datetime.now(UTC) - timedelta(seconds=0.9))  # a tenth of a second is left
        waiting = [asyncio.create_task(ask(p)) for p in (DATA, RECONCILE, ORDER, CANCEL) * 3]
        await asyncio.gather(*waiting)
        return order

    order = asyncio.run(work())
    assert order == sorted(order)
    assert len(order) == 12


@pytest.mark.parametrize("seed", range(5))
def test_in_no_window_is_more_used_than_allowed(seed):
    draw = Random(seed)

    async def work():
        given = limiter(amount=12, seconds=0.15)
        taken: list[tuple[float, int]] = []

        async def ask(priority: Priority, weight: int) -> None:
            await asyncio.sleep(draw.random() * 0.3)
            async with given.turn(priority, weight):
                taken.append((time.monotonic(), weight))

        asked = [ask(draw.choice(list(Priority)), draw.randint(1, 4)) for _ in range(40)]
        await asyncio.gather(*asked)
        return taken

    taken = asyncio.run(work())
    assert len(taken) == 40
    for start, _ in taken:
        used = sum(weight for moment, weight in taken if start <= moment < start + 0.149)
        assert used <= 12


def test_a_flood_of_data_leaves_room_for_a_cancel():
    async def work():
        given = limiter(amount=20, seconds=1.0)

        async def read() -> None:
            async with given.turn(DATA):
                pass

        flood = [asyncio.create_task(read()) for _ in range(200)]
        await asyncio.sleep(0.05)
        start = time.monotonic()
        async with given.turn(CANCEL):
            waited = time.monotonic() - start
        for task in flood:
            task.cancel()
        await asyncio.gather(*flood, return_exceptions=True)
        return waited

    assert asyncio.run(work()) < 0.1


def test_orders_have_a_budget_of_their_own():
    async def work():
        budgets = [Budget(amount=100, seconds=10), Budget(amount=2, seconds=0.3, of=ORDER)]
        given = RateLimiter("test", share=1.0, budgets=budgets, patience=5.0)
        start = time.monotonic()
        for _ in range(3):
            async with given.turn(ORDER):
                pass
        taken = time.monotonic() - start
        async with given.turn(CANCEL):
            pass
        return taken, time.monotonic() - start - taken

    orders, cancel = asyncio.run(work())
    assert orders >= 0.25
    assert cancel < 0.1


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
    """Two brokers and the bars share a limiter; the exchange's own ledger says who came when."""
    served = serve(local_exchange())
    shared = RateLimiter(venue, patience=0.1)

    def broker() -> CcxtBroker:
        made = CcxtBroker(
            venue,
            Credentials(KEY, SECRET),
            limiter=shared,
            overrides=ccxt_config(venue, served.url),
        )
        made._client.timeout_on_exit = 0
        return made

    async def work():
        one, two = broker(), broker()
        data = CcxtMarketData(venue, limiter=shared, overrides=ccxt_config(venue, served.url))
        data._client.timeout_on_exit = 0
        try:
            await one.balances()
            await two.balances()
            control(served, "POST", "faults", json={"kind": "ban", "seconds": 1.5, "times": 1})
            with pytest.raises((RateLimitedError, ExchangeUnreachableError)):
                await one.balances()
            before = len(requests_of(served))
            for ask in (two.balances, lambda: two.open_orders(SPOT), data.server_time):
                with pytest.raises(RateLimitedError):
                    await ask()
            assert len(requests_of(served)) == before
            assert shared.banned_until is not None
            left = (shared.banned_until - datetime.now(UTC)).total_seconds()
            control(served, "DELETE", "faults")
            await asyncio.sleep(min(left, 5.0) + 0.2)
            if left <= 5.0:
                await two.balances()
        finally:
            for each in (one, two, data):
                await each.close()

    asyncio.run(work())
