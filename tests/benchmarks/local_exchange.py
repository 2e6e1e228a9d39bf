"""The local exchange: signed orders a second on one core, and a million bars with orders resting.

The server has one core to itself, the client another. The client signs nothing while it is timed:
all requests are made before, and sent by several clients, each of which waits for its reply.
"""

from __future__ import annotations

import hashlib
import hmac
import multiprocessing
import os
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from urllib.parse import urlencode

import pandas as pd

import robotrader_sdk as rt
from robotrader_sdk.types import OrderType, Side
from runner.testnet.core.accounts import Account, ApiKey, Balance
from runner.testnet.core.exchange import Exchange
from runner.testnet.core.market_file import read_markets
from runner.testnet.core.orders import Request
from runner.testnet.core.series import Series
from runner.testnet.core.session import finish_bar
from runner.testnet.core.tape import Tape

KEY, SECRET = "bench-key", "bench-secret"
N_CLIENTS = 8


def signed_requests_a_second(n_orders: int) -> dict[str, float]:
    """Creations and cancellations together, by venue."""
    return {venue: _timed(venue, n_orders) for venue in ("binance", "bybit")}


def seconds_for_bars(n_bars: int, n_resting: int = 100) -> float:
    """How long it takes to step through bars while orders rest that never fill."""
    exchange = _exchange(rt.synthetic_bars(n_bars, "1m", seed=5, price=40_000.0, volatility=0.1))
    market = exchange.markets["BTC/USDT"]
    last = exchange.last_price(market)
    for number in range(n_resting):
        side = Side.BUY if number % 2 else Side.SELL
        away = Decimal("0.25") if side is Side.BUY else Decimal(4)
        request = Request(
            symbol="BTC/USDT",
            side=side,
            type=OrderType.LIMIT,
            quantity=Decimal("0.01"),
            price=market.price(last * away) + number,
        )
        exchange.submit("bench", request)
    start = time.perf_counter()
    for _ in range(n_bars):
        finish_bar(exchange)
    taken = time.perf_counter() - start
    left = len(exchange.records.open_orders("bench"))
    if left != n_resting:
        raise RuntimeError(f"{n_resting} orders should rest, {left} do")
    return taken


def _exchange(bars: pd.DataFrame) -> Exchange:
    exchange = Exchange(read_markets(), Tape([Series("BTC/USDT", bars)]))
    funds = {"USDT": Balance(Decimal(10) ** 9), "BTC": Balance(Decimal(10) ** 6)}
    account = Account(name="bench", balances=funds)
    exchange.open_account(account, ApiKey(key=KEY, secret=SECRET, account="bench"))
    return exchange


def _timed(venue: str, n_orders: int) -> float:
    context = multiprocessing.get_context("spawn")
    ready = context.Queue()
    server = context.Process(target=_serve, args=(ready,), daemon=True)
    server.start()
    try:
        port, now_ms = ready.get(timeout=60)
        _pin(1)
        make = _binance if venue == "binance" else _bybit
        _send(port, [make(f"warm-{k}", now_ms) for k in range(100)])
        batches = [make(f"o-{k}", now_ms) for k in range(n_orders)]
        start = time.perf_counter()
        _send(port, batches)
        return 2 * n_orders / (time.perf_counter() - start)
    finally:
        server.terminate()
        server.join(10)


def _serve(ready: multiprocessing.Queue[tuple[int, int]]) -> None:
    import asyncio

    from runner.testnet.local import LocalExchange
    from runner.testnet.server import run as run_loop
    from runner.testnet.server import serve

    _pin(0)
    exchange = _exchange(rt.synthetic_bars(100, "1m", price=40_000.0).round(2))
    listening = socket.create_server(("127.0.0.1", 0))
    ready.put((listening.getsockname()[1], exchange.clock.now_ms))

    async def run() -> None:
        await serve(LocalExchange(exchange, limit_share=0.0), listening, asyncio.Event())

    run_loop(run())


def _pin(number: int) -> None:
    """Keep this process on one core, where the system can."""
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[number % len(cores)]})


def _send(port: int, batches: list[tuple[bytes, bytes]]) -> None:
    """Each order's creation and cancellation, by several clients at once."""
    with ThreadPoolExecutor(N_CLIENTS) as clients:
        parts = [batches[number::N_CLIENTS] for number in range(N_CLIENTS)]
        for done in [clients.submit(_be_a_client, port, part) for part in parts]:
            done.result()


def _be_a_client(port: int, batches: list[tuple[bytes, bytes]]) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        for requests in batches:
            for request in requests:
                connection.sendall(request)
                _check(_reply(connection))


def _reply(connection: socket.socket) -> bytes:
    received = connection.recv(65536)
    while b"\r\n\r\n" not in received:
        received += connection.recv(65536)
    head, _, body = received.partition(b"\r\n\r\n")
    length = next(
        int(line.split(b":")[1])
        for line in head.lower().split(b"\r\n")
        if line.startswith(b"content-length")
    )
    while len(body) < length:
        body += connection.recv(65536)
    return head.split(b"\r\n")[0] + body


def _check(reply: bytes) -> None:
    if b" 200 " not in reply or (b"retCode" in reply and b'"retCode":0' not in reply):
        raise RuntimeError(reply[:300].decode())


def _signature(text: str) -> str:
    return hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).hexdigest()


def _binance(name: str, now_ms: int) -> tuple[bytes, bytes]:
    common = {"symbol": "BTCUSDT", "timestamp": now_ms}
    order = {"side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01",
             "price": "39000", "newClientOrderId": name}  # fmt: skip

    def request(method: str, given: dict[str, object]) -> bytes:
        query = urlencode(given)
        target = f"/api/v3/order?{query}&signature={_signature(query)}"
        head = f"{method} {target} HTTP/1.1\r\nHost: x\r\nX-MBX-APIKEY: {KEY}\r\n"
        return f"{head}Content-Length: 0\r\n\r\n".encode()

    cancel = {**common, "origClientOrderId": name}
    return request("POST", {**common, **order}), request("DELETE", cancel)


def _bybit(name: str, now_ms: int) -> tuple[bytes, bytes]:
    def request(path: str, body: str) -> bytes:
        signature = _signature(f"{now_ms}{KEY}5000{body}")
        return (
            f"POST /v5/order/{path} HTTP/1.1\r\nHost: x\r\nX-BAPI-API-KEY: {KEY}\r\n"
            f"X-BAPI-TIMESTAMP: {now_ms}\r\nX-BAPI-RECV-WINDOW: 5000\r\n"
            f"X-BAPI-SIGN: {signature}\r\nContent-Length: {len(body)}\r\n\r\n{body}"
        ).encode()

    create = (
        '{"category":"spot","symbol":"BTCUSDT","side":"Buy","orderType":"Limit","qty":"0.01",'
        f'"price":"39000","orderLinkId":"{name}"}}'
    )
    cancel = f'{{"category":"spot","symbol":"BTCUSDT","orderLinkId":"{name}"}}'
    return request("create", create), request("cancel", cancel)
