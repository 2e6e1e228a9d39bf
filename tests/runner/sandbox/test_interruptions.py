"""What is given up or ended halfway costs nobody else anything, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from runner.sandbox import zygote
from runner.sandbox.errors import JailBrokenError
from runner.sandbox.jail import Jail
from runner.sandbox.outcome import Outcome
from runner.sandbox.settings import JailSettings
from runner.sandbox.zygote_process import ZygoteProcess
from tests.runner.sandbox.attackers import PATIENT, bundle
from tests.runner.sandbox.jails import RICH, Prison, flat_bars, spawn
from tests.runner.sandbox.stacks import PRELOADED

BUYS = bundle("ctx.buy(quantity=1)")
SLEEPS = bundle("if ctx.bar_number == 1: time.sleep(60)", above="import time")
LOADS = bundle("ctx.buy(quantity=1)", above="import time\ntime.sleep(1)")


async def _given_up_at_once(work: Any, turns: int = 3) -> None:
    """Cancel some work once it has gone on for some turns of the loop."""
    task = asyncio.ensure_future(work)
    for _ in range(turns):
        await asyncio.sleep(0)
    assert not task.done()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def _left(jail: Jail) -> tuple[int, str]:
    """How many descriptors this process has, and which children the zygote."""
    forker = jail._cells.zygote.first.outer
    children = Path(f"/proc/{forker}/task/{forker}/children").read_text()
    return _n_descriptors(), children


def _n_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def _until_left(jail: Jail, expected: tuple[int, str]) -> None:
    async with asyncio.timeout(20):
        while _left(jail) != expected:
            await asyncio.sleep(0.01)


async def _warm(jail: Jail) -> None:
    """Let there be what is made once."""
    bot = await spawn(jail, BUYS, limits=PATIENT)
    await bot.kill()


@pytest.mark.parametrize("turns", [1, 3, 6])
def test_a_spawn_that_is_given_up_leaves_nothing_and_all_other_bots(prison: Prison, turns) -> None:
    async def work():
        jail = prison.jail
        await _warm(jail)
        other = await spawn(jail, BUYS, limits=PATIENT)
        process, left, users = other.process, _left(jail), set(jail._users._free)
        await _given_up_at_once(spawn(jail, BUYS, limits=PATIENT), turns)
        await _until_left(jail, left)
        assert set(jail._users._free) == users
        last = await spawn(jail, BUYS, limits=PATIENT)
        await last.kill()
        decision = await other.decide(flat_bars(3), RICH)
        assert (decision.is_decided, other.process) == (True, process)
        await other.kill()

    prison.run(work())


def test_a_kill_that_is_given_up_goes_on_and_leaves_all_other_bots(prison: Prison) -> None:
    async def work():
        jail = prison.jail
        await _warm(jail)
        other = await spawn(jail, BUYS, limits=PATIENT)
        process, left = other.process, _left(jail)
        bot = await spawn(jail, BUYS, limits=PATIENT)
        await _given_up_at_once(bot.kill(), 1)
        await _until_left(jail, left)
        assert jail._cells.zygote.is_alive
        decision = await other.decide(flat_bars(3), RICH)
        assert (decision.is_decided, other.process) == (True, process)
        await other.kill()

    prison.run(work())


def test_a_process_that_can_not_be_reached_is_ended(prison: Prison, monkeypatch) -> None:
    async def work():
        await _warm(prison.jail)
        left, users = _left(prison.jail), set(prison.jail._users._free)

        async def refuse(*_: Any, **__: Any) -> None:
            raise OSError("no connection")

        with monkeypatch.context() as patch:
            patch.setattr(asyncio.get_running_loop(), "create_unix_connection", refuse)
            with pytest.raises(OSError, match="no connection"):
                await spawn(prison.jail, BUYS, limits=PATIENT)
        assert _left(prison.jail) == left
        assert set(prison.jail._users._free) == users

    prison.run(work())


@pytest.mark.parametrize("failing", ["fork", "pidfd_open", "no descriptor"])
def test_a_fork_that_fails_is_an_answer_and_the_zygote_goes_on(monkeypatch, failing: str) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    passed, other = socket.socketpair()
    child = subprocess.Popen(["sleep", "60"])
    with ours, theirs, passed, other, child:
        descriptors = [passed.fileno()] if hasattr(os, failing) else []
        socket.send_fds(ours, [b'{"user": 1}'], descriptors)
        ours.send(b'{"pid": 1}')
        ours.shutdown(socket.SHUT_WR)
        n_held = _n_descriptors()

        def fail(*_: Any) -> int:
            raise BlockingIOError(errno.EAGAIN, "no more")

        with monkeypatch.context() as patch:
            patch.setattr(os, "fork", lambda: child.pid)
            patch.setattr(os, failing, fail, raising=False)
            patch.setattr(os, "_exit", sys.exit)
            with pytest.raises(SystemExit):
                zygote._fork_bots(theirs, None, None)
        assert _n_descriptors() == n_held
        first, second = (json.loads(ours.recv(1_000)) for _ in range(2))
        assert ("error" in first, second) == (True, {"status": 0})
        child.kill()
        assert (child.wait() == 0) == (failing == "pidfd_open")  # it was waited for already


def test_a_fork_that_fails_costs_no_other_bot_anything(prison: Prison, monkeypatch) -> None:
    async def no_room(*_: Any) -> tuple[dict[str, Any], int]:
        return {"error": "no more"}, -1

    async def work():
        other = await spawn(prison.jail, BUYS, limits=PATIENT)
        process = other.process
        with monkeypatch.context() as patch:
            patch.setattr(ZygoteProcess, "_ask", no_room)
            with pytest.raises(JailBrokenError, match="can't fork one more bot: no more"):
                await spawn(prison.jail, BUYS, limits=PATIENT)
        decision = await other.decide(flat_bars(3), RICH)
        assert (decision.is_decided, other.process) == (True, process)
        await other.kill()

    prison.run(work())


def test_a_question_right_after_one_that_is_given_up_is_answered(prison: Prison) -> None:
    async def work():
        bot = await spawn(prison.jail, SLEEPS, limits=PATIENT)
        asking = asyncio.ensure_future(bot.decide(flat_bars(2), RICH))
        await asyncio.sleep(0.1)
        asking.cancel()
        after = await asyncio.ensure_future(bot.decide(flat_bars(3), RICH))
        await bot.kill()
        assert (after.is_decided, list(bot.strikes._failures)) == (True, [])

    prison.run(work())


def test_a_question_that_is_given_up_while_its_process_loads_is_not_answered_later(
    prison: Prison,
) -> None:
    async def work():
        bot = await spawn(prison.jail, LOADS, limits=PATIENT)
        await bot.kill()
        asking = asyncio.ensure_future(bot.decide(flat_bars(2), RICH))
        while bot.process is None:
            await asyncio.sleep(0.01)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert bot.process is None
        after = await bot.decide(flat_bars(3), RICH)
        await bot.kill()
        assert (after.is_decided, list(bot.strikes._failures)) == (True, [])

    prison.run(work())


@pytest.mark.parametrize("code", ["SLEEPS", "LOADS"])
def test_a_kill_during_a_question_is_no_fault_of_the_bot(prison: Prison, code: str) -> None:
    async def work():
        bot = await spawn(prison.jail, globals()[code], limits=PATIENT)
        if code == "LOADS":
            await bot.kill()
        asking = asyncio.ensure_future(bot.decide(flat_bars(2), RICH))
        await asyncio.sleep(0.2)
        assert bot.process is not None
        await bot.kill()
        decision = await asking
        assert decision.outcome is Outcome.INTERRUPTED
        assert (bot.process, list(bot.strikes._failures)) == (None, [])

    prison.run(work())


def test_a_kill_just_when_its_process_is_ready_is_no_fault_of_the_bot(
    prison: Prison, monkeypatch
) -> None:
    async def work():
        bot = await spawn(prison.jail, BUYS, limits=PATIENT)
        await bot.kill()
        asking = asyncio.ensure_future(bot.decide(flat_bars(2), RICH))
        while bot._hold is None or bot._hold.conversation._reply is None:
            await asyncio.sleep(0)
        conversation = bot._hold.conversation
        finish = conversation._finish

        def finish_and_kill(*reply: Any) -> None:
            finish(*reply)
            bot._abandon()

        monkeypatch.setattr(conversation, "_finish", finish_and_kill)
        decision = await asking
        assert decision.outcome is Outcome.INTERRUPTED
        assert (bot.process, list(bot.strikes._failures)) == (None, [])

    prison.run(work())


def test_a_kill_before_there_is_a_process_ends_it_as_soon_as_there_is(prison: Prison) -> None:
    async def work():
        await _warm(prison.jail)
        left = _left(prison.jail)
        bot = await spawn(prison.jail, BUYS, limits=PATIENT)
        await bot.kill()
        asking = asyncio.ensure_future(bot.decide(flat_bars(2), RICH))
        await asyncio.sleep(0)
        await bot.kill()
        assert (await asking).outcome is Outcome.INTERRUPTED
        assert (bot.process, _left(prison.jail)) == (None, left)
        assert (await bot.decide(flat_bars(2), RICH)).is_decided
        await bot.kill()

    prison.run(work())


def test_the_end_of_a_jail_during_a_question_is_no_fault_of_the_bot(own_prison: Prison) -> None:
    async def work():
        bots = [await spawn(own_prison.jail, SLEEPS) for _ in range(2)]
        asking = [asyncio.ensure_future(bot.decide(flat_bars(2), RICH)) for bot in bots]
        await asyncio.sleep(0.1)
        await own_prison.jail.stop()
        assert [(await task).outcome for task in asking] == [Outcome.INTERRUPTED] * 2
        assert not any(bot.strikes._failures for bot in bots)

    own_prison.run(work())


@pytest.mark.parametrize("seconds", [-1.0, 0.3])
def test_a_deadline_that_passes_before_the_question_is_no_fault_of_the_bot(
    prison: Prison, seconds: float
) -> None:
    async def work():
        bot = await spawn(prison.jail, LOADS, limits=PATIENT)
        await bot.kill()
        now = asyncio.get_running_loop().time()
        late = await bot.decide(flat_bars(2), RICH, now + seconds)
        took = asyncio.get_running_loop().time() - now
        assert late.outcome is Outcome.INTERRUPTED
        assert "deadline" in late.reason
        assert took < 0.7
        assert (bot.process, list(bot.strikes._failures)) == (None, [])
        assert (await bot.decide(flat_bars(2), RICH)).is_decided
        process, now = bot.process, asyncio.get_running_loop().time()
        late = await bot.decide(flat_bars(3), RICH, now - 1.0)
        assert (late.outcome, bot.process) == (Outcome.INTERRUPTED, process)
        assert (await bot.decide(flat_bars(3), RICH)).is_decided
        await bot.kill()

    prison.run(work())


@pytest.fixture
def own_prison(monkeypatch):
    """A jail that may be broken, and that is soon started."""
    monkeypatch.setattr("runner.sandbox.preflight.all_probes", list)  # others look at them
    prison = Prison(JailSettings(preloaded=PRELOADED, limits=PATIENT, accepts_min=True))
    yield prison
    prison.close()


def test_a_zygote_that_dies_during_a_spawn_is_replaced_whoever_notices_first(
    own_prison: Prison, monkeypatch
) -> None:
    monkeypatch.setattr("runner.sandbox.zygote_process._START_SECONDS", 15.0)

    async def work():
        jail = own_prison.jail
        asking = asyncio.ensure_future(spawn(jail, BUYS))
        for _ in range(3):
            await asyncio.sleep(0)
        assert jail._cells.zygote._arrived is not None
        jail._cells.zygote.stop()  # as whoever notices first does
        bots = [await spawn(jail, BUYS), await asking]
        found = [await bot.decide(flat_bars(3), RICH) for bot in bots]
        assert all(decision.is_decided for decision in found)

    own_prison.run(work())


@pytest.mark.parametrize("at", ["the fork", "the restart"])
def test_the_end_of_a_jail_ends_a_spawn_at_once(own_prison: Prison, at: str) -> None:
    async def work():
        jail = own_prison.jail
        old = jail._cells.zygote
        os.kill(old.first.outer, signal.SIGSTOP if at == "the fork" else signal.SIGKILL)
        asking = asyncio.ensure_future(spawn(jail, BUYS))
        await asyncio.sleep(0.1)
        assert (jail._cells is None) == (at == "the restart")
        began = time.monotonic()
        await jail.stop()
        with pytest.raises(JailBrokenError):
            await asking
        assert time.monotonic() - began < 10.0
        assert (jail._cells, old.is_alive) == (None, False)

    own_prison.run(work())


def test_a_restart_goes_on_when_who_asked_for_it_gives_up(own_prison: Prison, monkeypatch) -> None:
    started = []
    real = ZygoteProcess.start

    async def start(*arguments: Any) -> ZygoteProcess:
        started.append(arguments)
        return await real(*arguments)

    monkeypatch.setattr(ZygoteProcess, "start", start)

    async def work():
        jail = own_prison.jail
        jail._cells.zygote.stop()
        await _given_up_at_once(spawn(jail, BUYS), 5)
        bot = await spawn(jail, BUYS)
        assert (await bot.decide(flat_bars(3), RICH)).is_decided

    own_prison.run(work())
    assert len(started) == 1
