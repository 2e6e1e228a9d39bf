"""What a decision leads to: limits that hold at once, code that fails, orders that are told."""

from __future__ import annotations

import asyncio
import threading
from datetime import timedelta
from decimal import ROUND_DOWN, Decimal

import pytest

import robotrader_sdk as rt
from runner.execution.identity import Purpose
from runner.execution.journal.bots import set_state
from runner.execution.journal.tables import BotState
from runner.execution.status import Status
from tests.runner.execution.live_bots import live_bots, terms_of
from tests.runner.testnet.conftest import bars_of, exchange_of, serve

__all__ = ["serve"]
SYMBOL = "BTC/USDT"
CALM = (100.0, 100.5, 99.5, 100.0)
LOW = (80.0, 80.5, 79.5, 80.0)


class Scripted(rt.Strategy):
    """Asks for what is written beside each bar, as `script` of the class has it."""

    script: dict = {}  # noqa: RUF012 - each test has a class of its own

    def init(self, bars) -> None:
        self.told = []

    def on_bar(self, ctx) -> None:
        step = self.script.get(ctx.bar_number)
        if step is not None:
            step(self, ctx)


def scripted(**steps):
    """A strategy that does `b3` at bar 3, and so on."""
    script = {int(name[1:]): step for name, step in steps.items()}
    return type("Scripted", (Scripted,), {"script": script, "__module__": __name__})


def run(serve, folder, strategy, use, *, bars=(CALM,) * 8, **terms):
    panel = {SYMBOL: bars_of(*bars)}
    served = serve(exchange_of(panel))

    async def work():
        async with live_bots(served, folder, [strategy], panel) as bots:
            await bots.add(terms_of(panel, "Scripted", **terms))
            await use(bots)

    asyncio.run(work())


def limits(**more):
    return {"price_collar": None, "max_orders_per_minute": None, **more}


def buy(quantity=1.0, **more):
    return lambda _, ctx: ctx.buy(quantity=quantity, **more)


def sell(**more):
    return lambda _, ctx: ctx.sell(**more)


def logged(bots):
    return [line for report in bots.reports for line in report.logs]


async def entries(bots):
    return [order for order in await bots.orders() if order.purpose is Purpose.ENTRY]


CLOSED = [
    ({"max_drawdown": "0.1"}, "below its peak", BotState.EXIT_ONLY),
    ({"max_daily_loss": "0.1"}, "the day's loss", BotState.RUNNING),
]


@pytest.mark.parametrize(("limit", "said", "state"), CLOSED)
def test_a_limit_that_is_reached_holds_at_that_very_close(serve, tmp_path, limit, said, state):
    """What rests would open something later, so it goes, too; the exit goes through."""
    strategy = scripted(
        b0=buy(20.0), b1=buy(limit_price=50.0), b3=buy(), b4=lambda _, ctx: ctx.close_position()
    )

    async def use(bots):
        await bots.to_close(3)
        assert len(bots.working(SYMBOL)) == 1
        await bots.to_close()
        assert any(said in line for line in logged(bots))
        assert bots.working(SYMBOL) == []
        assert [o.status for o in await entries(bots)] == [Status.FILLED, Status.CANCELLED]
        assert (await bots.bot()).state is state
        assert [lot.is_open for lot in await bots.lots()] == [True]
        await bots.to_close()
        assert [lot.is_open for lot in await bots.lots()] == [False]

    bars = (CALM, CALM, CALM, LOW, LOW, LOW, LOW)
    run(serve, tmp_path, strategy, use, bars=bars, capital=Decimal(2_500), risk=limits(**limit))


def test_after_losses_it_rests_from_the_very_close_that_shows_them(serve, tmp_path):
    strategy = scripted(b0=buy(stop_loss=0.1), b2=buy(), b3=buy())

    async def use(bots):
        await bots.to_close(4)
        assert [o.bar.minute for o in await entries(bots)] == [0, 3]
        assert sum("rests until" in line for line in logged(bots)) == 1

    bars = (CALM, CALM, LOW, LOW, LOW, LOW)
    run(serve, tmp_path, strategy, use, bars=bars, risk=limits(losses_in_a_row=1, rest_bars=1))


def test_a_price_is_held_against_the_last_trade_and_not_the_bar(serve, tmp_path):
    strategy = scripted(b0=buy(limit_price=95.0))

    async def use(bots):
        await asyncio.to_thread(bots.served.call, bots.served.local.driver.step, 3)
        report = await bots.engine.tick(1, {SYMBOL: bots.bars[SYMBOL].iloc[:1]})
        assert "more than 10% from the last, 80" in report.logs[0]
        assert await bots.orders() == []

    run(serve, tmp_path, strategy, use, bars=(CALM, LOW, LOW, LOW), risk=limits(price_collar="0.1"))


