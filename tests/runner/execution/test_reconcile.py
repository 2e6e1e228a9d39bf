"""The exchange's truth against the journal: what is ours is entered, what is not is left alone."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

import robotrader_sdk as rt
from robotrader_sdk.types import OrderType, Side
from runner.execution.ccxt_broker import CcxtBroker
from runner.execution.identity import Purpose
from runner.execution.journal.tables import BotState, EntryKind, EntryRow
from runner.execution.status import Status
from runner.testnet.core.settings import Settings
from tests.runner.execution.brokers import CREATE, control, fault, requests_of
from tests.runner.execution.live_bots import live_bots, refusing, terms_of
from tests.runner.execution.owners import CALM, PERP, SPOT, Holds, held, run, stranger, totals
from tests.runner.testnet.conftest import bars_of, exchange_of, serve

__all__ = ["serve"]


@pytest.mark.parametrize("venue", ["binance", "bybit"])
def test_orders_of_others_are_left_alone_and_those_that_look_like_ours_are_told(
    serve, tmp_path, venue
):
    bars = {SPOT: bars_of(*[CALM] * 6)}
    served = serve(exchange_of(bars))
    resting = {"type": OrderType.LIMIT, "price": Decimal(90), "quantity": Decimal("0.5")}
    alien = "rtzz0001s6kq8001e0"

    async def use(bots):
        stranger(served, SPOT, **resting, client_id="by-hand")
        stranger(served, SPOT, **resting, client_id=alien)
        await bots.to_close(3)
        await bots.engine.reconcile()
        await bots.engine.kill("all", flatten=True, reason="a test")
        working = {order.client_id for order in bots.working(SPOT)}
        assert working == {"by-hand", alien}
        told = await bots.findings()
        assert any(alien in text and "left alone" in text for text in told)
        assert not any("by-hand" in text for text in told)

    run(served, tmp_path, bars, use, exchange=venue)


def test_what_comes_and_goes_by_other_hands_is_entered_as_external(serve, tmp_path):
    bars = {SPOT: bars_of(*[CALM] * 6)}
    served = serve(exchange_of(bars))

    async def use(bots):
        await bots.to_close(2)
        stranger(served, SPOT, quantity="2")
        for _ in range(3):
            await bots.engine.reconcile()
        assert await totals(bots) == held(served)
        external = [e for e in await bots.rows(EntryRow) if e.kind is EntryKind.EXTERNAL]
        assert {e.asset: e.amount for e in external}["BTC"] == 2
        assert all(e.bot_id == 0 for e in external)
        (lot,) = await bots.lots()
        assert lot.quantity == 1

    run(served, tmp_path, bars, use)


def test_a_fill_that_nobody_saw_is_entered_once(serve, tmp_path):
    bars = {SPOT: bars_of(*[CALM] * 6)}
    served = serve(exchange_of(bars))

    async def use(bots):
        await bots.to_close()
        for _ in range(3):
            await bots.engine.reconcile()
        await bots.to_close()
        for _ in range(3):
            await bots.engine.reconcile()
        assert await totals(bots) == held(served)
        trades = [e for e in await bots.rows(EntryRow) if e.kind is EntryKind.TRADE]
        assert len(trades) == 2

    run(served, tmp_path, bars, use)


def test_a_position_that_is_not_the_journals_lets_the_bot_only_exit(serve, tmp_path):
    bars = {PERP: bars_of(*[CALM] * 6)}
    served = serve(exchange_of(bars))

    async def use(bots):
        await bots.to_close(2)
        stranger(served, PERP, Side.SELL, "0.4")
        await bots.engine.reconcile()
        bot = await bots.bot()
        assert bot.state is BotState.EXIT_ONLY
        assert "0.6" in bot.state_reason
        assert "1" in bot.state_reason

    run(served, tmp_path, bars, use, exchange="bybit")


def test_two_bots_share_an_account_and_each_has_its_own(serve, tmp_path):
    bars = {SPOT: bars_of(*[CALM] * 6)}
    served = serve(exchange_of(bars))

    async def use(bots):
        await bots.add(terms_of(bars, "Holds", params={"quantity": 3.0}, name="second"))
        await bots.to_close(3)
        for _ in range(2):
            await bots.engine.reconcile()
        assert {lot.bot_id: lot.quantity for lot in await bots.lots()} == {1: 1, 2: 3}
        assert await totals(bots) == held(served)
        await bots.engine.kill("bot", "2", flatten=True, reason="a test")
        assert {lot.bot_id: lot.is_open for lot in await bots.lots()} == {1: True, 2: False}
        assert held(served)["BTC"] == 1

    run(served, tmp_path, bars, use)


def test_bots_of_one_account_ask_together_what_works(serve, tmp_path):
    bars = {SPOT: bars_of(*[CALM] * 6)}
    served = serve(exchange_of(bars))
    asked = "GET /api/v3/openOrders"

    async def use(bots):
        for number in range(5):  # as many stops as the market takes
            await bots.add(terms_of(bars, "Holds", name=f"more{number}", params={"stop": 0.1}))
        await bots.to_close(2)
        assert len(bots.working(SPOT)) == 5
        before = len(requests_of(served, asked))
        await bots.engine.look()
        together = len(requests_of(served, asked)) - before
        await bots.engine.look_at(2)
        assert together == len(requests_of(served, asked)) - before - together
        served.call(served.exchange.cancel, bots.working(SPOT)[0])
        await bots.engine.look()
        assert len(bots.working(SPOT)) == 5

    run(served, tmp_path, bars, use)


def test_a_market_order_that_binance_was_given_twice_is_ours_once_and_external_once(
    serve, tmp_path
):
    """Nobody can prevent the second: ids are unique among open orders. The books add up."""
    bars = {SPOT: bars_of(*[CALM] * 8)}
    served = serve(exchange_of(bars))

    async def use(bots):
        with fault(served, "handled_twice", route="POST /api/v3/order", times=1):
            await bots.to_close()
        for _ in range(3):
            await bots.engine.reconcile()
        assert held(served)["BTC"] == 2
        (lot,) = await bots.lots()
        assert lot.quantity == 1
        external = [e for e in await bots.rows(EntryRow) if e.kind is EntryKind.EXTERNAL]
        assert {e.asset: e.amount for e in external}["BTC"] == 1
        assert await totals(bots) == held(served)
        assert any("BTC differs by 1, which is not ours" in text for text in await bots.findings())

    run(served, tmp_path, bars, use)


def test_a_report_outlives_a_reconciliation_that_fails_half_way(serve, tmp_path):
    bars = {SPOT: bars_of(CALM, CALM, (100.0, 100.5, 89.0, 95.0), CALM, CALM)}
    served = serve(exchange_of(bars))

    async def use(bots):
        await bots.to_close()
        await asyncio.to_thread(served.call, served.local.driver.step, 2)
        with fault(served, "error_before", route="GET /api/v3/account"):
            await bots.engine.reconcile()
        assert any("was missing" in text for text in await bots.findings())
        (lot,) = await bots.lots()
        assert lot.quantity == 1

    run(served, tmp_path, bars, use, params={"limit": 90.0})


@pytest.mark.parametrize("venue", ["binance", "bybit"])
def test_an_order_that_was_given_up_and_comes_all_the_same_is_taken_back(serve, tmp_path, venue):
    """The exchange said for too long that it had none; what it filled meanwhile is the bot's."""
    bars = {SPOT: bars_of(*[CALM] * 8)}
    served = serve(exchange_of(bars, settings=Settings(fill_fraction=Decimal("0.4"))))

    async def use(bots):
        await bots.to_close()
        (order,) = await bots.orders()
        served.call(served.exchange.cancel, bots.working(SPOT)[0])
        await bots.engine.look()
        assert [o.status for o in await bots.orders()] == [Status.CANCELLED]
        again = {"type": OrderType.LIMIT, "price": Decimal(100), "client_id": order.client_order_id}
        stranger(served, SPOT, quantity="0.5", **again)
        while not served.exchange.records.trades:
            await bots.step()
        (late,) = bots.working(SPOT)
        with refusing(served.exchange, "cancel"):
            for _ in range(2):
                await bots.engine.reconcile()
        assert bots.working(SPOT) == [late]
        assert (await bots.bot()).state is BotState.RUNNING
        await bots.engine.reconcile()
        assert bots.working(SPOT) == []
        kept = [text for text in await bots.findings() if "not cancelled yet" in text]
        assert len(kept) == 1
        assert [lot.quantity for lot in await bots.lots()] == [late.executed]
        assert any("it was cancelled" in text for text in await bots.findings())

    run(served, tmp_path, bars, use, exchange=venue, params={"limit": 90.0})


