"""Traces of the price panel: candles, volume, trades and fills."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from robotrader_sdk.plots import theme
from robotrader_sdk.plots.downsample import spread_positions
from robotrader_sdk.plots.panels import Panel
from robotrader_sdk.plots.run import Run, Window
from robotrader_sdk.plots.times import plain_times

Trace = dict[str, Any]


class FillKind(NamedTuple):
    """Fills drawn alike: a filled triangle is an entry, a hollow one an exit."""

    side: str
    role: str
    label: str
    symbol: str
    colour: str


FILL_KINDS = (
    FillKind("buy", "entry", "Buy, entry", "triangle-up", theme.BUY),
    FillKind("sell", "exit", "Sell, exit", "triangle-down-open", theme.SELL),
    FillKind("sell", "entry", "Sell, entry", "triangle-down", theme.SELL),
    FillKind("buy", "exit", "Buy, exit", "triangle-up-open", theme.BUY),
)


def candle_trace(run: Run, window: Window, panel: Panel) -> Trace:
    """The bars, merged where there are too many."""
    candles = run.candles(window)
    return {
        "type": "candlestick",
        "x": plain_times(candles.index),
        **{name: candles[name].to_numpy() for name in ("open", "high", "low", "close")},
        "name": "Price",
        "increasing": {"line": {"color": theme.RISING, "width": 1}, "fillcolor": theme.RISING},
        "decreasing": {"line": {"color": theme.FALLING, "width": 1}, "fillcolor": theme.FALLING},
        "whiskerwidth": 0,
        "showlegend": False,
        **panel.axes(),
    }


def volume_trace(run: Run, window: Window, panel: Panel) -> Trace:
    """Traded volume of each candle."""
    candles = run.candles(window)
    return {
        "type": "bar",
        "x": plain_times(candles.index),
        "y": candles["volume"].to_numpy(),
        "name": "Volume",
        "marker": {"color": theme.VOLUME, "line": {"width": 0}},
        "hovertemplate": "Volume %{y:,.4~s}<extra></extra>",
        **panel.axes(),
    }


def trade_traces(run: Run, window: Window, panel: Panel) -> list[Trace]:
    """A dotted line from entry to exit, green if the trade won, red if it lost.

    None at all while the window has more trades than can be told apart.
    """
    inside = run.trades[
        run.within(window, pd.Index(run.trades["exit_time"]))
        & run.within(window, pd.Index(run.trades["entry_time"]))
    ]
    if len(inside) > run.limits.trades:
        inside = inside.iloc[:0]
    return [
        {
            "type": "scatter",
            "mode": "lines",
            **_segments(inside[inside["won"].astype(bool) == won]),
            "name": name,
            "line": {"color": colour, "width": 1.4, "dash": "dot"},
            "hoverinfo": "skip",
            "showlegend": False,
            **panel.axes(),
        }
        for won, name, colour in (
            (True, "Trades won", theme.WON),
            (False, "Trades lost", theme.LOST),
        )
    ]


def fill_traces(run: Run, window: Window, panel: Panel) -> list[Trace]:
    """The fills at their price, one trace a kind the run has; see `fills_shown`."""
    shown = fills_shown(run, window)
    size, exit_size, opacity = _marker_size(len(shown))
    return [
        {
            "type": "scatter",
            "mode": "markers",
            "x": plain_times(_candle_times(run, window, pd.Index(some["time"]))),
            "y": some["price"].to_numpy(dtype=float),
            "text": [fill_text(kind, fill) for fill in some.to_dict("records")],
            "hovertemplate": "%{text}<extra></extra>",
            "name": kind.label,
            "marker": {
                "symbol": kind.symbol,
                "color": kind.colour,
                "opacity": opacity,
                "size": size if kind.role == "entry" else exit_size,
                "line": {"width": 0 if kind.role == "entry" else 1.2, "color": kind.colour},
            },
            **panel.axes(),
        }
        for kind in FILL_KINDS
        if len(fills_of_kind(run.fills, kind))
        for some in [fills_of_kind(shown, kind)]
    ]


def fills_shown(run: Run, window: Window) -> pd.DataFrame:
    """The window's fills, or where they are too many, an even part of each kind."""
    inside = run.fills[run.within(window, pd.Index(run.fills["time"]))]
    if len(inside) <= run.limits.fills:
        return inside
    kept = []
    for kind in FILL_KINDS:
        of_kind = fills_of_kind(inside, kind)
        share = max(run.limits.fills * len(of_kind) // len(inside), 2)
        kept.append(of_kind.iloc[spread_positions(len(of_kind), share)])
    return pd.concat(kept).sort_index()


def fills_of_kind(fills: pd.DataFrame, kind: FillKind) -> pd.DataFrame:
    """Those of the fills that are drawn as `kind`."""
    return fills[(fills["side"] == kind.side) & (fills["role"] == kind.role)]


def fill_text(kind: FillKind, fill: dict[Any, Any]) -> str:
    """What hovering over a fill says."""
    text = f"{kind.label} {fill['quantity']:,.6g} @ {fill['price']:,.8g}"
    text += f", {fill['time']:%Y-%m-%d %H:%M}"
    if fill["reason"] not in ("entry", "exit"):
        text += f", {str(fill['reason']).replace('_', ' ')}"
    return f"{text}, pnl {fill['pnl']:+,.2f}" if not np.isnan(fill["pnl"]) else text


def _marker_size(fills: int) -> tuple[float, float, float]:
    """Size of entries, of exits (which ring the entry of a reversal), and opacity."""
    if fills <= 150:
        return 10, 15, 1.0
    if fills <= 600:
        return 6, 10, 0.9
    return 3.5, 6, 0.6


def _candle_times(run: Run, window: Window, times: pd.Index) -> pd.Index:
    """The candle each fill belongs to, so that it is drawn upon it."""
    if window.per_candle == 1:
        return times
    bar = run.bar_of(times) - window.first
    return run.bars.index.take(window.first + bar // window.per_candle * window.per_candle)


def _segments(trades: pd.DataFrame) -> dict[str, Any]:
    """Entry, exit and a gap for each trade."""
    nowhere = np.full(len(trades), np.datetime64("NaT"))
    entries, exits = (plain_times(pd.Index(trades[name])) for name in ("entry_time", "exit_time"))
    prices = trades[["entry_price", "exit_price"]].to_numpy(dtype=float)
    return {
        "x": np.column_stack([entries, exits, nowhere]).ravel(),
        "y": np.column_stack([prices, np.full(len(trades), np.nan)]).ravel(),
    }
