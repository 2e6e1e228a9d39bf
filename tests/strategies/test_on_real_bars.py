"""Every strategy with its default parameters on every market, on spot with ticks and lots."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import robotrader_sdk as rt
from strategies.catalog import CATALOG

Market = tuple[pd.DataFrame, rt.Instrument]

pytestmark = pytest.mark.filterwarnings(r"ignore:bars. \d+ gaps")  # two of the series have some


def run(strategy: rt.Strategy, market: Market, n_bars: int | None = None) -> rt.BacktestResult:
    bars, instrument = market
    return rt.backtest(strategy, bars.iloc[:n_bars], instrument=instrument)


@pytest.fixture(scope="module")
def results() -> dict[object, rt.BacktestResult]:
    return {}


@pytest.fixture
def full(
    strategy_class: type[rt.Strategy], market: Market, results: dict[object, rt.BacktestResult]
) -> rt.BacktestResult:
    """The run over all bars, made once for all tests."""
    key = (strategy_class, id(market))
    if key not in results:
        results[key] = run(strategy_class(), market)
    return results[key]


def test_it_trades_and_no_order_is_rejected(full: rt.BacktestResult) -> None:
    assert len(full.trades) > 0
    assert full.rejected.empty, full.rejected["reason"].value_counts()
    assert full.stats["n_conflicting_signals"] == 0
    assert full.status == "completed"
    lowest = -4e-9 * full.equity.max()  # a quantity counts as whole lots within 1e-9 of them
    assert (full.fills["cash"] > lowest).all()
    assert (full.positions["quantity"] >= 0).all()


def test_what_it_did_up_to_a_bar_does_not_depend_on_later_bars(
    strategy_class: type[rt.Strategy], market: Market, full: rt.BacktestResult
) -> None:
    cut = 3 * len(market[0]) // 5
    part = run(strategy_class(), market, cut)
    last = part.index[-1]
    np.testing.assert_array_equal(part.equity, full.equity[:cut])
    pd.testing.assert_frame_equal(part.fills, full.fills[full.fills["time"] <= last])
    asked = ["time", "side", "type", "reason", "limit_price", "stop_price"]
    orders = full.orders[full.orders["time"] <= last]
    pd.testing.assert_frame_equal(part.orders[asked], orders[asked])
    for name, line in part.indicators.items():
        np.testing.assert_array_equal(line, full.indicators[name][:cut])


def test_it_does_the_same_again(strategy_class: type[rt.Strategy]) -> None:
    market = rt.sample_bars("MSFT"), rt.Instrument("spot", tick_size=0.01, lot_size=0.01)
    strategy = strategy_class()
    first, second = run(strategy, market), run(strategy, market)
    pd.testing.assert_frame_equal(first.orders, second.orders)
    pd.testing.assert_series_equal(first.equity, second.equity)
    assert strategy == strategy_class()


def test_nothing_is_asked_for_in_the_warmup_and_every_line_is_there_after_it(
    full: rt.BacktestResult,
) -> None:
    assert (full.orders["time"] >= full.index[full.warmup_bars]).all()
    for name, line in full.indicators.items():
        assert np.isfinite(line[full.warmup_bars :]).all(), name


# The bars before the first decision: what has to cross is known at two bars by then.
@pytest.mark.parametrize(
    ("name", "warmup"),
    [
        ("SmaCross", 50),  # both averages at bars 49 and 50
        ("EmaTrend", 49),  # the slow average at bar 49, the ADX at bar 27
        ("MacdTrend", 199),  # the long average at bar 199, the signal line at 33 and 34
        ("Supertrend", 11),  # the direction at bars 10 and 11
        ("DonchianBreakout", 20),  # the channel of bars 0 to 19, and the ATR
        ("RsiReversion", 15),  # the RSI at bars 14 and 15
        ("BollingerReversion", 20),  # the bands at bars 19 and 20
        ("BuyAndHold", 0),
    ],
)
def test_the_warmup_is_what_the_lines_need(name: str, warmup: int) -> None:
    strategy = CATALOG[name].load()()
    assert strategy.warmup_bars == warmup
    lines = strategy.signals(rt.sample_bars("AAPL")).indicators or {}
    missing = [int(np.isnan(np.asarray(line)).sum()) for line in lines.values()]
    assert warmup - 1 <= max(missing, default=0) <= warmup
