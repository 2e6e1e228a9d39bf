"""Which figures a result shows: METRICS, one row each, in the order they are shown.

A new figure is one function in this package and one row here; the text, the report and the
command line follow.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from robotrader_sdk.analytics import ratios, trades
from robotrader_sdk.analytics.annualisation import bars_per_year
from robotrader_sdk.analytics.arrays import FloatArray, IntArray
from robotrader_sdk.analytics.display import Unit, Value, display
from robotrader_sdk.analytics.exposure import exposure, turnover
from robotrader_sdk.analytics.moments import EquityMoments, equity_moments
from robotrader_sdk.analytics.returns import buy_hold_return, cagr
from robotrader_sdk.types import Timeframe

_SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class RunArrays:
    """What one run left behind: arrays over its bars, its fills and its closed trades.

    `open_times_ns`, `open`, `close` and `equity` have one value a bar, `equity` at the close;
    `start` is the cash before the first bar. `fill_bars` ascends; `quantity_after` is the signed
    position after each fill. `trade_*` hold closed trades only. `n_settled` is None without finer
    bars, `funding_paid`, `n_liquidations` and `margin_used` (the highest margin posted after a
    fill, as a fraction of the equity at the close of its bar) without a perpetual.
    """

    open_times_ns: IntArray
    open: FloatArray
    close: FloatArray
    equity: FloatArray
    start: float
    fill_bars: IntArray
    fill_prices: FloatArray
    fill_quantities: FloatArray
    fill_fees: FloatArray
    quantity_after: FloatArray
    trade_pnl: FloatArray
    trade_returns: FloatArray
    trade_bars_held: IntArray
    n_rejected: int
    n_ambiguous: int
    pnl_pessimistic: float
    pnl_optimistic: float
    n_settled: int | None = None
    funding_paid: float | None = None
    n_liquidations: int | None = None
    margin_used: float | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """A run with what several figures need, measured once."""

    run: RunArrays
    equity: EquityMoments
    bars_per_year: float

    @property
    def total_return(self) -> float:
        """See `returns.total_return`."""
        return self.equity.final / self.equity.start - 1.0 if self.equity.bars else math.nan

    @property
    def cagr(self) -> float:
        """See `returns.cagr`."""
        return cagr(self.total_return, self.equity.bars, self.bars_per_year)


@dataclass(frozen=True, slots=True)
class Metric:
    """One figure: its name in `stats`, its label for people, its unit, and how it is had."""

    name: str
    label: str
    unit: Unit
    measure: Callable[[Measured], Value | None]

    def display(self, value: Value | None) -> str:
        """`value` for people; `-` for NaN, NaT and None."""
        return display(value, self.unit)


def summarise(run: RunArrays) -> dict[str, Value]:
    """All figures of a run by name, in the order of METRICS, less those that it has not.

    Times are np.datetime64 in UTC, durations np.timedelta64, both in nanoseconds. What is not
    defined is NaN, NaT or an empty text. BacktestError if arrays that belong together differ
    in length.
    """
    measured = Measured(
        run=run,
        equity=equity_moments(run.equity, run.start, run.open_times_ns),
        bars_per_year=bars_per_year(run.open_times_ns),
    )
    figures = ((metric.name, metric.measure(measured)) for metric in METRICS)
    return {name: value for name, value in figures if value is not None}


def _time_of(m: Measured, bar: int) -> np.datetime64:
    if m.equity.bars == 0:
        return np.datetime64("NaT", "ns")
    return np.datetime64(int(m.run.open_times_ns[bar]), "ns")


def _timeframe(m: Measured) -> str:
    return str(Timeframe(m.equity.bar_ns // _SECOND)) if m.equity.bar_ns >= _SECOND else ""


def _exposure(m: Measured) -> float:
    run = m.run
    return exposure(run.close, run.equity, run.fill_bars, run.quantity_after).mean


def _turnover(m: Measured) -> float:
    return turnover(m.run.fill_quantities, m.run.fill_prices, m.equity.mean_equity)


def _buy_hold_return(m: Measured) -> float:
    if m.equity.bars == 0:
        return math.nan
    return buy_hold_return(float(m.run.open[0]), float(m.run.close[-1]))


def _max_drawdown_duration(m: Measured) -> np.timedelta64:
    return np.timedelta64(m.equity.max_drawdown_ns, "ns")


METRICS: tuple[Metric, ...] = (
    Metric("start", "Start", Unit.TIME, lambda m: _time_of(m, 0)),
    Metric("end", "End", Unit.TIME, lambda m: _time_of(m, -1)),
    Metric("bars", "Bars", Unit.COUNT, lambda m: m.equity.bars),
    Metric("timeframe", "Timeframe", Unit.TEXT, _timeframe),
    Metric("final_equity", "Final equity", Unit.MONEY, lambda m: m.equity.final),
    Metric("total_return", "Total return", Unit.FRACTION, lambda m: m.total_return),
    Metric("cagr", "Annual growth (CAGR)", Unit.FRACTION, lambda m: m.cagr),
    Metric(
        "volatility",
        "Annual volatility",
        Unit.FRACTION,
        lambda m: ratios.volatility(m.equity.returns, m.bars_per_year),
    ),
    Metric(
        "sharpe",
        "Sharpe ratio",
        Unit.RATIO,
        lambda m: ratios.sharpe(m.equity.returns, m.bars_per_year),
    ),
    Metric(
        "sortino",
        "Sortino ratio",
        Unit.RATIO,
        lambda m: ratios.sortino(m.equity.returns, m.bars_per_year),
    ),
    Metric(
        "calmar",
        "Calmar ratio",
        Unit.RATIO,
        lambda m: ratios.calmar(m.cagr, m.equity.max_drawdown),
    ),
    Metric("max_drawdown", "Deepest drawdown", Unit.FRACTION, lambda m: m.equity.max_drawdown),
    Metric("max_drawdown_duration", "Longest drawdown", Unit.DURATION, _max_drawdown_duration),
    Metric("exposure", "Mean exposure", Unit.FRACTION, _exposure),
    Metric("n_trades", "Closed trades", Unit.COUNT, lambda m: len(m.run.trade_pnl)),
    Metric("win_rate", "Win rate", Unit.FRACTION, lambda m: trades.win_rate(m.run.trade_pnl)),
    Metric(
        "profit_factor",
        "Profit factor",
        Unit.RATIO,
        lambda m: trades.profit_factor(m.run.trade_pnl),
    ),
    Metric(
        "expectancy",
        "Mean profit of a trade",
        Unit.MONEY,
        lambda m: trades.expectancy(m.run.trade_pnl),
    ),
    Metric(
        "avg_trade",
        "Mean return of a trade",
        Unit.FRACTION,
        lambda m: trades.avg_trade(m.run.trade_returns),
    ),
    Metric(
        "best_trade",
        "Best trade",
        Unit.FRACTION,
        lambda m: trades.best_trade(m.run.trade_returns),
    ),
    Metric(
        "worst_trade",
        "Worst trade",
        Unit.FRACTION,
        lambda m: trades.worst_trade(m.run.trade_returns),
    ),
    Metric(
        "avg_bars_held",
        "Mean bars held",
        Unit.BARS,
        lambda m: trades.avg_bars_held(m.run.trade_bars_held),
    ),
    Metric("fees_paid", "Fees paid", Unit.MONEY, lambda m: float(np.sum(m.run.fill_fees))),
    Metric("turnover", "Turnover", Unit.RATIO, _turnover),
    Metric("buy_hold_return", "Buy and hold return", Unit.FRACTION, _buy_hold_return),
    Metric("n_rejected", "Rejected orders", Unit.COUNT, lambda m: m.run.n_rejected),
    Metric("n_ambiguous", "Ambiguous trades", Unit.COUNT, lambda m: m.run.n_ambiguous),
    Metric(
        "pnl_pessimistic",
        "Profit, pessimistic",
        Unit.MONEY,
        lambda m: m.run.pnl_pessimistic,
    ),
    Metric("pnl_optimistic", "Profit, optimistic", Unit.MONEY, lambda m: m.run.pnl_optimistic),
    Metric("n_settled", "Settled by finer bars", Unit.COUNT, lambda m: m.run.n_settled),
    Metric("funding_paid", "Funding paid", Unit.MONEY, lambda m: m.run.funding_paid),
    Metric("n_liquidations", "Liquidations", Unit.COUNT, lambda m: m.run.n_liquidations),
    Metric("margin_used", "Peak margin / equity", Unit.FRACTION, lambda m: m.run.margin_used),
)
