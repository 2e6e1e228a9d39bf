"""The event strategies, bar by bar."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

import robotrader_sdk as rt
from strategies import Dca, Grid

Build = Callable[..., pd.DataFrame]
FREE = rt.Fees(0, 0)
SPOT = rt.Instrument("spot", tick_size=0.01, lot_size=0.001, min_notional=5)


def levels_of(result: rt.BacktestResult, status: str = "working") -> list[float]:
    """The prices of the grid's buys that have a status, highest first."""
    orders = result.orders
    mine = orders[(orders["reason"] == "entry") & (orders["status"] == status)]
    return sorted(mine["limit_price"].round(4), reverse=True)


def test_dca_buys_every_few_bars_from_the_first_on(bars_of: Build) -> None:
    bars = bars_of(np.linspace(10, 12, 15))
    fills = rt.backtest(Dca(notional=100, every=7), bars, instrument=SPOT).fills
    assert [bars.index.get_loc(t) for t in fills["time"]] == [1, 8]  # decided at 0, 7 and 14
    spent = fills["price"] * fills["quantity"] + fills["fee"]
    assert ((spent > 99.9) & (spent <= 100)).all()


def test_dca_stops_when_the_cash_is_spent(bars_of: Build) -> None:
    bars = bars_of(np.linspace(10, 5, 60))
    result = rt.backtest(Dca(notional=100, every=2), bars, cash=1_050, instrument=SPOT)
    assert len(result.fills) == 10
    assert result.rejected.empty
    assert 0 <= result.fills["cash"].iloc[-1] < 100


def test_dca_spends_all_of_it_when_it_divides(bars_of: Build) -> None:
    result = rt.backtest(Dca(notional=100, every=1), bars_of([10.0] * 30), cash=1_000)
    assert len(result.fills) == 10
    assert result.fills["cash"].iloc[-1] == pytest.approx(0, abs=1e-6)


def test_dca_pays_the_harmonic_mean_of_the_prices(bars_of: Build) -> None:
    bars = bars_of(rt.sample_bars("AAPL")["close"].head(300))
    result = rt.backtest(Dca(notional=100, every=10), bars, fees=FREE)
    prices = bars["open"].iloc[1::10]
    paid = len(prices) * 100 / result.positions["quantity"].iloc[-1]
    assert paid == pytest.approx(len(prices) / (1 / prices).sum(), rel=1e-12)
    assert paid < prices.mean()


def test_grid_hangs_its_ladder_below_the_first_close(bars_of: Build) -> None:
    result = rt.backtest(Grid(levels=3, spacing=0.1, fraction=0.2), bars_of([100, 100, 100]))
    assert levels_of(result) == [90, 81, 72.9]
    assert result.fills.empty


def test_grid_sells_each_level_one_higher_and_hangs_the_order_again(bars_of: Build) -> None:
    bars = bars_of([100, 100, 85, 85, 101, 89, 89, 95])  # through 90, to 100, through 90
    result = rt.backtest(Grid(levels=3, spacing=0.1, fraction=0.2), bars, fees=FREE)
    bought = result.fills[result.fills["side"] == "buy"]
    sold = result.fills[result.fills["side"] == "sell"]
    assert [bars.index.get_loc(t) for t in bought["time"]] == [2, 5]
    assert [bars.index.get_loc(t) for t in sold["time"]] == [4]
    np.testing.assert_allclose(bought["price"], 90)
    np.testing.assert_allclose(sold["price"], 100)
    np.testing.assert_allclose(bought["quantity"] * bought["price"], 2_000)
    assert set(result.fills["liquidity"]) == {"maker"}
    assert levels_of(result) == [81, 72.9]  # 90 holds, the others wait


def test_grid_buys_down_the_ladder_and_sells_up_it(bars_of: Build) -> None:
    bars = bars_of([100, 95, 85, 77, 70, 76, 86, 95, 101, 101])
    result = rt.backtest(Grid(levels=3, spacing=0.1, fraction=0.3, follow=False), bars, fees=FREE)
    trades = result.trades.sort_values("entry_price", ascending=False)
    np.testing.assert_allclose(trades["entry_price"], [90, 81, 72.9])
    np.testing.assert_allclose(trades["exit_price"], [100, 90, 81])
    assert (trades["exit_reason"] == "take_profit").all()
    assert result.stats["total_return"] == pytest.approx(3 * 0.3 / 9)
    assert levels_of(result) == [90, 81, 72.9]


