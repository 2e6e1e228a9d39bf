"""What a user would pick instead, doing the same work. Each returns total return and trades."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

Job = Callable[[], tuple[float, int]]


def vectorbt_job(bars: pd.DataFrame, engine: str) -> Job:
    """vectorbt: indicators, signals, simulation, return, Sharpe, drawdown, number of trades.

    Its index is without time zone, which it handles faster.
    """
    import vectorbt as vbt

    vbt.settings["engine"] = engine
    close = bars["close"].tz_localize(None)

    def job() -> tuple[float, int]:
        vbt.settings["engine"] = engine
        fast, slow = vbt.MA.run(close, 10), vbt.MA.run(close, 50)
        portfolio = vbt.Portfolio.from_signals(
            close,
            fast.ma_crossed_above(slow),
            fast.ma_crossed_below(slow),
            fees=1e-4,
            init_cash=10_000.0,
            freq="1min",
        )
        portfolio.sharpe_ratio()
        portfolio.max_drawdown()
        return float(portfolio.total_return()), int(portfolio.trades.count())

    return job


def raptorbt_job(bars: pd.DataFrame) -> Job:
    """raptorbt: its `sma` and `run_single_backtest`, which computes its metrics with it."""
    import raptorbt

    times = bars.index.as_unit("ns").asi8
    columns = [np.ascontiguousarray(bars[name]) for name in bars.columns]
    close = columns[3]
    config = raptorbt.BacktestConfig(initial_capital=10_000.0, fees=1e-4)

    def job() -> tuple[float, int]:
        fast, slow = np.asarray(raptorbt.sma(close, 10)), np.asarray(raptorbt.sma(close, 50))
        above = fast > slow
        below = fast < slow
        enter, leave = np.zeros(len(close), bool), np.zeros(len(close), bool)
        enter[1:] = above[1:] & (fast[:-1] <= slow[:-1])
        leave[1:] = below[1:] & (fast[:-1] >= slow[:-1])
        done = raptorbt.run_single_backtest(times, *columns, enter, leave, config=config)
        return done.metrics.total_return_pct / 100.0, done.metrics.total_trades

    return job


def backtesting_py_job(bars: pd.DataFrame) -> Job:
    """backtesting.py: the cross in `next`, closing and buying at the next open."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import backtesting

    class Cross(backtesting.Strategy):
        def init(self) -> None:
            close = self.data.Close.s
            self.quick = self.I(lambda: close.rolling(10).mean())
            self.calm = self.I(lambda: close.rolling(50).mean())

        def next(self) -> None:
            if self.quick[-1] > self.calm[-1]:
                if self.quick[-2] <= self.calm[-2]:
                    self.buy()
            elif self.quick[-2] >= self.calm[-2]:
                self.position.close()

    frame = bars.rename(columns=str.capitalize).tz_localize(None)

    def job() -> tuple[float, int]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            backtesting.backtesting._tqdm = _silent
            test = backtesting.Backtest(frame, Cross, cash=1e7, commission=1e-4)
            done = test.run()
        return done["Return [%]"] / 100.0, int(done["# Trades"])

    return job


def _silent(iterable: Any, *_: Any, **__: Any) -> Any:
    return iterable
