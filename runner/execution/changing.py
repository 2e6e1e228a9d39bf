"""Stops that become others in one request, so that there is no moment without one.

A successor takes its forerunner's place (`OrderRow.replaces`), or the stop stays the same order
with another quantity and another price (`OrderRow.amended_quantity`). Both are in the journal
before anything is asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from runner.execution.broker import Broker, OrderReport, StopChange
from runner.execution.errors import (
    OrderMissingError,
    OrderRefusedError,
    UnknownOutcomeError,
    WouldTriggerError,
)
from runner.execution.journal.orders import (
    give_up_amendment,
    take_amendment,
    want_amended,
    was_taken_away,
)
from runner.execution.journal.standing import Standing
from runner.execution.journal.tables import OrderRow
from runner.execution.patience import Patience
from runner.execution.points import reach
from runner.execution.rules import Rules
from runner.execution.seeing import Clock, Seeing
from runner.execution.sending import request_of
from runner.storage.database import Result, Work


class Way(Protocol):
    """What changing needs of a bot's way to its broker; see `executor.Executor`."""

    broker: Broker
    rules: Mapping[str, Rules]
    met_unknown: bool

    async def standing(self) -> Standing:
        """Where the bot stands."""

    async def write(self, work: Work[Result]) -> Result:
        """Write something about the bot."""


@dataclass(frozen=True, slots=True)
class Changing:
    """Changes the stops of one bot."""

    way: Way
    seeing: Seeing
    patience: Patience
    clock: Clock

    async def amend(self, order: OrderRow) -> bool:
        """Have a stop become what it is to be; whether anything has changed.

        Where nobody knows whether it has it is asked for again: it says what is to be, not by how
        much, so that twice is as good as once.
        """
        request = replace(
            request_of(order), quantity=order.amended_quantity, stop_price=order.amended_stop_price
        )
        order_id = order.client_order_id
        for _ in range(self.patience.n_looks):
            reach("before amend")
            try:
                await self.way.broker.amend(request)
            except UnknownOutcomeError:
                self.way.met_unknown = True
                await self.clock.sleep(self.patience.interval)
            except OrderMissingError:
                return await self.seeing.see_end(order)
            except OrderRefusedError as error:
                passed = isinstance(error, WouldTriggerError)
                await self.way.write(
                    partial(give_up_amendment, order_id=order_id, has_passed=passed)
                )
                return True
            else:
                reach("after amend")
                await self.way.write(partial(take_amendment, order_id=order_id))
                return True
        return False

    async def see_replaced(self, group: Sequence[OrderRow], *, has_ended: bool) -> None:
        """See what has become of the orders that a group was to replace, their lists included.

        has_ended: whether they are no more, so that it is worth waiting to see it.
        """
        replaced = {order.replaces for order in group if order.replaces}
        if not replaced:
            return
        orders = (await self.way.standing()).orders.get(group[0].symbol, [])
        lists = {o.list_id for o in orders if o.client_order_id in replaced} - {None}
        for order in orders:
            if order.client_order_id in replaced or order.list_id in lists:
                await (self.seeing.see_end(order) if has_ended else self.seeing.see(order, None))

    async def was_taken_away(self, group: Sequence[OrderRow]) -> bool:
        """After a group's request has found nothing to replace: see why, and have what is still
        there cancelled instead. Whether an earlier request like it may have been heard.
        """
        await self.see_replaced(group, has_ended=True)
        ids = [order.replaces for order in group if order.replaces]
        return await self.way.write(partial(was_taken_away, ids=ids))

    async def put_back(self, order: OrderRow, report: OrderReport | None) -> None:
        """Amend a stop that is otherwise than it should be: an old request has come late, or a
        hand has moved it.
        """
        if report is None or not report.is_trigger or report.stop_price is None:
            return
        change = self.way.rules[order.symbol].market.stop_change
        if change is not StopChange.AMEND or order.lot is None or order.quantity is None:
            return
        if order.stop_price is None or order.amended_quantity is not None or order.cancel_wanted:
            return
        if (report.quantity, report.stop_price) != (order.quantity, order.stop_price):
            again = partial(want_amended, quantity=order.quantity, stop_price=order.stop_price)
            await self.way.write(partial(again, order_id=order.client_order_id))
