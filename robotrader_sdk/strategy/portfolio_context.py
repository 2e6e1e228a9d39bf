"""What `on_bar` of a portfolio strategy sees: every symbol up to now, the money, the weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Protocol

import numpy as np
import pandas as pd

from robotrader_sdk.data.spelling import did_you_mean
from robotrader_sdk.errors import StrategyError
from robotrader_sdk.strategy.context import Context
from robotrader_sdk.strategy.indicator import Clock
from robotrader_sdk.strategy.randomness import BarRandomness
from robotrader_sdk.strategy.weights import WeightLimits, Weights, read_row

if TYPE_CHECKING:
    from robotrader_sdk.data.panel import Panel


class PortfolioAccount(Protocol):
    """What a portfolio's context asks its surroundings."""

    def cash(self) -> float:
        """Quote money."""

    def equity(self) -> float:
        """Cash plus what all positions are worth at their last closes."""

    def weights(self) -> Weights:
        """Each position's value as a fraction of the equity, in the order of the symbols."""


class PortfolioContext:
    """The present, as `on_bar(self, ctx)` of a portfolio strategy gets it.

    `ctx["ETH/USDT"]` is what a single-symbol strategy gets: its bars up to now, its position,
    `buy`, `sell` and so on; sizes by `fraction=` or `risk=` are of the whole account's equity.
    A symbol that has no bar now shows its last one, and what is ordered waits for its next.

    symbols: those that have a bar now, in the panel's order.
    """

    def __init__(
        self,
        panel: Panel,
        clock: Clock,
        contexts: Mapping[str, Context],
        account: PortfolioAccount,
        limits: WeightLimits,
        owner: str,
        seed: int,
    ) -> None:
        self._index = panel.index
        self._bar_numbers = panel.bar_numbers
        self._all_symbols = np.array(panel.symbols, dtype=object)
        self._clock = clock
        self._contexts = contexts
        self._account = account
        self._limits = limits
        self._owner = owner
        self._randomness = BarRandomness(seed)
        self._asked: Weights | None = None
        self._scheduled = True

    @property
    def bar_number(self) -> int:
        """How many bars of the panel closed before this one."""
        return self._clock.bar

    @property
    def time(self) -> pd.Timestamp:
        """The open_time of the current bar, UTC."""
        time: pd.Timestamp = self._index[self._clock.bar]
        return time

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols that have a bar now."""
        return tuple(self._all_symbols[self._bar_numbers[self._clock.bar] >= 0])

    @property
    def is_scheduled(self) -> bool:
        """Whether `rebalance` of the strategy has this bar decide; else weights wait for it."""
        return self._scheduled

    def __getitem__(self, symbol: str) -> Context:
        try:
            context = self._contexts[symbol]
        except KeyError:
            raise StrategyError(
                f"{self._owner}: the panel has no symbol {symbol!r}"
                f"{did_you_mean(symbol, self._contexts)}"
            ) from None
        if context.bar_number < 0:
            raise StrategyError(
                f"{self._owner}: {symbol} has no bar yet at {self.time}; ctx.symbols lists those "
                f"that have one now"
            )
        return context

    def __contains__(self, symbol: object) -> bool:
        return symbol in self._contexts

    def __iter__(self) -> Iterator[str]:
        return iter(self.symbols)

    @property
    def equity(self) -> float:
        """Cash plus what all positions are worth at the current closes."""
        return self._account.equity()

    @property
    def cash(self) -> float:
        """Quote money; of short positions it includes what they were sold for."""
        return self._account.cash()

    @property
    def weights(self) -> dict[str, float]:
        """What is held: each position's value as a fraction of the equity, at the closes."""
        held = self._account.weights()
        return {str(self._all_symbols[k]): float(held[k]) for k in np.flatnonzero(held)}

    @property
    def rng(self) -> np.random.Generator:
        """The only randomness allowed: seeded by the seed parameter and the bar."""
        return self._randomness.at(self._clock.bar, self._index.__getitem__)

    def rebalance(self, weights: Mapping[str, float] | pd.Series) -> None:
        """Ask for weights, fractions of the equity; a symbol that is not named gets 0.

        They are traded from the next open on if `is_scheduled`, else at the next bar that is, at
        which the newest call counts. SignalError or InstrumentError if they are more than the
        instruments allow.
        """
        self._asked = read_row(weights, self.time, self._limits, self._owner)

    def take_weights(self) -> Weights | None:
        """What was asked for since the last call; for the stepper."""
        asked, self._asked = self._asked, None
        return asked
