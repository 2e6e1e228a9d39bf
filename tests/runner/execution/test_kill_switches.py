"""Kill switches at a real exchange: they cancel, may flatten, and outlive the process."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

import robotrader_sdk as rt
from robotrader_sdk.types import OrderType
from runner.execution import commands, engine
from runner.execution.errors import BotError, IdentityError, LeaseLostError
from runner.execution.identity import Purpose
from runner.execution.journal.bots import set_state, turn_off, turn_on
from runner.execution.journal.tables import BotState, OrderRow
from runner.execution.status import Status
from runner.storage.errors import StorageError
from tests.runner.execution.brokers import fault
from tests.runner.execution.live_bots import live_bots, refusing, terms_of
from tests.runner.testnet.conftest import KEY, bars_of, exchange_of, serve

__all__ = ["serve"]
CALM = (100.0, 100.5, 99.5, 100.0)
PLACES = [("binance", "BTC/USDT"), ("bybit", "BTC/USDT:USDT")]


class Busy(rt.Strategy):
    """Holds one protected unit, and has a limit order resting beside it."""

    def init(self, bars) -> None:
        pass

    def on_bar(self, ctx) -> None:
        if not ctx.position:
            ctx.buy(quantity=1.0, stop_loss=0.1)
        elif not ctx.orders:
            ctx.buy(quantity=1.0, limit_price=90.0, stop_loss=0.1)


def run(served, folder, symbol, use, *, owners=("alice",), venue="binance"):
    bars = {symbol: bars_of(*[CALM] * 12)}

    async def work():
        async with live_bots(served, folder, [Busy], bars) as bots:
            if not bots.engine.bots:
                for number, owner in enumerate(owners):
                    whose = {"owner_id": owner, "account": f"{owner}'s", "name": f"b{number}"}
                    await bots.add(terms_of(bars, "Busy", exchange=venue, **whose))
            await use(bots)

    asyncio.run(work())


def exchange(symbol):
    return exchange_of({symbol: bars_of(*[CALM] * 12)})


def kinds(bots, symbol):
    return sorted("stop" if o.trigger is not None else "limit" for o in bots.working(symbol))


def market_orders_refused(served):
    """The market takes no market orders for now, and all others."""

    def is_at_market(account, request):
        return request.type is OrderType.MARKET and request.trigger is None

    return refusing(served.exchange, "submit", is_at_market)


async def flattens(bots):
    return [order for order in await bots.orders() if order.purpose is Purpose.FLATTEN]


async def look_often(bots):
    for _ in range(5):
        await bots.engine.look()


@pytest.mark.parametrize(("venue", "symbol"), PLACES)
def test_it_cancels_entries_and_leaves_protection(serve, tmp_path, venue, symbol):
    served = serve(exchange(symbol))

    async def use(bots):
        await bots.to_close(3)
        assert kinds(bots, symbol) == ["limit", "stop"]
        await bots.engine.kill("bot", "1", reason="enough")
        assert kinds(bots, symbol) == ["stop"]
        bot = await bots.bot()
        assert (bot.state, bot.state_reason) == (BotState.PAUSED, "kill switch: enough")
        await bots.to_close(3)
        assert kinds(bots, symbol) == ["stop"]
        assert [lot.quantity for lot in await bots.lots()] == [1]

    run(served, tmp_path, symbol, use, venue=venue)


@pytest.mark.parametrize(("venue", "symbol"), PLACES)
def test_it_flattens_if_it_is_to(serve, tmp_path, venue, symbol):
    served = serve(exchange(symbol))

    async def use(bots):
        await bots.to_close(3)
        await bots.engine.kill("all", flatten=True, reason="enough")
        assert bots.working(symbol) == []
        (lot,) = await bots.lots()
        assert (lot.is_open, lot.exit_purpose) == (False, Purpose.FLATTEN)
        await bots.to_close(3)
        assert bots.working(symbol) == []
        assert len(await bots.lots()) == 1

    run(served, tmp_path, symbol, use, venue=venue)


def test_a_perpetual_is_protected_until_it_is_closed(serve, tmp_path, monkeypatch):
    """A stop there only reduces: no order has to wait for its end."""
    symbol = "BTC/USDT:USDT"
    served = serve(exchange(symbol))
    held_at_its_end = []
    end = type(served.exchange).end

    def watched(exchange, order, *more):
        if order.trigger is not None:
            held_at_its_end.append(exchange.linear.position("alice", symbol).quantity)
        end(exchange, order, *more)

    async def use(bots):
        await bots.to_close(2)
        (stop,) = bots.stops(symbol)
        with market_orders_refused(served):
            monkeypatch.setattr(type(served.exchange), "end", watched)
            await bots.engine.kill("all", flatten=True, reason="enough")
            await look_often(bots)
            assert bots.working(symbol) == [stop]
        await bots.to_close()
        await bots.engine.look()
        assert (bots.working(symbol), held_at_its_end) == ([], [0])

    run(served, tmp_path, symbol, use, venue="bybit")


@pytest.mark.parametrize(("venue", "symbol"), PLACES)
def test_what_can_not_be_closed_stays_protected_and_is_tried_again_at_the_next_bar(
    serve, tmp_path, venue, symbol
):
    served = serve(exchange(symbol))

    async def use(bots):
        await bots.to_close(2)
        with market_orders_refused(served):
            await bots.engine.kill("all", flatten=True, reason="enough")
            await look_often(bots)
            tries = await flattens(bots)
            assert [order.status for order in tries] == [Status.REJECTED] * 3
            (stop,) = bots.working(symbol)
            await look_often(bots)
            await bots.engine.reconcile()
            assert bots.working(symbol) == [stop]
            told = f"kill switch: enough; {symbol} can't be closed for now: {tries[-1].reason}"
            assert (await bots.bot()).state_reason == told

            await bots.to_close()
            await look_often(bots)
            assert len(await flattens(bots)) == 6
            assert kinds(bots, symbol) == ["stop"]
            assert [lot.quantity for lot in await bots.lots()] == [1]
        await bots.to_close()
        await bots.engine.look()
        (lot,) = await bots.lots()
        assert (lot.is_open, lot.exit_purpose) == (False, Purpose.FLATTEN)
        assert bots.working(symbol) == []
        await bots.engine.look()
        assert (await bots.bot()).state_reason == "kill switch: enough"

    run(served, tmp_path, symbol, use, venue=venue)


def test_where_no_bar_comes_it_is_tried_again_by_the_clock_and_ever_more_calmly(serve, tmp_path):
    """Its owner has sold by hand what the bot is to sell."""
    symbol = "BTC/USDT"
    served = serve(exchange(symbol))
    minutes_and_tries = [(0.0, 3), (0.9, 3), (1.1, 4), (1.1, 4), (2.1, 5), (2.9, 5), (3.1, 6)]

    async def age(bots, minutes):
        """Have the last try be so long ago."""
        tries = await flattens(bots)

        async def write(session):
            order = await session.get_one(OrderRow, tries[-1].client_order_id)
            order.ended_at = datetime.now(UTC) - timedelta(minutes=minutes)

        await bots.database.write(write)

    async def use(bots):
        await bots.to_close(2)
        served.call(served.exchange.cancel, bots.working(symbol)[0])
        served.exchange.accounts["alice"].balances["BTC"].free = Decimal(0)
        await bots.engine.kill("all", flatten=True, reason="enough")
        for minutes, n_tries in minutes_and_tries:
            await age(bots, minutes)
            await look_often(bots)
            assert len(await flattens(bots)) == n_tries
        assert "insufficient balance" in (await bots.bot()).state_reason

    run(served, tmp_path, symbol, use)


@pytest.mark.parametrize("error", [IdentityError("no number is left"), ValueError("a defect")])
def test_a_switch_that_can_not_be_carried_out_is_one_bots_matter(
    serve, tmp_path, monkeypatch, error
):
    symbol = "BTC/USDT"
    served = serve(exchange(symbol))

    async def fail(session, bot_id, rules):
        raise error

    async def use(bots):
        await bots.to_close(3)
        assert kinds(bots, symbol) == ["limit", "limit", "stop", "stop"]
        monkeypatch.setattr(engine, "obey_switches", fail)
        await bots.engine.kill("owner", "alice", flatten=True, reason="enough")
        for stop in bots.stops(symbol):
            served.call(served.exchange.cancel, stop)
        await bots.engine.reconcile()
        assert kinds(bots, symbol) == ["limit", "stop", "stop"]  # what is held is looked after
        await bots.to_close()
        first, second = await bots.bot(1), await bots.bot(2)
        assert (first.state, second.state) == (BotState.PAUSED, BotState.RUNNING)
        assert str(error) in first.state_reason
        assert first.last_bar == second.last_bar == bots.bars[symbol].index[3]

    run(served, tmp_path, symbol, use, owners=("alice", "bob"))


@pytest.mark.parametrize("error", [StorageError("the disk is full"), LeaseLostError("another")])
def test_a_switch_that_the_database_can_not_carry_out_ends_the_engine(
    serve, tmp_path, monkeypatch, error
):
    async def fail(session, bot_id, rules):
        raise error

    async def use(bots):
        await bots.to_close(2)
        monkeypatch.setattr(engine, "obey_switches", fail)
        for work in (
            lambda: bots.engine.kill("all", reason="enough"),
            bots.engine.reconcile,
            lambda: bots.to_close(1),
        ):
            with pytest.raises(type(error)):
                await work()

    run(serve(exchange("BTC/USDT")), tmp_path, "BTC/USDT", use)


def test_it_outlives_the_process_and_goes_only_when_it_is_turned_off(serve, tmp_path, monkeypatch):
    monkeypatch.setattr(commands, "FRESH", 0.0)  # that it looks by itself is tried below
    symbol = "BTC/USDT"
    served = serve(exchange(symbol))

    async def kill(bots):
        await bots.to_close(3)
        await bots.engine.kill("owner", "alice", flatten=True, reason="enough")

    async def still_dead(bots):
        await bots.engine.reconcile()
        await bots.to_close(2)
        assert bots.working(symbol) == []
        assert (await bots.bot()).state is BotState.PAUSED
        await bots.database.write(lambda s: set_state(s, 1, BotState.RUNNING, ""))
        await bots.to_close()
        assert (await bots.bot()).state is BotState.PAUSED

        await bots.database.write(lambda s: turn_off(s, "owner", "alice"))
        await bots.to_close()
        assert (await bots.bot()).state is BotState.PAUSED  # nobody has let it run again
        await bots.database.write(lambda s: set_state(s, 1, BotState.RUNNING, ""))
        await bots.to_close()
        assert len([lot for lot in await bots.lots() if lot.is_open]) == 1

    run(served, tmp_path, symbol, kill)
    run(served, tmp_path, symbol, still_dead)


def test_a_switch_turned_on_while_nobody_lives_is_obeyed_at_the_start(serve, tmp_path):
    symbol = "BTC/USDT"
    served = serve(exchange(symbol))

    async def trade(bots):
        await bots.to_close(3)
        at = datetime.now(UTC)
        await bots.database.write(
            lambda s: turn_on(s, "all", "", flatten=True, reason="from outside", at=at)
        )

    async def start(bots):
        await bots.engine.reconcile()
        assert bots.working(symbol) == []
        assert [lot.is_open for lot in await bots.lots()] == [False]

    run(served, tmp_path, symbol, trade)
    run(served, tmp_path, symbol, start)


def test_an_owners_switch_touches_no_other_owner(serve, tmp_path):
    symbol = "BTC/USDT"
    served = serve(exchange(symbol))

    async def use(bots):
        await bots.to_close(2)
        await bots.engine.kill("owner", "bob", flatten=True, reason="enough")
        states = {row.owner_id: row.state for row in [await bots.bot(1), await bots.bot(2)]}
        assert states == {"alice": BotState.RUNNING, "bob": BotState.PAUSED}
        assert {lot.bot_id: lot.is_open for lot in await bots.lots()} == {1: True, 2: False}
        assert served.exchange.accounts["alice"].balance("BTC").total == Decimal(1)

    run(served, tmp_path, symbol, use, owners=("alice", "bob"))


@pytest.mark.parametrize("state", [BotState.EXIT_ONLY, BotState.PAUSED])
def test_a_state_holds_at_once_and_protection_is_looked_after(serve, tmp_path, state):
    symbol = "BTC/USDT"
    served = serve(exchange(symbol))

    async def use(bots):
        await bots.to_close(2)
        await bots.database.write(lambda s: set_state(s, 1, state, "by hand"))
        await asyncio.sleep(1.1)  # until the engine looks at the states again
        (stop,) = [order for order in bots.working(symbol) if order.trigger is not None]
        served.call(served.exchange.cancel, stop)
        await bots.to_close(3)
        assert kinds(bots, symbol) == ["stop"]
        opened = [o for o in await bots.orders() if o.purpose is Purpose.ENTRY]
        assert [o.status for o in opened] == [Status.FILLED, Status.CANCELLED]

    run(served, tmp_path, symbol, use)


@pytest.mark.parametrize(("venue", "symbol"), PLACES)
def test_a_bot_stopped_while_nobody_lives_leaves_no_entry_behind(serve, tmp_path, venue, symbol):
    """It would fill one day, and nobody would see to what it bought."""
    served = serve(exchange(symbol))

    async def trade(bots):
        await bots.to_close(3)
        assert kinds(bots, symbol) == ["limit", "stop"]
        await bots.database.write(lambda s: set_state(s, 1, BotState.STOPPED, "over"))

    async def start(bots):
        await bots.engine.reconcile()
        assert kinds(bots, symbol) == ["stop"]
        served.call(served.exchange.cancel, bots.working(symbol)[0])
        await bots.to_close(2)
        assert kinds(bots, symbol) == ["stop"]
        assert [lot.quantity for lot in await bots.lots()] == [1]

    run(served, tmp_path, symbol, trade, venue=venue)
    run(served, tmp_path, symbol, start, venue=venue)


def test_stopped_is_for_good(serve, tmp_path):
    async def use(bots):
        await bots.database.write(lambda s: set_state(s, 1, BotState.STOPPED, "over"))
        with pytest.raises(BotError, match="for good"):
            await bots.database.write(lambda s: set_state(s, 1, BotState.RUNNING, ""))
        with fault(bots.served, "revoked_key", key=KEY):
            assert await bots.engine.reconcile() == []  # which pauses the bots of the account
        assert (await bots.bot()).state is BotState.STOPPED

    run(serve(exchange("BTC/USDT")), tmp_path, "BTC/USDT", use)
