"""The engine: takes every bot of a database through its bars, one engine a database.

At the start, and on a timer, each account is reconciled. When a bar has closed, each bot that
trades it ticks; between bars the orders that work are looked at. What an exchange can't answer now
is asked again later, and other exchanges don't wait for it; a key that is refused pauses its bots,
and so does what nobody has foreseen, for the bot it meets; a database that fails ends the engine,
whose journal is as it was.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from inspect import isawaitable
from traceback import format_exception
from typing import Self, TypeVar

import pandas as pd

from runner.execution.broker import Broker, OpenOrders
from runner.execution.commands import Commands
from runner.execution.errors import (
    ExchangeUnreachableError,
    ExecutionError,
    LeaseLostError,
    RateLimitedError,
    UnknownOutcomeError,
)
from runner.execution.journal.bots import (
    Scope,
    bots_in_service,
    enter_engine,
    exchanges_in_service,
    pause,
    turn_on,
)
from runner.execution.journal.orders import want_cancelled
from runner.execution.journal.tables import BotRow, InstallationRow
from runner.execution.killing import entries_left, obey_switches
from runner.execution.lock import engine_lock
from runner.execution.patience import Patience
from runner.execution.reconcile import Reconciler
from runner.execution.reconciliation import Reconciliation
from runner.execution.scrub import scrub
from runner.execution.service import Find, bring_up, catalogued
from runner.execution.tick import RunningBot, TickReport, run_tick
from runner.execution.together import side_by_side
from runner.storage.database import Database
from runner.storage.errors import StorageError
from runner.storage.upgrade import upgrade

logger = logging.getLogger(__name__)

Result = TypeVar("Result")
Brokers = Callable[[BotRow], Broker | Awaitable[Broker]]
Round = Mapping[tuple[str, str, str], OpenOrders]
"""By account: what its bots ask for together."""

_NEXT_TRY = 5.0
"""Seconds until an exchange is tried again whose bots could not be taken into service."""

_AT_START = 30.0
"""Seconds in which bots are taken into service before the engine begins; the rest wait."""

LATER = (ExchangeUnreachableError, RateLimitedError, UnknownOutcomeError)
"""What an exchange can't answer now."""


