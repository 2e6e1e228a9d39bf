"""PortfolioResult: what a run over several symbols did and earned, as a whole and by symbol."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from robotrader_sdk.analytics.summary import RunArrays
from robotrader_sdk.backtest import records
from robotrader_sdk.backtest.config import BacktestConfig
from robotrader_sdk.backtest.portfolio import frames
from robotrader_sdk.backtest.portfolio.frames import Floats, symbol_column
from robotrader_sdk.backtest.portfolio.market import Market, contract_of, symbol_config
from robotrader_sdk.backtest.portfolio.tables import AccountTables, Numbers
from robotrader_sdk.backtest.result import BacktestResult
from robotrader_sdk.data.panel import Panel
from robotrader_sdk.trading.instrument import Instrument

if TYPE_CHECKING:
    from os import PathLike

_NO_FILLS = np.zeros(0, np.int64)


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class PortfolioResult(BacktestResult):
    """The outcome of `rt.backtest` over a panel: a BacktestResult of the whole account.

    trades, orders, fills, rejected and positions have a column `symbol`; equity, returns and
    drawdown lie on the panel's timeline, bars are counted on it. What there is beyond:

    attribution: one row a symbol: pnl, fees, funding, turnover, exposure, n_trades; see
        `frames.attribution_frame`. weights: each position's value / equity at each close, a
        column a symbol. coverage: what each symbol has of the panel's timeline.
    pending: weights that were decided and could not be traded before the end, by symbol.
    panel: the bars. bars: those of a basket, the cash split equally and held, to compare with.
    rebalancing: when weights were traded, in words.
    """

    panel: Panel
    rebalancing: str
    order_symbols: Numbers
    lot_symbols: Numbers
    fill_symbols: Numbers
    funding_symbols: Numbers
    pending_weights: Floats
    untraded_weights: Numbers

    @classmethod
    def of_account(
        cls,
        *,
        strategy: str,
        params: dict[str, Any],
        config: BacktestConfig,
        market: Market,
        tables: AccountTables,
        equity: Floats,
        **counts: Any,
    ) -> PortfolioResult:
        """The result of finished books; `counts` are the fields that are told as they are."""
        pnl = float(equity[-1]) - config.cash
        return cls(
            strategy=strategy,
            params=params,
            config=config,
            bars=frames.basket_bars(market, config.cash),
            panel=market.panel,
            equity_values=equity,
            **vars(tables),
            **{"pnl_pessimistic": pnl, "pnl_optimistic": pnl, **counts},
        )

    @property
    def symbols(self) -> tuple[str, ...]:
        """The panel's symbols, in its order."""
        return self.panel.symbols

    @property
    def contract(self) -> str:
        """How orders were filled and what was paid."""
        return f"{self.rebalancing}; {contract_of(self.symbols, self._configs)}"

    @cached_property
    def stats(self) -> pd.Series:
        """The figures of the run; NaN where one is not defined.

        exposure: mean over all bars of the sum of |position value| / equity. buy_hold_return:
        that of the cash split equally, held from each symbol's first open.
        """
        figures = super().stats.copy()
        figures["exposure"] = float(self.attribution["exposure"].sum())
        if any(config.instrument.is_perpetual for config in self._configs):
            figures["funding_paid"] = float(self.attribution["funding"].sum())
            figures["n_liquidations"] = self.n_liquidations
        return figures

    @cached_property
    def orders(self) -> pd.DataFrame:
        """See `records.orders_frame`; with the symbol."""
        ticks = np.array([config.instrument.tick_size for config in self._configs])
        table = frames.with_prices(self.order_table, ticks[self.order_symbols])
        orders = records.orders_frame(table, self._all_times, Instrument())
        return self._with_symbol(orders, self.order_symbols, after_time=True)

    @cached_property
    def rejected(self) -> pd.DataFrame:
        """See `records.rejected_frame`; with the symbol."""
        refused = records.rejected_frame(self.orders)
        return self._with_symbol(refused, self.order_symbols[refused.index], after_time=True)

    @cached_property
    def fills(self) -> pd.DataFrame:
        """See `records.fills_frame`; with the symbol. `cash` is the account's."""
        fills = records.fills_frame(self.fill_table, self._all_times)
        for number in range(len(self.symbols)):
            own = self.fill_symbols == number
            fills.loc[own, "funding"] = np.diff(self.fill_table["funding"][own], prepend=0.0)
        return self._with_symbol(fills, self.fill_symbols, after_time=True)

    @cached_property
    def trades(self) -> pd.DataFrame:
        """See `records.trades_frame`; with the symbol. Bars held are bars of the panel."""
        last_bar = len(self.equity_values) - 1
        trades = records.trades_frame(
            self.lot_table,
            self.order_table,
            self._all_times,
            self._closes[last_bar, self.lot_symbols],
            last_bar,
        )
        return self._with_symbol(trades, self.lot_symbols, after_time=False)

    @cached_property
    def positions(self) -> pd.DataFrame:
        """See `frames.positions_frame`."""
        return frames.positions_frame(
            self._held, self._closes, self.equity_values, self.index, self.symbols
        )

    @cached_property
    def funding(self) -> pd.DataFrame:
        """See `perpetual.funding_frame`; with the symbol."""
        return self._with_symbol(super().funding.copy(), self.funding_symbols, after_time=True)

    @cached_property
    def attribution(self) -> pd.DataFrame:
        """See `frames.attribution_frame`."""
        in_base = [config.instrument.fee_currency == "base" for config in self._configs]
        return frames.attribution_frame(self, self._held, self._closes, np.array(in_base))

    @cached_property
    def weights(self) -> pd.DataFrame:
        """Each position's value as a fraction of the equity at each close, a column a symbol."""
        weights = self._held * self._closes / self.equity_values[:, np.newaxis]
        return pd.DataFrame(weights, index=self.index, columns=pd.Index(self.symbols))

    @cached_property
    def coverage(self) -> pd.DataFrame:
        """See `Panel.coverage`; and untraded: weights wanted after a symbol's last bar."""
        return self.panel.coverage.assign(untraded=self.untraded_weights)

    @property
    def pending(self) -> pd.Series:
        """The weights that were decided and could not be traded before the end, by symbol."""
        pending = pd.Series(self.pending_weights, index=pd.Index(self.symbols), name="weight")
        return pending.dropna()

    def plot(self, *, static: bool = False, refine: bool = False) -> Any:  # noqa: ARG002 - one signature
        """Draw equity, drawdown and the weights of the largest symbols.

        static: a matplotlib figure instead of an interactive plotly one. refine: of no effect;
            a portfolio's figure has no bars to refine.
        """
        from robotrader_sdk.backtest.portfolio import report

        return report.figure(self, static=static)

    def to_html(self, path: str | PathLike[str]) -> Path:
        """Write one self-contained page (figures, charts, symbols, trades, rejected orders).

        Its path. ResultError if the file can't be written.
        """
        from robotrader_sdk.backtest import page
        from robotrader_sdk.backtest.portfolio import report

        return page.write(self, Path(path), more=report.block(self))

    def to_json(self) -> str:
        """The whole run as JSON, bars included; `BacktestResult.from_json` reads it back."""
        from robotrader_sdk.backtest.portfolio import saving

        return saving.to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> PortfolioResult:
        """Read what `to_json` wrote; ResultError if it is something else."""
        from robotrader_sdk.backtest.portfolio import saving

        return saving.from_json(text)

    def __repr__(self) -> str:
        from robotrader_sdk.backtest.portfolio import report

        return report.as_text(self)

    def _repr_html_(self) -> str:
        from robotrader_sdk.backtest.portfolio import report

        return report.as_html(self)

    @cached_property
    def _market(self) -> Market:
        return Market(self.panel, self._configs, (None,) * len(self.symbols))

    @cached_property
    def _configs(self) -> tuple[BacktestConfig, ...]:
        return tuple(symbol_config(self.config, symbol) for symbol in self.symbols)

    @cached_property
    def _closes(self) -> Floats:
        """Each symbol's last known close at each time of the run."""
        return self._market.close[: len(self.equity_values)]

    @cached_property
    def _held(self) -> Floats:
        """What is held at each close of the run."""
        shape = (len(self.equity_values), len(self.symbols))
        return frames.quantities(self.fill_table, self.fill_symbols, shape)

    def _with_symbol(
        self, frame: pd.DataFrame, numbers: Numbers, *, after_time: bool
    ) -> pd.DataFrame:
        frame.insert(int(after_time), "symbol", symbol_column(numbers, self.symbols))
        return frame

    def _run_arrays(self) -> RunArrays:
        # The exposure of several symbols is not that of their fills one after the other.
        return replace(super()._run_arrays(), fill_bars=_NO_FILLS, quantity_after=np.zeros(0))
