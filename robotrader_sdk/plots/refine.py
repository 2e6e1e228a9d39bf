"""A figure that shows finer bars the closer one looks, where a notebook's kernel runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from robotrader_sdk.plots.captions import subtitle
from robotrader_sdk.plots.dashboard import run_figure, run_traces
from robotrader_sdk.plots.panels import stack_panels
from robotrader_sdk.plots.run import Limits, Run, Window, prepare_run
from robotrader_sdk.plots.times import span_with_margin


def refining_figure(
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
    """The figure of `result_figure` as a widget that is drawn anew for the span zoomed to.

    Each zoom and move asks the kernel for the bars, lines and fills of the visible span alone,
    so that some thousand of them are always drawn. Where the whole run is drawn unabridged, and
    where the package anywidget is not installed, it is the plain figure.

    Takes and refuses what `result_figure` does.
    """
    run = prepare_run(
        bars, fills, equity, drawdown, indicators, trades, title, start_equity, volume, limits
    )
    figure = run_figure(run)
    if not _abridged(run):
        return figure
    try:
        widget = go.FigureWidget(figure)
    except ImportError:
        return figure
    _refine_on_zoom(widget, run)
    _fill_width_when_shown(widget)
    return widget


def visible_window(run: Run, span: Sequence[Any]) -> Window:
    """The bars in a span of the time axis, and one beyond each end."""
    start, end = (pd.to_datetime(time, utc=True, errors="coerce") for time in span)
    first = 0 if pd.isna(start) else int(run.bars.index.searchsorted(start)) - 1
    last = len(run.bars) if pd.isna(end) else int(run.bars.index.searchsorted(end, "right"))
    first = min(max(first, 0), len(run.bars) - 1)
    return run.window(first, max(min(last + 1, len(run.bars)), first + 1))


def _abridged(run: Run) -> bool:
    many_bars = len(run.bars) > min(run.limits.candles, run.limits.points)
    return many_bars or len(run.fills) > run.limits.fills or len(run.trades) > run.limits.trades


def _refine_on_zoom(widget: Any, run: Run) -> None:
    stack, shown = stack_panels(run), run.whole()

    def show(_layout: Any, span: Sequence[Any]) -> None:
        nonlocal shown
        window = visible_window(run, span)
        if window == shown:
            return
        shown = window
        with widget.batch_update():
            for trace, values in zip(widget.data, run_traces(run, stack, window), strict=True):
                trace.update(values, overwrite=True)
            widget.layout.title.subtitle.text = subtitle(run, window)

    def show_whole(_layout: Any, autorange: bool | None) -> None:
        # Left on, it would fit the axis to the last window's bars, and go unnoticed next time.
        if autorange:
            widget.layout.xaxis.update(autorange=False, range=span_with_margin(run.bars.index))

    widget.layout.on_change(show, "xaxis.range")
    widget.layout.on_change(show_whole, "xaxis.autorange")


def _fill_width_when_shown(widget: Any) -> None:
    """Have the browser measure again once the page holds the figure.

    Drawn before, it is 700 pixels wide and its subtitle stands above its title:
    https://github.com/plotly/plotly.py/issues/5208
    """

    def measure(views: Any) -> None:
        if (views["new"] or 0) > (views["old"] or 0):
            widget.layout.autosize = None  # setting what is set would send nothing
            widget.layout.autosize = True

    widget.observe(measure, "_view_count")
