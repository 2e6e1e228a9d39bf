"""Panels and strategies that the tests of portfolios share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import numpy as np
import pandas as pd
import pytest

import robotrader_sdk as rt

FREE = rt.Fees(maker=0.0, taker=0.0)
Prices = tuple[float, float, float, float]


class Weights(rt.PortfolioStrategy):
    """Gives the rows it was made with; NaN cells of a row mean no column."""

    wanted: pd.DataFrame
    rebalance: Any = None
    drift_band: Any = None

    @classmethod
    def of(cls, wanted: pd.DataFrame, rebalance: Any = None, drift_band: Any = None) -> Self:
        strategy = cls()
        strategy.wanted = wanted
        strategy.__dict__.update(rebalance=rebalance, drift_band=drift_band)
        return strategy

    def fresh(self) -> Self:
        return self.of(self.wanted, self.rebalance, self.drift_band)

    def target_weights(self, panel: rt.Panel) -> pd.DataFrame:
        return self.wanted


class Written(rt.PortfolioStrategy):
    """An `on_bar` written as a function of the strategy and ctx."""

    warmup_bars = 0
    rebalance: Any = None
    drift_band: Any = None
    functions: tuple[Callable[..., Any], Callable[..., Any] | None]

    @classmethod
    def of(
        cls,
        on_bar: Callable[..., Any],
        init: Callable[..., Any] | None = None,
        rebalance: Any = None,
        drift_band: Any = None,
    ) -> Self:
        strategy = cls()
        strategy.functions = (on_bar, init)
        strategy.__dict__.update(rebalance=rebalance, drift_band=drift_band)
        return strategy

    def fresh(self) -> Self:
        return self.of(*self.functions, self.rebalance, self.drift_band)

    def init(self, panel: Any) -> None:
        if self.functions[1] is not None:
            self.functions[1](self, panel)

    def on_bar(self, ctx: rt.PortfolioContext) -> None:
        self.functions[0](self, ctx)


def times(n_bars: int, freq: str = "D", start: str = "2024-01-01") -> pd.DatetimeIndex:
    """Open times of consecutive bars."""
    return pd.date_range(start, periods=n_bars, freq=freq, tz="UTC", name="open_time")


def bars_of(prices: list[Prices | float | None], index: pd.DatetimeIndex) -> pd.DataFrame:
    """Bars from (open, high, low, close), or from one price for all four; None: no bar."""
    rows = {
        time: (row if isinstance(row, tuple) else (row,) * 4)
        for time, row in zip(index, prices, strict=True)
        if row is not None
    }
    table = pd.DataFrame.from_dict(rows, orient="index", columns=["open", "high", "low", "close"])
    table.index = pd.DatetimeIndex(table.index, name="open_time")
    return table.astype(float).assign(volume=1.0)


def panel_of(prices: dict[str, list[Any]]) -> dict[str, pd.DataFrame]:
    """A panel of daily bars; see `bars_of`."""
    index = times(max(map(len, prices.values())))
    return {symbol: bars_of(rows, index) for symbol, rows in prices.items()}


def rows(wanted: dict[int, dict[str, float]]) -> pd.DataFrame:
    """Weights by the number of the daily bar they are decided at."""
    index = times(max(wanted) + 1)
    return (
        pd.DataFrame({index[bar]: row for bar, row in wanted.items()}).T.astype(float).fillna(0.0)
    )


def random_panel(
    n_bars: int, symbols: list[str], seed: int = 1, freq: str = "D", volatility: float = 0.02
) -> dict[str, pd.DataFrame]:
    """Random walks whose opens differ a little from the closes before."""
    rng = np.random.default_rng(seed)
    panel = {}
    for symbol in symbols:
        close = 100 * np.exp(np.cumsum(rng.normal(0, volatility, n_bars)))
        opened = np.r_[100.0, close[:-1]] * (1 + rng.normal(0, volatility / 4, n_bars))
        spread = np.abs(rng.normal(0, volatility / 2, (2, n_bars)))
        panel[symbol] = pd.DataFrame(
            {
                "open": opened,
                "high": np.maximum(opened, close) * (1 + spread[0]),
                "low": np.minimum(opened, close) * (1 - spread[1]),
                "close": close,
                "volume": 1.0,
            },
            index=times(n_bars, freq),
        )
    return panel


def fills_of(result: rt.PortfolioResult) -> list[tuple[Any, ...]]:
    """Every fill as bar, symbol, side, quantity, price and reason."""
    index = result.panel.index
    return [
        (index.get_loc(f.time), f.symbol, f.side, near(f.quantity), near(f.price), f.reason)
        for f in result.fills.itertuples()
    ]


def fill(text: str) -> tuple[Any, ...]:
    """`"1 A buy 2 @ 100 entry"` as bar, symbol, side, quantity, price and reason."""
    bar, symbol, side, quantity, at, price, reason = text.split()
    assert at == "@", text
    return int(bar), symbol, side, float(quantity), float(price), reason


def near(value: float) -> Any:
    """A number that equals those that differ in the tenth digit only."""
    return pytest.approx(value, rel=1e-9)
