"""A result in words: plain text for a terminal, a block of HTML for a notebook."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from robotrader_sdk.analytics.summary import METRICS
from robotrader_sdk.data.spacing import find_holes, infer_timeframe, never_closes
from robotrader_sdk.errors import BarsError

if TYPE_CHECKING:
    from robotrader_sdk.backtest.result import BacktestResult

_TILES = (
    "total_return",
    "cagr",
    "sharpe",
    "max_drawdown",
    "n_trades",
    "win_rate",
    "profit_factor",
    "buy_hold_return",
)
_POINTS = 400

STYLE = """
.rt{font:14px/1.45 system-ui,sans-serif;max-width:960px}
.rt h3{margin:0 0 2px;font-size:17px;font-weight:600}
.rt .rt-sub{opacity:.7;margin:0 0 10px}
.rt .rt-tiles{display:grid;grid-template-columns:repeat(auto-fill,minmax(112px,1fr));gap:8px}
.rt .rt-tile{border:1px solid rgba(128,128,128,.35);border-radius:8px;padding:7px 10px}
.rt .rt-tile b{display:block;font-size:18px;font-weight:600;white-space:nowrap}
.rt .rt-tile span{opacity:.7;font-size:12px}
.rt svg{width:100%;height:120px;margin:10px 0 4px;display:block}
.rt details summary{cursor:pointer;opacity:.8;margin:6px 0}
.rt .rt-all{columns:3 260px;column-gap:28px}
.rt .rt-all div{display:flex;justify-content:space-between;gap:12px;break-inside:avoid;
border-bottom:1px solid rgba(128,128,128,.2);padding:2px 0}
.rt .rt-all div span{opacity:.75}
.rt .rt-warn{border-left:3px solid #d97706;padding:4px 10px;margin:8px 0}
.rt .rt-contract{opacity:.7;font-size:12px;margin:8px 0 0}
"""


def figures(result: BacktestResult) -> dict[str, tuple[str, str]]:
    """Each figure's label and value as people read them, by name."""
    stats = result.stats
    return {m.name: (m.label, m.display(stats[m.name])) for m in METRICS if m.name in stats}


def notices(result: BacktestResult) -> list[str]:
    """What a reader has to know before believing the figures."""
    found = []
    if result.status == "ruined":
        found.append(
            f"Ruined: the equity fell to 0 or below on {result.index[-1]:%Y-%m-%d %H:%M}, "
            f"and the run ended there."
        )
    if result.n_ambiguous:
        found.append(
            f"{result.n_ambiguous} trades met their stop-loss in a bar that can't tell what came "
            f"first. The figures assume the stop; the profit lies between "
            f"{result.pnl_pessimistic:,.2f} and {result.pnl_optimistic:,.2f}."
        )
    if result.n_liquidations:
        found.append(
            f"{result.n_liquidations} positions were liquidated: less leverage, or a stop-loss "
            f"before the liquidation price, keeps that from happening."
        )
    rejected = len(result.rejected)
    if rejected:
        reason = result.rejected["reason"].astype(str).value_counts().index[0]
        found.append(f"{rejected} orders were rejected (see .rejected), mostly: {reason}.")
    if result.n_conflicts:
        found.append(f"{result.n_conflicts} bars asked to enter long and short; neither was done.")
    found += _gaps(result.index)
    if result.config.fill_at == "close":
        found.append("Market orders filled at the close they were decided at: not tradable.")
    return found


def _gaps(index: pd.DatetimeIndex) -> list[str]:
    """Missing bars, but for markets that close, whose nights are no gaps."""
    if len(index) < 2 or not never_closes(index):
        return []
    try:
        holes = find_holes(index, infer_timeframe(index))
    except BarsError:  # fractions of a second: no timeframe, so no bar that should be there
        return []
    if not holes.total:
        return []
    return [
        f"The bars have {len(holes.after)} gaps with {holes.total} bars missing "
        f"(rt.find_gaps lists them); what happened there is in no figure."
    ]


def as_text(result: BacktestResult) -> str:
    """The figures in two columns, the notices and the contract."""
    cells = [f"{label:<24}{value:>16}" for label, value in figures(result).values()]
    half = (len(cells) + 1) // 2
    right = [*cells[half:], *[""] * (2 * half - len(cells))]
    rows = [f"{a}    {b}".rstrip() for a, b in zip(cells[:half], right, strict=True)]
    lines = [f"{result.strategy}: {result.status}", *rows, *notices(result)]
    return "\n".join([*lines, f"Contract: {result.contract}."])


def as_html(result: BacktestResult) -> str:
    """Tiles with the main figures, the equity as a line, and the rest folded away."""
    return f"<style>{STYLE}</style>{block(result)}"


def block(result: BacktestResult, *, curve: bool = True) -> str:
    """The block of `as_html` without its style."""
    shown = figures(result)
    start, end, bars = (shown[name][1] for name in ("start", "end", "bars"))
    tiles = "".join(
        f'<div class="rt-tile"><b>{html.escape(value)}</b><span>{html.escape(label)}</span></div>'
        for label, value in (shown[name] for name in _TILES)
    )
    rows = "".join(
        f"<div><span>{html.escape(label)}</span><b>{html.escape(value)}</b></div>"
        for label, value in shown.values()
    )
    warnings = "".join(f'<div class="rt-warn">{html.escape(n)}</div>' for n in notices(result))
    return (
        f'<div class="rt"><h3>{html.escape(result.strategy)}</h3>'
        f'<p class="rt-sub">{start} to {end}, {bars} bars of {shown["timeframe"][1]}</p>'
        f'<div class="rt-tiles">{tiles}</div>{_curve(result.equity_values) if curve else ""}'
        f"{warnings}<details{'' if curve else ' open'}><summary>All figures</summary>"
        f'<div class="rt-all">{rows}</div></details>'
        f'<p class="rt-contract">Contract: {html.escape(result.contract)}.</p></div>'
    )


def _curve(equity: NDArray[np.float64]) -> str:
    """The equity as an SVG line that keeps its extremes."""
    per_point = -(-len(equity) // _POINTS)
    starts = np.arange(0, len(equity), per_point)
    low, high = np.minimum.reduceat(equity, starts), np.maximum.reduceat(equity, starts)
    bottom, span = low.min(), (high.max() - low.min()) or 1.0
    points = " ".join(
        f"{x:.1f},{100 * (1 - (value - bottom) / span):.1f}"
        for x, pair in zip(
            np.linspace(0, 1000, len(starts)), zip(low, high, strict=True), strict=True
        )
        for value in pair
    )
    return (
        '<svg viewBox="0 -4 1000 108" preserveAspectRatio="none" role="img" '
        'aria-label="equity"><polyline fill="none" stroke="#2563eb" stroke-width="1.6" '
        f'vector-effect="non-scaling-stroke" points="{points}"/></svg>'
    )
