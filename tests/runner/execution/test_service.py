"""Bots taken into service: prepared before they trade, waited for, and looked after to the end."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest
from msgspec.structs import replace
from sqlalchemy import select

import robotrader_sdk as rt
from runner.execution import engine as engines
from runner.execution.engine import Engine
from runner.execution.errors import BotError
from runner.execution.identity import Purpose
from runner.execution.journal.bots import add_bot, set_state
from runner.execution.journal.tables import BotRow, BotState
from runner.execution.status import Status
from runner.storage.database import Database
from runner.testnet.core.markets import Tier
from tests.runner.execution.brokers import fault, requests_of
from tests.runner.execution.live_bots import live_bots, terms_of
from tests.runner.execution.local_brokers import broker_of
from tests.runner.testnet.conftest import KEY, bars_of, ccxt_client, exchange_of, serve

__all__ = ["serve"]
SPOT, PERP = "BTC/USDT", "BTC/USDT:USDT"
CALM = (100.0, 100.5, 99.5, 100.0)


class Breaks(rt.Strategy):
    """Can't even be made."""

    def __init__(self, **given) -> None:
        raise ZeroDivisionError("a defect")

    def init(self, bars) -> None:
        pass

    def on_bar(self, ctx) -> None:
        pass


class Holds(rt.Strategy):
    """Buys one, protected, and has a limit order resting beside it."""

    def init(self, bars) -> None:
        pass

    def on_bar(self, ctx) -> None:
        if not ctx.position:
            ctx.buy(quantity=1.0, stop_loss=0.2)
        elif not ctx.orders:
            ctx.buy(quantity=1.0, limit_price=90.0, stop_loss=0.2)


def panel(symbol=SPOT):
    return {symbol: bars_of(*[CALM] * 8)}


def run(served, folder, use, bars=None, **terms):
    """`use` with an engine that goes on with the bot of before, or has a new one."""
    bars = bars or panel()

    async def work():
        async with live_bots(served, folder, [Holds], bars) as bots:
            if not await bots.rows(BotRow):
                row = await bots.database.write(
                    lambda s: add_bot(s, terms_of(bars, "Holds", **terms))
                )
                await bots.engine.serve(row)
            await use(bots)

    asyncio.run(work())


@pytest.mark.parametrize("margin_mode", ["isolated", "cross"])
def test_leverage_and_margin_mode_stand_before_the_first_order(serve, tmp_path, margin_mode):
    bars = panel(PERP)
    served = serve(exchange_of(bars))

    async def use(bots):
        await bots.to_close()
        paths = [request["path"] for request in requests_of(served)]
        first = paths.index("/v5/order/create")
        set_at = paths.index("/v5/position/set-leverage")
        assert set_at < paths.index("/v5/position/list", set_at) < first
        broker = bots.engine.bots[1].running.executor.broker
        (position,) = await broker.positions([PERP])
        assert (position.quantity, position.leverage) == (1, 3)
        assert position.margin_mode == margin_mode

    given = {"exchange": "bybit", "leverage": Decimal(3), "margin_mode": margin_mode}
    run(served, tmp_path, use, bars, **given)


def test_a_bot_whose_leverage_can_not_be_set_is_paused_and_sends_nothing(serve, tmp_path):
    bars = panel(PERP)
    served = serve(exchange_of(bars))

    async def use(bots):
        bot = await bots.bot()
        assert bot.state is BotState.PAUSED
        assert "leverage 3" in bot.state_reason
        await bots.database.write(lambda s: set_state(s, 1, BotState.RUNNING, ""))
        await bots.to_close(2)
        bot = await bots.bot()
        assert bot.state is BotState.PAUSED
        assert "leverage 3" in bot.state_reason
        assert served.exchange.records.orders == {}

    with fault(served, "error_before", route="POST /v5/position/set-leverage"):
        run(served, tmp_path, use, bars, exchange="bybit", leverage=Decimal(3))


def switch_mode(served, mode):
    """Switch the perpetual to hedge mode, 3, or to one-way mode, 0, as its owner does."""
    client = ccxt_client("bybit", served)
    client.load_markets()
    given = {"category": "linear", "symbol": "BTCUSDT", "mode": mode}
    client.private_post_v5_position_switch_mode(given)