def test_a_bot_sells_what_it_holds_and_nothing_of_the_others(serve, tmp_path):
    """The account has more than enough, and the exchange would take both."""

    def twice(_, ctx):
        ctx.sell(quantity=0.75)
        ctx.sell(quantity=0.75)

    async def use(bots):
        await bots.add(terms_of(bots.bars, "Scripted", name="other", params={"seed": 1}))
        await bots.to_close(3)
        assert [lot.quantity for lot in await bots.lots()] == [Decimal("0.25")] * 2
        assert all(lot.direction > 0 for lot in await bots.lots())
        assert sum("that no other order sells" in line for line in logged(bots)) == 2

    run(serve, tmp_path, scripted(b0=buy(), b1=twice), use)


def test_an_exit_takes_back_what_rests_to_sell_a_part(serve, tmp_path):
    strategy = scripted(
        b0=buy(), b1=sell(quantity=0.5, limit_price=120.0),
        b2=lambda _, ctx: ctx.close_position(),
    )  # fmt: skip

    async def use(bots):
        await bots.to_close(2)
        assert len(bots.working(SYMBOL)) == 1
        await bots.to_close(2)
        assert bots.working(SYMBOL) == []
        assert [lot.is_open for lot in await bots.lots()] == [False]

    run(serve, tmp_path, strategy, use)


def test_a_part_is_sold_by_money(serve, tmp_path):
    async def use(bots):
        await bots.to_close(3)
        (lot,) = await bots.lots()
        assert lot.quantity == 1 - (Decimal(40) / 100 / Decimal("1.001")).quantize(Decimal("1e-5"))

    run(serve, tmp_path, scripted(b0=buy(), b1=sell(notional=40.0)), use)


def test_money_buys_more_of_what_is_held(serve, tmp_path):
    async def use(bots):
        await bots.to_close(3)
        bought = [lot.traded for lot in await bots.lots()]
        assert bought == [Decimal("0.3996"), Decimal("0.1998")]

    def more(_, ctx):
        ctx.buy(notional=20.0)

    run(serve, tmp_path, scripted(b0=lambda _, ctx: ctx.buy(notional=40.0), b1=more), use)


def test_a_fraction_is_of_the_equity_at_the_price_it_fills_at(serve, tmp_path):
    """The last price lies off tick; an order fills at the tick on its bad side."""

    async def use(bots):
        await bots.to_close(5)
        found = [order.filled for order in await bots.orders()]
        cash = 5_000 - 10 * Decimal("100.01") * Decimal("1.001")
        bought = Decimal("0.5") * (cash + 10 * Decimal("100.01")) / Decimal("100.01")
        bought = (bought / Decimal("1.001")).quantize(Decimal("1e-5"), ROUND_DOWN)
        cash -= bought * Decimal("100.01") * Decimal("1.001")
        sold = Decimal("0.1") * (cash + (10 + bought) * 100) / 100
        sold = (sold / Decimal("1.001")).quantize(Decimal("1e-5"), ROUND_DOWN)
        assert found == [10, bought, sold]

    strategy = scripted(
        b0=buy(10.0), b1=lambda _, ctx: ctx.buy(fraction=0.5), b2=sell(fraction=0.1)
    )
    run(serve, tmp_path, strategy, use, bars=((100.0049, 100.5, 99.5, 100.0),) * 6)


def test_a_stop_that_sells_a_part_waits_for_its_price_beside_protection(serve, tmp_path):
    async def use(bots):
        await bots.to_close(3)
        assert [lot.quantity for lot in await bots.lots()] == [Decimal(1)]
        await bots.to_close(2)
        assert [lot.quantity for lot in await bots.lots()] == [Decimal("0.5")]
        sold = [o for o in await bots.orders() if o.purpose is Purpose.EXIT]
        assert [(o.filled, o.filled_value) for o in sold] == [(Decimal("0.5"), Decimal(40))]

    strategy = scripted(b0=buy(stop_loss=0.5), b1=sell(quantity=0.5, stop_price=90.0))
    run(serve, tmp_path, strategy, use, bars=(*(CALM,) * 4, *(LOW,) * 3))


