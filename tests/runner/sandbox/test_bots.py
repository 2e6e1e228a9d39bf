"""A bot on the trusted side: strikes, deadlines, interruptions, and who may run without a jail."""

from __future__ import annotations

import asyncio
import os
import signal
from decimal import Decimal

import pytest

import robotrader_sdk as rt
from robotrader_sdk.deploy.bundle import Bundle, library_source_hash, make_bundle
from robotrader_sdk.types import OrderStatus
from runner.sandbox import processes
from runner.sandbox.bot_process import CheckedParams
from runner.sandbox.errors import SandboxError, StrategyRefusedError
from runner.sandbox.in_process import InProcess, known_strategy
from runner.sandbox.outcome import Outcome, Strikes
from runner.sandbox.settings import BotLimits
from runner.sandbox.wire import Account, MarketTerms, OrderNews, is_plain
from strategies import SmaCross
from tests.runner.sandbox.attackers import bundle
from tests.runner.sandbox.jails import HOUR, MARKET, RICH, Prison, flat_bars, spawn


class Counts(rt.Strategy):
    """Counts its questions in an attribute; fails where it is told to."""

    fails_at: int = rt.param(0, ge=0)
    sleeps_at: int = rt.param(0, ge=0)

    def on_bar(self, ctx):
        self.count = getattr(self, "count", 0) + 1
        print("question", self.count)
        if ctx.bar_number == self.sleeps_at:
            import time

            time.sleep(60)
        if self.fails_at and ctx.bar_number >= self.fails_at:
            raise ValueError("no more of this")


class Reads(rt.Strategy):
    """Tells how many bars it has."""

    def on_bar(self, ctx):
        print(len(ctx.history(100)), "bars")


class ReadsAll(rt.PortfolioStrategy):
    """Tells how many bars it has of each market."""

    def target_weights(self, panel):
        for symbol in panel.symbols:
            print(len(panel[symbol]), "bars")
        return panel.close * 0.0


BUSY = bundle(
    """
    receive, seconds = channel.Channel.receive, self.seconds

    def busy(own):
        channel.Channel.receive = receive
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            pass
        return receive(own)

    channel.Channel.receive = busy
    """,
    beside="seconds: float = rt.param(0.0)",
    above="import time\nfrom runner.sandbox import channel",
)
"""Computes on after its answer, before it reads what comes next."""


TYPED = bundle(
    "print(type(self.mode).__name__, type(self.levels).__name__, type(self.hold).__name__)",
    beside="""
    mode: Mode = rt.param(Mode.LONG)
    levels: tuple[float, ...] = rt.param((1.0, 2.0))
    hold: datetime.timedelta = rt.param(datetime.timedelta(hours=4))
    """,
    above='import datetime, enum\nclass Mode(enum.Enum):\n    LONG = "long"',
)
"""Tells of which types its parameters are."""


class Mine(SmaCross):
    """A user's own variant of a library strategy."""


def test_three_failures_pause_a_bot_with_a_reason_its_owner_can_read(prison):
    async def work():
        bot = await spawn(prison.jail, Counts, {"fails_at": 3})
        found = [await bot.decide(flat_bars(n), RICH) for n in range(2, 8)]
        return found, bot.process

    found, process = prison.run(work())
    outcomes = [decision.outcome for decision in found]
    raised = [Outcome.RAISED] * 3
    assert outcomes == [Outcome.DECIDED, Outcome.DECIDED, *raised, Outcome.PAUSED]
    assert found[1].logs == ("question 2",)
    assert found[2].state == found[1].state
    assert "ValueError: no more of this (<strategy>, line " in found[2].reason
    assert not found[3].pause_reason
    assert found[4].pause_reason == found[5].pause_reason
    assert "paused after 3 failures" in found[4].pause_reason
    assert "no more of this" in found[4].pause_reason
    assert process is None


def test_failures_of_long_ago_are_forgiven():
    strikes = Strikes(most=2, within=5)
    assert strikes.count("one") == ""
    assert [strikes.count("") for _ in range(4)] == [""] * 4
    assert strikes.count("two") == ""
    assert "two; three" in strikes.count("three")


