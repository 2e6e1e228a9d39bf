"""One bot against a local exchange, told line by line."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from robotrader_sdk.cli.settings import make_strategy as strategy_from_settings
from robotrader_sdk.types import Timeframe
from runner.execution.ccxt_broker import CcxtBroker
from runner.execution.ccxt_client import Credentials
from runner.execution.ccxt_hints import CcxtHints
from runner.execution.ccxt_market_data import CcxtMarketData
from runner.execution.engine import Engine
from runner.execution.errors import ExchangeUnreachableError
from runner.execution.feed import Feed
from runner.execution.journal.bots import BotTerms, bots_in_service
from runner.execution.journal.orders import orders_since
from runner.execution.journal.tables import BotRow, OrderRow
from runner.execution.rate_limits import limiter_of
from runner.execution.running import Keeper, Rhythm
from runner.execution.service import catalogued, deploy
from runner.execution.status import Status
from runner.execution.tick import TickReport
from runner.storage.database import Database
from runner.testnet import ccxt_config

Say = Callable[[str], None]

HISTORY = 500
"""Bars before the first decision."""

LOCAL_KEY, LOCAL_SECRET = "demo-key", "demo-secret"
"""Those of `robotrader testnet`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalRun:
    """What is asked for; `key`, `secret`: "" for the local exchange's own. n_bars: 0 is for ever.

    settings: parameters, each as "name=value".
    """

    strategy: str
    settings: tuple[str, ...]
    url: str
    symbols: tuple[str, ...]
    timeframe: str
    exchange: str
    capital: Decimal
    leverage: Decimal
    database: str
    n_bars: int
    key: str
    secret: str


async def run_local(wanted: LocalRun, say: Say) -> None:
    """Run it; RunnerError or RobotraderError if it can't be."""
    limiter = limiter_of(wanted.exchange)
    overrides = ccxt_config(wanted.exchange, wanted.url)
    credentials = Credentials(wanted.key or LOCAL_KEY, wanted.secret or LOCAL_SECRET)
    broker = CcxtBroker(
        wanted.exchange, credentials, account="local", limiter=limiter, overrides=overrides
    )
    data = CcxtMarketData(wanted.exchange, limiter=limiter, overrides=overrides)
    hints = CcxtHints(wanted.exchange, limiter=limiter, overrides=overrides)
    feed = Feed(data, pause=0.2, at_most=0.5, hints=hints)
    logging.basicConfig(format="%(message)s", handlers=[_Saying(say)], level=logging.WARNING)
    try:
        await _knock(broker, wanted.url)
        async with (
            Database(wanted.database) as database,
            Engine(database, lambda _: broker) as engine,
        ):
            async with database.reading() as session:
                known = await bots_in_service(session)
            if not known:
                await engine.serve(await _deploy(database, broker, data, wanted))
            for row in known:
                if row.id not in engine.bots:
                    say(f"bot {row.id} of {wanted.database} can't go on: see above")
            teller = _Teller(engine, say, wanted.n_bars)
            await engine.reconcile()
            keeper = Keeper(engine, lambda _: feed, rhythm=Rhythm(0.5, 10.0), tell=teller.hear)
            await keeper.run(until=teller.is_over, after=teller.tell_orders)
            await engine.look()
            await teller.tell_orders()
    finally:
        await feed.close()
        for each in (broker, data, hints):
            await each.close()


async def _knock(broker: CcxtBroker, url: str) -> None:
    """ExchangeUnreachableError with the question it raises, before anything is opened."""
    try:
        await broker.server_time()
    except ExchangeUnreachableError as error:
        raise ExchangeUnreachableError(f"{error}; is there a local exchange at {url}?") from None


async def _deploy(
    database: Database, broker: CcxtBroker, data: CcxtMarketData, wanted: LocalRun
) -> BotRow:
    timeframe = Timeframe.parse(wanted.timeframe)
    for symbol in wanted.symbols:
        await data.check(symbol, timeframe)
    strategy = strategy_from_settings(catalogued(wanted.strategy), wanted.settings)
    market = await broker.instrument(wanted.symbols[0])
    length, now = timedelta(seconds=timeframe.seconds), await broker.server_time()
    opened = now.timestamp() // timeframe.seconds * timeframe.seconds
    forming = now.fromtimestamp(opened, now.tzinfo)
    terms = BotTerms(
        owner_id="local",
        name=wanted.strategy,
        strategy=wanted.strategy,
        params=strategy.params,
        symbols=wanted.symbols,
        timeframe=wanted.timeframe,
        exchange=wanted.exchange,
        account="local",
        quote=market.quote,
        capital=wanted.capital,
        anchor=forming - HISTORY * length,
        started=now,
        leverage=wanted.leverage,
    )
    return await deploy(database, broker, terms)


class _Saying(logging.Handler):
    """Says what the engine logs."""

    def __init__(self, say: Say) -> None:
        super().__init__()
        self._say = say

    def emit(self, record: logging.LogRecord) -> None:
        """Say it."""
        self._say(f"  ! {record.getMessage()}")


class _Teller:
    """Tells bars, orders and fills as they come."""

    def __init__(self, engine: Engine, say: Say, n_bars: int) -> None:
        self._engine, self._say, self._left = engine, say, n_bars
        self._endless = not n_bars
        self._known: dict[str, tuple[Status, Decimal]] = {}
        for bot_id, bot in engine.bots.items():
            row = bot.row
            say(f"bot {bot_id}: {row.strategy} on {', '.join(row.symbols)} at {row.exchange}, "
                f"{row.timeframe} bars, {row.capital:f} {row.quote}")  # fmt: skip

    def is_over(self) -> bool:
        """Whether all bars that were asked for have been."""
        return not self._endless and self._left <= 0

    def hear(self, bot_id: int, report: TickReport) -> None:  # noqa: ARG002
        """A bar was decided at."""
        self._left -= 1
        equity = "" if report.equity is None else f"equity {report.equity:,.2f}"
        self._say(f"{report.bar:%Y-%m-%d %H:%M}  {equity}")
        for line in report.logs:
            self._say(f"  {line}")

    async def tell_orders(self) -> None:
        """Orders that are new, or have moved on."""
        async with self._engine.database.reading() as session:
            for bot_id in list(self._engine.bots):
                for order in await orders_since(session, bot_id, None):
                    state = (order.status, order.filled)
                    if self._known.get(order.client_order_id) != state:
                        self._known[order.client_order_id] = state
                        self._say(f"  {_told(order)}")


def _told(order: OrderRow) -> str:
    amount = order.filled or order.quantity
    quantity = f"{amount:f}" if amount else f"for {order.cost or 0:f}"
    price = order.stop_price or order.limit_price
    at = f" at {price:f}" if price is not None else ""
    text = (
        f"{order.purpose.name.lower().replace('_', '-')}: {order.side.label} {order.type.label} "
        f"{quantity} {order.symbol}{at}: {order.status.value}"
    )
    if order.filled:
        text += f" at {order.filled_value / order.filled:.8g}"
    return f"{text} ({order.reason})" if order.reason else text
