"""Portfolio strategies, of either form, asked at the newest close of their panel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

from robotrader_sdk.backtest.portfolio.loop import Policy, Wishes
from robotrader_sdk.data.panel import Panel
from robotrader_sdk.errors import RobotraderError
from robotrader_sdk.strategy.parametric import stated_warmup
from robotrader_sdk.strategy.portfolio import PortfolioStrategy, gives_weights
from robotrader_sdk.strategy.portfolio_stepper import PortfolioStepper
from robotrader_sdk.strategy.schedule import scheduled_bars, stated_drift_band, stated_rebalance
from robotrader_sdk.strategy.stepper import strategy_failure
from robotrader_sdk.strategy.weights import WeightLimits, Weights, read_weights
from robotrader_sdk.trading.rebalancing import NOISE, perpetual_quantity
from robotrader_sdk.types import OrderType, Side
from runner.execution.deciding import LiveAccount, remember, tell_ended
from runner.execution.decision import BookReading, Decision, NewOrder, in_turn
from runner.execution.identity import Purpose
from runner.execution.journal.standing import Standing
from runner.execution.journal.tables import OrderRow
from runner.execution.rules import Elsewhere, Rules, book_of
from runner.execution.strategy_state import read_memory, write_memory

_WISHES = "_wishes"
"""Under which name the newest and the decided weights are kept with the strategy's attributes."""


@dataclass(frozen=True, slots=True)
class PanelAccount:
    """A bot's whole account at the closes, as a portfolio strategy's account."""

    standing: Standing
    symbols: tuple[str, ...]
    closes: Mapping[str, float]

    def cash(self) -> float:
        """See `PortfolioAccount`."""
        return float(self.standing.cash)

    def worth(self, symbol: str) -> float:
        """What a position adds to the equity."""
        position = self.standing.positions.get(symbol)
        if position is None or not position.quantity:
            return 0.0
        return float(position.quantity) * self.closes[symbol] - float(position.entry_value)

    def equity(self) -> float:
        """See `PortfolioAccount`."""
        return self.cash() + sum(self.worth(symbol) for symbol in self.symbols)

    def weights(self) -> Weights:
        """See `PortfolioAccount`."""
        values = [float(self.standing.quantity(s)) * self.closes[s] for s in self.symbols]
        return np.array(values) / self.equity()

    def beside(self, symbol: str, rules: Mapping[str, Rules]) -> Elsewhere:
        """What there is beside a symbol."""
        others = [s for s in self.symbols if s != symbol]
        tied = sum(
            float(self.standing.tied(rules[s].market, Decimal(repr(self.closes[s]))))
            for s in others
        )
        return Elsewhere(self.cash(), sum(self.worth(s) for s in others), tied)


def decide_portfolio(
    strategy: PortfolioStrategy,
    histories: Mapping[str, pd.DataFrame],
    standing: Standing,
    ended: Sequence[OrderRow],
    rules: Mapping[str, Rules],
    installation: str,
) -> Decision:
    """What a portfolio strategy wants at the last time of its panel; see `deciding.decide`."""
    panel = Panel(dict(histories))
    asking = _Asking(strategy, panel, standing, rules)
    return asking.vectorised() if gives_weights(strategy) else asking.event(ended, installation)


