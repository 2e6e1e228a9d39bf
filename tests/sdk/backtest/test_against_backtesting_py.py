"""The trades of backtesting.py on its own bars: DESIGN.md section 8, first row.

SMA 10/30 cross, long and short, always in, no fees, whole shares, next open. It closes its last
trade at the last bar's open; under our contract that one stays open.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest

import robotrader_sdk as rt

FAST, SLOW = 10, 30


def _mean(values: Any, length: int) -> Any:
    return pd.Series(values).rolling(length).mean()


@pytest.fixture(scope="module")
def theirs() -> Any:
    """Their bars and their trades."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # theirs, about their own imports and last trade
        from backtesting import Backtest, Strategy
        from backtesting.lib import crossover
        from backtesting.test import GOOG

        class Cross(Strategy):  # type: ignore[misc]  # untyped
            def init(self) -> None:
                self.fast = self.I(_mean, self.data.Close, FAST)
                self.slow = self.I(_mean, self.data.Close, SLOW)

            def next(self) -> None:
                if crossover(self.fast, self.slow):
                    self.position.close()
                    self.buy()
                elif crossover(self.slow, self.fast):
                    self.position.close()
                    self.sell()

        stats = Backtest(GOOG, Cross, cash=10_000, commission=0, finalize_trades=True).run()
    return GOOG, stats["_trades"]


@pytest.fixture(scope="module")
def bars(theirs: Any) -> pd.DataFrame:
    frame: pd.DataFrame = theirs[0].rename(columns=str.lower).tz_localize("UTC")
    return frame


class Cross(rt.Strategy):
    def signals(self, bars: pd.DataFrame) -> rt.Signals:
        fast, slow = rt.ta.sma(bars["close"], FAST), rt.ta.sma(bars["close"], SLOW)
        return rt.Signals(
            enter_long=rt.ta.crossed_above(fast, slow),
            enter_short=rt.ta.crossed_below(fast, slow),
            fraction=0.9999,
        )


class EventCross(rt.Strategy):
    def init(self, bars: Any) -> None:
        self.fast = self.indicator(rt.ta.sma, bars.close, FAST)
        self.slow = self.indicator(rt.ta.sma, bars.close, SLOW)

    def on_bar(self, ctx: rt.Context) -> None:
        if self.fast[-1] > self.slow[-1] and self.fast[-2] <= self.slow[-2]:
            ctx.close_position()
            ctx.buy(fraction=0.9999)
        elif self.fast[-1] < self.slow[-1] and self.fast[-2] >= self.slow[-2]:
            ctx.close_position()
            ctx.sell(fraction=0.9999)


@pytest.mark.parametrize("form", [Cross, EventCross])
def test_the_same_trades(form: type[rt.Strategy], theirs: Any, bars: pd.DataFrame) -> None:
    result = rt.backtest(
        form(), bars, cash=10_000, fees=rt.Fees(0, 0), instrument=rt.Instrument(lot_size=1)
    )
    trades, known = result.trades, theirs[1].sort_values("EntryBar").reset_index(drop=True)
    assert len(trades) == len(known) == 66
    entries = bars.index.get_indexer(pd.DatetimeIndex(trades["entry_time"]))
    exits = bars.index.get_indexer(pd.DatetimeIndex(trades["exit_time"][:-1]))
    np.testing.assert_array_equal(entries, known["EntryBar"])
    np.testing.assert_array_equal(exits, known["ExitBar"][:-1])
    signed = trades["quantity"] * np.where(trades["direction"] == "long", 1, -1)
    np.testing.assert_array_equal(signed, known["Size"])
    np.testing.assert_allclose(trades["entry_price"], known["EntryPrice"], rtol=1e-12)
    np.testing.assert_allclose(trades["exit_price"][:-1], known["ExitPrice"][:-1], rtol=1e-12)
    np.testing.assert_allclose(trades["pnl"][:-1], known["PnL"][:-1], rtol=1e-9, atol=1e-9)

    assert trades["status"].value_counts().to_dict() == {"closed": 65, "open": 1}
    assert trades["status"].iloc[-1] == "open"
    assert result.stats["n_trades"] == 65
    assert round(result.stats["final_equity"], 2) == 51959.95
    assert round(100 * result.stats["max_drawdown"], 5) == -47.98013
