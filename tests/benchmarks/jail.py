"""What the jail costs: a bot's start and memory, and what it adds to each bar."""

from __future__ import annotations

import asyncio
import os
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

import robotrader_sdk as rt
from robotrader_sdk.deploy.bundle import make_bundle
from robotrader_sdk.strategy.parametric import Parametric
from robotrader_sdk.types import Timeframe
from runner.sandbox.bot_process import BotProcess
from runner.sandbox.in_process import InProcess
from runner.sandbox.jail import Jail
from runner.sandbox.wire import Account, MarketTerms
from strategies.catalog import CATALOG

SYMBOL, HOUR = "BTC/USDT", Timeframe.parse("1h")
MARKETS = (MarketTerms(SYMBOL),)
RICH = Account(10_000.0, 10_000.0)
HISTORY = 500
"""Bars before the first decision."""


@dataclass(frozen=True)
class Measured:
    """Medians; memory is what a bot has to itself (private and dirty), 0 where it can't be read."""

    level: str
    start_ms: float
    light_mb: float
    added_ms: dict[str, float]
    n_alive: int
    start_all_seconds: float
    ticks_a_second: float
    memory_all_mb: float


def measure(n_bots: int, n_bars: int) -> Measured:
    """Measure in one jail; `n_bots` live at once in the end."""
    return asyncio.run(_measure(n_bots, n_bars))


async def _measure(n_bots: int, n_bars: int) -> Measured:
    bars = rt.synthetic_bars(HISTORY + n_bars, "1h", seed=1)
    async with Jail() as jail:
        start_ms, light_mb = await _light_bots(jail, bars)
        added = {name: await _added_ms(jail, name, bars) for name in ("Dca", "Grid")}
        free_before = _available_mb()
        started = time.perf_counter()
        bots = [await _spawn(jail, "Dca") for _ in range(n_bots)]
        spent = time.perf_counter() - started
        ticking = time.perf_counter()
        for bot in bots:
            await bot.decide({SYMBOL: bars.iloc[:HISTORY]}, RICH)
        ticks = n_bots / (time.perf_counter() - ticking)
        alive = sum(bot.process is not None for bot in bots)
        memory = free_before - _available_mb()
        return Measured(jail.level.value, start_ms, light_mb, added, alive, spent, ticks, memory)


async def _light_bots(jail: Jail, bars: pd.DataFrame) -> tuple[float, float]:
    spent, sizes = [], []
    for _ in range(21):
        started = time.perf_counter()
        bot = await _spawn(jail, "Dca")
        spent.append(1e3 * (time.perf_counter() - started))
        for n_bars in range(HISTORY, HISTORY + 20):
            await bot.decide({SYMBOL: bars.iloc[:n_bars]}, RICH)
        sizes.append(_private_mb(bot))
        await bot.kill()
    return statistics.median(spent), statistics.median(sizes)


async def _added_ms(jail: Jail, name: str, bars: pd.DataFrame) -> float:
    """The median over the bars of what the jail takes longer, the two in turn at each bar."""
    jailed = await _spawn(jail, name)
    beside = InProcess(_strategy(name), markets=MARKETS, timeframe=HOUR)
    differences = []
    for n_bars in range(HISTORY, len(bars)):
        frames, taken = {SYMBOL: bars.iloc[:n_bars]}, []
        for bot in (jailed, beside):
            started = time.perf_counter()
            decision = await bot.decide(frames, RICH)
            taken.append(time.perf_counter() - started)
            assert decision.is_decided, decision.reason
        differences.append(1e3 * (taken[0] - taken[1]))
    await jailed.kill()
    return statistics.median(differences[1:])


_checked: dict[tuple[int, str], object] = {}


async def _spawn(jail: Jail, name: str) -> BotProcess:
    bundle = make_bundle(_strategy(name))
    key = (id(jail), name)
    if key not in _checked:
        _checked[key] = await jail.check(bundle, {}, markets=MARKETS, timeframe=HOUR)
    return await jail.spawn(bundle, _checked[key], markets=MARKETS, timeframe=HOUR)


def _strategy(name: str) -> Parametric:
    return CATALOG[name].load()()


def _private_mb(bot: BotProcess) -> float:
    if os.geteuid() != 0:
        return 0.0
    text = Path(f"/proc/{bot.process}/smaps_rollup").read_text()
    (size,) = (line.split()[1] for line in text.splitlines() if line.startswith("Private_Dirty"))
    return int(size) / 1024


def _available_mb() -> float:
    text = Path("/proc/meminfo").read_text()
    (free,) = (line.split()[1] for line in text.splitlines() if line.startswith("MemAvailable"))
    return int(free) / 1024
