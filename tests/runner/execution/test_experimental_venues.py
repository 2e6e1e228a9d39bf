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
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from robotrader_sdk.types import OrderType, Side
from runner.execution.broker import OrderRequest
from runner.execution.ccxt_broker import CcxtBroker
from runner.execution.ccxt_client import Credentials
from runner.execution.status import Status

SYMBOL, ID = "BTC/USDT", "rtk7002ss6kq8001e0"
SECRET = base64.b64encode(bytes(range(64))).decode()
EXPERIMENT = {"RT_EXPERIMENTAL_VENUES": "1"}

OKX_ORDER = {
    "instId": "BTC-USDT", "instType": "SPOT", "ordId": "77", "clOrdId": ID, "side": "buy",
    "ordType": "limit", "px": "90", "sz": "2", "accFillSz": "0.5", "avgPx": "90", "state": "live",
    "cTime": "1700000000000", "uTime": "1700000000000", "fee": "0", "feeCcy": "USDT", "tgtCcy": "",
}  # fmt: skip
KRAKEN_ORDER = {
    "refid": None, "cl_ord_id": ID, "status": "open", "opentm": 1700000000.0, "vol": "2",
    "vol_exec": "0.5", "cost": "45", "fee": "0", "price": "90", "stopprice": "0", "limitprice": "0",
    "descr": {"pair": "XBTUSDT", "type": "buy", "ordertype": "limit", "price": "90", "price2": "0",
              "leverage": "none", "order": "", "close": ""},
    "misc": "", "oflags": "fciq",
}  # fmt: skip
COINBASE_ORDER = {
    "order_id": "c-77", "client_order_id": ID, "product_id": "BTC-USDT", "side": "BUY",
    "status": "OPEN", "filled_size": "0.5", "average_filled_price": "90", "total_fees": "0",
    "created_time": "2023-11-14T22:13:20Z", "order_type": "LIMIT", "completion_percentage": "25",
    "order_configuration": {"limit_limit_gtc": {"base_size": "2", "limit_price": "90"}},
}  # fmt: skip
REPLIES: dict[str, dict[str, Any]] = {
    "okx": {
        "/api/v5/public/time": {"code": "0", "data": [{"ts": "1700000000000"}]},
        "/api/v5/public/instruments": {"code": "0", "data": [{
            "instType": "SPOT", "instId": "BTC-USDT", "baseCcy": "BTC", "quoteCcy": "USDT",
            "tickSz": "0.1", "lotSz": "0.001", "minSz": "0.001", "state": "live", "ctVal": "",
            "lever": "1", "maxLmtSz": "1000", "maxMktSz": "1000", "category": "1",
        }]},
        "POST /api/v5/trade/order": {"code": "0", "data": [
            {"ordId": "77", "clOrdId": ID, "sCode": "0", "sMsg": ""}]},
        "POST /api/v5/trade/batch-orders": {"code": "0", "data": [
            {"ordId": "77", "clOrdId": ID, "sCode": "0", "sMsg": ""}]},
        "/api/v5/trade/order": {"code": "0", "data": [OKX_ORDER]},
        "POST /api/v5/trade/cancel-order": {"code": "0", "data": [
            {"ordId": "77", "clOrdId": ID, "sCode": "0", "sMsg": ""}]},
    },
    "kraken": {
        "/0/public/Time": {"error": [], "result": {"unixtime": 1700000000}},
        "/0/public/Assets": {"error": [], "result": {
            "XXBT": {"aclass": "currency", "altname": "XBT", "decimals": 10, "status": "enabled"},
            "USDT": {"aclass": "currency", "altname": "USDT", "decimals": 8, "status": "enabled"}}},
        "/0/public/AssetPairs": {"error": [], "result": {"XBTUSDT": {
            "altname": "XBTUSDT", "wsname": "XBT/USDT", "aclass_base": "currency", "base": "XXBT",
            "aclass_quote": "currency", "quote": "USDT", "cost_decimals": 5, "pair_decimals": 1,
            "lot_decimals": 8, "lot_multiplier": 1, "leverage_buy": [], "leverage_sell": [],
            "fees": [[0, 0.26]], "fees_maker": [[0, 0.16]], "ordermin": "0.0001", "costmin": "0.5",
            "tick_size": "0.1", "status": "online"}}},
        "POST /0/private/AddOrder": {"error": [], "result": {
            "descr": {"order": "buy 2 XBTUSDT @ limit 90"}, "txid": ["K-77"]}},
        "POST /0/private/OpenOrders": {"error": [], "result": {"open": {"K-77": KRAKEN_ORDER}}},
        "POST /0/private/CancelOrder": {"error": [], "result": {"count": 1}},
    },
    "coinbase": {
        "/v2/time": {"data": {"iso": "2023-11-14T22:13:20Z", "epoch": 1700000000}},
        "/api/v3/brokerage/time": {"iso": "2023-11-14T22:13:20Z", "epochSeconds": "1700000000",
                                   "epochMillis": "1700000000000"},
        "/api/v3/brokerage/market/products": {"num_products": 1, "products": [{
            "product_id": "BTC-USDT", "price": "100", "base_increment": "0.001",
            "quote_increment": "0.01", "price_increment": "0.01", "base_min_size": "0.001",
            "base_max_size": "1000", "quote_min_size": "1", "quote_max_size": "100000",
            "base_currency_id": "BTC", "quote_currency_id": "USDT", "status": "online",
            "product_type": "SPOT", "trading_disabled": False, "view_only": False}]},
        "POST /api/v3/brokerage/orders": {"success": True, "success_response": {
            "order_id": "c-77", "product_id": "BTC-USDT", "side": "BUY", "client_order_id": ID},
            "order_configuration": {"limit_limit_gtc": {"base_size": "2", "limit_price": "90"}}},
        "/api/v3/brokerage/orders/historical/batch": {
            "orders": [COINBASE_ORDER], "has_next": False, "cursor": ""},
        "POST /api/v3/brokerage/orders/batch_cancel": {
            "results": [{"success": True, "order_id": "c-77", "failure_reason": ""}]},
    },
}  # fmt: skip


class Venue:
    """The server, and what it was asked: (method, path, parameters)."""

    def __init__(self, name: str) -> None:
        self.asked: list[tuple[str, str, dict[str, Any]]] = []
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
                known = REPLIES[name]
                reply = known.get(f"{method} {path}", known.get(path) if method == "GET" else None)
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


def with_broker(place: tuple[str, Venue], use: Any) -> Any:
    name, venue = place

    async def work() -> Any:
        names = ("public", "private", "rest", "v2", "v3", "zendesk")
        overrides = {"urls": {"api": dict.fromkeys(names, venue.url)}, "timeout": 5_000}
        broker = CcxtBroker(
            name, Credentials("key", SECRET, "phrase"), overrides=overrides, environ=EXPERIMENT
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
    name, _ = place

    async def use(broker: CcxtBroker) -> Any:
        return await broker.look_up(SYMBOL, "rtk7002ss6kq8099e0")

    assert name == "okx" or with_broker(place, use) is None  # OKX's order is there by any id
