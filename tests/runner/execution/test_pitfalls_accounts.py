"""How an account is misread, locked out or laid open with ccxt, one test or more for each way.

See test_pitfalls.
"""

from __future__ import annotations

import asyncio
import logging
import re
import traceback
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from runner.execution import ccxt_fills, ccxt_markets
from runner.execution.broker import KeyRights
from runner.execution.ccxt_client import Credentials
from runner.execution.errors import (
    ExchangeUnreachableError,
    KeyRefusedError,
    RateLimitedError,
)
from runner.execution.status import Status
from runner.testnet.core.settings import Settings
from tests.runner.execution.brokers import (
    CREATE,
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
    raised,
    ready,
    requests_of,
    step,
    unanswered,
    with_broker,
)
from tests.runner.testnet import conftest as testnet
from tests.runner.testnet.conftest import KEY, SECRET, ccxt_client

serve = testnet.serve

LONG_AGO = datetime(2019, 12, 31, tzinfo=UTC)

PLACES = [("binance", SPOT), ("bybit", SPOT), ("bybit", PERP)]


@pytest.fixture
def served(serve):
    return serve(local_exchange())


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


# 12: clocks and limits


@pytest.mark.parametrize("ahead", [-60_000, 60_000])
@pytest.mark.parametrize("venue", VENUES)
def test_after_a_clock_skew_the_same_order_is_sent_once_more(served, venue, ahead):
    async def use(broker):
        await ready(broker)
        with fault(served, "clock_skew", milliseconds=ahead):
            report = await broker.submit(limit_order())
            assert (await broker.balances())["BTC"].total == 1
        return report

    assert with_broker(served, venue, use).status is Status.WORKING
    refused, taken = requests_of(served, CREATE[venue])
    name = {"binance": "newClientOrderId", "bybit": "orderLinkId"}[venue]
    assert refused["given"][name] == taken["given"][name] == "rt-limit-00000001"
    assert (refused["orders"], n_orders(served)) == ([], 1)


@pytest.mark.parametrize("venue", VENUES)
def test_clocks_are_compared_on_a_timer_before_an_order_is_refused(served, monkeypatch, venue):
    """With each new list of markets, whoever has loaded it."""

    async def use(broker):
        await ready(broker)
        other = broker_at(served, venue)
        try:
            with fault(served, "clock_skew", milliseconds=60_000):
                monkeypatch.setattr(ccxt_markets, "_KEPT", timedelta(0))
                await other.instrument(SPOT)
                monkeypatch.setattr(ccxt_markets, "_KEPT", timedelta(hours=1))
                return await broker.submit(limit_order())
        finally:
            await other.close()

    assert with_broker(served, venue, use).status is Status.WORKING
    assert len(requests_of(served, CREATE[venue])) == 1


class _Limiter:
    """Lets everything pass, and remembers."""

    def __init__(self):
        self.turns, self.bans = [], []

    async def __aenter__(self):
        return None

    async def __aexit__(self, *_):
        return None

    def turn(self, priority, weight=1, n_orders=1):
        self.turns.append((priority.name, weight))
        return self

    def note_ban(self, until):
        self.bans.append(until)


@pytest.mark.parametrize("venue", VENUES)
def test_a_ban_is_told_with_its_end_and_noted(served, venue):
    limiter = _Limiter()

    async def use(broker):
        await ready(broker)
        with fault(served, "ban", seconds=300, times=1):
            return await raised(RateLimitedError, broker.submit(limit_order()))

    error = with_broker(served, venue, use, limiter=limiter)
    left = error.until - datetime.now(UTC)
    assert timedelta(seconds=280) < left < timedelta(seconds=302)
    assert limiter.bans == [error.until]
    assert n_orders(served) == 0


@pytest.mark.parametrize("venue", VENUES)
def test_every_request_takes_a_turn_by_what_it_is_for(served, venue):
    limiter = _Limiter()

    async def use(broker):
        await ready(broker)
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
        await ready(broker)
        with fault(served, "revoked_key", key=KEY):
            await raised(KeyRefusedError, broker.submit(limit_order()))
            await raised(KeyRefusedError, broker.balances())
            asked = broker.cancel(SPOT, "rt-limit-00000001", is_trigger=False)
            await raised(KeyRefusedError, asked)

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
            await second.close()
        assert len(requests_of(served, route[venue])) == n_loaded > 0

    with_broker(served, venue, use)


@pytest.mark.parametrize("venue", VENUES)
def test_a_cancel_does_not_depend_on_a_new_list_of_markets(served, monkeypatch, venue):
    route = {"binance": "GET /api/v3/exchangeInfo", "bybit": "GET /v5/market/instruments-info"}

    async def use(broker):
        await ready(broker)
        await broker.submit(limit_order())
        monkeypatch.setattr(ccxt_markets, "_KEPT", timedelta(0))
        with fault(served, "error_before", route=route[venue]):
            await raised(ExchangeUnreachableError, broker.instrument(SPOT))
            await broker.cancel(SPOT, "rt-limit-00000001", is_trigger=False)
        return await broker.open_orders(SPOT)

    assert with_broker(served, venue, use) == []


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
        await ready(broker)
        asked = {"key": key} if kind == "revoked_key" else {}
        with unanswered(served, broker, kind, **asked):
            for ask in (
                broker.submit(limit_order()),
                broker.cancel(SPOT, "rt-limit-00000001", is_trigger=False),
                broker.balances(),
                broker.look_up(SPOT, "rt-limit-00000001"),
            ):
                with pytest.raises(Exception) as failed:
                    await ask
                told.append("".join(traceback.format_exception(failed.value)))
                told.append(repr(failed.value))
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
            await raised(KeyRefusedError, broker.balances())

        with_broker(served, venue, use, credentials=elsewhere)
