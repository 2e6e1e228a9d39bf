"""From what `rt.backtest` was given for a panel to its run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from robotrader_sdk.backtest.config import BacktestConfig
from robotrader_sdk.backtest.perpetual import PerpetualData, read_perpetual
from robotrader_sdk.backtest.portfolio.result import PortfolioResult
from robotrader_sdk.backtest.portfolio.run import run_portfolio
from robotrader_sdk.backtest.settings import check_symbols, for_panel
from robotrader_sdk.data.panel import Panel
from robotrader_sdk.errors import BacktestError, RobotraderError
from robotrader_sdk.strategy.base import Strategy
from robotrader_sdk.strategy.portfolio import PortfolioStrategy


def backtest_panel(
    strategy: Strategy | PortfolioStrategy,
    bars: Any,
    settings: dict[str, Any],
    funding: object,
    mark: object,
    detail: object,
) -> PortfolioResult:
    """`rt.backtest` for a panel: settings may be dicts by symbol."""
    if detail is not None:
        raise BacktestError("detail= decides inside the bars of one symbol; a panel takes none")
    panel = bars if isinstance(bars, Panel) else Panel(bars)
    config = for_panel(settings, panel)
    perpetuals = _perpetuals(panel, config, funding=funding, mark=mark)
    return run_portfolio(strategy, panel, config, perpetuals)


def _perpetuals(panel: Panel, config: BacktestConfig, **series: Any) -> dict[str, PerpetualData]:
    for name, given in series.items():
        if isinstance(given, Mapping):
            check_symbols(name, given, panel)
        elif given is not None:
            raise BacktestError(
                f"{name} of a panel is a dict by symbol, got {type(given).__name__}"
            )
    read = {}
    for symbol in panel.symbols:
        own = {name: (given or {}).get(symbol) for name, given in series.items()}
        try:
            data = read_perpetual(panel[symbol], config.for_symbol(symbol), **own)
        except RobotraderError as error:
            error.args = (f"{symbol}: {error}", *error.args[1:])
            raise
        if data is not None:
            read[symbol] = data
    return read
