"""`robotrader backtest`: a strategy over bars, its figures, and a report."""

from __future__ import annotations

import sys
import warnings
from contextlib import nullcontext, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import robotrader_sdk as rt
from robotrader_sdk.cli import terminal
from robotrader_sdk.cli.bars import FORMS, read_symbols
from robotrader_sdk.cli.output import check_writable
from robotrader_sdk.cli.references import load_strategy_class
from robotrader_sdk.cli.settings import make_strategy

if TYPE_CHECKING:
    import pandas as pd

    from robotrader_sdk.backtest.result import BacktestResult
    from robotrader_sdk.strategy.base import Strategy
    from robotrader_sdk.strategy.portfolio import PortfolioStrategy

_COSTS, _MARKET, _RULES, _OUTPUT = "Money and costs", "Market", "Fill contract", "Output"


def run(
    strategy: Annotated[
        str,
        typer.Argument(
            metavar="STRATEGY",
            help="A name of `robotrader strategies`, module:Class or path.py:Class.",
            show_default=False,
        ),
    ],
    bars: Annotated[
        list[str],
        typer.Option(
            help=f"One of: {FORMS}. Repeat for a panel of several symbols; NAME=SOURCE names one.",
            metavar="SOURCE",
        ),
    ],
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="A parameter of the strategy; repeat."),
    ] = None,
    start: Annotated[
        str | None, typer.Option(metavar="TIME", help="First open time, as 2024-01-31, in UTC.")
    ] = None,
    end: Annotated[
        str | None, typer.Option(metavar="TIME", help="The bars end before this time.")
    ] = None,
    cash: Annotated[
        float, typer.Option(help="Quote money at the start.", rich_help_panel=_COSTS)
    ] = 10_000.0,
    maker_fee: Annotated[
        float, typer.Option(help="Fraction of notional: .001 is 0.1 %.", rich_help_panel=_COSTS)
    ] = 0.001,
    taker_fee: Annotated[
        float, typer.Option(help="Fraction of notional.", rich_help_panel=_COSTS)
    ] = 0.001,
    slippage: Annotated[
        float,
        typer.Option(help="Fraction of the price, on taker fills.", rich_help_panel=_COSTS),
    ] = 0.0,
    kind: Annotated[
        str,
        typer.Option(
            metavar="synthetic|spot|linear_perpetual",
            help="spot can't be sold short; a perpetual is margined.",
            rich_help_panel=_MARKET,
        ),
    ] = "synthetic",
    tick_size: Annotated[
        float, typer.Option(help="Step of prices; 0: none.", rich_help_panel=_MARKET)
    ] = 0.0,
    lot_size: Annotated[
        float, typer.Option(help="Step of quantities; 0: none.", rich_help_panel=_MARKET)
    ] = 0.0,
    min_notional: Annotated[
        float, typer.Option(help="Smallest order in quote; 0: none.", rich_help_panel=_MARKET)
    ] = 0.0,
    fee_currency: Annotated[
        str,
        typer.Option(
            metavar="quote|base", help="What a buy pays its fee in.", rich_help_panel=_MARKET
        ),
    ] = "quote",
    leverage: Annotated[
        float, typer.Option(help="Of a perpetual: notional / margin.", rich_help_panel=_MARKET)
    ] = 1.0,
    margin: Annotated[
        str,
        typer.Option(
            metavar="isolated|cross",
            help="Of a perpetual: what backs a position.",
            rich_help_panel=_MARKET,
        ),
    ] = "isolated",
    fill_at: Annotated[
        str,
        typer.Option(
            metavar="next_open|close",
            help="When market orders fill; close is for comparison only.",
            rich_help_panel=_RULES,
        ),
    ] = "next_open",
    limit_fill: Annotated[
        str,
        typer.Option(
            metavar="through|touch",
            help="Whether a resting limit must be traded through or only touched.",
            rich_help_panel=_RULES,
        ),
    ] = "through",
    report: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.html",
            help="Write one self-contained page: figures, charts, trades.",
            rich_help_panel=_OUTPUT,
        ),
    ] = None,
    json: Annotated[
        bool,
        typer.Option("--json", help="Print JSON and nothing else.", rich_help_panel=_OUTPUT),
    ] = False,
) -> None:
    """Run a strategy over bars; print its figures and the contract they hold under.

    For example: robotrader backtest SmaCross --bars sample:AAPL --set fast=10 --set slow=50
    Several symbols: robotrader backtest RiskParity --bars sample:AAPL --bars sample:MSFT
    """
    # What a strategy's own code prints must not end up within the JSON.
    with redirect_stdout(sys.stderr) if json else nullcontext():
        if report is not None:
            check_writable(report)
        made = make_strategy(load_strategy_class(strategy), settings or [])
        symbols = read_symbols(bars, start, end)
        first = next(iter(symbols.values()))
        panel = len(symbols) > 1 or isinstance(made, rt.PortfolioStrategy)
        result = _backtest(
            made,
            symbols if panel else first,
            cash=cash,
            fees=rt.Fees(maker=maker_fee, taker=taker_fee),
            slippage=slippage,
            instrument=rt.Instrument(
                kind=kind,  # type: ignore[arg-type]  # checked by Instrument
                tick_size=tick_size,
                lot_size=lot_size,
                min_notional=min_notional,
                fee_currency=fee_currency,  # type: ignore[arg-type]  # checked by Instrument
                symbol="" if panel else str(first.attrs.get("symbol", "")),
            ),
            fill_at=fill_at,
            limit_fill=limit_fill,
            leverage=leverage,
            margin=margin,
        )
        if report is not None:
            result.to_html(report)
    _tell(result, report, json)


def _backtest(
    strategy: Strategy | PortfolioStrategy,
    bars: pd.DataFrame | dict[str, pd.DataFrame],
    **settings: Any,
) -> BacktestResult:
    """rt.backtest without the gaps told twice: reading the bars has told them."""
    from robotrader_sdk.backtest.engine import backtest
    from robotrader_sdk.data.validate import BarsWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BarsWarning)
        return backtest(strategy, bars, **settings)


def _tell(result: BacktestResult, report: Path | None, json: bool) -> None:
    from robotrader_sdk.cli import figures

    where = None if report is None else str(report.resolve())
    if json:
        typer.echo(figures.as_json(result, report=where))
        return
    console = terminal.stdout()
    figures.show(result, console)
    if where is not None:
        terminal.show_path("Report", where)
