"""How orders are lost or doubled with ccxt, one test or more for each way, at the local exchange.

The numbers are those of a list of 18. Keys, limits and accounts are in test_pitfalls_accounts; an
open last bar and websockets are tested with the feed.
"""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from robotrader_sdk.types import Side
from runner.execution.errors import (
    DuplicateOrderError,
    ExchangeUnreachableError,
    FundsLackingError,
    OrderMissingError,
    OrderRefusedError,
    UnknownOutcomeError,
)
from runner.execution.status import Status
from runner.testnet.core.settings import Settings
from tests.runner.execution.brokers import (
    CANCEL,
    CREATE,
    LAST,
    PERP,
    SPOT,
    VENUES,
    fault,
    limit_order,
    local_exchange,
    market_order,
    n_orders,
    raised,
    ready,
    requests_of,
    step,
    stop_order,
    unanswered,
    with_broker,
)
from tests.runner.testnet import conftest as testnet

serve = testnet.serve

WITHOUT_EFFECT = ("timeout_before", "reset_before", "error_before", "maintenance")
WITH_EFFECT = ("timeout_after", "reset_after", "error_after", "truncated", "not_json")
LONG_AGO = datetime(2019, 12, 31, tzinfo=UTC)

PLACES = [("binance", SPOT), ("bybit", SPOT), ("bybit", PERP)]


@pytest.fixture
def served(serve):
    return serve(local_exchange())


# 1: a timeout after the exchange accepted


@pytest.mark.parametrize("kind", WITHOUT_EFFECT + WITH_EFFECT)
@pytest.mark.parametrize(("venue", "symbol"), PLACES)
def test_an_order_without_a_readable_answer_is_unknown_and_sent_once(served, venue, symbol, kind):
    async def use(broker):
        await ready(broker, symbol)
        with unanswered(served, broker, kind, route=CREATE[venue]):
            await raised(UnknownOutcomeError, broker.submit(limit_order(symbol=symbol)))
        return await broker.look_up(symbol, "rt-limit-00000001")

    found = with_broker(served, venue, use)
    assert len(requests_of(served, CREATE[venue])) == 1
    assert n_orders(served) == (kind in WITH_EFFECT)
    assert (found is not None) == (kind in WITH_EFFECT)


@pytest.mark.parametrize("kind", ["timeout_after", "error_after", "not_json"])
@pytest.mark.parametrize("venue", VENUES)
def test_a_cancel_without_a_readable_answer_is_unknown(served, venue, kind):
    async def use(broker):
        await ready(broker)
        await broker.submit(limit_order())
        with unanswered(served, broker, kind, route=CANCEL[venue]):
            asked = broker.cancel(SPOT, "rt-limit-00000001", is_trigger=False)
            await raised(UnknownOutcomeError, asked)
        return await broker.look_up(SPOT, "rt-limit-00000001")

    assert with_broker(served, venue, use).status is Status.CANCELLED
    assert len(requests_of(served, CANCEL[venue])) == 1


@pytest.mark.parametrize("kind", ["timeout_before", "error_before", "truncated", "not_json"])
@pytest.mark.parametrize("venue", VENUES)
def test_a_question_without_a_readable_answer_says_that_nothing_is_known(served, venue, kind):
    async def use(broker):
        await ready(broker)
        since = LONG_AGO + timedelta(days=1)
        with unanswered(served, broker, kind):
            await raised(ExchangeUnreachableError, broker.look_up(SPOT, "rt-limit-00000001"))
            await raised(ExchangeUnreachableError, broker.open_orders(SPOT))
            await raised(ExchangeUnreachableError, broker.fills_since(SPOT, since))
            await raised(ExchangeUnreachableError, broker.balances())

    with_broker(served, venue, use)


@pytest.mark.parametrize(
    ("order", "error"),
    [
        (market_order(quantity=Decimal(50)), FundsLackingError),
        (market_order(quantity=Decimal("0.00001")), OrderRefusedError),
        (limit_order(limit_price=Decimal("38000.123")), OrderRefusedError),
    ],
)
@pytest.mark.parametrize("venue", VENUES)
def test_what_the_exchange_refuses_is_definite(served, venue, order, error):
    async def use(broker):
        told = await raised(error, broker.submit(order))
        assert re.fullmatch(r"-?\d+", told.code)

    with_broker(served, venue, use)
    assert n_orders(served) == 0


# 2: client order ids


