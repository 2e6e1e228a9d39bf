"""Perpetuals in a portfolio: leverage, funding, margin shared with other symbols."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import robotrader_sdk as rt
from robotrader_sdk.errors import SignalError

from .conftest import FREE, Weights, Written, fill, fills_of, panel_of, random_panel, rows, times

PERPETUAL = rt.Instrument(kind="linear_perpetual", max_leverage=10, maintenance_margin=0.01)


def run(prices: dict[str, list[Any]], wanted: dict[int, dict[str, float]], **settings: Any) -> Any:
    settings = {"fees": FREE, "instrument": PERPETUAL, **settings}
    return rt.backtest(Weights.of(rows(wanted)), panel_of(prices), **settings)


def test_weights_above_1_where_leverage_allows() -> None:
    prices = {"A": [100, 100, 110], "B": [50, 50, 50]}
    result = run(prices, {0: {"A": 1.5, "B": -1.5}}, leverage=3)
    assert fills_of(result) == [fill("1 A buy 150 @ 100 entry"), fill("1 B sell 300 @ 50 entry")]
    assert result.equity.iloc[-1] == 11_500
    assert result.weights.iloc[-1].tolist() == pytest.approx([16_500 / 11_500, -15_000 / 11_500])
    assert result.stats["exposure"] == pytest.approx((0 + 3 + 31_500 / 11_500) / 3)


def test_weights_beyond_the_leverage_are_refused() -> None:
    prices = {"A": [100, 100, 110], "B": [50, 50, 50]}
    with pytest.raises(SignalError, match=r"1.1 of the equity \(\|weight\| / leverage"):
        run(prices, {0: {"A": 1.5, "B": -1.8}}, leverage=3)


def test_the_quantity_is_fixed_at_the_decision() -> None:
    result = run({"A": [100, 125], "B": [50, 50]}, {0: {"A": 0.5}}, fees=rt.Fees(0, 0.01))
    quantity = 5_000 / 101
    assert fills_of(result) == [fill(f"1 A buy {quantity} @ 125 entry")]


def test_a_newer_decision_replaces_an_order_that_waits() -> None:
    prices = {"A": [100, 100, 100, 100], "B": [50, None, None, 50]}
    result = run(prices, {0: {"B": 0.5}, 1: {"B": -0.4}})
    assert fills_of(result) == [fill("3 B sell 80 @ 50 entry")]
    assert result.orders["status"].tolist() == ["cancelled", "filled"]


def test_a_turn_is_one_order() -> None:
    result = run({"A": [100, 100, 100], "B": [50, 50, 50]}, {0: {"A": 0.5}, 1: {"A": -0.5}})
    assert fills_of(result) == [fill("1 A buy 50 @ 100 entry"), fill("2 A sell 100 @ 100 entry")]
    assert result.trades["exit_reason"].tolist()[:1] == ["reversal"]


def test_funding_is_paid_once_and_told_by_symbol() -> None:
    """A carry: long spot, short perpetual, rebalanced at every bar."""
    index = times(4)
    rates = pd.Series([0.001] * 4, index=index)
    prices = {"spot": [100.0] * 4, "perp": [100.0] * 4}
    wanted = {bar: {"spot": 0.5, "perp": -0.5} for bar in range(3)}
    result = run(
        prices,
        wanted,
        instrument={"spot": rt.Instrument(kind="spot"), "perp": PERPETUAL},
        funding={"perp": rates},
    )
    # 50 short; then 50 as much as the funding has added
    assert result.funding["paid"].tolist() == pytest.approx([-5.0, -5.0025, -5.00500125])
    assert set(result.funding["symbol"]) == {"perp"}
    paid = result.attribution["funding"]
    assert paid["spot"] == 0
    assert paid["perp"] == pytest.approx(result.funding["paid"].sum())
    assert result.stats["funding_paid"] == pytest.approx(paid.sum())
    assert result.attribution["pnl"].sum() == pytest.approx(result.pnl)
    assert result.pnl == pytest.approx(-paid["perp"])


def test_what_a_perpetual_ties_up_is_not_there_for_others() -> None:
    """Margin of 4,000 posted: a spot weight of 1 by explicit order finds 6,000."""

    def on_bar(self: Any, ctx: rt.PortfolioContext) -> None:
        if ctx.bar_number == 0:
            ctx["perp"].buy(quantity=80)
        if ctx.bar_number == 1:
            ctx["spot"].buy(quantity=61)
            ctx["spot"].buy(quantity=60)

    result = rt.backtest(
        Written.of(on_bar),
        panel_of({"perp": [100, 100, 100], "spot": [100, 100, 100]}),
        fees=FREE,
        instrument={"spot": rt.Instrument(kind="spot"), "perp": PERPETUAL},
        leverage={"perp": 2.0},
    )
    assert fills_of(result) == [
        fill("1 perp buy 80 @ 100 entry"),
        fill("2 spot buy 60 @ 100 entry"),
    ]
    assert result.rejected["symbol"].tolist() == ["spot"]


def test_a_spot_weight_gets_what_a_perpetual_leaves() -> None:
    def on_bar(self: Any, ctx: rt.PortfolioContext) -> None:
        if ctx.bar_number == 0:
            ctx["perp"].buy(quantity=80)
        if ctx.bar_number == 1:
            ctx["spot"].buy(quantity=55)
        if ctx.bar_number == 2:
            ctx.rebalance({"perp": 0.8, "spot": 0.6})

    result = rt.backtest(
        Written.of(on_bar),
        panel_of({"perp": [100, 100, 100, 100], "spot": [100, 100, 100, 100]}),
        fees=FREE,
        instrument={"spot": rt.Instrument(kind="spot"), "perp": PERPETUAL},
        leverage={"perp": 2.0},
    )
    assert fills_of(result)[2:] == [fill("3 spot buy 5 @ 100 entry")]


@pytest.mark.parametrize("margin", ["isolated", "cross"])
def test_the_loss_of_one_is_limited_by_its_margin_mode(margin: Any) -> None:
    """Both long with 2,500 each behind 10,000; A falls by 40 %."""
    prices = {"A": [100, 100, (100, 100, 60, 60)], "B": [50, 50, 50]}
    result = run(prices, {0: {"A": 1.0, "B": 1.0}}, leverage=4, margin=margin)
    loss = 10_000 - result.equity.iloc[-1]
    if margin == "isolated":
        assert result.trades["exit_reason"].dropna().tolist() == ["liquidation"]
        assert 2_300 < loss <= 2_500
        assert result.stats["n_liquidations"] == 1
    else:
        assert loss == 4_000
        assert result.stats["n_liquidations"] == 0


def test_a_cross_margin_is_liquidated_when_all_of_it_is_gone() -> None:
    prices = {"A": [100, 100, (100, 100, 40, 50)], "B": [50, 50, 55]}
    result = run(prices, {0: {"A": 2.0, "B": 1.0}}, leverage=4, margin="cross")
    # 200 of A at 100, 200 of B at 50, which opens at 55: 10,000 + 1,000 + 200 (p - 100) is down to
    # 1 % of 11,000 and of 200 p
    level = 9_110 / 198
    sold = result.fills.iloc[-1]
    assert (sold.symbol, sold.reason) == ("A", "liquidation")
    assert sold.price == pytest.approx(level)
    assert result.attribution["pnl"].sum() == pytest.approx(result.pnl)


def test_what_collateralises_a_short_backs_no_cross_margin() -> None:
    """Of the 15,000 in cash 5,000 are owed and 5,000 tied: 5,000 are behind 100 of A."""
    prices = {"A": [100, 100, (100, 100, 40, 60)], "S": [50, 50, 50]}
    result = run(
        prices,
        {0: {"A": 1.0, "S": -0.5}},
        leverage={"A": 4.0},
        margin="cross",
        instrument={"A": PERPETUAL},
    )
    sold = result.fills.iloc[-1]
    assert (sold.symbol, sold.reason) == ("A", "liquidation")
    assert sold.price == pytest.approx(5_000 / 99)


def test_leverage_1_without_funding_is_spot_but_for_the_sizes() -> None:
    """The same quantities of a perpetual at leverage 1 give the equity of a synthetic."""
    panel = random_panel(60, ["A", "B"], volatility=0.01)

    def on_bar(self: Any, ctx: rt.PortfolioContext) -> None:
        k = ctx.bar_number
        if k % 10 == 0:
            ctx["A"].buy(quantity=20)
            ctx["B"].sell(quantity=10)
        elif k % 10 == 7:
            for symbol in ctx:
                ctx[symbol].close_position()

    runs = [
        rt.backtest(Written.of(on_bar), panel, instrument=kind, slippage=0.001)
        for kind in (PERPETUAL, rt.Instrument())
    ]
    assert len(runs[0].fills) == len(runs[1].fills) > 20
    np.testing.assert_allclose(runs[0].equity, runs[1].equity, rtol=1e-12)


def test_a_delisted_perpetual_is_closed() -> None:
    prices = {"A": [100, 100, 90, None], "B": [50, 50, 50, 50]}
    result = run(prices, {0: {"A": 1.0}}, leverage=2)
    assert fills_of(result) == [
        fill("1 A buy 100 @ 100 entry"),
        fill("2 A sell 100 @ 90 delisted"),
    ]
    assert result.equity.iloc[-1] == 9_000


def test_a_single_symbol_strategy_on_perpetuals_delisted() -> None:
    class Hold(rt.Strategy):
        warmup_bars = 0

        def on_bar(self, ctx: rt.Context) -> None:
            if ctx.bar_number == 0:
                ctx.buy(fraction=1.5)

    index = times(4)
    result = rt.backtest(
        Hold(),
        panel_of({"A": [100, 100, 90, None], "B": [50, 50, 50, 50]}),
        fees=FREE,
        instrument=PERPETUAL,
        leverage=2,
        funding={"A": pd.Series(0.001, index=index)},
    )
    # 75 of A: 10 lost each, and funding of 100 x .001 and 90 x .001 each
    assert result.attribution.loc["A", "pnl"] == pytest.approx(75 * (-10 - 0.19))
    assert result.attribution["pnl"].sum() == pytest.approx(result.pnl)
    assert result.trades["exit_reason"].dropna().tolist() == ["delisted"]
