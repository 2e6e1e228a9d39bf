"""What the tests of bars share: the local exchange, and the real bars beside the repository."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from .binance_server import HOUR, BinanceServer, local_binance, make_rows
from .downloads import N


@pytest.fixture
def server() -> Iterator[BinanceServer]:
    server = BinanceServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def exchange(server: BinanceServer) -> Any:
    return local_binance(server.url)


@pytest.fixture
def listed(server: BinanceServer) -> None:
    """BTC/USDT has hourly bars from 2024-01-10 to 2024-04-27 08:00; it is 2024-06-01 there."""
    server.serve_bars(make_rows("2024-01-10", N, HOUR), HOUR)
