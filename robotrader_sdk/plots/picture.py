"""What all pictures share: their size and style, and how lines and times are drawn.

Drawn on a figure of its own, without pyplot: no window, no backend, nothing left behind.
"""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, PercentFormatter

from robotrader_sdk.plots import theme
from robotrader_sdk.plots.times import plain_times

_WIDTH = 12.0

Points = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]


class StaticFigure(Figure):
    """A figure that a notebook shows as it is, whatever backend is set there."""

    def _repr_png_(self) -> bytes:
        picture = BytesIO()
        self.savefig(picture, format="png")
        return picture.getvalue()


def figure_of_panels(
    heights: Sequence[float], inches_a_part: float
) -> tuple[StaticFigure, list[Axes]]:
    """A figure with panels below each other, each so many parts high, over one time axis."""
    figure = StaticFigure(figsize=(_WIDTH, sum(heights) * inches_a_part + 0.8), dpi=110)
    grid = figure.subplots(
        len(heights), 1, sharex=True, squeeze=False, gridspec_kw={"height_ratios": heights}
    )
    return figure, list(grid[:, 0])


def draw_equity(axes: Axes, equity: Points, benchmark: Points, benchmark_label: str) -> None:
    """The equity, and what it is measured against."""
    axes.plot(*equity, color=theme.EQUITY, linewidth=1.6, label="Equity")
    axes.plot(
        *benchmark,
        color=theme.BENCHMARK,
        linewidth=1.0,
        linestyle=":",
        label=benchmark_label,
        zorder=1.5,
    )
    plain_numbers(axes)


def draw_drawdown(axes: Axes, drawdown: Points) -> None:
    """The drawdown as an area below 0."""
    axes.fill_between(*drawdown, 0.0, color=theme.DRAWDOWN, alpha=0.16, linewidth=0)
    axes.plot(*drawdown, color=theme.DRAWDOWN, linewidth=1.0, label="Drawdown")
    percent(axes)


def percent(axes: Axes) -> None:
    """The values of a panel are fractions."""
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))


def plain_numbers(axes: Axes) -> None:
    """The values of a panel are money or prices."""
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))


def style(axes: Axes, **legend: Any) -> None:
    """The look of a panel, with a legend if it has anything to name."""
    axes.grid(visible=True, color=theme.GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.yaxis.tick_right()
    axes.margins(x=0.01)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.tick_params(length=0, labelsize=9, labelcolor=theme.MUTED)
    handles, _ = axes.get_legend_handles_labels()
    if handles:
        axes.legend(handles=handles, fontsize=9, framealpha=0.75, edgecolor="none", **legend)


def finish(figure: Figure, axes: Sequence[Axes], title: str, subtitle: str) -> None:
    """Headings over the first panel, times under the last."""
    # matplotlib's module of dates carries no types
    locator = AutoDateLocator(minticks=5, maxticks=10)  # type: ignore[no-untyped-call]
    formatter = ConciseDateFormatter(locator)  # type: ignore[no-untyped-call]
    axes[-1].xaxis.set_major_locator(locator)
    axes[-1].xaxis.set_major_formatter(formatter)
    axes[0].set_title(
        plain(title), loc="left", fontsize=14, fontweight="bold", pad=22, color=theme.INK
    )
    axes[0].text(
        0.0,
        1.0,
        subtitle,
        transform=axes[0].transAxes,
        color=theme.MUTED,
        fontsize=9.5,
        verticalalignment="bottom",
    )
    figure.set_layout_engine("constrained", h_pad=0.04, w_pad=0.08, rect=(0, 0, 1, 0.985))


def points(line: pd.Series[float]) -> Points:
    """A line as the numbers that are drawn."""
    return axis_times(line.index), np.asarray(line, dtype=np.float64)


def axis_times(times: pd.Index) -> npt.NDArray[np.float64]:
    """Times as matplotlib counts them."""
    numbers: npt.NDArray[np.float64] = date2num(plain_times(times))  # type: ignore[no-untyped-call]
    return numbers


def plain(text: str) -> str:
    """Text in which a dollar sign starts no formula."""
    return text.replace("$", r"\$")
