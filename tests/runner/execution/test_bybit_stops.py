"""Bybit's stops of spot, whose direction it infers from where the price is as it makes them."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from runner.execution.ccxt_reports import price_when_made
from runner.execution.errors import UnknownOutcomeError, WouldTriggerError
from runner.execution.status import Status
from tests.runner.execution.brokers import (
    LAST,
    SPOT,
    fault,
    local_exchange,
    n_orders,
    raised,
    ready,
    stop_order,
    with_broker,
)
from tests.runner.testnet import conftest as testnet

serve = testnet.serve

ABOVE = (LAST * Decimal("1.01")).quantize(Decimal("0.1"))
BELOW = (LAST * Decimal("0.99")).quantize(Decimal("0.1"))
ID = "rt-stop-000000001"


@pytest.fixture
def served(serve):
    return serve(local_exchange())


def passed_on_its_way(served, monkeypatch, kind, error):
    """Submit a stop that the price passes on its way there; its report, and what works then."""

    async def use(broker):
        async def nothing(order):
            return None

        await ready(broker)
        monkeypatch.setattr(broker, "_check_not_passed", nothing)
        with fault(served, kind, seconds=0.4):
            await raised(error, broker.submit(stop_order(stop_price=ABOVE)))
        await asyncio.sleep(0.5)
        return await broker.look_up(SPOT, ID), await broker.open_orders(SPOT)

    return with_broker(served, "bybit", use)


@pytest.mark.parametrize("kind", ["late_fills", "untold_price"])
def test_a_stop_passed_on_its_way_is_taken_back(served, monkeypatch, kind):
    """Also where the exchange does not tell at which price it made it."""
    report, working = passed_on_its_way(served, monkeypatch, kind, WouldTriggerError)
    assert (report.status, working) == (Status.CANCELLED, [])
    assert n_orders(served) == 1


def test_a_stop_passed_on_its_way_that_is_not_found_yet_is_to_be_looked_up(served, monkeypatch):
    found = passed_on_its_way(served, monkeypatch, "order_not_found", UnknownOutcomeError)
    report, (stop,) = found
    assert (stop.is_trigger, report.has_passed) == (True, True)


def test_a_stop_whose_price_is_not_told_rests_where_the_price_has_not_passed(served):
    async def use(broker):
        with fault(served, "untold_price"):
            await broker.submit(stop_order(stop_price=BELOW))
        return await broker.look_up(SPOT, ID)

    report = with_broker(served, "bybit", use)
    assert (report.is_trigger, report.has_passed, report.stop_price) == (True, False, BELOW)


@pytest.mark.parametrize(
    ("told", "price"),
    [
        ({"lastPriceOnCreated": "40000.5"}, Decimal("40000.5")),
        ({"lastPriceOnCreated": ""}, None),
        ({"lastPriceOnCreated": None}, None),
        ({"lastPriceOnCreated": "0"}, None),
        ({"lastPriceOnCreated": "-"}, None),
        ({}, None),
        (None, None),
    ],
)
def test_the_price_at_which_an_order_was_made_may_be_missing(told, price):
    assert price_when_made({"info": told}) == price
    assert price_when_made(None) is None
