"""Stops that move or grow: at no request of the runner is a position that had its stop without one.

So a runner may die at any line: what the exchange has at the end of each request is what is left.
"""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from robotrader_sdk.types import OrderType
from runner.execution import points
from runner.execution.identity import Purpose
from runner.execution.status import Status
from runner.testnet.core.settings import Settings
from runner.testnet.faults import FaultRequest
from tests.crash.truth import check_stays_covered
from tests.runner.execution.live_bots import PATIENCE, Once, live_bots, terms_of
from tests.runner.testnet.conftest import bars_of, exchange_of, serve

__all__ = ["serve"]
SPOT, PERP, NO_STOPS = "BTC/USDT", "BTC/USDT:USDT", "SOL/USDT"
CALM = (100.0, 100.0, 99.5, 100.0)
RISE = tuple((100.0 + 2 * n, 102.0 + 2 * n, 99.5 + 2 * n, 102.0 + 2 * n) for n in range(5))
FALL = (110.0, 110.0, 90.0, 91.0)
RISING = (CALM, CALM, *RISE, FALL, CALM)
TRAILED = Decimal("0.9")
HIGHEST = Decimal(110)
RIDES = {"stop_loss": 0.0, "trailing_stop": 0.1}
PLACES = [("binance", SPOT), ("bybit", SPOT), ("bybit", PERP), ("binance", NO_STOPS)]


def run(served, folder, bars, use, *, leaves=False, is_robbed=False, **terms):
    """leaves: whether a stop goes so that the runner itself can sell, which takes two requests.

    is_robbed: whether the test takes stops away.
    """

    async def work():
        async with live_bots(served, folder, [Once], bars, timeout=500) as bots:
            params = RIDES | terms.pop("params", {})
            await bots.add(terms_of(bars, "Once", params=params, **terms))
            await bots.engine.reconcile()
            await use(bots)

    asyncio.run(work())
    if not is_robbed:
        check_stays_covered(served, may_leave=leaves)


def triggers(served):
    """The trigger prices there ever were, of working stops, in their order."""
    entries = served.local.ledger.entries
    orders = served.exchange.records.orders
    return [
        entry.what["trigger"]
        for entry in entries
        if entry.kind == "order"
        and orders[entry.what["order"]].trigger is not None
        and entry.what["what"] in ("NEW", "REPLACED")
    ]


@pytest.mark.parametrize("take_profit", [0.0, 0.5])
@pytest.mark.parametrize(("venue", "symbol"), PLACES)
def test_a_stop_that_moves_is_never_away(serve, tmp_path, venue, symbol, take_profit):
    bars = {symbol: bars_of(*RISING)}
    served = serve(exchange_of(bars))

    async def use(bots):
        await bots.to_close(7)
        (stop,) = bots.stops(symbol)
        assert stop.trigger == HIGHEST * TRAILED
        assert stop.remaining == 1
        await bots.to_close()
        (lot,) = await bots.lots()
        assert (lot.is_open, lot.exit_purpose) == (False, Purpose.TRAILING_STOP)
        assert bots.working(symbol) == []
        assert await bots.orders(is_open=True) == []

    run(served, tmp_path, bars, use, exchange=venue, params={"take_profit": take_profit})
    moved = triggers(served)
    assert moved == sorted(moved)
    assert len(moved) >= 5


def test_an_order_list_becomes_a_lone_stop_and_a_watched_take_profit(serve, tmp_path):
    bars = {SPOT: bars_of(*RISING[:5], (106.0, 121.0, 106.0, 120.5), (120.5, 121.0, 119.0, 120.0))}
    served = serve(exchange_of(bars))

    async def use(bots):
        await bots.to_close(2)
        assert sorted(o.trigger or o.price for o in bots.working(SPOT)) == [90, 120]
        await bots.to_close()
        (stop,) = bots.working(SPOT)
        assert stop.trigger == 102 * TRAILED
        watched = [o for o in await bots.orders(is_open=True) if o.watch_price is not None]
        assert [(o.watch_price, o.quantity, o.type) for o in watched] == [
            (120, 1, OrderType.MARKET)
        ]
        await bots.to_close(3)
        (lot,) = await bots.lots()
        assert (lot.is_open, lot.exit_purpose) == (False, Purpose.TAKE_PROFIT)
        assert lot.exit_value >= 120
        assert bots.working(SPOT) == []
        assert await bots.orders(is_open=True) == []

    run(served, tmp_path, bars, use, leaves=True, params={"take_profit": 0.2})


