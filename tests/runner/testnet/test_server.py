"""The server as such."""

from __future__ import annotations

from collections.abc import Callable

import httpx

from tests.runner.testnet.conftest import Served, bars_of, exchange_of


def test_two_exchanges_are_served_in_one_process(serve: Callable[..., Served]) -> None:
    bars = bars_of((1, 2, 1, 2), (2, 3, 2, 3))
    first, second = serve(exchange_of(bars)), serve(exchange_of(bars))
    for one in (first, second):
        assert httpx.get(f"{one.url}/no/such/route").status_code == 404
    assert first.url != second.url
