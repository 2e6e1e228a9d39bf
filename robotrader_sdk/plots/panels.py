"""The panels stacked above one time axis, from the top: price, volume, indicators, equity ..."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from robotrader_sdk.plots import theme
from robotrader_sdk.plots.run import Run

_GAP = 0.022
_PIXELS_A_PART = 74
_MARGINS = {"l": 14, "r": 66, "t": 84, "b": 36}


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel: its number from the top, from 1, and where it lies, from 0 at the bottom."""

    number: int
    bottom: float
    top: float

    @property
    def suffix(self) -> str:
        """What plotly appends to the names of this panel's axis and legend."""
        return "" if self.number == 1 else str(self.number)

    def axes(self) -> dict[str, str]:
        """The axes and the legend of a trace in this panel."""
        return {"xaxis": "x", "yaxis": f"y{self.suffix}", "legend": f"legend{self.suffix}"}


@dataclass(frozen=True, slots=True)
class Stack:
    """The panels of one figure."""

    price: Panel
    volume: Panel | None
    indicators: dict[str, Panel]
    equity: Panel
    drawdown: Panel
    parts: float

    def panels(self) -> list[Panel]:
        """All panels, from the top."""
        some = [self.price, self.volume, *self.indicators.values(), self.equity, self.drawdown]
        return [panel for panel in some if panel is not None]


def panel_heights(run: Run) -> list[float]:
    """Heights of a run's panels, from the top, in parts."""
    heights = [theme.PRICE_HEIGHT]
    heights += [theme.VOLUME_HEIGHT] * run.volume
    heights += [theme.INDICATOR_HEIGHT] * len(run.panels)
    return [*heights, theme.EQUITY_HEIGHT, theme.DRAWDOWN_HEIGHT]


def stack_panels(run: Run) -> Stack:
    """Where each panel of a run lies."""
    heights = panel_heights(run)
    free = 1.0 - _GAP * (len(heights) - 1)
    panels, top = [], 1.0
    for number, height in enumerate(heights, start=1):
        bottom = max(top - free * height / sum(heights), 0.0)
        panels.append(Panel(number, round(bottom, 6), round(top, 6)))
        top = bottom - _GAP
    return Stack(
        price=panels[0],
        volume=panels[1] if run.volume else None,
        indicators=dict(zip(run.panels, panels[1 + run.volume : -2], strict=True)),
        equity=panels[-2],
        drawdown=panels[-1],
        parts=sum(heights),
    )


def stack_layout(stack: Stack) -> dict[str, Any]:
    """The axes, legends and measures of the figure."""
    layout: dict[str, Any] = {
        "height": int(_MARGINS["t"] + _MARGINS["b"] + stack.parts * _PIXELS_A_PART),
        "margin": _MARGINS,
        "font": {"family": theme.FONT, "size": 12, "color": theme.INK},
        "paper_bgcolor": theme.PAPER,
        "plot_bgcolor": theme.PAPER,
        "hovermode": "x unified",
        "hoversubplots": "axis",
        "hoverlabel": {"bgcolor": "rgba(255, 255, 255, 0.94)", "bordercolor": "#d5dae2"},
        "dragmode": "zoom",
        "bargap": 0.1,
        "xaxis": _time_axis(stack),
        "updatemenus": [_scale_buttons(stack)],
    }
    for panel in stack.panels():
        layout[f"yaxis{panel.suffix}"] = _value_axis(panel)
        layout[f"legend{panel.suffix}"] = _legend(panel)
    layout[f"yaxis{stack.drawdown.suffix}"] |= {"tickformat": ".0%", "rangemode": "tozero"}
    layout[f"legend{stack.drawdown.suffix}"] |= {"y": stack.drawdown.bottom, "yanchor": "bottom"}
    if stack.volume is not None:
        layout[f"yaxis{stack.volume.suffix}"] |= {"tickformat": "~s"}
    return layout


def _time_axis(stack: Stack) -> dict[str, Any]:
    return {
        "type": "date",
        "anchor": f"y{stack.drawdown.suffix}",
        "rangeslider": {"visible": False},
        "gridcolor": theme.GRID,
        "showspikes": True,
        "spikemode": "across",
        "spikethickness": 1,
        "spikedash": "dot",
        "spikecolor": theme.MUTED,
        "spikesnap": "cursor",
        "tickfont": {"color": theme.MUTED},
    }


def _value_axis(panel: Panel) -> dict[str, Any]:
    return {
        "domain": [panel.bottom, panel.top],
        "anchor": "x",
        "side": "right",
        "gridcolor": theme.GRID,
        "zeroline": False,
        "separatethousands": True,
        "exponentformat": "none",
        "nticks": 8 if panel.number == 1 else 4,
        "tickfont": {"color": theme.MUTED, "size": 11},
    }


def _scale_buttons(stack: Stack) -> dict[str, Any]:
    """Linear or logarithmic price and equity, for runs in which the price multiplied."""
    axes = [f"yaxis{panel.suffix}.type" for panel in (stack.price, stack.equity)]
    return {
        "type": "buttons",
        "direction": "right",
        "showactive": True,
        "x": 1.0,
        "xanchor": "right",
        "y": 1.0,
        "yanchor": "bottom",
        "pad": {"b": 6},
        "bgcolor": theme.PAPER,
        "bordercolor": theme.GRID,
        "font": {"size": 11, "color": theme.MUTED},
        "buttons": [
            {"label": label, "method": "relayout", "args": [dict.fromkeys(axes, scale)]}
            for label, scale in (("Linear", "linear"), ("Log", "log"))
        ],
    }


def _legend(panel: Panel) -> dict[str, Any]:
    return {
        "orientation": "h",
        "x": 0.0,
        "xanchor": "left",
        "y": panel.top,
        "yanchor": "top",
        "bgcolor": "rgba(255, 255, 255, 0.75)",
        "font": {"size": 11, "color": theme.INK},
        "itemsizing": "trace",
    }