@pytest.mark.parametrize("take_profit", [0.0, 0.5])
@pytest.mark.parametrize(("venue", "symbol"), PLACES)
def test_a_stop_that_grows_is_never_away(serve, tmp_path, venue, symbol, take_profit):
    bars = {symbol: bars_of(CALM, CALM, (100.0, 100.2, 98.0, 99.0), CALM, CALM)}
    served = serve(exchange_of(bars, settings=Settings(fill_fraction=Decimal("0.4"))))
    seen = []

    async def use(bots):
        await bots.to_close(2)
        while (await bots.step()).at == "fill":
            (lot,) = await bots.lots()
            (stop,) = bots.stops(symbol)
            seen.append(lot.quantity)
            assert stop.remaining == lot.quantity
            open_orders = await bots.orders(is_open=True)
            targets = [o for o in open_orders if o.purpose is Purpose.TAKE_PROFIT]
            assert [o.quantity for o in targets] == [lot.quantity] * bool(take_profit)

    params = {"limit": 99.0, "take_profit": take_profit}
    run(served, tmp_path, bars, use, exchange=venue, params=params)
    assert len(seen) == 3
    assert seen[-1] == 1


ROUTES = {"binance": "* /api/v3/order/cancelReplace", "bybit": "* /v5/order/amend"}


@pytest.mark.parametrize(
    "kind",
    [
        "timeout_before",
        "timeout_after",
        pytest.param("error_before", marks=pytest.mark.long),
        "error_after",
        pytest.param("reset_after", marks=pytest.mark.long),
        "truncated",
        pytest.param("not_json", marks=pytest.mark.long),
        pytest.param("duplicate_reply", marks=pytest.mark.long),
        "handled_twice",
    ],
)
@pytest.mark.parametrize("venue", ROUTES)
def test_whatever_becomes_of_the_request_it_is_changed_once(serve, tmp_path, venue, kind):
    bars = {SPOT: bars_of(*RISING)}
    served = serve(exchange_of(bars))
    fault = FaultRequest(kind=kind, route=ROUTES[venue], times=3, seconds=1.0)

    async def use(bots):
        await bots.to_close(2)
        served.call(served.local.faults.add, fault)
        await bots.to_close(5)
        (stop,) = bots.stops(SPOT)
        assert stop.trigger == HIGHEST * TRAILED
        (row,) = [o for o in await bots.orders(is_open=True) if o.type is OrderType.STOP]
        assert (row.client_order_id, row.stop_price) == (stop.client_id, stop.trigger)
        assert not any(o.status is Status.REJECTED for o in await bots.orders())

    run(served, tmp_path, bars, use, exchange=venue)
    told = [e.what["what"] for e in served.local.ledger.entries if e.kind == "fault"]
    assert told.count("occurred") == 3


@pytest.mark.parametrize("venue", ROUTES)
def test_a_stop_that_the_price_has_passed_already_closes_at_the_market(serve, tmp_path, venue):
    spike = (100.0, 120.0, 99.8, 104.0)  # the stop moves to 108, and the price is at 104
    bars = {SPOT: bars_of(CALM, CALM, spike, (104.0, 104.5, 103.5, 104.0), CALM)}
    served = serve(exchange_of(bars))

    async def use(bots):
        await bots.to_close(3)
        (lot,) = await bots.lots()
        assert not lot.is_open
        assert (lot.exit_value, lot.exit_purpose) == (104, Purpose.TRAILING_STOP)
        assert bots.working(SPOT) == []

    run(served, tmp_path, bars, use, leaves=venue == "bybit", exchange=venue)