@pytest.mark.parametrize("value", ["x" * 70_000, object()])
def test_parameters_that_can_not_be_sent_are_an_outcome_and_no_exception(prison, value):
    async def work():
        bot = await spawn(prison.jail, Counts, {"fails_at": value})
        return [await bot.decide(flat_bars(2), RICH) for _ in range(3)]

    found = prison.run(work())
    assert [decision.outcome for decision in found] == [Outcome.FLOODED] * 3
    assert "its parameters can't be sent" in found[0].reason
    assert "paused after 3 failures" in found[2].pause_reason


def test_an_account_that_can_not_be_sent_is_an_outcome_and_no_exception(prison):
    news = [
        OrderNews("BTC/USDT", n, OrderStatus.REJECTED, reject_reason="x" * 80) for n in range(600)
    ]

    async def work():
        bot = await spawn(prison.jail, Reads)
        await bot.decide(flat_bars(3), RICH)
        process = bot.process
        flooded = await bot.decide(flat_bars(5), Account(1.0, 1.0, news=news))
        after = await bot.decide(flat_bars(6), RICH)
        assert bot.process == process
        await bot.kill()
        return flooded, after

    flooded, after = prison.run(work())
    assert flooded.outcome is Outcome.FLOODED
    assert "its account can't be sent" in flooded.reason
    assert after.logs == ("6 bars",)


def test_bars_that_were_not_sent_since_others_can_not_be_are_sent_later(prison):
    markets = (MarketTerms("A/USDT"), MarketTerms("B/USDT"))
    (bars,) = flat_bars(9).values()

    async def work():
        bot = await spawn(prison.jail, ReadsAll, markets=markets)
        await bot.decide({"A/USDT": bars[:5], "B/USDT": bars[:5]}, RICH)
        with pytest.raises(SandboxError, match="may only grow"):
            await bot.decide({"A/USDT": bars[:7], "B/USDT": bars[:4]}, RICH)
        after = await bot.decide({"A/USDT": bars[:8], "B/USDT": bars[:8]}, RICH)
        await bot.kill()
        return after

    assert prison.run(work()).logs == ("8 bars", "8 bars")


@pytest.mark.parametrize("seconds", [0.0, 3.0])
def test_what_is_computed_between_questions_counts(prison, seconds):
    async def work():
        limits = BotLimits(cpu_seconds=1.0, wall_seconds=30.0)
        bot = await spawn(prison.jail, BUSY, {"seconds": seconds}, limits=limits)
        assert (await bot.decide(flat_bars(3), RICH)).is_decided
        end = asyncio.get_running_loop().time() + 20
        while seconds and asyncio.get_running_loop().time() < end:
            await asyncio.sleep(0.1)
            if processes.cpu_seconds(bot.process) - bot._spent > 1.1:
                break
        decision = await bot.decide(flat_bars(4), RICH)
        await bot.kill()
        return decision

    decision = prison.run(work())
    assert decision.outcome is (Outcome.OVERWORKED if seconds else Outcome.DECIDED)
    assert ("without being asked" in decision.reason) == bool(seconds)


def test_strikes_outlive_the_process(prison):
    strikes = Strikes(most=2)

    async def work():
        reasons = []
        for _ in range(2):
            bot = await spawn(prison.jail, Counts, {"fails_at": 1}, strikes=strikes)
            reasons.append((await bot.decide(flat_bars(3), RICH)).pause_reason)
            await bot.kill()
        return reasons

    first, second = prison.run(work())
    assert not first
    assert "paused after 2 failures" in second


def test_a_deadline_ends_the_wait_and_the_next_process_goes_on_from_the_last_state(prison):
    async def work():
        bot = await spawn(prison.jail, Counts, {"sleeps_at": 3})
        await bot.decide(flat_bars(3), RICH)
        now = asyncio.get_running_loop().time()
        late = await bot.decide(flat_bars(4), RICH, now + 0.3)
        after = await bot.decide(flat_bars(5), RICH)
        await bot.kill()
        return late, after

    late, after = prison.run(work())
    assert late.outcome is Outcome.TIMED_OUT
    assert "0.3 s" in late.reason
    assert after.logs == ("question 2",)


def test_a_question_that_is_given_up_is_not_answered_later(prison):
    async def work():
        bot = await spawn(prison.jail, Counts, {"sleeps_at": 2})
        asking = asyncio.ensure_future(bot.decide(flat_bars(3), RICH))
        await asyncio.sleep(0.1)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        after = await bot.decide(flat_bars(4), RICH)
        await bot.kill()
        return after

    assert prison.run(work()).is_decided


