"""bt 1.4 with the same weights: where the rules coincide, so does the equity.

They coincide with `fill_at="close"`, no costs and fractional quantities: bt trades at the close a
decision is made at. They differ: bt sizes before fees, so that weights that sum to 1 leave its
cash below 0; we size with the fees inside. bt fills at the same close always; we at the next open
by default. bt values what has no price as NaN; we at its last close.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest

import robotrader_sdk as rt

from .conftest import FREE, Weights, random_panel

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import bt

SYMBOLS = [f"S{k}" for k in range(8)]


def equity_of_bt(closes: pd.DataFrame, wanted: pd.DataFrame, **settings: Any) -> np.ndarray:
    closes, wanted = closes.tz_localize(None), wanted.tz_localize(None)
    closes.columns = list(closes.columns)
    algorithms = [bt.algos.WeighTarget(wanted), bt.algos.Rebalance()]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run = bt.Backtest(
            bt.Strategy("weights", algorithms),
            closes,
            integer_positions=False,
            initial_capital=10_000.0,
            progress_bar=False,
            **settings,
        )
        run.run()
    return run.strategy.values.loc[closes.index].to_numpy()


def wanted_weights(index: pd.DatetimeIndex, shorts: bool, seed: int = 2) -> pd.DataFrame:
    """Weights at the last day of each month, whose absolute values sum to 1."""
    rng = np.random.default_rng(seed)
    month_ends = index[np.r_[index.month[1:] != index.month[:-1], False]]
    table = rng.dirichlet(np.ones(len(SYMBOLS)), len(month_ends))
    if shorts:
        table *= rng.choice([-1.0, 1.0], table.shape)
    return pd.DataFrame(table, index=month_ends, columns=SYMBOLS)


@pytest.mark.parametrize("shorts", [False, True])
def test_the_same_equity(shorts: bool) -> None:
    panel = rt.Panel(random_panel(500, SYMBOLS))
    wanted = wanted_weights(panel.index, shorts)
    ours = rt.backtest(Weights.of(wanted), panel, fees=FREE, fill_at="close")
    theirs = equity_of_bt(panel.close, wanted)
    np.testing.assert_allclose(ours.equity, theirs, rtol=1e-9)
    assert len(ours.fills) > 100


def test_a_monthly_schedule_is_those_rows() -> None:
    panel = rt.Panel(random_panel(500, SYMBOLS))
    wanted = wanted_weights(panel.index, shorts=False)
    every_bar = wanted.reindex(panel.index).bfill().ffill()
    ours = rt.backtest(Weights.of(every_bar, "monthly"), panel, fees=FREE, fill_at="close")
    np.testing.assert_allclose(ours.equity, equity_of_bt(panel.close, wanted), rtol=1e-9)


def test_fees_are_inside_the_weights_not_on_top() -> None:
    panel = rt.Panel(random_panel(500, SYMBOLS))
    wanted = wanted_weights(panel.index, shorts=False)
    ours = rt.backtest(Weights.of(wanted), panel, fees=rt.Fees(0, 0.001), fill_at="close")
    theirs = equity_of_bt(panel.close, wanted, commissions=lambda q, p: abs(q) * p * 0.001)
    np.testing.assert_allclose(ours.equity, theirs, rtol=1e-3)
    assert abs(ours.equity_values[-1] / theirs[-1] - 1) > 1e-7
    assert ours.fills["cash"].min() > -1e-6
