"""The paper broker: what a backtest does, bar by bar, with orders as at an exchange."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from decimal import Decimal

import pandas as pd
import pytest

import robotrader_sdk as rt
from robotrader_sdk.types import OrderType, Side
from runner.execution.broker import ClosedBar, Market, OrderListRequest, OrderRequest
from runner.execution.engine import Engine
from runner.execution.errors import (
    DuplicateOrderError,
    FundsLackingError,
    OrderMissingError,
    OrderRefusedError,
    WouldTriggerError,
)
from runner.execution.journal.bots import add_bot
from runner.execution.journal.ledger import expected_balances
from runner.execution.journal.tables import BotState, LotRow
from runner.execution.paper import PaperBroker
from runner.execution.rules import instrument_of
from runner.execution.status import Status
from runner.storage.database import Database
from runner.storage.upgrade import upgrade
from tests.parity.live import PATIENCE, _trade_of, trades_of
from tests.parity.strategies import SPOT, STRATEGIES
from tests.runner.execution.live_bots import terms_of

SYMBOL, PERP = "BTC/USDT", "BTC/USDT:USDT"
BARS = rt.synthetic_bars(100, "1m", seed=5, price=40_000.0, volatility=6.0).round(1)

FEW = ("Trails", "Rests")
"""One of each form; the others under `long`."""


def market_of(symbol: str, **more) -> Market:
    given = {
        "symbol": symbol,
        "base": "BTC",
        "quote": "USDT",
        "is_perpetual": ":" in symbol,
        "tick_size": Decimal("0.1"),
        "lot_size": Decimal("0.00001"),
        "min_notional": Decimal(5),
        "max_leverage": Decimal(50),
        "has_order_list": ":" not in symbol,
        "stop_locks_balance": ":" not in symbol,
    }
    return Market(**{**given, **more})


class Desk:
    """Where the market stands, for a broker on paper."""

    def __init__(self, bars: pd.DataFrame, **more) -> None:
        self.bars, self.number, self.more = bars, 0, more

    async def market(self, symbol: str) -> Market:
        return market_of(symbol, **self.more)

    async def price(self, symbol: str) -> Decimal:
        return Decimal(repr(float(self.bars["open"].iloc[self.number])))

    async def clock(self):
        return self.bars.index[self.number].to_pydatetime() + timedelta(seconds=2)

    def bar(self) -> ClosedBar:
        row = self.bars.iloc[self.number]
        names = ("open", "high", "low", "close", "volume")
        prices = {name: float(row[name]) for name in names}
        return ClosedBar(open_time=self.bars.index[self.number].to_pydatetime(), **prices)

    async def broker(self, database: Database, account: str = "paper-1") -> PaperBroker:
        funds = {"USDT": Decimal(1_000_000)}
        return await PaperBroker.open(
            database, "binance", account, "alice", funds, self.market, self.price, self.clock
        )


async def trade(database: Database, desk: Desk, terms, *, restart_each: int = 0):
    """A bot taken through all bars but the last; with new processes' worth of state, if asked."""
    row = None
    n_bars = len(desk.bars) - 2
    start = 0
    while start < n_bars:
        end = min(start + (restart_each or n_bars), n_bars)
        broker = await desk.broker(database)
        async with Engine(
            database, lambda _, b=broker: b, find=STRATEGIES.__getitem__, patience=PATIENCE
        ) as engine:
            if row is None:
                row = await database.write(lambda session: add_bot(session, terms))
                await engine.serve(row)
            await engine.reconcile()
            for number in range(start, end):
                desk.number = number
                closed = desk.bar()
                while await broker.match_next(terms.symbols[0], closed):
                    assert await engine.look_at(row.id)
                desk.number = number + 1
                seen = {terms.symbols[0]: desk.bars.iloc[: number + 1]}
                assert await engine.tick(row.id, seen) is not None
            await engine.reconcile()
        start = end
    desk.number = n_bars
    broker = await desk.broker(database)
    async with Engine(
        database, lambda _: broker, find=STRATEGIES.__getitem__, patience=PATIENCE
    ) as engine:
        while await broker.match_next(terms.symbols[0], desk.bar()):
            assert await engine.look_at(row.id)
        bot = (await engine.bots[row.id].running.executor.standing()).bot
        assert bot.state is BotState.RUNNING
    async with database.reading() as session:
        books = await expected_balances(session, "paper-1")
        lots = [await session.get(LotRow, key) for key in await _keys(session)]
    return sorted(lots, key=lambda lot: lot.number), books, broker


