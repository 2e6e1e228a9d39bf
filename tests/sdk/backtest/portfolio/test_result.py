"""The result of a portfolio: tables, figures, and that nothing is lost in JSON or pickle."""

from __future__ import annotations

import json
import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import robotrader_sdk as rt
from robotrader_sdk.backtest import records
from robotrader_sdk.backtest.portfolio import frames
from robotrader_sdk.errors import ResultError, RobotraderError

from .conftest import FREE, Weights, Written, panel_of, random_panel, rows, times

TABLES = ("trades", "orders", "fills", "rejected", "positions")


class Momentum(rt.PortfolioStrategy):
    """The best of three, monthly; also an order with protection now and then."""

    rebalance = "weekly"
    lookback: int = rt.param(5, ge=2)

    def init(self, panel: Any) -> None:
        self.averages = {s: self.indicator(rt.ta.sma, panel[s].close, 5) for s in panel}

    def on_bar(self, ctx: rt.PortfolioContext) -> None:
        best = max(ctx.symbols, key=lambda s: ctx[s].close / self.averages[s][-1])
        ctx.rebalance({best: 0.5})
        if ctx.bar_number % 3 == 0:
            ctx["A"].buy(quantity=5, limit_price=ctx["A"].close * 0.99, stop_loss=0.01)
        if ctx.bar_number == 67:
            ctx["B"].buy(quantity=1)


@pytest.fixture(scope="module")
def result() -> Any:
    """A run with a late start, an end before the end, holes, ticks, lots and refusals."""
    panel = random_panel(90, ["A", "B", "C"], seed=5, volatility=0.03)
    panel["B"] = panel["B"].iloc[10:70]
    panel["C"] = panel["C"].drop(panel["C"].index[30:36])
    return rt.backtest(
        Momentum(),
        panel,
        instrument={"A": rt.Instrument(tick_size=0.05, min_notional=400), "B": rt.Instrument()},
        fees={"C": rt.Fees(0.002, 0.002)},
    )


def test_the_run_has_something_of_everything(result: Any) -> None:
    assert set(result.fills["symbol"]) == {"A", "B", "C"}
    assert {"delisted", "exit", "stop_loss"} <= set(result.trades["exit_reason"].dropna())
    assert len(result.rejected) > 0


@pytest.mark.parametrize("name", TABLES)
def test_every_table_names_the_symbol(result: Any, name: str) -> None:
    table = getattr(result, name)
    assert table["symbol"].isin(["A", "B", "C"]).all()
    source = records.orders_frame if name == "rejected" else getattr(records, f"{name}_frame")
    source = frames.positions_frame if name == "positions" else source
    for column in table.columns.drop("symbol"):
        assert re.search(rf"\b{column}\b", source.__doc__), f"{name}.{column}"


def test_attribution_is_documented_and_adds_up(result: Any) -> None:
    table = result.attribution
    assert list(table.columns) == [
        "pnl",
        "fees",
        "funding",
        "turnover",
        "exposure",
        "n_trades",
    ]
    for column in table.columns:
        assert re.search(rf"\b{column}:", frames.attribution_frame.__doc__)
    assert table["pnl"].sum() == pytest.approx(result.pnl, rel=1e-9)
    by_trades = result.trades.groupby("symbol", observed=False)["pnl"].sum()
    np.testing.assert_allclose(table["pnl"], by_trades, rtol=1e-9)
    np.testing.assert_allclose(
        table["fees"], result.fills.groupby("symbol", observed=False)["fee"].sum()
    )


def test_figures_are_those_of_the_whole(result: Any) -> None:
    stats = result.stats
    assert stats["final_equity"] == result.equity.iloc[-1]
    assert stats["exposure"] == pytest.approx(result.weights.abs().sum(axis=1).mean())
    assert stats["n_trades"] == (result.trades["status"] == "closed").sum()
    assert stats["n_rejected"] == len(result.rejected)
    assert stats["fees_paid"] == pytest.approx(result.fills["fee"].sum())
    assert stats["max_drawdown"] == pytest.approx(result.drawdown.min())
    assert stats["bars"] == 90


def test_buy_and_hold_is_equal_shares_from_each_first_open() -> None:
    panel = panel_of({"A": [100, 150, 200], "B": [None, (50, 60, 50, 60), 100], "C": [8, 4, None]})
    result = rt.backtest(Weights.of(rows({0: {}})), panel, cash=9_000)
    assert result.stats["buy_hold_return"] == pytest.approx((2 + 2 + 0.5) / 3 - 1)
    assert result.bars["close"].tolist() == pytest.approx([9_000, 4_500 + 3_600 + 1_500, 13_500])


