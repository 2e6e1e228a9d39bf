"""The outcome of a run as a table for people, and as JSON for programs."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from robotrader_sdk.analytics.summary import METRICS, Metric
from robotrader_sdk.backtest.portfolio.report import notices as symbol_notices
from robotrader_sdk.backtest.portfolio.result import PortfolioResult
from robotrader_sdk.backtest.report import notices
from robotrader_sdk.backtest.result import BacktestResult
from robotrader_sdk.cli import attribution
from robotrader_sdk.data.gaps import find_gaps
from robotrader_sdk.data.spacing import never_closes
from robotrader_sdk.errors import BarsError

# Figures whose sign is good or bad news.
_SIGNED = ("total_return", "cagr", "sharpe", "sortino", "calmar", "expectancy", "avg_trade")


@dataclass(frozen=True, slots=True)
class Gaps:
    """Missing bars: how many stretches, how many bars; None where that can't be told."""

    gaps: int | None
    missing_bars: int | None
    market_closes: bool

    @classmethod
    def of(cls, bars: pd.DataFrame) -> Gaps:
        """Count the gaps of bars; nights and weekends count, as in rt.find_gaps."""
        closes = not never_closes(pd.DatetimeIndex(bars.index))
        try:
            found = find_gaps(bars)
        except BarsError:  # bars less than a second apart
            return cls(None, None, closes)
        return cls(len(found), int(found["missing"].sum()), closes)

    def __str__(self) -> str:
        if self.market_closes:
            return "not counted, the market closes on weekends"
        if self.gaps is None:
            return "not known"
        if self.gaps == 0:
            return "none"
        return f"{self.gaps:,}, with {self.missing_bars:,} bars missing"


def show(result: BacktestResult, console: Console) -> None:
    """Print the figures, what qualifies them, and the contract."""
    console.print(_figures_table(result))
    if isinstance(result, PortfolioResult):
        console.print(attribution.table(result))
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column(overflow="fold")
    for label, value in _facts(result):
        facts.add_row(label, value)
    console.print(facts)


def as_json(result: BacktestResult, **more: Any) -> str:
    """The figures, the parameters and the contract as JSON, without the bars.

    Times and durations are ISO 8601 text; what is not defined, or infinite, is null.
    """
    bars = {**_provenance(result), **asdict(Gaps.of(result.bars))}
    if isinstance(result, PortfolioResult):
        bars["symbols"] = attribution.coverage(result)
        more = {"attribution": attribution.rows(result), **more}
    return json.dumps(
        {
            "strategy": result.strategy,
            "parameters": {name: _plain(value) for name, value in result.params.items()},
            "status": result.status,
            "stats": {str(name): _plain(value) for name, value in result.stats.items()},
            "notices": _notices(result),
            "contract": result.contract,
            "config": _config(result),
            "bars": bars,
            "warmup_bars": result.warmup_bars,
            **more,
        },
        indent=2,
        allow_nan=False,
    )


def _config(result: BacktestResult) -> dict[str, Any]:
    """The settings; one set, since the command line has the same for all symbols."""
    return {name: value for name, value in asdict(result.config).items() if name != "symbols"}


def _figures_table(result: BacktestResult) -> Table:
    table = Table(
        title=Text(result.strategy, style="bold"),
        box=box.ROUNDED,
        show_header=False,
        title_justify="left",
        pad_edge=True,
    )
    for _half in ("left", "right"):
        table.add_column(style="dim", no_wrap=True)
        table.add_column(justify="right", no_wrap=True)
    shown = [metric for metric in METRICS if metric.name in result.stats]
    half = (len(shown) + 1) // 2
    cells = [(Text(metric.label), _value(metric, result)) for metric in shown]
    empty = (Text(), Text())
    for row in range(half):
        right = cells[half + row] if half + row < len(cells) else empty
        table.add_row(*cells[row], *right)
    return table


def _value(metric: Metric, result: BacktestResult) -> Text:
    value = result.stats[metric.name]
    style = ""
    if metric.name in _SIGNED and value == value and value != 0:
        style = "green" if value > 0 else "red"
    return Text(metric.display(value), style=style)


def _facts(result: BacktestResult) -> list[tuple[str, Text]]:
    status_style = "green" if result.status == "completed" else "bold red"
    from_where = ", ".join(_provenance(result).values())
    facts = [
        ("Status", Text(result.status, style=status_style)),
        ("Contract", Text(result.contract)),
        ("Bars", Text(from_where or "of unknown origin")),
    ]
    facts += [("Notice", Text(notice, style="yellow")) for notice in _notices(result)]
    return facts


def _notices(result: BacktestResult) -> list[str]:
    found = notices(result)
    return [*found, *symbol_notices(result)] if isinstance(result, PortfolioResult) else found


def _provenance(result: BacktestResult) -> dict[str, str]:
    if isinstance(result, PortfolioResult):
        return attribution.provenance(result)
    names, attrs = ("source", "symbol", "timeframe"), result.bars.attrs
    return {name: str(attrs[name]) for name in names if attrs.get(name)}


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or value is pd.NaT:
        return None
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return pd.Timedelta(value).isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, bool | int | float | str) else str(value)
