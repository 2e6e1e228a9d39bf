"""The result: its tables, and that nothing is lost in JSON or pickle."""

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
from robotrader_sdk.errors import ResultError

STATS = [
    "final_equity",
    "total_return",
    "cagr",
    "volatility",
    "sharpe",
    "sortino",
    "calmar",
    "max_drawdown",
    "max_drawdown_duration",
    "exposure",
    "n_trades",
    "win_rate",
    "profit_factor",
    "expectancy",
    "avg_trade",
    "best_trade",
    "worst_trade",
    "avg_bars_held",
    "fees_paid",
    "turnover",
    "buy_hold_return",
    "n_rejected",
    "n_ambiguous",
    "pnl_pessimistic",
    "pnl_optimistic",
]
TRADES = [
    "direction",
    "quantity",
    "entry_time",
    "entry_price",
    "exit_time",
    "exit_price",
    "fees",
    "pnl",
    "return",
    "bars_held",
    "entry_reason",
    "exit_reason",
    "status",
]


def test_the_run_has_something_of_everything(result: Any) -> None:
    assert {"stop_loss", "take_profit"} <= set(result.trades["exit_reason"].dropna())
    assert set(result.trades["direction"]) == {"long", "short"}
    assert len(result.fills) > 10


def test_stats_have_the_promised_figures(result: Any) -> None:
    assert set(STATS) <= set(result.stats.index)
    assert result.stats["final_equity"] == result.equity.iloc[-1]
    assert result.stats["n_trades"] == (result.trades["status"] == "closed").sum()
    assert result.stats["n_rejected"] == len(result.rejected)
    assert result.stats["fees_paid"] == pytest.approx(result.fills["fee"].sum())
    assert result.stats["max_drawdown"] == pytest.approx(result.drawdown.min())


def test_trades_have_the_promised_columns(result: Any) -> None:
    assert set(TRADES) <= set(result.trades.columns)


@pytest.mark.parametrize("table", ["trades", "orders", "fills", "rejected", "positions"])
def test_every_column_is_documented(result: Any, table: str) -> None:
    from robotrader_sdk.backtest import records

    # What was asked for is described with the orders.
    source = records.orders_frame if table == "rejected" else getattr(records, f"{table}_frame")
    for column in getattr(result, table).columns:
        assert re.search(rf"\b{column}\b", source.__doc__), f"{table}.{column}"


def test_rejected_say_when_and_why(result: Any) -> None:
    assert list(result.rejected.columns[:2]) == ["time", "reason"]


def test_series_are_aligned_with_the_bars(result: Any) -> None:
    for series in (result.equity, result.returns, result.drawdown):
        assert series.index.equals(result.bars.index)
    assert (result.drawdown <= 0).all()
    growth = np.cumprod(1 + result.returns.to_numpy()) * 10_000
    np.testing.assert_allclose(growth, result.equity.to_numpy(), rtol=1e-9)


def test_json_and_back_is_the_same_bit_for_bit(result: Any) -> None:
    again = rt.BacktestResult.from_json(result.to_json())
    assert again.to_json() == result.to_json()
    assert again.equity_values.tobytes() == result.equity_values.tobytes()
    pd.testing.assert_series_equal(again.stats, result.stats, check_exact=True)
    for name in ("trades", "orders", "fills", "rejected", "positions", "bars"):
        pd.testing.assert_frame_equal(
            getattr(again, name), getattr(result, name), check_exact=True, check_freq=False
        )
    assert again.contract == result.contract
    assert again.config == result.config
    assert (again.strategy, again.params) == (result.strategy, result.params)
    for name, line in result.indicators.items():
        np.testing.assert_array_equal(again.indicators[name], line)


def test_json_is_strict(result: Any) -> None:
    def refuse(word: str) -> None:
        raise AssertionError(word)

    json.loads(result.to_json(), parse_constant=refuse)


@pytest.mark.parametrize("used_before", [False, True])
def test_pickle_and_back(bars: pd.DataFrame, used_before: bool) -> None:
    from .conftest import Cross

    result = rt.backtest(Cross(), bars)
    if used_before:
        assert result.stats is not None
        assert result.trades is not None
    again = pickle.loads(pickle.dumps(result))
    assert again.to_json() == result.to_json()
    pd.testing.assert_series_equal(again.stats, result.stats)


def _without(name: str) -> Any:
    def damage(text: str) -> str:
        saved = json.loads(text)
        del saved[name]
        return json.dumps(saved)

    return damage


def _with(name: str, value: Any) -> Any:
    def damage(text: str) -> str:
        return json.dumps({**json.loads(text), name: value})

    return damage


DAMAGES = {
    "empty": lambda text: "",
    "half": lambda text: text[: len(text) // 2],
    "another object": lambda text: "{}",
    "a list": lambda text: "[1, 2]",
    "null": lambda text: "null",
    "words": lambda text: "a result",
    "another format": _with("format", "robotrader-backtest-999"),
    "no equity": _without("equity"),
    "no orders": _without("orders"),
    "no config": _without("config"),
    "bad fees": _with("config", {"cash": 1, "fees": {"maker": 5}}),
    "words for equity": _with("equity", ["a", "b"]),
    "fewer bars": _with("bars", {"open": [1.0]}),
    "bad unit": _with("open_time_unit", "parsec"),
    "equity of another length": _with("equity", [1.0] * 5_000),
    "short equity": _with("equity", []),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_damaged_json_is_refused(result: Any, damage: Any) -> None:
    with pytest.raises((ResultError, rt.errors.BacktestError)):
        rt.BacktestResult.from_json(damage(result.to_json()))


@pytest.mark.parametrize("text", [None, 5, b"\xff\xfe"])
def test_no_text_at_all_is_refused(text: Any) -> None:
    with pytest.raises(ResultError):
        rt.BacktestResult.from_json(text)


def test_the_page_is_self_contained(result: Any, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    result.to_html(path)
    page = path.read_text(encoding="utf-8")
    assert result.contract in page.replace("&#x27;", "'")
    loads = re.findall(r"<(?:script|link|img|iframe)[^>]+(?:src|href)=[\"']([^\"']+)", page)
    assert [url for url in loads if not url.startswith("data:")] == []


def test_the_text_and_the_notebook_block_show_figures(result: Any) -> None:
    figure = f"{result.stats['final_equity']:,.2f}"
    assert figure in repr(result)
    assert figure in result._repr_html_()
    assert result.contract in repr(result)
