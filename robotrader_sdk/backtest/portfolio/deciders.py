"""Where a portfolio's wishes come from: rows of weights, or `on_bar`."""

from __future__ import annotations

from bisect import bisect_left
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from robotrader_sdk.backtest.portfolio.market import Market
from robotrader_sdk.backtest.portfolio.trading import Trader
from robotrader_sdk.errors import RobotraderError
from robotrader_sdk.strategy.portfolio import PortfolioStrategy
from robotrader_sdk.strategy.portfolio_stepper import PortfolioStepper
from robotrader_sdk.strategy.stepper import strategy_failure
from robotrader_sdk.strategy.weights import WeightRows, Weights, read_weights

Series = dict[str, NDArray[np.float64]]

_NEVER = int(np.iinfo(np.int64).max)


class Decider(Protocol):
    """What is asked at each close after the warm-up."""

    warmup_bars: int

    def at(self, time: int, scheduled: bool) -> Weights | None:
        """New weights at one of the panel's times, or None; orders it enters by itself."""

    def next_call(self, time: int) -> int:
        """The first of the panel's times from one on at which `at` has to be called."""

    @property
    def indicators(self) -> Series:
        """The lines it was decided by, one value for each of the panel's times."""


class RowsDecider:
    """The rows that `target_weights` returned."""

    def __init__(self, rows: WeightRows, warmup_bars: int) -> None:
        self.warmup_bars = warmup_bars
        self.rows = rows
        self._calls: list[int] = [*rows.bars.tolist(), _NEVER]
        self._row_at = dict(zip(rows.bars.tolist(), rows.weights, strict=True))

    def at(self, time: int, scheduled: bool) -> Weights | None:  # noqa: ARG002 - rows wait
        """See `Decider`."""
        return self._row_at.get(time)

    def next_call(self, time: int) -> int:
        """See `Decider`."""
        return self._calls[bisect_left(self._calls, time)]

    @property
    def indicators(self) -> Series:
        """See `Decider`."""
        return {}


class EventDecider:
    """A strategy whose `on_bar` is called; a new one for each pass over the bars."""

    def __init__(self, strategy: PortfolioStrategy, trader: Trader) -> None:
        market = trader.market
        symbols = market.panel.symbols
        self._trader = trader
        self._numbers = market.panel.bar_numbers
        accounts = dict(zip(symbols, trader.books, strict=True))
        self._stepper = PortfolioStepper(
            strategy, market.panel, trader.account, accounts, market.limits
        )
        self._clocks = list(self._stepper.clocks.values())
        self._contexts = list(self._stepper.contexts.values())
        self._upto = 0
        self.warmup_bars = self._stepper.warmup_bars

    def at(self, time: int, scheduled: bool) -> Weights | None:
        """See `Decider`."""
        self._show(time)
        self._trader.account.revalue(self._trader.market.close[time])
        asked = self._stepper.step(time, scheduled)
        ended = None
        for book, context in zip(self._trader.books, self._contexts, strict=True):
            if context.intents:
                book.decided_at = time
                book.carry_out(context.take_intents())
                ended = self._trader.has_ended(time) if ended is None else ended
                if ended[book.number]:
                    book.cancel_all()
        return asked

    def next_call(self, time: int) -> int:
        """See `Decider`."""
        return max(time, self.warmup_bars)

    @property
    def indicators(self) -> Series:
        """See `Decider`."""
        return self._stepper.registry.series

    def _show(self, time: int) -> None:
        """Let every symbol's clock and book know which of its bars has closed last."""
        numbers = self._numbers[self._upto : time + 1].max(axis=0).tolist()
        self._upto = time + 1
        for clock, book, number in zip(self._clocks, self._trader.books, numbers, strict=True):
            if number >= 0:
                clock.closed = number + 1
                book.bar = number


def read_rows(strategy: PortfolioStrategy, market: Market, first_bar: int) -> WeightRows:
    """What a vectorised strategy wants; StrategyError with the line of code if it fails."""
    own = strategy.fresh()
    try:
        given = own.target_weights(market.panel.copy())
    except RobotraderError:
        raise
    except Exception as error:
        raise strategy_failure(own, "target_weights", error) from error
    return read_weights(given, market.panel, market.limits, first_bar, type(own).__name__)