def test_a_bot_in_hedge_mode_is_paused_with_the_reason_and_goes_on_in_one_way_mode(serve, tmp_path):
    bars = panel(PERP)
    served = serve(exchange_of(bars))
    switch_mode(served, 3)

    async def refuse(bots):
        bot = await bots.bot()
        assert bot.state is BotState.PAUSED
        assert "BTC/USDT:USDT is in hedge mode" in bot.state_reason
        assert "to one-way mode" in bot.state_reason
        await bots.engine.reconcile()
        await bots.to_close(2)
        assert served.exchange.records.orders == {}
        await bots.database.write(lambda s: set_state(s, 1, BotState.RUNNING, ""))

    run(served, tmp_path, refuse, bars, exchange="bybit")
    switch_mode(served, 0)

    async def go_on():
        async with live_bots(served, tmp_path, [Holds], bars) as bots:
            assert (await bots.bot()).state is BotState.RUNNING
            await bots.to_close()
            return await bots.lots()

    assert len(asyncio.run(go_on())) == 1


def test_a_bot_whose_market_comes_to_be_in_hedge_mode_is_paused(serve, tmp_path):
    bars = panel(PERP)
    served = serve(exchange_of(bars))

    async def use(bots):
        switch_mode(served, 3)
        await bots.engine.reconcile()
        bot = await bots.bot()
        assert bot.state is BotState.PAUSED
        assert "is in hedge mode" in bot.state_reason

    run(served, tmp_path, use, bars, exchange="bybit")


def test_bots_of_an_account_have_one_margin_mode(serve, tmp_path):
    bars = panel(PERP)

    async def use(bots):
        other = terms_of({"ETH/USDT:USDT": bars[PERP]}, "Holds", exchange="bybit")
        await bots.database.write(lambda session: add_bot(session, other))
        with pytest.raises(BotError, match="with isolated margin"):
            await bots.add(
                terms_of({"XRP/USDT:USDT": bars[PERP]}, "Holds", exchange="bybit",
                         margin_mode="cross")
            )  # fmt: skip

    run(serve(exchange_of(bars)), tmp_path, use, bars, exchange="bybit")


def test_while_the_exchange_is_away_bots_wait_and_are_not_paused(serve, tmp_path, monkeypatch):
    monkeypatch.setattr(engines, "_NEXT_TRY", 600.0)
    served = serve(exchange_of(panel()))

    async def wait(bots):
        assert bots.engine.bots == {}
        assert (await bots.bot()).state is BotState.RUNNING
        n_asked = len(requests_of(served))
        await bots.engine.serve_waiting()  # too soon
        assert len(requests_of(served)) == n_asked

    async def go_on(bots):
        bots.engine._away.clear()  # as if that time had passed
        await bots.engine.serve_waiting()
        assert list(bots.engine.bots) == [1]
        await bots.to_close()
        assert len(await bots.lots()) == 1

    async def both(bots):
        with fault(served, "maintenance", route="GET /api/v3/*"):
            row = await bots.database.write(lambda s: add_bot(s, terms_of(panel(), "Holds")))
            await bots.engine.serve(row)
            await wait(bots)
        await go_on(bots)

    async def work():
        async with live_bots(served, tmp_path, [Holds], panel()) as bots:
            await both(bots)

    asyncio.run(work())


def test_a_stopped_bot_is_looked_after_until_it_has_nothing_left(serve, tmp_path):
    """It was stopped while nobody lived: its entry goes, its stop stays and is put back."""
    served = serve(exchange_of(panel()))

    async def stop(bots):
        await bots.to_close(3)
        assert len(bots.working(SPOT)) == 2
        await bots.database.write(lambda s: set_state(s, 1, BotState.STOPPED, "over"))

    async def look_after(bots):
        assert list(bots.engine.bots) == [1]
        await bots.engine.look()
        (stop,) = bots.working(SPOT)
        assert stop.trigger is not None
        served.call(served.exchange.cancel, stop)
        await bots.to_close()
        assert len(bots.working(SPOT)) == 1
        entries = [o.status for o in await bots.orders() if o.purpose is Purpose.ENTRY]
        assert entries == [Status.FILLED, Status.CANCELLED]
        await bots.engine.kill("all", flatten=True, reason="enough")
        assert bots.working(SPOT) == []
        assert (await bots.bot()).state is BotState.STOPPED

    async def leave(bots):
        assert bots.engine.bots == {}

    for use in (stop, look_after, leave):
        run(served, tmp_path, use)


