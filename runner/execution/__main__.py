"""`python -m runner.execution`: one bot against a local exchange; it prints what it does."""

from __future__ import annotations

import asyncio
import os
import sys
from decimal import Decimal, InvalidOperation
from typing import Annotated

import typer

from robotrader_sdk.cli import terminal
from robotrader_sdk.cli.errors import CommandError
from robotrader_sdk.errors import RobotraderError
from robotrader_sdk.types import Timeframe
from runner.errors import RunnerError
from runner.execution.local_run import LocalRun, run_local

MISTAKE = 2
"""Exit code."""

app = typer.Typer(add_completion=False)


@app.command()
def run(
    strategy: Annotated[str, typer.Argument(help="A strategy of the catalog, such as SmaCross.")],
    url: Annotated[str, typer.Option(help="The local exchange: `robotrader testnet` says it.")],
    symbol: Annotated[list[str], typer.Option(help="What it trades; repeatable, for a portfolio.")],
    timeframe: Annotated[str, typer.Option(help="Length of its bars, such as 1m or 1h.")] = "1m",
    exchange: Annotated[str, typer.Option(help="binance or bybit.")] = "binance",
    capital: Annotated[str, typer.Option(help="What it may use, in quote.")] = "1000",
    leverage: Annotated[str, typer.Option(help="On perpetuals.")] = "1",
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="A parameter, NAME=VALUE; repeatable.")
    ] = None,
    database: Annotated[
        str, typer.Option(help="sqlite:///FILE or postgresql://...; it goes on from what is there.")
    ] = "sqlite:///robotrader.db",
    bars: Annotated[int, typer.Option(help="Stop after so many bars; 0: never.")] = 0,
) -> None:
    """Run one bot of the catalog against a local exchange, and print what it does.

    The key is RT_API_KEY and RT_API_SECRET of the environment, or else that of the local exchange.
    """
    try:
        wanted = LocalRun(
            strategy=strategy,
            settings=tuple(set_ or ()),
            url=url,
            symbols=tuple(symbol),
            timeframe=str(Timeframe.parse(timeframe)),
            exchange=exchange,
            capital=_amount("--capital", capital),
            leverage=_amount("--leverage", leverage),
            database=database,
            n_bars=bars,
            key=os.environ.get("RT_API_KEY", ""),
            secret=os.environ.get("RT_API_SECRET", ""),
        )
        asyncio.run(run_local(wanted, terminal.stdout().print))
    except (RunnerError, RobotraderError) as error:
        terminal.error(str(error))
        sys.exit(MISTAKE)
    except KeyboardInterrupt:
        terminal.note("stopped; protection stays at the exchange, and the next start goes on")


def _amount(option: str, text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise CommandError(f"{option} {text!r} is not a number") from None


if __name__ == "__main__":
    app()
