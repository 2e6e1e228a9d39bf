"""The real market for a paper broker: rules, prices and time, from public data alone."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol

from robotrader_sdk.types import Timeframe
from runner.execution.broker import Market, MarketData
from runner.execution.paper import PaperBroker
from runner.storage.database import Database

_MINUTE = Timeframe(60)


class PricedData(MarketData, Protocol):
    """Public data with what a paper broker asks beside bars."""

    async def instrument(self, symbol: str) -> Market:
        """A symbol's rules."""

    async def last_price(self, symbol: str) -> Decimal:
        """The price of the last trade."""


async def open_paper(
    database: Database, data: PricedData, account: str, owner_id: str, funds: dict[str, Decimal]
) -> PaperBroker:
    """A paper account at an exchange's live prices, as it was left; a new one has `funds`."""

    async def price(symbol: str) -> Decimal:
        return await standing_price(data, symbol)

    return await PaperBroker.open(
        database, data.exchange, account, owner_id, funds, data.instrument, price, data.server_time
    )


async def standing_price(data: PricedData, symbol: str) -> Decimal:
    """The open of the minute that is forming; the last trade's where it has no trade yet.

    Just after a bar of any length has closed, that is the open of the next one of its length.
    """
    now = await data.server_time()
    opened = datetime.fromtimestamp(now.timestamp() // 60 * 60, now.tzinfo)
    for bar in await data.bars(symbol, _MINUTE, opened, 2):
        if bar.open_time <= now < bar.open_time + timedelta(minutes=1):
            return Decimal(repr(bar.open))
    return await data.last_price(symbol)
