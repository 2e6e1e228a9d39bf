"""Bots, orders and fills in a journal, without an exchange."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from robotrader_sdk.types import Liquidity, OrderType, Side
from runner.execution.broker import FillReport, Market
from runner.execution.identity import Purpose
from runner.execution.journal.bots import BotTerms, add_bot, enter_engine
from runner.execution.journal.fills import book_fill
from runner.execution.journal.orders import add_order, next_sequence
from runner.execution.journal.tables import BotRow, OrderRow
from runner.execution.status import Status
from runner.storage.database import Database
from runner.storage.upgrade import upgrade

START = datetime(2026, 1, 1, tzinfo=UTC)
SPOT = Market(
    symbol="BTC/USDT", base="BTC", quote="USDT", tick_size=Decimal("0.01"),
    lot_size=Decimal("0.001"), min_notional=Decimal(5),
)  # fmt: skip
PERP = Market(
    symbol="BTC/USDT:USDT", base="BTC", quote="USDT", is_perpetual=True,
    tick_size=Decimal("0.1"), lot_size=Decimal("0.001"), max_leverage=Decimal(10),
)  # fmt: skip


def terms(market: Market = SPOT, **more: Any) -> BotTerms:
    """A bot's terms."""
    given: dict[str, Any] = {
        "owner_id": "alice", "name": "bot", "strategy": "SmaCross", "params": {},
        "symbols": (market.symbol,), "timeframe": "1m", "exchange": "binance", "account": "main",
        "quote": "USDT", "capital": Decimal(10_000), "anchor": START, "started": START, **more,
    }  # fmt: skip
    return BotTerms(**given)


def in_journal(url: str, use: Callable[[Database], Awaitable[Any]]) -> Any:
    """What `use` returns, given a database with tables and an engine's number."""

    async def work() -> Any:
        async with Database(url) as database:
            await upgrade(database)
            await database.write(enter_engine)
            return await use(database)

    return asyncio.run(work())


class Booker:
    """Books fills of made-up orders."""

    def __init__(self, session: AsyncSession, bot: BotRow, market: Market) -> None:
        self.session, self.bot, self.market, self.n_fills = session, bot, market, 0

    @classmethod
    async def new(cls, session: AsyncSession, market: Market = SPOT, **more: Any) -> Booker:
        """With a bot of its own."""
        return cls(session, await add_bot(session, terms(market, **more)), market)

    async def order(self, side: Side, quantity: str, **more: Any) -> OrderRow:
        """A working market order."""
        given = {"purpose": Purpose.ENTRY if side > 0 else Purpose.EXIT, **more}
        return await add_order(
            self.session, self.bot, bar=START, status=Status.WORKING, symbol=self.market.symbol,
            sequence=await next_sequence(self.session, self.bot.id, START), side=side,
            type=OrderType.MARKET, quantity=Decimal(quantity), created_at=START, **given,
        )  # fmt: skip

    def fill(self, order: OrderRow, quantity: str, price: str, fee: str = "0",
             asset: str = "USDT", **more: Any) -> FillReport:  # fmt: skip
        """The next execution of an order."""
        self.n_fills += 1
        given = {
            "trade_id": f"{self.bot.id}-{self.n_fills}", "exchange_order_id": "",
            "time": START + timedelta(seconds=self.n_fills), **more,
        }  # fmt: skip
        return FillReport(
            client_order_id=order.client_order_id, symbol=order.symbol, side=order.side,
            quantity=Decimal(quantity), price=Decimal(price), fee=Decimal(fee), fee_asset=asset,
            liquidity=Liquidity.TAKER, **given,
        )  # fmt: skip

    async def book(self, order: OrderRow, *given: str, **more: Any) -> bool:
        """Book an execution."""
        return await book_fill(self.session, order, self.fill(order, *given, **more), self.market)

    async def trade(
        self, side: Side, quantity: str, price: str, *fee: str, **more: Any
    ) -> OrderRow:
        """An order that fills at once."""
        order = await self.order(side, quantity, **more)
        assert await self.book(order, quantity, price, *fee)
        return order

    async def rows(self, kind: type[Any]) -> list[Any]:
        """All rows of a table."""
        await self.session.flush()
        return list(await self.session.scalars(select(kind)))
