"""Weights into fills: hand-made panels, every figure worked out beside it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

import robotrader_sdk as rt

from .conftest import FREE, Weights, fill, fills_of, panel_of, rows


@dataclass(frozen=True)
class Row:
    """One case: prices a bar (one for all four, or open, high, low, close), weights, fills."""

    name: str
    prices: dict[str, list[Any]]
    weights: dict[int, dict[str, float]]
    fills: list[str]
    rejected: list[str] = field(default_factory=list)
    equity: float | None = None
    rebalance: Any = None
    drift_band: Any = None
    settings: dict[str, Any] = field(default_factory=dict)


ROWS = [
    Row(
        "bought at the next open, each its weight of the equity",
        {"A": [100, 100, 100], "B": [50, 50, 50]},
        {0: {"A": 0.5, "B": 0.25}},
        ["1 A buy 50 @ 100 entry", "1 B buy 50 @ 50 entry"],
        equity=10_000,
    ),
    Row(
        "sized by the open, not by the close it was decided at",
        {"A": [100, (125, 125, 125, 125)], "B": [50, (40, 40, 40, 40)]},
        {0: {"A": 0.5, "B": 0.5}},
        ["1 A buy 40 @ 125 entry", "1 B buy 125 @ 40 entry"],
    ),
    Row(
        "sells before buys, whatever the order of the symbols",
        # 100 of A at 100; then half of it for B, which comes first in the panel
        {"B": [50, 50, 50, 50], "A": [100, 100, 100, 100]},
        {0: {"A": 1.0}, 1: {"A": 0.5, "B": 0.5}},
        ["1 A buy 100 @ 100 entry", "2 A sell 50 @ 100 exit", "2 B buy 100 @ 50 entry"],
        equity=10_000,
    ),
    Row(
        "no row, no decision: what has drifted stays",
        {"A": [100, 100, 200, 200], "B": [50, 50, 50, 50]},
        {0: {"A": 0.5, "B": 0.5}},
        ["1 A buy 50 @ 100 entry", "1 B buy 100 @ 50 entry"],
        equity=15_000,
    ),
    Row(
        "a column that is missing counts as 0",
        {"A": [100, 100, 100], "B": [50, 50, 50]},
        {0: {"A": 1.0}, 1: {"B": 1.0}},
        ["1 A buy 100 @ 100 entry", "2 A sell 100 @ 100 exit", "2 B buy 200 @ 50 entry"],
    ),
    Row(
        "weights that sum to 1 leave room for the fees",
        # E + .01 * (.5 E + .5 E) = 10,000
        {"A": [100, 100], "B": [50, 50]},
        {0: {"A": 0.5, "B": 0.5}},
        ["1 A buy 49.504950495 @ 100 entry", "1 B buy 99.00990099 @ 50 entry"],
        equity=10_000 / 1.01,
        settings={"fees": rt.Fees(0.01, 0.01)},
    ),
    Row(
        "the fees of what is sold are paid by all",
        # 100 of A; E = 10,000 - .01 * (10,000 - E / 2) - .01 * E / 2, so E = 9,900
        {"A": [100, 100, 100], "B": [50, 50, 50]},
        {0: {"A": 1.0}, 1: {"A": 0.5, "B": 0.5}},
        [
            "1 A buy 99.00990099 @ 100 entry",
            "2 A sell 50 @ 100 exit",
            "2 B buy 98.01980198 @ 50 entry",
        ],
        settings={"fees": rt.Fees(0.01, 0.01)},
    ),
    Row(
        "slippage is paid and each position worth its weight at the open",
        # buys at 101: E = 10,000 - .01 E, quantity .5 E / 100
        {"A": [100, 100], "B": [100, 100]},
        {0: {"A": 0.5, "B": 0.5}},
        ["1 A buy 49.504950495 @ 101 entry", "1 B buy 49.504950495 @ 101 entry"],
        equity=10_000 / 1.01,
        settings={"slippage": 0.01},
    ),
    Row(
        "whole lots, rounded down",
        {"A": [300, 300], "B": [700, 700]},
        {0: {"A": 0.5, "B": 0.5}},
        ["1 A buy 16 @ 300 entry", "1 B buy 7 @ 700 entry"],
        settings={"instrument": rt.Instrument(lot_size=1)},
    ),
    Row(
        "an entry of less than one lot is refused and listed",
        {"A": [300, 300], "B": [7_000, 7_000]},
        {0: {"A": 0.5, "B": 0.5}},
        ["1 A buy 16 @ 300 entry"],
        ["1 B the quantity is less than one lot"],
        settings={"instrument": rt.Instrument(lot_size=1)},
    ),
    Row(
        "a trade below min_notional is refused and listed; what depends on it gets less",
        # A is to be sold for 100, which is refused; B was to get 200 from it and 100 cash
        {"A": [100, 100, 100], "B": [50, 50, 50]},
        {0: {"A": 0.5, "B": 0.49}, 1: {"A": 0.49, "B": 0.51}},
        ["1 A buy 50 @ 100 entry", "1 B buy 98 @ 50 entry"],
        [
            "2 A quantity x price is below min_notional",
            "2 B quantity x price is below min_notional",
        ],
        settings={"instrument": rt.Instrument(min_notional=150)},
    ),
    Row(
        "short and long",
        {"A": [100, 100, 120], "B": [50, 50, 40]},
        {0: {"A": -0.5, "B": 0.5}},
        ["1 A sell 50 @ 100 entry", "1 B buy 100 @ 50 entry"],
        equity=10_000 - 50 * 20 - 100 * 10,
    ),
    Row(
        "a position that turns around is closed, then opened: two fills at one open",
        {"A": [100, 100, 100], "B": [50, 50, 50]},
        {0: {"A": 0.5, "B": -0.5}, 1: {"A": -0.5, "B": 0.5}},
        [
            "1 A buy 50 @ 100 entry",
            "1 B sell 100 @ 50 entry",
            "2 A sell 50 @ 100 reversal",
            "2 B buy 100 @ 50 reversal",
            "2 A sell 50 @ 100 entry",
            "2 B buy 100 @ 50 entry",
        ],
    ),
    Row(
        "both turn around although they tie up more than there is",
        # shorts of 60 lost: equity 7,600, tied 7,200; new longs of 3,800 each
        {"A": [100, 100, 120], "B": [100, 100, 120]},
        {0: {"A": -0.5, "B": -0.5}, 1: {"A": 0.5, "B": 0.5}},
        [
            "1 A sell 50 @ 100 entry",
            "1 B sell 50 @ 100 entry",
            "2 A buy 50 @ 120 reversal",
            "2 B buy 50 @ 120 reversal",
            "2 A buy 33.33333333 @ 120 entry",
            "2 B buy 33.33333333 @ 120 entry",
        ],
        equity=8_000,
    ),
    Row(
        "without a bar at the next open it trades at its next bar, sized by the equity then",
        {"A": [100, 100, 100, 100], "B": [50, None, 50, 50]},
        {0: {"A": 0.5, "B": 0.5}},
        ["1 A buy 50 @ 100 entry", "2 B buy 100 @ 50 entry"],
        equity=10_000,
    ),
    Row(
        "what can't be sold leaves less for what is bought, in proportion",
        # B can't be sold at 2 and ties up 5,000: .6 E of A and .4 E of C are to fit in the rest
        {"A": [100, 100, 100, 100], "B": [50, 50, None, 50], "C": [10, 10, 10, 10]},
        {0: {"B": 0.5, "A": 0.1}, 1: {"A": 0.6, "C": 0.4}},
        [
            "1 A buy 10 @ 100 entry",
            "1 B buy 100 @ 50 entry",
            "2 A buy 20 @ 100 entry",
            "2 C buy 200 @ 10 entry",
            "3 B sell 100 @ 50 exit",
        ],
    ),
    Row(
        "a newer decision replaces what still waits",
        {"A": [100, 100, 100, 100], "B": [50, None, 50, 50]},
        {0: {"B": 1.0}, 1: {"A": 1.0}},
        ["2 A buy 100 @ 100 entry"],
    ),
    Row(
        "a symbol that starts later is bought at its first open",
        {"A": [100, 100, 100], "B": [None, None, 50]},
        {0: {"A": 0.5, "B": 0.5}},
        ["1 A buy 50 @ 100 entry", "2 B buy 100 @ 50 entry"],
    ),
    Row(
        "the drift band trades back the one that has drifted, off schedule",
        # at 2 A is worth 10,000 of 15,000: .667 is .167 away from .5; B .333 as much
        {"A": [100, 100, 200, 200], "B": [50, 50, 50, 50]},
        {0: {"A": 0.5, "B": 0.5}},
        [
            "1 A buy 50 @ 100 entry",
            "1 B buy 100 @ 50 entry",
            "3 A sell 12.5 @ 200 exit",
            "3 B buy 50 @ 50 entry",
        ],
        drift_band=0.1,
    ),
    Row(
        "within the drift band nothing is traded, on schedule neither",
        {"A": [100, 100, 120, 120], "B": [50, 50, 50, 50]},
        {0: {"A": 0.5, "B": 0.5}, 2: {"A": 0.5, "B": 0.5}},
        ["1 A buy 50 @ 100 entry", "1 B buy 100 @ 50 entry"],
        drift_band=0.1,
    ),
    Row(
        "beside one that keeps more than its weight another gets what is left",
        # at 2: A 5,400 of 10,000 kept (.54), B .42 -> .5 but 4,600 are left
        {"A": [100, 100, 108, 108], "B": [50, 50, 42, 42]},
        {0: {"A": 0.5, "B": 0.5}, 2: {"A": 0.5, "B": 0.5}},
        ["1 A buy 50 @ 100 entry", "1 B buy 100 @ 50 entry"],
        equity=9_600,
        drift_band=0.07,
    ),
    Row(
        "opening and closing are done on schedule, however little it is",
        {"A": [100, 100, 100], "B": [50, 50, 50]},
        {0: {"A": 0.02}, 1: {"B": 0.02}},
        ["1 A buy 2 @ 100 entry", "2 A sell 2 @ 100 exit", "2 B buy 4 @ 50 entry"],
        drift_band=0.05,
    ),
    Row(
        "at the close, everything at the decision's own close",
        {"A": [100, (1, 200, 1, 100), 100], "B": [50, (1, 90, 1, 50), 50]},
        {1: {"A": 0.5, "B": 0.5}},
        ["1 A buy 50 @ 100 entry", "1 B buy 100 @ 50 entry"],
        settings={"fill_at": "close"},
    ),
    Row(
        "at the close, a symbol without a bar waits for the close of its next one",
        {"A": [100, 100, 100], "B": [50, None, (10, 60, 10, 50)]},
        {1: {"A": 0.5, "B": 0.5}},
        ["1 A buy 50 @ 100 entry", "2 B buy 100 @ 50 entry"],
        settings={"fill_at": "close"},
    ),
    Row(
        "every two bars, the newest row counts, also when it is old",
        {"A": [100, 100, 200, 200, 200, 200], "B": [50, 50, 50, 50, 50, 50]},
        {0: {"A": 0.5, "B": 0.5}},
        [
            "1 A buy 50 @ 100 entry",
            "1 B buy 100 @ 50 entry",
            "3 A sell 12.5 @ 200 exit",
            "3 B buy 50 @ 50 entry",
        ],
        rebalance=2,
    ),
    Row(
        "delisted: closed at the last close, by a taker",
        {"A": [100, 100, 100, 100], "B": [50, 50, 40, None]},
        {0: {"A": 0.5, "B": 0.5}},
        [
            "1 A buy 49.504950495 @ 100 entry",
            "1 B buy 99.00990099 @ 50 entry",
            "2 B sell 99.00990099 @ 40 delisted",
        ],
        equity=10_000 / 1.01 - 99.00990099 * (10 + 0.4),
        settings={"fees": rt.Fees(0, 0.01)},
    ),
    Row(
        "delisted below min_notional: closed all the same",
        {"A": [100, 100, 100, 100], "B": [50, 50, 1, None]},
        {0: {"B": 0.5}},
        ["1 B buy 100 @ 50 entry", "2 B sell 100 @ 1 delisted"],
        settings={"instrument": rt.Instrument(min_notional=500)},
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_rebalancing(row: Row) -> None:
    strategy = Weights.of(rows(row.weights), row.rebalance, row.drift_band)
    settings = {"fees": FREE, **row.settings}
    result = rt.backtest(strategy, panel_of(row.prices), **settings)
    assert fills_of(result) == [fill(text) for text in row.fills]
    refused = result.rejected
    at = [result.panel.index.get_loc(time) for time in refused["time"]]
    found = [
        f"{bar} {symbol} {reason}"
        for bar, symbol, reason in zip(at, refused["symbol"], refused["reason"], strict=True)
    ]
    assert found == row.rejected
    if row.equity is not None:
        assert result.equity.iloc[-1] == pytest.approx(row.equity, rel=1e-9)
