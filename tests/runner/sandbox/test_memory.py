"""What a bot has to itself: all else it shares with the zygote it was forked from."""

from __future__ import annotations

import asyncio
import gc
import linecache
import mmap
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from runner.sandbox import packing, warming
from runner.sandbox.channel import Channel
from runner.sandbox.in_process import InProcess
from runner.sandbox.processes import kilobytes
from runner.sandbox.wire import Answer, FromBot, Ready
from strategies import Dca
from tests.runner.sandbox.jails import HOUR, MARKET, RICH, Prison, flat_bars, spawn

LIGHT = 4 << 20
"""Bytes; about a third of what it would be if nothing were done about it."""


def test_a_light_bot_has_little_to_itself(prison: Prison) -> None:
    async def work() -> int:
        checking = await spawn(prison.jail, Dca)
        bot = await spawn(prison.jail, Dca, checking.params)
        for n_bars in range(500, 520):
            assert (await bot.decide(flat_bars(n_bars), RICH)).is_decided
        size = _private_bytes(bot.process)
        await checking.kill()
        await bot.kill()
        return size

    if os.geteuid() != 0:
        pytest.skip("only root may look")
    assert 0 < prison.run(work()) < LIGHT


def test_a_question_leaves_nothing_for_the_collector() -> None:
    bot = InProcess(Dca(), markets=(MARKET,), timeframe=HOUR)

    async def ask(n_bars: int) -> bool:
        return (await bot.decide(flat_bars(n_bars), RICH)).is_decided

    assert asyncio.run(ask(20))
    gc.collect()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        assert asyncio.run(ask(22))
        gc.collect()
        left = {type(one).__name__ for one in gc.garbage}
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
    assert left & {"Context", "_SymbolAccount", "BarRandomness", "list"} == set()


def test_the_rehearsal_decides_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[FromBot] = []
    monkeypatch.setattr(Channel, "send", lambda _, message, *__: said.append(message))
    before = set(sys.modules), set(linecache.cache), sys.stdout, sys.stderr
    warming.warm_up()
    answers = [message for message in said[1:] if isinstance(message, Answer)]
    assert (type(said[0]), len(answers), len(said)) == (Ready, 5, 6)
    assert all(answer.intents and answer.logs for answer in answers)
    modules, cache, *outputs = before
    assert not [name for name in sys.modules if name.startswith("bundle_") and name not in modules]
    assert "<strategy>" not in set(linecache.cache) - cache
    assert [sys.stdout, sys.stderr] == outputs


@pytest.mark.parametrize("size", [32, 48, 200, 512, 3_000])
def test_what_is_made_after_packing_lies_side_by_side(size: int) -> None:
    made = _made(size, 20_000)
    holes = made[::100]
    del made[::100], holes
    packing.fill_holes()
    news = _made(size, 150)
    pages = {id(one) // mmap.PAGESIZE for one in news}
    assert len(pages) <= 150 * (size + 16) / mmap.PAGESIZE + 16  # some 150 where there are holes


def _made(size: int, count: int) -> list[object]:
    """Objects that take so many bytes each."""
    if size == 32:
        numbers: Sequence[object] = range(1 << 40, (1 << 40) + count)
        return list(numbers)
    return [bytes(size - 33) for _ in range(count)]


def _private_bytes(process: int | None) -> int:
    lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    facts = {name: text for name, _, text in (line.partition(":") for line in lines)}
    return kilobytes(facts["Private_Dirty"])
