"""A local exchange from what a user says on the command line: bars, speed, balances, a port."""

from __future__ import annotations

import asyncio
import ipaddress
import signal
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path

import pandas as pd

import robotrader_sdk as rt
from runner.errors import TestnetError
from runner.testnet.core.accounts import Account, ApiKey, Balance
from runner.testnet.core.clock import Clock
from runner.testnet.core.exchange import Exchange
from runner.testnet.core.market_file import read_markets
from runner.testnet.core.perpetual_series import PerpetualSeries
from runner.testnet.core.series import Series
from runner.testnet.core.tape import Tape
from runner.testnet.local import LocalExchange
from runner.testnet.server import run as run_loop
from runner.testnet.server import serve
from runner.testnet.state import load, save

KEY, SECRET = "demo-key", "demo-secret"
SYNTHETIC = {"BTC/USDT": 40_000.0, "ETH/USDT": 2_500.0, "SOL/USDT": 100.0}
"""The markets with made-up bars, and the prices they begin at."""
SYNTHETIC_PERPETUAL = "BTC/USDT:USDT"
_SYNTHETIC_DAYS = 60
_LAST_PORT = 65_535


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is asked for.

    bars: by ccxt's symbol. balances: of the account "demo". marks and funding: of perpetuals, by
    symbol. state: a file that is loaded if it exists, and written at the end.
    """

    bars: Mapping[str, pd.DataFrame]
    speed: str = "manual"
    markets: Path | None = None
    balances: Mapping[str, Decimal] = field(default_factory=lambda: {"USDT": Decimal(10_000)})
    fee_asset: str = "received"
    marks: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    funding: Mapping[str, pd.Series] = field(default_factory=dict)
    limit_share: float = 1.0
    state: Path | None = None


def build(wanted: Wanted) -> LocalExchange:
    """The exchange that is asked for; TestnetError says what can't be."""
    markets = read_markets(wanted.markets)
    known = {market.symbol for market in markets}
    for symbol in wanted.bars:
        if symbol not in known:
            raise TestnetError(
                f"there is no market {symbol!r} in the market file; name the bars by one of "
                f"{', '.join(sorted(known))}, as --bars BTC/USDT=FILE"
            )
    tape = Tape([Series(symbol, bars) for symbol, bars in wanted.bars.items()])
    exchange = Exchange(markets, tape, Clock(tape.open_ms, wanted.speed))
    for symbol in {*wanted.marks, *wanted.funding}:
        _give_perpetual(exchange, wanted, symbol)
    balances = {asset: Balance(amount) for asset, amount in wanted.balances.items()}
    demo = Account(name="demo", fee_asset=wanted.fee_asset, balances=balances)
    exchange.open_account(demo, ApiKey(key=KEY, secret=SECRET, account="demo"))
    local = LocalExchange(exchange, limit_share=wanted.limit_share)
    if wanted.state is not None and wanted.state.exists():
        load(exchange, local.ledger, wanted.state.read_bytes())
    return local


def synthetic_bars(seed: int) -> dict[str, pd.DataFrame]:
    """Made-up minutes of three markets, and of one of them as a perpetual too."""
    n = _SYNTHETIC_DAYS * 1440
    bars = {
        symbol: rt.synthetic_bars(
            n, "1m", seed=seed + number, start="2025-01-01", price=price
        ).round(2)
        for number, (symbol, price) in enumerate(SYNTHETIC.items())
    }
    bars[SYNTHETIC_PERPETUAL] = bars["BTC/USDT"]
    return bars


def read_amounts(texts: Sequence[str]) -> dict[str, Decimal]:
    """Balances from texts such as "USDT=10000"; TestnetError names one that is not so."""
    found = {}
    for text in texts:
        asset, _, amount = text.partition("=")
        try:
            value = Decimal(amount)
        except InvalidOperation:
            value = Decimal(-1)
        if not asset or not value.is_finite() or value < 0:
            raise TestnetError(f"{text!r} is no balance; expected ASSET=AMOUNT, as USDT=10000")
        found[asset] = value
    return found


def listen(host: str, port: int) -> socket.socket:
    """A bound socket; TestnetError if the address can't be had."""
    if not 0 <= port <= _LAST_PORT:
        raise TestnetError(f"{port} is no port; choose one from 1 to {_LAST_PORT}, or 0 for any")
    try:
        return socket.create_server((host, port))
    except OSError as error:
        raise TestnetError(f"can't listen on {host}:{port}: {error}; choose another port") from None


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def run(local: LocalExchange, listening: socket.socket, state: Path | None) -> None:
    """Serve until interrupted or told to end; then write the state if there is a file for it."""
    try:
        run_loop(_until_told(local, listening))
    finally:
        if state is not None:
            written = state.with_name(state.name + ".new")
            written.write_bytes(save(local.exchange, local.ledger))
            written.replace(state)


async def _until_told(local: LocalExchange, listening: socket.socket) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.set)
    await serve(local, listening, stop)


def _give_perpetual(exchange: Exchange, wanted: Wanted, symbol: str) -> None:
    market = exchange.markets.get(symbol)
    if market is None or not market.linear or symbol not in wanted.bars:
        raise TestnetError(f"{symbol!r} is no perpetual with bars here, so it has no mark price")
    series = PerpetualSeries(
        exchange.tape.series[symbol],
        market.funding_interval_minutes,
        mark=wanted.marks.get(symbol),
        funding=wanted.funding.get(symbol),
    )
    exchange.linear.give(symbol, series)
