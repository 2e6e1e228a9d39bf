"""Websockets through unmodified ccxt.pro, and what faults do to them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import ccxt.pro
import httpx
import pytest
import websockets

import robotrader_sdk as rt
from tests.runner.testnet.conftest import ccxt_client, exchange_of

SPOT, PERP = "BTC/USDT", "BTC/USDT:USDT"
BARS = rt.synthetic_bars(60, "1m", seed=3, price=40_000.0).round(1)
PLACES = [("binance", SPOT), ("bybit", SPOT), ("bybit", PERP)]


@pytest.fixture
def served(serve):
    funds = {"USDT": "100000", "BTC": "1"}
    return serve(exchange_of({SPOT: BARS, PERP: BARS}, balances=funds))


class Watcher:
    """A ccxt.pro client, and something to make things happen."""

    def __init__(self, served, venue, symbol):
        self.url = f"{served.url}/_control"
        self.symbol = symbol
        options = {"defaultType": "swap"} if symbol == PERP else {}
        self.client = ccxt_client(venue, served, kind=ccxt.pro, options=options)

    async def step(self) -> None:
        async with httpx.AsyncClient() as plain:
            await plain.post(f"{self.url}/step")

    async def buy(self) -> Any:
        return await self.client.create_order(self.symbol, "market", "buy", 0.01)

    async def sees(
        self, watch: Callable[[], Awaitable[Any]], happen: Callable[[], Awaitable[Any]]
    ) -> Any:
        """What is seen once something has happened again and again."""
        seeing = asyncio.ensure_future(watch())
        for _ in range(40):
            done, _ = await asyncio.wait({seeing}, timeout=0.25)
            if done:
                return seeing.result()
            await happen()
        seeing.cancel()
        raise AssertionError("nothing was seen")


def _run(served, venue, symbol, look: Callable[[Watcher], Awaitable[None]]) -> None:
    async def run() -> None:
        watcher = Watcher(served, venue, symbol)
        try:
            await watcher.client.load_markets()
            await look(watcher)
        finally:
            await watcher.client.close()

    asyncio.run(run())


@pytest.mark.parametrize(("venue", "symbol"), PLACES)
def test_bars_prices_and_books_are_watched(served, venue, symbol):
    async def look(w: Watcher) -> None:
        rows = await w.sees(lambda: w.client.watch_ohlcv(symbol, "1m"), w.step)
        at = [int(time.timestamp() * 1000) for time in BARS.index].index(rows[-1][0])
        assert rows[-1][1] == BARS["open"].iloc[at]
        ticker = await w.sees(lambda: w.client.watch_ticker(symbol), w.step)
        assert ticker["last"] in {*BARS["open"], *BARS["close"]}
        best = await w.sees(lambda: w.client.watch_bids_asks([symbol]), w.step)
        assert best[symbol]["bid"] < best[symbol]["ask"]
        for _ in range(3):
            book = await w.sees(lambda: w.client.watch_order_book(symbol), w.step)
            bids, asks = [b[0] for b in book["bids"]], [a[0] for a in book["asks"]]
            assert bids == sorted(bids, reverse=True)
            assert bids[0] < asks[0]
        rest = await w.client.fetch_order_book(symbol, 50)
        await w.step()
        book = await w.sees(lambda: w.client.watch_order_book(symbol), w.step)
        assert book["bids"][0][0] != rest["bids"][0][0]

    _run(served, venue, symbol, look)


def test_a_bar_is_told_as_closed_when_it_closes(served):
    async def look() -> list[Any]:
        url = served.url.replace("http", "ws") + "/stream/ws/btcusdt@kline_1m"
        seen = []
        async with websockets.connect(url) as socket, httpx.AsyncClient() as plain:
            for _ in range(3):
                await plain.post(f"{served.url}/_control/step")
            while len(seen) < 6:
                seen.append(json.loads(await asyncio.wait_for(socket.recv(), 5))["k"])
        return seen

    seen = asyncio.run(look())
    assert [kline["x"] for kline in seen] == [True, False] * 3
    closed = [kline for kline in seen if kline["x"]]
    assert [float(kline["c"]) for kline in closed] == BARS["close"].iloc[:3].to_list()


@pytest.mark.parametrize(("venue", "symbol"), PLACES)
def test_ones_own_orders_trades_and_balances_are_watched(served, venue, symbol):
    async def look(w: Watcher) -> None:
        trades = await w.sees(lambda: w.client.watch_trades(symbol), w.buy)
        assert (trades[-1]["amount"], trades[-1]["side"]) == (0.01, "buy")
        orders = await w.sees(lambda: w.client.watch_orders(symbol), w.buy)
        assert orders[-1]["symbol"] == symbol
        mine = await w.sees(lambda: w.client.watch_my_trades(symbol), w.buy)
        complete = ("id", "order", "price", "amount", "cost", "fee", "timestamp", "takerOrMaker")
        assert [name for name in complete if mine[-1][name] is None] == []
        balance = await w.sees(w.client.watch_balance, w.buy)
        assert balance["USDT"]["total"] < 100_000
        if symbol == PERP:
            positions = await w.sees(lambda: w.client.watch_positions([symbol]), w.buy)
            assert positions[-1]["contracts"] > 0

    _run(served, venue, symbol, look)


@pytest.mark.parametrize(("venue", "symbol"), PLACES)
def test_a_cancel_is_told(served, venue, symbol):
    async def look(w: Watcher) -> None:
        last = (await w.client.fetch_ticker(symbol))["last"]

        async def rest_and_cancel() -> None:
            price = round(last * 0.95, 1)
            made = await w.client.create_order(symbol, "limit", "buy", 0.01, price)
            await w.client.cancel_order(made["id"], symbol)

        seen: set[str] = set()
        while "canceled" not in seen:
            orders = await w.sees(lambda: w.client.watch_orders(symbol), rest_and_cancel)
            seen |= {order["status"] for order in orders}
        assert seen <= {"open", "canceled"}

    _run(served, venue, symbol, look)


@pytest.mark.parametrize(("venue", "symbol"), PLACES)
def test_a_dropped_stream_is_an_error_and_can_be_watched_again(served, venue, symbol):
    async def look(w: Watcher) -> None:
        await w.sees(lambda: w.client.watch_ticker(symbol), w.step)
        watching = asyncio.ensure_future(w.client.watch_ticker(symbol))
        await asyncio.sleep(0.1)
        async with httpx.AsyncClient() as plain:
            await plain.post(f"{w.url}/faults", json={"kind": "stream_drop", "times": 1})
        with pytest.raises(ccxt.NetworkError):
            await asyncio.wait_for(watching, 5)
        again = await w.sees(lambda: w.client.watch_ticker(symbol), w.step)
        assert again["symbol"] == symbol

    _run(served, venue, symbol, look)


async def _messages(served, fault: dict[str, Any], n_steps: int) -> list[tuple[float, int]]:
    """When each bar's opening message came, and of which bar."""
    loop, seen = asyncio.get_running_loop(), []
    url = served.url.replace("http", "ws") + "/ws/btcusdt@kline_1m"
    async with websockets.connect(url) as socket, httpx.AsyncClient() as plain:
        await plain.post(f"{served.url}/_control/faults", json=fault)
        start = loop.time()
        for _ in range(n_steps):
            await plain.post(f"{served.url}/_control/step")
        try:
            while True:
                message = json.loads(await asyncio.wait_for(socket.recv(), 1.0))
                if not message["k"]["x"]:
                    seen.append((loop.time() - start, message["k"]["t"]))
        except TimeoutError:
            return seen