def test_an_entry_does_not_wait_for_a_limit_that_closes(serve, tmp_path):
    def close_and_add(_, ctx):
        ctx.sell(limit_price=120.0)
        ctx.buy(notional=20.0)

    async def use(bots):
        await bots.to_close(3)
        assert [lot.traded for lot in await bots.lots()] == [Decimal(1), Decimal("0.1998")]

    run(serve, tmp_path, scripted(b0=buy(), b1=close_and_add), use)


def keeps_a_lock(self, _):
    self.lock = threading.Lock()


def fails(_, ctx):
    raise ZeroDivisionError(ctx.bar_number)


@pytest.mark.parametrize(
    ("step", "said"),
    [(fails, "on_bar failed"), (keeps_a_lock, "can't be stored")],
)
def test_code_that_fails_stops_nothing_but_its_decision(serve, tmp_path, step, said):
    """Its orders are told of later: what has ended meanwhile is no news only then."""

    def tell(self, _):
        self.told.append(self.order.status)

    def enter(self, ctx):
        self.order = ctx.buy(quantity=1.0)

    def close(self, ctx):
        if self.told and not self.order.is_working:
            ctx.close_position()

    async def use(bots):
        await bots.to_close(3)
        assert [said in line for line in logged(bots)] == [True]
        assert (await bots.bot()).state is BotState.RUNNING
        assert [lot.is_open for lot in await bots.lots()] == [True]
        await bots.to_close()
        assert [lot.is_open for lot in await bots.lots()] == [False]

    run(serve, tmp_path, scripted(b0=enter, b1=step, b2=tell, b3=close), use)


def test_what_was_kept_by_other_code_is_said(serve, tmp_path):
    async def use(bots):
        await bots.to_close(2)
        bot = await bots.bot()

        async def spoil(session):
            row = await session.get_one(type(bot), 1)
            row.strategy_state = b"\x80\x05cno_such_module\nThing\n."

        await bots.engine.bots[1].running.executor.write(spoil)
        await bots.to_close()
        assert "kept can't be read: ModuleNotFoundError" in logged(bots)[-1]

    run(serve, tmp_path, scripted(b0=buy()), use)


def test_a_paused_strategy_hears_of_its_orders_when_it_goes_on(serve, tmp_path):
    def enter(self, ctx):
        self.order = ctx.buy(quantity=1.0, limit_price=90.0)

    def again(self, ctx):
        if not self.order.is_working:
            ctx.buy(quantity=2.0)

    async def use(bots):
        await bots.to_close()
        for state in (BotState.PAUSED, BotState.RUNNING):
            await bots.engine.bots[1].running.executor.write(
                lambda session, state=state: set_state(session, 1, state, "by hand")
            )
            await bots.to_close()
        await bots.to_close()
        statuses = [(o.quantity, o.status) for o in await entries(bots)]
        assert statuses == [(1, Status.CANCELLED), (2, Status.FILLED)]

    run(serve, tmp_path, scripted(b0=enter, b2=again), use)


def test_a_defect_pauses_the_bot_it_meets_and_no_other(serve, tmp_path, caplog):
    async def use(bots):
        await bots.add(terms_of(bots.bars, "Scripted", name="other"))
        broken = bots.engine.bots[1].running
        broken.timeframe = None
        now = bots.bars[SYMBOL].index[0] + timedelta(minutes=1)
        bots.served.call(bots.served.local.driver.step)
        for bot_id in (1, 2):
            await bots.tick(bot_id, int(now.timestamp() * 1000))
        assert (await bots.bot(1)).state is BotState.PAUSED
        assert "a defect: AttributeError" in (await bots.bot(1)).state_reason
        assert (await bots.bot(2)).state is BotState.RUNNING
        assert "Traceback" in caplog.text

    run(serve, tmp_path, scripted(b0=buy()), use)


@pytest.mark.parametrize("venue", ["binance", "bybit"])
def test_a_buy_by_money_spends_whole_steps_of_the_quote(serve, tmp_path, venue):
    """Bybit's quotePrecision; more digits are refused (170148)."""
    price = (97.31, 97.5, 97.2, 97.31)

    async def use(bots):
        await bots.to_close(2)
        (order,) = await bots.orders()
        assert order.status is Status.FILLED, order.reason
        left = 1_850 / (1 + bots.engine.bots[1].running.rules[SYMBOL].market.taker_fee)
        assert 0 <= left - order.cost < Decimal("1e-7")

    buy = scripted(b0=lambda _, ctx: ctx.buy(fraction=0.37))
    run(serve, tmp_path, buy, use, bars=(price,) * 4, exchange=venue)
