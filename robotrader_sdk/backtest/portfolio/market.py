"""The panel as arrays along its timeline, and what each symbol is traded on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from robotrader_sdk.backtest.config import BacktestConfig
from robotrader_sdk.backtest.perpetual import PerpetualData
from robotrader_sdk.data.panel import Panel
from robotrader_sdk.errors import BacktestError
from robotrader_sdk.strategy.weights import WeightLimits
from robotrader_sdk.trading.book import Table
from robotrader_sdk.trading.costs import make_terms
from robotrader_sdk.trading.margin import Perpetual

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Market:
    """A panel, the settings of each symbol, and what is known of its perpetuals."""

    panel: Panel
    configs: tuple[BacktestConfig, ...]
    perpetuals: tuple[PerpetualData | None, ...]

    @classmethod
    def of(
        cls, panel: Panel, config: BacktestConfig, perpetuals: Mapping[str, PerpetualData]
    ) -> Market:
        """The market of a run; BacktestError if a perpetual's data are not there."""
        configs = tuple(symbol_config(config, symbol) for symbol in panel.symbols)
        for symbol, own in zip(panel.symbols, configs, strict=True):
            if own.instrument.is_perpetual and symbol not in perpetuals:
                raise BacktestError(f"{symbol} is a perpetual, but its mark price was not read")
        return cls(panel, configs, tuple(perpetuals.get(symbol) for symbol in panel.symbols))

    @cached_property
    def open(self) -> Floats:
        """Each symbol's open at each time, shape (times, symbols); without a bar its last close.

        0 before its first bar.
        """
        opens = self.panel.array("open")
        return np.where(np.isnan(opens), self.close, opens)

    @cached_property
    def close(self) -> Floats:
        """Each symbol's close at each time; without a bar its last, 0 before its first."""
        closes = self.panel.array("close")
        known = np.where(np.isnan(closes), 0, np.arange(len(closes))[:, np.newaxis])
        last = np.maximum.accumulate(known, axis=0)
        return np.nan_to_num(np.take_along_axis(closes, last, axis=0))

    @cached_property
    def last_bars(self) -> NDArray[np.int64]:
        """At which of the panel's times each symbol has its last bar."""
        return np.array([places[-1] for places in self.panel.places], np.int64)

    @cached_property
    def limits(self) -> WeightLimits:
        """What weights the instruments allow."""
        return WeightLimits(
            self.panel.symbols,
            np.array([config.instrument.kind != "spot" for config in self.configs]),
            np.array([config.leverage for config in self.configs]),
        )

    @cached_property
    def rules(self) -> tuple[Perpetual | None, ...]:
        """What the trading rules read of each perpetual; None for what is none."""
        return tuple(None if data is None else data.rules for data in self.perpetuals)

    def terms(self, take_profit_first: bool) -> tuple[Table, ...]:
        """The terms of one pass, a table of one row for each symbol."""
        return tuple(
            make_terms(
                config.instrument,
                config.fees,
                config.slippage,
                leverage=config.leverage,
                isolated=config.margin == "isolated",
                fill_on_touch=config.limit_fill == "touch",
                take_profit_first=take_profit_first,
            )
            for config in self.configs
        )


def symbol_config(config: BacktestConfig, symbol: str) -> BacktestConfig:
    """The settings of one symbol of a panel."""
    for_symbol = getattr(config, "for_symbol", None)
    own: BacktestConfig = config if for_symbol is None else for_symbol(symbol)
    return own


def contract_of(symbols: tuple[str, ...], configs: tuple[BacktestConfig, ...]) -> str:
    """How orders are filled and what is paid, said once for all symbols that share it."""
    by_text: dict[str, list[str]] = {}
    for symbol, config in zip(symbols, configs, strict=True):
        by_text.setdefault(config.contract, []).append(symbol)
    if len(by_text) == 1:
        return next(iter(by_text))
    return "; ".join(f"{_listed(those)}: {text}" for text, those in by_text.items())


def _listed(symbols: list[str]) -> str:
    shown = ", ".join(symbols[:3])
    return shown if len(symbols) <= 3 else f"{shown} and {len(symbols) - 3} more"
