"""Bringing a bot into service: everything about it is checked before it may trade."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from robotrader_sdk.cli.catalogs import find_strategy, load_entry
from robotrader_sdk.errors import RobotraderError
from robotrader_sdk.strategy.base import Strategy
from robotrader_sdk.strategy.portfolio import PortfolioStrategy
from robotrader_sdk.types import Timeframe
from runner.execution.broker import Broker, KeyRight, Market
from runner.execution.errors import (
    BotError,
    KeyMayWithdrawError,
    MarketUnknownError,
    PreparationError,
)
from runner.execution.executor import Executor
from runner.execution.journal.bots import BotTerms, add_bot
from runner.execution.journal.tables import BotRow, InstallationRow
from runner.execution.patience import Patience
from runner.execution.risk import read_limits
from runner.execution.rules import Rules
from runner.execution.tick import RunningBot
from runner.storage.database import Database

StrategyClass = type[Strategy] | type[PortfolioStrategy]
Find = Callable[[str], StrategyClass]


def catalogued(name: str) -> StrategyClass:
    """A strategy of an installed catalog, by name; BotError if there is none."""
    try:
        found, entry = find_strategy(name)
        return load_entry(found, entry)
    except RobotraderError as error:
        raise BotError(str(error)) from None


def make_strategy(find: Find, name: str, params: Mapping[str, Any]) -> Strategy | PortfolioStrategy:
    """A strategy with its parameters; BotError names what is wrong."""
    try:
        return find(name)(**params)
    except RobotraderError as error:
        raise BotError(str(error)) from None
    except Exception as error:
        raise BotError(f"{name} can't be made: {type(error).__name__}: {error}") from error


async def deploy(
    database: Database, broker: Broker, terms: BotTerms, *, find: Find = catalogued
) -> BotRow:
    """Check what a bot is set up with, and write it down.

    BotError, MarketUnknownError and KeyMayWithdrawError say what has to change.
    """
    strategy = make_strategy(find, terms.strategy, terms.params)
    _check_terms(terms, strategy)
    await check_key(broker)
    markets = [await broker.instrument(symbol) for symbol in terms.symbols]
    for market in markets:
        _check_market(market, terms)
    return await database.write(lambda session: add_bot(session, terms))


async def check_key(broker: Broker) -> None:
    """KeyMayWithdrawError if the broker's key could take money away."""
    rights = (await broker.key_rights()).rights
    if rights is not None and KeyRight.WITHDRAW in rights:
        raise KeyMayWithdrawError(
            "this key may withdraw; make one at the exchange that may read and trade, and nothing "
            "else, and give that"
        )


async def bring_up(
    database: Database,
    broker: Broker,
    bot: BotRow,
    installation: InstallationRow,
    *,
    find: Find = catalogued,
    patience: Patience | None = None,
) -> RunningBot:
    """A bot that is written down, ready to tick; a perpetual's leverage is set and read back.

    Where that fails, or there is no such strategy any more, it is unfit to decide: what it holds
    is protected and can be closed.
    """
    rules: dict[str, Rules] = {}
    unfit: list[str] = []
    for symbol in bot.symbols:
        market = await broker.instrument(symbol)
        if market.is_perpetual:
            margin_mode: Any = bot.margin_mode
            try:
                await broker.prepare(symbol, bot.leverage, margin_mode)
            except PreparationError as error:
                unfit.append(str(error))
        rules[symbol] = Rules.of(
            market,
            bot.leverage if market.is_perpetual else Decimal(1),
            isolated=bot.margin_mode == "isolated",
        )
    strategy = None
    try:
        strategy = make_strategy(find, bot.strategy, bot.params)
    except BotError as error:
        unfit.append(str(error))
    return RunningBot(
        database=database,
        bot_id=bot.id,
        strategy=strategy,
        rules=rules,
        timeframe=Timeframe.parse(bot.timeframe),
        executor=Executor(database, broker, bot, rules, patience),
        fence=installation.fence,
        installation=installation.code,
        unfit="; ".join(unfit),
    )


def _check_terms(terms: BotTerms, strategy: Strategy | PortfolioStrategy) -> None:
    read_limits(terms.risk)
    try:
        Timeframe.parse(terms.timeframe)
    except RobotraderError as error:
        raise BotError(str(error)) from None
    if terms.capital <= 0:
        raise BotError(f"a bot needs capital above 0, got {terms.capital}")
    many = len(terms.symbols) != 1
    if many and not isinstance(strategy, PortfolioStrategy):
        raise BotError(
            f"{terms.strategy} trades one symbol, got {len(terms.symbols)}; set up a bot for each"
        )
    for moment in (terms.anchor, terms.started):
        _check_time(moment)


def _check_time(moment: datetime) -> None:
    if moment.tzinfo is None:
        raise BotError(f"times are in UTC and say so, got {moment!r}")


def _check_market(market: Market, terms: BotTerms) -> None:
    if not market.is_active:
        raise MarketUnknownError(f"{market.symbol} is not traded at the moment")
    if market.quote != terms.quote:
        raise BotError(
            f"the bot counts in {terms.quote}, and {market.symbol} is traded in {market.quote}"
        )
    if terms.capital < market.min_notional:
        raise BotError(
            f"{terms.capital} {terms.quote} is less than the smallest order of {market.symbol}, "
            f"{market.min_notional}; give the bot more capital"
        )
    if market.is_perpetual and not 1 <= terms.leverage <= market.max_leverage:
        raise BotError(
            f"{market.symbol} takes a leverage from 1 to {market.max_leverage}, got "
            f"{terms.leverage}"
        )
    if not market.is_perpetual and terms.leverage != 1:
        raise BotError(f"{market.symbol} is spot and has no leverage, got {terms.leverage}")
