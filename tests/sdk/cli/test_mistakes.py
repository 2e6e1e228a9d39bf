"""A user's mistakes: exit code 2, nothing on stdout, one line that names what was expected."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import Robotrader

RUN = ("backtest", "SmaCross", "--bars", "sample:AAPL")
OWN = ("--bars", "sample:AAPL")

MISTAKES = {
    "unknown command": (["backtets"], "Did you mean 'backtest'"),
    "unknown option": ([*RUN, "--fees", "1"], "No such option: --fees"),
    "strategy missing": (["backtest"], "Missing argument 'STRATEGY'"),
    "bars missing": (["backtest", "SmaCross"], "Missing option '--bars'"),
    "no number": ([*RUN, "--cash", "much"], "Invalid value for '--cash'"),
    "no cash": ([*RUN, "--cash", "0"], "cash must be an amount of money above 0"),
    "negative cash": ([*RUN, "--cash", "-5"], "cash must be an amount of money above 0"),
    "infinite cash": ([*RUN, "--cash", "inf"], "cash must be an amount of money above 0"),
    "fee in percent": ([*RUN, "--taker-fee", "1"], "fees.taker must be a fraction"),
    "maker fee": ([*RUN, "--maker-fee", "nan"], "fees.maker must be a fraction"),
    "slippage": ([*RUN, "--slippage", "-.1"], "slippage is against the trader"),
    "kind": (
        [*RUN, "--kind", "future"],
        "expected one of ('synthetic', 'spot', 'linear_perpetual')",
    ),
    "tick": ([*RUN, "--tick-size", "-1"], "tick_size must be a number >= 0"),
    "fee currency": ([*RUN, "--fee-currency", "base"], "belongs to kind 'spot'"),
    "fill at": ([*RUN, "--fill-at", "open"], "one of 'next_open', 'close'"),
    "limit fill": ([*RUN, "--limit-fill", "never"], "one of 'through', 'touch'"),
    "set without =": ([*RUN, "--set", "fast"], "expected name=value"),
    "set without name": ([*RUN, "--set", "=3"], "expected name=value"),
    "set twice": ([*RUN, "--set", "fast=3", "--set", "fast=4"], "given twice: 3 and 4"),
    "unknown parameter": ([*RUN, "--set", "fsat=3"], "did you mean fast?"),
    "out of bounds": ([*RUN, "--set", "fast=1"], "greater than or equal to 2"),
    "no integer": ([*RUN, "--set", "fast=ten"], "valid integer"),
    "inconsistent": ([*RUN, "--set", "fast=60"], "fast"),
    "warm-up": ([*RUN, "--start", "2013-02-01"], "bars of warm-up"),
    "unknown strategy": (["backtest", "SmaCros", *OWN], "did you mean 'SmaCross'?"),
    "no class": (["backtest", "my cross.py", *OWN], "such as my cross.py:MyStrategy"),
    "empty class": (["backtest", "my cross.py:", *OWN], "such as my cross.py:MyStrategy"),
    "no such file": (["backtest", "none.py:Cross", *OWN], "none.py does not exist"),
    "no such module": (["backtest", "no_module:Cross", *OWN], "no module 'no_module'"),
    "no such class": (["backtest", "my cross.py:Corss", *OWN], "did you mean 'Cross'?"),
    "not a strategy": (["backtest", "my cross.py:NUMBER", *OWN], "it has Cross, Broken, Careless"),
    "check objects": (
        ["backtest", "my cross.py:Cross", *OWN, "--set", "length=13"],
        "13 brings bad luck",
    ),
    "check fails": (["backtest", "my cross.py:Careless", *OWN], "TypeError: not a ValueError"),
    "signals fail": (["backtest", "my cross.py:Broken", *OWN], "my cross.py, line 33)"),
    "unknown bars": (["backtest", "SmaCross", "--bars", "AAPL"], "sample:AAPL, or synthetic:SEED"),
    "the same symbol twice": (
        ["backtest", "RiskParity", *OWN, "--bars", "sample:aapl"],
        "there are bars of AAPL already; name one of them, as --bars NAME=sample:aapl",
    ),
    "a name twice": (
        ["backtest", "RiskParity", "--bars", "A=sample:AAPL", "--bars", "A=sample:IBM"],
        "there are bars of A already",
    ),
    "a name without bars": (["backtest", "RiskParity", "--bars", "A="], "SOURCE or NAME=SOURCE"),
    "bars without a name": (["backtest", "RiskParity", "--bars", "=sample:IBM"], "NAME=SOURCE"),
    "named bars unknown": (["backtest", "SmaCross", "--bars", "A=APPL"], "bars 'APPL' are not"),
    "no common timeframe": (
        ["backtest", "RiskParity", *OWN, "--bars", "synthetic:1"],
        "all symbols of a panel need one timeframe",
    ),
    "symbol of a pair": (
        ["backtest", "PairsReversion", *OWN],
        "no symbol 'ETH/USDT', it has AAPL; name yours with first=",
    ),
    "short in a panel": (
        [
            "backtest",
            "PairsReversion",
            *OWN,
            "--bars",
            "sample:MSFT",
            "--kind",
            "spot",
            "--set",
            "first=AAPL",
            "--set",
            "second=MSFT",
        ],
        "a spot instrument can't be sold short",
    ),
    "unknown sample": (["backtest", "SmaCross", "--bars", "sample:APPL"], "did you mean 'AAPL'?"),
    "no seed": (["backtest", "SmaCross", "--bars", "synthetic:x"], "expected a whole number"),
    "missing file": (["backtest", "SmaCross", "--bars", "none.csv"], "none.csv does not exist"),
    "no table": (["backtest", "SmaCross", "--bars", "notes.csv"], "notes.csv is no table of bars"),
    "binary file": (["backtest", "SmaCross", "--bars", "junk.parquet"], "can't be read as a"),
    "folder": (["backtest", "SmaCross", "--bars", "."], "is a folder; expected a file"),
    "period": ([*RUN, "--start", "soon"], "start='soon' is no time"),
    "period backwards": ([*RUN, "--start", "2012", "--end", "2011"], "start='2012' is no time"),
    "empty period": ([*RUN, "--start", "2020-01-01"], "has no bars from 2020-01-01"),
    "exchange": (["backtest", "SmaCross", "--bars", "binanec:BTC/USDT:1h"], "'binance'?"),
    "report is a folder": ([*RUN, "--report", "."], "expected the name of a file"),
    "report in no folder": ([*RUN, "--report", "none/out.html"], "there is no folder"),
    "demo into a file": (["demo", "--out", "notes.csv"], "there is no folder"),
    "market": (["download", "binance"], "expected exchange:symbol:timeframe"),
    "market in part": (["download", "binance:BTC/USDT"], "expected exchange:symbol:timeframe"),
    "market empty": (["download", "::"], "expected exchange:symbol:timeframe"),
    "timeframe": (["download", "binance:BTC/USDT:1hour"], "such as '1m', '4h' or '1d'"),
    "download from": (["download", "binanec:BTC/USDT:1h"], "did you mean 'binance'?"),
    "download ending": (["download", "binance:BTC/USDT:1h", "--out", "a.xls"], ".parquet"),
    "download to": (["download", "binance:BTC/USDT:1h", "--out", "no/a.csv"], "there is no folder"),
    "download time": (["download", "binance:BTC/USDT:1h", "--end", "later"], "end='later'"),
    "unknown in strategies": (["strategies", "nothing-like-it"], "expected one of SmaCross"),
}


@pytest.mark.parametrize(("args", "expected"), MISTAKES.values(), ids=MISTAKES)
def test_is_told_in_one_line(
    robotrader: Robotrader, strategy_file: Path, args: list[str], expected: str
) -> None:
    strategy_file.write_text(strategy_file.read_text().replace("print(", "len("))
    (strategy_file.parent / "notes.csv").write_text("just,some\nnotes,here\n")
    (strategy_file.parent / "junk.parquet").write_bytes(b"PAR1 junk")
    assert expected in robotrader(*args).error


def test_a_usage_error_says_where_help_is(robotrader: Robotrader) -> None:
    assert robotrader("backtest").error.endswith("(see: robotrader backtest --help)")