def test_positions_are_those_held_and_weights_their_shares(result: Any) -> None:
    table = result.positions
    assert (table["quantity"] != 0).all()
    wide = table.reset_index().pivot(index="open_time", columns="symbol", values="exposure")
    weights = result.weights[result.weights.ne(0).any(axis=1)]
    np.testing.assert_allclose(wide.fillna(0.0).to_numpy(), weights.to_numpy(), rtol=1e-12)
    assert list(result.weights.columns) == ["A", "B", "C"]
    assert result.weights.index.equals(result.index)


def test_series_are_on_the_panels_timeline(result: Any) -> None:
    for series in (result.equity, result.returns, result.drawdown):
        assert series.index.equals(result.panel.index)


def test_orders_tell_the_bar_they_were_decided_at() -> None:
    """Also that of a symbol without a bar then."""
    panel = panel_of({"A": [100] * 4, "B": [50, None, None, 50]})
    result = rt.backtest(Weights.of(rows({1: {"A": 0.5, "B": 0.5}})), panel, fees=FREE)
    assert result.orders["time"].tolist() == [times(4)[1]] * 2
    assert result.orders["end_time"].tolist() == [times(4)[2], times(4)[3]]


def test_prices_of_orders_are_in_each_symbols_ticks() -> None:
    def on_bar(self: Any, ctx: rt.PortfolioContext) -> None:
        if ctx.bar_number == 0:
            for symbol in ctx:
                ctx[symbol].buy(quantity=1, limit_price=49.993, stop_loss_price=40.0)

    panel = panel_of({"A": [100, 100, 45], "B": [100, 100, 45], "C": [100, 100, 45]})
    ticks = {"A": rt.Instrument(tick_size=0.05), "B": rt.Instrument(tick_size=2.0)}
    result = rt.backtest(Written.of(on_bar), panel, instrument=ticks)
    entries = result.orders[result.orders["reason"] == "entry"]
    assert entries["limit_price"].tolist() == [49.95, 48.0, 49.993]
    assert result.orders["stop_price"].dropna().tolist() == [40.0, 40.0, 40.0]


def test_coverage_tells_what_each_symbol_has(result: Any) -> None:
    table = result.coverage
    assert table["bars"].tolist() == [90, 60, 84]
    assert table["missing"].tolist() == [0, 0, 6]
    assert table["delisted"].tolist() == [False, True, False]
    assert table["first_bar"].tolist() == [times(90)[0], times(90)[10], times(90)[0]]
    assert table["last_bar"].tolist() == [times(90)[89], times(90)[69], times(90)[89]]


def test_weights_of_what_is_gone_are_counted() -> None:
    panel = panel_of({"A": [100] * 5, "B": [50, 50, 50, None, None]})
    wanted = rows({bar: {"A": 0.5, "B": 0.5} for bar in range(5)})
    result = rt.backtest(Weights.of(wanted), panel)
    assert result.coverage["untraded"].tolist() == [0, 3]  # at 2, 3 and 4
    assert "B after the last bar" in repr(result)
    assert result.pending.to_dict() == {"A": 0.5}


def test_what_is_gone_does_not_drift() -> None:
    panel = panel_of({"A": [100] * 6, "B": [50, 50, 50, None, None, None]})
    wanted = rows({0: {"A": 0.5, "B": 0.5}})
    result = rt.backtest(Weights.of(wanted, drift_band=0.1), panel)
    assert result.coverage["untraded"].tolist() == [0, 0]


def test_fees_in_base_are_in_the_pnl_once() -> None:
    panel = panel_of({"A": [100, 100, 110, 110], "B": [50, 50, 50, 50]})
    spot = rt.Instrument(kind="spot", fee_currency="base")
    wanted = rows({0: {"A": 0.5}, 2: {"A": 0.0}})
    result = rt.backtest(
        Weights.of(wanted), panel, fees=rt.Fees(0.01, 0.01), instrument={"A": spot}
    )
    # 5,000 / 1.005 for a hundredth less of it, sold for a hundredth less
    bought = 5_000 / 1.005
    assert result.attribution.loc["A", "pnl"] == pytest.approx(bought * (0.99 * 1.1 * 0.99 - 1))
    assert result.attribution["pnl"].sum() == pytest.approx(result.pnl)
    assert result.stats["fees_paid"] == pytest.approx(result.attribution.loc["A", "fees"])


def test_what_is_decided_at_the_end_is_pending() -> None:
    panel = panel_of({"A": [100] * 3, "B": [50, 50, 50]})
    result = rt.backtest(Weights.of(rows({0: {"A": 1.0}, 2: {"B": 0.3}})), panel)
    assert result.pending.to_dict() == {"A": 0.0, "B": 0.3}


