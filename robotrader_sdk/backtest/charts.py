"""A result as a figure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    from robotrader_sdk.backtest.result import BacktestResult


def interactive(result: BacktestResult, *, refine: bool = False) -> Any:
    """The plotly figure of a result, or a widget that refines on zoom."""
    from robotrader_sdk.plots.dashboard import result_figure
    from robotrader_sdk.plots.refine import refining_figure

    draw = refining_figure if refine else result_figure
    return draw(**_frames(result), start_equity=result.config.cash)


def static(result: BacktestResult) -> Any:
    """The matplotlib figure of a result."""
    from robotrader_sdk.plots.static import static_figure

    return static_figure(**_frames(result), start_equity=result.config.cash)


def _frames(result: BacktestResult) -> dict[str, Any]:
    n_bars = len(result.index)
    return {
        "bars": result.bars.iloc[:n_bars],
        "fills": result.fills,
        "equity": result.equity,
        "drawdown": result.drawdown,
        "indicators": {
            name: pd.Series(values[:n_bars], index=result.index, name=name)
            for name, values in result.indicators.items()
            if len(values) >= n_bars
        },
        "trades": result.trades,
        "title": result.strategy,
    }
