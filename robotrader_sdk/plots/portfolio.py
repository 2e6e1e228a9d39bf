"""The figure of a portfolio: equity, drawdown and the weights, above one time axis."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from robotrader_sdk.errors import PlotError
from robotrader_sdk.plots import theme
from robotrader_sdk.plots.dashboard import RunFigure
from robotrader_sdk.plots.downsample import extreme_positions
from robotrader_sdk.plots.panels import Panel
from robotrader_sdk.plots.times import hover_format, plain_times, span_text, span_with_margin

POINTS = 1_600
SHOWN = 8
HEIGHTS = (theme.EQUITY_HEIGHT + 0.6, theme.DRAWDOWN_HEIGHT, theme.EQUITY_HEIGHT + 0.6)
"""Of equity, drawdown and weights, in parts of the figure's height."""

_GAPS = (0.03, 0.055)
"""Above the weights there is room for their legend."""

_PIXELS_A_PART = 84
_MARGINS = {"l": 14, "r": 66, "t": 84, "b": 36}
_OTHERS = "#c3cad5"

Sides = tuple["pd.Series[float]", "pd.Series[float]"]
"""Weights of 0 and above, and of 0 and below."""


@dataclass(frozen=True)
class PortfolioLines:
    """What the figure shows, thinned to as many points as can be seen.

    weights: longs and shorts by symbol, the largest on average first, at last what those of all
    others add up to.
    """

    title: str
    subtitle: str
    index: pd.DatetimeIndex
    equity: pd.Series[float]
    benchmark: pd.Series[float]
    drawdown: pd.Series[float]
    weights: dict[str, Sides]

    def thinned(self, line: pd.Series[float]) -> pd.Series[float]:
        """A line with its extremes."""
        return line.iloc[extreme_positions(np.asarray(line, dtype=np.float64), POINTS)]


def prepare_lines(
    equity: pd.Series[float],
    benchmark: pd.Series[float],
    drawdown: pd.Series[float],
    weights: pd.DataFrame,
    title: str,
) -> PortfolioLines:
    """The lines of a figure; PlotError if there is nothing to draw."""
    if len(equity) == 0:
        raise PlotError("there are no bars to draw; a figure needs at least one")
    index = pd.DatetimeIndex(equity.index)
    n_symbols = len(weights.columns)
    subtitle = f"{span_text(index)} · {len(index):,d} bars · {n_symbols} symbols"
    return PortfolioLines(
        title, subtitle, index, equity, benchmark, drawdown, _largest(_spread(weights))
    )


def portfolio_figure(
    equity: pd.Series[float],
    benchmark: pd.Series[float],
    drawdown: pd.Series[float],
    weights: pd.DataFrame,
    title: str,
) -> Any:
    """A plotly figure of one run over several symbols.

    `equity`, `drawdown`, `benchmark` (the cash split equally and held) have one value a bar,
    `weights` a column a symbol: position value / equity. The eight symbols that are largest on
    average are drawn on their own, the rest together; a long run is thinned, keeping each line's
    extremes, and of the weights every so many bars.

    PlotError if there are no bars.
    """
    lines = prepare_lines(equity, benchmark, drawdown, weights, title)
    upper, middle, lower = _panels()
    traces = [*_equity_traces(lines, upper), _drawdown_trace(lines, middle)]
    traces += _weight_traces(lines, lower)
    layout = _layout((upper, middle, lower))
    layout["xaxis"] |= {
        "hoverformat": hover_format(lines.index),
        "range": span_with_margin(lines.index),
    }
    layout["title"] = {
        "text": f"<b>{html.escape(lines.title, quote=False)}</b>",
        "font": {"size": 17, "color": theme.INK},
        "x": 0.0,
        "xref": "paper",
        "subtitle": {"text": lines.subtitle, "font": {"size": 12, "color": theme.MUTED}},
    }
    return RunFigure(data=traces, layout=layout)


def weight_colour(number: int, name: str) -> str:
    """The colour of the n-th symbol; grey for what all others add up to."""
    return _OTHERS if name.endswith(" others") else theme.indicator_colour(number)


