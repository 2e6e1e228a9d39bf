"""Protection: what of stops and take-profits has to rest at the exchange, and what is changed.

It is stated, not scripted: each lot's wanted orders follow from the lot, and whatever differs is
replaced. So a restart, a partial fill or a trailing stop need no rule of their own.

- Where nothing is locked by a resting stop, the new rests before the old goes. Where the balance
  is locked, one request changes the stop, if the venue has such a request: so the position is
  covered throughout. Only where it has not does the old go before the new comes.
- A stop and a take-profit rest as one order list where the venue has them, side by side where
  nothing is locked; else the stop rests, and the take-profit is watched: when the price is there,
  the stop goes and a market order closes. A list can't be changed as a whole: when its stop
  moves or grows, a lone stop takes its place, and the take-profit is watched from then on.
- Where there are no stop-market orders it is a stop-limit, `OFFSET` beyond its stop.
- A stop that the price has passed already, or that is refused again and again, becomes a market
  order. What can't be sold at all is dust.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy.ext.asyncio import AsyncSession

from robotrader_sdk.types import OrderType, Side
from runner.execution.broker import Market, StopChange
from runner.execution.identity import OrderIdentity, Purpose
from runner.execution.journal.fills import open_lots
from runner.execution.journal.orders import (
    add_order,
    next_sequence,
    open_orders,
    refused_protection,
)
from runner.execution.journal.tables import BotRow, BotState, InstallationRow, LotRow, OrderRow
from runner.execution.rules import Levels, Rules, protection_of
from runner.execution.status import Status

OFFSET = Decimal("0.01")
"""How far beyond its stop a stop-limit's limit lies: it fills unless the market leaps over it."""

MOST_REFUSALS = 3
"""After how many refusals of a lot's protection in one bar it is closed at the market."""

NEARLY_DUST = Decimal("1.5")
"""Times the minimum notional: what was worth no more at its entry may be worth less by now."""

PASSED = "the price has passed the stop"
"""The reason of a refused stop that has to become a market order at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """An order that a lot should have."""

    purpose: Purpose
    type: OrderType
    quantity: Decimal
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    watch_price: Decimal | None = None

    @property
    def is_exit(self) -> bool:
        """Whether it closes the lot now, at the market."""
        return self.type is OrderType.MARKET and self.watch_price is None

    def is_met_by(self, order: OrderRow) -> bool:
        """Whether an order is it already."""
        return (
            order.type is self.type
            and order.limit_price == self.limit_price
            and (order.amended_stop_price or order.stop_price) == self.stop_price
            and order.watch_price == self.watch_price
            and (order.amended_quantity or order.quantity or 0) - order.filled == self.quantity
        )


async def protect(
    session: AsyncSession, bot: BotRow, symbol: str, rules: Rules, at: datetime
) -> bool:
    """Write down what the protection of a symbol's lots lacks; whether that was anything."""
    orders = await open_orders(session, bot.id, symbol)
    lots = await open_lots(session, bot.id, symbol)
    held = {lot.entry for lot in lots}
    changed = False
    for order in orders:
        if order.lot is not None and order.lot not in held and not order.cancel_wanted:
            order.cancel_wanted = changed = True
    if any(_is_leaving(order) for order in orders):
        return changed
    for lot in lots:
        own = [order for order in orders if order.lot == lot.entry]
        changed |= await _Cover(session, bot, lot, rules, at).renew(own)
    return changed


def is_covered(lots: Sequence[LotRow], orders: Sequence[OrderRow], rules: Rules) -> bool:
    """Whether a symbol's protection is as it should be, as far as can be seen without a look."""
    held = {lot.entry for lot in lots}
    live = staying([order for order in orders if order.lot is not None])
    if any(order.lot not in held for order in live):
        return False
    if any(_is_leaving(order) for order in orders):
        return True
    for lot in lots:
        own = [order for order in live if order.lot == lot.entry]
        levels = protection_of(lot, rules)
        wanted = wanted_orders(lot, levels, rules.market, is_alone=_is_alone(own, rules.market))
        met = all(any(want.is_met_by(order) for order in own) for want in wanted)
        if not met or not all(any(want.is_met_by(o) for want in wanted) for o in own):
            return False
    return True


def staying(own: Sequence[OrderRow]) -> list[OrderRow]:
    """Those of a lot's open orders that neither go nor are being replaced, their lists neither."""
    replaced = {order.replaces for order in own if order.replaces}
    lists = {order.list_id for order in own if order.client_order_id in replaced} - {None}
    return [
        order
        for order in own
        if not order.cancel_wanted
        and order.client_order_id not in replaced
        and order.list_id not in lists
    ]