def test_a_bot_whose_strategy_is_gone_is_looked_after_and_can_be_closed(serve, tmp_path):
    """An installation without it: nothing is decided, and what is held is protected."""
    served = serve(exchange_of(panel()))

    async def hold(bots):
        await bots.to_close(2)
        assert len(await bots.lots()) == 1

    async def look_after():
        async with live_bots(served, tmp_path, [], panel()) as bots:
            await bots.engine.look()
            bot = await bots.bot()
            assert bot.state is BotState.PAUSED
            assert "Holds" in bot.state_reason
            (stop,) = [o for o in bots.working(SPOT) if o.trigger is not None]
            served.call(served.exchange.cancel, stop)
            await bots.to_close()
            assert [o.trigger for o in bots.working(SPOT)] == [stop.trigger]
            await bots.engine.kill("bot", "1", flatten=True, reason="enough")
            assert bots.working(SPOT) == []
            assert not any(lot.is_open for lot in await bots.lots())

    run(served, tmp_path, hold)
    asyncio.run(look_after())


def test_a_key_that_is_refused_leaves_a_stopped_bot_stopped(serve, tmp_path):
    served = serve(exchange_of(panel()))

    async def use(bots):
        await bots.to_close(3)
        await bots.database.write(lambda s: set_state(s, 1, BotState.STOPPED, "over"))
        with fault(served, "revoked_key", key=KEY):
            assert not await bots.engine.look_at(1)
        bot = await bots.bot()
        assert (bot.state, bot.state_reason) == (BotState.STOPPED, "over")

    run(served, tmp_path, use)


def test_a_bot_that_can_not_be_taken_into_service_leaves_the_others_in_it(serve, tmp_path):
    """Neither one whose strategy fails as it is made, nor one whose account nobody can open."""
    served = serve(exchange_of(panel()))

    async def use():
        async with live_bots(served, tmp_path, [Holds, Breaks], panel()) as bots:
            for name, more in {"Breaks": {}, "Holds": {"account": "lost"}}.items():
                terms = terms_of(panel(), name, **more)
                await bots.database.write(lambda s, terms=terms: add_bot(s, terms))
            terms = terms_of(panel(), "Holds")
            await bots.database.write(lambda s: add_bot(s, terms))
        async with (
            Database(f"sqlite:///{tmp_path / 'journal.db'}") as database,
            Engine(database, opened, find={"Holds": Holds, "Breaks": Breaks}.__getitem__) as engine,
        ):
            await engine.serve_waiting()
            async with database.reading() as session:
                found = list(await session.scalars(select(BotRow).order_by(BotRow.id)))
            return found, sorted(engine.bots)

    def opened(row):
        if row.account == "lost":
            raise ValueError("no such key")
        return broker_of(row.exchange, served.url)

    (breaks, lost, well), in_service = asyncio.run(use())
    assert (breaks.state, lost.state) == (BotState.PAUSED, BotState.PAUSED)
    assert "a defect" in breaks.state_reason
    assert "no such key" in lost.state_reason
    assert well.state is BotState.RUNNING
    assert in_service == [breaks.id, well.id]


def test_a_perpetual_with_more_leverage_than_a_hundred_is_traded(serve, tmp_path):
    exchange = exchange_of(panel(PERP))
    market = exchange.markets[PERP]
    lowest = Tier(Decimal(0), Decimal("0.0025"), Decimal(200))
    exchange.markets[PERP] = replace(
        market, max_leverage=Decimal(200), tiers=(lowest, *market.tiers[1:])
    )

    async def use(bots):
        await bots.to_close(2)
        assert len(await bots.lots()) == 1

    run(serve(exchange), tmp_path, use, panel(PERP), exchange="bybit")
