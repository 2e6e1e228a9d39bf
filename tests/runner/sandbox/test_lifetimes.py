"""Nothing of a jail outlives who started it, and bots that have ended leave nothing behind."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from runner.sandbox.outcome import Outcome
from runner.sandbox.stack import Level
from tests.runner.sandbox.attackers import BARS, PATIENT, assert_still_serves, bundle
from tests.runner.sandbox.jails import HOUR, MARKET, RICH, Prison

ROOT = Path(__file__).parents[3]
PARENT = Path(__file__).with_name("parent_process.py")
_PATIENCE = 20_000
"""Milliseconds, of which a killed process takes a few."""


@contextlib.contextmanager
def _parent(level: Level) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """A process with a jail and bots at work, and the numbers of its processes."""
    process = subprocess.Popen(
        [sys.executable, str(PARENT), level.value],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            assert process.stdout is not None
            yield process, json.loads(process.stdout.readline())
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("victim", "level"),
    [
        ("parent", Level.FULL),
        ("outer", Level.FULL),  # which only waits for the zygote
        ("zygote", Level.FULL),
        ("parent", Level.MIN),
        ("zygote", Level.MIN),
    ],
)
def test_no_bot_outlives_a_kill_of(victim: str, level: Level) -> None:
    with _parent(level) as (process, numbers):
        alive = {n: os.pidfd_open(n) for n in {*numbers["bots"], numbers["zygote"]}}
        try:
            assert not any(_has_ended(descriptor, 0) for descriptor in alive.values())
            os.kill(process.pid if victim == "parent" else numbers[victim], signal.SIGKILL)
            left = [n for n, held in alive.items() if not _has_ended(held, _PATIENCE)]
        finally:
            for descriptor in alive.values():
                os.close(descriptor)
    assert left == []


def test_a_jail_goes_on_with_another_zygote(prison: Prison) -> None:
    bot = prison.run(_spawn(prison))
    assert prison.run(bot.decide({MARKET.symbol: BARS[:-1]}, RICH)).is_decided
    held = os.pidfd_open(bot.process)
    os.kill(prison.run(prison.jail._living_cells()).zygote.first.outer, signal.SIGKILL)
    assert _has_ended(held, _PATIENCE)
    os.close(held)
    died = prison.run(bot.decide({MARKET.symbol: BARS}, RICH))
    assert died.outcome is Outcome.INTERRUPTED
    assert prison.run(bot.decide({MARKET.symbol: BARS}, RICH)).is_decided
    prison.run(bot.kill())
    assert_still_serves(prison)


@pytest.mark.parametrize("count", [60, pytest.param(1_000, marks=pytest.mark.long)])
def test_bots_that_were_stopped_leave_nothing(
    prison: Prison, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    prison.run(_live_and_die(prison, 1))  # what is made once is there by now
    zygote = prison.run(prison.jail._living_cells()).zygote.first.outer
    before = _held(), _children(zygote)
    for _ in range(0, count, 50):
        prison.run(_live_and_die(prison, min(count, 50)))
    assert (_held(), _children(zygote)) == before
    assert list(tmp_path.iterdir()) == []
    assert_still_serves(prison)


def test_a_bot_that_is_dropped_takes_its_process_along(prison: Prison) -> None:
    prison.run(_live_and_die(prison, 1))
    cells = prison.run(prison.jail._living_cells())
    before = _held(), _children(cells.zygote.first.outer)
    bot = prison.run(_spawn(prison))
    assert prison.run(bot.decide({MARKET.symbol: BARS}, RICH)).is_decided
    held, user = os.pidfd_open(bot.process), bot._hold.user
    assert not _has_ended(held, 0)
    dropped = weakref.ref(bot)
    dropping = threading.Thread(target=[bot].clear)
    del bot
    dropping.start()
    dropping.join()
    del dropping
    assert _has_ended(held, _PATIENCE)
    os.close(held)
    prison.run(_until(lambda: user in prison.jail._users._free))
    assert (_held(), _children(cells.zygote.first.outer)) == before
    assert dropped() is None


def test_a_bot_that_was_killed_is_dropped_once(prison: Prison) -> None:
    bot = prison.run(_spawn(prison))
    user = bot._hold.user
    prison.run(bot.kill())
    del bot
    prison.run(asyncio.sleep(0.05))
    assert prison.jail._users._free.count(user) == 1


def test_a_bot_that_is_dropped_after_its_loop_ends_all_the_same(prison: Prison) -> None:
    bot = prison.run(_spawn(prison))
    held = os.pidfd_open(bot.process)
    closed = asyncio.new_event_loop()
    closed.close()
    bot._hold.cells.drop(bot._hold, closed)
    assert _has_ended(held, _PATIENCE)
    os.close(held)
    prison.run(bot.kill())


async def _until(is_so: Callable[[], bool]) -> None:
    while not is_so():
        await asyncio.sleep(0.01)


async def _live_and_die(prison: Prison, count: int) -> None:
    bots = [await _spawn(prison) for _ in range(count)]
    for bot in bots:
        assert (await bot.decide({MARKET.symbol: BARS}, RICH)).is_decided
    assert len({bot.process for bot in bots}) == count
    for bot in bots:
        await bot.kill()


async def _spawn(prison: Prison) -> Any:
    code = bundle("ctx.buy(quantity=1)")
    return await prison.jail.spawn(code, {}, markets=(MARKET,), timeframe=HOUR, limits=PATIENT)


def _has_ended(descriptor: int, milliseconds: int) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(milliseconds))


def _held() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def _children(process: int) -> str:
    return Path(f"/proc/{process}/task/{process}/children").read_text()
