"""Waiting orders by weight share the money that no other order may still need."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from robotrader_sdk.types import OrderType, Side
from runner.execution.identity import Purpose
from runner.execution.journal.orders import add_order
from runner.execution.promotion import Promoter
from runner.execution.rules import Rules
from runner.execution.status import Status
from tests.runner.execution.journal_rows import PERP, SPOT, START, Booker, in_journal

OTHER = replace(SPOT, symbol="ETH/USDT", base="ETH", taker_fee=Decimal(0))
PRICE = Decimal(100)


def grown(url, market, *, filled="0", **of_order) -> Decimal:
    """How much of another symbol a weight of all buys beside an order of a bot with 10,000."""
    market = replace(market, taker_fee=Decimal(0))

    async def use(database):
        async def work(session):
            booker = await Booker.new(session, market, leverage=Decimal(5))
            beside = await booker.order(Side.BUY, of_order.pop("quantity", "0"), **of_order)
            if beside.cost is not None:
                beside.quantity = None
            if Decimal(filled):
                await booker.book(beside, filled, "100")
            waiting = await add_order(
                session, booker.bot, bar=START, sequence=9, purpose=Purpose.REBALANCE,
                status=Status.WAITING, symbol=OTHER.symbol, side=Side.BUY,
                type=OrderType.MARKET, sizing={"weight": 1.0}, created_at=START,
            )  # fmt: skip
            rules = {
                market.symbol: Rules.of(market, booker.bot.leverage * market.is_perpetual or 1),
                OTHER.symbol: Rules.of(OTHER),
            }
            prices = dict.fromkeys(rules, PRICE)
            await (await Promoter.of(session, booker.bot.id, rules, prices, START)).promote()
            return waiting.quantity

        return await database.write(work)

    return in_journal(url, use)


@pytest.mark.parametrize(
    ("market", "of_order", "left"),
    [
        (SPOT, {"cost": Decimal(8_000), "filled": "50"}, 20),  # 3,000 of it are still to be spent
        (SPOT, {"quantity": "80", "filled": "50"}, 20),
        (SPOT, {"quantity": "80", "sizing": {"weight": 0.8}}, 20),  # of an older decision
        (PERP, {"quantity": "60"}, 88),  # a margin of 1,200
        (PERP, {"quantity": "60", "filled": "50"}, 88),
    ],
)
def test_weights_leave_what_other_orders_may_still_tie_up(database_url, market, of_order, left):
    assert grown(database_url, market, **of_order) == pytest.approx(
        Decimal(left), abs=Decimal("0.002")
    )