def test_a_stop_that_was_moved_by_hand_is_put_back(serve, tmp_path):
    """Or by a request of before that a proxy had kept."""
    bars = {SPOT: bars_of(*RISING)}
    served = serve(exchange_of(bars))

    async def use(bots):
        await bots.to_close(4)
        (stop,) = bots.stops(SPOT)
        before = stop.trigger
        served.call(lambda: served.exchange.amend(stop, trigger=Decimal(80)))
        await bots.engine.look()
        assert [o.trigger for o in bots.stops(SPOT)] == [before]

    run(served, tmp_path, bars, use, exchange="bybit")


def test_a_restart_finishes_an_amendment(serve, tmp_path):
    """It was written down, and the process ended before it was asked for."""
    bars = {SPOT: bars_of(*RISING)}
    served = serve(exchange_of(bars))

    async def use(bots):
        await bots.to_close(3)
        (row,) = [o for o in await bots.orders(is_open=True) if o.type is OrderType.STOP]

        async def want(session):
            order = await session.get_one(type(row), row.client_order_id)
            order.amended_quantity, order.amended_stop_price = order.quantity, Decimal("91.5")

        await bots.database.write(want)
        bots.engine.bots[1].running.executor.forget()
        await bots.engine.look()
        assert [o.trigger for o in bots.stops(SPOT)] == [102 * TRAILED]

    run(served, tmp_path, bars, use, exchange="bybit")
    assert triggers(served) == [90, 102 * TRAILED, Decimal("91.5"), 102 * TRAILED]


def test_what_an_unheard_request_has_replaced_is_looked_for(serve, tmp_path):
    """Its copy finds nothing to replace, and what took the place is not told of for a while."""
    bars = {SPOT: bars_of(*RISING)}
    served = serve(exchange_of(bars))
    twice = FaultRequest(kind="handled_twice", route=ROUTES["binance"], times=1)
    hidden = FaultRequest(kind="order_not_found", seconds=0.15, times=1)

    async def use(bots):
        await bots.to_close(2)
        for asked in (twice, hidden):
            served.call(served.local.faults.add, asked)
        await bots.to_close()
        orders = await bots.orders()
        assert [o.status for o in orders if o.type is OrderType.STOP] == [
            Status.CANCELLED,
            Status.WORKING,
        ]
        assert [o.client_id for o in bots.stops(SPOT)] == [orders[-1].client_order_id]

    run(served, tmp_path, bars, use)
    told = [e.what["what"] for e in served.local.ledger.entries if e.kind == "fault"]
    assert told.count("occurred") == 2


def test_a_stop_that_is_gone_is_replaced_once_and_then_put_back(serve, tmp_path):
    """The exchange knows no such order any more, and it is to move."""
    bars = {SPOT: bars_of(*RISING)}
    served = serve(exchange_of(bars))

    async def use(bots):
        await bots.to_close(2)
        await bots.lose_stop(SPOT)
        await bots.to_close()
        missed = [o for o in await bots.orders() if o.reason.startswith("nothing to replace")]
        assert len(missed) == 1
        await asyncio.sleep(PATIENCE.lost)
        await bots.engine.look()
        assert [o.trigger for o in bots.stops(SPOT)] == [102 * TRAILED]

    run(served, tmp_path, bars, use, is_robbed=True)


def test_a_triggered_stop_of_a_list_stays_and_its_take_profit_is_watched(serve, tmp_path):
    """The exchange ends the other order of the list; so far nobody has bought."""
    leap = (93.0, 93.5, 92.0, 92.5)
    bars = {NO_STOPS: bars_of(CALM, CALM, leap, leap)}
    served = serve(exchange_of(bars))
    reached = []
    params = {"stop_loss": 0.05, "trailing_stop": 0.0, "take_profit": 0.1}

    async def use(bots):
        await bots.to_close(2)
        await asyncio.to_thread(served.call, served.local.driver.step)
        (stop,) = bots.working(NO_STOPS)
        points.listen(reached.append)
        try:
            await bots.engine.look()
        finally:
            points.ignore(reached.append)
        assert bots.working(NO_STOPS) == [stop]
        (lot,) = await bots.lots()
        watched = [o for o in await bots.orders(is_open=True) if o.watch_price is not None]
        assert [(o.watch_price, o.quantity) for o in watched] == [(110, lot.quantity)]

    run(served, tmp_path, bars, use, leaves=True, params=params)
    assert reached.count("before protection commit") == 1
