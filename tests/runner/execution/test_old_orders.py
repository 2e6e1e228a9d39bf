"""Orders that ended long ago, which the exchange tells only to those who know how to ask."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

import robotrader_sdk as rt
from robotrader_sdk.types import OrderType, Side
from runner.execution.identity import OrderIdentity, Purpose
from runner.execution.journal.orders import KNOWS_NONE
from runner.execution.status import Status
from runner.testnet.core.orders import Request
from runner.testnet.state import load, save
from tests.runner.execution.brokers import (
    CREATE,
    FUNDS,
    PERP,
    SPOT,
    control,
    fault,
    limit_order,
    market_order,
    requests_of,
    step,
    with_broker,
)
from tests.runner.execution.live_bots import PATIENCE, live_bots, terms_of
from tests.runner.testnet import conftest as testnet
from tests.runner.testnet.conftest import exchange_of

serve = testnet.serve

DAYS = rt.synthetic_bars(900, "1d", seed=3, price=40_000.0).round(1)
BAR = DAYS.index[0].to_pydatetime()
LOOKS, HISTORY = "GET /v5/order/*", "GET /v5/order/history"


@pytest.fixture
def served(serve):
    """A bar is a day long."""
    return serve(exchange_of({SPOT: DAYS, PERP: DAYS}, balances=FUNDS))


def named(number=1, bar=BAR):
    return OrderIdentity("k7", 1, bar, number, Purpose.EXIT).client_order_id


def restart(served):
    """Have the exchange begin anew, so that only its history knows what has ended."""
    exchange, ledger = served.exchange, served.local.ledger
    served.call(lambda: load(exchange, ledger, save(exchange, ledger)))


def looked_up(served, symbol, client_order_id):
    return with_broker(served, "bybit", lambda broker: broker.look_up(symbol, client_order_id))


def filled(served, symbol, client_order_id, **more):
    order = market_order(client_order_id, symbol=symbol, side=Side.SELL, **more)
    with_broker(served, "bybit", lambda broker: broker.submit(order))


@pytest.mark.parametrize("symbol", [SPOT, PERP])
@pytest.mark.parametrize("days", [1, 7, 8, 40, 700])
def test_a_filled_order_is_found_however_long_ago_it_was(served, symbol, days):
    filled(served, symbol, named())
    step(served, days)
    restart(served)
    report = looked_up(served, symbol, named())
    assert (report.status, report.filled) == (Status.FILLED, Decimal("0.01"))


def test_an_order_that_was_sent_long_after_its_bar_is_found(served):
    """As one that was sent again after a long absence."""
    step(served, 30)
    filled(served, SPOT, named())
    step(served, 30)
    restart(served)
    assert looked_up(served, SPOT, named()).status is Status.FILLED


def test_an_order_that_never_arrived_is_not_found_and_takes_a_bounded_search(served):
    step(served, 890)
    assert looked_up(served, SPOT, named()) is None
    assert len(requests_of(served, HISTORY)) <= 2 + 2 * 52 + 2


def test_an_order_of_the_last_week_takes_no_search_of_weeks(served):
    step(served, 100)
    bar = DAYS.index[98].to_pydatetime()
    assert looked_up(served, SPOT, named(bar=bar)) is None
    assert len(requests_of(served, HISTORY)) == 2


def test_a_strangers_order_is_looked_for_in_the_last_week_only(served):
    filled(served, SPOT, "by-hand")
    step(served, 6)
    restart(served)
    assert looked_up(served, SPOT, "by-hand").status is Status.FILLED
    step(served, 6)
    assert looked_up(served, SPOT, "by-hand") is None


def test_an_order_that_filled_nothing_is_forgotten_after_a_day(served):
    """So a missing order has filled nothing, and may be sent again."""

    async def use(broker):
        await broker.submit(limit_order(named(), limit_price=Decimal(38_000)))
        await broker.cancel(SPOT, named(), is_trigger=False)
        return await broker.look_up(SPOT, named())

    assert with_broker(served, "bybit", use).status is Status.CANCELLED
    restart(served)
    assert looked_up(served, SPOT, named()).status is Status.CANCELLED
    step(served, 2)
    assert looked_up(served, SPOT, named()) is None


def test_the_exchange_finds_the_last_500_that_ended_among_its_open_orders(served):
    """And nothing of them once it has begun anew."""

    async def use(broker):
        await broker.instrument(SPOT)
        ask = broker._client.privateGetV5OrderRealtime
        seen = []
        for number in (1, 2, 502):
            given = {"category": "spot", "symbol": "BTCUSDT", "orderLinkId": named(number)}
            seen.append(len((await ask(given))["result"]["list"]))
        return seen

    exchange = served.exchange
    for number in range(1, 503):
        filled_at_core(served, named(number))
    assert len(exchange.records.orders) == 502
    assert with_broker(served, "bybit", use) == [0, 0, 1]
    restart(served)
    assert with_broker(served, "bybit", use) == [0, 0, 0]


def filled_at_core(served, client_id):
    """A filled order without the way there."""
    request = Request(
        symbol=SPOT,
        side=Side.SELL,
        type=OrderType.MARKET,
        quantity=Decimal("0.001"),
        client_id=client_id,
        venue="bybit",
        venue_type="Market",
    )
    served.call(served.exchange.submit, "alice", request)


@pytest.mark.parametrize(
    ("start", "end", "n"),
    [(None, None, 0), (0, None, 1), (None, 6, 1), (0, 7, 1), (5, 11, 0)],
)
def test_a_history_is_of_a_week_the_last_one_unless_told(served, start, end, n):
    filled(served, SPOT, named())
    step(served, 10)

    async def use(broker):
        await broker.instrument(SPOT)
        given = {"category": "spot", "symbol": "BTCUSDT"}
        for name, day in (("startTime", start), ("endTime", end)):
            if day is not None:
                moment = BAR + timedelta(days=day) if day else BAR
                given[name] = int(moment.timestamp() * 1000)
        orders = await broker._client.privateGetV5OrderHistory(given)
        trades = await broker._client.privateGetV5ExecutionList(given)
        return [len(reply["result"]["list"]) for reply in (orders, trades)]

    assert with_broker(served, "bybit", use) == [n, n]


def test_a_history_of_more_than_a_week_is_refused(served):
    async def use(broker):
        await broker.instrument(SPOT)
        start = int(datetime(2024, 1, 1, tzinfo=UTC).timestamp() * 1000)
        given = {"category": "spot", "startTime": start, "endTime": start + 7 * 86_400_000 + 1}
        with pytest.raises(Exception, match="startTime or endTime invalid"):
            await broker._client.privateGetV5OrderHistory(given)

    with_broker(served, "bybit", use)


class InAndOut(rt.Strategy):
    """Buys at the first close and sells at the second."""

    def init(self, bars) -> None:
        self.n_bars = 0

    def on_bar(self, ctx) -> None:
        self.n_bars += 1
        if self.n_bars == 1:
            ctx.buy(quantity=0.05)
        elif self.n_bars == 2:
            ctx.close_position()


def test_an_exit_whose_answer_was_lost_is_not_sold_again_after_weeks(served, tmp_path):
    bars = {SPOT: DAYS}
    terms = terms_of(bars, "InAndOut", exchange="bybit", timeframe="1d")

    async def use():
        async with live_bots(served, tmp_path, [InAndOut], bars, timeout=700) as bots:
            await bots.add(terms)
            await bots.to_close()
            control(served, "POST", "faults", json={"kind": "error_before", "route": LOOKS})
            with fault(served, "timeout_after", route=CREATE["bybit"]):
                await bots.to_close()
            assert [order.status for order in await bots.orders(is_open=True)] == [Status.UNKNOWN]
        step(served, 30)
        restart(served)
        async with live_bots(served, tmp_path, [InAndOut], bars) as bots:
            await bots.engine.look()
            return await bots.orders(), await bots.lots()

    orders, lots = asyncio.run(use())
    assert [order.status for order in orders] == [Status.FILLED, Status.FILLED]
    assert [lot.is_open for lot in lots] == [False]
    assert served.exchange.accounts["alice"].balance("BTC").total == 1
    assert len(served.exchange.records.orders) == 2


class Bids(rt.Strategy):
    """Bids once at the first close, far below."""

    def init(self, bars) -> None:
        self.is_done = False

    def on_bar(self, ctx) -> None:
        if not self.is_done:
            self.is_done = True
            ctx.buy(quantity=0.05, limit_price=20_000.0)


def test_an_entry_that_was_cancelled_by_hand_long_ago_is_looked_for_no_more(served, tmp_path):
    """The exchange has forgotten it; one that is young and not found yet is not given up."""
    bars = {SPOT: DAYS}

    async def use():
        async with live_bots(served, tmp_path, [Bids], bars) as bots:
            await bots.add(terms_of(bars, "Bids", exchange="bybit", timeframe="1d"))
            with fault(served, "order_not_found", seconds=600):
                await bots.to_close(1)
            (bid,) = bots.working(SPOT)
            await look_until_lost(bots)
            assert [order.status for order in await bots.orders()] == [Status.WORKING]
            served.call(served.exchange.cancel, bid)
        step(served, 5)
        restart(served)
        async with live_bots(served, tmp_path, [Bids], bars) as bots:
            await look_until_lost(bots)
            n_asked = len(requests_of(served, HISTORY))
            await bots.engine.look()
            assert len(requests_of(served, HISTORY)) == n_asked
            return await bots.orders()

    (order,) = asyncio.run(use())
    assert (order.status, order.reason) == (Status.CANCELLED, KNOWS_NONE)


async def look_until_lost(bots):
    """Look on for a little longer than it takes until what is not found may count as gone."""
    await bots.engine.look()
    await asyncio.sleep(PATIENCE.lost)
    await bots.engine.look()
