"""Kraken, Coinbase and OKX: what they are asked, as a server on the loopback sees it.

The server speaks just enough of each venue's own protocol, after its public documentation, to have
an order sent, found and cancelled. It proves requests, not a venue.
"""

from __future__ import annotations

import asyncio
import base64
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from robotrader_sdk.types import OrderType, Side, Timeframe
from runner.execution.broker import OrderRequest
from runner.execution.ccxt_broker import CcxtBroker
from runner.execution.ccxt_client import Credentials
from runner.execution.ccxt_market_data import CcxtMarketData
from runner.execution.errors import FundsLackingError
from runner.execution.status import Status
from tests.runner.execution.experimental_replies import ALGO, FILLS, ID, LACKING, REPLIES, TAKEN

SYMBOL = "BTC/USDT"
SECRET = base64.b64encode(bytes(range(64))).decode()
EXPERIMENT = {"RT_EXPERIMENTAL_VENUES": "1"}


class Venue:
    """The server, and what it was asked: (method, path, parameters)."""

    def __init__(self, name: str) -> None:
        self.asked: list[tuple[str, str, dict[str, Any]]] = []
        self.known = dict(REPLIES[name])
        venue = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                split = urlsplit(self.path)
                self.answer("GET", split.path, dict(parse_qsl(split.query)))

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"] or 0)).decode()
                given = json.loads(body) if body[:1] in "[{" and body else dict(parse_qsl(body))
                given = given[0] if isinstance(given, list) else given
                self.answer("POST", urlsplit(self.path).path, given)

            def answer(self, method: str, path: str, given: dict[str, Any]) -> None:
                venue.asked.append((method, path, given))
                known = venue.known
                reply = known.get(f"{method} {path}", known.get(path) if method == "GET" else None)
                reply = reply(given) if callable(reply) else reply
                text = json.dumps(
                    {"error": [], "code": "0", "data": []} if reply is None else reply
                )
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(5)


@pytest.fixture(params=["kraken", "coinbase", "okx"])
def place(request: pytest.FixtureRequest) -> Iterator[tuple[str, Venue]]:
    venue = Venue(request.param)
    yield request.param, venue
    venue.close()


def overrides_of(venue: Venue) -> dict[str, Any]:
    names = ("public", "private", "rest", "v2", "v3", "zendesk")
    return {"urls": {"api": dict.fromkeys(names, venue.url)}, "timeout": 5_000}


def with_broker(place: tuple[str, Venue], use: Any) -> Any:
    name, venue = place

    async def work() -> Any:
        broker = CcxtBroker(
            name,
            Credentials("key", SECRET, "phrase"),
            overrides=overrides_of(venue),
            environ=EXPERIMENT,
        )
        broker._client.timeout_on_exit = 0
        try:
            return await use(broker)
        finally:
            await broker.close()

    return asyncio.run(work())


def limit_order() -> OrderRequest:
    return OrderRequest(
        client_order_id=ID, symbol=SYMBOL, side=Side.BUY, type=OrderType.LIMIT,
        quantity=Decimal(2), limit_price=Decimal(90),
    )  # fmt: skip


def stop_order(limit_price: Decimal | None = None) -> OrderRequest:
    return OrderRequest(
        client_order_id=ID, symbol=SYMBOL, side=Side.SELL, quantity=Decimal(2),
        type=OrderType.STOP if limit_price is None else OrderType.STOP_LIMIT,
        stop_price=Decimal(80), limit_price=limit_price,
    )  # fmt: skip


CREATED = {
    "kraken": ("/0/private/AddOrder", {
        "cl_ord_id": ID, "pair": "XBTUSDT", "type": "buy", "ordertype": "limit", "price": "90",
        "volume": "2"}),
    "coinbase": ("/api/v3/brokerage/orders", {
        "client_order_id": ID, "product_id": "BTC-USDT", "side": "BUY",
        "order_configuration": {"limit_limit_gtc": {
            "base_size": "2", "limit_price": "90", "post_only": False}}}),
    "okx": ("/api/v5/trade/batch-orders", {
        "clOrdId": ID, "instId": "BTC-USDT", "side": "buy", "ordType": "limit", "px": "90",
        "sz": "2", "tdMode": "cash"}),
}  # fmt: skip
CANCELLED = {
    "kraken": ("/0/private/CancelOrder", {"cl_ord_id": ID}),
    "coinbase": ("/api/v3/brokerage/orders/batch_cancel", {"order_ids": ["c-77"]}),
    "okx": ("/api/v5/trade/cancel-order", {"clOrdId": ID, "instId": "BTC-USDT"}),
}


