"""`robotrader download`: bars from an exchange, into the cache and into a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import robotrader_sdk as rt
from robotrader_sdk.cli import terminal
from robotrader_sdk.cli.bars import MarketName
from robotrader_sdk.cli.output import check_bars_file, write_bars

if TYPE_CHECKING:
    import pandas as pd


def run(
    market: Annotated[
        str,
        typer.Argument(
            metavar="EXCHANGE:SYMBOL:TIMEFRAME",
            help="Such as binance:BTC/USDT:1h.",
            show_default=False,
        ),
    ],
    start: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="First open time, as 2024-01-31, in UTC; else all."),
    ] = None,
    end: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="The bars end before this time; else with the last."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write them as .csv, .csv.gz, .parquet or .feather."),
    ] = None,
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Fetch again what the cache has.")
    ] = False,
) -> None:
    """Download the closed bars of a market; only what the cache lacks is fetched.

    For example: robotrader download binance:BTC/USDT:1h --start 2024-01-01 --out btc.parquet
    """
    name = MarketName.parse(market)
    if out is not None:
        check_bars_file(out)
    bars = rt.load_bars(name.exchange, name.symbol, name.timeframe, start, end, refresh=refresh)
    if out is not None:
        write_bars(bars, out)
    _tell(bars, market, out)


def _tell(bars: pd.DataFrame, market: str, out: Path | None) -> None:
    from robotrader_sdk.cli.figures import Gaps
    from robotrader_sdk.data.cache import cache_folder

    first, last = (f"{time:%Y-%m-%d %H:%M}" for time in (bars.index[0], bars.index[-1]))
    terminal.stdout().print(
        f"{len(bars):,} bars of {market} from {first} to {last} UTC; gaps: {Gaps.of(bars)}",
        soft_wrap=True,
        markup=False,
    )
    if out is None:
        terminal.show_path("Cache", str(cache_folder()))
    else:
        terminal.show_path("File", str(out.resolve()))
