"""What a bot's equity is measured against, from tick to tick, and when it starts afresh."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pandas as pd
import pytest

import robotrader_sdk as rt
from runner.execution import commands
from runner.execution.journal.bots import bot_to_change, set_state
from runner.execution.journal.tables import BotState
from tests.runner.execution.live_bots import live_bots, terms_of
from tests.runner.testnet.conftest import bars_of, exchange_of, serve

__all__ = ["serve"]
SYMBOL = "BTC/USDT"
HIGH, LOW = (100.0, 100.5, 99.5, 100.0), (70.0, 70.5, 69.5, 70.0)
FALLS = {SYMBOL: bars_of(*[HIGH] * 3, *[LOW] * 7)}
DRAWDOWN = {"max_drawdown": "0.05", "losses_in_a_row": 3, "price_collar": None}


class Adds(rt.Strategy):
    """Buys ten, and one more at each close from then on."""

    def init(self, bars) -> None:
        pass

    def on_bar(self, ctx) -> None:
        ctx.buy(quantity=1.0 if ctx.position else 10.0)


def days_of(*prices):
    bars = bars_of(*prices)
    return bars.set_axis(pd.date_range(bars.index[0].floor("D"), periods=len(bars), freq="D"))


def run(served, folder, use, *, risk, bars=FALLS):
    timeframe = "1m" if bars is FALLS else "1d"

    async def work():
        async with live_bots(served, folder, [Adds], bars) as bots:
            await bots.add(terms_of(bots.bars, "Adds", risk=risk, timeframe=timeframe))
            await use(bots)

    asyncio.run(work())


@pytest.mark.parametrize("unseen", [0.0, 1e9])
def test_a_bot_let_run_again_starts_its_drawdown_afresh(serve, tmp_path, monkeypatch, unseen):
    """Also where its owner's word comes after a tick has read how the bot stands."""
    monkeypatch.setattr(commands, "FRESH", unseen)

    async def use(bots):
        await bots.to_close(5)
        stopped = await bots.bot()
        assert (stopped.state, stopped.peak_equity) == (BotState.EXIT_ONLY, 5_000)
        held = (await bots.lots())[-1].number
        await bots.database.write(lambda s: set_state(s, 1, BotState.RUNNING, ""))
        await bots.to_close(4)
        assert (await bots.bot()).state is BotState.RUNNING
        assert (await bots.lots())[-1].number > held

    run(serve(exchange_of(FALLS)), tmp_path, use, risk=DRAWDOWN)


def test_the_new_peak_is_the_equity_at_the_next_tick(serve, tmp_path, monkeypatch):
    monkeypatch.setattr(commands, "FRESH", 0.0)

    async def use(bots):
        await bots.to_close(5)
        before = await bots.bot()
        await bots.database.write(lambda s: set_state(s, 1, BotState.RUNNING, ""))
        await bots.to_close()
        after = await bots.bot()
        assert after.peak_equity == bots.reports[-1].equity < before.peak_equity
        assert (after.day, after.day_equity) == (before.day, before.day_equity)

    run(serve(exchange_of(FALLS)), tmp_path, use, risk=DRAWDOWN)


@pytest.mark.parametrize(
    ("state", "afresh"),
    [(BotState.RUNNING, False), (BotState.PAUSED, True), (BotState.EXIT_ONLY, True)],
)
def test_only_a_bot_that_did_not_run_starts_afresh(serve, tmp_path, state, afresh):
    async def use(bots):
        async def let_run(session):
            await set_state(session, 1, state, "by hand")
            (await bot_to_change(session, 1)).losses = 2
            await set_state(session, 1, BotState.RUNNING, "")

        await bots.database.write(let_run)
        row = await bots.bot()
        assert (row.peak_equity, row.losses) == ((0, 0) if afresh else (Decimal(5_000), 2))

    run(serve(exchange_of(FALLS)), tmp_path, use, risk=DRAWDOWN)


@pytest.mark.parametrize(("limit", "opens"), [("0.07", False), ("0.08", True)])
def test_a_loss_within_one_day_long_bar_counts(serve, tmp_path, limit, opens):
    """Twelve at 100 of its 5,000 fall to 70 within a bar: by 7.2 %."""
    within = {SYMBOL: days_of(HIGH, HIGH, HIGH, (100.0, 100.5, 69.5, 70.0), LOW, LOW, LOW)}

    async def use(bots):
        await bots.to_close(3)
        held = (await bots.lots())[-1].number
        await bots.to_close()
        assert bots.reports[-1].n_orders == opens
        assert any("the day's loss" in line for line in bots.reports[-1].logs) is not opens
        await bots.to_close()  # which is another day
        assert bots.reports[-1].n_orders == 1
        assert (await bots.lots())[-1].number == held + 1 + opens

    run(serve(exchange_of(within)), tmp_path, use, bars=within, risk={"max_daily_loss": limit})