@pytest.mark.parametrize("order", [market_order(), limit_order(), stop_order()])
@pytest.mark.parametrize("venue", VENUES)
def test_the_client_order_id_is_ours_and_in_the_venues_own_parameter(served, venue, order):
    with_broker(served, venue, lambda broker: broker.submit(order))
    (sent,) = requests_of(served, CREATE[venue])
    name = {"binance": "newClientOrderId", "bybit": "orderLinkId"}[venue]
    assert sent["given"][name] == order.client_order_id
    assert not {"clientOrderId", "newClientOrderId", "orderLinkId"} - {name} & {*sent["given"]}


# 3: looking up by client order id


@pytest.mark.parametrize("order", [limit_order, stop_order])
@pytest.mark.parametrize(("venue", "symbol"), PLACES)
def test_an_order_is_found_and_cancelled_by_its_client_order_id(served, venue, symbol, order):
    sent = order(symbol=symbol)
    is_trigger = sent.stop_price is not None

    async def use(broker):
        if symbol == PERP:
            await broker.submit(market_order(symbol=PERP))
        taken = await broker.submit(sent)
        open_one = await broker.look_up(symbol, sent.client_order_id)
        listed = [report.client_order_id for report in await broker.open_orders(symbol)]
        assert (listed, open_one.status) == ([sent.client_order_id], Status.WORKING)
        assert (taken.is_trigger, open_one.is_trigger) == (is_trigger, is_trigger)
        assert taken.exchange_order_id == open_one.exchange_order_id
        await broker.cancel(symbol, sent.client_order_id, is_trigger=is_trigger)
        gone = await broker.look_up(symbol, sent.client_order_id)
        assert (gone.status, gone.filled, gone.quantity) == (Status.CANCELLED, 0, sent.quantity)
        assert await broker.open_orders(symbol) == []
        again = broker.cancel(symbol, sent.client_order_id, is_trigger=is_trigger)
        await raised(OrderMissingError, again)
        assert await broker.look_up(symbol, "rt-was-never-sent") is None

    with_broker(served, venue, use)


@pytest.mark.parametrize(("venue", "symbol"), PLACES)
def test_a_stop_that_was_triggered_is_found_with_what_it_filled(served, venue, symbol):
    async def use(broker):
        await broker.submit(market_order(symbol=symbol))
        lows = served.exchange.tape
        assert lows is not None
        near = (LAST * Decimal("0.9995")).quantize(Decimal("0.1"))
        await broker.submit(stop_order(symbol=symbol, stop_price=near))
        for _ in range(39):
            step(served, 10)
            found = await broker.look_up(symbol, "rt-stop-000000001")
            if found.status is not Status.WORKING:
                break
        assert (found.status, found.filled) == (Status.FILLED, Decimal("0.01"))
        again = broker.cancel(symbol, "rt-stop-000000001", is_trigger=True)
        await raised(OrderMissingError, again)

    with_broker(served, venue, use)


# 4: a duplicate looks like a rejection


@pytest.mark.parametrize(("venue", "symbol"), PLACES)
def test_a_duplicate_is_told_from_a_refusal(served, venue, symbol):
    async def use(broker):
        await broker.submit(limit_order(symbol=symbol))
        await raised(DuplicateOrderError, broker.submit(limit_order(symbol=symbol)))

    with_broker(served, venue, use)
    assert n_orders(served) == 1


@pytest.mark.parametrize("venue", VENUES)
def test_an_order_that_a_proxy_delivers_twice_is_a_duplicate_and_there(served, venue):
    async def use(broker):
        await ready(broker)
        with fault(served, "handled_twice", route=CREATE[venue]):
            await raised(DuplicateOrderError, broker.submit(limit_order()))
        return await broker.look_up(SPOT, "rt-limit-00000001")

    assert with_broker(served, venue, use).status is Status.WORKING
    assert n_orders(served) == 1


# 5: a market order with a price


@pytest.mark.parametrize("side", [Side.BUY, Side.SELL])
@pytest.mark.parametrize(("venue", "symbol"), PLACES)
def test_a_market_order_is_by_quantity_and_carries_no_price(served, venue, symbol, side):
    with_broker(served, venue, lambda b: b.submit(market_order(symbol=symbol, side=side)))
    (sent,) = requests_of(served, CREATE[venue])
    given = sent["given"]
    assert not {"price", "quoteOrderQty", "triggerPrice", "stopPrice"} & {*given}
    assert given["quantity" if venue == "binance" else "qty"] == "0.01"
    if (venue, symbol) == ("bybit", SPOT):
        assert given["marketUnit"] == "baseCoin"


