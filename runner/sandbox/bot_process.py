"""One bot on the trusted side: asked at each closed bar, and never able to stop who asks."""

from __future__ import annotations

import asyncio
import logging
import secrets
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import pandas as pd

from robotrader_sdk.deploy.bundle import Bundle
from robotrader_sdk.types import Timeframe
from runner.sandbox import processes
from runner.sandbox.cells import Hold
from runner.sandbox.conversation import Broken
from runner.sandbox.errors import JailBrokenError, WireError
from runner.sandbox.outcome import KINDS, Decision, Outcome, Strikes
from runner.sandbox.outgoing import Outgoing
from runner.sandbox.sanity import check_answer, cut_logs
from runner.sandbox.settings import BotLimits
from runner.sandbox.wire import (
    Account,
    Answer,
    Ask,
    Bars,
    Caps,
    Failed,
    FromBot,
    MarketTerms,
    Ready,
    Start,
    frames_of,
    is_plain,
)
from runner.sandbox.zygote_process import describe_status

logger = logging.getLogger(__name__)

Histories = Mapping[str, pd.DataFrame]

_UNSENDABLE = (WireError, TypeError, ValueError, OverflowError, RecursionError)
_RANDOM_BITS = 40
_REASON_CHARACTERS = 500
_TOO_LATE = "the deadline passed before it could be asked"
_KILLED = "it was stopped meanwhile"


class CheckedParams(dict[str, Any]):
    """All parameters of a strategy, as a process of its own has understood them.

    To check them again takes time and a third of a light bot's memory; see `Jail.check`. Those that
    are of other types once they have travelled are checked again all the same.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class BotTask:
    """What a bot is: code, parameters, what it trades.

    params: as a user gives them, or CheckedParams.
    """

    bundle: Bundle
    params: Mapping[str, Any]
    markets: tuple[MarketTerms, ...]
    timeframe: Timeframe


class Warden(Protocol):
    """Who makes and ends jailed processes; the jail."""

    async def imprison(self, limits: BotLimits) -> Hold:
        """A new jailed process; JailBrokenError if there can't be one."""

    async def release(self, hold: Hold) -> int:
        """Kill a process, if it lives, and let go of it; its status, see os.waitpid."""


