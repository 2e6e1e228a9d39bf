"""A bot taken bar by bar through a local exchange, and its trades beside those of a backtest."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pandas as pd
from sqlalchemy import select

from robotrader_sdk.types import Timeframe
from runner.execution.engine import Engine
from runner.execution.journal.bots import BotTerms, add_bot
from runner.execution.journal.tables import LotRow
from runner.execution.patience import Patience
from runner.storage.database import Database
from tests.parity.strategies import STRATEGIES
from tests.runner.execution.local_brokers import broker_of
from tests.runner.testnet.conftest import Served

PATIENCE = Patience(grace=0.2, interval=0.02, fills=2.0)


class Trade(NamedTuple):
    """One round trip; times are the open times of the bars in which it filled."""

    symbol: str
    direction: str
    quantity: float
    entry_time: pd.Timestamp
    entry_price: float
    exit_time: pd.Timestamp | None
    exit_price: float | None
    exit_reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What a bot trades, where and with how much."""

    strategy: str
    params: Mapping[str, Any]
    bars: Mapping[str, pd.DataFrame]
    venue: str
    timeframe: str
    quote: str
    capital: str
    leverage: str = "1"
    margin_mode: Literal["isolated", "cross"] = "isolated"


@dataclass(slots=True)
class Live:
    """What a bot did: its trades, and its equity at the close of each bar it saw."""

    trades: list[Trade]
    equity: dict[pd.Timestamp, float]


def run_live(served: Served, setup: Setup, folder: Path) -> Live:
    """Trade through all bars but the last, which is there for the exchange to go on into.

    Nothing is decided at the close of the last but one: a backtest of those bars ends there.
    """
    return asyncio.run(_run(served, setup, folder))


async def _run(served: Served, setup: Setup, folder: Path) -> Live:
    broker = broker_of(setup.venue, served.url)
    url = f"sqlite:///{folder / 'journal.db'}"
    async with (
        Database(url) as database,
        Engine(
            database, lambda row: broker, find=STRATEGIES.__getitem__, patience=PATIENCE
        ) as engine,
    ):
        row = await database.write(lambda session: add_bot(session, _terms(setup)))
        await engine.serve(row)
        await engine.reconcile()
        equity = await _trade(served, setup, engine, row.id)
        await engine.reconcile()
        async with database.reading() as session:
            lots = list(await session.scalars(select(LotRow).order_by(LotRow.number)))
    return Live([_trade_of(lot, setup.bars[lot.symbol].index) for lot in lots], equity)


def _terms(setup: Setup) -> BotTerms:
    first = min(bars.index[0] for bars in setup.bars.values()).to_pydatetime()
    return BotTerms(
        owner_id="alice",
        name="bot",
        strategy=setup.strategy,
        params=dict(setup.params),
        symbols=tuple(setup.bars),
        timeframe=setup.timeframe,
        exchange=setup.venue,
        account="main",
        quote=setup.quote,
        capital=Decimal(setup.capital),
        anchor=first,
        started=first,
        leverage=Decimal(setup.leverage),
        margin_mode=setup.margin_mode,
        risk={"price_collar": None, "max_orders_per_minute": None},
    )


async def _trade(
    served: Served, setup: Setup, engine: Engine, bot_id: int
) -> dict[pd.Timestamp, float]:
    equity: dict[pd.Timestamp, float] = {}
    length = pd.Timedelta(seconds=Timeframe.parse(setup.timeframe).seconds)
    last = max(bars.index[-2] for bars in setup.bars.values())
    while True:
        stop = await asyncio.to_thread(served.call, served.local.driver.step)
        if stop.at != "close":
            assert await engine.look_at(bot_id)
            continue
        time = pd.Timestamp(stop.time_ms, unit="ms", tz="UTC").round("s") - length
        if time >= last:
            return equity
        seen = {symbol: bars.loc[:time] for symbol, bars in setup.bars.items()}
        if len(seen) > 1 and min(map(len, seen.values())) < 2:
            continue
        report = await engine.tick(bot_id, seen)
        assert report is not None
        if report.equity is not None:
            equity[time] = float(report.equity)


def _trade_of(lot: LotRow, times: pd.DatetimeIndex) -> Trade:
    def bar(moment: Any) -> pd.Timestamp:
        return times[times.searchsorted(pd.Timestamp(moment), side="right") - 1]

    purpose = None if lot.exit_purpose is None else lot.exit_purpose.name.lower()
    return Trade(
        lot.symbol,
        "long" if lot.direction > 0 else "short",
        float(lot.traded),
        bar(lot.opened_at),
        _price(float(lot.entry_price)),
        None if lot.is_open else bar(lot.closed_at),
        None if lot.is_open else _price(float(lot.exit_value / lot.exit_quantity)),
        None if lot.is_open else purpose,
    )


def trades_of(run: Any, symbol: str = "") -> list[Trade]:
    """A backtest's trades in the same form."""
    found = []
    for t in run.trades.itertuples():
        is_open = t.status == "open"
        found.append(
            Trade(
                getattr(t, "symbol", symbol) or symbol,
                str(t.direction),
                round(float(t.quantity), 10),
                t.entry_time,
                _price(t.entry_price),
                None if is_open else t.exit_time,
                None if is_open else _price(t.exit_price),
                None if is_open else str(t.exit_reason),
            )
        )
    return found


def _price(mean: float) -> float:
    """A price from a mean of fills, which carries float noise in its last digits."""
    return round(mean, 8)


def params_for(bars: pd.DataFrame) -> dict[str, float]:
    """Widths that these bars reach now and then."""
    moves = (bars["high"] / bars["low"] - 1).median()
    return {"width": round(float(2 * moves), 4)}
