"""One strategy, asked at each closed bar: bars and an account in, order intents and a state out.

A pure function of what it is given. Nothing is decided before each market has a bar, nor before a
panel has two. Everything that a question changes is in the state that comes
out; each question starts from bytes, so that a process that lives on and one that was started
again decide alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import pandas as pd

from robotrader_sdk.backtest.portfolio.loop import Policy, Wishes
from robotrader_sdk.data.panel import Panel
from robotrader_sdk.errors import InstrumentError, RobotraderError
from robotrader_sdk.strategy.base import Strategy, is_vectorised
from robotrader_sdk.strategy.context import Context, Position
from robotrader_sdk.strategy.intents import Cancel, Order
from robotrader_sdk.strategy.parametric import Parametric, stated_warmup
from robotrader_sdk.strategy.portfolio import PortfolioStrategy, gives_weights
from robotrader_sdk.strategy.portfolio_stepper import PortfolioStepper
from robotrader_sdk.strategy.schedule import scheduled_bars, stated_drift_band, stated_rebalance
from robotrader_sdk.strategy.signals import read_signals, uses_shorts
from robotrader_sdk.strategy.stepper import Stepper, strategy_failure
from robotrader_sdk.strategy.weights import WeightLimits, Weights, read_weights
from robotrader_sdk.trading.order import SizeUnit
from robotrader_sdk.types import OrderStatus, Timeframe
from runner.sandbox.history import History
from runner.sandbox.state import Memory, dump_memory, load_memory
from runner.sandbox.wire import (
    Account,
    Holding,
    Intent,
    MarketTerms,
    Place,
    TargetWeights,
    Wish,
    Withdraw,
)

Histories = Mapping[str, History]

_NOTHING = Holding()
_FEWEST_BARS = 2
"""Below which there is no panel."""


@dataclass(slots=True)
class Reply:
    """What a strategy wants, and what it remembers."""

    intents: list[Intent] = field(default_factory=list)
    state: bytes = b""


class Asker(Protocol):
    """A strategy in one of its forms."""

    def ask(self, bars: Histories, account: Account, state: bytes) -> Reply:
        """What it wants at the last of its bars; RobotraderError, StateError if that fails."""


def asker_of(
    strategy: Parametric, markets: Sequence[MarketTerms], timeframe: Timeframe, most_state: int
) -> Asker:
    """How to ask a strategy; StrategyError if it is written in no form, or in two."""
    if isinstance(strategy, PortfolioStrategy):
        terms = _Terms.of(markets)
        form = _Rows if gives_weights(strategy) else _PortfolioEvents
        return form(strategy, terms, most_state)
    assert isinstance(strategy, Strategy)  # noqa: S101 - there are two kinds
    (market,) = markets
    if is_vectorised(strategy):
        return _Signals(strategy, market)
    return _Events(strategy, market, timeframe, most_state)


class _SymbolAccount:
    """An account as the context of one symbol asks for it."""

    def __init__(self, account: Account, symbol: str, orders: Sequence[Order]) -> None:
        self._account, self._orders = account, orders
        self._holding = account.holdings.get(symbol, _NOTHING)

    def cash(self) -> float:
        return self._account.cash

    def equity(self) -> float:
        return self._account.equity

    def held(self) -> float:
        return self._holding.quantity

    def position(self) -> Position:
        holding = self._holding
        if not holding.quantity:
            return Position()
        return Position(holding.quantity, holding.entry_price, holding.unrealized_pnl)

    def working_orders(self) -> tuple[Order, ...]:
        return tuple(self._orders)


@dataclass(frozen=True, slots=True)
class _WholeAccount:
    """An account as the context of a portfolio asks for it."""

    account: Account
    symbols: tuple[str, ...]

    def cash(self) -> float:
        return self.account.cash

    def equity(self) -> float:
        return self.account.equity

    def weights(self) -> Weights:
        held = [self.account.holdings.get(symbol, _NOTHING).value for symbol in self.symbols]
        return np.array(held) / self.account.equity


@dataclass(frozen=True, slots=True)
class _Terms:
    """A panel's markets."""

    limits: WeightLimits

    @classmethod
    def of(cls, markets: Sequence[MarketTerms]) -> _Terms:
        symbols = tuple(market.symbol for market in markets)
        perpetual = np.array([market.is_perpetual for market in markets])
        leverage = np.array([market.leverage for market in markets])
        return cls(WeightLimits(symbols, perpetual, leverage))


