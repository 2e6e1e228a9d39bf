"""Runs a bot through a tape, killing it on the way, and asks the exchange what really happened."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pandas as pd

from runner.execution.points import POINTS
from runner.testnet.faults import FaultRequest
from tests.crash.child import Life
from tests.runner.testnet.conftest import Served, exchange_of

ROOT = Path(__file__).parents[2]
ZERO = Decimal(0)
KILLED = -9


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A strategy, where it trades, and on what."""

    strategy: str
    venue: str
    symbols: tuple[str, ...]
    capital: str = "50000"
    leverage: str = "1"
    n_bars: int = 45


@dataclass(slots=True)
class Outcome:
    """What came of a run. trades: of the account, as the exchange has them."""

    served: Served
    database: Path
    trades: list[tuple[Any, ...]]
    n_kills: int
    killed_at: list[tuple[str, int]] = field(default_factory=list)


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

    def live(self, life: Life) -> int:
        """Have a life lived; its exit status."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({**asdict(life), "log": str(self._log)}) + "\n")
        self._process.stdin.flush()
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
) -> Iterator[Outcome]:
    """The outcome of a run with these kills, one life after the other; the exchange still runs."""
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
    length = int((own[scenario.symbols[0]].index[1] - own[scenario.symbols[0]].index[0]).total_seconds())
    life = {
        "url": served.url,
        "database": f"sqlite:///{folder / 'journal.db'}",
        "venue": scenario.venue,
        "strategy": scenario.strategy,
        "symbols": scenario.symbols,
        "bars": paths,
        "timeframe": "1d" if length == 86_400 else "1m",
        "capital": scenario.capital,
        "leverage": scenario.leverage,
    }
    outcome = Outcome(served, folder / "journal.db", [], 0)
    try:
        for kill in [*kills, None]:
            status = nursery.live(Life(**life, kill=kill))
            if status == 0:
                break
            assert status == KILLED, f"the bot ended with {status}: see {folder.parent}"
            outcome.n_kills += 1
            outcome.killed_at.append(kill)
        outcome.trades = [_shown(trade) for trade in served.exchange.records.trades]
        yield outcome
    finally:
        served.stop()


def drawn_kills(seed: int, n_kills: int) -> list[tuple[str, int]]:
    """Points and counts, drawn from a seed."""
    draw = Random(seed)
    return [(draw.choice(POINTS), draw.randint(1, 4)) for _ in range(n_kills)]


def check_exchange(outcome: Outcome) -> None:
    """What must hold whatever happened: no id twice, and protection whenever time went on."""
    entries = outcome.served.local.ledger.entries
    created = Counter(
        entry.what["client_id"]
        for entry in entries
        if entry.kind == "order" and entry.what["what"] == "NEW"
    )
    assert [order for order, count in created.items() if count > 1] == []


def _shown(trade: Any) -> tuple[Any, ...]:
    return (trade.time_ms, trade.symbol, trade.side, trade.price, trade.quantity)
