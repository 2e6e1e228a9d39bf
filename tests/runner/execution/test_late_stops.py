"""Stop orders to enter that come to the exchange after the price: they enter at the market."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

import robotrader_sdk as rt
from robotrader_sdk.types import OrderType, Side
from runner.execution.status import Status
from runner.testnet.binance import orders as binance_orders
from runner.testnet.bybit import orders as bybit_orders
from runner.testnet.core.orders import Request
from tests.runner.execution.brokers import CREATE, fault
from tests.runner.execution.live_bots import live_bots, terms_of
from tests.runner.testnet.conftest import bars_of, exchange_of, serve

__all__ = ["serve"]
SPOT, PERP = "BTC/USDT", "BTC/USDT:USDT"
CALM = (100.0, 100.5, 99.5, 100.0)
LEAPS = (105.0, 105.5, 104.5, 105.0)
PLACES = [("binance", SPOT), ("bybit", SPOT), ("bybit", PERP)]
LOST = [None, "error_before", "error_after"]


class Breaks(rt.Strategy):
    """Enters once above 102, and not above its limit."""

    limit: float = rt.param(0.0)

    def init(self, bars) -> None:
        self.is_done = False

    def on_bar(self, ctx) -> None:
        if not self.is_done:
            self.is_done = True
            more = {"limit_price": self.limit} if self.limit else {}
            ctx.buy(quantity=1.0, stop_price=102.0, stop_loss=0.05, **more)


def run(served, folder, use, bars, **terms):
    async def work():
        async with live_bots(served, folder, [Breaks], bars) as bots:
            await bots.add(terms_of(bars, "Breaks", **terms))
            await use(bots)

    asyncio.run(work())


async def decide(bots, lost, venue):
    """Let the bot decide at the first close: the next bar has opened beyond its stop by then."""
    if lost is None:
        await bots.to_close()
        return
    with fault(bots.served, lost, route=CREATE[venue], times=1):
        await bots.to_close()


@pytest.mark.parametrize("lost", LOST)
@pytest.mark.parametrize(("venue", "symbol"), PLACES)
def test_a_stop_to_enter_that_comes_too_late_enters_at_the_market(
    serve, tmp_path, venue, symbol, lost
):
    bars = {symbol: bars_of(CALM, *[LEAPS] * 5)}
    served = serve(exchange_of(bars))

    async def use(bots):
        await decide(bots, lost, venue)
        await bots.engine.look()
        (lot,) = await bots.lots()
        assert (lot.quantity, lot.entry_price) == (1, 105)
        (stop,) = bots.working(symbol)
        assert stop.trigger in (Decimal("99.75"), Decimal("99.8"))
        late, entry, _ = await bots.orders()
        assert (late.type, late.filled) == (OrderType.STOP, 0)
        assert (entry.type, entry.status) == (OrderType.MARKET, Status.FILLED)
        await bots.to_close(2)
        assert [lot.quantity for lot in await bots.lots()] == [1]

    run(served, tmp_path, use, bars, exchange=venue)


def overtake(served, monkeypatch):
    """The market gets to 104 while a stop of the bot is on its way to the exchange."""
    binance, bybit = binance_orders.read_order, bybit_orders.read_order

    def go_on(trigger):
        if trigger != "102" or served.exchange.tape.last(SPOT) > 102:
            return
        other = Request(
            symbol=SPOT, side=Side.BUY, type=OrderType.STOP, quantity=Decimal(1),
            trigger=Decimal(104), client_id="by hand",
        )  # fmt: skip
        served.exchange.submit("alice", other)
        assert served.local.driver.step().at == "fill"

    def read_by_binance(given, market):
        go_on(given.text("stopPrice", ""))
        return binance(given, market)

    def read_by_bybit(exchange, given, market):
        go_on(given.text("triggerPrice", ""))
        return bybit(exchange, given, market)

    monkeypatch.setattr(binance_orders, "read_order", read_by_binance)
    monkeypatch.setattr(bybit_orders, "read_order", read_by_bybit)


OVERTAKEN = {SPOT: bars_of(CALM, (100.0, 106.0, 99.5, 105.0), *[LEAPS] * 3)}


@pytest.mark.parametrize("limit", [0.0, 104.5])
@pytest.mark.parametrize("lost", [None, "error_after"])
@pytest.mark.parametrize("venue", ["binance", "bybit"])
def test_a_stop_that_the_price_overtakes_on_its_way_enters_at_the_market(
    serve, tmp_path, monkeypatch, venue, lost, limit
):
    """On Bybit it would wait for the price to come back, and its answer says nothing of it."""
    served = serve(exchange_of(OVERTAKEN))
    overtake(served, monkeypatch)

    async def use(bots):
        await decide(bots, lost, venue)
        late, entry, *_ = await bots.orders()
        assert (late.is_open, late.filled) == (False, 0)
        kind = OrderType.LIMIT if limit else OrderType.MARKET
        assert (entry.type, entry.quantity, entry.limit_price) == (kind, 1, limit or None)
        await bots.to_close(2)
        (lot,) = await bots.lots()
        assert (lot.quantity, lot.entry_price) in [(1, 104), (1, limit)]
        assert len(bots.stops(SPOT)) == 1

    run(served, tmp_path, use, OVERTAKEN, exchange=venue, params={"limit": limit})


@pytest.mark.parametrize(("venue", "symbol"), PLACES)
def test_with_a_limit_it_waits_for_that(serve, tmp_path, venue, symbol):
    bars = {symbol: bars_of(CALM, LEAPS, LEAPS, (105.0, 105.5, 101.0, 102.0), CALM)}
    served = serve(exchange_of(bars))

    async def use(bots):
        await bots.to_close()
        await bots.engine.look()
        (resting,) = bots.working(symbol)
        assert (resting.trigger, resting.price) == (None, 103)
        assert await bots.lots() == []
        await bots.to_close(3)
        (lot,) = await bots.lots()
        assert lot.entry_price == 103

    run(served, tmp_path, use, bars, exchange=venue, params={"limit": 103.0})