@dataclass(frozen=True, slots=True)
class _Signals:
    """`signals(self, bars)`: nothing is remembered."""

    strategy: Strategy
    market: MarketTerms

    def ask(self, bars: Histories, account: Account, state: bytes) -> Reply:  # noqa: ARG002
        history = bars.get(self.market.symbol)
        if history is None:
            return Reply(state=state)
        own, frame = self.strategy.fresh(), history.frame()
        owner, bar = type(own).__name__, len(frame) - 1
        if bar < (stated_warmup(own) or 0):
            return Reply()
        try:
            signals = own.signals(frame.copy(deep=False))
        except RobotraderError:
            raise
        except Exception as error:
            raise strategy_failure(own, "signals", error) from error
        read = read_signals(signals, pd.DatetimeIndex(frame.index), owner)
        if not self.market.is_perpetual and uses_shorts(read):
            raise InstrumentError(
                f"{owner} sells short (enter_short), which a spot market can't; trade a perpetual, "
                "or leave enter_short out"
            )
        return Reply([_wish(self.market.symbol, row) for row in read.wishes(bar, bar + 1)])


@dataclass(frozen=True, slots=True)
class _Events:
    """`on_bar(self, ctx)` of one symbol."""

    strategy: Strategy
    market: MarketTerms
    timeframe: Timeframe
    most_state: int

    def ask(self, bars: Histories, account: Account, state: bytes) -> Reply:
        symbol, orders = self.market.symbol, list[Order]()
        history = bars.get(symbol)
        if history is None:
            return Reply(state=state)
        adapter = _SymbolAccount(account, symbol, orders)
        stepper = Stepper(
            self.strategy, history.lazy_frame(), history.lists, adapter, symbol, self.timeframe
        )
        bar = len(history) - 1
        if bar < stepper.warmup_bars:
            return Reply(state=state)
        own, views = stepper.strategy, stepper.registry.views
        memory = load_memory(state, own, views)
        _hear(memory, account)
        orders.extend(_working(memory, account, symbol))
        stepper.ctx.n_orders = memory.n_orders.get(symbol, 0)
        intents = _taken(stepper.step(bar), symbol, memory)
        memory.n_orders[symbol] = stepper.ctx.n_orders
        return Reply(intents, dump_memory(memory, own, views, self.most_state))


class _Portfolio:
    """What the two forms of a portfolio strategy have in common."""

    def __init__(self, strategy: PortfolioStrategy, terms: _Terms, most_state: int) -> None:
        self.strategy, self.terms, self.most_state = strategy, terms, most_state

    def panel_of(self, bars: Histories) -> Panel | None:
        """All markets together; None before each of them has a bar, and one has two.

        A backtest may decide before the latest symbol is listed, but only as its panel already
        has the bars to come: there is no panel with a symbol that has none.
        """
        if any(symbol not in bars for symbol in self.terms.limits.symbols):
            return None
        if max(map(len, bars.values())) < _FEWEST_BARS:
            return None
        return Panel({symbol: history.frame() for symbol, history in bars.items()})

    def wishes(self, panel: Panel, memory: Memory, warmup_bars: int) -> Wishes:
        """The weights so far, and the schedule."""
        rebalance = stated_rebalance(self.strategy)
        scheduled = scheduled_bars(panel.index, panel.timeframe, rebalance, warmup_bars)
        policy = Policy(scheduled, rebalance is not None, stated_drift_band(self.strategy))
        wishes = Wishes(policy, len(panel.symbols))
        if memory.decided is not None:
            wishes.newest, wishes.decided = memory.newest, memory.decided
        return wishes

    def due(
        self, panel: Panel, whole: _WholeAccount, wishes: Wishes, asked: Weights | None
    ) -> list[Intent]:
        """The weights that are to be traded now, if any."""
        time = len(panel.index) - 1
        if asked is None and wishes.next_due(time) != time:
            return []
        nothing_ended = np.zeros(len(panel.symbols), np.bool_)
        due = wishes.due(time, asked, whole.weights(), nothing_ended)
        if due is None:
            return []
        wanted = zip(panel.symbols, due.tolist(), strict=True)
        return [TargetWeights({s: weight for s, weight in wanted if not np.isnan(weight)})]