def _spread(weights: pd.DataFrame) -> pd.DataFrame:
    """Some of the bars, evenly spread, as many as can be told apart."""
    some = max(-(-len(weights) // POINTS), 1)
    return weights.iloc[::some]


def _largest(weights: pd.DataFrame) -> dict[str, Sides]:
    size = weights.abs().mean().sort_values(ascending=False, kind="stable")
    held = size[size > 0.0].index
    own, others = held[:SHOWN], held[SHOWN:]
    longs, shorts = weights.clip(lower=0.0), weights.clip(upper=0.0)
    lines: dict[str, Sides] = {str(name): (longs[name], shorts[name]) for name in own}
    if len(others):
        lines[f"{len(others)} others"] = longs[others].sum(axis=1), shorts[others].sum(axis=1)
    return lines


def _panels() -> tuple[Panel, Panel, Panel]:
    free = 1.0 - sum(_GAPS)
    panels, top = [], 1.0
    for number, (height, gap) in enumerate(zip(HEIGHTS, (*_GAPS, 0.0), strict=True), start=1):
        bottom = max(top - free * height / sum(HEIGHTS), 0.0)
        panels.append(Panel(number, round(bottom, 6), round(top, 6)))
        top = bottom - gap
    return panels[0], panels[1], panels[2]


def _equity_traces(lines: PortfolioLines, panel: Panel) -> list[dict[str, Any]]:
    dotted = {"color": theme.BENCHMARK, "width": 1.1, "dash": "dot"}
    return [
        _line(lines.thinned(lines.benchmark), panel, "Equal shares, held", dotted, "%{y:,.2f}"),
        _line(
            lines.thinned(lines.equity),
            panel,
            "Equity",
            {"color": theme.EQUITY, "width": 1.8},
            "%{y:,.2f}",
        ),
    ]


def _drawdown_trace(lines: PortfolioLines, panel: Panel) -> dict[str, Any]:
    style = {"color": theme.DRAWDOWN, "width": 1.1}
    trace = _line(lines.thinned(lines.drawdown), panel, "Drawdown", style, "%{y:.2%}")
    return {**trace, "fill": "tozeroy", "fillcolor": theme.DRAWDOWN_FILL}


def _weight_traces(lines: PortfolioLines, panel: Panel) -> list[dict[str, Any]]:
    """An area a symbol, longs stacked upwards and shorts downwards; each legend entry once."""
    traces = []
    for number, (name, sides) in enumerate(lines.weights.items()):
        colour, shown = weight_colour(number, name), False
        for part, stack in zip(sides, ("long", "short"), strict=True):
            if not part.any():
                continue
            trace = _line(part, panel, name, {"color": colour, "width": 0.4}, "%{y:.1%}")
            own = {"stackgroup": stack, "fillcolor": colour, "legendgroup": name}
            traces.append({**trace, **own, "showlegend": not shown})
            shown = True
    return traces


def _line(
    values: pd.Series[float], panel: Panel, name: str, line: dict[str, Any], shown: str
) -> dict[str, Any]:
    label = html.escape(name, quote=False)
    y: npt.NDArray[np.float64] = np.asarray(values, dtype=np.float64)
    return {
        "type": "scatter",
        "mode": "lines",
        "name": label,
        "x": plain_times(pd.DatetimeIndex(values.index)),
        "y": y,
        "line": line,
        "hovertemplate": f"{label} {shown}<extra></extra>",
        **panel.axes(),
    }


def _layout(panels: tuple[Panel, Panel, Panel]) -> dict[str, Any]:
    layout: dict[str, Any] = {
        "height": int(_MARGINS["t"] + _MARGINS["b"] + sum(HEIGHTS) * _PIXELS_A_PART),
        "margin": _MARGINS,
        "font": {"family": theme.FONT, "size": 12, "color": theme.INK},
        "paper_bgcolor": theme.PAPER,
        "plot_bgcolor": theme.PAPER,
        "hovermode": "x unified",
        "hoversubplots": "axis",
        "hoverlabel": {"bgcolor": "rgba(255, 255, 255, 0.94)", "bordercolor": "#d5dae2"},
        "xaxis": {
            "type": "date",
            "anchor": f"y{panels[-1].suffix}",
            "gridcolor": theme.GRID,
            "tickfont": {"color": theme.MUTED},
        },
    }
    for panel, format_ in zip(panels, (",.10~g", ".0%", ".0%"), strict=True):
        layout[f"yaxis{panel.suffix}"] = {
            "domain": [panel.bottom, panel.top],
            "anchor": "x",
            "side": "right",
            "gridcolor": theme.GRID,
            "zeroline": panel is panels[-1],
            "zerolinecolor": theme.MUTED,
            "tickformat": format_,
            "nticks": 6,
            "tickfont": {"color": theme.MUTED, "size": 11},
        }
        layout[f"legend{panel.suffix}"] = {
            "orientation": "h",
            "x": 0.0,
            "xanchor": "left",
            "y": panel.bottom if panel is panels[1] else panel.top,
            "yanchor": "top" if panel is panels[0] else "bottom",
            "bgcolor": "rgba(255, 255, 255, 0.75)",
            "font": {"size": 11, "color": theme.INK},
            "itemsizing": "constant",
        }
    return layout
