"""`robotrader backtest`, in this process."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

import robotrader_sdk as rt
from robotrader_sdk.analytics.summary import METRICS
from robotrader_sdk.backtest.engine import backtest
from strategies.sma_cross import SmaCross

from .conftest import Robotrader

SAMPLE = ("--bars", "sample:AAPL")


def test_the_table_shows_every_figure_as_the_metrics_display_it(robotrader: Robotrader) -> None:
    ended = robotrader("backtest", "SmaCross", *SAMPLE, "--set", "fast=5")
    assert (ended.code, ended.err) == (0, "")
    stats = backtest(SmaCross(fast=5), rt.sample_bars("AAPL")).stats
    for metric in (metric for metric in METRICS if metric.name in stats):
        assert metric.label in ended.out
        assert metric.display(stats[metric.name]) in ended.out
    for expected in ("SmaCross(fast=5", "completed", "fees 0.1 % maker"):
        assert expected in ended.out


def test_every_setting_reaches_the_run(robotrader: Robotrader) -> None:
    ended = robotrader(
        "backtest", "sma-cross", *SAMPLE, "--set", "fast=5", "--set", "slow=20", "--json",
        "--cash", "5000", "--maker-fee", ".0002", "--taker-fee", ".0005", "--slippage", ".001",
        "--kind", "spot", "--tick-size", ".01", "--lot-size", ".001", "--min-notional", "10",
        "--fee-currency", "base", "--fill-at", "close", "--limit-fill", "touch",
    )  # fmt: skip
    told = json.loads(ended.out)
    assert (ended.code, ended.err) == (0, "")
    assert told["config"] == {
        "cash": 5000.0,
        "fees": {"maker": 0.0002, "taker": 0.0005},
        "slippage": 0.001,
        "instrument": {
            "kind": "spot",
            "tick_size": 0.01,
            "lot_size": 0.001,
            "min_notional": 10.0,
            "fee_currency": "base",
            "symbol": "AAPL",
            "max_leverage": 20.0,
            "maintenance_margin": 0.01,
            "contract_size": 1.0,
            "liquidation_fee": 0.0,
        },
        "fill_at": "close",
        "limit_fill": "touch",
        "leverage": 1.0,
        "margin": "isolated",
        "max_funding_rate": 0.003,
    }
    expected = backtest(
        SmaCross(fast=5, slow=20),
        rt.sample_bars("AAPL"),
        cash=5000,
        fees=rt.Fees(0.0002, 0.0005),
        slippage=0.001,
        instrument=rt.Instrument("spot", 0.01, 0.001, 10, "base", "AAPL"),
        fill_at="close",
        limit_fill="touch",
    )
    assert told["stats"]["n_trades"] > 10
    assert told["stats"]["final_equity"] == expected.stats["final_equity"]
    assert told["contract"] == expected.contract
    assert any("not tradable" in notice for notice in told["notices"])


def test_a_perpetual_shows_its_own_figures(robotrader: Robotrader) -> None:
    ended = robotrader(
        "backtest", "SmaCross", *SAMPLE, "--kind", "linear_perpetual", "--leverage", "5",
        "--margin", "cross",
    )  # fmt: skip
    assert (ended.code, ended.err) == (0, "")
    for expected in ("Liquidations", "Funding paid", "cross margin at 5 x"):
        assert expected in ended.out


def test_json_has_iso_times_and_null_for_what_is_not_defined(robotrader: Robotrader) -> None:
    ended = robotrader("backtest", "BuyAndHold", *SAMPLE, "--json")
    told = json.loads(ended.out, parse_constant=lambda text: pytest.fail(f"{text} is no JSON"))
    assert told["stats"]["win_rate"] is None
    assert pd.Timestamp(told["stats"]["start"]) == pd.Timestamp("2000-03-01", tz="UTC")
    assert pd.Timedelta(told["stats"]["max_drawdown_duration"]) > pd.Timedelta(days=365)
    assert told["bars"]["symbol"] == "AAPL"
    assert told["report"] is None
    assert "open_time" not in ended.out


def test_the_report_is_written_and_named(robotrader: Robotrader, folder: Path) -> None:
    ended = robotrader("backtest", "SmaCross", *SAMPLE, "--report", "out.html", "--json")
    assert ended.code == 0
    assert json.loads(ended.out)["report"] == str(folder / "out.html")
    assert "<!doctype html>" in (folder / "out.html").read_text(encoding="utf-8")


def test_gaps_of_a_file_are_counted_and_noted_once(robotrader: Robotrader, folder: Path) -> None:
    bars = rt.synthetic_bars(500, seed=3)
    bars.drop(bars.index[100:104]).drop(bars.index[300]).to_csv("holes.csv")
    ended = robotrader("backtest", "SmaCross", "--bars", "holes.csv")
    assert ended.code == 0
    assert "2 gaps with 5 bars missing" in " ".join(ended.out.split())
    assert ended.err.count("2 gaps") == 1
    assert ended.err.startswith("Note: ")


def test_a_period_cuts_any_source(robotrader: Robotrader) -> None:
    ended = robotrader(
        "backtest", "SmaCross", *SAMPLE, "--start", "2005-01-01", "--end", "2006-01-01", "--json"
    )
    stats = json.loads(ended.out)["stats"]
    assert stats["start"].startswith("2005-01-03")
    assert stats["end"].startswith("2005-12-30")


def test_rejected_orders_and_ruin_are_told(robotrader: Robotrader, folder: Path) -> None:
    (folder / "wild.py").write_text(
        "import robotrader_sdk as rt\n"
        "class Wild(rt.Strategy):\n"
        "    def signals(self, bars):\n"
        "        return rt.Signals(enter_short=True, notional=1.0)\n"
    )
    ended = robotrader("backtest", "wild.py:Wild", *SAMPLE, "--min-notional", "5")
    assert ended.code == 0
    assert "orders were rejected" in ended.out
