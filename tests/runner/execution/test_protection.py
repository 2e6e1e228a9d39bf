"""Protection at a real exchange: it follows what is held, and does not need a living runner."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

import robotrader_sdk as rt
from robotrader_sdk.types import OrderType, Side
from runner.execution import points
from runner.execution.identity import Purpose
from runner.execution.journal.tables import BotState
from runner.execution.status import Status
from runner.testnet.bybit import orders as bybit_orders
from runner.testnet.core.settings import Settings
from runner.testnet.faults import FaultRequest
from tests.runner.execution.brokers import CREATE, fault
from tests.runner.execution.live_bots import Once, live_bots, terms_of
from tests.runner.testnet.conftest import bars_of, exchange_of, serve

__all__ = ["serve"]
SPOT, PERP, NO_STOPS = "BTC/USDT", "BTC/USDT:USDT", "SOL/USDT"
CALM = (100.0, 100.5, 99.5, 100.0)


class Twice(rt.Strategy):
    """Buys at the first two closes, each time protected; one of the two has a take-profit."""

    aimed: int = rt.param(0)
    trailing: bool = rt.param(False)

    def init(self, bars) -> None:
        self.n_lots = 0

    def on_bar(self, ctx) -> None:
        if self.n_lots == 2:
            return
        protection = {"stop_loss": 0.1}
        if self.n_lots == self.aimed:
            stop = "trailing_stop" if self.trailing else "stop_loss"
            protection = {stop: 0.1, "take_profit": 0.05}
        self.n_lots += 1
        ctx.buy(quantity=float(self.n_lots), **protection)


def run(served, folder, bars, use, **terms):
    async def work():
        async with live_bots(served, folder, [Once, Twice], bars) as bots:
            if not bots.engine.bots:
                await bots.add(terms_of(bars, terms.pop("strategy", "Once"), **terms))
            await bots.engine.reconcile()
            await use(bots)

    asyncio.run(work())


@pytest.mark.parametrize(("venue", "symbol"), [("binance", SPOT), ("bybit", SPOT), ("bybit", PERP)])
def test_after_each_partial_fill_the_stop_has_its_quantity(serve, tmp_path, venue, symbol):
    bars = {symbol: bars_of(CALM, CALM, (100.0, 100.2, 98.0, 99.0), CALM, CALM)}
    settings = Settings(fill_fraction=Decimal("0.4"))
    served = serve(exchange_of(bars, settings=settings))
    seen = []

    async def use(bots):
        await bots.to_close(2)
        while (await bots.step()).at == "fill":
            (lot,) = await bots.lots()
            (stop,) = bots.stops(symbol)
            seen.append(lot.quantity)
            assert stop.remaining == lot.quantity
            assert stop.reduce_only is (symbol == PERP)

    run(served, tmp_path, bars, use, exchange=venue, params={"limit": 99.0})
    assert len(seen) == 3
    assert seen[-1] == 1


@pytest.mark.parametrize(("venue", "symbol"), [("binance", SPOT), ("bybit", PERP)])
def test_a_stop_protects_while_no_runner_lives(serve, tmp_path, venue, symbol):
    bars = {symbol: bars_of(CALM, CALM, CALM, (100.0, 100.0, 90.0, 91.0), CALM, CALM)}
    served = serve(exchange_of(bars))

    async def enter(bots):
        await bots.to_close(2)
        assert len(bots.stops(symbol)) == 1

    async def come_back(bots):
        (lot,) = await bots.lots()
        assert not lot.is_open
        assert (lot.exit_purpose, lot.exit_value) == (Purpose.STOP_LOSS, 95)
        assert await bots.orders(is_open=True) == []

    run(served, tmp_path, bars, enter, exchange=venue)
    served.call(served.local.driver.step, 2)
    run(served, tmp_path, bars, come_back, exchange=venue)


def test_a_stop_limit_that_is_leapt_over_becomes_a_market_order(serve, tmp_path):
    leap = (93.0, 93.5, 92.0, 92.5)  # the stop is at 95, its limit 1 % beyond
    bars = {NO_STOPS: bars_of(CALM, CALM, leap, leap, leap)}
    served = serve(exchange_of(bars))

    async def use(bots):
        await bots.to_close(2)
        (stop,) = bots.stops(NO_STOPS)
        assert (stop.trigger, stop.price) == (95, Decimal("94.05"))
        await bots.to_close()
        assert [lot.is_open for lot in await bots.lots()] == [True]
        await asyncio.sleep(0.2)
        await bots.engine.look()
        (lot,) = await bots.lots()
        assert not lot.is_open
        assert lot.at_market
        assert bots.working(NO_STOPS) == []
        last = (await bots.orders())[-1]
        assert (last.type, last.status, last.side) == (OrderType.MARKET, Status.FILLED, Side.SELL)
        assert bots.remembered() == 2
        await bots.engine.look()
        assert bots.remembered() == 0

    run(served, tmp_path, bars, use)


def test_a_take_profit_that_can_not_rest_is_watched(serve, tmp_path):
    rise = (100.0, 111.0, 99.8, 110.8)  # and the next bar opens there
    bars = {SPOT: bars_of(CALM, CALM, rise, (110.8, 111.0, 110.0, 110.5), CALM)}
    served = serve(exchange_of(bars))

    async def use(bots):
        await bots.to_close(2)
        assert [order.trigger for order in bots.working(SPOT)] == [95]
        await bots.to_close()
        (lot,) = await bots.lots()
        assert not lot.is_open
        assert lot.exit_purpose is Purpose.TAKE_PROFIT
        assert lot.exit_value > 110
        assert bots.working(SPOT) == []

    run(served, tmp_path, bars, use, exchange="bybit", params={"take_profit": 0.1})


@pytest.mark.parametrize("aimed", [0, 1])
@pytest.mark.parametrize(
    ("venue", "trailing"), [("bybit", False), ("bybit", True), ("binance", True)]
)
def test_a_watched_take_profit_leaves_the_stops_of_other_lots(
    serve, tmp_path, venue, trailing, aimed
):
    """At Binance it is watched since the stop beside it has moved."""
    up, there = (102.0, 102.0, 101.5, 102.0), (106.0, 106.0, 106.0, 106.0)
    bars = {SPOT: bars_of(CALM, CALM, CALM, up, up, (102.0, 106.0, 101.9, 106.0), there, there)}
    served = serve(exchange_of(bars))

    async def use(bots):
        await bots.to_close(5)
        (other,) = [o for o in bots.stops(SPOT) if o.remaining == 2 - aimed]
        (watched,) = [o for o in await bots.orders(is_open=True) if o.watch_price]
        assert watched.quantity == 1 + aimed
        while (await bots.lots())[aimed].is_open:
            await bots.step()
            assert other in bots.stops(SPOT)
        (lot,) = [lot for lot in await bots.lots() if not lot.is_open]
        assert (lot.opened, lot.exit_purpose) == (1 + aimed, Purpose.TAKE_PROFIT)
        assert bots.working(SPOT) == [other]
        await bots.to_close()
        assert bots.working(SPOT) == [other]
        told = [e.what for e in served.local.ledger.entries if e.kind == "order"]
        assert [t["what"] for t in told if t["order"] == other.number].count("CANCELED") == 0

    params = {"aimed": aimed, "trailing": trailing}
    run(served, tmp_path, bars, use, strategy="Twice", exchange=venue, params=params)


def test_where_there_are_order_lists_both_rest_and_one_ends_the_other(serve, tmp_path):
    bars = {SPOT: bars_of(CALM, CALM, (100.0, 111.0, 99.8, 110.8), CALM, CALM)}
    served = serve(exchange_of(bars))

    async def use(bots):
        await bots.to_close(2)
        assert sorted(o.trigger or o.price for o in bots.working(SPOT)) == [95, 110]
        await bots.to_close()
        (lot,) = await bots.lots()
        assert (lot.exit_purpose, lot.exit_value) == (Purpose.TAKE_PROFIT, 110)
        assert bots.working(SPOT) == []
        assert await bots.orders(is_open=True) == []

    run(served, tmp_path, bars, use, params={"take_profit": 0.1})


def test_protection_that_its_owner_takes_away_is_put_back(serve, tmp_path):
    bars = {SPOT: bars_of(*[CALM] * 6)}
    served = serve(exchange_of(bars))

    async def use(bots):
        await bots.to_close(2)
        (stop,) = bots.stops(SPOT)
        served.call(served.exchange.cancel, stop)
        await bots.to_close()
        (again,) = bots.stops(SPOT)
        assert again.number != stop.number
        assert again.trigger == stop.trigger

    run(served, tmp_path, bars, use)


def test_a_stop_that_the_exchange_does_not_know_any_more_is_no_protection(serve, tmp_path):
    """It went while nobody looked, so long ago that nothing is told of it."""
    bars = {SPOT: bars_of(*[CALM] * 6)}
    served = serve(exchange_of(bars))

    async def use(bots):
        await bots.to_close(2)
        stop = await bots.lose_stop(SPOT)
        await bots.engine.look()
        assert bots.stops(SPOT) == []  # it may still come
        await asyncio.sleep(0.3)
        await bots.engine.look()
        (again,) = bots.stops(SPOT)
        assert again.number != stop.number
        assert again.trigger == stop.trigger
        gone = [o for o in await bots.orders() if o.status is Status.CANCELLED]
        assert gone[-1].reason == "the exchange knows no such order"

    run(served, tmp_path, bars, use)


def test_what_is_too_small_to_be_sold_is_dust_and_nothing_goes_on_for_ever(serve, tmp_path):
    """The price falls so far that the rest is below the smallest order."""
    small = (45.0, 45.5, 44.5, 45.0)
    bars = {SPOT: bars_of(CALM, CALM, small, small, small)}
    served = serve(exchange_of(bars))
    market = served.exchange.markets[SPOT]
    quantity = float(market.min_notional) * 1.2 / 100

    async def use(bots):
        await bots.to_close(2)
        served.call(served.exchange.cancel, bots.stops(SPOT)[0])
        await bots.to_close(2)
        (lot,) = await bots.lots()
        assert (lot.is_open, lot.is_dust) == (False, True)
        refused = [o for o in await bots.orders() if o.status is Status.REJECTED]
        assert 3 <= len(refused) <= 6
        assert (await bots.bot()).state is BotState.RUNNING

    run(served, tmp_path, bars, use, params={"quantity": quantity, "stop_loss": 0.1})


def test_an_order_list_is_sent_as_a_whole_or_not_at_all(serve, tmp_path):
    """It has not arrived; that is known of one of its orders before it is of the other."""
    bars = {SPOT: bars_of(*[CALM] * 4)}
    served = serve(exchange_of(bars))
    lost = FaultRequest(kind="error_before", route="POST /api/v3/orderList/oco", times=1)
    unreadable = FaultRequest(kind="error_before", route="GET /api/v3/order", times=1)

    def listen(point):
        if point == "absence confirmed":
            points.ignore(listen)
            served.call(served.local.faults.add, unreadable)

    async def use(bots):
        served.call(served.local.faults.add, lost)
        points.listen(listen)
        await bots.to_close(3)
        orders = await bots.orders()
        lists = {order.list_id for order in orders} - {None}
        protecting = [order for order in orders if order.lot is not None]
        assert [order.status for order in protecting] == [Status.WORKING] * 2
        assert {order.list_id for order in protecting} == lists
        assert len(bots.working(SPOT)) == 2

    run(served, tmp_path, bars, use, params={"take_profit": 0.1})
    told = [e.what["what"] for e in served.local.ledger.entries if e.kind == "fault"]
    assert told.count("occurred") == 2


def test_a_stop_that_was_taken_too_late_without_an_answer_closes_at_the_market(
    serve, tmp_path, monkeypatch
):
    """Bybit infers a spot stop's direction: it would wait for the price to come back."""
    fallen = (93.0, 93.5, 92.5, 93.0)
    bars = {SPOT: bars_of(CALM, CALM, fallen, fallen, fallen)}
    served = serve(exchange_of(bars))
    read = bybit_orders.read_order

    def read_late(exchange, given, market):
        while "triggerPrice" in given and exchange.tape.last(SPOT) > 95:
            served.local.driver.step()
        return read(exchange, given, market)

    async def use(bots):
        monkeypatch.setattr(bybit_orders, "read_order", read_late)
        with fault(served, "reset_after", route=CREATE["bybit"], times=2):
            await bots.to_close()
        await bots.engine.look()
        assert bots.working(SPOT) == []
        (lot,) = await bots.lots()
        assert (lot.is_open, lot.exit_value) == (False, 93)

    run(served, tmp_path, bars, use, exchange="bybit")