async def _keys(session):
    from sqlalchemy import select

    return list(await session.scalars(select(LotRow.entry)))


def run(url: str, strategy: str, symbol: str, restart_each: int = 0, **more):
    desk = Desk(BARS, **more)
    leverage = Decimal(3) if ":" in symbol else Decimal(1)

    async def work():
        async with Database(url) as database:
            await upgrade(database)
            terms = terms_of(
                {symbol: BARS}, strategy, mode="paper", account="paper-1", leverage=leverage,
                params={"width": 0.02}, capital=Decimal(50_000),
            )  # fmt: skip
            lots, books, broker = await trade(database, desk, terms, restart_each=restart_each)
            totals = {a: b.total for a, b in (await broker.balances()).items()}
            assert {a: t for a, t in totals.items() if t} == {a: t for a, t in books.items() if t}
            return [_trade_of(lot, BARS.index) for lot in lots]

    return asyncio.run(work())


def backtested(strategy: str, symbol: str, **more):
    market = market_of(symbol, **more)
    perpetual = {"leverage": 3.0} if ":" in symbol else {}
    result = rt.backtest(
        STRATEGIES[strategy](width=0.02),
        BARS.iloc[:-1],
        cash=50_000.0,
        instrument=instrument_of(market),
        fees=rt.Fees(maker=float(market.maker_fee), taker=float(market.taker_fee)),
        **perpetual,
    )
    return trades_of(result, symbol)


@pytest.mark.parametrize(
    "strategy",
    [
        pytest.param(one.__name__, marks=[] if one.__name__ in FEW else [pytest.mark.long])
        for one in SPOT
    ],
)
def test_on_paper_a_bot_makes_the_trades_of_its_backtest(sqlite_url, strategy):
    # Without the smallest order: a backtest's stop may close less than that, an order may not.
    more = {"min_notional": Decimal(1)}
    theirs = backtested(strategy, SYMBOL, **more)
    assert len(theirs) >= 3
    assert run(sqlite_url, strategy, SYMBOL, has_order_list=False, **more) == theirs


def test_a_perpetual_on_paper_makes_the_trades_of_its_backtest(sqlite_url):
    theirs = backtested("Turns", PERP)
    assert len(theirs) >= 8
    assert run(sqlite_url, "Turns", PERP) == theirs


def test_restarts_change_nothing(database_url):
    assert run(database_url, "Rests", SYMBOL, restart_each=7) == backtested("Rests", SYMBOL)


def order(client_order_id: str, side=Side.BUY, kind=OrderType.MARKET, quantity="1", **more):
    quantity = None if quantity is None else Decimal(quantity)
    prices = {name: Decimal(str(value)) for name, value in more.items()}
    return OrderRequest(
        client_order_id=client_order_id, symbol=SYMBOL, side=side, type=kind, quantity=quantity,
        **prices,
    )  # fmt: skip


def with_broker(url: str, use, bars=BARS, **more):
    async def work():
        async with Database(url) as database:
            await upgrade(database)
            desk = Desk(bars, **more)
            return await use(await desk.broker(database), desk, database)

    return asyncio.run(work())


