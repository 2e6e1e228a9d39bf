"""An exchange made of dice: what becomes of intents is drawn, and the account follows."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from robotrader_sdk.trading.decision import ENTER_LONG, ENTER_SHORT, EXIT_LONG, EXIT_SHORT
from robotrader_sdk.types import OrderStatus, OrderType
from runner.sandbox.wire import (
    Account,
    Holding,
    Intent,
    OrderNews,
    Place,
    TargetWeights,
    Wish,
    Withdraw,
)


@dataclass
class ToyExchange:
    """Fills, refuses and keeps orders at random, by a seed; the money need not add up."""

    dice: random.Random
    cash: float = 10_000.0
    held: dict[str, float] = field(default_factory=dict)
    working: dict[tuple[str, int], Place] = field(default_factory=dict)
    news: list[OrderNews] = field(default_factory=list)

    def account(self, bars: Mapping[str, pd.DataFrame]) -> Account:
        """Where the bot stands at the last close; the news is told once."""
        closes = {symbol: float(frame["close"].iloc[-1]) for symbol, frame in bars.items()}
        holdings = {
            symbol: Holding(quantity, closes[symbol] * 0.99, 1.0, quantity * closes[symbol])
            for symbol, quantity in self.held.items()
        }
        equity = max(1.0, self.cash + sum(holding.value for holding in holdings.values()))
        news, self.news = self.news, []
        return Account(self.cash, equity, holdings, list(self.working), news)

    def take(self, intents: Sequence[Intent], bars: Mapping[str, pd.DataFrame]) -> None:
        """Let time go on until the next close."""
        for intent in intents:
            if isinstance(intent, Place):
                self.working[intent.symbol, intent.number] = intent
            elif isinstance(intent, Withdraw):
                self._end((intent.symbol, intent.number), OrderStatus.CANCELLED)
            elif isinstance(intent, Wish):
                self._obey(intent)
            elif isinstance(intent, TargetWeights):
                for symbol, weight in intent.weights.items():
                    price = float(bars[symbol]["close"].iloc[-1])
                    self.held[symbol] = weight * self.cash / price
        for name in list(self.working):
            self._move_on(name)

    def _obey(self, wish: Wish) -> None:
        if wish.flags & (EXIT_LONG | EXIT_SHORT):
            self.held[wish.symbol] = 0.0
        if wish.flags & (ENTER_LONG | ENTER_SHORT):
            self.held[wish.symbol] = 1.0 if wish.flags & ENTER_LONG else -1.0

    def _move_on(self, name: tuple[str, int]) -> None:
        order, fate = self.working[name], self.dice.random()
        if fate < 0.1:
            self._end(name, OrderStatus.REJECTED, reject_reason="the dice said so")
        elif order.type is OrderType.MARKET or fate < 0.3:
            quantity = 1.0 + self.dice.random()
            before = self.held.get(order.symbol, 0.0)
            self.held[order.symbol] = max(0.0, before + int(order.side) * quantity)
            self._end(name, OrderStatus.FILLED, quantity=quantity, fill_price=100.0)
        else:
            self.news.append(OrderNews(*name, OrderStatus.WORKING, quantity=1.5))

    def _end(self, name: tuple[str, int], status: OrderStatus, **more: object) -> None:
        if self.working.pop(name, None) is not None:
            self.news.append(OrderNews(*name, status, **more))  # type: ignore[arg-type]
