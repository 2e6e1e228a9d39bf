"""What a portfolio's result says beyond a single symbol's: its symbols, and its figure."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

import pandas as pd

from robotrader_sdk.backtest import report

if TYPE_CHECKING:
    from robotrader_sdk.backtest.portfolio.result import PortfolioResult

_ROWS = 10

_STYLE = """
.rt .rt-symbols{border-collapse:collapse;font-size:13px;margin:8px 0}
.rt .rt-symbols th,.rt .rt-symbols td{padding:2px 10px;text-align:right;
border-bottom:1px solid rgba(128,128,128,.2)}
.rt .rt-symbols td:first-child,.rt .rt-symbols th:first-child{text-align:left}
"""


def notices(result: PortfolioResult) -> list[str]:
    """What a reader has to know about the symbols before believing the figures."""
    coverage, found = result.coverage, []
    ended = coverage.index[coverage["delisted"]].tolist()
    if ended:
        found.append(
            f"{_named(ended)} ended before the panel; open positions were closed at the last "
            f"close (reason delisted). See .coverage."
        )
    lacking = coverage.index[coverage["missing"] > 0].tolist()
    if lacking:
        found.append(
            f"{_named(lacking)} lack {int(coverage['missing'].sum())} bars that others have; "
            f"orders waited for their next one. See .coverage."
        )
    untraded = coverage.index[coverage["untraded"] > 0].tolist()
    if untraded:
        found.append(
            f"Weights were wanted of {_named(untraded)} after the last bar, and not traded."
        )
    return found


def as_text(result: PortfolioResult) -> str:
    """The figures, the notices and the contract, then the symbols that did most."""
    table = _largest(result).to_string()
    return "\n".join([report.as_text(result), *notices(result), "", table])


def as_html(result: PortfolioResult) -> str:
    """The block of a single symbol's result, then the symbols that did most."""
    return f"<style>{_STYLE}</style>{report.as_html(result)}{block(result)}"


def block(result: PortfolioResult) -> str:
    """The notices and the symbols that did most."""
    warnings = "".join(f'<div class="rt-warn">{html.escape(n)}</div>' for n in notices(result))
    table = _largest(result).reset_index().to_html(border=0, index=False, classes="rt-symbols")
    return f'<div class="rt">{warnings}{table}</div>'


def figure(result: PortfolioResult, *, static: bool) -> Any:
    """The figure of a result, plotly's or matplotlib's."""
    frames: dict[str, Any] = {
        "equity": result.equity,
        "benchmark": result.bars["close"].iloc[: len(result.index)],
        "drawdown": result.drawdown,
        "weights": result.weights,
        "title": result.strategy,
    }
    if static:
        from robotrader_sdk.plots.portfolio_static import static_portfolio_figure

        return static_portfolio_figure(**frames)
    from robotrader_sdk.plots.portfolio import portfolio_figure

    return portfolio_figure(**frames)


def _largest(result: PortfolioResult) -> pd.DataFrame:
    """The symbols whose pnl is largest, gain or loss, for people."""
    table = result.attribution
    rows = table["pnl"].abs().sort_values(ascending=False, kind="stable").index[:_ROWS]
    shown = table.loc[rows]
    words = {
        "pnl": shown["pnl"].map("{:,.2f}".format),
        "fees": shown["fees"].map("{:,.2f}".format),
        "turnover": shown["turnover"].map("{:.2f}".format),
        "exposure": shown["exposure"].map("{:.1%}".format),
        "trades": shown["n_trades"].map("{:,d}".format),
    }
    if shown["funding"].any():
        words["funding"] = shown["funding"].map("{:,.2f}".format)
    return pd.DataFrame(words)


def _named(symbols: list[str]) -> str:
    shown = ", ".join(symbols[:5])
    return shown if len(symbols) <= 5 else f"{shown} and {len(symbols) - 5} more symbols"
