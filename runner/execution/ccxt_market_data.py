"""Public data of an exchange over ccxt: its time and its bars, for all bots alike."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

from robotrader_sdk.types import Timeframe
from runner.execution.broker import ClosedBar, Market
from runner.execution.ccxt_client import new_client
from runner.execution.ccxt_errors import Doing, ReplyUnreadableError
from runner.execution.ccxt_markets import ccxt_market, market_of, share_markets
from runner.execution.ccxt_reports import as_row, number, time
from runner.execution.ccxt_venues import VENUES
from runner.execution.ccxt_wire import RequestLimiter, Wire
from runner.execution.errors import MarketUnknownError
from runner.execution.rate_limits import Priority

T = TypeVar("T")

MOST_AT_ONCE = 1_000
"""Bars that are asked for at once; some venues give fewer."""


class CcxtMarketData:
    """See `runner.execution.broker.MarketData`; no key is needed, and none is sent.

    limiter: shared by all who use the exchange from here. overrides: settings of the ccxt client,
    such as the URLs of a local exchange. ExchangeUnknownError if the exchange is not supported.
    """

    def __init__(
        self,
        exchange: str,
        *,
        limiter: RequestLimiter | None = None,
        overrides: Mapping[str, Any] | None = None,
        environ: Mapping[str, str] = os.environ,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.exchange = exchange
        self._client = new_client(exchange, None, overrides=overrides, environ=environ)
        self._wire = Wire(self._client, exchange, limiter, now, Priority.DATA)

    async def server_time(self) -> datetime:
        """What time it is at the exchange."""

        async def ask() -> datetime:
            return time(await self._client.fetch_time())

        return await self._read(ask)

    async def instrument(self, symbol: str) -> Market:
        """A symbol's rules, with the fees that the venue tells everybody."""
        await self._read(lambda: share_markets(self._client))
        return market_of(ccxt_market(self._client, symbol), VENUES[self.exchange])

    async def last_price(self, symbol: str) -> Decimal:
        """The price of the last trade."""
        await self.instrument(symbol)

        async def ask() -> Decimal:
            return number(as_row(await self._client.fetch_ticker(symbol)).get("last"))

        return await self._read(ask)

    async def check(self, symbol: str, timeframe: Timeframe) -> None:
        """MarketUnknownError if the exchange has no such symbol or timeframe, with what it has."""
        await self._read(lambda: share_markets(self._client))
        ccxt_market(self._client, symbol)
        known = self._client.timeframes or {}
        if str(timeframe) not in known:
            raise MarketUnknownError(
                f"{self.exchange} has no bars of {timeframe}; it has {', '.join(known)}"
            )

    async def bars(
        self, symbol: str, timeframe: Timeframe, since: datetime, limit: int
    ) -> Sequence[ClosedBar]:
        """Bars from an open_time on, oldest first, the forming one included, at most `limit`.

        Page by page, until there are as many or the exchange has no later one.
        """
        await self.check(symbol, timeframe)
        found: dict[datetime, ClosedBar] = {}
        start = since
        whole = VENUES[self.exchange].bars_a_page
        while len(found) < limit:
            most = min(whole or MOST_AT_ONCE, limit - len(found))
            page = await self._page(symbol, timeframe, start, most)
            new = [bar for bar in page if bar.open_time >= start]
            found |= {bar.open_time: bar for bar in new}
            if not new or (whole and len(new) < most):
                break
            start = new[-1].open_time + timedelta(seconds=timeframe.seconds)
            if not whole and start > self._wire.venue_now():
                break
        return [found[moment] for moment in sorted(found)][:limit]

    async def close(self) -> None:
        """Let connections go."""
        await self._client.close()

    async def _page(
        self, symbol: str, timeframe: Timeframe, since: datetime, limit: int
    ) -> list[ClosedBar]:
        async def ask() -> list[ClosedBar]:
            start = int(since.timestamp() * 1000)
            rows = await self._client.fetch_ohlcv(symbol, str(timeframe), start, limit)
            if not isinstance(rows, list):
                raise ReplyUnreadableError("a list of bars was expected")
            return [_bar(row) for row in rows]

        return await self._read(ask)

    async def _read(self, ask: Callable[[], Awaitable[T]]) -> T:
        return await self._wire.call(Doing.READ, ask)


def _bar(row: Sequence[Any]) -> ClosedBar:
    try:
        moment, opened, high, low, close, volume = row[:6]
        return ClosedBar(
            open_time=datetime.fromtimestamp(int(moment) / 1000, UTC),
            open=float(opened),
            high=float(high),
            low=float(low),
            close=float(close),
            volume=float(volume),
        )
    except (TypeError, ValueError) as error:
        raise ReplyUnreadableError(f"a bar can't be read: {error}") from None
