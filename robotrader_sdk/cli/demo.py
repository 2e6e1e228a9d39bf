"""`robotrader demo`: a first backtest on bundled real bars, without any network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

import robotrader_sdk as rt
from robotrader_sdk.cli import terminal
from robotrader_sdk.cli.output import check_writable
from robotrader_sdk.cli.references import load_strategy_class

_STRATEGY, _SAMPLE, _FILE = "SmaCross", "AAPL", "robotrader-demo.html"

_NEXT = (
    ("robotrader strategies", "the ready strategies and their parameters"),
    ("robotrader backtest EmaTrend --bars sample:AAPL --report ema.html", "another, on your terms"),
)


def run(
    out: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Where the report is written.")
    ] = Path(),
) -> None:
    """Backtest SmaCross on bundled real bars and write a report; needs no network."""
    from robotrader_sdk.backtest.engine import backtest
    from robotrader_sdk.cli import figures

    folder = out.expanduser()
    if not folder.exists() and folder.absolute().parent.is_dir():
        folder.mkdir()
    path = folder / _FILE
    check_writable(path)

    bars = rt.sample_bars(_SAMPLE)
    first, last = (f"{time:%Y-%m-%d}" for time in (bars.index[0], bars.index[-1]))
    console = terminal.stdout()
    console.print(
        Text.assemble(
            ("RoboTrader demo: ", "bold cyan"),
            f"{_STRATEGY} on {len(bars):,} real daily bars of {_SAMPLE}, {first} to {last}\n",
        ),
        soft_wrap=True,
    )
    result = backtest(load_strategy_class(_STRATEGY)(), bars)
    result.to_html(path)
    figures.show(result, console)
    terminal.show_path("Report", str(path.resolve()))
    console.print()
    for word, (command, purpose) in zip(("Next:", "Or:  "), _NEXT, strict=True):
        console.print(
            Text.assemble((f"{word} ", "bold"), (command, "cyan"), f"   {purpose}"), soft_wrap=True
        )
