"""One run: a strategy of either form, over checked bars, once or both ways."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from robotrader_sdk.backtest.config import BacktestConfig
from robotrader_sdk.backtest.event_loop import BookAccount, equity_of, run_events
from robotrader_sdk.backtest.kernel import run_signals
from robotrader_sdk.backtest.perpetual import PerpetualData
from robotrader_sdk.backtest.result import BacktestResult
from robotrader_sdk.backtest.steps import FineSteps, Steps
from robotrader_sdk.errors import BarsError, InstrumentError, RobotraderError
from robotrader_sdk.strategy.base import Strategy, is_vectorised, stated_warmup
from robotrader_sdk.strategy.signals import Signals, read_indicators, read_signals, uses_shorts
from robotrader_sdk.strategy.stepper import strategy_failure
from robotrader_sdk.trading.book import Book, Table, enlarged, new_ledger, new_tables, opened
from robotrader_sdk.trading.costs import make_terms
from robotrader_sdk.trading.margin import Perpetual

_CHUNK = 1 << 18
"""How many bars are run at a time: what is wanted at each of them is laid out in one table."""


def run(
    strategy: Strategy,
    bars: pd.DataFrame,
    config: BacktestConfig,
    steps: Steps,
    perpetual: PerpetualData | None = None,
) -> BacktestResult:
    """Run stop-loss first; where that was ever in doubt, also take-profit first."""
    form = _SignalsRun if is_vectorised(strategy) else _EventsRun
    one = form(strategy, bars, config, steps, perpetual)
    outcome = one.once(take_profit_first=False)
    result = BacktestResult.from_book(
        strategy=strategy,
        config=config,
        bars=bars,
        book=outcome.book,
        equity=outcome.equity,
        warmup_bars=outcome.warmup_bars,
        indicators=outcome.indicators,
        funding=outcome.funding,
        n_settled=_n_settled(steps, outcome.book, config),
    )
    if outcome.book.position["n_ambiguous"] == 0:
        return result
    other = one.once(take_profit_first=True).equity[-1] - config.cash
    bounds = sorted([result.pnl, float(other)])
    return replace(result, pnl_pessimistic=bounds[0], pnl_optimistic=bounds[1])


@dataclass
class Outcome:
    """The book and equity of one pass over the bars, in bars."""

    book: Book
    equity: NDArray[np.float64]
    warmup_bars: int
    indicators: dict[str, NDArray[np.float64]]
    funding: Table | None


@dataclass
class _Run:
    """One strategy, one set of bars, one configuration; run once or twice."""

    strategy: Strategy
    bars: pd.DataFrame
    config: BacktestConfig
    steps: Steps
    perpetual: PerpetualData | None

    def __post_init__(self) -> None:
        """What a form of strategy prepares before its first pass."""

    @property
    def rules(self) -> Perpetual | None:
        """What the rules read of a perpetual."""
        return None if self.perpetual is None else self.perpetual.rules

    def terms(self, take_profit_first: bool) -> Table:
        """The terms of one pass."""
        return make_terms(
            self.config.instrument,
            self.config.fees,
            self.config.slippage,
            leverage=self.config.leverage,
            isolated=self.config.margin == "isolated",
            fill_on_touch=self.config.limit_fill == "touch",
            take_profit_first=take_profit_first,
        )

    def once(self, take_profit_first: bool) -> Outcome:
        """One pass over the bars."""
        raise NotImplementedError

    def outcome(
        self,
        book: Book,
        equity: NDArray[np.float64],
        warmup_bars: int,
        indicators: dict[str, NDArray[np.float64]],
    ) -> Outcome:
        """What a pass over the steps has led to."""
        funding = None
        if self.perpetual is not None:
            fills = book.fills[: book.position["n_fills"]]
            funding = self.perpetual.paid(fills, len(equity))
        book, equity = self.steps.in_bars(book, equity)
        return Outcome(book, equity, warmup_bars, indicators, funding)

    def check_warmup(self, warmup_bars: int) -> None:
        """BarsError if no bar would be left to decide at."""
        if len(self.bars) <= warmup_bars:
            raise BarsError(
                f"{self.strategy!r} needs {warmup_bars} bars of warm-up and more to trade on, got "
                f"{len(self.bars)}; give a longer history or shorter parameters"
            )


class _SignalsRun(_Run):
    """A vectorised strategy in the compiled kernel."""

    def __post_init__(self) -> None:
        strategy = self.strategy.fresh()
        owner = type(strategy).__name__
        self.warmup_bars = stated_warmup(strategy) or 0
        self.check_warmup(self.warmup_bars)
        try:
            signals: Signals = strategy.signals(self.bars.copy(deep=False))
        except RobotraderError:
            raise
        except Exception as error:
            raise strategy_failure(strategy, "signals", error) from error
        index = pd.DatetimeIndex(self.bars.index)
        self.signals = read_signals(signals, index, owner)
        self.indicators = read_indicators(signals, index, owner)
        if self.config.instrument.kind == "spot" and uses_shorts(self.signals):
            raise InstrumentError(
                f"{owner} sells short (enter_short), which a spot instrument can't; use "
                f"kind='synthetic', or leave enter_short out"
            )

    def plain_microseconds(self) -> float:
        """What plain Python would take: little for a quiet bar, much where orders are matched."""
        n_bars = len(self.steps.arrays.close)
        rests = self.signals.has_resting_orders
        n_matched = (
            n_bars
            if rests or self.perpetual is not None
            else int(np.count_nonzero(self.signals.flags != 0))
        )
        return 2.0 * n_bars + 400.0 * n_matched

    def once(self, take_profit_first: bool) -> Outcome:
        ledger, steps = new_ledger(self.config.cash), self.steps
        tables = new_tables(ledger, self.terms(take_profit_first), _rows_for(self.signals.flags))
        equity = np.empty(len(steps.arrays.close))
        at_close = self.config.fill_at == "close"
        run = run_signals.for_work(self.plain_microseconds())
        step = 0
        while step < len(equity) and (step == 0 or equity[step - 1] > 0.0):
            bar = steps.bar_of(step)
            end_bar = min(bar + _CHUNK, len(self.bars))
            end = steps.last(end_bar - 1) + 1
            wishes = steps.wishes(self.signals.wishes(max(bar, self.warmup_bars), end_bar))
            stopped = run(tables, steps.arrays, wishes, step, end, at_close, equity, self.rules)
            if stopped < end:
                tables = enlarged(tables)
            step = stopped
        return self.outcome(opened(tables), equity[:step], self.warmup_bars, self.indicators)


class _EventsRun(_Run):
    """An event strategy in the Python loop."""

    def once(self, take_profit_first: bool) -> Outcome:
        config = self.config
        closes = self.bars["close"].to_numpy(dtype=np.float64).tolist()
        account = BookAccount(
            config.cash, self.terms(take_profit_first), closes, self.steps, self.rules
        )
        symbol = config.instrument.symbol or str(self.bars.attrs.get("symbol", ""))
        at_close = config.fill_at == "close"
        n_steps, stepper = run_events(
            self.strategy, self.bars, account, symbol, at_close, self.check_warmup
        )
        equity = equity_of(account, config.cash, n_steps)
        series = stepper.registry.series
        return self.outcome(account.book, equity, stepper.warmup_bars, series)


def _n_settled(steps: Steps, book: Book, config: BacktestConfig) -> int | None:
    """How many trades finer bars have settled; None where there are none."""
    if not isinstance(steps, FineSteps):
        return None
    from robotrader_sdk.backtest.detail import count_settled

    return count_settled(steps, book.lots, book.orders, config.instrument)


def _rows_for(flags: NDArray[np.uint8]) -> int:
    """Room for the orders that so many flagged bars are likely to make."""
    return 256 + min(int(np.count_nonzero(flags != 0)), 500_000)
