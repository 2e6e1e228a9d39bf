"""Traces of lines: indicators, equity, buy and hold, drawdown."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from robotrader_sdk.plots import theme
from robotrader_sdk.plots.downsample import extreme_positions
from robotrader_sdk.plots.panels import Panel
from robotrader_sdk.plots.run import Run, Window
from robotrader_sdk.plots.times import plain_times

Trace = dict[str, Any]


def indicator_traces(
    run: Run, window: Window, series: dict[str, pd.Series[float]], panel: Panel
) -> list[Trace]:
    """One thin line an indicator."""
    colours = run.colour_numbers()
    # A thinned line is a band of lowest and highest values: fine, so that candles show through.
    width = 1.4 if window.end - window.first <= run.limits.points else 0.7
    return [
        _line(
            run,
            window,
            values,
            panel,
            name=name,
            line={"color": theme.indicator_colour(colours[name]), "width": width},
            hovertemplate=f"{name} %{{y:,.6~g}}<extra></extra>",
        )
        for name, values in series.items()
    ]


def equity_traces(run: Run, window: Window, panel: Panel) -> list[Trace]:
    """Buy and hold as a thin line below, the equity above it."""
    return [
        _line(
            run,
            window,
            run.buy_hold,
            panel,
            name="Buy and hold",
            line={"color": theme.BENCHMARK, "width": 1.1, "dash": "dot"},
            hovertemplate="Buy and hold %{y:,.2f}<extra></extra>",
            legendrank=1_001,
        ),
        _line(
            run,
            window,
            run.equity,
            panel,
            name="Equity",
            line={"color": theme.EQUITY, "width": 1.8},
            hovertemplate="Equity %{y:,.2f}<extra></extra>",
        ),
    ]


def drawdown_trace(run: Run, window: Window, panel: Panel) -> Trace:
    """The drawdown, filled up to zero."""
    return _line(
        run,
        window,
        run.drawdown,
        panel,
        name="Drawdown",
        line={"color": theme.DRAWDOWN, "width": 1.1},
        fill="tozeroy",
        fillcolor=theme.DRAWDOWN_FILL,
        hovertemplate="Drawdown %{y:.2%}<extra></extra>",
    )


def _line(run: Run, window: Window, series: pd.Series[float], panel: Panel, **style: Any) -> Trace:
    part = series.iloc[window.first : window.end]
    values = np.asarray(part, dtype=np.float64)
    kept = extreme_positions(values, run.limits.points)
    return {
        "type": "scatter",
        "mode": "lines",
        "x": plain_times(part.index[kept]),
        "y": values[kept],
        **panel.axes(),
        **style,
    }
