"""BacktestResult: what a run did and what it earned, as pandas objects made when asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from robotrader_sdk.analytics.drawdown import drawdown
from robotrader_sdk.analytics.returns import returns
from robotrader_sdk.analytics.summary import RunArrays, summarise
from robotrader_sdk.backtest import records
from robotrader_sdk.backtest.config import BacktestConfig
from robotrader_sdk.backtest.marks import nanoseconds
from robotrader_sdk.strategy.base import Strategy

if TYPE_CHECKING:
    from os import PathLike

    from robotrader_sdk.trading.book import Book

Table = NDArray[Any]


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class BacktestResult:
    """The outcome of `rt.backtest`. In a notebook it shows its figures and its equity.

    stats: the figures, by name; `robotrader_sdk.analytics` gives each one's formula.
    trades, orders, fills, rejected, positions: tables; their columns are described at the
        functions of `robotrader_sdk.backtest.records`.
    equity, returns, drawdown: one value a bar. Drawdown is from the running peak that includes
        the starting cash, and <= 0.
    funding: of a perpetual: one row for each instant at which funding was paid or received.
    status: `completed`, or `ruined` where the equity fell to 0 or below and the run ended.
    contract: how orders were filled and what was paid.
    strategy: the strategy and its parameters, as written.
    """

    strategy: str
    params: dict[str, Any]
    config: BacktestConfig
    bars: pd.DataFrame
    equity_values: NDArray[np.float64]
    warmup_bars: int
    order_table: Table
    lot_table: Table
    fill_table: Table
    indicators: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    n_ambiguous: int = 0
    n_conflicts: int = 0
    n_liquidations: int = 0
    funding_table: Table | None = None
    n_settled: int | None = None
    pnl_pessimistic: float
    pnl_optimistic: float

    @classmethod
    def from_book(
        cls,
        *,
        strategy: Strategy,
        config: BacktestConfig,
        bars: pd.DataFrame,
        book: Book,
        equity: NDArray[np.float64],
        warmup_bars: int,
        indicators: dict[str, NDArray[np.float64]],
        funding: Table | None = None,
        n_settled: int | None = None,
    ) -> BacktestResult:
        """The result of a finished book; its tables are cut to what was used."""
        position = book.position
        pnl = float(equity[-1]) - config.cash
        return cls(
            strategy=repr(strategy),
            params=strategy.params,
            config=config,
            bars=bars,
            equity_values=equity,
            warmup_bars=warmup_bars,
            order_table=_used(book.orders, position["n_orders"]),
            lot_table=_used(book.lots, position["n_lots"]),
            fill_table=_used(book.fills, position["n_fills"]),
            indicators=indicators,
            n_ambiguous=int(position["n_ambiguous"]),
            n_conflicts=int(position["n_conflicts"]),
            n_liquidations=int(position["n_liquidations"]),
            funding_table=funding,
            n_settled=n_settled,
            pnl_pessimistic=pnl,
            pnl_optimistic=pnl,
        )

    @property
    def status(self) -> str:
        """`completed`, or `ruined`."""
        return "ruined" if self.equity_values[-1] <= 0.0 else "completed"

    @property
    def contract(self) -> str:
        """How orders were filled and what was paid."""
        return self.config.contract

    @property
    def pnl(self) -> float:
        """Profit of the run in quote: final equity less the starting cash."""
        return float(self.equity_values[-1]) - self.config.cash

    @property
    def index(self) -> pd.DatetimeIndex:
        """The open times of the bars that were run."""
        return self._all_times[: len(self.equity_values)]

    @cached_property
    def stats(self) -> pd.Series:
        """The figures of the run; NaN where one is not defined."""
        figures: dict[str, Any] = {"status": self.status}
        for name, value in summarise(self._run_arrays()).items():
            if isinstance(value, np.datetime64):
                figures[name] = pd.Timestamp(value).tz_localize("UTC")
            elif isinstance(value, np.timedelta64):
                figures[name] = pd.Timedelta(value)
            else:
                figures[name] = value
        figures["n_conflicting_signals"] = self.n_conflicts
        return pd.Series(figures, name=self.strategy, dtype=object)

    @cached_property
    def equity(self) -> pd.Series:
        """Equity at each close, in quote."""
        return pd.Series(self.equity_values, index=self.index, name="equity")

    @cached_property
    def returns(self) -> pd.Series:
        """Simple return of each bar, the first from the starting cash."""
        values = returns(self.equity_values, self.config.cash)
        return pd.Series(values, index=self.index, name="returns")

    @cached_property
    def drawdown(self) -> pd.Series:
        """Fraction below the running peak, <= 0; the peak includes the starting cash."""
        values = drawdown(self.equity_values, self.config.cash)
        return pd.Series(values, index=self.index, name="drawdown")

    @cached_property
    def orders(self) -> pd.DataFrame:
        """See `records.orders_frame`."""
        return records.orders_frame(self.order_table, self._all_times, self.config.instrument)

    @cached_property
    def rejected(self) -> pd.DataFrame:
        """See `records.rejected_frame`."""
        return records.rejected_frame(self.orders)

    @cached_property
    def fills(self) -> pd.DataFrame:
        """See `records.fills_frame`."""
        return records.fills_frame(self.fill_table, self._all_times)

    @cached_property
    def trades(self) -> pd.DataFrame:
        """See `records.trades_frame`."""
        last_bar = len(self.equity_values) - 1
        close = float(self.bars["close"].iloc[last_bar])
        return records.trades_frame(
            self.lot_table, self.order_table, self._all_times, close, last_bar
        )

    @cached_property
    def funding(self) -> pd.DataFrame:
        """See `perpetual.funding_frame`; empty where no funding was given."""
        from robotrader_sdk.backtest import perpetual

        paid = self.funding_table
        return perpetual.funding_frame(np.zeros(0, perpetual.FUNDING) if paid is None else paid)

    @cached_property
    def positions(self) -> pd.DataFrame:
        """See `records.positions_frame`."""
        close = self.bars["close"].to_numpy()
        return records.positions_frame(self.fill_table, self._all_times, close, self.equity_values)

    def plot(self, *, static: bool = False, refine: bool = False) -> Any:
        """Draw price with fills and indicators, equity and drawdown.

        static: a matplotlib figure instead of an interactive plotly one.
        refine: a widget that, where a kernel runs, shows every bar again when zoomed into; the
            plain figure merges bars beyond some thousand, and says so.
        """
        from robotrader_sdk.backtest import charts

        return charts.static(self) if static else charts.interactive(self, refine=refine)

    def to_html(self, path: str | PathLike[str]) -> Path:
        """Write one self-contained page (figures, charts, trades, rejected orders); its path.

        ResultError if the file can't be written.
        """
        from robotrader_sdk.backtest import page

        return page.write(self, Path(path))

    def to_json(self) -> str:
        """The whole run as JSON; `BacktestResult.from_json` reads it back, bit for bit."""
        from robotrader_sdk.backtest import serialisation

        return serialisation.to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> BacktestResult:
        """Read what `to_json` wrote; ResultError if it is something else."""
        from robotrader_sdk.backtest import serialisation

        return serialisation.from_json(text)

    def __repr__(self) -> str:
        from robotrader_sdk.backtest import report

        return report.as_text(self)

    def _repr_html_(self) -> str:
        from robotrader_sdk.backtest import report

        return report.as_html(self)

    def __getstate__(self) -> dict[str, Any]:
        return {name: self.__dict__[name] for name in self.__dataclass_fields__}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    def _margin_used(self) -> float:
        """The highest margin posted after a fill, as a fraction of the equity at its close."""
        equity = self.equity_values[self.fill_table["bar"]]
        solvent = equity > 0.0
        return float((self.fill_table["margin"][solvent] / equity[solvent]).max(initial=0.0))

    @property
    def _all_times(self) -> pd.DatetimeIndex:
        return pd.DatetimeIndex(self.bars.index)

    def _run_arrays(self) -> RunArrays:
        n_bars = len(self.equity_values)
        lots = self.lot_table
        if (lots["closed"] == 0).any():
            lots = lots[lots["closed"] == 1]
        pnl = records.trade_pnl(lots, 0.0)
        fills = self.fill_table
        margined = self.config.instrument.is_perpetual
        return RunArrays(
            open_times_ns=nanoseconds(self.index),
            open=self.bars["open"].to_numpy()[:n_bars],
            close=self.bars["close"].to_numpy()[:n_bars],
            equity=self.equity_values,
            start=self.config.cash,
            fill_bars=fills["bar"],
            fill_prices=fills["price"],
            fill_quantities=fills["quantity"],
            fill_fees=fills["fee"],
            quantity_after=fills["position"],
            trade_pnl=pnl,
            trade_returns=pnl / (lots["entry_quantity"] * lots["entry_price"]),
            trade_bars_held=lots["exit_bar"] - lots["entry_bar"],
            n_rejected=int(np.count_nonzero(self.order_table["reject_reason"])),
            n_ambiguous=self.n_ambiguous,
            pnl_pessimistic=self.pnl_pessimistic,
            pnl_optimistic=self.pnl_optimistic,
            n_settled=self.n_settled,
            funding_paid=float(self.funding["paid"].sum()) if margined else None,
            n_liquidations=self.n_liquidations if margined else None,
            margin_used=self._margin_used() if margined else None,
        )


def _used(table: Table, rows: int) -> Table:
    """The rows in use; a copy where the rest would only hold memory."""
    return table[:rows] if 2 * rows >= len(table) else table[:rows].copy()
