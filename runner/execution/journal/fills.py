"""What a fill does, in one transaction: the fill itself, the ledger, the position, the lots.

Fill contract, rule 11: each entry order opens a lot, its fills merged; exits close lots first in,
first out; protection closes the lot it belongs to. What there is of a lot below one lot size, be it
left by an exit or all that an entry brought, is dust: it stays in the position, and in no lot.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, localcontext

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from robotrader_sdk.types import OrderType, Side
from runner.execution.broker import FillReport, Market
from runner.execution.identity import Purpose
from runner.execution.journal.ledger import Party, enter
from runner.execution.journal.tables import (
    BotRow,
    EntryKind,
    FillRow,
    LotRow,
    OrderRow,
    PositionRow,
)
from runner.execution.points import reach
from runner.execution.rounding import PRECISION, share_of

ZERO = Decimal(0)

_REASONS = {Purpose.ENTRY: Purpose.REVERSAL, Purpose.REBALANCE: Purpose.REVERSAL}
"""Why a lot is closed by an order of the other side that was no exit, as a backtest says it."""


@dataclass(slots=True)
class _Booking:
    """A fill on its way into the tables."""

    session: AsyncSession
    bot: BotRow
    order: OrderRow
    fill: FillReport
    market: Market

    @property
    def signed(self) -> Decimal:
        return self.fill.quantity * int(self.fill.side)

    @property
    def base_fee(self) -> Decimal:
        """What of the fee is taken out of what was traded."""
        spot = not self.market.is_perpetual
        return self.fill.fee if spot and self.fill.fee_asset == self.market.base else ZERO

    @property
    def quote_fee(self) -> Decimal:
        """What the fee is worth in quote, as far as the fill tells."""
        if self.fill.fee_asset == self.market.base:
            return self.fill.fee * self.fill.price
        return self.fill.fee if self.fill.fee_asset == self.market.quote else ZERO


async def book_fill(
    session: AsyncSession, order: OrderRow, fill: FillReport, market: Market
) -> bool:
    """Enter a fill of an own order, once; whether it was new."""
    if await is_booked(session, order.account, fill):
        return False
    bot = await session.get_one(BotRow, order.bot_id)
    with localcontext(prec=PRECISION):
        booking = _Booking(session, bot, order, fill, market)
        session.add(_fill_row(booking))
        await session.flush()
        reach("between fill and ledger")
        order.filled += fill.quantity
        order.filled_value += fill.quantity * fill.price
        position = await _position(booking)
        await _enter_ledger(booking, position)
        was_flat = not await open_lots(session, order.bot_id, fill.symbol)
        opened = await _close_lots(booking)
        if opened and (market.is_perpetual or fill.side is Side.BUY):  # spot has no shorts
            await _open_lot(booking, opened)
        await session.flush()
        if not was_flat and not await open_lots(session, order.bot_id, fill.symbol):
            await _retire_orders(booking)
    return True


async def is_booked(session: AsyncSession, account: str, fill: FillReport) -> bool:
    """Whether a fill is entered."""
    return await session.get(FillRow, (account, fill.symbol, fill.trade_id)) is not None


async def open_lots(session: AsyncSession, bot_id: int, symbol: str) -> list[LotRow]:
    """The lots that are held, oldest first."""
    found = await session.scalars(
        select(LotRow)
        .where(LotRow.bot_id == bot_id, LotRow.symbol == symbol, LotRow.is_open)
        .order_by(LotRow.number)
    )
    return list(found)


def _fill_row(booking: _Booking) -> FillRow:
    fill, order = booking.fill, booking.order
    return FillRow(
        account=order.account,
        symbol=fill.symbol,
        trade_id=fill.trade_id,
        owner_id=order.owner_id,
        bot_id=order.bot_id,
        client_order_id=order.client_order_id,
        side=fill.side,
        quantity=fill.quantity,
        price=fill.price,
        fee=fill.fee,
        fee_asset=fill.fee_asset,
        liquidity=fill.liquidity,
        time=fill.time,
    )


async def _position(booking: _Booking) -> PositionRow:
    order = booking.order
    found = await booking.session.get(PositionRow, (order.bot_id, order.symbol))
    if found is None:
        found = PositionRow(
            bot_id=order.bot_id,
            symbol=order.symbol,
            owner_id=order.owner_id,
            quantity=ZERO,
            entry_value=ZERO,
        )
        booking.session.add(found)
    return found


async def _enter_ledger(booking: _Booking, position: PositionRow) -> None:
    fill, market, order = booking.fill, booking.market, booking.order
    party = Party(order.owner_id, order.account, order.bot_id)
    reference = f"{fill.symbol} {fill.trade_id}"

    async def entry(kind: EntryKind, asset: str, amount: Decimal) -> None:
        await enter(booking.session, party, kind, asset, amount, reference, fill.time)

    if market.is_perpetual:
        await entry(EntryKind.REALIZED, market.quote, _realize(position, booking))
    else:
        await entry(EntryKind.TRADE, market.base, booking.signed)
        await entry(EntryKind.TRADE, market.quote, -booking.signed * fill.price)
        position.quantity += booking.signed - booking.base_fee
    await entry(EntryKind.FEE, fill.fee_asset, -fill.fee)


def _realize(position: PositionRow, booking: _Booking) -> Decimal:
    """Move a perpetual's position; the pnl of what of it was closed, at its mean entry price."""
    added, price, before = booking.signed, booking.fill.price, position.quantity
    realized, opened = ZERO, added
    if before * added < 0:
        closed = min(abs(added), abs(before))
        released = share_of(position.entry_value, closed, abs(before))
        realized = closed * price * (1 if before > 0 else -1) - released
        position.entry_value -= released
        opened = added + (closed if before > 0 else -closed)
    position.quantity = before + added
    position.entry_value += opened * price
    if not position.quantity:
        position.entry_value = ZERO
    return realized