def asked(venue: Venue, path: str) -> dict[str, Any]:
    (found,) = [given for method, where, given in venue.asked if (method, where) == ("POST", path)]
    return found


def test_an_order_is_sent_once_with_our_own_id(place):
    name, venue = place
    path, expected = CREATED[name]

    async def use(broker: CcxtBroker) -> Any:
        return await broker.submit(limit_order())

    report = with_broker(place, use)
    assert (report.client_order_id, report.status) == (ID, Status.WORKING)
    given = asked(venue, path)
    assert {key: given.get(key) for key in expected} == expected


def test_an_order_is_found_by_our_own_id(place):
    async def use(broker: CcxtBroker) -> Any:
        return await broker.look_up(SYMBOL, ID)

    report = with_broker(place, use)
    assert report is not None
    assert (report.client_order_id, report.side, report.filled) == (ID, Side.BUY, Decimal("0.5"))
    assert report.status is Status.WORKING


def test_an_order_is_cancelled(place):
    name, venue = place
    path, expected = CANCELLED[name]

    async def use(broker: CcxtBroker) -> None:
        await broker.cancel(SYMBOL, ID, is_trigger=False)

    with_broker(place, use)
    given = asked(venue, path)
    assert {key: given.get(key) for key in expected} == expected


def test_an_order_that_is_not_there_is_not_found(place):
    name, venue = place
    missing = {"code": "51603", "msg": "Order does not exist", "data": []}
    if name == "okx":
        venue.known |= {"/api/v5/trade/order": missing, "/api/v5/trade/order-algo": missing}

    async def use(broker: CcxtBroker) -> Any:
        return await broker.look_up(SYMBOL, "rtk7002ss6kq8099e0")

    assert with_broker(place, use) is None


STOPPED = {
    "kraken": ("/0/private/AddOrder", {
        "cl_ord_id": ID, "ordertype": "stop-loss", "price": "80", "volume": "2", "type": "sell"}),
    "coinbase": ("/api/v3/brokerage/orders", {
        "client_order_id": ID, "side": "SELL",
        "order_configuration": {"stop_limit_stop_limit_gtc": {
            "base_size": "2", "limit_price": "79", "stop_price": "80",
            "stop_direction": "STOP_DIRECTION_STOP_DOWN"}}}),
    "okx": ("/api/v5/trade/order-algo", {
        "algoClOrdId": ID, "ordType": "conditional", "slTriggerPx": "80", "slOrdPx": "-1",
        "sz": "2", "side": "sell"}),
}  # fmt: skip


def test_a_stop_is_sent_with_our_own_id(place):
    name, venue = place
    venue.known["POST /api/v5/trade/order-algo"] = TAKEN
    path, expected = STOPPED[name]
    order = stop_order(Decimal(79)) if name == "coinbase" else stop_order()

    async def use(broker: CcxtBroker) -> Any:
        return await broker.submit(order)

    report = with_broker(place, use)
    assert (report.client_order_id, report.is_trigger) == (ID, True)
    given = asked(venue, path)
    assert {key: given.get(key) for key in expected} == expected


BOUGHT = {
    "kraken": ("/0/private/AddOrder", {"volume": "100.5", "oflags": "fciq,viqc"}),
    "coinbase": ("/api/v3/brokerage/orders", {
        "order_configuration": {"market_market_ioc": {"quote_size": "100.5"}}}),
    "okx": ("/api/v5/trade/batch-orders", {"sz": "100.5", "tgtCcy": "quote_ccy"}),
}  # fmt: skip