@pytest.mark.parametrize("venue", VENUES)
def test_a_buy_by_cost_spends_that_much_and_not_its_price_times_something(served, venue):
    order = market_order(quantity=None, cost=Decimal("1000.1234567"))

    async def use(broker):
        await broker.submit(order)
        return await broker.look_up(SPOT, order.client_order_id)

    found = with_broker(served, venue, use)
    (sent,) = requests_of(served, CREATE[venue])
    given = sent["given"]
    if venue == "binance":
        assert (given["quoteOrderQty"], given.get("quantity")) == ("1000.1234567", None)
    else:
        assert (given["qty"], given["marketUnit"]) == ("1000.1234567", "quoteCoin")
    assert (found.status, found.quantity) == (Status.FILLED, None)
    assert 0 < found.filled <= order.cost / LAST


# 6: ccxt rounds


@pytest.mark.parametrize(("venue", "symbol"), PLACES)
def test_quantities_and_prices_go_out_exactly_as_they_are(served, venue, symbol):
    odd = {"quantity": Decimal("0.0123456"), "limit_price": Decimal("38000.1234567")}

    async def use(broker):
        with pytest.raises(OrderRefusedError):
            await broker.submit(limit_order(symbol=symbol, **odd))
        stop = stop_order(symbol=symbol, stop_price=Decimal("37999.987654321"), **odd)
        with pytest.raises(OrderRefusedError):
            await broker.submit(stop)

    with_broker(served, venue, use)
    for sent in requests_of(served, CREATE[venue]):
        given = sent["given"]
        assert given["quantity" if venue == "binance" else "qty"] == "0.0123456"
        assert given["price"] == "38000.1234567"
    name = "stopPrice" if venue == "binance" else "triggerPrice"
    assert given[name] == "37999.987654321"


# 9: filled in part, then cancelled


@pytest.mark.parametrize(("venue", "symbol"), PLACES)
def test_an_order_cancelled_after_a_partial_fill_says_how_much_was_filled(serve, venue, symbol):
    served = serve(local_exchange(settings=Settings(fill_fraction=Decimal("0.4"))))
    above = (LAST * Decimal("1.02")).quantize(Decimal("0.1"))

    async def use(broker):
        taken = await broker.submit(limit_order(symbol=symbol, limit_price=above))
        assert taken.status is Status.WORKING
        part = await broker.look_up(symbol, "rt-limit-00000001")
        assert (part.status, part.filled) == (Status.WORKING, Decimal("0.004"))
        await broker.cancel(symbol, "rt-limit-00000001", is_trigger=False)
        return await broker.look_up(symbol, "rt-limit-00000001")

    found = with_broker(served, venue, use)
    assert (found.status, found.filled) == (Status.CANCELLED, Decimal("0.004"))
    assert found.quantity == Decimal("0.01")


@pytest.mark.parametrize("symbol", [SPOT, PERP])
def test_bybits_reply_to_a_new_order_is_no_news_about_its_fate(served, symbol):
    async def use(broker):
        taken = await broker.submit(market_order(symbol=symbol))
        return taken, await broker.look_up(symbol, taken.client_order_id)

    taken, found = with_broker(served, "bybit", use)
    assert (taken.status, taken.filled) == (Status.WORKING, 0)
    assert (found.status, found.filled) == (Status.FILLED, Decimal("0.01"))


@pytest.mark.parametrize("order", [limit_order, stop_order])
@pytest.mark.parametrize("symbol", [SPOT, PERP])
def test_an_order_that_bybit_counts_among_the_past_ones_is_found(served, symbol, order):
    """Its list of working orders holds a few that have ended, for a while."""
    sent = order(symbol=symbol)

    async def nothing(_):
        return {"retCode": 0, "result": {"list": [], "nextPageCursor": ""}}

    async def use(broker):
        if symbol == PERP:
            await broker.submit(market_order(symbol=PERP))
        await broker.submit(sent)
        await broker.cancel(symbol, sent.client_order_id, is_trigger=sent.stop_price is not None)
        broker._client.privateGetV5OrderRealtime = nothing
        return await broker.look_up(symbol, sent.client_order_id)

    assert with_broker(served, "bybit", use).status is Status.CANCELLED


# 10: not found just after it was made


@pytest.mark.parametrize("venue", VENUES)
def test_an_order_that_cannot_be_found_yet_is_absent_and_no_error(served, venue):
    async def use(broker):
        await ready(broker)
        with fault(served, "order_not_found", seconds=1):
            await broker.submit(limit_order())
            assert await broker.look_up(SPOT, "rt-limit-00000001") is None
            asked = broker.cancel(SPOT, "rt-limit-00000001", is_trigger=False)
            await raised(OrderMissingError, asked)
            assert await broker.fills_since(SPOT, LONG_AGO) == []
        await asyncio.sleep(1)
        return await broker.look_up(SPOT, "rt-limit-00000001")

    assert with_broker(served, venue, use).status is Status.WORKING
