"""Perpetuals at the local exchange: how they are prepared, funding, liquidation."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from robotrader_sdk.types import Side
from runner.execution.errors import OrderRefusedError, PreparationError
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
    step,
    with_broker,
)
from tests.runner.testnet import conftest as testnet
from tests.runner.testnet.conftest import bars_of, exchange_of

serve = testnet.serve

LONG_AGO = datetime(2019, 12, 31, tzinfo=UTC)


@pytest.fixture
def served(serve):
    return serve(local_exchange())


@pytest.mark.parametrize("mode", ["isolated", "cross"])
def test_leverage_and_margin_mode_are_set_and_read_back(served, mode):
    async def use(broker):
        await broker.prepare(PERP, Decimal(3), mode)
        await broker.prepare(PERP, Decimal(3), mode)  # nothing changes, which is no error
        await broker.submit(market_order(symbol=PERP, side=Side.SELL))
        return await broker.positions([SPOT, PERP])

    (position,) = with_broker(served, "bybit", use)
    assert (position.quantity, position.entry_price) == (Decimal("-0.01"), LAST)
    assert (position.leverage, position.margin_mode) == (3, mode)
    assert position.liquidation_price is None or position.liquidation_price > LAST


@pytest.mark.parametrize(
    ("symbol", "leverage", "mode"),
    [(PERP, "101", "cross"), (PERP, "0.5", "cross"), (PERP, "3", "portfolio"),
     (SPOT, "3", "cross"), (SPOT, "1", "isolated")],
)  # fmt: skip
def test_what_cannot_be_prepared_is_an_error(served, symbol, leverage, mode):
    async def use(broker):
        with pytest.raises(PreparationError):
            await broker.prepare(symbol, Decimal(leverage), mode)

    with_broker(served, "bybit", use)


def test_a_margin_mode_that_a_position_forbids_is_an_error(served):
    async def use(broker):
        await broker.submit(market_order(symbol=PERP))
        with pytest.raises(PreparationError, match="110024"):
            await broker.prepare(PERP, Decimal(10), "isolated")

    with_broker(served, "bybit", use)


@pytest.mark.parametrize("kind", ["error_before", "timeout_after", "error_after"])
def test_a_preparation_is_judged_by_what_is_read_back(served, kind):
    async def use(broker):
        await broker.instrument(PERP)
        broker._client.timeout = 700
        with fault(served, kind, route="POST /v5/position/set-leverage"):
            if kind == "error_before":
                with pytest.raises(PreparationError, match="leverage 4, but has"):
                    await broker.prepare(PERP, Decimal(4), "cross")
            else:
                await broker.prepare(PERP, Decimal(4), "cross")

    with_broker(served, "bybit", use)


@pytest.mark.parametrize(("side", "sign"), [(Side.BUY, -1), (Side.SELL, 1)])
def test_funding_that_came_in_is_above_zero(serve, side, sign):
    served = serve(local_exchange(settings=Settings(funding_rate=Decimal("0.0002"))))

    async def use(broker):
        await broker.submit(market_order(symbol=PERP, side=side))
        step(served, 2)
        await broker.submit(market_order("rt-2", symbol=PERP, side=side))
        fills = await broker.fills_since(PERP, LONG_AGO)
        assert {fill.client_order_id for fill in fills} == {"rt-market-0000001", "rt-2"}
        assert await broker.funding_since(SPOT, LONG_AGO) == []
        return await broker.funding_since(PERP, LONG_AGO)

    (paid,) = with_broker(served, "bybit", use)
    assert (paid.amount, paid.asset) == (sign * Decimal("0.0002") * Decimal("0.01") * LAST, "USDT")
    assert paid.time == datetime(2020, 1, 1, tzinfo=UTC)


def test_a_liquidation_is_told_as_one(serve):
    falling = [(100.0, 100.5, 99.5, 100.0), (100.0, 100.0, 80.0, 81.0), (81.0, 82.0, 80.0, 81.0)]
    how = Settings(funding_rate=Decimal(0))
    bars = bars_of(*falling)
    served = serve(exchange_of({PERP: bars}, balances={"USDT": "1000"}, settings=how))
    order = market_order(symbol=PERP, quantity=Decimal(10))

    async def use(broker):
        await broker.prepare(PERP, Decimal(10), "isolated")
        await broker.submit(order)
        step(served, 2)
        return await broker.fills_since(PERP, LONG_AGO)

    bought, forced = with_broker(served, "bybit", use)
    assert (bought.is_liquidation, forced.is_liquidation) == (False, True)
    assert (forced.side, forced.quantity, forced.client_order_id) == (Side.SELL, 10, "")


def switch(served, mode, symbol="BTCUSDT"):
    """Switch a market to hedge mode, 3, or to one-way mode, 0, as its owner does."""

    async def use(broker):
        await broker.instrument(PERP)
        given = {"category": "linear", "symbol": symbol, "mode": mode}
        await broker._client.privatePostV5PositionSwitchMode(given)

    with_broker(served, "bybit", use)


def test_in_hedge_mode_nothing_is_prepared_and_the_reason_is_told(served):
    switch(served, 3)

    async def use(broker):
        for ask in (broker.prepare(PERP, Decimal(3), "isolated"), broker.positions([SPOT, PERP])):
            with pytest.raises(PreparationError, match=r"hedge mode.*to one-way mode"):
                await ask
        with pytest.raises(OrderRefusedError, match="position idx not match position mode"):
            await broker.submit(market_order(symbol=PERP))

    with_broker(served, "bybit", use)
    assert requests_of(served, "POST /v5/position/set-leverage") == []
    switch(served, 0)

    async def trade(broker):
        await broker.prepare(PERP, Decimal(3), "isolated")
        await broker.submit(market_order(symbol=PERP))
        return await broker.positions([PERP])

    assert len(with_broker(served, "bybit", trade)) == 1


@pytest.mark.parametrize("order", [market_order(symbol=PERP), limit_order(symbol=PERP)])
def test_the_exchange_does_not_switch_a_market_in_use(served, order):
    with_broker(served, "bybit", lambda broker: broker.submit(order))
    with pytest.raises(Exception, match="110024"):
        switch(served, 3)


def test_the_exchange_has_two_positions_of_a_market_in_hedge_mode(served):
    switch(served, 3)

    async def use(broker):
        await broker.instrument(PERP)
        given = {"category": "linear", "symbol": "BTCUSDT"}
        reply = await broker._client.privateGetV5PositionList(given)
        return [(row["positionIdx"], row["size"]) for row in reply["result"]["list"]]

    assert with_broker(served, "bybit", use) == [(1, "0"), (2, "0")]


def test_the_exchange_switches_all_flat_markets_of_a_coin(served):
    async def use(broker):
        await broker.instrument(PERP)
        given = {"category": "linear", "coin": "USDT", "mode": 3}
        await broker._client.privatePostV5PositionSwitchMode(given)
        with pytest.raises(PreparationError, match="hedge mode"):
            await broker.positions([PERP])

    with_broker(served, "bybit", use)
