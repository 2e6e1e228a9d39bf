"""The server as such."""

from __future__ import annotations

import asyncio
import gc
import socket
import weakref
from collections.abc import Callable
from contextlib import suppress

import httpx
import pytest

from runner.testnet.local import LocalExchange
from runner.testnet.server import serve as serve_until
from tests.runner.testnet.conftest import Served, bars_of, exchange_of

BARS = bars_of((1, 2, 1, 2), (2, 3, 2, 3))


def test_two_exchanges_are_served_in_one_process(serve: Callable[..., Served]) -> None:
    first, second = serve(exchange_of(BARS)), serve(exchange_of(BARS))
    for one in (first, second):
        assert httpx.get(f"{one.url}/no/such/route").status_code == 404
    assert first.url != second.url


@pytest.mark.parametrize("turns", range(8))
def test_a_connection_that_comes_as_the_server_stops_is_closed(turns: int) -> None:
    """turns: of the loop between the two; whatever is not closed is a warning, which is an error.

    The client waits for an end: only what is open on the server's side lets it wait in vain.
    """

    async def run(listening: socket.socket) -> socket.socket:
        local, stop = LocalExchange(exchange_of(BARS)), asyncio.Event()
        serving = asyncio.create_task(serve_until(local, listening, stop))
        while not local.is_served.is_set():
            await asyncio.sleep(0)
        client = socket.create_connection(listening.getsockname(), timeout=5)
        for _ in range(turns):
            await asyncio.sleep(0)
        stop.set()
        await serving
        return client

    with socket.create_server(("127.0.0.1", 0)) as listening, asyncio.Runner() as runner:
        client = runner.run(run(listening))
    with client, suppress(ConnectionResetError):
        assert client.recv(1) == b""
    gc.collect()


def test_an_exchange_is_forgotten_once_it_is_served_no_more() -> None:
    served = Served(exchange_of(BARS))
    assert httpx.get(f"{served.url}/api/v3/time").status_code == 200
    served.stop()
    forgotten = weakref.ref(served.local)
    del served
    gc.collect()
    assert forgotten() is None
