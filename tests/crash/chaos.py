"""Twenty bots at two venues through a day of the market, with everything that can go wrong."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pandas as pd

import robotrader_sdk as rt
from runner.execution.engine import Engine
from runner.execution.journal.bots import BotTerms, add_bot
from runner.execution.patience import Patience
from runner.storage.database import Database
from runner.testnet.core.accounts import Account, ApiKey, Balance
from runner.testnet.faults import FaultRequest
from tests.crash.strategies import STRATEGIES
from tests.runner.execution.local_brokers import broker_of
from tests.runner.testnet.conftest import SECRET, Served, exchange_of

PATIENCE = Patience(grace=0.4, interval=0.05, n_looks=3, n_sends=9, fills=1.0)
TIMEFRAME, DAY = "5m", 288
SPOT = {"BTC/USDT": 40_000.0, "ETH/USDT": 2_000.0, "SOL/USDT": 100.0, "XRP/USDT": 0.6}
PERPS = {"BTC/USDT:USDT": 40_000.0, "ETH/USDT:USDT": 2_000.0, "XRP/USDT:USDT": 0.6}
FAULTS = (
    "timeout_after", "error_before", "error_after", "reset_before", "reset_after", "truncated",
    "not_json", "duplicate_reply", "handled_twice", "order_not_found", "late_fills",
    "out_of_order_fills", "slow", "ban", "maintenance",
)  # fmt: skip
_SECONDS = {"slow": 0.05, "ban": 0.3, "late_fills": 0.3, "order_not_found": 0.3, "maintenance": 0.3}
ACCOUNTS = {"binance-main": "alice", "bybit-main": "bob"}
"""The journal's name of each account, and the exchange's."""


@dataclass(frozen=True, slots=True)
class Part:
    """One bot: what it trades, and by what."""

    strategy: str
    venue: str
    symbols: tuple[str, ...]
    leverage: str = "1"


def cast() -> list[Part]:
    """The twenty."""
    single = ("Dips", "Trails", "Breaks")
    parts = [Part(one, "binance", (symbol,)) for symbol in SPOT for one in single]
    parts += [Part("Weights", "binance", tuple(SPOT)), Part("Weights", "binance", tuple(SPOT)[:2])]
    parts += [Part("Turns", "bybit", (symbol,), "3") for symbol in PERPS]
    parts += [Part(one, "bybit", ("BTC/USDT",)) for one in single]
    return parts


def exchange_with(bars: dict[str, pd.DataFrame]) -> Any:
    """An exchange with an account for each venue."""
    exchange = exchange_of(bars, balances={"USDT": "10000000"})
    bob = Account(name="bob", fee_asset="quote", balances={"USDT": Balance(Decimal(10_000_000))})
    exchange.open_account(bob, ApiKey(key="bob-key", secret=SECRET, account="bob"))
    return exchange


def bars_for(n_bars: int) -> dict[str, pd.DataFrame]:
    """Wild bars, so that everything happens often."""
    made = {}
    for seed, (symbol, price) in enumerate((SPOT | PERPS).items()):
        digits = 4 if price < 10 else 1
        bars = rt.synthetic_bars(n_bars + 1, TIMEFRAME, seed=seed, price=price, volatility=4.0)
        made[symbol] = bars.round(digits)
    return made


def faults_of(seed: int) -> list[FaultRequest]:
    """Each fault, seldom, for as long as it lasts."""
    draw = Random(seed)
    return [
        FaultRequest(
            kind=kind,
            venue="bybit" if kind == "handled_twice" else "",  # see TWICE in test_kills
            probability=0.004 if kind not in ("ban", "maintenance") else 0.0005,
            seconds=_SECONDS.get(kind, 1.0),
            seed=draw.randrange(1 << 30),
        )
        for kind in FAULTS
    ]


class Day:
    """A run of it."""

    def __init__(self, served: Served, folder: Path, n_bars: int) -> None:
        self.served, self.folder = served, folder
        self.bars = bars_for(n_bars)
        self.n_waits = 0

    def run(self, faults: list[FaultRequest]) -> None:
        """Trade all of it, and settle what is left once the faults are over."""
        asyncio.run(self._run(faults))

    async def _run(self, faults: list[FaultRequest]) -> None:
        async with (
            Database(f"sqlite:///{self.folder / 'journal.db'}") as database,
            Engine(
                database, self._broker, find=STRATEGIES.__getitem__, patience=PATIENCE
            ) as engine,
        ):
            for number, part in enumerate(cast()):
                terms = self._terms(number, part)
                row = await database.write(lambda session, t=terms: add_bot(session, t))
                await engine.serve(row)
            assert len(engine.bots) == 20
            await engine.reconcile()
            for fault in faults:
                self.served.call(self.served.local.faults.add, fault)
            await self._trade(engine)
            for fault in self.served.call(lambda: list(self.served.local.faults)):
                self.served.call(self.served.local.faults.remove, fault.number)
            await asyncio.sleep(0.5)
            for _ in range(4):
                await engine.reconcile()

    async def _trade(self, engine: Engine) -> None:
        length = pd.Timedelta(TIMEFRAME)
        n_closes = 0
        while not self.served.exchange.tape.is_over:
            stop = await asyncio.to_thread(self.served.call, self.served.local.driver.step)
            while not await engine.look():
                await self._wait()
            if stop.at != "close":
                continue
            n_closes += 1
            now = pd.Timestamp(stop.time_ms, unit="ms", tz="UTC").round("s")
            if n_closes >= 2:
                await asyncio.gather(*(self._tick(engine, b, now - length) for b in engine.bots))
            if n_closes % 12 == 0:
                await engine.reconcile()

    async def _tick(self, engine: Engine, bot_id: int, newest: pd.Timestamp) -> None:
        symbols = engine.bots[bot_id].row.symbols
        seen = {symbol: self.bars[symbol].loc[:newest] for symbol in symbols}
        while await engine.tick(bot_id, seen) is None:
            await self._wait()

    async def _wait(self) -> None:
        self.n_waits += 1
        assert self.n_waits < 5_000
        await asyncio.sleep(0.1)

    def _broker(self, row: Any) -> Any:
        key = {"key": "bob-key"} if row.exchange == "bybit" else {}
        return broker_of(row.exchange, self.served.url, timeout=700, **key)

    def _terms(self, number: int, part: Part) -> BotTerms:
        first, account = self.bars["BTC/USDT"].index[0].to_pydatetime(), f"{part.venue}-main"
        return BotTerms(
            owner_id=ACCOUNTS[account],
            name=f"bot{number}",
            strategy=part.strategy,
            params={"width": 0.02},
            symbols=part.symbols,
            timeframe=TIMEFRAME,
            exchange=part.venue,
            account=account,
            quote="USDT",
            capital=Decimal(50_000),
            anchor=first,
            started=first,
            leverage=Decimal(part.leverage),
            risk={"price_collar": None, "max_orders_per_minute": None},
        )
