"""run_portfolio: a strategy of any form over a panel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robotrader_sdk.backtest.config import BacktestConfig
from robotrader_sdk.backtest.perpetual import PerpetualData
from robotrader_sdk.backtest.portfolio.deciders import (
    Decider,
    EventDecider,
    RowsDecider,
    read_rows,
)
from robotrader_sdk.backtest.portfolio.loop import Policy, run_bars
from robotrader_sdk.backtest.portfolio.market import Market
from robotrader_sdk.backtest.portfolio.result import PortfolioResult
from robotrader_sdk.backtest.portfolio.split import run_split
from robotrader_sdk.backtest.portfolio.tables import BookTables, joined
from robotrader_sdk.backtest.portfolio.trading import Trader
from robotrader_sdk.data.panel import Panel
from robotrader_sdk.errors import BarsError
from robotrader_sdk.strategy.base import Strategy
from robotrader_sdk.strategy.parametric import stated_warmup
from robotrader_sdk.strategy.portfolio import PortfolioStrategy, gives_weights
from robotrader_sdk.strategy.schedule import (
    scheduled_bars,
    stated_drift_band,
    stated_rebalance,
)

_NO_PERPETUALS: Mapping[str, PerpetualData] = {}


def run_portfolio(
    strategy: PortfolioStrategy | Strategy,
    panel: object,
    config: BacktestConfig,
    perpetuals: Mapping[str, PerpetualData] = _NO_PERPETUALS,
) -> PortfolioResult:
    """Run a strategy over a panel, with one account.

    A portfolio strategy shares the account among the symbols as it says; a single-symbol strategy
    trades each symbol with its share of the cash, cash / number of symbols, as if alone.

    panel: what `rt.Panel` takes, or a Panel. perpetuals: marks and funding of the symbols that
    are perpetuals.

    BarsError, StrategyError, SignalError and the like name the symbol.
    """
    bars = panel if isinstance(panel, Panel) else Panel(panel)  # type: ignore[arg-type]  # it says what it takes
    market = Market.of(bars, config, perpetuals)
    if isinstance(strategy, Strategy):
        return run_split(strategy, market, config)
    one = _PortfolioRun(strategy, market, config)
    result = one.once(take_profit_first=False)
    if result.n_ambiguous == 0:
        return result
    bounds = sorted([result.pnl, one.once(take_profit_first=True).pnl])
    return replace(result, pnl_pessimistic=bounds[0], pnl_optimistic=bounds[1])


class _PortfolioRun:
    """One strategy, one panel, one configuration; run once or twice."""

    def __init__(self, strategy: PortfolioStrategy, market: Market, config: BacktestConfig) -> None:
        self._strategy = strategy
        self._market = market
        self._config = config
        self._rows: RowsDecider | None = None
        self._rebalance = stated_rebalance(strategy)
        self._drift_band = stated_drift_band(strategy)
        if gives_weights(strategy):
            warmup_bars = stated_warmup(strategy) or 0
            self._check_warmup(warmup_bars)
            self._rows = RowsDecider(read_rows(strategy, market, warmup_bars), warmup_bars)

    def once(self, take_profit_first: bool) -> PortfolioResult:
        """One pass over the bars."""
        trader = Trader(self._market, self._config.cash, take_profit_first, self._expected_trades())
        decider: Decider = self._rows or EventDecider(self._strategy, trader)
        self._check_warmup(decider.warmup_bars)
        equity = run_bars(trader, decider, self._policy(decider.warmup_bars))
        return self._result(trader, decider, equity)

    def _policy(self, warmup_bars: int) -> Policy:
        panel = self._market.panel
        return Policy(
            scheduled_bars(panel.index, panel.timeframe, self._rebalance, warmup_bars),
            repeats=self._rebalance is not None,
            drift_band=self._drift_band,
        )

    def _expected_trades(self) -> int:
        """How many trades there will be at most; 0 where nothing tells."""
        if self._rows is None:
            return 0
        scheduled = self._policy(self._rows.warmup_bars).scheduled
        decisions = scheduled.sum() if self._rebalance is not None else len(self._rows.rows.bars)
        return int(decisions) * len(self._market.panel)

    def _check_warmup(self, warmup_bars: int) -> None:
        n_bars = len(self._market.panel.index)
        if n_bars <= warmup_bars:
            raise BarsError(
                f"{self._strategy!r} needs {warmup_bars} bars of warm-up and more to trade on, the "
                f"panel has {n_bars}; give a longer history or shorter parameters"
            )

    def _result(
        self, trader: Trader, decider: Decider, equity: NDArray[np.float64]
    ) -> PortfolioResult:
        places = self._market.panel.places
        books = [
            _tables_of(book.tables, data, int(np.searchsorted(where, len(equity))))
            for book, data, where in zip(trader.books, self._market.perpetuals, places, strict=True)
        ]
        counts = np.sum(
            [
                [book.book.position["n_ambiguous"], book.book.position["n_liquidations"]]
                for book in trader.books
            ],
            axis=0,
        )
        return PortfolioResult.of_account(
            strategy=repr(self._strategy),
            params=self._strategy.params,
            config=self._config,
            market=self._market,
            tables=joined(books, places, trader.log),
            equity=equity,
            warmup_bars=decider.warmup_bars,
            indicators=decider.indicators,
            n_ambiguous=int(counts[0]),
            n_liquidations=int(counts[1]),
            rebalancing=self._in_words(),
            pending_weights=trader.pending,
            untraded_weights=trader.untraded,
        )

    def _in_words(self) -> str:
        """When weights are traded, for the contract."""
        when = "when asked for"
        if self._rebalance is not None:
            when = f"every {self._rebalance} bars"
            if isinstance(self._rebalance, str):
                when = self._rebalance
        band = f" and beyond a drift of {100 * self._drift_band:g} %" if self._drift_band else ""
        return f"weights traded {when}{band}, what shrinks before what grows"


def _tables_of(tables: Any, perpetual: PerpetualData | None, n_bars: int) -> BookTables:
    """A finished book's tables, cut to what was used, and the funding of its bars."""
    position = tables.position[0]
    fills = tables.fills[: position["n_fills"]]
    return BookTables(
        orders=tables.orders[: position["n_orders"]],
        lots=tables.lots[: position["n_lots"]],
        fills=fills,
        funding=None if perpetual is None else perpetual.paid(fills, n_bars),
    )
