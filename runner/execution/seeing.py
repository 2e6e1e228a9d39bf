"""What the exchange says of an order, taken into the journal: its status and all of its fills.

An order ends here only when every fill it is said to have has been entered.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from runner.execution.broker import Broker, FillReport, OrderReport
from runner.execution.errors import OrderRefusedError
from runner.execution.journal.fills import book_fill
from runner.execution.journal.moves import move, take_report
from runner.execution.journal.orders import KNOWS_NONE, replace_at_market
from runner.execution.journal.standing import Standing
from runner.execution.journal.tables import LotRow, OrderRow
from runner.execution.patience import Patience
from runner.execution.points import reach
from runner.execution.rules import Rules
from runner.execution.status import Status
from runner.storage.database import Work

logger = logging.getLogger(__name__)

_LOOK_BACK = timedelta(minutes=1)
_FORGOTTEN = timedelta(days=2)
"""Bybit keeps what has filled nothing for a day after its end."""


@dataclass(frozen=True, slots=True)
class Clock:
    """How a process waits, and by which clock: not the exchange's, and never set back."""

    sleep: Callable[[float], Awaitable[None]]
    monotonic: Callable[[], float]


class Seeing:
    """Looks at the orders of one bot. write: how something about the bot is written."""

    def __init__(
        self,
        broker: Broker,
        rules: Mapping[str, Rules],
        patience: Patience,
        clock: Clock,
        write: Callable[[Work[tuple[OrderRow, bool]]], Awaitable[tuple[OrderRow, bool]]],
    ) -> None:
        self._broker, self._rules = broker, rules
        self._patience, self._clock, self._write = patience, clock, write
        self._missing: dict[str, float] = {}
        """Orders that work and were not found, and since when."""
        self._kept: dict[str, float] = {}
        """Orders whose cancellation was refused, and since when that is told."""

    def forget_ended(self, standing: Standing, *more: dict[str, float]) -> None:
        """Forget since when something is so of orders that have ended, here and elsewhere."""
        still = {o.client_order_id for orders in standing.orders.values() for o in orders}
        for since in (self._missing, self._kept, *more):
            for order_id in since.keys() - still:
                del since[order_id]

    async def see(self, order: OrderRow, report: OrderReport | None) -> bool:
        """Take in what the exchange has of an order; asked for it, if that is not known."""
        report = report or await self._broker.look_up(order.symbol, order.client_order_id)
        if report is None:
            return False
        self._missing.pop(order.client_order_id, None)
        changed = not _is_known(order, report) and await self._take(order, report)
        if report.has_passed and order.is_open and not order.cancel_wanted:
            return await self._give_up(order)
        return changed

    async def _take(self, order: OrderRow, report: OrderReport) -> bool:
        deadline = self._clock.monotonic() + self._patience.fills
        while True:
            fills = await self._fills_of(order, report)
            complete, changed = await self._store(order, report, fills)
            if complete or self._clock.monotonic() >= deadline:
                return changed
            await self._clock.sleep(self._patience.interval)

    async def find(self, order: OrderRow) -> bool:
        """See an order that works and is not among the open ones; it may take a while to be found.

        What is not found at all stays as it is, and is looked for again the next time. When it has
        been missing for too long it counts as gone: what should protect soon, for another to be
        sent; what should open something only once it is as old as an order can be that ended
        without a fill and is forgotten for it. Should it be there after all, it is cancelled as
        one that was given up.
        """
        order_id = order.client_order_id
        deadline = self._clock.monotonic() + self._patience.grace
        while True:
            report = await self._broker.look_up(order.symbol, order.client_order_id)
            if report is not None:
                return await self.see(order, report)
            if self._clock.monotonic() >= deadline:
                since = self._missing.setdefault(order_id, self._clock.monotonic())
                is_lost = self._clock.monotonic() - since >= self._patience.lost
                if not is_lost or not (order.lot is not None or await self._is_old(order)):
                    return False
                return await self._lose(order)
            await self._clock.sleep(self._patience.interval)

    async def _is_old(self, order: OrderRow) -> bool:
        return await self._broker.server_time() - order.bar > _FORGOTTEN

    async def _lose(self, order: OrderRow) -> bool:
        async def lose(session: AsyncSession) -> tuple[OrderRow, bool]:
            row = await session.get_one(OrderRow, order.client_order_id)
            move(row, Status.CANCELLED, datetime.now(UTC), KNOWS_NONE)
            return row, True

        return (await self._write(lose))[1]

    async def _give_up(self, order: OrderRow) -> bool:
        """Have a stop cancelled that waits for the price to come back.

        The lot it protects goes now; what it was to open or to close is done at the market, too.
        """

        async def give_up(session: AsyncSession) -> tuple[OrderRow, bool]:
            row = await session.get_one(OrderRow, order.client_order_id)
            if row.cancel_wanted or not row.is_open:  # once, whoever has looked at it twice
                return row, False
            row.cancel_wanted = True
            if row.lot is not None:
                (await session.get_one(LotRow, row.lot)).at_market = True
            else:
                await replace_at_market(session, row, is_there=True)
            return row, True

        row, changed = await self._write(give_up)
        order.cancel_wanted = row.cancel_wanted
        return changed

    async def see_end(self, order: OrderRow) -> bool:
        """Look at an order that is about to end until it has; whether anything has changed."""
        deadline = self._clock.monotonic() + self._patience.fills
        changed = False
        while True:
            changed |= await self.see(order, None)
            if not order.is_open or self._clock.monotonic() >= deadline:
                return changed
            await self._clock.sleep(self._patience.interval)

    async def is_there(self, group: Sequence[OrderRow]) -> bool:
        """Whether a refused order is there all the same: it may have been handled twice."""
        for order in group:
            report = await self._broker.look_up(order.symbol, order.client_order_id)
            if report is not None and report.status is not Status.REJECTED:
                await self.see(order, report)
                return True
        return False

    async def see_kept(self, order: OrderRow, error: OrderRefusedError) -> bool:
        """See an order that the exchange does not cancel; whether anything has changed.

        It has ended, or what is in the way may pass: one look, and the next settling asks again.
        """
        if order.client_order_id not in self._kept:
            self._kept[order.client_order_id] = self._clock.monotonic()
            logger.warning("order %s is not cancelled yet: %s", order.client_order_id, error)
        return await self.see(order, None)

    async def _fills_of(self, order: OrderRow, report: OrderReport) -> list[FillReport]:
        if report.filled <= order.filled:
            return []
        since = report.placed or order.bar
        fills = await self._broker.fills_since(order.symbol, since - _LOOK_BACK)
        return [
            fill
            for fill in fills
            if fill.client_order_id == order.client_order_id
            or (fill.exchange_order_id and fill.exchange_order_id == report.exchange_order_id)
        ]

    async def _store(
        self, order: OrderRow, report: OrderReport, fills: Sequence[FillReport]
    ) -> tuple[bool, bool]:
        """Whether all fills are here now, and whether anything has changed."""
        market = self._rules[order.symbol].market
        reach("before fill commit")

        async def store(session: AsyncSession) -> tuple[OrderRow, bool]:
            row = await session.get_one(OrderRow, order.client_order_id)
            before = (row.status, row.filled)
            for fill in fills:
                await book_fill(session, row, fill, market)
            take_report(row, report, datetime.now(UTC))
            return row, (row.status, row.filled) != before

        row, changed = await self._write(store)
        reach("after fill commit")
        for name in ("status", "is_open", "filled", "reported", "exchange_order_id", "reason"):
            setattr(order, name, getattr(row, name))
        return row.filled >= row.reported, changed


def _is_known(order: OrderRow, report: OrderReport) -> bool:
    """Whether a report of a working order says nothing new."""
    return (
        order.status is Status.WORKING
        and report.status is Status.WORKING
        and report.filled == order.filled
    )