@dataclass(slots=True)
class Served:
    """A bot in service and the account it trades with; its work is done one piece at a time."""

    row: BotRow
    running: RunningBot
    account: tuple[str, str, str]
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class Engine:
    """`async with Engine(database, brokers) as engine`; the tables are brought up to date.

    brokers: gives the broker of a bot's account; it is asked once an account. Bots that can't be
    taken into service soon, as their exchange does not answer, wait for it: see `serve_waiting`.
    EngineRunningError if another engine works with the database.
    """

    def __init__(
        self,
        database: Database,
        brokers: Brokers,
        *,
        find: Find = catalogued,
        patience: Patience | None = None,
    ) -> None:
        self.database, self._brokers = database, brokers
        self._find, self._patience = find, patience
        self.bots: dict[int, Served] = {}
        self._refused: set[int] = set()
        self._away: dict[str, float] = {}
        """Exchanges that could not be reached, and until when their bots wait for service."""
        self._open: dict[tuple[str, str, str], Broker] = {}
        self._reconcilers: dict[tuple[str, str, str], Reconciler] = {}
        self._stack = AsyncExitStack()
        self._commands: Commands
        self.installation: InstallationRow

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(engine_lock(self.database))
            await upgrade(self.database)
            self.installation = await self.database.write(enter_engine)
            self._commands = Commands(self.database, self.installation.fence)
            stack.push_async_callback(self._close_brokers)
            await self._serve_at_start()
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._stack.aclose()

    async def serve(self, row: BotRow) -> None:
        """Take a bot into service; one that can't be is paused, with the reason.

        One that is unfit to decide is paused, too, and what it holds is looked after. While its
        exchange can't be reached it waits: see `serve_waiting`.
        """
        key = (row.exchange, row.account, row.mode)
        try:
            if key not in self._open:
                made = self._brokers(row)
                self._open[key] = await made if isawaitable(made) else made
            running = await bring_up(
                self.database,
                self._open[key],
                row,
                self.installation,
                find=self._find,
                patience=self._patience,
            )
        except LATER as error:
            self._away[row.exchange] = time.monotonic() + _NEXT_TRY
            logger.warning("bots of %s wait for service: %s", row.exchange, error)
            return
        except (StorageError, LeaseLostError):
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it is one bot's
            await self._pause(row.id, _reason_of(error))
            self._refused.add(row.id)
            return
        if running.unfit:
            await self._pause(row.id, running.unfit)
        self.bots[row.id] = Served(row, running, key)
        others = [b.running for b in self.bots.values() if b.account == key]
        known = self._reconcilers.get(key)
        if known is None:
            self._reconcilers[key] = Reconciler(
                self.database, self._open[key], row.owner_id, row.account, others
            )
        else:
            known.bots = others

    async def serve_waiting(self, exchange: str | None = None) -> None:
        """Take into service the bots that were written down since, or that had to wait.

        exchange: whose bots; None: those of all, side by side.
        """
        names = await self.exchanges() if exchange is None else [exchange]
        await side_by_side(self._serve_at(name) for name in names)

    async def _serve_at(self, exchange: str) -> None:
        async with self.database.reading() as session:
            rows = await bots_in_service(session, exchange)
        for row in rows:
            waits = self._away.get(exchange, 0.0) > time.monotonic()
            if not waits and row.id not in self.bots and row.id not in self._refused:
                await self.serve(row)

    async def _serve_at_start(self) -> None:
        """Take into service whoever can be soon: an exchange may take minutes to refuse."""
        try:
            async with asyncio.timeout(_AT_START) as limit:
                await self.serve_waiting()
        except TimeoutError:
            if not limit.expired():
                raise
            logger.warning("bots that are not in service yet wait for their exchange")

    async def exchanges(self) -> list[str]:
        """The exchanges of all bots in service and of those that wait for it."""
        async with self.database.reading() as session:
            found = await exchanges_in_service(session)
        return sorted(found | {bot.row.exchange for bot in self.bots.values()})

    async def reconcile(self, exchange: str | None = None) -> list[Reconciliation]:
        """Compare every account with its exchange; those that can't be reached are left out.

        exchange: whose accounts; None: those of all exchanges, side by side.
        """
        names = (
            dict.fromkeys(key[0] for key in self._reconcilers) if exchange is None else [exchange]
        )
        found = await side_by_side(self._reconcile_at(name) for name in names)
        return [done for those in found for done in those]

    async def _reconcile_at(self, exchange: str) -> list[Reconciliation]:
        """Compare the accounts of one exchange, one after another.

        They share its address and its limits: where one does not get through, the others are left
        for the next time. They come first then, as it may be that account's own trouble.
        """
        found = []
        for key in [key for key in self._reconcilers if key[0] == exchange]:
            self._reconcilers[key] = self._reconcilers.pop(key)  # to the end of the queue
            try:
                done = await self._reconcile_account(key)
            except LATER as error:
                logger.warning("%s: %s; it is reconciled later", exchange, error)
                break
            if done is not None:
                found.append(done)
        return found

    async def _reconcile_account(self, key: tuple[str, str, str]) -> Reconciliation | None:
        bots = [bot for bot in self.bots.values() if bot.account == key]
        async with AsyncExitStack() as stack:
            for bot in bots:
                await stack.enter_async_context(bot.turn)
            for bot in bots:
                await self._obey(bot)
            done = await self._apart(bots, self._reconcilers[key].run)
        if done is not None:
            for bot_id, error in done.failed.items():
                await self._pause(bot_id, _reason_of(error))
        return done

    async def look(self, exchange: str | None = None) -> bool:
        """See what has become of all working orders; whether nothing has to wait.

        exchange: where; None: at all exchanges.
        """
        round_ = self.new_round()
        ids = [n for n, bot in self.bots.items() if exchange in (None, bot.row.exchange)]
        return all(await side_by_side(self.look_at(bot_id, round_) for bot_id in ids))

    def new_round(self) -> Round:
        """What bots of one account ask for together from now on."""
        return {key: OpenOrders(broker) for key, broker in self._open.items()}

    async def look_at(self, bot_id: int, round_: Round | None = None) -> bool:
        """See what has become of one bot's orders, and obey the kill switches.

        False if that has to wait.
        """
        bot = self.bots[bot_id]

        async def look() -> bool:
            await bot.running.executor.look((round_ or {}).get(bot.account))
            return True

        async with bot.turn:
            await self._obey(bot)
            return await self._guarded([bot], look) or False

    async def tick(
        self,
        bot_id: int,
        histories: Mapping[str, pd.DataFrame],
        *,
        is_late: bool = False,
        round_: Round | None = None,
    ) -> TickReport | None:
        """Let a bot decide at the newest bar of its histories; None if it has to wait."""
        bot = self.bots[bot_id]
        async with bot.turn:
            await self._obey(bot)
            working = (round_ or {}).get(bot.account)
            return await self._guarded(
                [bot],
                lambda: run_tick(bot.running, histories, is_late=is_late, working=working),
            )

    async def check_lease(self) -> None:
        """LeaseLostError if a newer engine has begun; cheap, to be asked often."""
        await self._read_commands()

    async def last_bar(self, bot_id: int) -> datetime | None:
        """The newest bar that a bot has decided at."""
        return (await self.bots[bot_id].running.executor.standing()).bot.last_bar

    async def kill(
        self, scope: Scope, name: str = "", *, flatten: bool = False, reason: str
    ) -> None:
        """Turn a kill switch on, and carry it out; it stays on until it is turned off.

        scope and name: "bot" and its number, "owner" and its id, or "all".
        """
        at = datetime.now(UTC)
        await self.database.write(
            lambda s: turn_on(s, scope, name, flatten=flatten, reason=reason, at=at)
        )
        self._commands.forget()
        await self.look()

    async def _obey(self, bot: Served) -> None:
        """Carry out the kill switches that hold for a bot, and what its state asks for.

        One that can't is paused: it opens nothing, and what it holds is looked after all the same.
        """
        await self._read_commands()
        executor, rules = bot.running.executor, dict(bot.running.rules)

        async def obey() -> None:
            row = (await executor.standing()).bot
            if self._commands.holds_for(row):
                await executor.write(lambda s: obey_switches(s, row.id, rules))

        async def open_nothing() -> None:
            if left := entries_left(await executor.standing()):
                await executor.write(lambda s: want_cancelled(s, left))

        for work in (obey, open_nothing):
            await self._guarded([bot], work)

    async def _read_commands(self) -> None:
        await self._commands.read(lambda: (b.running.executor for b in self.bots.values()))

    async def _guarded(
        self, bots: list[Served], work: Callable[[], Awaitable[Result]]
    ) -> Result | None:
        """Do what speaks to an exchange; None if it has to wait, or the bots are paused for it."""
        try:
            return await self._apart(bots, work)
        except LATER as error:
            logger.warning("%s: %s; it is tried again", bots[0].account[0], error)
        return None

    async def _apart(
        self, bots: list[Served], work: Callable[[], Awaitable[Result]]
    ) -> Result | None:
        """Do what concerns these bots only; None if they are paused for what it came to.

        A defect that one bot has met must not keep the others from looking after what they hold.
        """
        try:
            return await work()
        except (StorageError, LeaseLostError, *LATER):
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it is one bot's
            reason = _reason_of(error)
            for bot in bots:
                await self._pause(bot.row.id, reason)
        return None

    async def _pause(self, bot_id: int, reason: str) -> None:
        """Pause a bot; what it is paused for already is not told again."""
        if await self.database.write(lambda s: pause(s, bot_id, reason)):
            logger.error("bot %s is paused: %s", bot_id, reason)
        if bot_id in self.bots:
            self.bots[bot_id].running.executor.forget()

    async def _close_brokers(self) -> None:
        for broker in self._open.values():
            await broker.close()


def _reason_of(error: Exception) -> str:
    """Why a bot is paused for it; what nobody has foreseen is logged in full."""
    if isinstance(error, ExecutionError):
        return str(error)
    logger.error("%s", scrub("".join(format_exception(error))))
    return scrub(f"a defect: {type(error).__name__}: {error}")