def test_grid_holds_and_waits_below_its_lowest_level(bars_of: Build) -> None:
    bars = bars_of([100, 95, 85, 77, 70, *[40] * 20])
    result = rt.backtest(Grid(levels=3, spacing=0.1, fraction=0.3), bars)
    assert (result.trades["status"] == "open").all()
    assert len(result.trades) == 3
    assert levels_of(result) == []
    assert result.rejected.empty


def test_grid_keeps_a_level_for_what_it_still_holds(bars_of: Build) -> None:
    bars = bars_of([100, 95, 85, 80, 88, 85, 80, 88, 91, 85, 80, 80])
    result = rt.backtest(Grid(levels=2, spacing=0.1, fraction=0.5), bars, fees=FREE)
    trades = result.trades
    by_level = trades["entry_price"].round(2).tolist()
    assert by_level == [90, 81, 81]  # 81 is sold at 90 and bought again; 90 is held throughout
    assert trades["status"].tolist() == ["open", "closed", "open"]


@pytest.mark.parametrize(("follow", "first"), [(True, 135), (False, 90)])
def test_grid_follows_a_rising_price_while_flat(follow: bool, first: float, bars_of: Build) -> None:
    bars = bars_of([100, 105, 111, 112, 150])  # one level above 100 is 111.1
    result = rt.backtest(Grid(levels=2, spacing=0.1, fraction=0.3, follow=follow), bars)
    assert levels_of(result)[0] == first
    assert len(levels_of(result, "cancelled")) == (4 if follow else 0)


def test_grid_does_not_move_while_it_holds(bars_of: Build) -> None:
    bars = bars_of([100, 89, 95, 99, 99])
    result = rt.backtest(Grid(levels=2, spacing=0.1, fraction=0.3), bars)
    assert levels_of(result) == [81]


def test_grid_does_not_move_while_a_buy_of_this_bar_is_unsold(bars_of: Build) -> None:
    bars = bars_of([100, 112])
    bars.loc[bars.index[1], "low"] = 85  # bought at 90 on the way; its sale acts from the next bar
    result = rt.backtest(Grid(levels=2, spacing=0.1, fraction=0.3), bars)
    assert levels_of(result) == [81]


def test_grid_counts_what_it_holds_after_a_bar_that_bought_low_and_sold_high(
    bars_of: Build,
) -> None:
    bars = bars_of([100, 80, 85])  # holds 90 and 81; then sells the latter and buys 72.9 in one bar
    bars.loc[bars.index[2], ["low", "high"]] = 72, 91
    result = rt.backtest(Grid(levels=3, spacing=0.1, fraction=0.3), bars)
    assert result.trades["entry_price"].round(2).tolist() == [90, 81, 72.9]
    assert result.trades["status"].tolist() == ["open", "closed", "open"]
    assert levels_of(result) == [72.9]  # two lots are held, so one order waits


def test_grid_asks_no_more_than_the_cash_allows(bars_of: Build) -> None:
    """Fees above the spacing eat the cash: it places fewer orders instead of rejected ones."""
    swings = 100 + 6 * np.sin(np.arange(2_000) / 4)
    fees = rt.Fees(maker=0.03, taker=0.03)
    result = rt.backtest(Grid(levels=4, spacing=0.02, fraction=0.25), bars_of(swings), fees=fees)
    assert result.stats["total_return"] < -0.2
    assert result.rejected.empty
    assert (result.fills["cash"] > -1e-6).all()


def test_grid_asks_once_where_the_market_refuses(bars_of: Build) -> None:
    swings = 100 + 6 * np.sin(np.arange(300) / 4)
    market = rt.Instrument("spot", min_notional=2_000)
    result = rt.backtest(Grid(follow=False), bars_of(swings), instrument=market)
    assert len(result.rejected) == 10
    assert result.fills.empty


@pytest.mark.parametrize("seed", range(4))
def test_grid_never_holds_more_than_its_levels(seed: int) -> None:
    bars = rt.synthetic_bars(1_500, seed=seed, volatility=1.5)
    instrument = rt.Instrument("spot", 0.01, 0.01, 5, fee_currency="base")
    result = rt.backtest(Grid(levels=5, spacing=0.01, fraction=0.2), bars, instrument=instrument)
    trades = result.trades
    opened = trades["entry_time"].value_counts().reindex(bars.index, fill_value=0).cumsum()
    closed = trades["exit_time"].value_counts().reindex(bars.index, fill_value=0).cumsum()
    assert (opened - closed).max() <= 5
    assert result.rejected.empty
    assert (trades.loc[trades["status"] == "closed", "pnl"] > 0).all()