def test_a_stalled_stream_sends_everything_later(served):
    fault = {"kind": "stream_stall", "seconds": 0.6, "times": 1}
    seen = asyncio.run(_messages(served, fault, 3))
    assert len(seen) == 3
    assert min(when for when, _ in seen) >= 0.5


def test_a_duplicating_stream_sends_messages_twice(served):
    seen = asyncio.run(_messages(served, {"kind": "stream_duplicate"}, 3))
    bars = [bar for _, bar in seen]
    assert bars == sorted(bars)
    assert [bars.count(bar) for bar in sorted(set(bars))] == [2, 2, 2]


@pytest.mark.parametrize(
    ("path", "sent", "said"),
    [
        ("/ws", "not json", '"error"'),
        ("/ws", '{"method": "DANCE", "id": 1}', '"error"'),
        ("/ws", '{"method": "SUBSCRIBE", "params": [1], "id": 1}', '"error"'),
        ("/ws", '{"method": "SUBSCRIBE", "params": ["nope@trade"], "id": 1}', '"result":null'),
        ("/ws-api/v3", '{"method": "order.dance", "id": 1}', "-1020"),
        ("/ws-api/v3", '{"method": "userDataStream.subscribe.signature", "id": 1}', "-2015"),
        ("/v5/public/spot", "[" * 5000, "invalid op"),
        ("/v5/public/spot", '{"op": "subscribe", "args": ["tickers.NOPE"]}', "handler not found"),
        ("/v5/public/linear", '{"op": "subscribe", "args": "tickers"}', '"success":true'),
        ("/v5/private", '{"op": "subscribe", "args": ["order"]}', "not authorized"),
        ("/v5/private", '{"op": "auth", "args": ["x", "9", "y"]}', "API key is invalid"),
        ("/v5/private", '{"op": "auth", "args": ["test-key", "1", "y"]}', "request expired"),
        (
            "/v5/private",
            '{"op": "auth", "args": ["test-key", "99999999999999", "y"]}',
            "Error sign",
        ),
        ("/v5/private", '{"op": "ping"}', '"pong"'),
        ("/v5/public/spot", '{"op": "ping"}', '"pong"'),
    ],
)
def test_what_is_not_understood_is_told_on_the_socket(served, path, sent, said):
    async def ask() -> str:
        async with websockets.connect(served.url.replace("http", "ws") + path) as socket:
            await socket.send(sent)
            return str(await asyncio.wait_for(socket.recv(), 5))

    assert said in asyncio.run(ask())
