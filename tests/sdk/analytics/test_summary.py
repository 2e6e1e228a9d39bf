"""The table of figures: names, order, and that each is the figure it is named for."""

from __future__ import annotations

import dataclasses
import math
import tracemalloc

import empyrical
import numpy as np
import pytest

from robotrader_sdk.analytics.returns import returns
from robotrader_sdk.analytics.summary import METRICS, RunArrays, summarise
from robotrader_sdk.errors import BacktestError

DAY = 86_400 * 1_000_000_000
NAMES = [
    *("start", "end", "bars", "timeframe", "final_equity", "total_return", "cagr", "volatility"),
    *("sharpe", "sortino", "calmar", "max_drawdown", "max_drawdown_duration", "exposure"),
    *("n_trades", "win_rate", "profit_factor", "expectancy", "avg_trade", "best_trade"),
    *("worst_trade", "avg_bars_held", "fees_paid", "turnover", "buy_hold_return", "n_rejected"),
    *("n_ambiguous", "pnl_pessimistic", "pnl_optimistic"),
]


def a_run(bars: int = 400) -> RunArrays:
    close = 100.0 * np.cumprod(1.0 + np.random.default_rng(2).normal(0.0, 0.02, bars))
    quantity = np.where((np.arange(bars) >= 10) & (np.arange(bars) < 390), 50.0, 0.0)
    gain = np.diff(close, prepend=100.0) * np.concatenate(([0.0], quantity[:-1]))
    fills = [10, 390] if bars > 390 else []
    return RunArrays(
        open_times_ns=np.arange(bars, dtype=np.int64) * DAY,
        open=np.concatenate(([100.0], close[:-1]))[:bars],
        close=close,
        equity=10_000.0 + np.cumsum(gain),
        start=10_000.0,
        fill_bars=np.array(fills, dtype=np.int64),
        fill_prices=close[fills],
        fill_quantities=np.full(len(fills), 50.0),
        fill_fees=np.full(len(fills), 1.25),
        quantity_after=np.array([50.0, 0.0][: len(fills)]),
        trade_pnl=np.array([120.0, -40.0, 10.0]) if fills else np.empty(0),
        trade_returns=np.array([0.12, -0.04, 0.01]) if fills else np.empty(0),
        trade_bars_held=np.array([4, 1, 2]) if fills else np.empty(0, dtype=np.int64),
        n_rejected=3,
        n_ambiguous=2,
        pnl_pessimistic=80.0,
        pnl_optimistic=90.0,
    )


def test_names_and_order_are_those_promised() -> None:
    some = ["n_settled", "funding_paid", "n_liquidations", "margin_used"]
    assert [metric.name for metric in METRICS] == [*NAMES, *some]
    assert list(summarise(a_run())) == NAMES
    whole = dataclasses.replace(
        a_run(), n_settled=0, funding_paid=0.0, n_liquidations=0, margin_used=0.1
    )
    assert list(summarise(whole)) == [*NAMES, *some]


def test_labels_are_for_people_and_differ() -> None:
    labels = [metric.label for metric in METRICS]
    assert len(set(labels)) == len(labels)
    assert all(label[0].isupper() and "_" not in label for label in labels)


def test_figures_are_those_they_are_named_for() -> None:
    run = a_run()
    figures = summarise(run)
    per_bar = returns(run.equity, run.start)
    close_to = pytest.approx
    assert figures["start"] == np.datetime64("1970-01-01", "ns")
    assert figures["end"] == np.datetime64("1970-01-01", "ns") + np.timedelta64(399, "D")
    assert (figures["bars"], figures["timeframe"]) == (400, "1d")
    assert figures["final_equity"] == run.equity[-1]
    assert figures["total_return"] == close_to(run.equity[-1] / 10_000.0 - 1.0)
    assert figures["cagr"] == close_to(empyrical.cagr(per_bar, annualization=365), rel=1e-9)
    assert figures["volatility"] == close_to(
        empyrical.annual_volatility(per_bar, annualization=365), rel=1e-9
    )
    assert figures["sharpe"] == close_to(
        empyrical.sharpe_ratio(per_bar, annualization=365), rel=1e-9
    )
    assert figures["sortino"] == close_to(
        empyrical.sortino_ratio(per_bar, annualization=365), rel=1e-9
    )
    assert figures["calmar"] == close_to(
        empyrical.calmar_ratio(per_bar, annualization=365), rel=1e-9
    )
    assert figures["max_drawdown"] == close_to(empyrical.max_drawdown(per_bar), rel=1e-9)
    assert figures["max_drawdown_duration"] > np.timedelta64(1, "D")  # type: ignore[operator]
    assert 0.3 < figures["exposure"] < 0.95  # type: ignore[operator]
    assert (figures["n_trades"], figures["n_rejected"], figures["n_ambiguous"]) == (3, 3, 2)
    assert figures["win_rate"] == close_to(2 / 3)
    assert figures["profit_factor"] == close_to(130 / 40)
    assert figures["expectancy"] == close_to(30.0)
    assert figures["avg_trade"] == close_to(0.03)
    assert (figures["best_trade"], figures["worst_trade"]) == (0.12, -0.04)
    assert figures["avg_bars_held"] == close_to(7 / 3)
    assert figures["fees_paid"] == 2.5
    traded = 50.0 * (run.close[10] + run.close[390])
    assert figures["turnover"] == close_to(traded / run.equity.mean())
    assert figures["buy_hold_return"] == close_to(run.close[-1] / 100.0 - 1.0)
    assert (figures["pnl_pessimistic"], figures["pnl_optimistic"]) == (80.0, 90.0)


@pytest.mark.parametrize("bars", [0, 1, 2])
def test_hardly_any_bars_give_dashes_and_no_error(bars: int) -> None:
    figures = summarise(a_run(bars))
    assert list(figures) == NAMES
    assert figures["bars"] == bars
    shown = {m.name: m.display(figures[m.name]) for m in METRICS if m.name in figures}
    assert shown["win_rate"] == shown["profit_factor"] == shown["sharpe"] == "-"
    assert shown["n_trades"] == "0"


def test_run_without_fills_has_flat_figures() -> None:
    run = dataclasses.replace(a_run(100), equity=np.full(100, 10_000.0))
    figures = summarise(run)
    assert figures["total_return"] == figures["max_drawdown"] == figures["exposure"] == 0.0
    assert figures["turnover"] == figures["fees_paid"] == 0.0
    assert math.isnan(figures["sharpe"])  # type: ignore[arg-type]
    assert figures["max_drawdown_duration"] == np.timedelta64(0, "ns")


def test_ruined_run_has_no_growth_rate() -> None:
    equity = np.linspace(9_000.0, -50.0, 100)
    figures = summarise(dataclasses.replace(a_run(100), equity=equity))
    assert figures["total_return"] < -1.0  # type: ignore[operator]
    assert figures["max_drawdown"] < -1.0  # type: ignore[operator]
    assert math.isnan(figures["cagr"])  # type: ignore[arg-type]
    assert figures["sharpe"] < 0.0  # type: ignore[operator]


def test_equity_of_another_length_than_the_bars_is_an_error() -> None:
    with pytest.raises(BacktestError, match="equity: 7, open_times_ns: 100"):
        summarise(dataclasses.replace(a_run(100), equity=np.ones(7)))


def test_memory_does_not_grow_with_the_run() -> None:
    run = a_run(300_000)
    summarise(run)
    tracemalloc.start()
    try:
        summarise(run)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < run.equity.nbytes / 4
