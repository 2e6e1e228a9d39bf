"""Bots in an engine at a local exchange, taken on bar by bar."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
from sqlalchemy import select

import robotrader_sdk as rt
from robotrader_sdk.types import Timeframe
from runner.execution.engine import Engine
from runner.execution.errors import BotError
from runner.execution.journal.bots import BotTerms, add_bot
from runner.execution.journal.tables import BotRow, LotRow, OrderRow, ReportRow
from runner.execution.patience import Patience
from runner.storage.database import Database
from runner.testnet.core.exchange import Exchange
from runner.testnet.core.refusals import Reason, RefusedError
from tests.runner.execution.brokers import fault
from tests.runner.execution.local_brokers import broker_of
from tests.runner.testnet.conftest import Served

PATIENCE = Patience(grace=0.2, interval=0.02, fills=1.0, escalation=0.1, lost=0.3)


class Once(rt.Strategy):
    """Buys at the first close, protected."""

    stop_loss: float = rt.param(0.05)
    trailing_stop: float = rt.param(0.0)
    take_profit: float = rt.param(0.0)
    quantity: float = rt.param(1.0)
    limit: float = rt.param(0.0)

    def init(self, bars) -> None:
        self.is_done = False

    def on_bar(self, ctx) -> None:
        if self.is_done:
            return
        self.is_done = True
        asked = {
            name: getattr(self, name) for name in ("stop_loss", "trailing_stop", "take_profit")
        }
        asked |= {"limit_price": self.limit}
        ctx.buy(quantity=self.quantity, **{name: value for name, value in asked.items() if value})


def terms_of(bars: dict[str, pd.DataFrame], strategy: str, /, **more: Any) -> BotTerms:
    """A bot's terms; `more` goes over them."""
    first = min(frame.index[0] for frame in bars.values()).to_pydatetime()
    given: dict[str, Any] = {
        "owner_id": "alice",
        "name": strategy,
        "strategy": strategy,
        "params": {},
        "symbols": tuple(bars),
        "timeframe": "1m",
        "exchange": "binance",
        "account": "main",
        "quote": "USDT",
        "capital": Decimal(5_000),
        "anchor": first,
        "started": first,
        "risk": {"price_collar": None, "max_orders_per_minute": None},
    }
    return BotTerms(**{**given, **more})


@dataclass
class LiveBots:
    """An engine with its bots, and the exchange they trade at; see `live_bots`."""

    served: Served
    database: Database
    engine: Engine
    bars: dict[str, pd.DataFrame]
    reports: list[Any] = field(default_factory=list)

    async def add(self, terms: BotTerms) -> int:
        """Write a bot down and serve it; its number."""
        row = await self.database.write(lambda session: add_bot(session, terms))
        await self.engine.serve(row)
        return row.id

    async def step(self) -> Any:
        """Let the exchange go on to its next stop, and let the bots do what they do there."""
        stop = await asyncio.to_thread(self.served.call, self.served.local.driver.step)
        await self.engine.look()
        if stop.at == "close":
            for bot_id in list(self.engine.bots):
                await self.tick(bot_id, stop.time_ms)
        return stop

    async def to_close(self, n_bars: int = 1) -> None:
        """Go on to the close of so many bars."""
        while n_bars:
            n_bars -= (await self.step()).at == "close"

    async def tick(self, bot_id: int, time_ms: int) -> None:
        """Let a bot decide at the bar that has closed."""
        row = self.engine.bots[bot_id].row
        length = pd.Timedelta(seconds=Timeframe.parse(row.timeframe).seconds)
        now = pd.Timestamp(time_ms, unit="ms", tz="UTC").round("s")
        seen = {s: self.bars[s][self.bars[s].index + length <= now] for s in row.symbols}
        self.reports.append(await self.engine.tick(bot_id, seen))

    async def rows(self, kind: type[Any]) -> list[Any]:
        """All rows of a table."""
        async with self.database.reading() as session:
            return list(await session.scalars(select(kind)))

    async def bot(self, bot_id: int = 1) -> BotRow:
        """A bot as the database has it."""
        return next(bot for bot in await self.rows(BotRow) if bot.id == bot_id)

    async def orders(self, *, is_open: bool | None = None) -> list[OrderRow]:
        """The journal's orders in the order they were made."""
        found = sorted(await self.rows(OrderRow), key=lambda o: (o.bar, o.sequence))
        return [order for order in found if is_open in (None, order.is_open)]

    async def lots(self) -> list[LotRow]:
        """The journal's lots."""
        return sorted(await self.rows(LotRow), key=lambda lot: lot.number)

    async def findings(self) -> list[str]:
        """All that reconciliations have found."""
        return [text for row in await self.rows(ReportRow) for text in row.findings]

    def remembered(self, bot_id: int = 1) -> int:
        """Of how many orders a bot's process remembers since when something of them is so."""
        executor = self.engine.bots[bot_id].running.executor
        seeing = executor._seeing
        notes = (executor._resolving.since, executor._triggered, seeing._kept, seeing._missing)
        return len({order_id for note in notes for order_id in note})

    def working(self, symbol: str) -> list[Any]:
        """What works at the exchange for the account."""
        return list(self.served.exchange.records.open_orders("alice", symbol))

    async def lose_stop(self, symbol: str) -> Any:
        """Have the exchange lose a stop that works, and all that it knew of it; which one."""
        self.served.call(self.served.exchange.cancel, self.stops(symbol)[0])
        with fault(self.served, "order_not_found", seconds=30.0, times=1):
            await self.engine.look()  # the next stop is one that nothing is told of
        (stop,) = self.stops(symbol)
        self.served.call(self.served.exchange.cancel, stop)
        return stop

    def stops(self, symbol: str) -> list[Any]:
        """Those of them that wait for a trigger."""
        return [order for order in self.working(symbol) if order.trigger is not None]


@asynccontextmanager
async def live_bots(
    served: Served,
    folder: Path | str,
    strategies: Sequence[type[Any]],
    bars: dict[str, pd.DataFrame],
    *,
    patience: Patience = PATIENCE,
    timeout: int = 5_000,
) -> AsyncIterator[LiveBots]:
    """An engine on a database in a folder, or by its URL; bots that are in it are served."""
    known = {strategy.__name__: strategy for strategy in strategies}

    def find(name: str) -> type[Any]:
        if name not in known:
            raise BotError(f"there is no strategy {name!r}")
        return known[name]

    url = folder if isinstance(folder, str) else f"sqlite:///{folder / 'journal.db'}"
    async with (
        Database(url) as database,
        Engine(
            database,
            lambda row: broker_of(row.exchange, served.url, timeout=timeout),
            find=find,
            patience=patience,
        ) as engine,
    ):
        yield LiveBots(served, database, engine, bars)


@contextmanager
def refusing(
    exchange: Exchange,
    method: str,
    wrong: Callable[..., bool] = lambda *_: True,
    reason: Reason = Reason.MARKET_CLOSED,
) -> Iterator[None]:
    """An exchange that does not submit, or cancel, what is wrong by its arguments."""
    usual = getattr(exchange, method)

    def refuse(*args: Any) -> Any:
        if wrong(*args):
            raise RefusedError(reason)
        return usual(*args)

    setattr(exchange, method, refuse)
    try:
        yield
    finally:
        delattr(exchange, method)