def test_ruin_ends_the_run() -> None:
    panel = panel_of({"A": [100, 100, (100, 300, 100, 300), 90, 90], "B": [50] * 5})
    result = rt.backtest(Weights.of(rows({0: {"A": -1.0}, 3: {"A": 1.0}})), panel, fees=FREE)
    assert result.status == "ruined"
    assert result.equity.tolist() == pytest.approx([10_000, 10_000, -10_000])
    assert len(result.weights) == 3
    assert len(result.fills) == 1
    assert result.attribution["pnl"].sum() == pytest.approx(-20_000)
    assert "Ruined" in repr(result)
    assert rt.PortfolioResult.from_json(result.to_json()).to_json() == result.to_json()
    result.plot(static=True)


def test_json_and_back_is_the_same_bit_for_bit(result: Any) -> None:
    for read in (rt.PortfolioResult.from_json, rt.BacktestResult.from_json):
        again = read(result.to_json())
        assert isinstance(again, rt.PortfolioResult)
        assert again.to_json() == result.to_json()
    pd.testing.assert_series_equal(again.stats, result.stats, check_exact=True)
    for name in (*TABLES, "attribution", "weights", "coverage"):
        pd.testing.assert_frame_equal(
            getattr(again, name), getattr(result, name), check_exact=True, check_freq=False
        )
    for symbol, bars in result.panel.items():
        pd.testing.assert_frame_equal(again.panel[symbol], bars, check_freq=False)
    assert again.contract == result.contract
    assert again.indicators.keys() == result.indicators.keys()


def test_pickle_and_back(result: Any) -> None:
    assert result.stats is not None
    again = pickle.loads(pickle.dumps(result))
    assert again.to_json() == result.to_json()
    pd.testing.assert_series_equal(again.stats, result.stats)


def _damaged(text: str, **changes: Any) -> str:
    return json.dumps({**json.loads(text), **changes})


@pytest.mark.parametrize(
    "changes",
    [
        {"panel": {}},
        {"panel": None},
        {"panel": {"A": {"unit": "ns"}}},
        {"fill_symbols": [0]},
        {"fill_symbols": "A"},
        {"format": "robotrader-portfolio-999"},
        {"equity": []},
        {"config": {}},
        {"pending_weights": ["a"]},
    ],
)
def test_damaged_json_is_refused(result: Any, changes: dict[str, Any]) -> None:
    with pytest.raises(RobotraderError):
        rt.PortfolioResult.from_json(_damaged(result.to_json(), **changes))


def test_unknown_symbols_in_json_are_refused(result: Any) -> None:
    numbers = [9] * len(result.fill_symbols)
    with pytest.raises(ResultError, match="fill_symbols names unknown symbols"):
        rt.PortfolioResult.from_json(_damaged(result.to_json(), fill_symbols=numbers))


def test_the_page_is_self_contained(result: Any, tmp_path: Path) -> None:
    page = result.to_html(tmp_path / "report.html").read_text(encoding="utf-8")
    loads = re.findall(r"<(?:script|link|img|iframe)[^>]+(?:src|href)=[\"']([^\"']+)", page)
    assert [url for url in loads if not url.startswith("data:")] == []
    assert "B ended before the panel" in page
    assert "rt-symbols" in page


def test_the_text_and_the_notebook_block_show_symbols_and_notices(result: Any) -> None:
    for shown in (repr(result), result._repr_html_()):
        assert f"{result.stats['final_equity']:,.2f}" in shown
        assert f"{result.attribution.loc['B', 'pnl']:,.2f}" in shown
        assert "B ended before the panel" in shown
        assert "C lack 6 bars" in shown
        assert "weights traded weekly" in shown


def test_the_contract_says_what_differs_by_symbol(result: Any) -> None:
    assert "A: " in result.contract
    assert "tick 0.05" in result.contract
    assert "0.2 % taker" in result.contract


def test_more_symbols_than_can_be_named() -> None:
    panel = random_panel(40, [f"S{k}" for k in range(14)])
    wanted = pd.DataFrame(1 / 14, index=times(40)[:1], columns=list(panel))
    slippage = {f"S{k}": 0.01 for k in range(14)}
    slippage["S3"] = 0.02
    result = rt.backtest(Weights.of(wanted), panel, slippage=slippage)
    assert "S0, S1, S2 and 10 more: " in result.contract
    assert "6 others" in [trace.name for trace in result.plot().data]
    assert len([line for line in repr(result).splitlines() if re.match(r"S\d+ ", line)]) == 10


def test_plots(result: Any) -> None:
    figure = result.plot()
    names = {trace.name for trace in figure.data}
    assert {"Equity", "Drawdown", "Equal shares, held", "A", "B", "C"} <= names
    static = result.plot(static=True)
    assert [len(axes.lines) for axes in static.axes[:2]] == [2, 1]