def _is_alone(live: Sequence[OrderRow], market: Market) -> bool:
    """Whether a stop rests that a take-profit could join only after the stop has gone."""
    if not market.stop_locks_balance or market.stop_change is StopChange.ONE_BY_ONE:
        return False
    paired = Counter(order.list_id for order in live)
    return any(
        _is_stop(order) and (order.list_id is None or paired[order.list_id] == 1) for order in live
    )


def _is_stop(order: OrderRow | Wanted) -> bool:
    return order.type in (OrderType.STOP, OrderType.STOP_LIMIT)


def wanted_orders(
    lot: LotRow, levels: Levels, market: Market, *, is_alone: bool = False
) -> list[Wanted]:
    """What a lot should have at the exchange, as much of it as one order may be.

    is_alone: whether a stop without a take-profit protects it already.
    """
    quantity = market.most(lot.quantity)
    if not quantity:
        return []
    if lot.at_market:
        return [Wanted(purpose=levels.purpose, type=OrderType.MARKET, quantity=quantity)]
    wanted = []
    if levels.stop is not None:
        wanted.append(_stop(levels.stop, levels.purpose, quantity, lot.direction, market))
    if levels.take_profit is not None:
        pairs = market.has_order_list and not is_alone
        rests = not wanted or pairs or not market.stop_locks_balance
        wanted.append(
            Wanted(
                purpose=Purpose.TAKE_PROFIT,
                type=OrderType.LIMIT if rests else OrderType.MARKET,
                quantity=quantity,
                limit_price=levels.take_profit if rests else None,
                watch_price=None if rests else levels.take_profit,
            )
        )
    return wanted


def _stop(
    stop: Decimal, purpose: Purpose, quantity: Decimal, direction: int, market: Market
) -> Wanted:
    if market.has_stop_market:
        return Wanted(purpose=purpose, type=OrderType.STOP, quantity=quantity, stop_price=stop)
    side = Side(-direction)
    limit = market.order_price(Side(direction), stop * (1 + int(side) * OFFSET))
    return Wanted(
        purpose=purpose,
        type=OrderType.STOP_LIMIT,
        quantity=quantity,
        stop_price=stop,
        limit_price=limit,
    )


def _is_leaving(order: OrderRow) -> bool:
    """Whether an order is about to close what protection would cover.

    Resting exits leave it in place, watched ones too until they are due.
    """
    if order.purpose not in (Purpose.EXIT, Purpose.REVERSAL, Purpose.FLATTEN, Purpose.REBALANCE):
        return order.lot is not None and order.type is OrderType.MARKET and not order.watch_price
    if order.cancel_wanted or order.watch_price is not None:
        return False
    if order.purpose is Purpose.REBALANCE and order.status is Status.WAITING:
        return False
    return order.type is OrderType.MARKET or order.status is not Status.WORKING


