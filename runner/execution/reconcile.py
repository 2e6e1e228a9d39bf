"""Reconciliation: the exchange's truth against the journal.

At the start, on a timer and after every unknown. Everything of ours that is not final is looked
up; executions since the last look are entered; balances are compared to the sum of the ledger,
positions to the journal's. What differs and is not ours is entered as external. Orders that look
like ours and are not in the journal are reported and left alone; one that the journal has given up
and that has come all the same is cancelled, and what it has filled is entered.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from sqlalchemy.ext.asyncio import AsyncSession

from robotrader_sdk.types import OrderType
from runner.execution.broker import Broker, FillReport, Market, OrderReport
from runner.execution.cancelling import cancel
from runner.execution.errors import (
    ExchangeUnreachableError,
    KeyRefusedError,
    LeaseLostError,
    OrderRefusedError,
    RateLimitedError,
    UnknownOutcomeError,
)
from runner.execution.funding import collect_funding
from runner.execution.identity import OrderIdentity, Purpose
from runner.execution.journal.accounts import (
    add_report,
    given_up,
    is_moving,
    is_opened,
    newest_fill,
    oldest_open_bar,
    orders_by_exchange_id,
    positions_of,
)
from runner.execution.journal.bots import bot_to_change
from runner.execution.journal.fills import book_fill
from runner.execution.journal.ledger import Party, enter, expected_balances
from runner.execution.journal.orders import add_order, next_sequence, open_orders, orders_by_id
from runner.execution.journal.tables import BotState, EntryKind, OrderRow
from runner.execution.points import reach
from runner.execution.rounding import share_of
from runner.execution.rules import Rules
from runner.execution.status import Status
from runner.execution.tick import RunningBot
from runner.storage.database import Database
from runner.storage.errors import StorageError

Pair = tuple[Decimal, Decimal]

ZERO = Decimal(0)
_LOOK_BACK = timedelta(minutes=1)
_OF_ALL = (
    StorageError,
    LeaseLostError,
    ExchangeUnreachableError,
    RateLimitedError,
    UnknownOutcomeError,
    KeyRefusedError,
)
"""What one bot meets and concerns all of its account."""

_COMES_LATE = timedelta(hours=1)
"""For how long an order is asked for that was given up as never arrived."""


@dataclass(slots=True)
class Reconciliation:
    """What was found and done. `consistent`: money was compared, while nothing moved.

    failed: by their numbers, the bots that could not be looked after, and why.
    """

    findings: list[str] = field(default_factory=list)
    n_fills: int = 0
    consistent: bool = False
    failed: dict[int, Exception] = field(default_factory=dict)


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
    _kept: set[str] = field(default_factory=set)
    """Orders whose cancellation was refused, and told of."""

    async def run(self) -> Reconciliation:
        """Compare, enter, report, also where an exchange's failure ends it half-way."""
        found = Reconciliation()
        try:
            await self._compare(found)
        finally:
            if found.findings:
                at = datetime.now(UTC)
                await self.database.write(
                    lambda s: add_report(s, self.owner_id, self.account, at, found.findings)
                )
        reach("after reconcile")
        return found

    async def _compare(self, found: Reconciliation) -> None:
        for symbol, rules in self._rules().items():
            with self._apart([bot for bot in self.bots if symbol in bot.rules], found):
                await self._symbol(symbol, rules, found)
            reach("inside reconcile")
        before = await self._balances()
        await self._look(found)
        if not found.failed:  # whose executions may be missing, and are no gap
            await self._money(before, found)
        await self._positions(found)

    async def _look(self, found: Reconciliation) -> None:
        """See what has become of the bots' own orders, and settle them."""
        for bot in self.bots:
            with self._apart([bot], found):
                await bot.executor.look()

    @contextmanager
    def _apart(self, bots: Sequence[RunningBot], found: Reconciliation) -> Iterator[None]:
        """What only these bots are concerned by, such as a market that is gone, stops no other."""
        try:
            yield
        except _OF_ALL:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it is theirs
            for bot in bots:
                found.failed.setdefault(bot.bot_id, error)

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
        await self._look_alikes(working, rules.market, found)
        await self._latecomers(symbol, working, rules.market, found)

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
                own = fill
                if order is None and fill.is_liquidation:
                    order, own = await self._liquidation(session, fill, found)
                if order is None or order.symbol != fill.symbol:
                    continue
                if await book_fill(session, order, own, market):
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
    ) -> tuple[OrderRow | None, FillReport]:
        """The exchange has closed a position: write its order down, and stop the bot.

        What it closed beyond the bot's position was not the bot's.
        """
        bot = next((bot for bot in self.bots if fill.symbol in bot.rules), None)
        if bot is None:
            return None, fill
        held = (await positions_of(session, bot.bot_id)).get(fill.symbol, ZERO)
        if int(fill.side) * held >= 0:
            return None, fill
        quantity = min(fill.quantity, abs(held))
        own = replace(fill, quantity=quantity, fee=share_of(fill.fee, quantity, fill.quantity))
        row = await bot_to_change(session, bot.bot_id)
        row.state = BotState.STOPPED
        row.state_reason = f"{fill.symbol} was liquidated at {fill.price:f}"
        found.findings.append(row.state_reason)
        for order in await open_orders(session, bot.bot_id):
            order.cancel_wanted |= order.lot is None or order.symbol == fill.symbol
        bar = row.last_bar or row.started
        order = await add_order(
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
            quantity=own.quantity,
            exchange_order_id=fill.exchange_order_id,
            created_at=datetime.now(UTC),
            ended_at=datetime.now(UTC),
        )
        return order, own

    async def _look_alikes(
        self, working: dict[str, OrderReport], market: Market, found: Reconciliation
    ) -> None:
        """Orders by our ids that the journal does not count with: a stranger's is left alone."""
        ours = sorted(i for i in working if OrderIdentity.read(i) is not None)
        async with self.database.reading() as session:
            known = {o.client_order_id: o for o in await orders_by_id(session, ours)}
        found.findings.extend(
            f"order {client_id} looks like ours and is not in the journal; it was left alone"
            for client_id in ours
            if client_id not in known
        )
        for client_id, order in known.items():
            if not order.is_open:
                await self._take_back(order, working[client_id], market, found)

    async def _take_back(
        self, order: OrderRow, report: OrderReport, market: Market, found: Reconciliation
    ) -> None:
        """Cancel what was given up and has come all the same; what it filled meanwhile is ours."""
        order_id = order.client_order_id
        status = order.status.value
        told = f"order {order_id} was {status} in the journal and worked at the exchange"
        try:
            if await cancel(self.broker, order):
                found.findings.append(f"{told}; it was cancelled")
        except OrderRefusedError as error:
            if order_id not in self._kept:
                found.findings.append(f"{told}; it is not cancelled yet: {error}")
            self._kept.add(order_id)
        await self._enter_fills_of(order, report, market, found)

    async def _latecomers(
        self,
        symbol: str,
        working: dict[str, OrderReport],
        market: Market,
        found: Reconciliation,
    ) -> None:
        """Enter what an order filled that was given up as never arrived, and came and ended."""
        since = datetime.now(UTC) - _COMES_LATE
        async with self.database.reading() as session:
            lost = [o for b in self.bots for o in await given_up(session, b.bot_id, symbol, since)]
        for order in lost:
            order_id = order.client_order_id
            report = None
            if order_id not in working:
                report = await self.broker.look_up(symbol, order_id)
            if report is not None and report.filled > order.filled:
                found.findings.append(f"order {order_id} had been given up and has filled")
                await self._enter_fills_of(order, report, market, found)

    async def _enter_fills_of(
        self, order: OrderRow, report: OrderReport, market: Market, found: Reconciliation
    ) -> None:
        """Enter the fills of an order that the journal does not count with any more."""
        fills = await self.broker.fills_since(order.symbol, order.bar - _LOOK_BACK)
        own = [fill for fill in fills if fill.exchange_order_id == report.exchange_order_id]
        named = [replace(fill, client_order_id=order.client_order_id) for fill in own]
        found.n_fills += await self._enter_fills(named, market, found)

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
        """A perpetual's position that is not what the journal says lets its bot only exit.

        It has to be so after another look, too: a stop may have been triggered in between.
        """
        first = await self._strayed(found)
        if not first:
            return
        await self._look(found)
        again = await self._strayed(found)
        for bot in self.bots:
            for symbol in bot.rules:
                key = (bot.bot_id, symbol)
                if key in again and first.get(key) == again[key]:
                    await self._let_exit(bot, symbol, again[key], found)

    async def _strayed(self, found: Reconciliation) -> dict[tuple[int, str], Pair]:
        """By bot and symbol, the positions that differ: the exchange's, and the journal's.

        None while executions are known of that are not entered yet.
        """
        strayed: dict[tuple[int, str], Pair] = {}
        for bot in self.bots:
            symbols = [s for s, rules in bot.rules.items() if rules.market.is_perpetual]
            if not symbols:
                continue
            with self._apart([bot], found):
                held = {p.symbol: p.quantity for p in await self.broker.positions(symbols)}
                async with self.database.reading() as session:
                    own = await positions_of(session, bot.bot_id)
                    moving = await is_moving(session, self.account)
                for symbol in symbols:
                    pair = (held.get(symbol, ZERO), own.get(symbol, ZERO))
                    if pair[0] != pair[1] and not moving:
                        strayed[bot.bot_id, symbol] = pair
        return strayed

    async def _let_exit(
        self, bot: RunningBot, symbol: str, pair: Pair, found: Reconciliation
    ) -> None:
        there, here = pair
        reason = f"{symbol}: the exchange has a position of {there:f}, the journal of {here:f}"
        found.findings.append(reason)

        async def let_exit(session: AsyncSession) -> None:
            row = await bot_to_change(session, bot.bot_id)
            if row.state is BotState.RUNNING:
                row.state, row.state_reason = BotState.EXIT_ONLY, reason

        await bot.executor.write(let_exit)


def _in_both(gaps: dict[str, Decimal], others: dict[str, Decimal]) -> dict[str, Decimal]:
    return {asset: gap for asset, gap in gaps.items() if others.get(asset) == gap}
