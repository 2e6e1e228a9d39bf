"""No answer: how long an order is looked for, and when it is sent again."""

from __future__ import annotations

import asyncio

import pytest

import robotrader_sdk as rt
from robotrader_sdk.types import OrderType, Side
from runner.execution.journal.tables import EntryKind, EntryRow, FillRow
from runner.execution.status import Status
from runner.testnet.core.orders import Request
from tests.runner.execution.brokers import CREATE, control, n_orders, requests_of
from tests.runner.execution.live_bots import PATIENCE, Once, live_bots, terms_of
from tests.runner.testnet.conftest import bars_of, exchange_of, serve

__all__ = ["serve"]
SYMBOL = "BTC/USDT"
BARS = {SYMBOL: bars_of(*[(100.0, 100.5, 99.5, 100.0)] * 6)}
LOOKS = {"binance": "GET /api/v3/order", "bybit": "GET /v5/order/realtime"}
VENUES = ["binance", "bybit"]


class Buys(rt.Strategy):
    """Buys at the first close."""

    def init(self, bars) -> None:
        self.is_done = False

    def on_bar(self, ctx) -> None:
        if not self.is_done:
            self.is_done = True
            ctx.buy(quantity=1.0)


def bought(served, folder, venue):
    """The one order, as the journal has it."""

    async def work():
        async with live_bots(served, folder, [Buys], BARS) as bots:
            await bots.add(terms_of(BARS, "Buys", exchange=venue))
            await bots.to_close()
            (order,) = await bots.orders()
            return order

    return asyncio.run(work())


def set_fault(served, venue, kind, **more):
    control(served, "POST", "faults", json={"kind": kind, "venue": venue, **more})


def times_of(served, route):
    """When the requests of a route came, by the wall clock, in milliseconds."""
    told = control(served, "GET", "ledger", params={"kind": "request", "limit": 1000})
    rows = [(entry["what"], entry["wall_ms"]) for entry in told["entries"]]
    return [wall_ms for what, wall_ms in rows if route == f"{what['method']} {what['path']}"]


@pytest.mark.parametrize("venue", VENUES)
def test_what_never_arrived_is_sent_once_more_after_several_looks(serve, tmp_path, venue):
    served = serve(exchange_of(BARS))
    set_fault(served, venue, "error_before", route=CREATE[venue], times=1)
    order = bought(served, tmp_path, venue)
    assert (order.status, order.n_sent) == (Status.FILLED, 1)
    assert n_orders(served) == 1
    first, second = times_of(served, CREATE[venue])
    assert second - first >= 1000 * PATIENCE.grace
    n_looks = sum(first <= time <= second for time in times_of(served, LOOKS[venue]))
    n_places = 1 if venue == "binance" else 2  # stops are apart
    most = PATIENCE.grace / PATIENCE.interval + PATIENCE.n_looks
    assert PATIENCE.n_looks <= n_looks <= n_places * most + 2


@pytest.mark.parametrize("venue", VENUES)
def test_what_is_not_found_at_first_is_not_sent_again(serve, tmp_path, venue):
    """It was taken, the answer was lost, and for a while the exchange does not know of it."""
    served = serve(exchange_of(BARS))
    set_fault(served, venue, "error_after", route=CREATE[venue], times=1)
    set_fault(served, venue, "order_not_found", seconds=PATIENCE.grace / 2)
    order = bought(served, tmp_path, venue)
    assert (order.status, order.filled, order.n_sent) == (Status.FILLED, 1, 0)
    assert len(requests_of(served, CREATE[venue])) == n_orders(served) == 1


@pytest.mark.parametrize("venue", VENUES)
def test_an_entry_that_never_arrives_is_given_up_after_the_second_time(serve, tmp_path, venue):
    served = serve(exchange_of(BARS))
    set_fault(served, venue, "error_before", route=CREATE[venue])
    order = bought(served, tmp_path, venue)
    assert (order.status, order.is_open) == (Status.REJECTED, False)
    assert "never arrived, though sent twice" in order.reason
    assert len(requests_of(served, CREATE[venue])) == 2
    assert n_orders(served) == 0


@pytest.mark.parametrize("venue", VENUES)
def test_an_entry_that_was_given_up_and_fills_all_the_same_is_the_bots_and_protected(
    serve, tmp_path, venue
):
    """It was on its way for longer than anybody waits; nothing of it rests that could be seen."""
    served = serve(exchange_of(BARS))
    set_fault(served, venue, "error_before", route=CREATE[venue])

    async def work():
        async with live_bots(served, tmp_path, [Once], BARS) as bots:
            await bots.add(terms_of(BARS, "Once", exchange=venue))
            await bots.engine.reconcile()
            await bots.to_close()
            (order,) = await bots.orders()
            assert order.status is Status.REJECTED
            control(served, "DELETE", "faults")
            late = Request(
                symbol=SYMBOL,
                side=Side.BUY,
                type=OrderType.MARKET,
                quantity=order.quantity,
                client_id=order.client_order_id,
            )
            served.call(served.exchange.submit, "alice", late)
            for _ in range(3):
                await bots.engine.reconcile()
            assert [(lot.quantity, lot.is_open) for lot in await bots.lots()] == [(1, True)]
            assert len(bots.stops(SYMBOL)) == 1
            assert len(await bots.rows(FillRow)) == 1
            kinds = {entry.kind for entry in await bots.rows(EntryRow)}
            assert EntryKind.EXTERNAL not in kinds
            assert len([t for t in await bots.findings() if "had been given up" in t]) == 1

    asyncio.run(work())
