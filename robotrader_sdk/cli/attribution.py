"""What each symbol of a panel did, as a table for people and as rows for JSON."""

from __future__ import annotations

import math
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from robotrader_sdk.backtest.portfolio.result import PortfolioResult

_SHOWN = 20
_COLUMNS = {
    "pnl": ("Profit", "{:,.2f}"),
    "fees": ("Fees", "{:,.2f}"),
    "funding": ("Funding", "{:,.2f}"),
    "turnover": ("Turnover", "{:.2f}"),
    "exposure": ("Exposure, %", "{:.1f}"),
    "n_trades": ("Trades", "{:,d}"),
}


def table(result: PortfolioResult) -> Table:
    """The symbols that did most, gain or loss, first."""
    figures = result.attribution
    order = figures["pnl"].abs().sort_values(ascending=False, kind="stable").index
    beyond = len(order) - _SHOWN
    caption = f"and {beyond} symbols more, which did less" if beyond > 0 else None
    shown = Table(box=box.ROUNDED, header_style="bold", caption=caption, caption_justify="left")
    shown.add_column("Symbol", style="bold cyan", no_wrap=True)
    columns = {n: c for n, c in _COLUMNS.items() if n != "funding" or figures["funding"].any()}
    for label, _ in columns.values():
        shown.add_column(label, justify="right", no_wrap=True)
    percent = figures.assign(exposure=100.0 * figures["exposure"])
    for symbol, row in percent.loc[order[:_SHOWN]].to_dict("index").items():
        cells = (Text(form.format(row[name])) for name, (_, form) in columns.items())
        shown.add_row(Text(str(symbol)), *cells)
    return shown


def rows(result: PortfolioResult) -> dict[str, dict[str, float | None]]:
    """`result.attribution` by symbol."""
    return {
        str(symbol): {str(name): _plain(value) for name, value in row.items()}
        for symbol, row in result.attribution.to_dict("index").items()
    }


def coverage(result: PortfolioResult) -> dict[str, dict[str, Any]]:
    """`result.coverage` by symbol, with where the bars come from."""
    covered = result.coverage
    told = covered.assign(
        first_bar=[time.isoformat() for time in covered["first_bar"]],
        last_bar=[time.isoformat() for time in covered["last_bar"]],
        source=[str(bars.attrs.get("source", "")) for bars in result.panel.values()],
    )
    found: dict[str, dict[str, Any]] = told.to_dict("index")  # type: ignore[assignment]  # symbols
    return found


def provenance(result: PortfolioResult) -> dict[str, str]:
    """Where the bars of the panel come from, each source once, and their timeframe."""
    sources = dict.fromkeys(str(bars.attrs.get("source", "")) for bars in result.panel.values())
    named = {"source": ", ".join(filter(None, sources)), "symbol": ", ".join(result.symbols)}
    if result.panel.timeframe is not None:
        named["timeframe"] = str(result.panel.timeframe)
    return {name: text for name, text in named.items() if text}


def _plain(value: float) -> float | None:
    return value if math.isfinite(value) else None