@pytest.mark.parametrize(
    ("given", "error"),
    [
        (order("a", quantity="0.0000001"), OrderRefusedError),
        (order("a", quantity="0.00001"), OrderRefusedError),
        (order("a", quantity="1000"), FundsLackingError),
        (order("a", Side.SELL), FundsLackingError),
        (order("a", kind=OrderType.STOP, stop_price=39_000), WouldTriggerError),
        (order("a", kind=OrderType.LIMIT, quantity="100", limit_price=30_000), FundsLackingError),
    ],
)
def test_what_an_exchange_would_refuse_is_refused_and_leaves_nothing(sqlite_url, given, error):
    async def use(broker, desk, database):
        before = await broker.balances()
        with pytest.raises(error):
            await broker.submit(given)
        assert await broker.balances() == before
        assert await broker.look_up(SYMBOL, "a") is None

    with_broker(sqlite_url, use)


def test_an_id_is_taken_once_and_what_is_kept_outlives_the_process(sqlite_url):
    async def use(broker, desk, database):
        made = await broker.submit(order("one", quantity=None, cost=4_000))
        assert made.status is Status.FILLED
        await broker.submit(
            order("two", Side.SELL, OrderType.STOP, str(made.filled), stop_price=1_000)
        )
        again = await desk.broker(database)
        for id_ in ("one", "two"):
            assert await again.look_up(SYMBOL, id_) == await broker.look_up(SYMBOL, id_)
            with pytest.raises(DuplicateOrderError):
                await again.submit(order(id_))
        assert await again.balances() == await broker.balances()
        (fill,) = await again.fills_since(SYMBOL, BARS.index[0].to_pydatetime())
        assert fill.fee == fill.quantity * fill.price * Decimal("0.001")
        await again.cancel(SYMBOL, "two", is_trigger=True)
        with pytest.raises(OrderMissingError):
            await again.cancel(SYMBOL, "two", is_trigger=True)

    with_broker(sqlite_url, use)


def test_of_an_order_list_one_fills_and_the_other_is_gone(sqlite_url):
    rise = pd.DataFrame(
        [(100.0, 100.0, 100.0, 100.0), (100.0, 121.0, 99.0, 120.0)],
        columns=["open", "high", "low", "close"],
        index=pd.date_range("2024-01-01", periods=2, freq="min", tz="UTC", name="open_time"),
    ).assign(volume=1.0)

    async def use(broker, desk, database):
        await broker.submit(order("entry"))
        pair = OrderListRequest(
            client_list_id="pair",
            take_profit=order("up", Side.SELL, OrderType.LIMIT, limit_price=110),
            stop=order("down", Side.SELL, OrderType.STOP, stop_price=90),
        )
        await broker.submit_list(pair)
        assert (await broker.balances())["BTC"].free == 0
        while await broker.match_next(SYMBOL, desk.bar()):
            pass
        desk.number = 1
        assert await broker.match_next(SYMBOL, desk.bar())
        statuses = {i: (await broker.look_up(SYMBOL, i)).status for i in ("up", "down")}
        assert statuses == {"up": Status.FILLED, "down": Status.CANCELLED}
        assert not await broker.match_next(SYMBOL, desk.bar())
        assert not await broker.match_next(SYMBOL, desk.bar())

    with_broker(sqlite_url, use, bars=rise)


def test_a_position_whose_margin_is_gone_is_liquidated(sqlite_url):
    crash = pd.DataFrame(
        [(100.0, 100.0, 100.0, 100.0), (100.0, 101.0, 80.0, 85.0)],
        columns=["open", "high", "low", "close"],
        index=pd.date_range("2024-01-01", periods=2, freq="min", tz="UTC", name="open_time"),
    ).assign(volume=1.0)

    async def use(broker, desk, database):
        await broker.prepare(PERP, Decimal(10), "isolated")
        request = OrderRequest(
            client_order_id="entry", symbol=PERP, side=Side.BUY, type=OrderType.MARKET,
            quantity=Decimal(2),
        )  # fmt: skip
        await broker.submit(request)
        desk.number = 1
        while await broker.match_next(PERP, desk.bar()):
            pass
        assert await broker.positions([PERP]) == []
        fills = await broker.fills_since(PERP, crash.index[0].to_pydatetime())
        assert [(f.is_liquidation, f.price) for f in fills] == [(False, 100), (True, 91)]

    with_broker(sqlite_url, use, bars=crash)
