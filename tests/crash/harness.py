"""Runs a bot through a tape, killing it on the way, and asks the exchange what really happened."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from runner.testnet.core.events import Event
from runner.testnet.faults import FaultRequest
from tests.crash.child import IN_FLIGHT, PAUSED, Life
from tests.runner.testnet.conftest import Served, exchange_of

ROOT = Path(__file__).parents[2]
KILLED = -9


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A strategy, where it trades, and on what; flatten_after: see `Life`."""

    strategy: str
    venue: str
    symbols: tuple[str, ...]
    capital: str = "50000"
    leverage: str = "1"
    n_bars: int = 32
    flatten_after: int | None = None
    timeout: int = 10_000
    lingers: float = 0.0


@dataclass(slots=True)
class Outcome:
    """What came of a run. trades: of the account, as the exchange has them, by time and symbol.

    Of two symbols at one instant, the one whose order met the fault trades last.

    reached: how often the last life, which was not killed, got to each point.
    """

    served: Served
    database: Path
    trades: list[tuple[Any, ...]]
    n_kills: int
    reached: dict[str, int] = field(default_factory=dict)


class Nursery:
    """The process that forks lives."""

    def __init__(self, log: Path) -> None:
        self._log = log
        threads = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL", "NUMBA")}
        self._process = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "tests.crash.nursery"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, **threads},
        )

    def live(self, life: Life, hunt: Callable[[int], None]) -> int:
        """Have a life lived; its exit status. hunt: is told the process once it lives."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({**asdict(life), "log": str(self._log)}) + "\n")
        self._process.stdin.flush()
        hunt(int(self._process.stdout.readline()))
        return int(self._process.stdout.readline())

    def close(self) -> None:
        """Let it end."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(20)
        if self._process.stdout is not None:
            self._process.stdout.close()


@contextmanager
def running(
    scenario: Scenario,
    bars: dict[str, pd.DataFrame],
    nursery: Nursery,
    folder: Path,
    *,
    kills: Sequence[tuple[str, int]] = (),
    faults: Sequence[FaultRequest] = (),
    later: tuple[int, FaultRequest] | None = None,
    later_for: int = 0,
    between: Callable[[Served, Path], None] | None = None,
) -> Iterator[Outcome]:
    """The outcome of a run with these kills, one life after the other; the exchange still runs.

    later: a fault that is set when the how manieth order is taken. later_for: for how many bars;
    0: until it is taken back. between: is called when a bot has paused, before its next life.
    """
    folder.mkdir(parents=True, exist_ok=True)
    own = {symbol: bars[symbol].iloc[: scenario.n_bars] for symbol in scenario.symbols}
    paths = {}
    for number, (symbol, frame) in enumerate(own.items()):
        paths[symbol] = str(folder / f"bars{number}.pkl")
        frame.to_pickle(paths[symbol])
    exchange = exchange_of(own, balances={"USDT": "1000000"})
    exchange.clock.restart_at(exchange.clock.now_ms, "max")
    served = Served(exchange)
    for fault in faults:
        served.call(served.local.faults.add, fault)
    if later is not None:
        served.call(served.exchange.listeners.append, _Later(served, *later, later_for))
    life = {
        "url": served.url,
        "database": f"sqlite:///{folder / 'journal.db'}",
        "venue": scenario.venue,
        "strategy": scenario.strategy,
        "symbols": scenario.symbols,
        "bars": paths,
        "timeframe": "1m",
        "capital": scenario.capital,
        "leverage": scenario.leverage,
        "flatten_after": scenario.flatten_after,
        "timeout": scenario.timeout,
        "lingers": scenario.lingers,
        "reached": str(folder / "reached.json"),
    }
    outcome = Outcome(served, folder / "journal.db", [], 0)
    try:
        for kill in [*kills, *[None] * (1 if between is None else 2)]:
            hunter = _Hunter(served, kill[1] if kill and kill[0] == IN_FLIGHT else 0)
            status = nursery.live(Life(**life, kill=kill), hunter.begin)
            hunter.end()
            if status == 0:
                break
            if status == PAUSED and between is not None:
                between(served, folder / "journal.db")
                continue
            assert status == KILLED, f"the bot ended with {status}: see {folder.parent}"
            outcome.n_kills += 1
        outcome.trades = sorted(_shown(trade) for trade in served.exchange.records.trades)
        outcome.reached = json.loads((folder / "reached.json").read_text())
        yield outcome
    finally:
        served.stop()


class _Hunter:
    """Kills a process while its order is on the way: between the exchange's books and its reply."""

    def __init__(self, served: Served, count: int) -> None:
        self._served, self._left, self._process = served, count, 0

    def begin(self, process: int) -> None:
        """Know whom to kill, and when."""
        self._process = process
        if self._left:
            self._served.call(self._served.exchange.listeners.append, self._hear)

    def end(self) -> None:
        """It has ended."""
        listeners = self._served.exchange.listeners
        if self._hear in listeners:
            self._served.call(listeners.remove, self._hear)

    def _hear(self, event: Event) -> None:
        if event.kind == "order" and event.what == "NEW" and self._left:
            self._left -= 1
            if not self._left:
                os.kill(self._process, signal.SIGKILL)


class _Later:
    """Sets a fault when an order is taken, and takes it back so many bars later, if any."""

    def __init__(self, served: Served, count: int, fault: FaultRequest, n_bars: int) -> None:
        self._faults, self._fault = served.local.faults, fault
        self._left, self._bars_left = count, n_bars
        self._number = 0

    def __call__(self, event: Event) -> None:
        if event.kind == "order" and event.what == "NEW":
            self._left -= 1
            if not self._left:
                self._number = self._faults.add(self._fault).number
        elif event.kind == "bar" and self._number and self._bars_left:
            self._bars_left -= 1
            if not self._bars_left:
                self._faults.remove(self._number)


def _shown(trade: Any) -> tuple[Any, ...]:
    return (trade.time_ms, trade.symbol, int(trade.side), trade.price, trade.quantity)
