"""Reconciliation: the exchange's truth against the journal.

At the start, on a timer and after every unknown. Everything of ours that is not final is looked
up; executions since the last look are entered; balances are compared to the sum of the ledger,
positions to the journal's. What differs and is not ours is entered as external. Orders that are
not ours, or that look like ours and are not in the journal, are reported and left alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from sqlalchemy.ext.asyncio import AsyncSession

from robotrader_sdk.types import OrderType
from runner.execution.broker import Broker, FillReport, Market, OrderReport
from runner.execution.funding import collect_funding
from runner.execution.identity import OrderIdentity, Purpose
from runner.execution.journal.accounts import (
    add_report,
    is_moving,
    is_opened,
    newest_fill,
    oldest_open_bar,
    orders_by_exchange_id,
    positions_of,
)
from runner.execution.journal.fills import book_fill
from runner.execution.journal.ledger import Party, enter, expected_balances
from runner.execution.journal.orders import add_order, next_sequence, open_orders, orders_by_id
from runner.execution.journal.tables import BotRow, BotState, EntryKind, OrderRow
from runner.execution.points import reach
from runner.execution.rules import Rules
from runner.execution.status import Status
from runner.execution.tick import RunningBot
from runner.storage.database import Database

ZERO = Decimal(0)
_LOOK_BACK = timedelta(minutes=1)


@dataclass(slots=True)
class Reconciliation:
    """What was found and done. `consistent`: money was compared, while nothing moved."""

    findings: list[str] = field(default_factory=list)
    n_fills: int = 0
    consistent: bool = False


@dataclass(slots=True)
class Reconciler:
    """One account at one exchange, and the bots that trade with it.

    A gap in the money is entered when two runs in a row have found the same: an execution that is
    told late is no gap.
    """

    database: Database
    broker: Broker
    owner_id: str
    account: str
    bots: Sequence[RunningBot]
    _gaps: dict[str, Decimal] = field(default_factory=dict)

    async def run(self) -> Reconciliation:
        """Compare, enter, report; the bots' own orders are settled afterwards."""
        found = Reconciliation()
        for symbol, rules in self._rules().items():
            await self._symbol(symbol, rules, found)
            reach("inside reconcile")
        before = await self._balances()
        for bot in self.bots:
            await bot.executor.look()
        await self._money(before, found)
        await self._positions(found)
        if found.findings or found.n_fills:
            at = datetime.now(UTC)
            await self.database.write(
                lambda s: add_report(s, self.owner_id, self.account, at, found.findings)
            )
        reach("after reconcile")
        return found

    def _rules(self) -> dict[str, Rules]:
        return {symbol: rules for bot in self.bots for symbol, rules in bot.rules.items()}

    async def _symbol(self, symbol: str, rules: Rules, found: Reconciliation) -> None:
        """Open orders, executions and funding of a symbol."""
        working = {r.client_order_id: r for r in await self.broker.open_orders(symbol)}
        async with self.database.reading() as session:
            since = await self._since(session, symbol)
        fills = [] if since is None else await self.broker.fills_since(symbol, since)
        if fills:
            found.n_fills += await self._enter_fills(fills, rules.market, found)
        if rules.market.is_perpetual:
            await self._enter_funding(symbol, found)
        await self._strangers(working, found)

    async def _since(self, session: AsyncSession, symbol: str) -> datetime | None:
        """From when on executions may be missing: the oldest order that has not ended.

        A perpetual may be liquidated without an order of ours: from its last execution.
        """
        ids = [bot.bot_id for bot in self.bots]
        oldest = await oldest_open_bar(session, ids, symbol)
        newest = await newest_fill(session, self.account, symbol) if ":" in symbol else None
        times = [oldest - _LOOK_BACK] if oldest is not None else []
        return min(times if newest is None else [*times, newest], default=None)

    async def _enter_fills(
        self, fills: Sequence[FillReport], market: Market, found: Reconciliation
    ) -> int:
        """Enter what is ours and was missing, under the order it belongs to."""

        async def enter_all(session: AsyncSession) -> int:
            exchange_ids = [fill.exchange_order_id for fill in fills]
            by_exchange_id = await orders_by_exchange_id(session, self.account, exchange_ids)
            by_id = {
                order.client_order_id: order
                for order in await orders_by_id(session, [f.client_order_id for f in fills])
            }
            n_new = 0
            for fill in fills:
                order = by_id.get(fill.client_order_id) or by_exchange_id.get(
                    fill.exchange_order_id
                )
                if order is None and fill.is_liquidation:
                    order = await self._liquidation(session, fill, found)
                if order is None or order.symbol != fill.symbol:
                    continue
                if await book_fill(session, order, fill, market):
                    n_new += 1
                    found.findings.append(
                        f"fill {fill.trade_id} of {order.client_order_id} was missing"
                    )
            return n_new

        n_new = await self.database.write(enter_all)
        for bot in self.bots:
            bot.executor.forget()
        return n_new

    async def _liquidation(
        self, session: AsyncSession, fill: FillReport, found: Reconciliation
    ) -> OrderRow | None:
        """The exchange has closed a position: write its order down, and stop the bot."""
        bot = next((bot for bot in self.bots if fill.symbol in bot.rules), None)
        if bot is None:
            return None
        row = await session.get_one(BotRow, bot.bot_id)
        row.state = BotState.STOPPED
        row.state_reason = f"{fill.symbol} was liquidated at {fill.price:f}"
        found.findings.append(row.state_reason)
        for order in await open_orders(session, bot.bot_id):
            order.cancel_wanted |= order.lot is None or order.symbol == fill.symbol
        bar = row.last_bar or row.started
        return await add_order(
            session,
            row,
            bar=bar,
            sequence=await next_sequence(session, bot.bot_id, bar),
            purpose=Purpose.LIQUIDATION,
            status=Status.FILLED,
            is_open=False,
            symbol=fill.symbol,
            side=fill.side,
            type=OrderType.MARKET,
            quantity=fill.quantity,
            exchange_order_id=fill.exchange_order_id,
            created_at=datetime.now(UTC),
            ended_at=datetime.now(UTC),
        )

    async def _strangers(self, working: dict[str, OrderReport], found: Reconciliation) -> None:
        """What looks like ours and is not in the journal is told, and left alone."""
        ours = {
            client_id: identity
            for client_id in working
            if (identity := OrderIdentity.read(client_id)) is not None
        }
        async with self.database.reading() as session:
            known = {o.client_order_id for o in await orders_by_id(session, list(ours))}
        found.findings.extend(
            f"order {client_id} looks like ours and is not in the journal; it was left alone"
            for client_id in sorted(set(ours) - known)
        )

    async def _enter_funding(self, symbol: str, found: Reconciliation) -> None:
        for bot in self.bots:
            n_new = await collect_funding(bot.executor, symbol) if symbol in bot.rules else 0
            if n_new:
                found.findings.append(f"{n_new} payments of funding for {symbol} were entered")

    async def _balances(self) -> dict[str, Decimal]:
        return {asset: b.total for asset, b in (await self.broker.balances()).items()}

    async def _money(self, before: dict[str, Decimal], found: Reconciliation) -> None:
        """Balances against the ledger's sums, while nothing has moved in between."""
        after = await self._balances()
        async with self.database.reading() as session:
            expected = await expected_balances(session, self.account)
            opened = await is_opened(session, self.account)
            moving = await is_moving(session, self.account)
        if before != after or moving:
            return
        found.consistent = True
        gaps = {
            asset: gap
            for asset in sorted({*after, *expected})
            if (gap := after.get(asset, ZERO) - expected.get(asset, ZERO))
        }
        kind = EntryKind.EXTERNAL if opened else EntryKind.OPENING
        sure = _in_both(gaps, self._gaps) if opened else gaps
        self._gaps = {asset: gap for asset, gap in gaps.items() if asset not in sure}
        if sure:
            now = await self.broker.server_time()
            await self.database.write(lambda s: self._enter_gaps(s, kind, sure, now, found))

    async def _enter_gaps(
        self,
        session: AsyncSession,
        kind: EntryKind,
        gaps: dict[str, Decimal],
        now: datetime,
        found: Reconciliation,
    ) -> None:
        party = Party(self.owner_id, self.account)
        for asset, gap in sorted(gaps.items()):
            reference = f"{kind.value} {now.isoformat()}"
            await enter(session, party, kind, asset, gap, reference, now)
            if kind is EntryKind.EXTERNAL:
                found.findings.append(f"{asset} differs by {gap:f}, which is not ours")

    async def _positions(self, found: Reconciliation) -> None:
        """A perpetual's position that is not what the journal says stops its bot."""
        for bot in self.bots:
            symbols = [s for s, rules in bot.rules.items() if rules.market.is_perpetual]
            if not symbols:
                continue
            held = {p.symbol: p.quantity for p in await self.broker.positions(symbols)}
            async with self.database.reading() as session:
                own = await positions_of(session, bot.bot_id)
            for symbol in symbols:
                there, here = held.get(symbol, ZERO), own.get(symbol, ZERO)
                if there != here:
                    await self._stop(bot, symbol, there, here, found)

    async def _stop(
        self, bot: RunningBot, symbol: str, there: Decimal, here: Decimal, found: Reconciliation
    ) -> None:
        reason = f"{symbol}: the exchange has a position of {there:f}, the journal of {here:f}"
        found.findings.append(reason)

        async def stop(session: AsyncSession) -> None:
            row = await session.get_one(BotRow, bot.bot_id)
            if row.state is BotState.RUNNING:
                row.state, row.state_reason = BotState.EXIT_ONLY, reason

        await bot.executor.write(stop)


def _in_both(gaps: dict[str, Decimal], others: dict[str, Decimal]) -> dict[str, Decimal]:
    return {asset: gap for asset, gap in gaps.items() if others.get(asset) == gap}
