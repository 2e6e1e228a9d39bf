"""The jail: a zygote, its bots, and the level that this host gives.

It fails closed. Before any user code is accepted, attempts to escape are made from a bot of its
own, at the start and after every restart of the zygote; if one succeeds, or a layer is missing,
there is no jail, and `JailRefusedError` names it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import resource
import weakref
from collections.abc import Mapping
from typing import Any, Self

from robotrader_sdk.deploy.bundle import Bundle
from robotrader_sdk.types import Timeframe
from runner.sandbox.bot_process import BotProcess, BotTask
from runner.sandbox.cells import Cells, Hold, Users
from runner.sandbox.errors import JailBrokenError, JailRefusedError, StrategyRefusedError
from runner.sandbox.outcome import Strikes
from runner.sandbox.preflight import Inspection, inspect
from runner.sandbox.settings import BotLimits, JailSettings
from runner.sandbox.stack import Level, Stack, stacks_to_try
from runner.sandbox.system_calls import is_supported
from runner.sandbox.wire import Account, MarketTerms
from runner.sandbox.zygote_process import ZygoteProcess

logger = logging.getLogger(__name__)


class Jail:
    """Jailed processes for bots.

    async with Jail() as jail:
        bot = await jail.spawn(bundle, params, state, markets=..., timeframe=...)
        decision = await bot.decide(bars, account)

    JailRefusedError at the start where the host can't give the level; nothing runs then.
    """

    def __init__(self, settings: JailSettings | None = None) -> None:
        self.settings = settings or JailSettings()
        self.level = Level.NONE
        self.inspections: list[Inspection] = []
        self._stack: Stack | None = None
        self._cells: Cells | None = None
        self._users = Users(self.settings.first_user, self.settings.n_users)
        self._restarting: asyncio.Future[Inspection] | None = None
        self._bots: weakref.WeakSet[BotProcess] = weakref.WeakSet()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Find the best stack of layers that holds; JailRefusedError names what does not."""
        if not is_supported():
            raise JailRefusedError("user code is refused: the jail knows x86_64 and aarch64 only")
        _raise_descriptor_limit()
        self.inspections = []
        for stack in stacks_to_try():
            if stack.level is Level.MIN and not self.settings.accepts_min:
                break
            inspection = await self._try(stack)
            self.inspections.append(inspection)
            if inspection.is_passed:
                self._stack, self.level = stack, stack.level
                return
        raise JailRefusedError(_refusal(self.inspections))

    async def stop(self) -> None:
        """End all bots and the zygote, and whatever waits for them."""
        self._stack = None
        if self._restarting is not None:
            self._restarting.cancel()
            await asyncio.wait({self._restarting})
        for bot in list(self._bots):
            await bot.kill()
        self._bots.clear()
        if self._cells is not None:
            self._cells.zygote.stop()
        self._cells = None
        self.level = Level.NONE

    async def spawn(
        self,
        bundle: Bundle,
        params: Mapping[str, Any],
        state: bytes = b"",
        *,
        markets: tuple[MarketTerms, ...],
        timeframe: Timeframe,
        limits: BotLimits | None = None,
        strikes: Strikes | None = None,
    ) -> BotProcess:
        """A bot whose strategy is loaded; what goes wrong in that is told by its first decision.

        state: of its last decision, b"" for a new bot. strikes: those of its earlier processes.
        JailBrokenError if there is no jail to put it into.
        """
        task = BotTask(bundle=bundle, params=params, markets=markets, timeframe=timeframe)
        limits, strikes = limits or self.settings.limits, strikes or Strikes()
        bot = BotProcess(self, task, state, limits, strikes)
        self._bots.add(bot)
        await bot.start()
        return bot

    async def check(
        self,
        bundle: Bundle,
        params: Mapping[str, Any],
        *,
        markets: tuple[MarketTerms, ...],
        timeframe: Timeframe,
    ) -> dict[str, Any]:
        """All parameters of a strategy as it understands them, once for all its later processes.

        CheckedParams, which are not checked again; but a plain dict where some, such as enums,
        can't be told as they are: each process has to make them anew. The strategy is loaded in a
        process that is ended afterwards. StrategyRefusedError says what is wrong.
        """
        bot = await self.spawn(bundle, params, markets=markets, timeframe=timeframe)
        try:
            if bot.params is None:
                failed = await bot.decide({}, Account(0.0, 0.0))
                raise StrategyRefusedError(failed.reason)
            return bot.params
        finally:
            await bot.kill()

    async def imprison(self, limits: BotLimits) -> Hold:
        """See `Warden`."""
        cells = await self._living_cells()
        try:
            return await cells.imprison(limits)
        except JailBrokenError:
            if cells.zygote.is_alive:
                raise
        return await (await self._living_cells()).imprison(limits)

    async def release(self, hold: Hold) -> int:
        """See `Warden`."""
        return await hold.cells.release(hold)

    async def _living_cells(self) -> Cells:
        """Where bots are put; a new zygote, inspected, if the old one has died.

        It is started for all who wait, and goes on when one of them is cancelled.
        """
        if self._stack is None:
            raise JailBrokenError("the jail has not been started, or was stopped")
        if self._restarting is None or self._restarting.done():
            if self._cells is not None and self._cells.zygote.is_alive:
                return self._cells
            self._restarting = asyncio.ensure_future(self._restart(self._stack))
        restarting = self._restarting
        await asyncio.wait({restarting})
        if restarting.cancelled():
            raise JailBrokenError("the jail has been stopped")
        inspection = restarting.result()
        if self._cells is None:
            raise JailBrokenError(_refusal([inspection]))
        return self._cells

    async def _restart(self, stack: Stack) -> Inspection:
        logger.warning("the zygote has died, and all bots with it; starting another")
        if self._cells is not None:
            self._cells.zygote.stop()
        inspection = await self._try(stack)
        if not inspection.is_passed:
            self.level = Level.NONE
        return inspection

    async def _try(self, stack: Stack) -> Inspection:
        """Start a zygote of a stack and try to break out; it is kept if nothing succeeds."""
        self._cells = None
        try:
            zygote = await ZygoteProcess.start(stack, self.settings.preloaded)
        except JailBrokenError as error:
            return Inspection(stack, problems=(str(error),))
        cells = Cells(zygote, self._users)
        try:
            inspection = await inspect(cells, stack)
        except BaseException:
            zygote.stop()
            raise
        if inspection.is_passed:
            self._cells = cells
        else:
            zygote.stop()
        return inspection


def _refusal(inspections: list[Inspection]) -> str:
    told = "; ".join(f"{i.stack.level.value}: {i.verdict}" for i in inspections)
    return (
        f"user code is refused, since this host gives no jail that holds ({told}); "
        "`robotrader doctor jail` shows each probe"
    )


def _raise_descriptor_limit() -> None:
    """Each bot takes two descriptors."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
