"""One life of a bot: it trades until the tape is over, or until it is killed at a named point."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import ssl
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pandas as pd

from robotrader_sdk.types import Timeframe
from runner.execution import points
from runner.execution.engine import Engine
from runner.execution.journal.bots import BotTerms, add_bot, switches_on
from runner.execution.journal.tables import BotState
from runner.execution.patience import Patience
from runner.storage.database import Database
from tests.crash.strategies import STRATEGIES
from tests.runner.execution.local_brokers import broker_of

PATIENCE = Patience(grace=0.4, interval=0.05, n_looks=3, n_sends=9, fills=1.0)

NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""None are needed over loopback, and to load them takes a tenth of a second."""

PAUSED = 3
"""The exit status of a bot that was paused."""

IN_FLIGHT = "an order is at the exchange, and its reply is not yet back"


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """What a bot is to do.

    timeout: of a request, milliseconds. flatten_after: the bar, counted from 0, at which a kill
    switch is turned on that flattens; `kill` counts from then on. lingers: how many seconds after
    the end of the tape it looks once more: what came last may be told late. reached: the file in
    which it says how often it got to each point. kill: at which point, and the how manieth time it
    gets there; IN_FLIGHT is no point of its own: the exchange sees to it.
    """

    url: str
    database: str
    venue: str
    strategy: str
    symbols: tuple[str, ...]
    bars: dict[str, str]
    timeframe: str
    capital: str
    leverage: str = "1"
    timeout: int = 10_000
    flatten_after: int | None = None
    lingers: float = 0.0
    reached: str
    kill: tuple[str, int] | None = None


def live(life: Life) -> None:
    """Live it; the process ends by SIGKILL where it is to be killed."""
    reached: Counter[str] = Counter()
    points.listen(lambda point: reached.update([point]))
    killer = None if life.kill is None else _Killer(*life.kill)
    if killer is not None and life.flatten_after is None:
        points.listen(killer)
    asyncio.run(_Bot(life, killer).run())
    Path(life.reached).write_text(json.dumps(reached))


class _Killer:
    def __init__(self, point: str, count: int) -> None:
        self._point, self._left = point, count

    def __call__(self, point: str) -> None:
        if point == self._point:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


class _Bot:
    def __init__(self, life: Life, killer: _Killer | None) -> None:
        self._life, self._killer = life, killer
        self._bars = {s: pd.read_pickle(path) for s, path in life.bars.items()}
        self._is_switched = False

    async def run(self) -> None:
        life = self._life
        broker = broker_of(life.venue, life.url, timeout=life.timeout)
        async with (
            httpx.AsyncClient(
                base_url=f"{life.url}/_control", timeout=60, verify=NO_CERTIFICATES
            ) as self._control,
            Database(life.database) as database,
            Engine(
                database, lambda row: broker, find=STRATEGIES.__getitem__, patience=PATIENCE
            ) as self._engine,
        ):
            if not self._engine.bots:
                row = await database.write(lambda session: add_bot(session, self._terms()))
                await self._engine.serve(row)
            await self._note_switch()
            await self._reconcile()
            await self._trade()

    def _terms(self) -> BotTerms:
        life = self._life
        first = min(bars.index[0] for bars in self._bars.values()).to_pydatetime()
        return BotTerms(
            owner_id="alice",
            name="bot",
            strategy=life.strategy,
            params={},
            symbols=life.symbols,
            timeframe=life.timeframe,
            exchange=life.venue,
            account="main",
            quote="USDT",
            capital=Decimal(life.capital),
            anchor=first,
            started=first,
            leverage=Decimal(life.leverage),
            margin_mode="isolated",
            risk={"price_collar": None},
        )

    async def _reconcile(self) -> None:
        """Until money was compared, as an engine does by its timer: a fault may be in the way."""
        while not any(done.consistent for done in await self._engine.reconcile()):
            if await self._is_paused():
                return
            await asyncio.sleep(0.05)

    async def _trade(self) -> None:
        clients = (await self._ask("GET", "/clients"))["clients"]
        if "bot" not in clients:
            await self._ask("POST", "/clients", name="bot")
        lingers = self._life.lingers
        while True:
            view = await self._ask("GET", "/")
            while not await self._work(view):
                if await self._is_paused():
                    raise SystemExit(PAUSED)
                await asyncio.sleep(0.05)
            if view["over"] and not lingers:
                return
            if view["over"]:
                await asyncio.sleep(lingers)
                lingers = 0.0
                continue
            await self._ask("POST", "/clients/bot/ack", stop=view["stop"], wait=30.0)

    async def _work(self, view: dict[str, Any]) -> bool:
        """All that is to do at a stop; False if the exchange has to be asked again."""
        (bot_id,) = self._engine.bots
        if not await self._engine.look_at(bot_id):
            return False
        closed = {s: self._closed(bars, view["time"]) for s, bars in self._bars.items()}
        done = await self._engine.last_bar(bot_id)
        times = sorted({t for bars in closed.values() for t in bars.index})
        missing = [t for t in times if done is None or t > _as_time(done)]
        for time in [] if view["over"] else missing:
            seen = {s: bars.loc[:time] for s, bars in closed.items()}
            if len(seen) > 1 and len(times[: times.index(time) + 1]) < 2:
                continue
            report = await self._engine.tick(bot_id, seen, is_late=time != missing[-1])
            if report is None:
                return False
        if not self._is_switched and await self._is_switch_due(bot_id):
            self._be_switched()
            await self._engine.kill("bot", str(bot_id), flatten=True, reason="enough")
            return await self._engine.look_at(bot_id)
        return True

    async def _is_switch_due(self, bot_id: int) -> bool:
        after = self._life.flatten_after
        bars = next(iter(self._bars.values()))
        return after is not None and await self._engine.last_bar(bot_id) == bars.index[after]

    async def _note_switch(self) -> None:
        """Know whether an earlier life has turned the switch on."""
        async with self._engine.database.reading() as session:
            if await switches_on(session):
                self._be_switched()

    def _be_switched(self) -> None:
        self._is_switched = True
        if self._killer is not None:
            points.listen(self._killer)

    async def _is_paused(self) -> bool:
        """Whether a bot was taken out of service by something else than the switch."""
        (bot,) = self._engine.bots.values()
        row = (await bot.running.executor.standing()).bot
        return row.state is BotState.PAUSED and not row.state_reason.startswith("kill switch")

    def _closed(self, bars: pd.DataFrame, time_ms: int) -> pd.DataFrame:
        length = pd.Timedelta(seconds=Timeframe.parse(self._life.timeframe).seconds)
        return bars[bars.index + length <= pd.Timestamp(time_ms, unit="ms", tz="UTC")]

    async def _ask(self, method: str, path: str, **body: Any) -> Any:
        reply = await self._control.request(method, path, json=body or None)
        reply.raise_for_status()
        return reply.json()


def _as_time(moment: datetime) -> pd.Timestamp:
    return pd.Timestamp(moment)
