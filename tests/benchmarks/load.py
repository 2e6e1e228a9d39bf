"""A thousand bots on forty series: how fast bars become orders, and what that takes.

The exchange has a process of its own. The bots' engine has one, too, and is what is measured: from
the close of a bar, which the exchange is told to make, to the last tick. No rate limits are set, so
that the engine is measured and not the venue's patience.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import resource
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from importlib import resources
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd

import robotrader_sdk as rt
from runner.execution import points
from runner.execution.ccxt_broker import CcxtBroker
from runner.execution.ccxt_client import Credentials
from runner.execution.ccxt_market_data import CcxtMarketData
from runner.execution.ccxt_markets import forget_markets
from runner.execution.engine import Engine
from runner.execution.feed import Feed
from runner.execution.journal.bots import BotTerms, add_bot
from runner.execution.running import Keeper, Rhythm
from runner.storage.database import Database
from runner.testnet import ccxt_config
from tests.benchmarks.local_exchange import KEY, SECRET

N_SERIES, HISTORY = 40, 500
SYMBOLS = tuple(f"C{number:02d}/USDT" for number in range(N_SERIES))
ORDERS_A_BAR = 0.05


class Beats(rt.Strategy):
    """An order in one of twenty bars: in, and out again."""

    def init(self, bars) -> None:
        self.sma = self.indicator(rt.ta.sma, bars.close, 20)

    def on_bar(self, ctx) -> None:
        if ctx.rng.random() < ORDERS_A_BAR:
            if ctx.position:
                ctx.close_position()
            else:
                ctx.buy(notional=100.0)


class Waves(rt.Strategy):
    """The same, decided over the whole history."""

    def signals(self, bars: pd.DataFrame) -> rt.Signals:
        beat = (bars["close"] * 1000).round().astype(int) % 40
        return rt.Signals(enter_long=beat == 0, exit_long=beat == 1, notional=100.0)


class Sways(rt.PortfolioStrategy):
    """Two symbols, rebalanced each twentieth bar."""

    rebalance = 20

    def target_weights(self, panel: rt.Panel) -> pd.DataFrame:
        return panel.close.gt(0) * 0.4


STRATEGIES = {one.__name__: one for one in (Beats, Waves, Sways)}


@dataclass(frozen=True, slots=True)
class Load:
    """What was measured. requests: for bars, a bar. latency: seconds from close to submit."""

    n_bots: int
    database: str
    ticks_a_second: float
    orders_a_second: float
    n_orders: int
    latency_p50: float
    latency_p99: float
    requests: float
    cpu_ms_a_tick: float
    memory_mb: float


def cast(n_bots: int) -> list[tuple[str, tuple[str, ...]]]:
    """80 % event, 15 % vectorised, 5 % portfolios, spread over the series."""
    kinds = ["Sways"] * round(0.05 * n_bots) + ["Waves"] * round(0.15 * n_bots)
    kinds += ["Beats"] * (n_bots - len(kinds))
    made = []
    for number, kind in enumerate(kinds):
        n_symbols = 2 if kind == "Sways" else 1
        made.append((kind, tuple(SYMBOLS[(number + k) % N_SERIES] for k in range(n_symbols))))
    return made


def measure(n_bots: int, n_bars: int, database_url: str | None = None) -> Load:
    """Run it; without a URL on a SQLite file."""
    with tempfile.TemporaryDirectory() as folder, exchange_process(n_bars + 3) as url:
        return asyncio.run(
            _measure(n_bots, n_bars, url, database_url or f"sqlite:///{folder}/j.db")
        )


async def _measure(n_bots: int, n_bars: int, url: str, database_url: str) -> Load:
    sent: list[float] = []

    def hear(point: str) -> None:
        if point == "before submit":
            sent.append(time.perf_counter())

    points.listen(hear)
    broker = CcxtBroker("binance", Credentials(KEY, SECRET), overrides=ccxt_config("binance", url))
    data = CcxtMarketData("binance", overrides=ccxt_config("binance", url))
    feed = Feed(data)
    rhythm = Rhythm(look=1e9, reconcile=1e9)
    try:
        async with (
            httpx.AsyncClient(base_url=f"{url}/_control", timeout=60) as control,
            Database(database_url) as database,
            Engine(database, lambda _: broker, find=STRATEGIES.__getitem__) as engine,
        ):
            await _deploy(database, n_bots, (await data.server_time()))
            keeper = Keeper(engine, lambda _: feed, rhythm=rhythm)
            await keeper.turn()  # bots are served, histories fetched; one bar is decided
            await _step(control)
            await keeper.turn()
            sent.clear()
            requests = await _n_requests(control)
            latencies: list[float] = []
            seconds = 0.0
            cpu = time.process_time()
            for _ in range(n_bars):
                await _step(control)
                start = time.perf_counter()
                await keeper.turn()
                seconds += time.perf_counter() - start
                latencies += [moment - start for moment in sent]
                sent.clear()
            cpu = time.process_time() - cpu
            requests = (await _n_requests(control) - requests) / n_bars
    finally:
        points.ignore(hear)
        await broker.close()
        await data.close()
    n_ticks = n_bots * n_bars
    return Load(
        n_bots=n_bots,
        database=database_url.partition(":")[0],
        ticks_a_second=n_ticks / seconds,
        orders_a_second=len(latencies) / seconds,
        n_orders=len(latencies),
        latency_p50=float(np.percentile(latencies, 50)),
        latency_p99=float(np.percentile(latencies, 99)),
        requests=requests,
        cpu_ms_a_tick=1000 * cpu / n_ticks,
        memory_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    )


async def _deploy(database: Database, n_bots: int, now: datetime) -> None:
    anchor = pd.Timestamp(now).floor("min") - pd.Timedelta(minutes=HISTORY)

    async def work(session: Any) -> None:
        for number, (kind, symbols) in enumerate(cast(n_bots)):
            terms = BotTerms(
                owner_id="bench",
                name=f"bot{number}",
                strategy=kind,
                params={},
                symbols=symbols,
                timeframe="1m",
                exchange="binance",
                account="bench",
                quote="USDT",
                capital=Decimal(1_000),
                anchor=anchor.to_pydatetime(),
                started=anchor.to_pydatetime(),
                risk={"max_orders_per_minute": None},
            )
            await add_bot(session, terms)

    await database.write(work)


async def _step(control: httpx.AsyncClient) -> None:
    reply = await control.post("/step", json={"bars": 1, "through_fills": True})
    reply.raise_for_status()


async def _n_requests(control: httpx.AsyncClient) -> int:
    """How many requests for bars the exchange has seen."""
    entries = 0
    number, page = 0, 1000
    while True:
        asked = {"kind": "request", "after": number, "limit": page}
        reply = (await control.get("/ledger", params=asked)).json()["entries"]
        entries += sum("klines" in entry["what"]["path"] for entry in reply)
        if len(reply) < page:
            return entries
        number = reply[-1]["number"]


@contextmanager
def exchange_process(n_bars: int) -> Iterator[str]:
    """A local exchange with forty markets, in a process of its own; its URL."""
    listening = socket.create_server(("127.0.0.1", 0))
    process = multiprocessing.get_context("fork").Process(
        target=_serve, args=(listening, n_bars), daemon=True
    )
    process.start()
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    try:
        _wait_for(url)
        yield url
    finally:
        process.terminate()
        process.join()
        listening.close()
        forget_markets()  # its port may be given to an exchange with others


def _wait_for(url: str) -> None:
    for _ in range(600):
        try:
            httpx.get(f"{url}/_control/", timeout=60).raise_for_status()
        except httpx.HTTPError:
            time.sleep(0.1)
        else:
            return
    raise TimeoutError(f"the exchange at {url} does not answer")


def _serve(listening: socket.socket, n_bars: int) -> None:
    from runner.testnet.core.accounts import Account, ApiKey, Balance
    from runner.testnet.core.exchange import Exchange
    from runner.testnet.core.market_file import read_markets
    from runner.testnet.core.series import Series
    from runner.testnet.core.session import finish_bar
    from runner.testnet.core.tape import Tape
    from runner.testnet.local import LocalExchange
    from runner.testnet.server import serve

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "markets.json"
        path.write_text(json.dumps({"symbols": _markets()}))
        markets = read_markets(path)
    tape = Tape([Series(s, _bars(k, HISTORY + n_bars + 2)) for k, s in enumerate(SYMBOLS)])
    exchange = Exchange(markets, tape)
    funds = {"USDT": Balance(Decimal(10_000_000))}
    account = Account(name="bench", fee_asset="quote", balances=funds)
    exchange.open_account(account, ApiKey(key=KEY, secret=SECRET, account="bench"))
    for _ in range(HISTORY + 1):
        finish_bar(exchange)
    local = LocalExchange(exchange, limit_share=0.0)
    asyncio.run(serve(local, listening, asyncio.Event()))


def _markets() -> list[dict[str, Any]]:
    text = resources.files("runner.testnet.core").joinpath("markets.json").read_text("utf-8")
    model = next(m for m in json.loads(text)["symbols"] if m["symbol"] == "BTCUSDT")
    return [
        {**model, "symbol": s.replace("/", ""), "baseAsset": s.partition("/")[0]} for s in SYMBOLS
    ]


def _bars(seed: int, n_bars: int) -> pd.DataFrame:
    return rt.synthetic_bars(n_bars, "1m", seed=seed, price=1_000.0).round(2)