async def _close_lots(booking: _Booking) -> Decimal:
    """Take the fill out of the lots it closes; how much of it is left to open one with."""
    fill, order = booking.fill, booking.order
    remaining = fill.quantity
    for lot in await open_lots(booking.session, order.bot_id, fill.symbol):
        against = lot.direction == -int(fill.side)
        if not remaining or not against or (order.lot is not None and order.lot != lot.entry):
            continue
        part = min(remaining, lot.quantity)
        lot.quantity -= part
        lot.exit_quantity += part
        lot.exit_value += part * fill.price
        lot.exit_fee += share_of(booking.quote_fee, part, fill.quantity)
        lot.exit_purpose = _REASONS.get(order.purpose, order.purpose)
        remaining -= part
        if not booking.market.lots(lot.quantity):
            close_lot(lot, booking)
    return remaining


def close_lot(lot: LotRow, booking: _Booking) -> None:
    """An exit has left nothing of a lot that could be sold: note how it went."""
    _shut(lot, booking)
    share = lot.exit_quantity / lot.opened if lot.opened else ZERO
    pnl = (lot.exit_value - lot.entry_value * share) * lot.direction
    bot = booking.bot
    bot.losses = bot.losses + 1 if pnl - lot.entry_fee * share - lot.exit_fee < 0 else 0


async def _open_lot(booking: _Booking, quantity: Decimal) -> None:
    fill, order = booking.fill, booking.order
    lot = await booking.session.get(LotRow, order.client_order_id)
    if lot is None:
        lot = _new_lot(booking, await _next_number(booking))
        booking.session.add(lot)
    elif not lot.is_open:
        lot.is_open, lot.closed_at, lot.is_dust = True, None, False
    received = quantity - booking.base_fee
    lot.quantity += received
    lot.opened += received
    lot.traded += quantity
    lot.entry_value += quantity * fill.price
    lot.entry_fee += share_of(booking.quote_fee, quantity, fill.quantity)
    if not booking.market.lots(lot.quantity):  # until the entry fills on, if it does
        _shut(lot, booking)


def _shut(lot: LotRow, booking: _Booking) -> None:
    """Nothing of a lot is left that could be sold; what is, is dust."""
    lot.is_dust, lot.is_open = lot.quantity > 0, False
    lot.closed_at = booking.fill.time


def _new_lot(booking: _Booking, number: int) -> LotRow:
    order = booking.order
    return LotRow(
        entry=order.client_order_id,
        owner_id=order.owner_id,
        bot_id=order.bot_id,
        symbol=order.symbol,
        number=number,
        direction=int(booking.fill.side),
        quantity=ZERO,
        opened=ZERO,
        traded=ZERO,
        entry_value=ZERO,
        entry_fee=ZERO,
        exit_quantity=ZERO,
        exit_value=ZERO,
        exit_fee=ZERO,
        terms=order.terms,
        at_open=order.type is OrderType.MARKET,
        opened_at=booking.fill.time,
        is_open=True,
        is_dust=False,
        at_market=False,
    )


async def _next_number(booking: _Booking) -> int:
    newest = await booking.session.scalar(
        select(func.max(LotRow.number)).where(LotRow.bot_id == booking.order.bot_id)
    )
    return (newest or 0) + 1


async def _retire_orders(booking: _Booking) -> None:
    """A closed position leaves no order behind but those decided together with its exit."""
    closer = booking.order
    found = await booking.session.scalars(
        select(OrderRow).where(
            OrderRow.bot_id == closer.bot_id,
            OrderRow.symbol == closer.symbol,
            OrderRow.is_open,
            OrderRow.client_order_id != closer.client_order_id,
        )
    )
    for order in found:
        together = closer.lot is None and order.bar == closer.bar and order.lot is None
        if not together and order.purpose is not Purpose.FLATTEN:
            order.cancel_wanted = True


def is_opening(order: OrderRow, held: Decimal) -> bool:
    """Whether an order would make a position larger, or open one."""
    if order.reduce_only or order.lot is not None:
        return False
    against = (held > 0 and order.side is Side.SELL) or (held < 0 and order.side is Side.BUY)
    return not (against and (order.quantity or ZERO) - order.filled <= abs(held))