class BotProcess:
    """One bot, in whichever process it lives.

    `decide` always gives a Decision. A process that broke the rules is killed, and a new one goes
    on from the last good state at the next question, until its strikes pause the bot. Only a jail
    that is broken itself raises, JailBrokenError. A bot that nobody has any more takes its process
    along, as if it had been killed.
    """

    def __init__(
        self, warden: Warden, task: BotTask, state: bytes, limits: BotLimits, strikes: Strikes
    ) -> None:
        self._warden, self._task, self._limits = warden, task, limits
        self.state, self.strikes = state, strikes
        self.params: dict[str, Any] | None = None
        self._caps = Caps.of(limits)
        self._symbols = [market.symbol for market in task.markets]
        self._hold: Hold | None = None
        self._dropping: weakref.finalize[..., BotProcess] | None = None
        self._failed_start: Decision | None = None
        self._outgoing = [Outgoing(market.symbol, market.columns) for market in task.markets]
        self._n_asked = 0
        self._was_killed = False
        self._spent = 0.0
        """CPU seconds of its process when it had given its last reply."""
        self._turn = asyncio.Lock()
        self._endings: set[asyncio.Future[int | None]] = set()

    @property
    def process(self) -> int | None:
        """The number of the process it lives in, if it does."""
        return None if self._hold is None else self._hold.forked.outer

    async def start(self, deadline: float | None = None) -> None:
        """Have a process load the strategy; what goes wrong is told by the next decision.

        deadline: see `decide`; that it is reached is no fault of the bot.
        """
        self._was_killed = False
        try:
            told = self._told_first()
        except _UNSENDABLE as error:
            reason = f"its parameters can't be sent: {error}"
            self._failed_start = Decision(Outcome.FLOODED, self.state, reason=reason)
            return
        if self._seconds_left(deadline, self._limits.start_seconds) <= 0.0:
            self._failed_start = self._interrupted(_TOO_LATE)
            return
        try:
            async with asyncio.timeout_at(deadline):
                hold = await self._warden.imprison(self._limits)
        except TimeoutError:
            self._failed_start = self._interrupted(_TOO_LATE)
            return
        self._take(hold)
        if self._was_killed:
            await self._end()
            self._failed_start = self._interrupted(_KILLED)
        else:
            await self._load(hold, told, deadline)

    async def _load(self, hold: Hold, told: bytes, deadline: float | None) -> None:
        reply = hold.conversation.expect(0)
        hold.conversation.send(told)
        seconds = self._limits.start_seconds
        left = self._seconds_left(deadline, seconds)
        got = await self._wait(hold, reply, left, seconds, 0.0)
        if isinstance(got, Broken) and got.outcome is Outcome.TIMED_OUT and left < seconds:
            await self._end()
            self._failed_start = self._interrupted(_TOO_LATE)
        elif isinstance(got, Broken) or not isinstance(got[0], Ready):
            self._failed_start = await self._failure(hold, got)
        else:
            params = got[0].params
            self.params = CheckedParams(params) if got[0].are_plain else params

    def _take(self, hold: Hold) -> None:
        self._hold, self._n_asked = hold, 0
        loop = asyncio.get_running_loop()
        self._dropping = weakref.finalize(self, hold.cells.drop, hold, loop)
        self._dropping.atexit = False  # a jail does not outlive who started it
        for outgoing in self._outgoing:
            outgoing.start_again()

    def _told_first(self) -> bytes:
        """What a process is told before it is asked anything."""
        bundle, params = self._task.bundle, self._task.params
        code = f"{bundle.name}\n{bundle.source}".encode()
        start = Start(
            digest=bundle.digest,
            params=dict(params),
            params_are_checked=isinstance(params, CheckedParams) and is_plain(dict(params)),
            markets=list(self._task.markets),
            timeframe=self._task.timeframe.seconds,
            caps=self._caps,
            code_bytes=len(code),
            state_bytes=len(self.state),
        )
        return frames_of(start, code, self.state)

    async def decide(
        self, bars: Histories, account: Account, deadline: float | None = None
    ) -> Decision:
        """What the strategy wants at the last bar of its histories.

        bars: the whole history by symbol, from the same first bar at each question; the process is
        sent what it has not got. deadline: by the event loop's clock, no later than which there is
        an end; the limits hold besides.
        """
        async with self._turn:
            decision = await self._decide(bars, account, deadline)
        if not (decision.is_decided or decision.outcome.is_its_fault):
            return decision
        pause = self.strikes.count(decision.reason)
        if not decision.is_decided:
            logger.info("a bot has not decided: %s", decision.reason)
        if pause:
            await self.kill()
        return decision.paused(pause)

    async def kill(self) -> None:
        """End its process; the state stays. A question that it is at is INTERRUPTED."""
        self._was_killed = True
        await self._end()

    async def _decide(self, bars: Histories, account: Account, deadline: float | None) -> Decision:
        if self.strikes.pause_reason:
            return Decision(Outcome.PAUSED, self.state).paused(self.strikes.pause_reason)
        if self._hold is None and self._failed_start is None:
            await self.start(deadline)
        if self._failed_start is not None:
            failed, self._failed_start = self._failed_start, None
            return failed
        hold = self._hold
        if hold is None:  # it had started
            return self._interrupted(_KILLED)
        seconds = self._seconds_left(deadline, self._limits.wall_seconds)
        if seconds <= 0.0:
            return self._interrupted(_TOO_LATE)
        self._n_asked += 1
        sequence = self._n_asked << _RANDOM_BITS | secrets.randbits(_RANDOM_BITS)
        try:
            question = frames_of(Ask(sequence, account))
        except _UNSENDABLE as error:
            reason = f"its account can't be sent: {error}"
            return Decision(Outcome.FLOODED, self.state, reason=reason)
        got = await self._reply_to(question, sequence, hold, bars, seconds)
        if isinstance(got, Broken) or not isinstance(got[0], Answer):
            return await self._failure(hold, got)
        return await self._accept(hold, got[0], got[1])

    async def _reply_to(
        self, question: bytes, sequence: int, hold: Hold, bars: Histories, seconds: float
    ) -> tuple[FromBot, bytes] | Broken:
        """Ask, after the bars that the process has not got.

        What was prepared counts as sent: a process that did not get it is given up.
        """
        most = self._limits.cpu_seconds
        spent = processes.cpu_seconds(hold.forked.outer)
        if spent - self._spent > most:
            reason = f"it computed for more than {most:g} s without being asked"
            return Broken(Outcome.OVERWORKED, reason)
        reply = hold.conversation.expect(sequence)
        if not reply.done():
            try:
                news = b"".join(self._unsent(bars))
            except BaseException:
                self._abandon()
                raise
            hold.conversation.send(news + question)
        return await self._wait(hold, reply, seconds, most, spent)

    async def _accept(self, hold: Hold, answer: Answer, state: bytes) -> Decision:
        logs = cut_logs(answer.logs, self._caps)
        try:
            check_answer(answer, self._symbols, self._caps)
        except WireError as error:
            return await self._failure(hold, Broken(Outcome.LIED, str(error)))
        if hold.conversation.broken is not None:
            return await self._failure(hold, hold.conversation.broken)
        self.state = state
        return Decision(Outcome.DECIDED, state, tuple(answer.intents), logs)

    def _unsent(self, bars: Histories) -> list[bytes]:
        """The bars that the process has not got, as messages."""
        return [
            frames_of(Bars(number, data))
            for number, (symbol, outgoing) in enumerate(
                zip(self._symbols, self._outgoing, strict=True)
            )
            if symbol in bars
            for data in outgoing.unsent(bars[symbol])
        ]

    def _seconds_left(self, deadline: float | None, most: float) -> float:
        if deadline is None:
            return most
        return max(0.0, min(most, deadline - asyncio.get_running_loop().time()))

    async def _wait(
        self,
        hold: Hold,
        reply: asyncio.Future[tuple[FromBot, bytes] | Broken],
        wall_seconds: float,
        cpu_seconds: float,
        spent_before: float,
    ) -> tuple[FromBot, bytes] | Broken:
        """The reply, or what ended the wait for it; who gives up the wait gives up the process.

        Else its reply would be taken for that to the next question.
        A process with one thread can't have used more CPU time than time has passed, so it is
        looked at only when it may have used up what it has.
        """
        loop, number = asyncio.get_running_loop(), hold.forked.outer
        end = loop.time() + wall_seconds
        timer: asyncio.TimerHandle

        def look() -> None:
            nonlocal timer
            if reply.done():
                return
            rest = cpu_seconds - (processes.cpu_seconds(number) - spent_before)
            if rest <= 0.0:
                reason = f"it computed for more than {cpu_seconds:g} s"
                reply.set_result(Broken(Outcome.OVERWORKED, reason))
            elif loop.time() >= end:
                reason = f"it gave no answer within {wall_seconds:.2g} s"
                reply.set_result(Broken(Outcome.TIMED_OUT, reason))
            else:
                timer = loop.call_at(min(loop.time() + rest, end), look)

        timer = loop.call_at(min(loop.time() + cpu_seconds, end), look)
        try:
            got = await reply
        except BaseException:
            self._abandon()
            raise
        finally:
            timer.cancel()
        self._spent = processes.cpu_seconds(number)
        return got

    async def _failure(self, hold: Hold, got: tuple[FromBot, bytes] | Broken) -> Decision:
        """What a failure comes to; all but an error in its own code costs it its process."""
        if isinstance(got, Broken):
            return await self._breach(hold, got)
        message = got[0]
        if not isinstance(message, Failed):
            return await self._breach(hold, Broken(Outcome.LIED, "it answered what was not asked"))
        outcome = KINDS.get(message.kind, Outcome.LIED)
        if outcome is not Outcome.RAISED or self._n_asked == 0:
            await self._end()
        logs = cut_logs(message.logs, self._caps)
        (reason,) = cut_logs([message.message], Caps(0, 0, _REASON_CHARACTERS, 0))
        return Decision(outcome, self.state, logs=logs, reason=reason or outcome.value)

    async def _breach(self, hold: Hold, broken: Broken) -> Decision:
        """A process that is over, or has to be."""
        if self._hold is not hold:
            return self._interrupted(_KILLED)
        status = await self._end()
        outcome, reason = broken.outcome, broken.reason
        if outcome is Outcome.DIED and not hold.cells.zygote.is_alive:
            outcome, reason = Outcome.INTERRUPTED, "the jail has ended, and its process with it"
        elif outcome is Outcome.DIED and status is not None:
            reason = describe_status(status)
        return Decision(outcome, self.state, reason=reason)

    def _interrupted(self, reason: str) -> Decision:
        return Decision(Outcome.INTERRUPTED, self.state, reason=reason)

    def _abandon(self) -> None:
        """Be without the process at once, for the next question may come before it has ended."""
        hold = self._given_up()
        if hold is None:
            return
        ending = asyncio.ensure_future(self._release(hold))
        self._endings.add(ending)
        ending.add_done_callback(self._endings.discard)

    async def _end(self) -> int | None:
        hold = self._given_up()
        return None if hold is None else await self._release(hold)

    def _given_up(self) -> Hold | None:
        hold, self._hold = self._hold, None
        if self._dropping is not None:
            self._dropping.detach()
        return hold

    async def _release(self, hold: Hold) -> int | None:
        try:
            return await self._warden.release(hold)
        except JailBrokenError:
            return None
