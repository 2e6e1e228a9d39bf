"""The broker at the local exchange: instruments, stops, order lists, fills, rights."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from robotrader_sdk.types import Liquidity, Side
from runner.execution.broker import KeyRight, OrderListRequest, StopChange
from runner.execution.ccxt_fills import fills_since
from runner.execution.ccxt_markets import market_of
from runner.execution.errors import (
    MarketUnknownError,
    OrderRefusedError,
    UnknownOutcomeError,
    WouldTriggerError,
)
from runner.execution.status import Status
from tests.runner.execution.brokers import (
    CREATE,
    FUNDS,
    LAST,
    PERP,
    SPOT,
    VENUES,
    broker_at,
    fault,
    limit_order,
    local_exchange,
    market_order,
    n_orders,
    requests_of,
    step,
    stop_order,
    with_broker,
)
from tests.runner.testnet import conftest as testnet

serve = testnet.serve

PLACES = [("binance", SPOT), ("bybit", SPOT), ("bybit", PERP)]
LONG_AGO = datetime(2019, 12, 31, tzinfo=UTC)
ABOVE = (LAST * Decimal("1.01")).quantize(Decimal("0.1"))
BELOW = (LAST * Decimal("0.99")).quantize(Decimal("0.1"))


@pytest.fixture
def served(serve):
    return serve(local_exchange())


@pytest.mark.parametrize(
    ("venue", "symbol", "expected"),
    [
        ("binance", SPOT, {"tick_size": "0.01", "lot_size": "0.00001", "min_notional": "5",
                           "min_quantity": "0.00001", "taker_fee": "0.001"}),
        ("bybit", SPOT, {"tick_size": "0.01", "lot_size": "0.00001", "min_notional": "5"}),
        ("bybit", PERP, {"tick_size": "0.1", "lot_size": "0.001", "min_quantity": "0.001",
                         "min_notional": "5", "taker_fee": "0.00055", "maker_fee": "0.0002",
                         "max_leverage": "100", "contract_size": "1"}),
    ],
)  # fmt: skip
def test_an_instrument_has_the_exchanges_rules_exactly(served, venue, symbol, expected):
    market = with_broker(served, venue, lambda broker: broker.instrument(symbol))
    assert {name: getattr(market, name) for name in expected} == {
        name: Decimal(value) for name, value in expected.items()
    }
    assert (market.base, market.quote, market.is_active) == ("BTC", "USDT", True)
    assert market.is_perpetual == (symbol == PERP)
    assert market.fee_in_base == (symbol == SPOT)
    assert market.stop_locks_balance == (symbol == SPOT)
    assert market.has_order_list == (venue == "binance")
    change = {"binance": StopChange.REPLACE, "bybit": StopChange.AMEND}[venue]
    assert market.stop_change is (StopChange.ONE_BY_ONE if symbol == PERP else change)


def test_a_market_without_stop_market_orders_is_known_as_such_and_takes_stop_limits(served):
    order = {"symbol": "SOL/USDT", "side": Side.BUY, "stop_price": Decimal(104)}
    order["quantity"] = Decimal(1)

    async def use(broker):
        market = await broker.instrument("SOL/USDT")
        assert not market.has_stop_market
        with pytest.raises(OrderRefusedError, match="no stop-market orders"):
            await broker.submit(stop_order(**order))
        return await broker.submit(stop_order(**order, limit_price=Decimal(105)))

    assert with_broker(served, "binance", use).is_trigger
    assert len(requests_of(served, CREATE["binance"])) == 1


@pytest.mark.parametrize(
    ("symbol", "said"),
    [("BTC/USTD", "did you mean 'BTC/USDT'"), ("BTCUSDT", "did you mean"), ("X/Y", "no market")],
)
@pytest.mark.parametrize("venue", VENUES)
def test_an_unknown_market_is_told_with_what_may_have_been_meant(served, venue, symbol, said):
    async def use(broker):
        for ask in (
            broker.instrument(symbol),
            broker.submit(market_order(symbol=symbol)),
            broker.look_up(symbol, "rt-1"),
        ):
            with pytest.raises(MarketUnknownError, match=said):
                await ask

    with_broker(served, venue, use)
    assert n_orders(served) == 0


@pytest.mark.parametrize("venue", VENUES)
def test_the_time_and_the_price_are_the_exchanges(served, venue):
    async def use(broker):
        return await broker.server_time(), await broker.last_price(SPOT)

    told, last = with_broker(served, venue, use)
    assert told.timestamp() * 1000 == served.exchange.clock.served_ms
    assert last == LAST


@pytest.mark.parametrize(
    ("side", "limit"), [(Side.SELL, None), (Side.SELL, "0.98"), (Side.BUY, None)]
)
@pytest.mark.parametrize(("venue", "symbol"), PLACES)
def test_a_stop_waits_on_its_side_of_the_price(served, venue, symbol, side, limit):
    stop = BELOW if side is Side.SELL else ABOVE
    more = {} if limit is None else {"limit_price": (LAST * Decimal(limit)).quantize(Decimal(1))}
    order = stop_order(symbol=symbol, side=side, stop_price=stop, **more)
    report = with_broker(served, venue, lambda broker: broker.submit(order))
    assert (report.status, report.is_trigger) == (Status.WORKING, True)
    (made,) = served.exchange.records.orders.values()
    assert (made.trigger, made.price, made.quantity) == (
        stop, more.get("limit_price"), order.quantity,
    )  # fmt: skip
    assert made.rises is None or made.rises == (side is Side.BUY)


@pytest.mark.parametrize("side", [Side.SELL, Side.BUY])
@pytest.mark.parametrize(("venue", "symbol"), PLACES)
def test_a_stop_that_the_price_has_passed_is_refused(served, venue, symbol, side):
    stop = ABOVE if side is Side.SELL else BELOW

    async def use(broker):
        with pytest.raises(WouldTriggerError):
            await broker.submit(stop_order(symbol=symbol, side=side, stop_price=stop))

    with_broker(served, venue, use)
    assert n_orders(served) == 0


def test_reduce_only_makes_a_position_smaller_and_no_more(served):
    async def use(broker):
        with pytest.raises(OrderRefusedError):
            await broker.submit(market_order("rt-1", symbol=PERP, reduce_only=True))
        await broker.submit(market_order("rt-2", symbol=PERP))
        sell = {"symbol": PERP, "side": Side.SELL, "reduce_only": True}
        await broker.submit(market_order("rt-3", **sell))
        assert await broker.positions([PERP]) == []
        await broker.submit(market_order("rt-4", symbol=PERP))
        await broker.submit(stop_order("rt-5", symbol=PERP, reduce_only=True))

    with_broker(served, "bybit", use)
    told = [row["given"].get("reduceOnly") for row in requests_of(served, CREATE["bybit"])]
    assert told == [True, None, True, None, True]


@pytest.mark.parametrize("limit", [None, BELOW - 100])
@pytest.mark.parametrize("side", [Side.SELL, Side.BUY])
def test_an_order_list_has_our_ids_and_goes_as_one(served, side, limit):
    target, stop = (ABOVE, BELOW) if side is Side.SELL else (BELOW, ABOVE)
    if limit is not None:
        limit = stop + (stop - LAST) / 10
    more = {} if limit is None else {"limit_price": limit.quantize(Decimal("0.1"))}
    legs = OrderListRequest(
        client_list_id="rt-list-1",
        take_profit=limit_order("rt-target-1", side=side, limit_price=target),
        stop=stop_order("rt-stop-1", side=side, stop_price=stop, **more),
    )

    async def use(broker):
        reports = await broker.submit_list(legs)
        listed = {report.client_order_id for report in await broker.open_orders(SPOT)}
        assert listed == {"rt-target-1", "rt-stop-1"}
        await broker.cancel(SPOT, "rt-target-1", is_trigger=False)
        assert await broker.open_orders(SPOT) == []
        return reports

    first, second = with_broker(served, "binance", use)
    assert (first.client_order_id, second.client_order_id) == ("rt-target-1", "rt-stop-1")
    assert (first.is_trigger, second.is_trigger) == (False, True)
    (sent,) = requests_of(served, "POST /api/v3/orderList/oco")
    assert sent["given"]["listClientOrderId"] == "rt-list-1"
    kinds = {sent["given"]["aboveType"], sent["given"]["belowType"]}
    assert kinds == {"LIMIT_MAKER", "STOP_LOSS" if limit is None else "STOP_LOSS_LIMIT"}


def test_an_order_list_without_an_answer_is_unknown_and_one_passed_is_refused(served):
    def legs(stop):
        return OrderListRequest(
            client_list_id="rt-list-1",
            take_profit=limit_order("rt-target-1", side=Side.SELL, limit_price=ABOVE + 100),
            stop=stop_order("rt-stop-1", stop_price=stop),
        )

    async def use(broker):
        await broker.instrument(SPOT)
        with pytest.raises(OrderRefusedError) as raised:
            await broker.submit_list(legs(ABOVE))
        assert raised.value.code == "-2010"
        with (
            fault(served, "error_after", route="POST /api/v3/orderList/oco"),
            pytest.raises(UnknownOutcomeError),
        ):
            await broker.submit_list(legs(BELOW))
        return await broker.look_up(SPOT, "rt-stop-1")

    assert with_broker(served, "binance", use).status is Status.WORKING


def test_a_venue_without_order_lists_says_so(served):
    async def use(broker):
        with pytest.raises(OrderRefusedError, match="no order lists"):
            await broker.submit_list(
                OrderListRequest(client_list_id="x", take_profit=limit_order(), stop=stop_order())
            )

    with_broker(served, "bybit", use)


@pytest.mark.parametrize(
    "order",
    [
        market_order(quantity=None),
        market_order(cost=Decimal(10)),
        market_order(quantity=None, cost=Decimal(10), side=Side.SELL),
        market_order(quantity=Decimal(0)),
        market_order(limit_price=LAST),
        market_order(stop_price=LAST),
        limit_order(limit_price=None),
        stop_order(stop_price=None),
        limit_order(quantity=Decimal("NaN")),
    ],
)
@pytest.mark.parametrize("venue", VENUES)
def test_an_order_that_makes_no_sense_is_not_sent(served, venue, order):
    async def use(broker):
        with pytest.raises(OrderRefusedError, match="was not sent"):
            await broker.submit(order)

    with_broker(served, venue, use)
    assert requests_of(served, CREATE[venue]) == []


@pytest.mark.parametrize("venue", VENUES)
def test_balances_show_what_orders_lock(served, venue):
    async def use(broker):
        await broker.submit(limit_order(side=Side.SELL, limit_price=ABOVE))
        return await broker.balances()

    balances = with_broker(served, venue, use)
    assert (balances["BTC"].free, balances["BTC"].total) == (Decimal("0.99"), 1)
    assert balances["USDT"].total == Decimal(FUNDS["USDT"])


@pytest.mark.parametrize(("venue", "symbol"), PLACES)
def test_a_resting_limit_fills_as_maker(served, venue, symbol):
    async def use(broker):
        near = (LAST * Decimal("0.9995")).quantize(Decimal("0.1"))
        await broker.submit(limit_order(symbol=symbol, limit_price=near))
        step(served, 390)
        return await broker.fills_since(symbol, LONG_AGO)

    (fill,) = with_broker(served, venue, use)
    assert fill.liquidity is Liquidity.MAKER
    assert (fill.side, fill.quantity) == (Side.BUY, Decimal("0.01"))


@pytest.mark.parametrize("days", [3, 40])
@pytest.mark.parametrize("venue", VENUES)
def test_fills_of_long_ago_are_found_window_by_window(served, venue, days):
    async def use(broker):
        await broker.submit(market_order())
        start = datetime.fromtimestamp(served.exchange.clock.now_ms / 1000, UTC)
        early = await broker.fills_since(SPOT, start - timedelta(days=days))
        late = await broker.fills_since(SPOT, start + timedelta(milliseconds=1))
        return early, late

    early, late = with_broker(served, venue, use)
    assert (len(early), list(late)) == (1, [])


# Keys


@pytest.mark.parametrize(
    ("permissions", "rights"),
    [
        ({"read"}, {KeyRight.READ}),
        ({"read", "spot", "linear"}, {KeyRight.READ, KeyRight.TRADE}),
        ({"read", "spot", "withdraw"}, {KeyRight.READ, KeyRight.TRADE, KeyRight.WITHDRAW}),
    ],
)
@pytest.mark.parametrize("venue", VENUES)
def test_a_key_tells_what_it_may_do(served, venue, permissions, rights):
    served.exchange.keys["test-key"].permissions = frozenset(permissions)
    told = with_broker(served, venue, lambda broker: broker.key_rights())
    assert told.rights == rights


def test_two_brokers_with_one_key_do_not_mix_their_replies(served):
    async def use():
        first, second = broker_at(served, "bybit"), broker_at(served, "binance")
        try:
            ids = [f"rt-{n}" for n in range(8)]
            both = [broker for broker in (first, second) for _ in range(4)]
            reports = await asyncio.gather(
                *(broker.submit(limit_order(name)) for broker, name in zip(both, ids, strict=True))
            )
            assert [report.client_order_id for report in reports] == ids
        finally:
            await first.close()
            await second.close()

    asyncio.run(use())


def test_what_binance_has_filled_since_long_ago_takes_one_request_where_little_was(served):
    async def use(broker):
        await broker.submit(market_order())
        (fill,) = await broker.fills_since(SPOT, LONG_AGO)
        before = len(requests_of(served, "GET /api/v3/myTrades"))
        later = fill.time + timedelta(milliseconds=1)
        now = fill.time + timedelta(days=90)
        raw = broker._client.market(SPOT)
        found = await fills_since(broker._client, raw, market_of(raw, broker._venue), later, now)
        assert found == []
        return len(requests_of(served, "GET /api/v3/myTrades")) - before

    assert with_broker(served, "binance", use) == 1
