"""What the jail costs: a bot's start and memory, and what it adds to each bar."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import socket
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

import robotrader_sdk as rt
from robotrader_sdk.deploy.bundle import make_bundle
from robotrader_sdk.strategy.parametric import Parametric
from robotrader_sdk.types import OrderStatus, OrderType, Timeframe
from runner.sandbox.bot_process import BotProcess
from runner.sandbox.in_process import InProcess
from runner.sandbox.jail import Jail
from runner.sandbox.wire import Account, Holding, Intent, MarketTerms, OrderNews, Withdraw
from strategies.catalog import CATALOG

SYMBOL, HOUR = "BTC/USDT", Timeframe.parse("1h")
MARKETS = (MarketTerms(SYMBOL),)
RICH = Account(10_000.0, 10_000.0)
HISTORY = 500
"""Bars before the first decision."""

STRETCH = 50
"""Bars over which a median is taken of what the jail adds."""


@dataclass(frozen=True)
class Measured:
    """Medians; memory is what a bot has to itself (private and dirty), 0 where it can't be read.

    added_ms: of the calmest stretch of bars, and of the median one; see `_added_ms`. bare_ms: what
    a byte takes to another process and back, alike.
    """

    level: str
    start_ms: float
    light_mb: float
    added_ms: dict[str, tuple[float, float]]
    bare_ms: tuple[float, float]
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
        bare_ms = _bare_ms(n_bars)
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
        return Measured(
            jail.level.value, start_ms, light_mb, added, bare_ms, alive, spent, ticks, memory
        )


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


async def _added_ms(jail: Jail, name: str, bars: pd.DataFrame) -> tuple[float, float]:
    """What the jail takes longer: the medians of the calmest stretch of bars and of the median one.

    Two processes that wake each other are the first to feel what else a machine does, and never
    take less for it. Both ways decide at each bar, now the one first and now the other: what comes
    second finds the memory of what both use at hand.
    """
    jailed = await _spawn(jail, name)
    beside = InProcess(_strategy(name), markets=MARKETS, timeframe=HOUR)
    differences, exchange = [], Exchange()
    for n_bars in range(HISTORY, len(bars)):
        account = exchange.account(float(bars.close.iloc[n_bars - 1]))
        taken = {}
        for bot in (jailed, beside) if n_bars % 2 else (beside, jailed):
            frames = {SYMBOL: bars.iloc[:n_bars]}
            started = time.perf_counter()
            decision = await bot.decide(frames, account)
            taken[bot] = time.perf_counter() - started
            assert decision.is_decided, decision.reason
        exchange.take(decision.intents)
        differences.append(1e3 * (taken[jailed] - taken[beside]))
    await jailed.kill()
    return _calmest(differences)


def _bare_ms(n_rounds: int) -> tuple[float, float]:
    """A byte to another process and back, as far from each other as bars are in `_added_ms`."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        echo = multiprocessing.get_context("fork").Process(target=_echo, args=(theirs, ours))
        echo.start()
        taken = []
        for _ in range(n_rounds):
            end = time.perf_counter() + 0.5e-3
            while (started := time.perf_counter()) < end:
                pass
            ours.send(b"x")
            ours.recv(1)
            taken.append(1e3 * (time.perf_counter() - started))
        ours.shutdown(socket.SHUT_RDWR)
        echo.join()
    return _calmest(taken)


def _echo(ours: socket.socket, theirs: socket.socket) -> None:
    theirs.close()
    while data := ours.recv(1):
        ours.send(data)


def _calmest(taken: Sequence[float]) -> tuple[float, float]:
    """The medians of the calmest stretch and of the median one."""
    stretches = [taken[k : k + STRETCH] for k in range(0, len(taken), STRETCH)]
    medians = [statistics.median(stretch) for stretch in stretches if len(stretch) == STRETCH]
    return min(medians), statistics.median(medians)


class Exchange:
    """Fills market orders and keeps the others, so that a strategy meets what it would live."""

    def __init__(self) -> None:
        self._held = 0.0
        self._working: list[tuple[str, int]] = []
        self._asked: tuple[Intent, ...] = ()

    def take(self, intents: Sequence[Intent]) -> None:
        """What a strategy asks for until the next bar."""
        self._asked = tuple(intents)

    def account(self, price: float) -> Account:
        """Where that has led to."""
        news = []
        for intent in self._asked:
            name = (SYMBOL, intent.number)
            if isinstance(intent, Withdraw):
                self._working.remove(name)
                news.append(OrderNews(*name, OrderStatus.CANCELLED))
            elif intent.type is OrderType.MARKET:
                quantity = intent.size / price
                self._held += quantity
                news.append(OrderNews(*name, OrderStatus.FILLED, quantity, price))
            else:
                self._working.append(name)
        self._asked = ()
        holding = Holding(self._held, price, 0.0, self._held * price)
        return Account(10_000.0, 10_000.0, {SYMBOL: holding}, list(self._working), news)


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
