"""The figure of a portfolio as a picture, for where nothing interactive can be shown."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, PercentFormatter

from robotrader_sdk.plots import theme
from robotrader_sdk.plots.portfolio import (
    HEIGHTS,
    PortfolioLines,
    prepare_lines,
    weight_colour,
)
from robotrader_sdk.plots.static import StaticFigure
from robotrader_sdk.plots.times import plain_times

_WIDTH = 12.0
_INCHES_A_PART = 0.85


def static_portfolio_figure(
    equity: pd.Series[float],
    benchmark: pd.Series[float],
    drawdown: pd.Series[float],
    weights: pd.DataFrame,
    title: str,
) -> Figure:
    """A matplotlib figure with the panels of `portfolio_figure`; save it with `savefig`.

    Takes and refuses what that does.
    """
    lines = prepare_lines(equity, benchmark, drawdown, weights, title)
    figure = StaticFigure(figsize=(_WIDTH, sum(HEIGHTS) * _INCHES_A_PART + 0.8), dpi=110)
    grid = figure.subplots(3, 1, sharex=True, squeeze=False, gridspec_kw={"height_ratios": HEIGHTS})
    upper, middle, lower = grid[:, 0]
    _draw_equity(upper, lines)
    _draw_drawdown(middle, lines)
    _draw_weights(lower, lines)
    _finish(figure, (upper, middle, lower), lines)
    return figure


def _draw_equity(axes: Axes, lines: PortfolioLines) -> None:
    axes.plot(
        *_points(lines.thinned(lines.equity)), color=theme.EQUITY, linewidth=1.6, label="Equity"
    )
    axes.plot(
        *_points(lines.thinned(lines.benchmark)),
        color=theme.BENCHMARK,
        linewidth=1.0,
        linestyle=":",
        label="Equal shares, held",
        zorder=1.5,
    )
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))


def _draw_drawdown(axes: Axes, lines: PortfolioLines) -> None:
    times, values = _points(lines.thinned(lines.drawdown))
    axes.fill_between(times, values, 0.0, color=theme.DRAWDOWN, alpha=0.16, linewidth=0)
    axes.plot(times, values, color=theme.DRAWDOWN, linewidth=1.0, label="Drawdown")
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))


def _draw_weights(axes: Axes, lines: PortfolioLines) -> None:
    """Longs stacked upwards from 0, shorts downwards."""
    ends: list[Any] = [0.0, 0.0]
    for number, (name, sides) in enumerate(lines.weights.items()):
        label: str | None = _plain(name)
        for side, part in enumerate(sides):
            if part.any():
                times, values = _points(part)
                base, ends[side] = ends[side], ends[side] + values
                colour = weight_colour(number, name)
                axes.fill_between(times, base, ends[side], color=colour, linewidth=0, label=label)
                label = None
    axes.axhline(0.0, color=theme.MUTED, linewidth=0.6)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))


def _finish(figure: Figure, axes: tuple[Axes, Axes, Axes], lines: PortfolioLines) -> None:
    for panel in axes:
        panel.grid(visible=True, color=theme.GRID, linewidth=0.8)
        panel.set_axisbelow(True)
        panel.yaxis.tick_right()
        panel.margins(x=0.01)
        for spine in panel.spines.values():
            spine.set_visible(False)
        panel.tick_params(length=0, labelsize=9, labelcolor=theme.MUTED)
        handles, _ = panel.get_legend_handles_labels()
        if handles:
            panel.legend(
                handles=handles,
                loc="upper left" if panel is axes[0] else "lower left",
                bbox_to_anchor=(0.0, 1.0) if panel is axes[2] else (0.0, 0.0, 1.0, 1.0),
                ncols=9,
                fontsize=9,
                framealpha=0.75,
                edgecolor="none",
            )
    # matplotlib's module of dates carries no types
    locator = AutoDateLocator(minticks=5, maxticks=10)  # type: ignore[no-untyped-call]
    formatter = ConciseDateFormatter(locator)  # type: ignore[no-untyped-call]
    axes[-1].xaxis.set_major_locator(locator)
    axes[-1].xaxis.set_major_formatter(formatter)
    title = _plain(lines.title)
    axes[0].set_title(title, loc="left", fontsize=14, fontweight="bold", pad=22, color=theme.INK)
    axes[0].text(
        0.0,
        1.0,
        lines.subtitle,
        transform=axes[0].transAxes,
        color=theme.MUTED,
        fontsize=9.5,
        verticalalignment="bottom",
    )
    figure.set_layout_engine("constrained", h_pad=0.04, w_pad=0.08, rect=(0, 0, 1, 0.985))


def _points(line: pd.Series[float]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    times: Any = date2num(plain_times(pd.DatetimeIndex(line.index)))  # type: ignore[no-untyped-call]
    return times, np.asarray(line, dtype=np.float64)


def _plain(text: str) -> str:
    """Text in which a dollar sign starts no formula."""
    return text.replace("$", r"\$")