def test_the_end_of_a_jail_is_no_fault_of_its_bots():
    prison = Prison()

    async def work():
        bot = await spawn(prison.jail, Counts, {"sleeps_at": 2})
        asking = asyncio.ensure_future(bot.decide(flat_bars(3), RICH))
        await asyncio.sleep(0.2)
        os.kill(prison.jail._cells.zygote.first.outer, signal.SIGKILL)
        interrupted = await asking
        return interrupted, await bot.decide(flat_bars(4), RICH), bot.strikes

    interrupted, after, strikes = prison.run(work())
    prison.close()
    assert interrupted.outcome is Outcome.INTERRUPTED
    assert after.is_decided
    assert not strikes._failures


def test_parameters_are_checked_once_and_told_in_full(prison):
    async def work():
        markets, bundle = (MARKET,), make_bundle(Counts)
        params = await prison.jail.check(bundle, {"fails_at": 9}, markets=markets, timeframe=HOUR)
        bot = await spawn(prison.jail, bundle, params)
        decision = await bot.decide(flat_bars(3), RICH)
        await bot.kill()
        with pytest.raises(StrategyRefusedError, match="did you mean fails_at"):
            await prison.jail.check(bundle, {"fails_a": 1}, markets=markets, timeframe=HOUR)
        return params, decision

    params, decision = prison.run(work())
    assert params == CheckedParams(fails_at=9, sleeps_at=0, seed=0)
    assert decision.is_decided


def test_parameters_that_change_when_they_are_told_are_checked_again(prison):
    async def work():
        params = await prison.jail.check(TYPED, {}, markets=(MARKET,), timeframe=HOUR)
        found = []
        for given in ({}, params, CheckedParams(levels=(1.0, 2.0))):
            bot = await spawn(prison.jail, TYPED, given)
            found.append((await bot.decide(flat_bars(3), RICH)).logs)
            await bot.kill()
        return params, found

    params, found = prison.run(work())
    assert not isinstance(params, CheckedParams)
    assert found == [("Mode tuple timedelta",)] * 3


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([None, True, 1, 1.5, "a", {"b": [2]}], True),
        ((1.0, 2.0), False),
        ({"a": [Outcome.DIED]}, False),
        ({1: "a"}, False),
        (Decimal(1), False),
    ],
)
def test_plain_is_what_arrives_as_it_was_sent(value, expected):
    assert is_plain(value) is expected


def test_a_history_only_grows(prison):
    async def work():
        bot = await spawn(prison.jail, Counts)
        await bot.decide(flat_bars(5), RICH)
        with pytest.raises(SandboxError, match="may only grow"):
            await bot.decide(flat_bars(4), RICH)
        await bot.kill()

    prison.run(work())


def test_a_long_history_goes_over_in_chunks(prison):
    async def work():
        bot = await spawn(prison.jail, Counts, limits=BotLimits(memory_bytes=64 << 20))
        bars = flat_bars(20_000)
        decision = await bot.decide(bars, RICH)
        await bot.kill()
        return decision

    assert prison.run(work()).is_decided


def test_a_library_strategy_is_known_by_name_and_source(prison):
    bundle = make_bundle(SmaCross)
    source_hash = library_source_hash("strategies.sma_cross.SmaCross")
    strategy = known_strategy(bundle, source_hash)(fast=3, slow=5)
    bot = InProcess(strategy, markets=(MARKET,), timeframe=HOUR)
    assert asyncio.run(bot.decide(flat_bars(30), RICH)).is_decided
    with pytest.raises(SandboxError, match="not the one that was meant"):
        known_strategy(bundle, "0" * 64)


@pytest.mark.parametrize(
    "bundle",
    [
        make_bundle(Mine),
        make_bundle(Counts),
        Bundle.of("SmaCross", "from strategies.sma_cross import SmaCross\nprint('hello')\n"),
    ],
    ids=["a subclass", "own code", "an import and more"],
)
def test_user_code_is_never_known(bundle):
    with pytest.raises(SandboxError, match="user code"):
        known_strategy(bundle, "0" * 64)
