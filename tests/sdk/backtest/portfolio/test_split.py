"""A single-symbol strategy on a panel: every symbol with its share of the cash."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import robotrader_sdk as rt
from robotrader_sdk.errors import BarsError, StrategyError

from .conftest import FREE, fill, fills_of, panel_of, random_panel


class Cross(rt.Strategy):
    """Signals with protection, long and short."""

    def signals(self, bars: pd.DataFrame) -> rt.Signals:
        fast, slow = rt.ta.sma(bars["close"], 3), rt.ta.sma(bars["close"], 8)
        return rt.Signals(
            enter_long=rt.ta.crossed_above(fast, slow),
            enter_short=rt.ta.crossed_below(fast, slow),
            stop_loss=0.012,
            take_profit=0.015,
            indicators={"fast": fast},
        )


class Hold(rt.Strategy):
    """Buys with all there is at the first bar, and protects it far away."""

    warmup_bars = 0

    def on_bar(self, ctx: rt.Context) -> None:
        if ctx.bar_number == 0:
            ctx.buy(fraction=1.0, stop_loss=0.9)


@pytest.fixture
def panel() -> dict[str, pd.DataFrame]:
    panel = random_panel(120, ["A", "B", "C"], seed=3, volatility=0.03)
    panel["B"] = panel["B"].iloc[20:]
    panel["C"] = panel["C"].drop(panel["C"].index[40:50])
    return panel


def test_each_symbol_is_the_run_it_would_be_alone(panel: Any) -> None:
    whole = rt.backtest(Cross(), panel, cash=9_000)
    alone = {name: rt.backtest(Cross(), bars, cash=3_000) for name, bars in panel.items()}
    for name, own in alone.items():
        for table in ("fills", "trades", "orders", "rejected"):
            frame = getattr(whole, table)
            part = frame[frame["symbol"] == name].drop(columns="symbol").reset_index(drop=True)
            drop = {"fills": ["order"], "trades": ["bars_held"]}.get(table, [])
            theirs = getattr(own, table).reset_index(drop=True)
            pd.testing.assert_frame_equal(part.drop(columns=drop), theirs.drop(columns=drop))
        assert whole.attribution.loc[name, "pnl"] == pytest.approx(own.pnl, abs=1e-8)
        line = whole.indicators[f"{name} fast"]
        places = whole.index.get_indexer(own.index)
        np.testing.assert_array_equal(line[places], own.indicators["fast"])
    assert whole.pnl == pytest.approx(sum(own.pnl for own in alone.values()))
    assert whole.n_ambiguous == sum(own.n_ambiguous for own in alone.values()) > 0
    assert whole.pnl_optimistic == pytest.approx(sum(r.pnl_optimistic for r in alone.values()))


def test_the_equity_is_the_sum_on_the_panels_timeline(panel: Any) -> None:
    whole = rt.backtest(Cross(), panel, cash=9_000)
    expected = pd.Series(0.0, index=whole.index)
    for bars in panel.values():
        own = rt.backtest(Cross(), bars, cash=3_000).equity
        expected += own.reindex(whole.index).ffill().fillna(3_000)
    np.testing.assert_allclose(whole.equity, expected, rtol=1e-12)


def test_fills_come_in_the_order_of_time(panel: Any) -> None:
    whole = rt.backtest(Cross(), panel)
    assert whole.fills["time"].is_monotonic_increasing
    assert whole.orders["time"].is_monotonic_increasing
    by_row = whole.orders.loc[whole.fills["order"]]
    assert (by_row["symbol"].to_numpy() == whole.fills["symbol"].to_numpy()).all()
    assert (by_row["status"] == "filled").all()


def test_what_is_delisted_is_closed_at_its_last_close() -> None:
    panel = panel_of({"A": [100, 100, 100, 100], "B": [50, 50, 40, None]})
    result = rt.backtest(Hold(), panel, fees=rt.Fees(0, 0.01))
    assert fills_of(result) == [
        fill("1 A buy 49.504950495 @ 100 entry"),
        fill("1 B buy 99.00990099 @ 50 entry"),
        fill("2 B sell 99.00990099 @ 40 delisted"),
    ]
    assert result.equity.iloc[-1] == pytest.approx(4_950.4950495 + 99.00990099 * 39.6)
    assert result.trades["exit_reason"].dropna().tolist() == ["delisted"]
    assert set(result.orders["status"]) == {"filled", "cancelled", "working"}
    assert result.attribution["pnl"].sum() == pytest.approx(result.pnl)


def test_an_event_strategy_too() -> None:
    panel = panel_of({"A": [100, 100, 120], "B": [None, 50, 55]})
    result = rt.backtest(Hold(), panel, fees=FREE)
    assert fills_of(result) == [
        fill("1 A buy 50 @ 100 entry"),
        fill("2 B buy 90.909090909 @ 55 entry"),
    ]
    assert result.equity.iloc[-1] == 6_000 + 5_000
    assert "1/2 of the cash" in result.contract


def test_settings_by_symbol() -> None:
    panel = panel_of({"A": [100, 100], "B": [50, 50]})
    result = rt.backtest(
        Hold(), panel, fees=FREE, instrument={"A": rt.Instrument(lot_size=7)}, slippage={"B": 0.01}
    )
    assert fills_of(result) == [
        fill("1 A buy 49 @ 100 entry"),
        fill("1 B buy 99.00990099 @ 50.5 entry"),
    ]
    assert "A: " in result.contract
    assert "B: " in result.contract


def test_an_error_names_the_symbol(panel: Any) -> None:
    class Slow(Cross):
        warmup_bars = 110

    class Fails(rt.Strategy):
        warmup_bars = 0

        def on_bar(self, ctx: rt.Context) -> None:
            if len(ctx.history(200)) == 105:
                raise ValueError("no luck")

    with pytest.raises(BarsError, match=r"^B: Slow\(\) needs 110 bars"):
        rt.backtest(Slow(), panel)
    with pytest.raises(StrategyError, match=r"^A: Fails.on_bar failed at bar .*no luck"):
        rt.backtest(Fails(), panel)