class _Asking:
    """One question to one strategy."""

    def __init__(
        self,
        strategy: PortfolioStrategy,
        panel: Panel,
        standing: Standing,
        rules: Mapping[str, Rules],
    ) -> None:
        self.strategy, self.panel, self.standing, self.rules = strategy, panel, standing, rules
        self.time = len(panel.index) - 1
        closes = {s: float(bars["close"].iloc[-1]) for s, bars in panel.items()}
        self.account = PanelAccount(standing, tuple(panel.symbols), closes)
        self.decision = Decision(state=standing.bot.strategy_state)
        perpetual = np.array([rules[s].market.is_perpetual for s in panel.symbols])
        leverage = np.array([_leverage(rules[s]) for s in panel.symbols])
        self.limits = WeightLimits(tuple(panel.symbols), perpetual, leverage)

    def vectorised(self) -> Decision:
        """A strategy that returns rows of weights."""
        own = self.strategy.fresh()
        warmup_bars = stated_warmup(own) or 0
        if self.time < warmup_bars:
            return self.decision
        memory = read_memory(self.standing.bot.strategy_state, own, ())
        kept = vars(own).pop(_WISHES, None)
        try:
            given = own.target_weights(self.panel.copy())
        except RobotraderError:
            raise
        except Exception as error:
            raise strategy_failure(own, "target_weights", error) from error
        name = type(own).__name__
        rows = read_weights(given, self.panel, self.limits, warmup_bars, name)
        asked = rows.weights[-1] if len(rows.bars) and rows.bars[-1] == self.time else None
        wishes = self._wishes(kept, warmup_bars)
        self._want(wishes, asked)
        self.decision.new = in_turn(self.decision.new, self.standing)
        vars(own)[_WISHES] = (wishes.newest, wishes.decided)
        self.decision.state = write_memory(memory, own, ())
        return self.decision

    def event(self, ended: Sequence[OrderRow], installation: str) -> Decision:
        """A strategy whose `on_bar` is called."""
        accounts = {symbol: self._symbol_account(symbol) for symbol in self.panel.symbols}
        stepper = PortfolioStepper(self.strategy, self.panel, self.account, accounts, self.limits)
        if self.time < stepper.warmup_bars:
            return self.decision
        own, views = stepper.strategy, stepper.registry.views
        memory = read_memory(self.standing.bot.strategy_state, own, views)
        kept = vars(own).pop(_WISHES, None)
        orders = dict(memory.orders)
        tell_ended(memory, ended)
        for symbol, account in accounts.items():
            stepper.clocks[symbol].closed = len(self.panel[symbol])
            stepper.contexts[symbol].n_orders = memory.n_orders.get(symbol, 0)
            ids = [o.client_order_id for o in self._working(symbol)]
            account.live = {order_id: orders[order_id] for order_id in ids if order_id in orders}
        wishes = self._wishes(kept, stepper.warmup_bars)
        asked = stepper.step(self.time, wishes.is_scheduled(self.time))
        for symbol, account in accounts.items():
            context = stepper.contexts[symbol]
            account.carry_out(context.take_intents())
            reading = BookReading(account.book, self._working(symbol), self.rules[symbol])
            reading.into(self.decision, account.asked)
            memory.n_orders[symbol] = context.n_orders
        self._want(wishes, asked)
        self.decision.new = in_turn(self.decision.new, self.standing)
        remember(memory, self.decision, self.standing, self.panel.index[-1], installation)
        vars(own)[_WISHES] = (wishes.newest, wishes.decided)
        self.decision.state = write_memory(memory, own, views)
        return self.decision

    def _working(self, symbol: str) -> list[OrderRow]:
        return [o for o in self.standing.orders.get(symbol, []) if not o.cancel_wanted]

    def _symbol_account(self, symbol: str) -> LiveAccount:
        rules, bar = self.rules[symbol], len(self.panel[symbol]) - 1
        orders = self._working(symbol)
        book = book_of(
            rules,
            self.account.beside(symbol, self.rules),
            self.standing.positions.get(symbol),
            self.standing.lots.get(symbol, []),
            orders,
            bar,
        )
        return LiveAccount(book, rules, orders, bar, self.account.closes[symbol])

    def _wishes(self, kept: Any, warmup_bars: int) -> Wishes:
        rebalance = stated_rebalance(self.strategy)
        scheduled = scheduled_bars(self.panel.index, self.panel.timeframe, rebalance, warmup_bars)
        policy = Policy(scheduled, rebalance is not None, stated_drift_band(self.strategy))
        wishes = Wishes(policy, len(self.panel.symbols))
        if kept is not None:
            wishes.newest, wishes.decided = kept
        return wishes

    def _want(self, wishes: Wishes, asked: Weights | None) -> None:
        """What of the weights is due now: perpetuals are sized here, the others at the open."""
        if asked is None and wishes.next_due(self.time) != self.time:
            return
        nothing_ended = np.zeros(len(self.panel.symbols), np.bool_)
        due = wishes.due(self.time, asked, self.account.weights(), nothing_ended)
        if due is None:
            return
        wanted = zip(self.panel.symbols, due.tolist(), strict=True)
        weights = {symbol: weight for symbol, weight in wanted if not np.isnan(weight)}
        perpetual = {s: w for s, w in weights.items() if self.rules[s].market.is_perpetual}
        for symbol, weight in perpetual.items():
            self._order_perpetual(symbol, weight)
        self.decision.weights = {s: w for s, w in weights.items() if s not in perpetual}

    def _order_perpetual(self, symbol: str, weight: float) -> None:
        rules, equity = self.rules[symbol], self.account.equity()
        close, fee = self.account.closes[symbol], float(rules.market.taker_fee)
        lot_size = float(rules.market.lot_size)
        wanted = perpetual_quantity(weight, equity, close, fee, lot_size)
        held = float(self.standing.held(symbol))
        added = wanted - held
        quantity = rules.lots(abs(added))
        if abs(added) * close <= NOISE * equity or not quantity:
            return
        shrinks = added * held < 0.0 and wanted * held >= 0.0
        self.decision.new.append(
            NewOrder(
                symbol=symbol,
                side=Side.BUY if added > 0.0 else Side.SELL,
                type=OrderType.MARKET,
                purpose=Purpose.EXIT if shrinks else Purpose.REBALANCE,
                quantity=quantity,
                sizing={"unit": "at most"} if shrinks else {},
                reduce_only=shrinks,
            )
        )


def _leverage(rules: Rules) -> float:
    return float(rules.terms["leverage"][0])
