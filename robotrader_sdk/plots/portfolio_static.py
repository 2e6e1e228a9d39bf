"""The figure of a portfolio as a picture, for where nothing interactive can be shown."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from robotrader_sdk.plots import picture, theme
from robotrader_sdk.plots.portfolio import (
    HEIGHTS,
    PortfolioLines,
    prepare_lines,
    weight_colour,
)

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
    figure, axes = picture.figure_of_panels(HEIGHTS, _INCHES_A_PART)
    upper, middle, lower = axes
    equity_line, benchmark_line, drawdown_line = (
        picture.points(lines.thinned(line))
        for line in (lines.equity, lines.benchmark, lines.drawdown)
    )
    picture.draw_equity(upper, equity_line, benchmark_line, "Equal shares, held")
    picture.draw_drawdown(middle, drawdown_line)
    _draw_weights(lower, lines)
    picture.style(upper, loc="upper left", ncols=9)
    picture.style(middle, loc="lower left", ncols=9)
    picture.style(lower, loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=9)
    picture.finish(figure, axes, lines.title, lines.subtitle)
    return figure


def _draw_weights(axes: Axes, lines: PortfolioLines) -> None:
    """Longs stacked upwards from 0, shorts downwards."""
    ends: list[Any] = [0.0, 0.0]
    for number, (name, sides) in enumerate(lines.weights.items()):
        label: str | None = picture.plain(name)
        for side, part in enumerate(sides):
            if part.any():
                times, values = picture.points(part)
                base, ends[side] = ends[side], ends[side] + values
                colour = weight_colour(number, name)
                axes.fill_between(times, base, ends[side], color=colour, linewidth=0, label=label)
                label = None
    axes.axhline(0.0, color=theme.MUTED, linewidth=0.6)
    picture.percent(axes)