class _Rows(_Portfolio):
    """`target_weights(self, panel)`."""

    def ask(self, bars: Histories, account: Account, state: bytes) -> Reply:
        panel = self.panel_of(bars)
        if panel is None:
            return Reply(state=state)
        own = self.strategy.fresh()
        warmup_bars, time = stated_warmup(own) or 0, len(panel.index) - 1
        if time < warmup_bars:
            return Reply(state=state)
        memory = load_memory(state, own, ())
        try:
            given = own.target_weights(panel.copy())
        except RobotraderError:
            raise
        except Exception as error:
            raise strategy_failure(own, "target_weights", error) from error
        rows = read_weights(given, panel, self.terms.limits, warmup_bars, type(own).__name__)
        asked = rows.weights[-1] if len(rows.bars) and rows.bars[-1] == time else None
        wishes = self.wishes(panel, memory, warmup_bars)
        intents = self.due(panel, _WholeAccount(account, panel.symbols), wishes, asked)
        memory.newest, memory.decided = wishes.newest, wishes.decided
        return Reply(intents, dump_memory(memory, own, (), self.most_state))


class _PortfolioEvents(_Portfolio):
    """`on_bar(self, ctx)` of several symbols."""

    def ask(self, bars: Histories, account: Account, state: bytes) -> Reply:
        panel = self.panel_of(bars)
        if panel is None:
            return Reply(state=state)
        whole = _WholeAccount(account, panel.symbols)
        orders: dict[str, list[Order]] = {symbol: [] for symbol in panel.symbols}
        adapters = {s: _SymbolAccount(account, s, orders[s]) for s in panel.symbols}
        stepper = PortfolioStepper(self.strategy, panel, whole, adapters, self.terms.limits)
        time = len(panel.index) - 1
        if time < stepper.warmup_bars:
            return Reply(state=state)
        own, views = stepper.strategy, stepper.registry.views
        memory = load_memory(state, own, views)
        _hear(memory, account)
        for symbol, context in stepper.contexts.items():
            stepper.clocks[symbol].closed = len(panel[symbol])
            context.n_orders = memory.n_orders.get(symbol, 0)
            orders[symbol].extend(_working(memory, account, symbol))
        wishes = self.wishes(panel, memory, stepper.warmup_bars)
        asked = stepper.step(time, wishes.is_scheduled(time))
        intents = _taken_by_symbol(stepper.contexts, memory)
        intents.extend(self.due(panel, whole, wishes, asked))
        memory.newest, memory.decided = wishes.newest, wishes.decided
        return Reply(intents, dump_memory(memory, own, views, self.most_state))


def _hear(memory: Memory, account: Account) -> None:
    """Let the orders that a strategy holds know what became of them."""
    for news in account.news:
        name = (news.symbol, news.number)
        order = memory.orders.get(name)
        if order is None:
            continue
        order.status, order.quantity = news.status, news.quantity
        order.fill_price, order.reject_reason = news.fill_price, news.reject_reason
        if news.status is not OrderStatus.WORKING:
            del memory.orders[name]


def _working(memory: Memory, account: Account, symbol: str) -> list[Order]:
    names = [(s, number) for s, number in account.working if s == symbol]
    return [memory.orders[name] for name in names if name in memory.orders]


def _taken(asked: Sequence[Order | Cancel], symbol: str, memory: Memory) -> list[Intent]:
    """Intents for the other side; new orders are remembered under the name they go by."""
    intents: list[Intent] = []
    for intent in asked:
        if isinstance(intent, Cancel):
            intents.append(Withdraw(symbol, intent.order.number))
        else:
            memory.orders[symbol, intent.number] = intent
            intents.append(Place.of(symbol, intent))
    return intents


def _taken_by_symbol(contexts: Mapping[str, Context], memory: Memory) -> list[Intent]:
    intents: list[Intent] = []
    for symbol, context in contexts.items():
        intents.extend(_taken(context.take_intents(), symbol, memory))
        memory.n_orders[symbol] = context.n_orders
    return intents


def _wish(symbol: str, row: np.void) -> Wish:
    names = Wish.__struct_fields__[4:]
    return Wish(
        symbol,
        int(row["flags"]),
        int(row["valid_bars"]),
        SizeUnit(int(row["size_unit"])),
        *(float(row[name]) for name in names),
    )