def test_a_buy_by_cost_says_what_is_to_be_spent(place):
    name, venue = place
    path, expected = BOUGHT[name]
    order = OrderRequest(
        client_order_id=ID, symbol=SYMBOL, side=Side.BUY, type=OrderType.MARKET,
        cost=Decimal("100.5"),
    )  # fmt: skip

    async def use(broker: CcxtBroker) -> Any:
        return await broker.submit(order)

    assert with_broker(place, use).quantity is None
    given = asked(venue, path)
    assert {key: given.get(key) for key in expected} == expected


def test_fills_are_told_with_their_fees(place):
    name, venue = place
    path, reply = FILLS[name]
    venue.known[path] = reply

    async def use(broker: CcxtBroker) -> Any:
        return await broker.fills_since(SYMBOL, datetime(2023, 11, 14, tzinfo=UTC))

    (fill,) = with_broker(place, use)
    fee = (Decimal("0.0005"), "BTC") if name == "okx" else (Decimal("0.1"), "USDT")
    assert (fill.fee, fill.fee_asset) == fee
    assert (fill.trade_id, fill.quantity, fill.price) == ("T-1", Decimal("0.5"), 90)
    assert fill.exchange_order_id == {"kraken": "K-77", "coinbase": "c-77", "okx": "77"}[name]


def test_a_refusal_is_read_by_the_venues_own_code(place):
    name, venue = place
    venue.known[f"POST {CREATED[name][0]}"] = LACKING[name]

    async def use(broker: CcxtBroker) -> Any:
        with pytest.raises(FundsLackingError):
            await broker.submit(limit_order())

    with_broker(place, use)


@pytest.mark.parametrize("place", ["okx"], indirect=True)
def test_okx_stops_are_found_by_our_id_and_after_a_trigger_by_the_order_they_became(place):
    _, venue = place
    venue.known["/api/v5/trade/order"] = {"code": "51603", "msg": "no such order", "data": []}
    venue.known["/api/v5/trade/order-algo"] = {"code": "0", "data": [ALGO]}
    cancelled = {"algoId": "99", "sCode": "0", "sMsg": ""}
    venue.known["POST /api/v5/trade/cancel-algos"] = {"code": "0", "data": [cancelled]}

    async def use(broker: CcxtBroker) -> Any:
        waits = await broker.look_up(SYMBOL, ID)
        await broker.cancel(SYMBOL, ID, is_trigger=True)
        became = {**ALGO, "state": "effective", "ordId": "101", "actualSz": "2"}
        venue.known["/api/v5/trade/order-algo"] = {"code": "0", "data": [became]}
        return waits, await broker.look_up(SYMBOL, ID)

    waits, done = with_broker(place, use)
    assert (waits.client_order_id, waits.status, waits.filled) == (ID, Status.WORKING, 0)
    assert (waits.is_trigger, waits.exchange_order_id) == (True, "99")
    assert (done.status, done.filled, done.exchange_order_id) == (Status.FILLED, 2, "101")
    assert asked(venue, "/api/v5/trade/cancel-algos")["algoId"] == "99"


@pytest.mark.parametrize("place", ["okx"], indirect=True)
def test_histories_are_whole_where_a_page_is_shorter_than_what_was_asked_for(place):
    _, venue = place
    now = 1_700_000_000_000 // 60_000 * 60_000
    opens = [now - 60_000 * back for back in range(449, -1, -1)]

    def candles(given: dict[str, Any]) -> Any:
        low, high = int(given.get("before", 0)), int(given.get("after", now + 1))
        found = [moment for moment in opens if low < moment < high]
        rows = [[str(one), "1", "2", "0.5", "1.5", "7", "7", "7", "1"] for one in reversed(found)]
        return {"code": "0", "data": rows[: int(given["limit"])]}

    venue.known |= dict.fromkeys(
        ("/api/v5/market/candles", "/api/v5/market/history-candles"), candles
    )

    async def work() -> list[int]:
        data = CcxtMarketData("okx", overrides=overrides_of(venue), environ=EXPERIMENT)
        data._client.timeout_on_exit = 0
        try:
            since = datetime.fromtimestamp(opens[0] / 1000, UTC)
            bars = await data.bars(SYMBOL, Timeframe(60), since, 10_000)
            return [int(bar.open_time.timestamp() * 1000) for bar in bars]
        finally:
            await data.close()

    assert asyncio.run(work()) == opens
