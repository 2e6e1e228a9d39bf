"""What happens to perpetuals without an order of ours: liquidation, funding, an owner's hand."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from robotrader_sdk.types import Side
from runner.execution.identity import Purpose
from runner.execution.journal.ledger import holdings_of
from runner.execution.journal.tables import BotState, EntryKind, EntryRow, PositionRow
from runner.testnet.core.house import LIQUIDATION
from tests.runner.execution.owners import CALM, PERP, held, run, stranger, totals
from tests.runner.testnet.conftest import bars_of, exchange_of, serve

__all__ = ["serve"]


def test_a_liquidation_is_seen_recorded_and_stops_the_bot(serve, tmp_path):
    crash = (95.0, 95.0, 80.0, 81.0)
    bars = {PERP: bars_of(CALM, CALM, crash, crash, crash)}
    served = serve(exchange_of(bars))

    async def use(bots):
        await bots.to_close(3)
        await bots.engine.reconcile()
        bot = await bots.bot()
        assert bot.state is BotState.STOPPED
        assert "liquidated" in bot.state_reason
        (lot,) = await bots.lots()
        assert (lot.is_open, lot.exit_purpose) == (False, Purpose.LIQUIDATION)
        assert any("liquidated" in text for text in await bots.findings())
        for _ in range(2):
            await bots.engine.reconcile()
        assert await totals(bots) == held(served)

    run(
        served, tmp_path, bars, use, exchange="bybit", leverage=Decimal(10),
        params={"quantity": 40.0}, capital=Decimal(1_000),
    )  # fmt: skip


def test_what_a_liquidation_closes_beyond_a_bots_position_is_not_the_bots(serve, tmp_path):
    """The account's owner had added to the position by hand."""
    crash = (95.0, 95.0, 80.0, 81.0)
    bars = {PERP: bars_of(CALM, CALM, crash, crash, crash)}
    served = serve(exchange_of(bars))

    async def use(bots):
        await bots.to_close(2)
        stranger(served, PERP, Side.BUY, "10")
        await bots.to_close()
        for _ in range(3):
            await bots.engine.reconcile()
        (lot,) = await bots.lots()
        assert (lot.is_open, lot.exit_quantity) == (False, 40)
        assert [p.quantity for p in await bots.rows(PositionRow)] == [0]
        assert await totals(bots) == held(served)

    run(
        served, tmp_path, bars, use, exchange="bybit", leverage=Decimal(10),
        params={"quantity": 40.0}, capital=Decimal(1_000),
    )  # fmt: skip


def test_a_liquidation_that_is_told_in_parts_takes_no_more_than_the_bot_has(serve, tmp_path):
    """The account's owner had added to the position by hand; two parts come at first, then one."""
    crash = (95.0, 95.0, 80.0, 81.0)
    bars = {PERP: bars_of(CALM, CALM, crash, crash, crash)}
    served = serve(exchange_of(bars))

    def tell_in_parts():
        records = served.exchange.records
        (whole,) = [t for t in records.trades if t.kind == LIQUIDATION]
        assert whole.quantity == 50
        records.trades.remove(whole)
        records.trades_of("alice", PERP).remove(whole)
        parts = []
        for quantity in (15, 15, 20):
            share = Decimal(quantity) / whole.quantity
            given = {"cost": whole.cost * share, "fee": whole.fee * share}
            number = records.next_trade + len(parts)
            parts.append(replace(whole, number=number, quantity=Decimal(quantity), **given))
        return parts

    async def use(bots):
        await bots.to_close(2)
        stranger(served, PERP, Side.BUY, "10")
        await bots.to_close()
        *first, last = served.call(tell_in_parts)
        for part in first:
            served.call(served.exchange.records.add_trade, part)
        await bots.engine.reconcile()
        assert [p.quantity for p in await bots.rows(PositionRow)] == [10]
        served.call(served.exchange.records.add_trade, last)
        for _ in range(3):
            await bots.engine.reconcile()
        (lot,) = await bots.lots()
        assert (lot.is_open, lot.exit_quantity) == (False, 40)
        assert [p.quantity for p in await bots.rows(PositionRow)] == [0]
        (forced,) = [o for o in await bots.orders() if o.purpose is Purpose.LIQUIDATION]
        assert (forced.quantity, forced.filled) == (40, 40)
        assert sum("was liquidated" in text for text in await bots.findings()) == 1
        assert await totals(bots) == held(served)

    run(
        served, tmp_path, bars, use, exchange="bybit", leverage=Decimal(10),
        params={"quantity": 40.0}, capital=Decimal(1_000),
    )  # fmt: skip


@pytest.mark.parametrize("limit", [0.0, 50.0], ids=["the bot holds, too", "only its owner holds"])
def test_funding_is_the_bots_while_it_holds(serve, tmp_path, limit):
    bars = {PERP: bars_of(*[CALM] * 6, start="2024-01-01 07:57")}
    served = serve(exchange_of(bars))

    async def use(bots):
        await bots.to_close()
        if limit:
            stranger(served, PERP, Side.BUY, "10")
        await bots.to_close(4)
        for _ in range(3):
            await bots.engine.reconcile()
        paid = [e for e in await bots.rows(EntryRow) if e.kind is EntryKind.FUNDING]
        assert [entry.bot_id for entry in paid] == ([] if limit else [1])
        assert await totals(bots) == held(served)
        async with bots.database.reading() as session:
            own = await holdings_of(session, "main", 1)
        assert bool(own.get("USDT")) is not bool(limit)

    run(served, tmp_path, bars, use, exchange="bybit", params={"limit": limit})
