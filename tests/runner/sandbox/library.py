"""Every strategy of the catalog, with markets and bars on which it decides something."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

import robotrader_sdk as rt
from robotrader_sdk.strategy.parametric import Parametric
from robotrader_sdk.types import Timeframe
from runner.sandbox.wire import MarketTerms
from strategies.catalog import CATALOG

HOUR = Timeframe.parse("1h")
_SYMBOLS = ("A/USDT", "B/USDT", "C/USDT")
_BEFORE_A_MONTH_ENDS = "2024-01-28"
_FUNDED = (*MarketTerms("X").columns, "funding_rate")

_SHORTER: dict[str, dict[str, Any]] = {
    "SmaCross": {"fast": 3, "slow": 8},
    "EmaTrend": {"fast": 4, "slow": 12, "min_adx": 5.0},
    "MacdTrend": {"trend": 20},
    "DonchianBreakout": {"entry_length": 8, "exit_length": 4},
    "RsiReversion": {"length": 4},
    "BollingerReversion": {"length": 8, "width": 1.0},
    "Dca": {"every": 5},
    "Grid": {"levels": 4, "spacing": 0.004, "fraction": 0.2},
    "MomentumRotation": {"lookback": 20, "skip": 2},
    "RiskParity": {"length": 20},
    "Supertrend": {"length": 4, "multiplier": 1.0},
    "TripleScreen": {"fast": 3, "slow": 6, "signal": 3, "coarse": "4h", "oversold": 45.0},
    "PairsReversion": {"length": 20, "entry": 1.0, "first": "A/USDT", "second": "B/USDT"},
    "FundingCarry": {"days": 1, "spot": "A/USDT", "perpetual": "B/USDT", "entry": 0.05},
}
"""Parameters under which some hundred bars are enough."""


@dataclass(frozen=True)
class Case:
    """A strategy to ask, and what to ask it about."""

    strategy: Parametric
    markets: tuple[MarketTerms, ...]
    bars: dict[str, pd.DataFrame]

    def until(self, n_bars: int) -> dict[str, pd.DataFrame]:
        """The histories as they were after so many bars."""
        return {symbol: frame.iloc[:n_bars] for symbol, frame in self.bars.items()}


def case_of(name: str, n_bars: int) -> Case:
    """A strategy of the catalog on made-up hours."""
    entry = CATALOG[name]
    strategy = entry.load()(**_SHORTER.get(name, {}))
    symbols = _SYMBOLS[:1] if entry.market == "symbol" else _SYMBOLS
    bars = {
        s: rt.synthetic_bars(n_bars, "1h", seed=7 + k, start=_BEFORE_A_MONTH_ENDS)
        for k, s in enumerate(symbols)
    }
    spot = {"PairsReversion": ""}.get(name, "A/USDT")  # which has no shorts
    markets = tuple(MarketTerms(s, is_perpetual=s != spot, leverage=3.0) for s in symbols)
    if name == "FundingCarry":
        hours = np.arange(n_bars)
        rates = np.where(hours % 8 == 0, 4e-4 * np.sin(hours / 10), 0.0)
        bars["B/USDT"] = bars["B/USDT"].assign(funding_rate=rates)
        funded = MarketTerms("B/USDT", is_perpetual=True, leverage=3.0, columns=_FUNDED)
        markets = tuple(funded if m.symbol == "B/USDT" else m for m in markets)
    return Case(strategy, markets, bars)
