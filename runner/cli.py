"""The runner's commands, which the SDK's `robotrader` finds through entry points.

Nothing that only the runner needs is imported before a command runs, so that `robotrader --help`
works where the SDK alone is installed.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from robotrader_sdk.cli import terminal
from robotrader_sdk.cli.bars import read_source, read_symbols, split_name
from robotrader_sdk.cli.errors import CommandError

if TYPE_CHECKING:
    import pandas as pd

    from runner.testnet.setup import Wanted

testnet = typer.Typer(help="Serve a local exchange: Binance spot and Bybit, on your own bars.")

Texts = list[str]


@testnet.command()
def run_testnet(
    bars: Annotated[
        Texts | None,
        typer.Option(help="Bars to replay, SYMBOL=FILE such as BTC/USDT=btc.csv; repeatable."),
    ] = None,
    synthetic: Annotated[
        int | None, typer.Option(help="Replay made-up minutes of several markets, by this seed.")
    ] = None,
    speed: Annotated[
        str, typer.Option(help="manual (stepped), max (waits for clients), or 1x, 60x ...")
    ] = "manual",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 for any that is free.")] = 8100,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    markets: Annotated[
        Path | None, typer.Option(help="Market file in the shape of Binance's exchangeInfo.")
    ] = None,
    balance: Annotated[
        Texts | None, typer.Option(help="What the account has, ASSET=AMOUNT; repeatable.")
    ] = None,
    fee_asset: Annotated[
        str, typer.Option(help="What fees are paid in: received, quote, or a coin such as BNB.")
    ] = "received",
    mark: Annotated[
        Texts | None, typer.Option(help="Mark price of a perpetual, SYMBOL=FILE; repeatable.")
    ] = None,
    funding: Annotated[
        Texts | None, typer.Option(help="Funding rates of a perpetual, SYMBOL=FILE; repeatable.")
    ] = None,
    limits: Annotated[
        float, typer.Option(min=0, help="Share of the venues' rate limits; 0 for none.")
    ] = 1.0,
    state: Annotated[
        Path | None, typer.Option(help="File to go on from if it exists, and to save to.")
    ] = None,
) -> None:
    """Serve a local exchange until interrupted."""
    try:
        from runner.testnet import setup
    except ModuleNotFoundError as error:
        raise CommandError(
            f"the local exchange needs {error.name}; install it with: pip install "
            "'robotrader[runner]'"
        ) from None
    from runner.errors import TestnetError

    if (bars is None) == (synthetic is None):
        raise CommandError("give either --bars SYMBOL=FILE or --synthetic SEED")
    try:
        wanted = setup.Wanted(
            bars=read_symbols(bars) if bars else setup.synthetic_bars(synthetic or 0),
            speed=speed,
            markets=markets,
            balances=setup.read_amounts(balance or ["USDT=10000"]),
            fee_asset=fee_asset,
            marks={name: read_source(source) for name, source in _named("--mark", mark)},
            funding={name: _rates(source) for name, source in _named("--funding", funding)},
            limit_share=limits,
            state=state,
        )
        local = setup.build(wanted)
        listening = setup.listen(host, port)
        with listening:
            _announce(wanted, host, listening.getsockname()[1])
            setup.run(local, listening, state)
    except TestnetError as error:
        raise CommandError(str(error)) from None


def _announce(wanted: Wanted, host: str, port: int) -> None:
    from runner.testnet.setup import KEY, SECRET, is_loopback

    url = f"http://{host}:{port}"
    out = terminal.stdout()
    out.print(f"Serving {', '.join(wanted.bars)} at {url} (speed {wanted.speed})")
    out.print(f"API key {KEY}, secret {SECRET}; try:", soft_wrap=True)
    out.print("    from runner.testnet import ccxt_config")
    out.print(
        f'    ccxt.binance({{**ccxt_config("binance", "{url}"), "apiKey": "{KEY}", '
        f'"secret": "{SECRET}"}})',
        soft_wrap=True,
        markup=False,
    )
    if wanted.speed == "manual":
        out.print(f"Time stands still until: curl -X POST {url}/_control/step", soft_wrap=True)
    if not is_loopback(host):
        terminal.note(
            f"it listens beyond this machine, on {host}: whoever reaches it can trade and turn "
            "everything under /_control"
        )


def _named(option: str, texts: Texts | None) -> list[tuple[str, str]]:
    pairs = [split_name(text) for text in texts or []]
    for name, source in pairs:
        if not name:
            raise CommandError(f"{option} {source!r} names no symbol; expected SYMBOL=FILE")
    return pairs


def _rates(source: str) -> pd.Series[float]:
    """Funding rates by time: a file with a column of times and one of rates."""
    import pandas as pd

    try:
        frame = pd.read_csv(Path(source).expanduser())
        index = pd.to_datetime(frame.iloc[:, 0], utc=True)
        return pd.Series(frame.iloc[:, 1].to_numpy(dtype=float), index=pd.DatetimeIndex(index))
    except (OSError, ValueError, IndexError) as error:
        raise CommandError(f"--funding {source} can't be read: {error}") from None


doctor = typer.Typer(help="Look whether this host has what the runner needs.")


@doctor.callback()
def choose_examination() -> None:
    """Look whether this host has what the runner needs."""


@doctor.command("jail")
def examine_jail(
    accept_min: Annotated[
        bool, typer.Option(help="Take the level 'min', which leaks names of files, for enough.")
    ] = False,
) -> None:
    """Try to break out of a jail for user code, and say which level this host gives."""
    import asyncio

    try:
        from runner.sandbox.doctor import examine
        from runner.sandbox.settings import JailSettings
    except ModuleNotFoundError as error:
        raise CommandError(
            f"the jail needs {error.name}; install it with: pip install 'robotrader[runner]'"
        ) from None
    out = terminal.stdout()

    def say(line: str) -> None:
        out.print(line, markup=False, highlight=False, soft_wrap=True)

    if not asyncio.run(examine(say, JailSettings(accepts_min=accept_min))):
        raise typer.Exit(1)
