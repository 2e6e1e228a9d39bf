"""Catching up with what the exchange knows of an account's orders, and the journal does not.

Executions that were missed are entered under the order they belong to. An order that the journal
has given up and that has come all the same is cancelled, and what it has filled is entered. What
looks like ours and is not in the journal is told, and left alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from sqlalchemy.ext.asyncio import AsyncSession

from robotrader_sdk.types import OrderType
from runner.execution.broker import Broker, FillReport, Market, OrderReport
from runner.execution.cancelling import cancel
from runner.execution.errors import OrderRefusedError
from runner.execution.funding import collect_funding
from runner.execution.identity import OrderIdentity, Purpose
from runner.execution.journal.accounts import (
    given_up,
    newest_fill,
    oldest_open_bar,
    orders_by_exchange_id,
    positions_of,
)
from runner.execution.journal.bots import bot_to_change
from runner.execution.journal.fills import book_fill, is_booked
from runner.execution.journal.orders import add_order, next_sequence, open_orders, orders_by_id
from runner.execution.journal.tables import BotState, OrderRow
from runner.execution.reconciliation import Reconciliation
from runner.execution.rounding import share_of
from runner.execution.rules import Rules
from runner.execution.status import Status
from runner.execution.tick import RunningBot
from runner.storage.database import Database

ZERO = Decimal(0)
_LOOK_BACK = timedelta(minutes=1)

_COMES_LATE = timedelta(hours=1)
"""For how long an order is asked for that was given up as never arrived."""


@dataclass(slots=True)
class Catching:
    """What one account's bots have missed at their exchange; `found` takes note of it."""

    database: Database
    broker: Broker
    account: str
    bots: Sequence[RunningBot]
    found: Reconciliation
    kept: set[str]
    """Orders whose cancellation was refused, and told of."""

    async def catch_up(self, symbol: str, rules: Rules) -> None:
        """Open orders, executions and funding of a symbol; and how large an order may be now."""
        await self._take_bounds(symbol)
        working = {r.client_order_id: r for r in await self.broker.open_orders(symbol)}
        async with self.database.reading() as session:
            since = await self._since(session, symbol)
        fills = [] if since is None else await self.broker.fills_since(symbol, since)
        if fills:
            self.found.n_fills += await self._enter_fills(fills, rules.market)
        if rules.market.is_perpetual:
            await self._enter_funding(symbol)
        await self._look_alikes(working, rules.market)
        await self._latecomers(symbol, working, rules.market)

    async def _take_bounds(self, symbol: str) -> None:
        """Binance sets anew how large an order at the market may be, by what is traded."""
        now = await self.broker.instrument(symbol)
        for bot in (bot for bot in self.bots if symbol in bot.rules):
            rules = bot.rules[symbol]
            market = replace(
                rules.market,
                max_quantity=now.max_quantity,
                max_market_quantity=now.max_market_quantity,
            )
            if market != rules.market:
                bot.rules[symbol] = replace(rules, market=market)

    async def _since(self, session: AsyncSession, symbol: str) -> datetime | None:
        """From when on executions may be missing: the oldest order that has not ended.

        A perpetual may be liquidated without an order of ours: from its last execution.
        """
        ids = [bot.bot_id for bot in self.bots]
        oldest = await oldest_open_bar(session, ids, symbol)
        newest = await newest_fill(session, self.account, symbol) if ":" in symbol else None
        times = [oldest - _LOOK_BACK] if oldest is not None else []
        return min(times if newest is None else [*times, newest], default=None)

    async def _enter_fills(self, fills: Sequence[FillReport], market: Market) -> int:
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
                own: FillReport | None = fill
                if fill.is_liquidation:
                    order, own = await self._liquidation(session, fill, order)
                    by_exchange_id |= {fill.exchange_order_id: order} if order else {}
                if order is None or own is None or order.symbol != fill.symbol:
                    continue
                if await book_fill(session, order, own, market):
                    n_new += 1
                    self.found.findings.append(
                        f"fill {fill.trade_id} of {order.client_order_id} was missing"
                    )
            return n_new

        n_new = await self.database.write(enter_all)
        for bot in self.bots:
            bot.executor.forget()
        return n_new

    async def _liquidation(
        self, session: AsyncSession, fill: FillReport, order: OrderRow | None
    ) -> tuple[OrderRow | None, FillReport | None]:
        """The exchange has closed a position, or a part: its order, and what of it is the bot's.

        What it closed beyond the bot's position was not the bot's.
        """
        bot = next((bot for bot in self.bots if fill.symbol in bot.rules), None)
        if bot is None or await is_booked(session, self.account, fill):
            return order, None
        held = (await positions_of(session, bot.bot_id)).get(fill.symbol, ZERO)
        if int(fill.side) * held >= 0:
            return order, None
        quantity = min(fill.quantity, abs(held))
        own = replace(fill, quantity=quantity, fee=share_of(fill.fee, quantity, fill.quantity))
        if order is None:
            order = await self._liquidated(session, bot, own)
        else:
            order.quantity = order.filled + quantity
        return order, own

    async def _liquidated(
        self, session: AsyncSession, bot: RunningBot, fill: FillReport
    ) -> OrderRow:
        """Stop a bot that was liquidated, and write the exchange's order down."""
        row = await bot_to_change(session, bot.bot_id)
        row.state = BotState.STOPPED
        row.state_reason = f"{fill.symbol} was liquidated at {fill.price:f}"
        self.found.findings.append(row.state_reason)
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

    async def _look_alikes(self, working: dict[str, OrderReport], market: Market) -> None:
        """Orders by our ids that the journal does not count with: a stranger's is left alone."""
        ours = sorted(i for i in working if OrderIdentity.read(i) is not None)
        async with self.database.reading() as session:
            known = {o.client_order_id: o for o in await orders_by_id(session, ours)}
        self.found.findings.extend(
            f"order {client_id} looks like ours and is not in the journal; it was left alone"
            for client_id in ours
            if client_id not in known
        )
        for client_id, order in known.items():
            if not order.is_open:
                await self._take_back(order, working[client_id], market)

    async def _take_back(self, order: OrderRow, report: OrderReport, market: Market) -> None:
        """Cancel what was given up and has come all the same; what it filled meanwhile is ours."""
        order_id = order.client_order_id
        status = order.status.value
        told = f"order {order_id} was {status} in the journal and worked at the exchange"
        try:
            if await cancel(self.broker, order):
                self.found.findings.append(f"{told}; it was cancelled")
        except OrderRefusedError as error:
            if order_id not in self.kept:
                self.found.findings.append(f"{told}; it is not cancelled yet: {error}")
            self.kept.add(order_id)
        await self._enter_fills_of(order, report, market)

    async def _latecomers(
        self,
        symbol: str,
        working: dict[str, OrderReport],
        market: Market,
    ) -> None:
        """Enter what an order filled that was given up as never arrived, and came and ended."""
        since = datetime.now(UTC) - _COMES_LATE
        async with self.database.reading() as session:
            lost = [o for b in self.bots for o in await given_up(session, b.bot_id, symbol, since)]
        for order in (one for one in lost if _is_time_for(one)):
            order_id = order.client_order_id
            report = None
            if order_id not in working:
                report = await self.broker.look_up(symbol, order_id)
            if report is not None and report.filled > order.filled:
                self.found.findings.append(f"order {order_id} had been given up and has filled")
                await self._enter_fills_of(order, report, market)

    async def _enter_fills_of(self, order: OrderRow, report: OrderReport, market: Market) -> None:
        """Enter the fills of an order that the journal does not count with any more."""
        fills = await self.broker.fills_since(order.symbol, order.bar - _LOOK_BACK)
        own = [fill for fill in fills if fill.exchange_order_id == report.exchange_order_id]
        named = [replace(fill, client_order_id=order.client_order_id) for fill in own]
        self.found.n_fills += await self._enter_fills(named, market)

    async def _enter_funding(self, symbol: str) -> None:
        for bot in self.bots:
            n_new = await collect_funding(bot.executor, symbol) if symbol in bot.rules else 0
            if n_new:
                self.found.findings.append(f"{n_new} payments of funding for {symbol} were entered")


def _is_time_for(order: OrderRow) -> bool:
    """Whether to ask for an order that was given up: after 0, 1, 2, 4, 8, 16 and 32 minutes.

    After an outage there may be many, which asked for each time would delay all that is due.
    """
    if order.ended_at is None:
        return False
    minutes = int((datetime.now(UTC) - order.ended_at).total_seconds()) // 60
    return minutes & (minutes - 1) == 0