def test_a_stop_that_fills_while_positions_are_asked_for_is_no_difference(
    serve, tmp_path, monkeypatch
):
    bars = {PERP: bars_of(CALM, CALM, (100.0, 100.0, 80.0, 81.0), CALM, CALM)}
    served = serve(exchange_of(bars))
    ask = CcxtBroker.positions

    async def ask_later(broker, symbols):
        monkeypatch.setattr(CcxtBroker, "positions", ask)
        await asyncio.to_thread(served.call, served.local.driver.step, 1)
        return await ask(broker, symbols)

    async def use(bots):
        await bots.to_close(2)
        monkeypatch.setattr(CcxtBroker, "positions", ask_later)
        await bots.engine.reconcile()
        (lot,) = await bots.lots()
        assert (lot.is_open, lot.exit_purpose) == (False, Purpose.STOP_LOSS)
        assert (await bots.bot()).state is BotState.RUNNING
        assert not any("position" in text for text in await bots.findings())

    run(served, tmp_path, bars, use, exchange="bybit", params={"stop": 0.1})


@pytest.mark.parametrize("venue", ["binance", "bybit"])
def test_a_market_that_is_gone_is_the_matter_of_its_own_bots(serve, tmp_path, venue):
    """The exchange has delisted it: whoever trades another with the same account goes on."""
    bars = {SPOT: bars_of(*[CALM] * 8), "ETH/USDT": bars_of(*[CALM] * 8)}
    served = serve(exchange_of(bars))

    async def use(bots):
        await bots.add(terms_of({SPOT: bars[SPOT]}, "Holds", exchange=venue))
        more = {"exchange": venue, "params": {"stop": 0.1}}
        await bots.add(terms_of({"ETH/USDT": bars["ETH/USDT"]}, "Holds", **more))
        await bots.to_close(3)
        assert len(await bots.lots()) == 2
        served.exchange.delisted = frozenset({SPOT})
        for stop in bots.stops("ETH/USDT"):
            served.call(served.exchange.cancel, stop)
        done = await bots.engine.reconcile()
        gone, other = await bots.bot(1), await bots.bot(2)
        assert (gone.state, other.state) == (BotState.PAUSED, BotState.RUNNING)
        assert "Invalid symbol" in gone.state_reason
        assert len(done) == 1
        assert len(bots.stops("ETH/USDT")) == 1

    async def work():
        async with live_bots(served, tmp_path, [Holds], bars) as bots:
            await use(bots)

    asyncio.run(work())


