"""The figure of a run as a picture, for where nothing interactive can be shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from robotrader_sdk.plots import picture, theme
from robotrader_sdk.plots.captions import subtitle
from robotrader_sdk.plots.downsample import extreme_positions
from robotrader_sdk.plots.panels import panel_heights
from robotrader_sdk.plots.prices import FILL_KINDS, FillKind, fills_of_kind, fills_shown
from robotrader_sdk.plots.run import Limits, Run, prepare_run

_INCHES_A_PART = 0.72
_STATIC_LIMITS = Limits(candles=500, points=2_000, fills=600)
_MARKERS: dict[str, Literal["^", "v"]] = {"buy": "^", "sell": "v"}


def static_figure(
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
) -> Figure:
    """A matplotlib figure with the panels of `result_figure`; save it with `savefig`.

    Takes and refuses what `result_figure` does. A picture holds 500 candles and 600 fills.
    """
    run = prepare_run(
        bars,
        fills,
        equity,
        drawdown,
        indicators,
        trades,
        title,
        start_equity,
        volume,
        _STATIC_LIMITS,
    )
    window = run.whole()
    figure, axes = picture.figure_of_panels(panel_heights(run), _INCHES_A_PART)
    price, drawdown_axes, equity_axes = axes[0], axes[-1], axes[-2]
    _draw_candles(price, run.candles(window))
    _draw_indicators(price, run, run.overlays)
    _draw_fills(price, fills_shown(run, window))
    if volume:
        _draw_volume(axes[1], run.candles(window))
    for panel, series in zip(axes[1 + volume : -2], run.panels.values(), strict=True):
        _draw_indicators(panel, run, series)
    for panel in axes[:-1]:
        picture.plain_numbers(panel)
    equity_lines = _thinned(run.equity, run), _thinned(run.buy_hold, run)
    picture.draw_equity(equity_axes, *equity_lines, "Buy and hold")
    picture.draw_drawdown(drawdown_axes, _thinned(run.drawdown, run))
    for panel in axes:
        place = "lower left" if panel is drawdown_axes else "upper left"
        picture.style(panel, loc=place, ncols=8, borderaxespad=0.1)
    picture.finish(figure, axes, run.title, subtitle(run, window))
    return figure


def _draw_candles(axes: Axes, candles: pd.DataFrame) -> None:
    times = picture.axis_times(candles.index)
    spacing = float(np.median(np.diff(times))) if len(times) > 1 else 1.0
    low, high = candles["low"].to_numpy(), candles["high"].to_numpy()
    bottom = candles[["open", "close"]].min(axis=1).to_numpy()
    top = candles[["open", "close"]].max(axis=1).to_numpy()
    rising = (candles["close"] >= candles["open"]).to_numpy()
    colours = np.where(rising, theme.RISING, theme.FALLING)
    # A body without height would not be seen: a hair of the whole range stands for it.
    least = (high.max() - low.min()) * 0.001
    axes.vlines(times, low, high, colors=list(colours), linewidth=0.8, zorder=2)
    axes.bar(
        times,
        np.maximum(top - bottom, least),
        width=spacing * 0.72,
        bottom=bottom,
        color=colours,
        zorder=3,
    )


def _draw_volume(axes: Axes, candles: pd.DataFrame) -> None:
    times = picture.axis_times(candles.index)
    spacing = float(np.median(np.diff(times))) if len(times) > 1 else 1.0
    axes.bar(
        times, candles["volume"].to_numpy(), width=spacing * 0.8, color=theme.VOLUME, label="Volume"
    )


def _draw_indicators(axes: Axes, run: Run, series: dict[str, pd.Series[float]]) -> None:
    colours = run.colour_numbers()
    width = 1.2 if len(run.bars) <= run.limits.points else 0.7
    for name, values in series.items():
        times, some = _thinned(values, run)
        colour = theme.indicator_colour(colours[name])
        axes.plot(times, some, color=colour, linewidth=width, label=picture.plain(name), zorder=4)


def _draw_fills(axes: Axes, fills: pd.DataFrame) -> None:
    size = 52.0 if len(fills) <= 150 else 18.0
    for kind in FILL_KINDS:
        some = fills_of_kind(fills, kind)
        if len(some):
            _draw_kind(axes, some, kind, size)


def _draw_kind(axes: Axes, fills: pd.DataFrame, kind: FillKind, size: float) -> None:
    hollow = kind.role == "exit"
    axes.scatter(
        picture.axis_times(pd.Index(fills["time"])),
        fills["price"].to_numpy(dtype=float),
        s=size * 1.8 if hollow else size,
        marker=_MARKERS[kind.side],
        facecolors="none" if hollow else kind.colour,
        edgecolors=kind.colour,
        linewidths=1.1 if hollow else 0.0,
        label=kind.label,
        zorder=5,
    )


def _thinned(series: pd.Series[float], run: Run) -> picture.Points:
    values = np.asarray(series, dtype=np.float64)
    kept = extreme_positions(values, run.limits.points)
    return picture.axis_times(series.index[kept]), values[kept]
