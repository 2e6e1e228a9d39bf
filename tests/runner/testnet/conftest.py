"""A real local exchange on a real port, and what tests need to ask of it."""

from __future__ import annotations

import asyncio
import inspect
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from decimal import Decimal
from typing import Any

import ccxt
import pandas as pd
import pytest

import robotrader_sdk as rt
from runner.execution.ccxt_markets import forget_markets
from runner.testnet import ccxt_config
from runner.testnet.core.accounts import Account, ApiKey, Balance
from runner.testnet.core.exchange import Exchange, Settings
from runner.testnet.core.market_file import read_markets
from runner.testnet.core.series import Series
from runner.testnet.core.tape import Tape
from runner.testnet.local import LocalExchange
from runner.testnet.server import serve as serve_until

KEY, SECRET = "test-key", "test-secret"


def bars_of(*rows: tuple[float, float, float, float], start: str = "2024-01-01") -> pd.DataFrame:
    """Minute bars from (open, high, low, close)."""
    index = pd.date_range(start, periods=len(rows), freq="min", tz="UTC", name="open_time")
    frame = pd.DataFrame(list(rows), columns=["open", "high", "low", "close"], index=index)
    return frame.assign(volume=10.0)


def exchange_of(
    bars: pd.DataFrame | dict[str, pd.DataFrame],
    *,
    balances: dict[str, str] | None = None,
    settings: Settings | None = None,
    fee_asset: str = "quote",
) -> Exchange:
    """An exchange with one account, "alice", whose key is KEY."""
    panel = bars if isinstance(bars, dict) else {"BTC/USDT": bars}
    tape = Tape([Series(symbol, frame) for symbol, frame in panel.items()])
    exchange = Exchange(read_markets(), tape, settings=settings)
    funds = {"USDT": "10000"} if balances is None else balances
    alice = Account(
        name="alice",
        fee_asset=fee_asset,
        balances={asset: Balance(Decimal(amount)) for asset, amount in funds.items()},
    )
    exchange.open_account(alice, ApiKey(key=KEY, secret=SECRET, account="alice"))
    return exchange


class Served:
    """An exchange behind a port; `call` runs a function where the server runs."""

    def __init__(self, exchange: Exchange, limit_share: float = 0.0) -> None:
        self.exchange = exchange
        self.local = LocalExchange(exchange, limit_share=limit_share)
        self._failure: BaseException | None = None
        self.closes: list[Callable[[], None]] = []
        """What clients have to have closed in the end."""
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        assert self.local.is_served.wait(20)
        if self._failure is not None:
            raise self._failure

    def _serve(self) -> None:
        try:
            with asyncio.Runner() as runner:
                self._loop = runner.get_loop()
                self._stop = asyncio.Event()
                runner.run(serve_until(self.local, self._socket, self._stop))
        except BaseException as failure:  # noqa: BLE001 - told in the test's own thread
            self._failure = failure
        finally:
            self.local.is_served.set()
            self._socket.close()

    def call(self, function: Callable[..., Any], *args: Any) -> Any:
        """What a function returns that runs in the server's own thread."""

        async def run() -> Any:
            return function(*args)

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(30)

    def stop(self) -> None:
        """Stop serving; whatever clients do as they close."""
        with ExitStack() as stack:
            stack.callback(self._end)
            for close in self.closes:
                stack.callback(close)

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(20)
        assert not self._thread.is_alive()
        if self._failure is not None:
            raise self._failure


@pytest.fixture
def serve() -> Iterator[Callable[[Exchange], Served]]:
    """Serves an exchange until the test ends, when its port may come to be another's."""
    with ExitStack() as stack:
        stack.callback(forget_markets)

        def start(exchange: Exchange, limit_share: float = 0.0) -> Served:
            served = Served(exchange, limit_share)
            stack.callback(served.stop)
            return served

        yield start


def ccxt_client(venue: str, served: Served, *, kind: Any = ccxt, **more: Any) -> Any:
    """Unmodified ccxt, told where the exchange is; `kind` may be its async or its pro module."""
    config = ccxt_config(venue, served.url)
    options = {**config["options"], **more.pop("options", {})}
    keys = {"apiKey": KEY, "secret": SECRET, "enableRateLimit": False, **more}
    client = getattr(kind, venue)({**config, **keys, "options": options})
    if kind is ccxt:
        served.closes.append(client.session.close)
    return client


class Blocking:
    """An asynchronous client whose methods wait, so that the same tests run through it."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._runner = asyncio.Runner()

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)
        if not callable(found):
            return found

        def wait(*args: Any, **kwargs: Any) -> Any:
            async def call() -> Any:
                result = found(*args, **kwargs)
                return await result if inspect.isawaitable(result) else result

            return self._runner.run(call())

        return wait

    def close(self) -> None:
        """Close the client and its loop."""
        self._runner.run(self._client.close())
        self._runner.close()


def blocking_client(venue: str, served: Served, way: str) -> Any:
    """Ccxt in one of its three ways: "sync", "async" or "pro"."""
    if way == "sync":
        return ccxt_client(venue, served)
    import ccxt.async_support
    import ccxt.pro

    kind = ccxt.pro if way == "pro" else ccxt.async_support
    client = Blocking(ccxt_client(venue, served, kind=kind))
    served.closes.append(client.close)
    return client


@pytest.fixture
def walk() -> pd.DataFrame:
    """A day of synthetic minutes around 40,000."""
    return rt.synthetic_bars(1440, seed=5)
