"""A portfolio of many symbols, rebalanced monthly: ours and bt, with the same weights."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

import robotrader_sdk as rt

Job = Callable[[], "np.ndarray[Any, np.dtype[np.float64]]"]
"""Gives the equity at each close."""

NO_FEES = rt.Fees(maker=0.0, taker=0.0)


class MonthlyWeights(rt.PortfolioStrategy):
    """Weights for every day, of which the last of each month are traded."""

    rebalance = "monthly"
    weights: pd.DataFrame

    def fresh(self) -> MonthlyWeights:
        return with_weights(self.weights)

    def target_weights(self, panel: rt.Panel) -> pd.DataFrame:
        return self.weights


def with_weights(weights: pd.DataFrame) -> MonthlyWeights:
    strategy = MonthlyWeights()
    strategy.weights = weights
    return strategy


def daily_bars(n_symbols: int, n_bars: int, seed: int = 1) -> dict[str, pd.DataFrame]:
    """Random walks by the day, as frames of bars."""
    rng = np.random.default_rng(seed)
    index = pd.date_range("2019-01-01", periods=n_bars, freq="D", tz="UTC", name="open_time")
    frames = {}
    for number in range(n_symbols):
        close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.02, n_bars)))
        opens = np.concatenate([close[:1], close[:-1]])
        table = {
            "open": opens,
            "high": np.maximum(opens, close) * 1.002,
            "low": np.minimum(opens, close) * 0.998,
            "close": close,
            "volume": np.ones(n_bars),
        }
        frames[f"S{number}"] = pd.DataFrame(table, index=index)
    return frames


def month_end_weights(frames: dict[str, pd.DataFrame], seed: int = 2) -> pd.DataFrame:
    """Weights that sum to 1 at the last day of each month."""
    rng = np.random.default_rng(seed)
    index = pd.DatetimeIndex(next(iter(frames.values())).index)
    ends = index[np.concatenate([index.month[1:] != index.month[:-1], [False]])]
    table = rng.dirichlet(np.ones(len(frames)), len(ends))
    return pd.DataFrame(table, index=ends, columns=list(frames))


def our_job(frames: dict[str, pd.DataFrame], weights: pd.DataFrame) -> Job:
    """From the frames, bars checked, to the figures."""
    strategy = with_weights(weights)

    def job() -> Any:
        result = rt.backtest(strategy, frames, fees=NO_FEES, fill_at="close")
        float(result.stats["sharpe"])
        return result.equity.to_numpy()

    return job


def bt_job(frames: dict[str, pd.DataFrame], weights: pd.DataFrame) -> Job:
    """bt: WeighTarget and Rebalance over the closes, and its statistics."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import bt

    closes = pd.DataFrame({symbol: frame["close"] for symbol, frame in frames.items()})
    closes, wanted = closes.tz_localize(None), weights.tz_localize(None)

    def job() -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            algorithms = [bt.algos.WeighTarget(wanted), bt.algos.Rebalance()]
            test = bt.Backtest(
                bt.Strategy("weights", algorithms),
                closes,
                integer_positions=False,
                initial_capital=10_000.0,
                progress_bar=False,
            )
            float(bt.run(test).stats.loc["daily_sharpe"].iloc[0])
        return test.strategy.values.loc[closes.index].to_numpy()

    return job
