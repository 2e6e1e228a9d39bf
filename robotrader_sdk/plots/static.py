"""The figure of a run as a picture, for where nothing interactive can be shown.

Drawn on a figure of its own, without pyplot: no window, no backend, nothing left behind.
"""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, PercentFormatter

from robotrader_sdk.plots import theme
from robotrader_sdk.plots.captions import subtitle
from robotrader_sdk.plots.downsample import extreme_positions
from robotrader_sdk.plots.panels import panel_heights
from robotrader_sdk.plots.prices import FILL_KINDS, FillKind, fills_of_kind, fills_shown
from robotrader_sdk.plots.run import Limits, Run, Window, prepare_run
from robotrader_sdk.plots.times import plain_times

_WIDTH = 12.0
_INCHES_A_PART = 0.72
_STATIC_LIMITS = Limits(candles=500, points=2_000, fills=600)
_MARKERS: dict[str, Literal["^", "v"]] = {"buy": "^", "sell": "v"}


class StaticFigure(Figure):
    """A figure that a notebook shows as it is, whatever backend is set there."""

    def _repr_png_(self) -> bytes:
        picture = BytesIO()
        self.savefig(picture, format="png")
        return picture.getvalue()


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
    figure, axes = _panels(run)
    price, drawdown_axes, equity_axes = axes[0], axes[-1], axes[-2]
    _draw_candles(price, run.candles(window))
    _draw_indicators(price, run, run.overlays)
    _draw_fills(price, fills_shown(run, window))
    if volume:
        _draw_volume(axes[1], run.candles(window))
    for panel, series in zip(axes[1 + volume : -2], run.panels.values(), strict=True):
        _draw_indicators(panel, run, series)
    _draw_equity(equity_axes, run)
    _draw_drawdown(drawdown_axes, run)
    _finish(figure, axes, run, window)
    return figure


def _panels(run: Run) -> tuple[Figure, list[Axes]]:
    heights = panel_heights(run)
    figure = StaticFigure(figsize=(_WIDTH, sum(heights) * _INCHES_A_PART + 0.8), dpi=110)
    grid = figure.subplots(
        len(heights), 1, sharex=True, squeeze=False, gridspec_kw={"height_ratios": heights}
    )
    return figure, list(grid[:, 0])


def _draw_candles(axes: Axes, candles: pd.DataFrame) -> None:
    times = _axis_times(candles.index)
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
    times = _axis_times(candles.index)
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
        axes.plot(times, some, color=colour, linewidth=width, label=_plain(name), zorder=4)


def _draw_fills(axes: Axes, fills: pd.DataFrame) -> None:
    size = 52.0 if len(fills) <= 150 else 18.0
    for kind in FILL_KINDS:
        some = fills_of_kind(fills, kind)
        if len(some):
            _draw_kind(axes, some, kind, size)


def _draw_kind(axes: Axes, fills: pd.DataFrame, kind: FillKind, size: float) -> None:
    hollow = kind.role == "exit"
    axes.scatter(
        _axis_times(pd.Index(fills["time"])),
        fills["price"].to_numpy(dtype=float),
        s=size * 1.8 if hollow else size,
        marker=_MARKERS[kind.side],
        facecolors="none" if hollow else kind.colour,
        edgecolors=kind.colour,
        linewidths=1.1 if hollow else 0.0,
        label=kind.label,
        zorder=5,
    )


def _draw_equity(axes: Axes, run: Run) -> None:
    axes.plot(*_thinned(run.equity, run), color=theme.EQUITY, linewidth=1.6, label="Equity")
    axes.plot(
        *_thinned(run.buy_hold, run),
        color=theme.BENCHMARK,
        linewidth=1.0,
        linestyle=":",
        label="Buy and hold",
        zorder=1.5,
    )


def _draw_drawdown(axes: Axes, run: Run) -> None:
    times, values = _thinned(run.drawdown, run)
    axes.fill_between(times, values, 0.0, color=theme.DRAWDOWN, alpha=0.16, linewidth=0)
    axes.plot(times, values, color=theme.DRAWDOWN, linewidth=1.0, label="Drawdown")
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))


def _thinned(series: pd.Series[float], run: Run) -> tuple[Any, Any]:
    values = np.asarray(series, dtype=np.float64)
    kept = extreme_positions(values, run.limits.points)
    return _axis_times(series.index[kept]), values[kept]


def _finish(figure: Figure, axes: list[Axes], run: Run, window: Window) -> None:
    for panel in axes[:-1]:
        panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
        _style(panel, "upper left")
    _style(axes[-1], "lower left")
    # matplotlib's module of dates carries no types
    locator = AutoDateLocator(minticks=5, maxticks=10)  # type: ignore[no-untyped-call]
    formatter = ConciseDateFormatter(locator)  # type: ignore[no-untyped-call]
    axes[-1].xaxis.set_major_locator(locator)
    axes[-1].xaxis.set_major_formatter(formatter)
    axes[0].set_title(
        _plain(run.title), loc="left", fontsize=14, fontweight="bold", pad=22, color=theme.INK
    )
    axes[0].text(
        0.0,
        1.0,
        subtitle(run, window),
        transform=axes[0].transAxes,
        color=theme.MUTED,
        fontsize=9.5,
        verticalalignment="bottom",
    )
    figure.set_layout_engine("constrained", h_pad=0.04, w_pad=0.08, rect=(0, 0, 1, 0.985))


def _axis_times(times: pd.Index) -> npt.NDArray[np.float64]:
    numbers: npt.NDArray[np.float64] = date2num(plain_times(times))  # type: ignore[no-untyped-call]
    return numbers


def _plain(text: str) -> str:
    """Text in which a dollar sign starts no formula."""
    return text.replace("$", r"\$")


def _style(axes: Axes, legend_place: Literal["upper left", "lower left"]) -> None:
    axes.grid(visible=True, color=theme.GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.yaxis.tick_right()
    axes.margins(x=0.01)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.tick_params(length=0, labelsize=9, labelcolor=theme.MUTED)
    handles, _ = axes.get_legend_handles_labels()
    if handles:
        axes.legend(
            handles=handles,
            loc=legend_place,
            ncols=8,
            fontsize=9,
            framealpha=0.75,
            edgecolor="none",
            borderaxespad=0.1,
        )
