"""Brokers at a local exchange, and what their tests ask of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import httpx
import pytest

import robotrader_sdk as rt
from robotrader_sdk.types import OrderType, Side
from runner.execution.broker import OrderRequest
from runner.execution.ccxt_broker import CcxtBroker
from runner.execution.ccxt_client import Credentials
from runner.testnet import ccxt_config
from tests.runner.testnet.conftest import KEY, SECRET, Served, exchange_of

SPOT, PERP = "BTC/USDT", "BTC/USDT:USDT"
BARS = rt.synthetic_bars(400, "1m", seed=3, price=40_000.0).round(1)
SOL_BARS = rt.synthetic_bars(400, "1m", seed=4, price=100.0).round(2)
LAST = Decimal(str(BARS["open"].iloc[0]))
FUNDS = {"USDT": "100000", "BTC": "1", "BNB": "5"}
VENUES = ("binance", "bybit")


def local_exchange(**more: Any) -> Any:
    """An exchange with a spot market, one without stop-market orders, and a perpetual."""
    panel = {SPOT: BARS, "SOL/USDT": SOL_BARS, PERP: BARS}
    return exchange_of(panel, **{"balances": FUNDS, **more})


def broker_at(served: Served, venue: str, **more: Any) -> CcxtBroker:
    """A broker of the account of the local exchange; `timeout`: of a request, milliseconds."""
    overrides = {**ccxt_config(venue, served.url), "timeout": more.pop("timeout", 10_000)}
    credentials = more.pop("credentials", Credentials(KEY, SECRET))
    return CcxtBroker(venue, credentials, overrides=overrides, **more)


def with_broker(
    served: Served, venue: str, use: Callable[[CcxtBroker], Coroutine[Any, Any, Any]], **more: Any
) -> Any:
    """What `use` returns, given a broker that is closed afterwards."""

    async def run() -> Any:
        broker = broker_at(served, venue, **more)
        try:
            return await use(broker)
        finally:
            await broker.close()

    return asyncio.run(run())


def control(served: Served, method: str, route: str, **given: Any) -> Any:
    """What a control route answers."""
    done = httpx.request(method, f"{served.url}/_control/{route}", **given)
    assert done.status_code == 200, done.text
    return done.json()


@contextmanager
def fault(served: Served, kind: str, **more: Any) -> Iterator[None]:
    """A fault, as long as it is needed."""
    control(served, "POST", "faults", json={"kind": kind, **more})
    try:
        yield
    finally:
        control(served, "DELETE", "faults")


def step(served: Served, bars: int = 1) -> None:
    """Go on by some bars."""
    control(served, "POST", "step", json={"bars": bars, "through_fills": True})


def requests_of(served: Served, route: str = "") -> list[Mapping[str, Any]]:
    """The requests the exchange saw, those of a route as "POST /api/v3/order"."""
    told = control(served, "GET", "ledger", params={"kind": "request", "limit": 1000})
    entries = [entry["what"] for entry in told["entries"]]
    # A request that is reset is written down twice: as met by the fault, and as answered.
    met = [row for row in entries if row["status"] != 200 or "reset_before" not in row["faults"]]
    return [row for row in met if route in ("", f"{row['method']} {row['path']}")]


def n_orders(served: Served) -> int:
    """How many orders the exchange has ever taken."""
    return len(served.exchange.records.orders)


CREATE = {"binance": "POST /api/v3/order", "bybit": "POST /v5/order/create"}
CANCEL = {"binance": "DELETE /api/v3/order", "bybit": "POST /v5/order/cancel"}


def market_order(client_order_id: str = "rt-market-0000001", **more: Any) -> OrderRequest:
    """A market buy."""
    given = {"symbol": SPOT, "side": Side.BUY, "quantity": Decimal("0.01"), **more}
    return OrderRequest(client_order_id=client_order_id, type=OrderType.MARKET, **given)


def limit_order(client_order_id: str = "rt-limit-00000001", **more: Any) -> OrderRequest:
    """A limit buy below the price, which rests."""
    given = {
        "symbol": SPOT,
        "side": Side.BUY,
        "quantity": Decimal("0.01"),
        "limit_price": (LAST * Decimal("0.95")).quantize(Decimal("0.1")),
        **more,
    }
    return OrderRequest(client_order_id=client_order_id, type=OrderType.LIMIT, **given)


def stop_order(client_order_id: str = "rt-stop-000000001", **more: Any) -> OrderRequest:
    """A stop below the price, which protects."""
    given = {
        "symbol": SPOT,
        "side": Side.SELL,
        "quantity": Decimal("0.01"),
        "stop_price": (LAST * Decimal("0.95")).quantize(Decimal("0.1")),
        **more,
    }
    kind = OrderType.STOP_LIMIT if "limit_price" in given else OrderType.STOP
    return OrderRequest(client_order_id=client_order_id, type=kind, **given)


async def ready(broker: CcxtBroker, symbol: str = SPOT) -> None:
    """Load the markets, so that a fault meets one request only."""
    await broker.balances()
    await broker.instrument(symbol)


@contextmanager
def unanswered(served: Served, broker: CcxtBroker, kind: str, **more: Any) -> Iterator[None]:
    """A fault; if it holds the answer back, the broker does not wait for long."""
    usual = broker._client.timeout
    broker._client.timeout = 700 if kind.startswith("timeout") else usual
    try:
        with fault(served, kind, **more):
            yield
    finally:
        broker._client.timeout = usual


async def raised(kind: type[BaseException], asked: Coroutine[Any, Any, Any]) -> Any:
    """What a call raises, which is of that kind and of none below it."""
    with pytest.raises(kind) as caught:
        await asked
    assert type(caught.value) is kind
    return caught.value
