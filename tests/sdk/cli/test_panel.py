"""`robotrader backtest` with several --bars: a panel."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import robotrader_sdk as rt
from robotrader_sdk.backtest.engine import backtest
from strategies import MomentumRotation, SmaCross, VolatilityTarget

from .conftest import Robotrader

TWO = ("--bars", "sample:AAPL", "--bars", "sample:MSFT")
PANEL = {symbol: rt.sample_bars(symbol) for symbol in ("AAPL", "MSFT")}


def test_the_figures_are_those_of_the_panel(robotrader: Robotrader) -> None:
    ended = robotrader("backtest", "MomentumRotation", *TWO, "--set", "top=1", "--json")
    assert (ended.code, ended.err) == (0, "")
    told = json.loads(ended.out)
    result = backtest(MomentumRotation(top=1), PANEL)
    assert isinstance(result, rt.PortfolioResult)
    assert told["stats"]["final_equity"] == result.stats["final_equity"]
    assert told["stats"]["n_trades"] > 10
    assert told["contract"] == result.contract
    assert told["attribution"] == result.attribution.to_dict("index")


def test_json_says_what_each_symbol_has_of_the_timeline(
    robotrader: Robotrader, folder: Path
) -> None:
    rt.sample_bars("IBM").iloc[:3_000].drop(rt.sample_bars("IBM").index[7]).to_csv("IB.x.csv")
    ended = robotrader("backtest", "RiskParity", *TWO, "--bars", "IB.x.csv", "--json")
    assert ended.code == 0
    told = json.loads(ended.out)
    assert list(told["bars"]["symbols"]) == ["AAPL", "MSFT", "IB"]
    assert told["bars"]["symbols"]["IB"] == {
        "first_bar": "2000-03-01T00:00:00+00:00",
        "last_bar": "2012-02-01T00:00:00+00:00",
        "bars": 2_999,
        "missing": 1,
        "delisted": True,
        "untraded": 0,
        "source": "IB.x.csv",
    }
    assert told["bars"]["symbol"] == "AAPL, MSFT, IB"
    assert any("IB ended before the panel" in notice for notice in told["notices"])


def test_the_table_has_a_line_for_each_symbol_the_largest_first(robotrader: Robotrader) -> None:
    ended = robotrader("backtest", "MomentumRotation", *TWO)
    assert (ended.code, ended.err) == (0, "")
    result = backtest(MomentumRotation(), PANEL)
    assert isinstance(result, rt.PortfolioResult)
    rows = [line for line in ended.out.splitlines() if line.startswith(("│ AAPL", "│ MSFT"))]
    cells = [[cell.strip() for cell in row.strip("│").split("│")] for row in rows]
    by_size = result.attribution.sort_values("pnl", key=abs, ascending=False)
    assert [cell[0] for cell in cells] == by_size.index.tolist()
    assert [cell[1] for cell in cells] == [f"{pnl:,.2f}" for pnl in by_size["pnl"]]
    assert [cell[4] for cell in cells] == [f"{100 * x:.1f}" for x in by_size["exposure"]]
    assert "Funding" not in ended.out
    assert "sample (Quandl WIKI Prices), AAPL, MSFT, 1d" in ended.out


def test_a_long_panel_shows_the_symbols_that_did_most(robotrader: Robotrader) -> None:
    bars = [f"--bars=S{k}=sample:FB" for k in range(23)]
    ended = robotrader("backtest", "VolatilityTarget", *bars)
    assert ended.code == 0
    assert sum(line.startswith("│ S") and "%" not in line for line in ended.out.splitlines()) >= 20
    assert "and 3 symbols more" in ended.out


def test_a_strategy_for_one_symbol_trades_each_with_its_share(robotrader: Robotrader) -> None:
    told = json.loads(robotrader("backtest", "SmaCross", *TWO, "--json").out)
    result = backtest(SmaCross(), PANEL)
    assert told["stats"]["final_equity"] == result.stats["final_equity"]
    assert set(told["attribution"]) == {"AAPL", "MSFT"}


def test_a_strategy_for_a_panel_takes_one_symbol_too(robotrader: Robotrader) -> None:
    ended = robotrader("backtest", "VolatilityTarget", "--bars", "sample:FB", "--json")
    told = json.loads(ended.out)
    result = backtest(VolatilityTarget(), {"FB": rt.sample_bars("FB")})
    assert told["stats"]["final_equity"] == result.stats["final_equity"]
    assert list(told["attribution"]) == ["FB"]


def test_every_setting_holds_for_all_symbols(robotrader: Robotrader) -> None:
    ended = robotrader(
        "backtest", "MomentumRotation", *TWO, "--json", "--cash", "5000", "--taker-fee", ".0005",
        "--slippage", ".001", "--kind", "spot", "--tick-size", ".01", "--lot-size", ".001",
        "--min-notional", "10", "--fee-currency", "base", "--start", "2004-01-01",
    )  # fmt: skip
    told = json.loads(ended.out)
    panel = {symbol: bars.loc["2004-01-01":] for symbol, bars in PANEL.items()}
    expected = backtest(
        MomentumRotation(),
        panel,
        cash=5000,
        fees=rt.Fees(0.001, 0.0005),
        slippage=0.001,
        instrument=rt.Instrument("spot", 0.01, 0.001, 10, "base"),
    )
    assert told["stats"]["start"].startswith("2004-01-02")
    assert told["stats"]["final_equity"] == expected.stats["final_equity"]
    assert told["contract"] == expected.contract
    assert told["config"]["instrument"]["kind"] == "spot"


@pytest.mark.parametrize(
    ("sources", "symbols"),
    [
        (["sample:AAPL", "sample:IBM"], ["AAPL", "IBM"]),
        (["first=sample:AAPL", "sample:AAPL"], ["first", "AAPL"]),
        (["BTC/USDT=a.csv", "a.csv"], ["BTC/USDT", "a"]),
        (["synthetic:1", "synthetic:2"], ["synthetic:1", "synthetic:2"]),
        (["x=1.csv", "a.csv"], ["x=1", "a"]),  # a file of that name
    ],
)
def test_symbols_are_named_by_the_user_by_the_source_or_by_the_file(
    robotrader: Robotrader, folder: Path, sources: list[str], symbols: list[str]
) -> None:
    for name in ("a.csv", "x=1.csv"):
        rt.synthetic_bars(300, seed=3).to_csv(name)
    options = [f"--bars={source}" for source in sources]
    ended = robotrader("backtest", "VolatilityTarget", *options, "--json")
    assert (ended.code, ended.err) == (0, "")
    assert list(json.loads(ended.out)["attribution"]) == symbols


def test_one_symbol_may_be_named(robotrader: Robotrader) -> None:
    ended = robotrader("backtest", "SmaCross", "--bars", "Apple=sample:AAPL", "--json")
    told = json.loads(ended.out)
    assert told["bars"]["symbol"] == told["config"]["instrument"]["symbol"] == "Apple"
    assert "attribution" not in told


def test_the_report_names_the_symbols(robotrader: Robotrader, folder: Path) -> None:
    ended = robotrader("backtest", "MomentumRotation", *TWO, "--report", "out.html")
    assert ended.code == 0
    assert str(folder / "out.html") in ended.out
    page = (folder / "out.html").read_text(encoding="utf-8")
    assert "<!doctype html>" in page
    assert "<td>MSFT</td>" in page