@dataclass(slots=True)
class _Cover:
    """One lot and what covers it."""

    session: AsyncSession
    bot: BotRow
    lot: LotRow
    rules: Rules
    at: datetime

    async def renew(self, own: Sequence[OrderRow]) -> bool:
        """Bring the lot's orders to what is wanted."""
        market = self.rules.market
        if (given_up := await self._look_at_refusals()) is not None:
            return given_up
        levels, live = protection_of(self.lot, self.rules), staying(own)
        wanted = wanted_orders(self.lot, levels, market, is_alone=_is_alone(live, market))
        met = [any(want.is_met_by(order) for order in live) for want in wanted]
        surplus = [o for o in live if not any(want.is_met_by(o) for want in wanted)]
        if all(met):
            return _cancel(surplus, only_if=all(o.status is not Status.PENDING for o in live))
        missing = [want for want, is_met in zip(wanted, met, strict=True) if not is_met]
        differing: list[Wanted | OrderRow] = [*missing, *surplus]
        if all(one.watch_price is not None for one in differing):
            _cancel(surplus)  # nothing of it is at the exchange
            await self._place(missing, after=[])
        elif await self._can_change(wanted, live, own):
            return await self._change(levels, live)
        elif market.stop_locks_balance or market.has_order_list:
            _cancel(live)
            await self._place(wanted, after=[order.client_order_id for order in own])
        else:
            await self._place(missing, after=[])
        return True

    async def _can_change(
        self, wanted: Sequence[Wanted], live: Sequence[OrderRow], own: Sequence[OrderRow]
    ) -> bool:
        """Whether the lot's stop becomes the wanted one by one request."""
        market = self.rules.market
        stops = [order for order in live if _is_stop(order)]
        if market.stop_change is StopChange.ONE_BY_ONE:
            return False
        if not any(_is_stop(w) or (w.is_exit and market.can_replace) for w in wanted):
            return False
        if len(stops) != 1 or stops[0].status is not Status.WORKING or stops[0].filled:
            return False
        if any(order.cancel_wanted and order.status is not Status.WAITING for order in own):
            return False
        bar = self.bot.last_bar or self.bot.started
        refused = await refused_protection(self.session, self.lot.entry, bar)
        return all(not order.replaces or order.reason.startswith(PASSED) for order in refused)

    async def _change(self, levels: Levels, live: Sequence[OrderRow]) -> bool:
        """Have the lot's stop changed, and the take-profit watched beside it; False: it is so."""
        market = self.rules.market
        (stop,) = (order for order in live if _is_stop(order))
        wanted = wanted_orders(self.lot, levels, market, is_alone=True)
        missing = [want for want in wanted if not any(want.is_met_by(order) for order in live)]
        others = [order for order in live if order.list_id is None and order is not stop]
        dropped = _cancel([o for o in others if not any(want.is_met_by(o) for want in wanted)])
        if market.can_replace:
            await self._place(missing, after=[], replaces=stop.client_order_id)
            return dropped or bool(missing)
        await self._place([want for want in missing if not _is_stop(want)], after=[])
        (want,) = (want for want in wanted if _is_stop(want))
        stop.purpose = want.purpose
        stop.amended_quantity = stop.filled + want.quantity
        stop.amended_stop_price = want.stop_price
        return True

    async def _look_at_refusals(self) -> bool | None:
        """What follows where the lot's protection is refused; None: go on as if it were not.

        It is closed at the market. If that is refused, too, what is left is dust, or nothing more
        is tried before the next bar.
        """
        bar = self.bot.last_bar or self.bot.started
        refused = await refused_protection(self.session, self.lot.entry, bar)
        if not refused:
            return None
        if len(refused) < 2 * MOST_REFUSALS:
            passed = refused[-1].reason.startswith(PASSED)
            self.lot.at_market |= passed or len(refused) >= MOST_REFUSALS
            return None
        if self._is_dust():
            self.lot.is_open, self.lot.is_dust, self.lot.closed_at = False, True, self.at
            return True
        if self.bot.state is BotState.RUNNING:
            self.bot.state = BotState.EXIT_ONLY
            self.bot.state_reason = (
                f"{self.lot.symbol} can neither be protected nor closed: {refused[-1].reason}"
            )
            return True
        return False

    def _is_dust(self) -> bool:
        """Whether what is held is about as small as the smallest order."""
        market, quantity = self.rules.market, self.lot.quantity
        small = quantity * self.lot.entry_price < NEARLY_DUST * market.min_notional
        return small or market.lots(quantity) < market.min_quantity

    async def _place(
        self, wanted: Sequence[Wanted], after: list[str], replaces: str | None = None
    ) -> None:
        bar = self.bot.last_bar or self.bot.started
        sequence = await next_sequence(self.session, self.bot.id, bar)
        pair = len(wanted) == 2 and not any(want.watch_price for want in wanted)
        pair &= self.rules.market.has_order_list
        list_id = await self._list_id(bar, sequence + 2) if pair else None
        for number, want in enumerate(wanted):
            waits = bool(after) or want.watch_price is not None
            await add_order(
                self.session,
                self.bot,
                bar=bar,
                sequence=sequence + number,
                purpose=want.purpose,
                status=Status.WAITING if waits else Status.PENDING,
                symbol=self.lot.symbol,
                side=Side(-self.lot.direction),
                type=want.type,
                quantity=want.quantity,
                limit_price=want.limit_price,
                stop_price=want.stop_price,
                watch_price=want.watch_price,
                reduce_only=self.rules.market.is_perpetual,
                lot=self.lot.entry,
                list_id=list_id,
                after=after,
                replaces=None if want.watch_price is not None else replaces,
                created_at=self.at,
            )

    async def _list_id(self, bar: datetime, sequence: int) -> str:
        """The pair's own id: that of an order which would come after both."""
        installation = await self.session.get_one(InstallationRow, 1)
        identity = OrderIdentity(installation.code, self.bot.id, bar, sequence, Purpose.LIST)
        return identity.client_order_id


def _cancel(orders: Sequence[OrderRow], *, only_if: bool = True) -> bool:
    changed = False
    for order in orders:
        if only_if and not order.cancel_wanted:
            order.cancel_wanted = changed = True
    return changed
