"""How live trading with ccxt loses money, one test or more for each way, at the local exchange.

The pitfalls that concern the feed, an open last bar and websockets, are tested with the feed.
"""

from __future__ import annotations

import asyncio
import logging
import re
import traceback
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from robotrader_sdk.types import Side
from runner.execution import ccxt_fills
from runner.execution.broker import KeyRights
from runner.execution.ccxt_client import Credentials
from runner.execution.errors import (
    DuplicateOrderError,
    ExchangeUnreachableError,
    FundsLackingError,
    KeyRefusedError,
    OrderMissingError,
    OrderRefusedError,
    RateLimitedError,
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
    broker_at,
    close,
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
from tests.runner.testnet.conftest import KEY, SECRET, ccxt_client

serve = testnet.serve

WITHOUT_EFFECT = ("timeout_before", "reset_before", "error_before", "maintenance")
WITH_EFFECT = ("timeout_after", "reset_after", "error_after", "truncated", "not_json")
LONG_AGO = datetime(2019, 12, 31, tzinfo=UTC)

PLACES = [("binance", SPOT), ("bybit", SPOT), ("bybit", PERP)]


@pytest.fixture
def served(serve):
    return serve(local_exchange())


async def _ready(broker, symbol=SPOT):
    """Loads the markets, so that a fault or a short timeout meets one request only."""
    await broker.balances()
    await broker.instrument(symbol)
    broker._client.timeout = 700


async def _raised(kind, asked):
    with pytest.raises(kind) as raised:
        await asked
    assert type(raised.value) is kind
    return raised.value


# 1: a timeout after the exchange accepted


@pytest.mark.parametrize("kind", WITHOUT_EFFECT + WITH_EFFECT)
@pytest.mark.parametrize(("venue", "symbol"), PLACES)
def test_an_order_without_a_readable_answer_is_unknown_and_sent_once(served, venue, symbol, kind):
    async def use(broker):
        await _ready(broker, symbol)
        with fault(served, kind, route=CREATE[venue]):
            await _raised(UnknownOutcomeError, broker.submit(limit_order(symbol=symbol)))
        return await broker.look_up(symbol, "rt-limit-00000001")

    found = with_broker(served, venue, use)
    assert len(requests_of(served, CREATE[venue])) == 1
    assert n_orders(served) == (kind in WITH_EFFECT)
    assert (found is not None) == (kind in WITH_EFFECT)


@pytest.mark.parametrize("kind", ["timeout_after", "error_after", "not_json"])
@pytest.mark.parametrize("venue", VENUES)
def test_a_cancel_without_a_readable_answer_is_unknown(served, venue, kind):
    async def use(broker):
        await _ready(broker)
        await broker.submit(limit_order())
        with fault(served, kind, route=CANCEL[venue]):
            asked = broker.cancel(SPOT, "rt-limit-00000001", is_trigger=False)
            await _raised(UnknownOutcomeError, asked)
        return await broker.look_up(SPOT, "rt-limit-00000001")

    assert with_broker(served, venue, use).status is Status.CANCELLED
    assert len(requests_of(served, CANCEL[venue])) == 1


@pytest.mark.parametrize("kind", ["timeout_before", "error_before", "truncated", "not_json"])
@pytest.mark.parametrize("venue", VENUES)
def test_a_question_without_a_readable_answer_says_that_nothing_is_known(served, venue, kind):
    async def use(broker):
        await _ready(broker)
        since = LONG_AGO + timedelta(days=1)
        with fault(served, kind):
            await _raised(ExchangeUnreachableError, broker.look_up(SPOT, "rt-limit-00000001"))
            await _raised(ExchangeUnreachableError, broker.open_orders(SPOT))
            await _raised(ExchangeUnreachableError, broker.fills_since(SPOT, since))
            await _raised(ExchangeUnreachableError, broker.balances())

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
        told = await _raised(error, broker.submit(order))
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
        await _raised(OrderMissingError, again)
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
        await _raised(OrderMissingError, again)

    with_broker(served, venue, use)


# 4: a duplicate looks like a rejection


@pytest.mark.parametrize(("venue", "symbol"), PLACES)
def test_a_duplicate_is_told_from_a_refusal(served, venue, symbol):
    async def use(broker):
        await broker.submit(limit_order(symbol=symbol))
        await _raised(DuplicateOrderError, broker.submit(limit_order(symbol=symbol)))

    with_broker(served, venue, use)
    assert n_orders(served) == 1


@pytest.mark.parametrize("venue", VENUES)
def test_an_order_that_a_proxy_delivers_twice_is_a_duplicate_and_there(served, venue):
    async def use(broker):
        await _ready(broker)
        with fault(served, "handled_twice", route=CREATE[venue]):
            await _raised(DuplicateOrderError, broker.submit(limit_order()))
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
    order = market_order(quantity=None, cost=Decimal("1000.12345678"))

    async def use(broker):
        await broker.submit(order)
        return await broker.look_up(SPOT, order.client_order_id)

    found = with_broker(served, venue, use)
    (sent,) = requests_of(served, CREATE[venue])
    given = sent["given"]
    if venue == "binance":
        assert (given["quoteOrderQty"], given.get("quantity")) == ("1000.12345678", None)
    else:
        assert (given["qty"], given["marketUnit"]) == ("1000.12345678", "quoteCoin")
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


# 7: fees in base


@pytest.mark.parametrize("venue", VENUES)
def test_a_fee_taken_in_base_is_told_as_such(serve, venue):
    served = serve(local_exchange(fee_asset="received"))

    async def use(broker):
        await broker.submit(market_order())
        (fill,) = await broker.fills_since(SPOT, LONG_AGO)
        balance = (await broker.balances())["BTC"]
        return fill, balance, await broker.instrument(SPOT)

    fill, balance, market = with_broker(served, venue, use)
    assert (fill.fee_asset, fill.fee) == ("BTC", Decimal("0.00001"))
    assert balance.total == 1 + fill.quantity - fill.fee
    assert market.fee_in_base


@pytest.mark.parametrize("venue", VENUES)
def test_a_fee_paid_in_a_coin_is_told_in_that_coin(serve, venue):
    how = Settings(fee_rates={"BNB": Decimal(250)})
    served = serve(local_exchange(fee_asset="BNB", settings=how))

    async def use(broker):
        await broker.submit(market_order())
        return await broker.fills_since(SPOT, LONG_AGO)

    (fill,) = with_broker(served, venue, use)
    assert (fill.fee_asset, fill.fee) == ("BNB", fill.price * fill.quantity / 1000 / 250)


# 8: fees are with the trades


@pytest.mark.parametrize(("venue", "symbol"), PLACES)
def test_fills_are_paged_to_the_end_with_their_fees_each_once(serve, monkeypatch, venue, symbol):
    served = serve(local_exchange(settings=Settings(fill_fraction=Decimal("0.1"))))
    monkeypatch.setattr(ccxt_fills, "_BINANCE_PAGE", 3)
    monkeypatch.setattr(ccxt_fills, "_BYBIT_PAGE", 3)
    above = (LAST * Decimal("1.02")).quantize(Decimal("0.1"))

    async def use(broker):
        await broker.submit(limit_order(symbol=symbol, limit_price=above))
        step(served, 12)
        order = await broker.look_up(symbol, "rt-limit-00000001")
        return order, await broker.fills_since(symbol, LONG_AGO - timedelta(days=20))

    order, fills = with_broker(served, venue, use)
    assert (order.status, len(fills)) == (Status.FILLED, 10)
    assert sum(fill.quantity for fill in fills) == order.filled == Decimal("0.01")
    assert [fill.time for fill in fills] == sorted(fill.time for fill in fills)
    assert len({fill.trade_id for fill in fills}) == 10
    assert {fill.exchange_order_id for fill in fills} == {order.exchange_order_id}
    assert all(fill.fee > 0 and fill.fee_asset == "USDT" for fill in fills)
    told = "rt-limit-00000001" if venue == "bybit" else ""
    assert {fill.client_order_id for fill in fills} == {told}
    paid = sum(fill.fee for fill in fills)
    assert paid == sum(t.fee for t in served.exchange.records.trades if t.kind == "trade")


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


# 10: not found just after it was made


@pytest.mark.parametrize("venue", VENUES)
def test_an_order_that_cannot_be_found_yet_is_absent_and_no_error(served, venue):
    async def use(broker):
        await _ready(broker)
        with fault(served, "order_not_found", seconds=1):
            await broker.submit(limit_order())
            assert await broker.look_up(SPOT, "rt-limit-00000001") is None
            asked = broker.cancel(SPOT, "rt-limit-00000001", is_trigger=False)
            await _raised(OrderMissingError, asked)
            assert await broker.fills_since(SPOT, LONG_AGO) == []
        await asyncio.sleep(1)
        return await broker.look_up(SPOT, "rt-limit-00000001")

    assert with_broker(served, venue, use).status is Status.WORKING


# 12: clocks and limits


@pytest.mark.parametrize("ahead", [-60_000, 60_000])
@pytest.mark.parametrize("venue", VENUES)
def test_after_a_clock_skew_the_same_order_is_sent_once_more(served, venue, ahead):
    async def use(broker):
        await _ready(broker)
        with fault(served, "clock_skew", milliseconds=ahead):
            report = await broker.submit(limit_order())
            assert (await broker.balances())["BTC"].total == 1
        return report

    assert with_broker(served, venue, use).status is Status.WORKING
    refused, taken = requests_of(served, CREATE[venue])
    name = {"binance": "newClientOrderId", "bybit": "orderLinkId"}[venue]
    assert refused["given"][name] == taken["given"][name] == "rt-limit-00000001"
    assert (refused["orders"], n_orders(served)) == ([], 1)


class _Limiter:
    """Lets everything pass, and remembers."""

    def __init__(self):
        self.turns, self.bans = [], []

    async def __aenter__(self):
        return None

    async def __aexit__(self, *_):
        return None

    def turn(self, priority, weight=1):
        self.turns.append((priority.name, weight))
        return self

    def note_ban(self, until):
        self.bans.append(until)


@pytest.mark.parametrize("venue", VENUES)
def test_a_ban_is_told_with_its_end_and_noted(served, venue):
    limiter = _Limiter()

    async def use(broker):
        await _ready(broker)
        with fault(served, "ban", seconds=300, times=1):
            return await _raised(RateLimitedError, broker.submit(limit_order()))

    error = with_broker(served, venue, use, limiter=limiter)
    left = error.until - datetime.now(UTC)
    assert timedelta(seconds=280) < left < timedelta(seconds=302)
    assert limiter.bans == [error.until]
    assert n_orders(served) == 0


@pytest.mark.parametrize("venue", VENUES)
def test_every_request_takes_a_turn_by_what_it_is_for(served, venue):
    limiter = _Limiter()

    async def use(broker):
        await _ready(broker)
        limiter.turns.clear()
        await broker.submit(limit_order())
        await broker.cancel(SPOT, "rt-limit-00000001", is_trigger=False)
        await broker.balances()

    before = with_broker(served, venue, use, limiter=limiter)
    assert before is None
    weight = 20 if venue == "binance" else 1
    assert limiter.turns == [("ORDER", 1), ("CANCEL", 1), ("RECONCILE", weight)]


# 13: a revoked key


@pytest.mark.parametrize("venue", VENUES)
def test_a_key_revoked_after_a_success_is_refused_and_not_retryable(served, venue):
    async def use(broker):
        await _ready(broker)
        with fault(served, "revoked_key", key=KEY):
            await _raised(KeyRefusedError, broker.submit(limit_order()))
            await _raised(KeyRefusedError, broker.balances())
            asked = broker.cancel(SPOT, "rt-limit-00000001", is_trigger=False)
            await _raised(KeyRefusedError, asked)

    with_broker(served, venue, use)


# 14: markets are shared


@pytest.mark.parametrize("venue", VENUES)
def test_the_markets_of_an_exchange_are_loaded_once(served, venue):
    route = {"binance": "GET /api/v3/exchangeInfo", "bybit": "GET /v5/market/instruments-info"}

    async def use(first):
        await first.instrument(SPOT)
        n_loaded = len(requests_of(served, route[venue]))
        second = broker_at(served, venue)
        try:
            await asyncio.gather(*(second.instrument(SPOT) for _ in range(3)))
            assert first._client.markets is second._client.markets
            await second.submit(limit_order())
        finally:
            await close(second)
        assert len(requests_of(served, route[venue])) == n_loaded > 0

    with_broker(served, venue, use)


# 16: the account is shared


@pytest.mark.parametrize("venue", VENUES)
def test_orders_and_fills_of_strangers_are_told_by_their_own_ids(served, venue):
    stranger = ccxt_client(venue, served)
    mine = {"clientOrderId": "by-hand-1"}
    stranger.create_order(SPOT, "limit", "buy", 0.01, 35000, mine)
    stranger.create_order(SPOT, "market", "buy", 0.02, None, {"clientOrderId": "by-hand-2"})

    async def use(broker):
        await broker.submit(limit_order())
        listed = await broker.open_orders(SPOT)
        return listed, await broker.fills_since(SPOT, LONG_AGO)

    listed, fills = with_broker(served, venue, use)
    assert {report.client_order_id for report in listed} == {"by-hand-1", "rt-limit-00000001"}
    (fill,) = fills
    assert (fill.quantity, fill.exchange_order_id) == (Decimal("0.02"), "2")
    assert fill.client_order_id == ("by-hand-2" if venue == "bybit" else "")


# 17: logs and errors carry signatures


@pytest.mark.parametrize("kind", ["timeout_after", "reset_before", "error_before", "revoked_key"])
@pytest.mark.parametrize("venue", VENUES)
def test_neither_logs_nor_errors_carry_a_key_a_secret_or_a_signature(served, caplog, venue, kind):
    key, secret = "key-of-a-very-long-name", "secret-of-a-very-long-name"
    served.exchange.keys[key] = type(served.exchange.keys[KEY])(
        key=key, secret=secret, account="alice"
    )
    told = []

    async def use(broker):
        await _ready(broker)
        asked = {"key": key} if kind == "revoked_key" else {}
        with fault(served, kind, **asked):
            for ask in (
                broker.submit(limit_order()),
                broker.cancel(SPOT, "rt-limit-00000001", is_trigger=False),
                broker.balances(),
                broker.look_up(SPOT, "rt-limit-00000001"),
            ):
                with pytest.raises(Exception) as raised:
                    await ask
                told.append("".join(traceback.format_exception(raised.value)))
                told.append(repr(raised.value))
        told.append(repr(broker))

    with caplog.at_level(logging.DEBUG):
        with_broker(served, venue, use, credentials=Credentials(key, secret))
    logged = [record.getMessage() for record in caplog.records]
    logged += [str(record.__dict__) for record in caplog.records]
    assert any("Request" in line for line in logged)
    for text in (*told, *logged):
        assert key not in text
        assert secret not in text
        assert not re.search(r"\b[0-9a-f]{64}\b", text)


# 18: what a testnet lacks


def test_a_binance_without_sapi_does_not_tell_what_a_key_may_do(served):
    async def use(broker):
        broker._client.urls["api"].pop("sapi")
        market = await broker.instrument(SPOT)
        assert market.taker_fee == Decimal("0.001")
        return await broker.key_rights()

    assert with_broker(served, "binance", use) == KeyRights(None)


def test_a_key_of_elsewhere_is_refused(served):
    for venue in VENUES:
        elsewhere = Credentials("demo-key-of-elsewhere", SECRET)

        async def use(broker):
            await _raised(KeyRefusedError, broker.balances())

        with_broker(served, venue, use, credentials=elsewhere)
