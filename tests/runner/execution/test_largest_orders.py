"""Orders as large as a market takes, and larger ones."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest
from msgspec.structs import replace as changed

import robotrader_sdk as rt
from robotrader_sdk.types import OrderType, Side
from runner.execution.ccxt_markets import forget_markets, market_of
from runner.execution.ccxt_venues import VENUES
from runner.execution.errors import OrderRefusedError
from runner.execution.journal.tables import BotState
from runner.execution.status import Status
from runner.testnet.state import load, save
from tests.runner.execution.brokers import (
    CREATE,
    LAST,
    PERP,
    SPOT,
    limit_order,
    local_exchange,
    market_order,
    requests_of,
    stop_order,
    with_broker,
)
from tests.runner.execution.live_bots import live_bots, terms_of
from tests.runner.testnet import conftest as testnet
from tests.runner.testnet.conftest import bars_of, exchange_of

serve = testnet.serve

PLACES = [("binance", SPOT), ("bybit", SPOT), ("bybit", PERP)]
MOST, MOST_RESTING = Decimal(3), Decimal(5)
RICH = {"USDT": "10000000", "BTC": "100"}
LOW = (LAST * Decimal("0.96")).quantize(Decimal("0.1"))


def small_market(exchange, symbol, most=MOST, resting=MOST_RESTING):
    """Have a market take so much in one order, at the market and resting."""
    small = {"market_max_quantity": most, "max_quantity": resting}
    exchange.markets[symbol] = changed(exchange.markets[symbol], **small)


@pytest.fixture
def served(serve):
    exchange = local_exchange(balances=RICH)
    for symbol in (SPOT, PERP):
        small_market(exchange, symbol)
    return serve(exchange)


@pytest.mark.parametrize(("venue", "symbol"), PLACES)
def test_an_instrument_tells_how_large_an_order_may_be(served, venue, symbol):
    market = with_broker(served, venue, lambda broker: broker.instrument(symbol))
    assert (market.max_quantity, market.max_market_quantity) == (MOST_RESTING, MOST)
    assert (market.most(Decimal(2)), market.most(Decimal(4))) == (2, 3)


@pytest.mark.parametrize(
    ("told", "limits", "expected"),
    [
        ({}, {}, (0, 0)),
        ({}, {"amount": 9000}, (9000, 9000)),
        ({}, {"amount": 9000, "market": 120}, (9000, 120)),
        ({}, {"amount": 100, "market": 120}, (100, 100)),
        ({}, {"amount": 9000, "market": 0}, (9000, 9000)),
        ({"maxOrderQty": "70"}, {"amount": 70}, (70, 70)),
        ({"maxLimitOrderQty": "80", "maxMarketOrderQty": "40"}, {"amount": 70}, (80, 40)),
        ({"maxOrderQty": "1190", "maxMktOrderQty": "119"}, {"amount": 1190}, (1190, 119)),
        ({"maxMarketOrderQty": ""}, {"amount": 70}, (70, 70)),
    ],
)
def test_the_bounds_are_read_from_what_a_venue_tells(told, limits, expected):
    raw = {
        "symbol": SPOT, "base": "BTC", "quote": "USDT", "info": {"lotSizeFilter": told},
        "precision": {"price": "0.1", "amount": "0.001"},
        "limits": {"amount": {"max": limits.get("amount")}, "cost": {},
                   "market": {"max": limits.get("market")}},
    }  # fmt: skip
    market = market_of(raw, VENUES["bybit"])
    assert (market.max_quantity, market.max_market_quantity) == expected


@pytest.mark.parametrize(
    ("held", "parts"),
    [("2", "2"), ("3", "3"), ("3.002", "1.501 1.501"), ("6", "3 3"), ("7", "3 2 2")],
)
def test_the_last_parts_are_alike_so_that_none_is_too_small(served, held, parts):
    market = with_broker(served, "binance", lambda broker: broker.instrument(SPOT))
    left, found = Decimal(held), []
    while left:
        found.append(market.next_part(left))
        left -= found[-1]
    assert found == [Decimal(part) for part in parts.split()]


@pytest.mark.parametrize(
    "order",
    [
        market_order(quantity=Decimal("3.001")),
        market_order(quantity=Decimal("3.001"), side=Side.SELL),
        limit_order(quantity=Decimal("5.001")),
        stop_order(quantity=Decimal("5.001"), limit_price=LOW),
    ],
)
@pytest.mark.parametrize("venue", ["binance", "bybit"])
def test_an_order_that_is_too_large_is_not_sent_and_says_why(served, venue, order):
    async def use(broker):
        most = 3 if order.type in (OrderType.MARKET, OrderType.STOP) else 5
        with pytest.raises(OrderRefusedError, match=f"of BTC/USDT may be, {most}$"):
            await broker.submit(order)

    with_broker(served, venue, use)
    assert requests_of(served, CREATE[venue]) == []


@pytest.mark.parametrize(
    "order",
    [
        market_order(quantity=MOST),
        stop_order(quantity=MOST),
        limit_order(quantity=MOST_RESTING),
        stop_order(quantity=MOST_RESTING, limit_price=LOW),
    ],
)
@pytest.mark.parametrize(("venue", "symbol"), PLACES)
def test_an_order_as_large_as_a_market_takes_is_taken(served, venue, symbol, order):
    with_broker(served, venue, lambda broker: broker.submit(replace(order, symbol=symbol)))
    assert len(served.exchange.records.orders) == 1


@pytest.mark.parametrize("venue", ["binance", "bybit"])
def test_the_exchange_refuses_by_cost_what_is_too_large(served, venue):
    order = market_order(quantity=None, cost=(MOST * LAST + 1).quantize(Decimal("0.01")))

    async def use(broker):
        with pytest.raises(OrderRefusedError):
            await broker.submit(order)

    with_broker(served, venue, use)
    assert served.exchange.records.orders == {}


# Bots


CALM = (100.0, 100.5, 99.5, 100.0)


class Builds(rt.Strategy):
    """Buys a lot at each of the first bars, protected, and then sells everything."""

    quantity: float = rt.param(2.0)
    entries: int = rt.param(4)
    by: str = rt.param("quantity")
    limit: float = rt.param(0.0)
    part: float = rt.param(0.0)
    once: bool = rt.param(False)

    def init(self, bars) -> None:
        self.n_bars = 0

    def on_bar(self, ctx) -> None:
        self.n_bars += 1
        if self.once and self.n_bars > 1:
            return
        if self.n_bars <= self.entries:
            more = {"limit_price": self.limit} if self.limit else {}
            ctx.buy(**{self.by: self.quantity}, stop_loss=0.2, **more)
        elif self.n_bars == self.entries + 1 and self.part:
            ctx.sell(quantity=self.part)
        elif self.n_bars == self.entries + 1:
            ctx.close_position()


class FlipsOver(Builds):
    """The same, but it ends up short."""

    def on_bar(self, ctx) -> None:
        self.n_bars += 1
        if self.n_bars <= self.entries:
            ctx.buy(quantity=self.quantity, stop_loss=0.2)
        elif self.n_bars == self.entries + 1:
            ctx.close_position()
            ctx.sell(quantity=1.0, stop_loss=0.2)


def lived(serve, folder, venue, symbol, use, strategy="Builds", rows=(CALM,) * 20, **params):
    """What `use` returns, given a bot at a market that takes 3 in one order at the market."""
    bars = {symbol: bars_of(*rows)}
    exchange = exchange_of(bars, balances={"USDT": "100000"})
    small_market(exchange, symbol)
    served = serve(exchange)
    terms = terms_of(bars, strategy, exchange=venue, params=params, capital=Decimal(50_000))

    async def run():
        async with live_bots(served, folder, [Builds, FlipsOver], bars) as bots:
            await bots.add(terms)
            return await use(bots)

    return asyncio.run(run())


def sold_of(orders):
    """The quantities that orders without a lot sold, oldest first."""
    return [o.filled for o in orders if o.side is Side.SELL and o.lot is None]


@pytest.mark.parametrize(("venue", "symbol"), PLACES)
def test_a_position_that_is_too_large_for_one_order_is_sold_in_parts(
    serve, tmp_path, venue, symbol
):
    async def use(bots):
        await bots.to_close(5)
        orders = await bots.orders()
        assert await bots.orders(is_open=True) == []
        assert bots.working(symbol) == []
        assert [lot.is_open for lot in await bots.lots()] == [False] * 4
        await bots.engine.reconcile()
        assert (await bots.bot()).state is BotState.RUNNING
        return orders

    orders = lived(serve, tmp_path, venue, symbol, use)
    sold = sold_of(orders)
    assert len(sold) == 3
    assert max(sold) <= 3
    assert all(o.status is not Status.REJECTED for o in orders)


@pytest.mark.parametrize(("venue", "symbol"), PLACES)
def test_a_part_of_a_position_that_is_too_large_for_one_order_is_sold_in_parts(
    serve, tmp_path, venue, symbol
):
    async def use(bots):
        await bots.to_close(5)
        await bots.engine.look()
        held = sum(lot.quantity for lot in await bots.lots() if lot.is_open)
        covered = sum(stop.remaining for stop in bots.stops(symbol))
        return await bots.orders(), held, covered

    orders, held, covered = lived(serve, tmp_path, venue, symbol, use, part=5.0)
    assert sum(sold_of(orders)) == 5
    assert max(sold_of(orders)) <= 3
    assert 2 < held <= 3
    assert held - covered < Decimal("0.01")


def test_a_reversal_waits_for_all_parts(serve, tmp_path):
    async def use(bots):
        await bots.to_close(5)
        return await bots.lots(), bots.served.exchange.linear.position("alice", PERP)

    lots, position = lived(serve, tmp_path, "bybit", PERP, use, strategy="FlipsOver")
    assert [(lot.direction, lot.is_open) for lot in lots] == [(1, False)] * 4 + [(-1, True)]
    assert position.quantity == -1


@pytest.mark.parametrize(("venue", "symbol"), PLACES)
def test_a_kill_switch_closes_a_position_in_parts(serve, tmp_path, venue, symbol):
    async def use(bots):
        await bots.to_close(4)
        await bots.engine.kill("bot", "1", flatten=True, reason="enough")
        for _ in range(6):
            await bots.engine.look()
        assert bots.working(symbol) == []
        assert all(not lot.is_open for lot in await bots.lots())
        return await bots.orders()

    orders = lived(serve, tmp_path, venue, symbol, use)
    sold = sold_of(orders)
    assert (len(sold), max(sold)) == (3, 3)


@pytest.mark.parametrize(
    "params",
    [
        {"quantity": 3.1},
        {"quantity": 0.9, "by": "fraction"},
        {"quantity": 400.0, "by": "notional"},
        {"quantity": 4.0, "limit": 99.0},
    ],
)
@pytest.mark.parametrize(("venue", "symbol"), PLACES)
def test_an_entry_that_one_order_could_not_close_is_refused(serve, tmp_path, venue, symbol, params):
    async def use(bots):
        await bots.to_close()
        return await bots.orders(), bots.reports[-1].logs

    orders, logs = lived(serve, tmp_path, venue, symbol, use, **params)
    assert orders == []
    (said,) = logs
    assert "more than an order at the market" in said
    assert "may be, 3; ask for less at a time" in said


def with_less(serve, folder, venue, symbol, use, **more):
    """What `use` returns, given a bot that holds 2 of a market that takes 1.5 by now."""

    async def hold(bots):
        await bots.to_close()
        return bots.served, bots.bars

    before, bars = lived(serve, folder, venue, symbol, hold, **more)
    exchange = exchange_of(bars)
    small_market(exchange, symbol, Decimal("1.5"))
    served = serve(exchange)
    saved = save(before.exchange, before.local.ledger)
    served.call(load, exchange, served.local.ledger, saved)

    async def go_on():
        async with live_bots(served, folder, [Builds], bars) as bots:
            await bots.engine.look()
            assert [stop.quantity for stop in bots.stops(symbol)] == [Decimal("1.5")]
            return await use(bots)

    return asyncio.run(go_on())


@pytest.mark.parametrize(("venue", "symbol"), PLACES)
def test_an_entry_of_before_is_closed_though_the_most_has_become_less(
    serve, tmp_path, venue, symbol
):
    """Binance changes its bounds from day to day."""

    async def use(bots):
        await bots.to_close()
        return await bots.orders(), await bots.lots()

    orders, lots = with_less(serve, tmp_path, venue, symbol, use, entries=1)
    assert [lot.is_open for lot in lots] == [False]
    assert sold_of(orders) == [1, 1]


@pytest.mark.parametrize(("venue", "symbol"), PLACES)
def test_what_the_most_is_now_is_known_after_a_reconciliation(serve, tmp_path, venue, symbol):
    async def use(bots):
        await bots.to_close()
        bots.served.call(small_market, bots.served.exchange, symbol, Decimal("1.5"))
        forget_markets()  # as an hour later
        await bots.engine.reconcile()
        await bots.to_close()
        return await bots.orders(), await bots.lots()

    orders, lots = lived(serve, tmp_path, venue, symbol, use, entries=1)
    assert [lot.is_open for lot in lots] == [False]
    assert sold_of(orders) == [1, 1]


@pytest.mark.parametrize(("venue", "symbol"), PLACES)
def test_what_a_stop_could_not_cover_is_sold_after_it(serve, tmp_path, venue, symbol):
    async def use(bots):
        await bots.to_close(4)
        await bots.engine.look()
        assert bots.working(symbol) == []
        return await bots.orders(), await bots.lots()

    fallen = (70.0, 70.5, 69.5, 70.0)
    rows = (CALM,) * 3 + (fallen,) * 5
    orders, lots = with_less(serve, tmp_path, venue, symbol, use, rows=rows, once=True)
    assert [lot.is_open for lot in lots] == [False]
    assert max(order.filled for order in orders if order.lot) == Decimal("1.5")