class HoldsAll(rt.PortfolioStrategy):
    """Buys each of its symbols at the first close, protected."""

    def init(self, panel) -> None:
        self.is_done = False

    def on_bar(self, ctx) -> None:
        if not self.is_done:
            self.is_done = True
            for symbol in ctx.symbols:
                ctx[symbol].buy(quantity=1.0, stop_loss=0.1)


@pytest.mark.parametrize("venue", ["binance", "bybit"])
def test_a_bots_other_markets_are_seen_to_when_one_is_gone(serve, tmp_path, venue, caplog):
    bars = {SPOT: bars_of(*[CALM] * 8), "ETH/USDT": bars_of(*[CALM] * 8)}
    served = serve(exchange_of(bars))

    async def work():
        async with live_bots(served, tmp_path, [HoldsAll], bars) as bots:
            await bots.add(terms_of(bars, "HoldsAll", exchange=venue))
            await bots.to_close(3)
            assert [len(bots.stops(symbol)) for symbol in bars] == [1, 1]
            served.exchange.delisted = frozenset({SPOT})
            for stop in bots.stops("ETH/USDT"):
                served.call(served.exchange.cancel, stop)
            for _ in range(3):
                await bots.engine.look()
            assert len(bots.stops("ETH/USDT")) == 1
            bot = await bots.bot()
            assert bot.state is BotState.PAUSED
            assert "Invalid symbol" in bot.state_reason
            assert sum("is paused" in record.message for record in caplog.records) == 1

            await bots.engine.kill("all", flatten=True, reason="enough")
            lots = {lot.symbol: lot.is_open for lot in await bots.lots()}
            assert lots == {SPOT: True, "ETH/USDT": False}

            served.exchange.delisted = frozenset()  # it is back
            await bots.engine.look()
            assert not any(lot.is_open for lot in await bots.lots())

    asyncio.run(work())


@pytest.mark.parametrize(
    ("venue", "asked"), [("binance", "GET /api/v3/order"), ("bybit", "GET /v5/order/*")]
)
def test_an_order_that_nobody_knows_of_at_a_market_that_is_gone_holds_up_no_other(
    serve, tmp_path, venue, asked
):
    bars = {SPOT: bars_of(*[CALM] * 8), "ETH/USDT": bars_of(*[CALM] * 8)}
    served = serve(exchange_of(bars))

    async def work():
        async with live_bots(served, tmp_path, [HoldsAll], bars, timeout=700) as bots:
            await bots.add(terms_of(bars, "HoldsAll", exchange=venue))
            await bots.to_close()  # of which a panel needs two
            control(served, "POST", "faults", json={"kind": "error_before", "route": asked})
            with fault(served, "timeout_after", route=CREATE[venue], symbol=SPOT):
                await bots.to_close()
            unknown = [o.symbol for o in await bots.orders() if o.status is Status.UNKNOWN]
            assert unknown == [SPOT]
            assert bots.stops("ETH/USDT") == []
            served.exchange.delisted = frozenset({SPOT})
            await bots.engine.look()
            assert len(bots.stops("ETH/USDT")) == 1
            assert (await bots.bot()).state is BotState.PAUSED

    asyncio.run(work())
