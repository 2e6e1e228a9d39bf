"""RoboTrader's SDK: write a strategy, backtest it on bars, read a result that can be trusted.

Everything a notebook needs is one name away (`import robotrader_sdk as rt`); what a name
needs is imported when it is first used.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from robotrader_sdk import errors
from robotrader_sdk.loading import without_collecting

if TYPE_CHECKING:
    from robotrader_sdk import indicators as ta
    from robotrader_sdk.backtest.engine import backtest
    from robotrader_sdk.backtest.portfolio.result import PortfolioResult
    from robotrader_sdk.backtest.result import BacktestResult
    from robotrader_sdk.data.align import align
    from robotrader_sdk.data.download import load_bars
    from robotrader_sdk.data.files import read_bars
    from robotrader_sdk.data.gaps import fill_gaps, find_gaps
    from robotrader_sdk.data.panel import Panel
    from robotrader_sdk.data.resample import resample
    from robotrader_sdk.data.samples import sample_bars
    from robotrader_sdk.data.synthetic import synthetic_bars
    from robotrader_sdk.data.validate import validate_bars
    from robotrader_sdk.strategy.base import Strategy
    from robotrader_sdk.strategy.context import Context
    from robotrader_sdk.strategy.params import param
    from robotrader_sdk.strategy.portfolio import PortfolioStrategy
    from robotrader_sdk.strategy.portfolio_context import PortfolioContext
    from robotrader_sdk.strategy.signals import Signals
    from robotrader_sdk.trading.costs import Fees
    from robotrader_sdk.trading.instrument import Instrument
    from robotrader_sdk.trading.tiers import MarginTier
    from robotrader_sdk.types import Timeframe

__version__ = "0.1.0"

_WHERE = {
    "BacktestResult": "backtest.result",
    "Context": "strategy.context",
    "Fees": "trading.costs",
    "Instrument": "trading.instrument",
    "MarginTier": "trading.tiers",
    "Panel": "data.panel",
    "PortfolioContext": "strategy.portfolio_context",
    "PortfolioResult": "backtest.portfolio.result",
    "PortfolioStrategy": "strategy.portfolio",
    "Signals": "strategy.signals",
    "Strategy": "strategy.base",
    "Timeframe": "types",
    "align": "data.align",
    "fill_gaps": "data.gaps",
    "find_gaps": "data.gaps",
    "load_bars": "data.download",
    "param": "strategy.params",
    "read_bars": "data.files",
    "resample": "data.resample",
    "sample_bars": "data.samples",
    "synthetic_bars": "data.synthetic",
    "validate_bars": "data.validate",
}

__all__ = [
    "BacktestResult",
    "Context",
    "Fees",
    "Instrument",
    "MarginTier",
    "Panel",
    "PortfolioContext",
    "PortfolioResult",
    "PortfolioStrategy",
    "Signals",
    "Strategy",
    "Timeframe",
    "align",
    "backtest",
    "errors",
    "fill_gaps",
    "find_gaps",
    "load_bars",
    "param",
    "read_bars",
    "resample",
    "sample_bars",
    "synthetic_bars",
    "ta",
    "validate_bars",
]


def __getattr__(name: str) -> Any:
    if name == "ta":
        with without_collecting():
            value: Any = importlib.import_module("robotrader_sdk.indicators")
    elif name in _WHERE:
        with without_collecting():
            module = importlib.import_module(f"robotrader_sdk.{_WHERE[name]}")
        value = getattr(module, name)
    else:
        raise AttributeError(f"module 'robotrader_sdk' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


class _Package(ModuleType):
    """Keeps `rt.backtest` the function, although a sub-package has the same name.

    Importing `robotrader_sdk.backtest.engine` would set the attribute to the package.
    """

    @property
    def backtest(self) -> Any:
        return importlib.import_module("robotrader_sdk.backtest.engine").backtest

    @backtest.setter
    def backtest(self, value: object) -> None:
        pass


sys.modules[__name__].__class__ = _Package
