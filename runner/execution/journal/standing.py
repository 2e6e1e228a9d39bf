"""Where a bot stands: its money, positions, lots and orders, read in one view."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from runner.execution.broker import Market
from runner.execution.journal.ledger import holdings_of
from runner.execution.journal.orders import open_orders
from runner.execution.journal.tables import BotRow, LotRow, OrderRow, PositionRow
from runner.execution.rounding import PRECISION

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Standing:
    """A bot's state in the journal; equity = cash + quantity x price - entry_value.

    cash: its capital and what trading has made of it, in quote. positions, lots, orders: by
    symbol; orders are those that have not ended. untold: those that have, and the strategy does
    not know it yet.
    """

    bot: BotRow
    cash: Decimal
    positions: Mapping[str, PositionRow]
    lots: Mapping[str, list[LotRow]]
    orders: Mapping[str, list[OrderRow]]
    untold: Sequence[OrderRow]

    def quantity(self, symbol: str) -> Decimal:
        """All that is held of a symbol, dust included, signed."""
        position = self.positions.get(symbol)
        return ZERO if position is None else position.quantity

    def held(self, symbol: str) -> Decimal:
        """What the lots of a symbol hold, signed."""
        lots = self.lots.get(symbol, [])
        return sum((lot.quantity * lot.direction for lot in lots), ZERO)

    def worth(self, symbol: str, price: Decimal) -> Decimal:
        """What a position adds to the equity at a price."""
        position = self.positions.get(symbol)
        if position is None:
            return ZERO
        with localcontext(prec=PRECISION):
            return position.quantity * price - position.entry_value

    def tied(self, market: Market, price: Decimal) -> Decimal:
        """How much of the equity backs a position at a price, as a backtest counts it.

        On spot its value. On a perpetual what cross margin asks for; in isolated margin what was
        posted for it, and its unrealized pnl.
        """
        position = self.positions.get(market.symbol)
        if position is None or not position.quantity:
            return ZERO
        with localcontext(prec=PRECISION):
            value = position.quantity * price
            if not market.is_perpetual or self.bot.margin_mode == "cross":
                return abs(value) / self.leverage(market)
            cost = position.entry_value
            return abs(cost) / self.leverage(market) + value - cost

    def leverage(self, market: Market) -> Decimal:
        """What one unit of margin carries."""
        return self.bot.leverage if market.is_perpetual else Decimal(1)

    def equity(self, prices: Mapping[str, Decimal]) -> Decimal:
        """Cash and what the positions are worth; each one needs a price."""
        with localcontext(prec=PRECISION):
            worths = [self.worth(s, prices[s]) for s, p in self.positions.items() if p.quantity]
            return self.cash + sum(worths, ZERO)


async def standing_of(session: AsyncSession, bot_id: int) -> Standing:
    """Read where a bot stands."""
    bot = await session.get_one(BotRow, bot_id)
    holdings = await holdings_of(session, bot.account, bot_id)
    positions = await session.scalars(select(PositionRow).where(PositionRow.bot_id == bot_id))
    lots = await session.scalars(
        select(LotRow).where(LotRow.bot_id == bot_id, LotRow.is_open).order_by(LotRow.number)
    )
    by_symbol: dict[str, list[LotRow]] = {}
    for lot in lots:
        by_symbol.setdefault(lot.symbol, []).append(lot)
    orders: dict[str, list[OrderRow]] = {}
    for order in await open_orders(session, bot_id):
        orders.setdefault(order.symbol, []).append(order)
    return Standing(
        bot=bot,
        cash=bot.capital + holdings.get(bot.quote, ZERO),
        positions={row.symbol: row for row in positions},
        lots=by_symbol,
        orders=orders,
        untold=list(
            await session.scalars(
                select(OrderRow).where(
                    OrderRow.bot_id == bot_id, ~OrderRow.is_told, ~OrderRow.is_open
                )
            )
        ),
    )
