"""Finding out what has become of an order that may have been sent, and giving up what is too late.

Only what is confirmed to be absent is sent again, with its own id.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from robotrader_sdk.types import Timeframe
from runner.execution.changing import Changing, Way
from runner.execution.identity import Purpose
from runner.execution.journal.moves import move
from runner.execution.journal.orders import NEVER_ARRIVED, orders_by_id, send_again
from runner.execution.journal.tables import OrderRow
from runner.execution.patience import Patience
from runner.execution.points import reach
from runner.execution.seeing import Clock, Seeing
from runner.execution.sending import group_of
from runner.execution.status import Status


@dataclass(frozen=True, slots=True)
class Resolving:
    """Resolves the orders of one bot."""

    way: Way
    seeing: Seeing
    changing: Changing
    patience: Patience
    clock: Clock
    timeframe: Timeframe
    fresh: set[str] = field(default_factory=set)
    """Committed by this process and not sent yet: the only ones that need no look."""
    since: dict[str, float] = field(default_factory=dict)
    """Since when they may be at the exchange."""

    async def resolve(self, order: OrderRow) -> bool:
        """Find out whether an order that may have been sent is at the exchange."""
        order_id = order.client_order_id
        since = self.since.setdefault(order_id, self.clock.monotonic())
        for look in range(1, 1_000):
            report = await self.way.broker.look_up(order.symbol, order_id)
            if report is not None:
                await self.seeing.see(order, report)
                await self.changing.see_replaced([order], has_ended=True)
                return True
            patient = self.clock.monotonic() - since < self.patience.grace
            if look >= self.patience.n_looks and not patient:
                break
            await self.clock.sleep(self.patience.interval)
        there = await self.way.broker.open_orders(order.symbol)
        found = next((r for r in there if r.client_order_id == order_id), None)
        if found is not None:
            await self.seeing.see(order, found)
            await self.changing.see_replaced([order], has_ended=True)
        else:
            return await self._absent(order)
        return True

    async def _absent(self, order: OrderRow) -> bool:
        """It is confirmed that an order never arrived: send it again, or let it be.

        Lists arrive whole: one of which something has arrived is looked for again.
        """
        reach("absence confirmed")
        orders = (await self.way.standing()).orders.get(order.symbol, [])
        others = [o for o in group_of(order, orders) if o.client_order_id != order.client_order_id]
        if any(o.status is Status.WORKING for o in others):
            return False
        stale = await self.is_stale(order)
        opening = order.lot is None and order.purpose in (Purpose.ENTRY, Purpose.REBALANCE)
        if order.cancel_wanted:
            await self.end([order], Status.CANCELLED, f"cancelled; {NEVER_ARRIVED}")
        elif order.list_id is not None and not others:
            await self.end([order], Status.CANCELLED, "the other order of its list has ended")
        elif stale:
            await self.end([order], Status.EXPIRED, f"{NEVER_ARRIVED}, and a bar has passed")
        elif opening and order.n_sent + 1 >= self.patience.n_sends:
            await self.end([order], Status.REJECTED, f"{NEVER_ARRIVED}, though sent twice")
        else:
            await self.way.write(lambda session: send_again(session, order.client_order_id))
            self.fresh.add(order.client_order_id)
        return True

    async def is_stale(self, order: OrderRow) -> bool:
        """Whether an order that opens something is a whole bar late (rule 6)."""
        if order.purpose not in (Purpose.ENTRY, Purpose.REBALANCE) or order.lot is not None:
            return False
        due = order.bar + timedelta(seconds=2 * self.timeframe.seconds)
        return await self.way.broker.server_time() >= due

    async def end(self, orders: Sequence[OrderRow], status: Status, reason: str) -> None:
        """Write down that orders have ended."""
        ids = [order.client_order_id for order in orders]

        async def end(session: AsyncSession) -> None:
            for order in await orders_by_id(session, ids):
                move(order, status, datetime.now(UTC), reason)

        await self.way.write(end)
        self.fresh.difference_update(ids)
