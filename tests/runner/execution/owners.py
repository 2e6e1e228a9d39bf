"""A bot that holds, beside an owner who trades by hand with the same account."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import robotrader_sdk as rt
from robotrader_sdk.types import OrderType, Side
from runner.execution.journal.ledger import expected_balances
from runner.testnet.core.orders import Request
from tests.runner.execution.live_bots import live_bots, terms_of

SPOT, PERP = "BTC/USDT", "BTC/USDT:USDT"
CALM = (100.0, 100.5, 99.5, 100.0)


class Holds(rt.Strategy):
    """Buys at the first close and holds."""

    quantity: float = rt.param(1.0)
    stop: float = rt.param(0.0)
    limit: float = rt.param(0.0)

    def init(self, bars) -> None:
        self.is_done = False

    def on_bar(self, ctx) -> None:
        if not self.is_done:
            self.is_done = True
            more = {"stop_loss": self.stop} if self.stop else {}
            if self.limit:
                more["limit_price"] = self.limit
            ctx.buy(quantity=self.quantity, **more)


def run(served, folder, bars, use, **terms):
    async def work():
        async with live_bots(served, folder, [Holds], bars) as bots:
            if not bots.engine.bots:
                await bots.add(terms_of(bars, "Holds", **terms))
            await bots.engine.reconcile()
            await use(bots)

    asyncio.run(work())


def stranger(served, symbol, side=Side.BUY, quantity="1", **more):
    """The account's owner trades by hand."""
    given = {"type": OrderType.MARKET, "quantity": Decimal(quantity), **more}
    request = Request(symbol=symbol, side=side, **given)
    return served.call(served.exchange.submit, "alice", request)


async def totals(bots):
    async with bots.database.reading() as session:
        return {a: t for a, t in (await expected_balances(session, "main")).items() if t}


def held(served):
    balances = served.exchange.accounts["alice"].balances
    return {asset: balance.total for asset, balance in balances.items() if balance.total}
