"""Takes a bot's journalled orders to its broker, and what becomes of them back into the journal.

Every step ends in a commit, and each begins from what the journal says: the process may end
between any two of them, and whoever comes after goes on from there.

1. What is to be cancelled is cancelled. 2. What is pending is sent. 3. What is unknown is looked
for: only after a confirmed absence is it sent again, with its own id. 4. What waited is sized and
made ready. 5. Protection is made to fit. Until a round changes nothing any more.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial

from sqlalchemy.ext.asyncio import AsyncSession

from robotrader_sdk.types import OrderType, Side, Timeframe
from runner.execution.broker import Broker, OpenOrders, OrderReport
from runner.execution.cancelling import cancel
from runner.execution.changing import Changing
from runner.execution.errors import MarketUnknownError, OrderRefusedError
from runner.execution.identity import Purpose
from runner.execution.journal.bots import bot_to_change
from runner.execution.journal.moves import move
from runner.execution.journal.orders import (
    leave_at_market,
    open_orders,
    orders_by_id,
    replace_at_market,
)
from runner.execution.journal.standing import Standing, standing_of
from runner.execution.journal.tables import BotRow, BotState, OrderRow
from runner.execution.patience import Patience
from runner.execution.points import reach
from runner.execution.promotion import Promoter
from runner.execution.protection import is_covered, protect
from runner.execution.resolving import Resolving
from runner.execution.rules import Rules
from runner.execution.seeing import Clock, Seeing
from runner.execution.sending import Answer, Outcome, group_of, send
from runner.execution.status import Status
from runner.execution.watching import watch
from runner.storage.database import Database, Result, Work

MOST_ROUNDS = 200
"""More than any sequence of dependent orders takes; a defect must not run for ever."""

Sleep = Callable[[float], Awaitable[None]]


class Executor:
    """One bot's way to its broker.

    Its methods may raise what a broker raises where nothing can be known or done for now
    (ExchangeUnreachableError, RateLimitedError, KeyRefusedError); the journal is as it was, and
    calling again goes on.
    """

    def __init__(
        self,
        database: Database,
        broker: Broker,
        bot: BotRow,
        rules: Mapping[str, Rules],
        patience: Patience | None = None,
        *,
        sleep: Sleep = asyncio.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.database, self.broker, self.rules = database, broker, rules
        self.bot_id = bot.id
        self.timeframe = Timeframe.parse(bot.timeframe)
        self._patience = patience or Patience()
        self._clock = Clock(sleep, monotonic)
        self._seeing = Seeing(broker, rules, self._patience, self._clock, self.write)
        self._changing = Changing(self, self._seeing, self._patience, self._clock)
        self._resolving = Resolving(
            self, self._seeing, self._changing, self._patience, self._clock, self.timeframe
        )
        self._triggered: dict[str, float] = {}
        self._gone: dict[str, MarketUnknownError] = {}
        self.met_unknown = False
        """Whether an answer has said neither yes nor no since somebody set this to False."""
        self._standing: Standing | None = None
        self._version = 0

    def note_new(self, ids: Sequence[str]) -> None:
        """Orders that this process has just committed."""
        self._resolving.fresh.update(ids)

    async def standing(self) -> Standing:
        """Where the bot stands; read again only after something was written.

        What was read while somebody wrote is read again: it may be of before.
        """
        while (known := self._standing) is None:
            version = self._version
            async with self.database.reading() as session:
                found = await standing_of(session, self.bot_id)
            if version == self._version:
                self._standing = found
        return known

    @property
    def known_state(self) -> BotState | None:
        """The bot's state, as far as it is known without a look."""
        return None if self._standing is None else self._standing.bot.state

    async def write(self, work: Work[Result]) -> Result:
        """Write something about this bot."""
        try:
            return await self.database.write(work)
        finally:
            self.forget()

    async def write_beside(self, work: Work[Result]) -> Result:
        """Write something that changes nothing of where the bot stands."""
        return await self.database.write(work)

    def know(self, bot: BotRow) -> None:
        """The bot's own row has just been written; its orders and positions are as they were."""
        known = self._standing
        self.forget()
        if known is not None:
            self._standing = replace(known, bot=bot)

    def forget(self) -> None:
        """Somebody has written something about this bot."""
        self._standing = None
        self._version += 1

    async def settle(self) -> None:
        """Go on until nothing is left to do but to wait for the market.

        MarketUnknownError at the end of it, if one of the markets is gone.
        """
        for _ in range(MOST_ROUNDS):
            if not await self._round():
                break
        for error in self._gone.values():
            raise error

    async def look(self, working: OpenOrders | None = None) -> None:
        """See what has become of the orders that work, and then settle.

        MarketUnknownError at the end of it, if one of several symbols is gone.
        working: the account's, if somebody else has asked for them in this round.
        """
        source = working or OpenOrders(self.broker)
        standing = await self.standing()
        self._seeing.forget_ended(standing, self._resolving.since, self._triggered)
        self._gone.clear()  # it may be back
        for symbol, orders in standing.orders.items():
            await self._at(symbol, self._look_at(symbol, orders, source))
        await watch(self, self._without_gone(standing))
        await self.settle()

    async def _at(self, symbol: str, work: Awaitable[bool]) -> bool:
        """Do something at a market; one that is gone is left out until the next look."""
        try:
            return await work
        except MarketUnknownError as error:
            self._gone[symbol] = error
            return False

    async def _look_at(self, symbol: str, orders: Sequence[OrderRow], source: OpenOrders) -> bool:
        placed = [order for order in orders if order.status is Status.WORKING]
        there = await source.of(symbol) if placed else {}
        for order in placed:
            report = there.get(order.client_order_id)
            await (self._seeing.see(order, report) if report else self._seeing.find(order))
            await self._escalate(order, report)
            await self._changing.put_back(order, report)
        return bool(placed)

    def _without_gone(self, standing: Standing) -> Standing:
        """What can be seen to: markets that the exchange knows no more must not hold it up."""
        if not self._gone:
            return standing
        orders = {s: found for s, found in standing.orders.items() if s not in self._gone}
        lots = {s: found for s, found in standing.lots.items() if s not in self._gone}
        return replace(standing, orders=orders, lots=lots)

    async def _escalate(self, order: OrderRow, report: OrderReport | None) -> None:
        """A protecting stop-limit that was triggered must fill soon, or the market has leapt it."""
        if order.type is not OrderType.STOP_LIMIT or order.lot is None or not order.is_open:
            return
        if report is None or report.is_trigger:
            return
        since = self._triggered.setdefault(order.client_order_id, self._clock.monotonic())
        if self._clock.monotonic() - since >= self._patience.escalation:
            await self.write(partial(leave_at_market, order_id=order.client_order_id))

    async def prices(self, standing: Standing, *more: str) -> dict[str, Decimal]:
        """The last price of whatever is held, and of more."""
        held = {s for s, position in standing.positions.items() if position.quantity}
        found = {}
        for symbol in sorted(held.union(more)):
            try:
                found[symbol] = await self.broker.last_price(symbol)
            except MarketUnknownError as error:
                self._gone[symbol] = error
                raise
        return found

    async def _round(self) -> bool:
        """Do what can be done at once; whether that was anything."""
        standing = self._without_gone(await self.standing())
        orders = [order for orders in standing.orders.values() for order in orders]
        changed = False
        for order in orders:
            if order.cancel_wanted and order.status is Status.WORKING:
                changed |= await self._at(order.symbol, self._cancel(order))
            elif order.amended_quantity is not None and order.status is Status.WORKING:
                changed |= await self._at(order.symbol, self._changing.amend(order))
        changed |= await self._send_all(orders)
        for order in orders:
            if order.status is Status.UNKNOWN:
                changed |= await self._at(order.symbol, self._resolving.resolve(order))
        if changed:
            return True
        with suppress(MarketUnknownError):  # without its price no sizes; the rest is protected
            changed = await self._promote(self._without_gone(standing))
        return changed or await self._protect(self._without_gone(standing))

    async def _cancel(self, order: OrderRow) -> bool:
        """Cancel a working order; whether anything has changed."""
        reach("before cancel")
        try:
            await cancel(self.broker, order)
        except OrderRefusedError as error:
            return await self._seeing.see_kept(order, error)
        reach("after cancel")
        return await self._seeing.see_end(order)

    async def _send_all(self, orders: Sequence[OrderRow]) -> bool:
        """Send what is pending: a list as a whole, and only once nothing of it is unknown."""
        changed = False
        done: set[str] = set()
        for order in orders:
            if order.status is not Status.PENDING or order.client_order_id in done:
                continue
            group = group_of(order, orders)
            done.update(o.client_order_id for o in group)
            if any(o.status is Status.UNKNOWN for o in group):
                continue
            pending = [o for o in group if o.status is Status.PENDING]
            is_whole = len(pending) == (1 if order.list_id is None else 2)
            if not is_whole or not all(o.client_order_id in self._resolving.fresh for o in group):
                for one in pending:
                    changed |= await self._at(one.symbol, self._resolving.resolve(one))
                continue
            if order.cancel_wanted:
                await self._resolving.end(group, Status.CANCELLED, "cancelled before it was sent")
            elif await self._resolving.is_stale(order):
                await self._resolving.end(
                    group, Status.EXPIRED, "a bar has passed before it was sent"
                )
            else:
                await self._at(order.symbol, self._send(group))
            changed = True
        return changed

    async def _send(self, group: Sequence[OrderRow]) -> bool:
        ids = [order.client_order_id for order in group]
        self._resolving.fresh.difference_update(ids)
        for order_id in ids:
            self._resolving.since[order_id] = self._clock.monotonic()
        outcome = await send(self.broker, group)
        if outcome.answer is Answer.TAKEN:
            for order in group:
                report = outcome.reports.get(order.client_order_id)
                await self._seeing.see(order, report)
                if order.type is OrderType.MARKET and (
                    report is None or not report.status.is_final
                ):
                    await self._seeing.see_end(order)
            await self._changing.see_replaced(group, has_ended=True)
            reach("after reply stored")
            return True
        is_no = outcome.answer in (Answer.REFUSED, Answer.MISSED)
        if is_no and await self._seeing.is_there(group):
            await self._changing.see_replaced(group, has_ended=outcome.answer is Answer.MISSED)
            return True
        if outcome.answer is Answer.MISSED and await self._changing.was_taken_away(group):
            outcome = replace(outcome, answer=Answer.UNKNOWN)
        await self.write(lambda session: self._refuse(session, ids, outcome))
        if outcome.answer not in (Answer.UNKNOWN, Answer.MISSED):
            await self._changing.see_replaced(group, has_ended=False)
        return True

    async def _refuse(self, session: AsyncSession, ids: list[str], outcome: Outcome) -> None:
        at = datetime.now(UTC)
        for order in await orders_by_id(session, ids):
            if outcome.answer is Answer.UNKNOWN:
                self.met_unknown = True
                move(order, Status.UNKNOWN, at, outcome.reason)
                continue
            if outcome.answer is Answer.MISSED:
                move(order, Status.CANCELLED, at, f"nothing to replace: {outcome.reason}")
                continue
            move(order, Status.REJECTED, at, outcome.reason)
            if outcome.answer is Answer.PASSED and order.lot is None:
                self.note_new([await replace_at_market(session, order)])

    async def _promote(self, standing: Standing) -> bool:
        waiting = [o for orders in standing.orders.values() for o in orders]
        waiting = [o for o in waiting if o.status is Status.WAITING]
        if not any(o.watch_price is None or o.cancel_wanted for o in waiting):
            return False
        sized = [o for o in waiting if not o.cancel_wanted]
        weighted = {o.symbol for o in sized if "weight" in o.sizing}
        by_money = [o for o in sized if o.sizing.get("unit") in ("fraction", "notional")]
        sold = {o.symbol for o in by_money if o.side is Side.SELL}
        priced = weighted or sold or any(o.sizing["unit"] == "fraction" for o in by_money)
        asked = standing.orders if weighted else sold  # all of them tie something up
        prices = await self.prices(standing, *asked) if priced else {}
        for order in waiting:
            if order.after and order.purpose in (Purpose.EXIT, Purpose.FLATTEN):
                reach("in the middle of cancel-then-exit")
            elif order.after and order.purpose in (Purpose.ENTRY, Purpose.REVERSAL):
                reach("in the middle of a reversal")
        reach("before promotion commit")

        async def promote(session: AsyncSession) -> tuple[list[str], int]:
            at = datetime.now(UTC)
            promoter = await Promoter.of(session, self.bot_id, self.rules, prices, at)
            return await promoter.promote()

        ready, n_ended = await self.write(promote)
        reach("after promotion commit")
        self.note_new(ready)
        return bool(ready) or n_ended > 0

    async def _protect(self, standing: Standing) -> bool:
        symbols = [
            symbol
            for symbol in sorted({*standing.lots, *standing.orders})
            if not is_covered(
                standing.lots.get(symbol, []), standing.orders.get(symbol, []), self.rules[symbol]
            )
        ]
        if not symbols:
            return False
        whole = await self.standing()
        known = {o.client_order_id for orders in whole.orders.values() for o in orders}
        reach("before protection commit")

        async def cover(session: AsyncSession) -> tuple[bool, list[str]]:
            bot = await bot_to_change(session, self.bot_id)
            changed = False
            for symbol in symbols:
                rules = self.rules[symbol]
                changed |= await protect(session, bot, symbol, rules, datetime.now(UTC))
            orders = await open_orders(session, self.bot_id)
            return changed, [o.client_order_id for o in orders if o.status is Status.PENDING]

        changed, pending = await self.write(cover)
        reach("after protection commit")
        self.note_new([order_id for order_id in pending if order_id not in known])
        return changed
