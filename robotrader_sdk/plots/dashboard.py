"""The figure of a run: price with fills and indicators, equity, drawdown, above one time axis."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from robotrader_sdk.plots import theme
from robotrader_sdk.plots.captions import subtitle
from robotrader_sdk.plots.lines import drawdown_trace, equity_traces, indicator_traces
from robotrader_sdk.plots.panels import Stack, stack_layout, stack_panels
from robotrader_sdk.plots.prices import (
    Trace,
    candle_trace,
    fill_traces,
    trade_traces,
    volume_trace,
)
from robotrader_sdk.plots.run import Limits, Run, Window, prepare_run
from robotrader_sdk.plots.times import hover_format, span_with_margin


def result_figure(
    bars: pd.DataFrame,
    fills: pd.DataFrame,
    equity: pd.Series[float],
    drawdown: pd.Series[float],
    indicators: Mapping[str, pd.Series[float]],
    trades: pd.DataFrame,
    title: str,
    *,
    start_equity: float | None = None,
    volume: bool = False,
    limits: Limits | None = None,
) -> Any:
    """A plotly figure of one run.

    `bars` has the columns open, high, low, close, volume and a UTC index; `fills` time, side
    (buy, sell), price, quantity, and where known fee, reason, pnl; `trades` those of a result.
    `equity`, `drawdown` and each of `indicators` have one value a bar. Indicators near the price
    are drawn upon it, others in a panel of their own, shared by those whose names begin with the
    same word. Buy and hold starts from `start_equity`, by default from the first equity.

    Beyond `limits` bars are merged (each candle keeps its extremes), lines thinned (keeping
    theirs) and fills left out evenly; the subtitle says so.

    PlotError if there are no bars or a column is missing.
    """
    run = prepare_run(
        bars, fills, equity, drawdown, indicators, trades, title, start_equity, volume, limits
    )
    return run_figure(run)


def run_figure(run: Run) -> Any:
    """The figure of all bars of a run."""
    stack, window = stack_panels(run), run.whole()
    layout = stack_layout(stack)
    layout["xaxis"] |= {
        "hoverformat": hover_format(run.bars.index),
        "range": span_with_margin(run.bars.index),
    }
    layout["title"] = {
        "text": f"<b>{html.escape(run.title, quote=False)}</b>",
        "font": {"size": 17, "color": theme.INK},
        "x": 0.0,
        "xref": "paper",
        "subtitle": {
            "text": subtitle(run, window),
            "font": {"size": 12, "color": theme.MUTED},
        },
    }
    return RunFigure(data=run_traces(run, stack, window), layout=layout)


class RunFigure(go.Figure):  # type: ignore[misc]  # plotly ships no types
    """A figure that an exported notebook still shows, without a kernel and without a network."""

    _ipython_display_ = None  # plotly's own would come first, and leave no HTML behind

    def _repr_mimebundle_(self, *_: Any, **__: Any) -> dict[str, Any]:
        page = self.to_html(include_plotlyjs=True, full_html=False, default_height=800)
        return {"application/vnd.plotly.v1+json": json.loads(self.to_json()), "text/html": page}


def run_traces(run: Run, stack: Stack, window: Window) -> list[Trace]:
    """All traces of a window; the same ones in the same order whatever the window."""
    traces = [candle_trace(run, window, stack.price)]
    if stack.volume is not None:
        traces.append(volume_trace(run, window, stack.volume))
    traces += indicator_traces(run, window, run.overlays, stack.price)
    traces += trade_traces(run, window, stack.price)
    traces += fill_traces(run, window, stack.price)
    for name, panel in stack.indicators.items():
        traces += indicator_traces(run, window, run.panels[name], panel)
    traces += equity_traces(run, window, stack.equity)
    return [*traces, drawdown_trace(run, window, stack.drawdown)]
