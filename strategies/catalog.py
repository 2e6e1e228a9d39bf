"""The catalog: every strategy of this package by name, one line each.

The command line finds it through the entry-point group `robotrader.strategies`. To add a
strategy, write its file and add its line here.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, cast

if TYPE_CHECKING:
    import robotrader_sdk as rt

Form = Literal["vectorised", "event"]
Family = Literal["trend", "breakout", "reversion", "carry", "allocation", "passive"]
Market = Literal["symbol", "panel"]


@dataclass(frozen=True, slots=True)
class CatalogEntry:
    """One strategy, described without loading it.

    path: where its class is, `module:Class`.
    title: its name in words; idea: one line, a whole thought.
    form: `vectorised` (it has `signals` or `target_weights`) or `event` (it has `on_bar`).
    family: what it bets on.
    market: what it is written for: the bars of one symbol, or a panel of several.
    """

    path: str
    title: str
    idea: str
    form: Form
    family: Family
    market: Market = "symbol"

    def load(self) -> type[rt.Strategy] | type[rt.PortfolioStrategy]:
        """Import its file and return the class."""
        module, _, name = self.path.partition(":")
        loaded = getattr(importlib.import_module(module), name)
        return cast("type[rt.Strategy] | type[rt.PortfolioStrategy]", loaded)


_ENTRIES = (
    CatalogEntry(
        "strategies.sma_cross:SmaCross",
        "SMA cross",
        "long while the fast average of the close is above the slow one",
        "vectorised",
        "trend",
    ),
    CatalogEntry(
        "strategies.ema_trend:EmaTrend",
        "EMA trend with ADX filter",
        "long while the fast EMA is above the slow one, entered only in a strong trend",
        "vectorised",
        "trend",
    ),
    CatalogEntry(
        "strategies.macd_trend:MacdTrend",
        "MACD with trend filter",
        "MACD crosses its signal line in the direction of the long trend",
        "vectorised",
        "trend",
    ),
    CatalogEntry(
        "strategies.supertrend:Supertrend",
        "Supertrend",
        "follow a band of average true ranges that trails the price",
        "vectorised",
        "trend",
    ),
    CatalogEntry(
        "strategies.triple_screen:TripleScreen",
        "Triple screen (Elder)",
        "buy where a dip ends, while the momentum of coarser bars rises",
        "event",
        "trend",
    ),
    CatalogEntry(
        "strategies.momentum_rotation:MomentumRotation",
        "Momentum rotation",
        "each month hold the symbols of a panel that have risen most, if they have risen",
        "vectorised",
        "trend",
        "panel",
    ),
    CatalogEntry(
        "strategies.donchian_breakout:DonchianBreakout",
        "Donchian breakout (turtle)",
        "buy a new high of 20 bars, leave at a new low of 10, risk the same at each stop",
        "vectorised",
        "breakout",
    ),
    CatalogEntry(
        "strategies.rsi_reversion:RsiReversion",
        "RSI reversion",
        "buy as the RSI leaves the oversold zone, leave at its middle",
        "vectorised",
        "reversion",
    ),
    CatalogEntry(
        "strategies.bollinger_reversion:BollingerReversion",
        "Bollinger reversion",
        "buy as the close falls out of the lower band, leave at the average",
        "vectorised",
        "reversion",
    ),
    CatalogEntry(
        "strategies.grid:Grid",
        "Grid",
        "limit buys one below the other, each sold one level up",
        "event",
        "reversion",
    ),
    CatalogEntry(
        "strategies.pairs_reversion:PairsReversion",
        "Pairs reversion",
        "short what ran ahead of its pair, long the other, until they meet again",
        "vectorised",
        "reversion",
        "panel",
    ),
    CatalogEntry(
        "strategies.funding_carry:FundingCarry",
        "Funding carry",
        "long spot and short the perpetual while longs pay much funding",
        "vectorised",
        "carry",
        "panel",
    ),
    CatalogEntry(
        "strategies.volatility_target:VolatilityTarget",
        "Volatility target",
        "hold every symbol of a panel, less of it the more it swings",
        "vectorised",
        "allocation",
        "panel",
    ),
    CatalogEntry(
        "strategies.risk_parity:RiskParity",
        "Risk parity",
        "hold every symbol of a panel, each contributing the same to the risk",
        "event",
        "allocation",
        "panel",
    ),
    CatalogEntry(
        "strategies.dca:Dca",
        "Dollar-cost averaging",
        "buy for the same amount every few bars until the cash is spent",
        "event",
        "passive",
    ),
    CatalogEntry(
        "strategies.buy_and_hold:BuyAndHold",
        "Buy and hold",
        "buy at once and never sell: what every other strategy has to beat",
        "vectorised",
        "passive",
    ),
)

CATALOG: Mapping[str, CatalogEntry] = MappingProxyType(
    {entry.path.partition(":")[2]: entry for entry in _ENTRIES}
)
"""Entries by class name."""
