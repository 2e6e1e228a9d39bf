"""A bot's capital is spent once, also where an exit fails or weights meet other orders."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

import robotrader_sdk as rt
from runner.execution.identity import Purpose
from runner.execution.journal.tables import PositionRow
from runner.execution.status import Status
from tests.runner.execution.live_bots import live_bots, refusing, terms_of
from tests.runner.testnet.conftest import bars_of, exchange_of, serve

__all__ = ["serve"]
BTC, ETH = "BTC/USDT", "ETH/USDT"
CALM = (100.0, 100.5, 99.5, 100.0)
BARS = {BTC: bars_of(*[CALM] * 4, *[(100.0, 100.5, 95.0, 100.0)] * 4), ETH: bars_of(*[CALM] * 8)}
CAPITAL = Decimal(5_000)


class Again(rt.Strategy):
    """Buys, then sells all and buys the same at one open."""

    def init(self, bars) -> None:
        self.n = 0

    def on_bar(self, ctx) -> None:
        self.n += 1
        if self.n == 2:
            ctx.close_position()
        if self.n <= 2:
            ctx.buy(fraction=0.9)


class Swaps(rt.PortfolioStrategy):
    """Buys one, then sells it and buys the other at one open."""

    def init(self, panel) -> None:
        self.n = 0

    def on_bar(self, ctx) -> None:
        self.n += 1
        if self.n == 1:
            ctx[BTC].buy(fraction=0.9)
        elif self.n == 2:
            ctx[BTC].close_position()
            ctx[ETH].buy(fraction=0.9)


class Mixes(rt.PortfolioStrategy):
    """Asks for weights beside an order of its own, which may rest."""

    at: int = rt.param(1)
    limit: float = rt.param(0.0)

    def init(self, panel) -> None:
        self.n = 0

    def on_bar(self, ctx) -> None:
        self.n += 1
        if self.n == 1:
            more = {"limit_price": self.limit} if self.limit else {}
            ctx[BTC].buy(fraction=0.9, **more)
        if self.n == self.at:
            ctx.rebalance({ETH: 0.9})


async def spent(bots):
    """What the bot holds is worth, and its cash."""
    positions = await bots.rows(PositionRow)
    cash = (await bots.engine.bots[1].running.executor.standing()).cash
    return sum(position.quantity * 100 for position in positions), cash


@pytest.mark.parametrize("strategy", [Again, Swaps])
def test_an_entry_whose_exit_was_refused_is_not_sent(serve, tmp_path, strategy):
    """The account has more money than the bot, so that the exchange would take it."""
    bars = {BTC: BARS[BTC]} if strategy is Again else BARS
    served = serve(exchange_of(bars))

    async def work():
        async with live_bots(served, tmp_path, [strategy], bars) as bots:
            await bots.add(terms_of(bars, strategy.__name__))
            await bots.to_close()
            while not await bots.lots():
                await bots.to_close()
            with refusing(served.exchange, "submit", lambda _, order: order.side < 0):
                await bots.to_close(2)
            ended = [(o.purpose, o.status) for o in await bots.orders()]
            assert (Purpose.EXIT, Status.REJECTED) in ended
            assert ended[-1] == (Purpose.ENTRY, Status.ABANDONED)
            worth, cash = await spent(bots)
            assert worth < CAPITAL
            assert cash > 0

    asyncio.run(work())


@pytest.mark.parametrize(("at", "limit"), [(1, 97.0), (2, 97.0), (1, 0.0)])
def test_weights_leave_the_money_that_other_orders_may_need(serve, tmp_path, at, limit):
    served = serve(exchange_of(BARS))

    async def work():
        async with live_bots(served, tmp_path, [Mixes], BARS) as bots:
            await bots.add(terms_of(BARS, "Mixes", params={"at": at, "limit": limit}))
            await bots.to_close(7)
            filled = {o.symbol for o in await bots.orders() if o.filled}
            assert filled == {BTC, ETH}
            worth, cash = await spent(bots)
            assert worth < CAPITAL * Decimal("1.05")
            assert cash >= 0

    asyncio.run(work())
