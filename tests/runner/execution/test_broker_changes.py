"""The broker at the local exchange: stops that become others in one request."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest

from robotrader_sdk.types import OrderType, Side
from runner.execution.errors import (
    FundsLackingError,
    OrderMissingError,
    OrderRefusedError,
    UnknownOutcomeError,
    WouldTriggerError,
)
from runner.execution.status import Status
from runner.testnet.core.settings import Settings
from tests.runner.execution.brokers import (
    LAST,
    PERP,
    SPOT,
    fault,
    limit_order,
    local_exchange,
    market_order,
    requests_of,
    stop_order,
    with_broker,
)
from tests.runner.testnet import conftest as testnet
from tests.runner.testnet.conftest import bars_of, exchange_of

serve = testnet.serve
REPLACE, AMEND = "/api/v3/order/cancelReplace", "/v5/order/amend"
LIMITED = "SOL/USDT"
"""It has no stop-market orders."""

LOW, LOWER = LAST * Decimal("0.9"), LAST * Decimal("0.8")


@pytest.fixture
def served(serve):
    return serve(local_exchange())


def low_stop(number=1, **more):
    return stop_order(client_order_id=f"rt-{number}", side=Side.SELL, stop_price=LOWER, **more)


def moved(number, **more):
    return replace(low_stop(number), **{"stop_price": LOW, **more})


def working(served):
    return list(served.exchange.records.open_orders("alice", SPOT))


@pytest.mark.parametrize("limit", [None, LOW * Decimal("0.99")])
def test_a_stop_takes_anothers_place(served, limit):
    kind = OrderType.STOP if limit is None else OrderType.STOP_LIMIT

    async def use(broker):
        await broker.submit(low_stop())
        return await broker.replace("rt-1", moved(2, type=kind, limit_price=limit))

    report = with_broker(served, "binance", use)
    (stop,) = working(served)
    assert (stop.client_id, stop.trigger, stop.price) == ("rt-2", LOW, limit)
    assert (report.client_order_id, report.status) == ("rt-2", Status.WORKING)
    assert len(requests_of(served, f"POST {REPLACE}")) == 1


@pytest.mark.parametrize("kind", [OrderType.STOP_LIMIT, OrderType.MARKET])
def test_what_a_stop_has_filled_meanwhile_is_not_sold_again(serve, kind):
    """A stop-limit that is being filled is not replaced: the other would be over the whole."""
    bars = bars_of(*[(100.0, 100.0, 99.5, 100.0)] * 2, *[(93.0, 94.2, 92.0, 94.1)] * 3)
    fills = Settings(fill_fraction=Decimal("0.4"))
    funds = {"USDT": "10000", "SOL": "5"}
    served = serve(exchange_of({LIMITED: bars}, balances=funds, settings=fills))
    first = {"stop_price": Decimal(95), "limit_price": Decimal("94.05")}
    old = replace(low_stop(), symbol=LIMITED, type=OrderType.STOP_LIMIT, **first)
    old = replace(old, quantity=Decimal(1))
    terms = {"stop_price": Decimal(92), "limit_price": Decimal(91)}
    if kind is OrderType.MARKET:
        terms = {"stop_price": None, "limit_price": None}

    async def use(broker):
        await asyncio.to_thread(served.call, served.local.driver.step)
        await broker.submit(old)
        while not (report := await broker.look_up(LIMITED, "rt-1")).filled:
            assert report.status is Status.WORKING
            await asyncio.to_thread(served.call, served.local.driver.step)
        with pytest.raises(OrderMissingError):
            await broker.replace("rt-1", replace(old, client_order_id="rt-2", type=kind, **terms))
        return await broker.look_up(LIMITED, "rt-1")

    report = with_broker(served, "binance", use)
    assert (report.status, report.filled) == (Status.WORKING, Decimal("0.4"))
    assert served.exchange.accounts["alice"].balance("SOL").total == Decimal("4.6")


def test_a_market_order_takes_a_stops_place(served):
    sale = replace(low_stop(2), type=OrderType.MARKET, stop_price=None)

    async def use(broker):
        await broker.submit(low_stop())
        return await broker.replace("rt-1", sale)

    report = with_broker(served, "binance", use)
    assert (report.status, report.filled) == (Status.FILLED, sale.quantity)
    assert working(served) == []


def test_where_nothing_can_be_cancelled_nothing_is_sent(served):
    async def use(broker):
        await broker.submit(low_stop())
        await broker.cancel(SPOT, "rt-1", is_trigger=True)
        with pytest.raises(OrderMissingError, match="-2011"):
            await broker.replace("rt-1", moved(2))
        assert await broker.look_up(SPOT, "rt-2") is None

    with_broker(served, "binance", use)


def test_what_is_refused_after_the_cancel_says_why(served):
    async def use(broker):
        await broker.submit(low_stop())
        with pytest.raises(FundsLackingError, match="insufficient balance"):
            await broker.replace("rt-1", moved(2, quantity=Decimal(2)))

    with_broker(served, "binance", use)
    assert working(served) == []


@pytest.mark.parametrize("venue", ["binance", "bybit"])
def test_a_stop_that_the_price_has_passed_leaves_the_old_one(served, venue):
    async def use(broker):
        await broker.submit(low_stop())
        with pytest.raises(WouldTriggerError):
            if venue == "binance":
                await broker.replace("rt-1", moved(2, stop_price=LAST + 1))
            else:
                await broker.amend(moved(1, stop_price=LAST + 1))

    with_broker(served, venue, use)
    assert [stop.trigger for stop in working(served)] == [LOWER]


def test_a_stop_becomes_another_and_stays_the_same_order(served):
    async def use(broker):
        placed = await broker.submit(low_stop())
        wanted = moved(1, quantity=low_stop().quantity / 2)
        for _ in range(2):  # the second time it is so already
            await broker.amend(wanted)
        (there,) = await broker.open_orders(SPOT)
        assert (there.stop_price, there.quantity) == (LOW, wanted.quantity)
        assert there.exchange_order_id == placed.exchange_order_id

    with_broker(served, "bybit", use)
    assert len(requests_of(served, f"POST {AMEND}")) == 2


def test_a_stop_that_is_gone_can_not_be_amended(served):
    async def use(broker):
        await broker.submit(low_stop())
        await broker.cancel(SPOT, "rt-1", is_trigger=True)
        with pytest.raises(OrderMissingError):
            await broker.amend(moved(1))

    with_broker(served, "bybit", use)


@pytest.mark.parametrize("kind", ["timeout_after", "error_after", "truncated", "not_json"])
@pytest.mark.parametrize("venue", ["binance", "bybit"])
def test_an_answer_that_says_nothing_leaves_it_open(served, venue, kind):
    async def use(broker):
        await broker.submit(low_stop())
        await broker.last_price(SPOT)
        route = f"* {REPLACE if venue == 'binance' else AMEND}"
        with fault(served, kind, route=route, seconds=1.0), pytest.raises(UnknownOutcomeError):
            if venue == "binance":
                await broker.replace("rt-1", moved(2))
            else:
                await broker.amend(moved(1))

    with_broker(served, venue, use, timeout=1_000)
    assert [stop.trigger for stop in working(served)] == [LOW]


@pytest.mark.parametrize(("venue", "symbol"), [("bybit", SPOT), ("bybit", PERP)])
def test_where_a_stop_is_changed_otherwise_it_is_said(served, venue, symbol):
    async def use(broker):
        with pytest.raises(OrderRefusedError, match="not by replace; cancel it"):
            await broker.replace("rt-1", moved(2, symbol=symbol))
        if symbol == PERP:
            with pytest.raises(OrderRefusedError, match="one by one, not by amend"):
                await broker.amend(moved(1, symbol=symbol))

    with_broker(served, venue, use)


def test_a_stop_becomes_no_limit_order(served):
    async def use(broker):
        await broker.submit(low_stop())
        for other in (
            limit_order(side=Side.SELL, limit_price=LAST * 2),
            market_order(quantity=None, cost=Decimal(100)),
        ):
            with pytest.raises(OrderRefusedError, match="a stop becomes"):
                await broker.replace("rt-1", replace(other, client_order_id="rt-2"))

    with_broker(served, "binance", use)
    assert len(working(served)) == 1
