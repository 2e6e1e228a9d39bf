"""Paper at live prices: a keeper, a feed, and public data of an exchange; no key and no order."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

import robotrader_sdk as rt
from runner.execution.engine import Engine
from runner.execution.journal.bots import add_bot
from runner.execution.journal.tables import LotRow, OrderRow
from runner.execution.paper_market import open_paper, standing_price
from runner.execution.rules import instrument_of
from runner.execution.running import Keeper, Rhythm
from runner.storage.database import Database
from runner.storage.upgrade import upgrade
from tests.parity.live import PATIENCE, _trade_of, trades_of
from tests.parity.strategies import STRATEGIES
from tests.runner.execution.brokers import step
from tests.runner.execution.live_bots import terms_of
from tests.runner.execution.test_feed import feed_at
from tests.runner.testnet.conftest import bars_of, exchange_of, serve

__all__ = ["serve"]
SYMBOL = "BTC/USDT"
BARS = rt.synthetic_bars(18, "1m", seed=5, price=40_000.0, volatility=6.0).round(1)


class Idle(rt.Strategy):
    """Does nothing."""

    def init(self, bars) -> None:
        pass

    def on_bar(self, ctx) -> None:
        pass


class Enters(rt.Strategy):
    """Buys inside a bar, with a stop that the same bar reaches."""

    def init(self, bars) -> None:
        pass

    def on_bar(self, ctx) -> None:
        if not ctx.position and not ctx.orders:
            ctx.buy(quantity=1.0, stop_price=101.0, stop_loss=0.02)


async def kept(served, url, strategies, bars, use, **more):
    """Bots of one paper account with a keeper; `use` gets what it needs to go on."""
    known = {one.__name__: one for one in strategies}
    async with Database(url) as database, feed_at(served, "binance") as feed:
        await upgrade(database)
        funds = {"USDT": Decimal(1_000_000)}
        broker = await open_paper(database, feed.data, "paper-1", "alice", funds)
        async with Engine(
            database, lambda _: broker, find=known.__getitem__, patience=PATIENCE
        ) as engine:
            for one in strategies:
                terms = terms_of(bars, one.__name__, mode="paper", account="paper-1", **more)
                await database.write(lambda session, terms=terms: add_bot(session, terms))
            keeper = Keeper(engine, lambda _: feed, rhythm=Rhythm(1e9, 1e9))
            await use(keeper, feed)
        async with database.reading() as session:
            return [list(await session.scalars(_all(kind))) for kind in (LotRow, OrderRow)]


def _all(kind):
    from sqlalchemy import select

    return select(kind).order_by(kind.bot_id)


def test_a_bot_on_paper_at_live_prices_makes_the_trades_of_its_backtest(serve, sqlite_url):
    served = serve(exchange_of(BARS))
    markets = []

    async def use(keeper, feed):
        markets.append(await feed.data.instrument(SYMBOL))
        for _ in range(len(BARS) - 2):
            await asyncio.to_thread(step, served)
            await keeper.turn()

    asked = {"params": {"width": 0.02}, "capital": Decimal(50_000)}
    lots, _ = asyncio.run(
        kept(served, sqlite_url, [STRATEGIES["Trails"]], {SYMBOL: BARS}, use, **asked)
    )
    fee = float(markets[0].taker_fee)
    theirs = rt.backtest(
        STRATEGIES["Trails"](width=0.02), BARS.iloc[:-2], cash=50_000.0,
        instrument=instrument_of(markets[0]), fees=rt.Fees(maker=fee, taker=fee),
    )  # fmt: skip
    lots.sort(key=lambda lot: lot.number)
    # What was bought, less the fee in it.
    found = [_trade_of(lot, BARS.index)._replace(quantity=float(lot.opened)) for lot in lots]
    # What is open there may have ended here: the bot lives on into the bar that forms.
    expected = [trade for trade in trades_of(theirs, SYMBOL) if trade.exit_time is not None]
    assert len(expected) >= 4
    assert found[: len(expected)] == expected
    assert served.exchange.records.orders == {}


@pytest.mark.parametrize("order", [(Enters, Idle), (Idle, Enters)])
def test_bots_of_one_paper_account_all_answer_its_fills(serve, sqlite_url, order):
    """Whoever gets to a bar first, the stop of the other acts in the bar it came in."""
    bars = bars_of((100, 100, 100, 100), (100, 102, 95, 96), *[(96, 96, 96, 96)] * 3)
    served = serve(exchange_of(bars))

    async def use(keeper, feed):
        for _ in range(2):
            await asyncio.to_thread(step, served)
            await keeper.turn()

    lots, _ = asyncio.run(kept(served, sqlite_url, order, {SYMBOL: bars}, use))
    (lot,) = lots
    assert not lot.is_open
    assert lot.closed_at.timestamp() == pytest.approx(bars.index[1].timestamp(), abs=60)
    assert lot.exit_value / lot.exit_quantity == pytest.approx(Decimal("98.98"), abs=1)


def test_a_market_stands_at_the_open_of_the_minute_that_forms(serve):
    served = serve(exchange_of(BARS))

    async def work():
        async with feed_at(served, "binance") as feed:
            for number in (1, 2):
                step(served)
                price = await standing_price(feed.data, SYMBOL)
                assert price == Decimal(repr(float(BARS["open"].iloc[number])))

    asyncio.run(work())
