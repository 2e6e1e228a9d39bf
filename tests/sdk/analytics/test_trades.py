"""Figures of closed trades."""

from __future__ import annotations

import math
import statistics

import pytest

from robotrader_sdk.analytics import trades

PNL = [30.0, -10.0, 0.0, -20.0, -5.0, 40.0, -1.0]


@pytest.mark.parametrize(
    ("figure", "expected"),
    [
        (trades.win_rate, 2 / 7),
        (trades.profit_factor, 70 / 36),
        (trades.expectancy, 34 / 7),
        (trades.avg_win, 35.0),
        (trades.avg_loss, -9.0),
        (trades.payoff_ratio, 35 / 9),
        (trades.max_consecutive_losses, 2),
        (trades.sqn, statistics.mean(PNL) / statistics.stdev(PNL) * 7**0.5),
        (trades.avg_trade, 34 / 7),
        (trades.best_trade, 40.0),
        (trades.worst_trade, -20.0),
        (trades.avg_bars_held, 34 / 7),
    ],
)
def test_figure(figure, expected: float) -> None:  # type: ignore[no-untyped-def]
    assert figure(PNL) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    "figure",
    [
        trades.win_rate,
        trades.profit_factor,
        trades.expectancy,
        trades.avg_win,
        trades.avg_loss,
        trades.payoff_ratio,
        trades.sqn,
        trades.avg_trade,
        trades.best_trade,
        trades.worst_trade,
        trades.avg_bars_held,
    ],
)
def test_without_trades_every_figure_is_nan(figure) -> None:  # type: ignore[no-untyped-def]
    assert math.isnan(figure([]))


def test_without_losses_the_profit_factor_is_infinite() -> None:
    assert trades.profit_factor([1.0, 2.0]) == math.inf
    assert trades.profit_factor([-1.0, -2.0]) == 0.0
    assert math.isnan(trades.profit_factor([0.0, 0.0]))


def test_payoff_needs_gains_and_losses() -> None:
    assert math.isnan(trades.payoff_ratio([1.0, 2.0]))
    assert math.isnan(trades.payoff_ratio([-1.0, -2.0]))


@pytest.mark.parametrize(
    ("pnl", "expected"),
    [
        ([], 0),
        ([1.0], 0),
        ([-1.0], 1),
        ([-1.0, -1.0, 1.0, -1.0], 2),
        ([1.0, -1.0, 0.0, -1.0, -1.0, -1.0], 3),
    ],
)
def test_losses_in_a_row(pnl: list[float], expected: int) -> None:
    assert trades.max_consecutive_losses(pnl) == expected


def test_trades_that_all_earned_the_same_have_no_sqn() -> None:
    assert math.isnan(trades.sqn([0.1, 0.1, 0.1]))
    assert math.isnan(trades.sqn([5.0]))
