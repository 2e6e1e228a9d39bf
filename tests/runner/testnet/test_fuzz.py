"""Whatever comes in, on any route: the venue's own answer, never a 500 of the server's."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any
from urllib.parse import quote, urlencode

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runner.testnet.binance.venue import Binance
from runner.testnet.bybit.venue import Bybit
from runner.testnet.core.refusals import Reason, RefusedError
from runner.testnet.wire import Failure, Route
from tests.runner.testnet.conftest import KEY, SECRET, Served, bars_of, exchange_of

SPOT, PERP = "BTC/USDT", "BTC/USDT:USDT"
BARS = bars_of(*[(40_000.0, 40_100.0, 39_900.0, 40_000.0)] * 30)


@pytest.fixture(scope="module")
def served():
    running = Served(exchange_of({SPOT: BARS, PERP: BARS}, balances={"USDT": "1000", "BTC": "1"}))
    yield running
    running.stop()


@pytest.fixture(scope="module")
def plain(served):
    with httpx.Client(base_url=served.url, timeout=20) as client:
        yield client


def _routes(venue: type) -> list[Route]:
    exchange = exchange_of({SPOT: BARS, PERP: BARS})
    from runner.testnet.local import LocalExchange

    return list(venue(LocalExchange(exchange)).routes)


BINANCE = [(route.method, route.path) for route in _routes(Binance)]
BYBIT = [(route.method, route.path) for route in _routes(Bybit)]

BINANCE_NAMES = [
    "symbol", "side", "type", "timeInForce", "quantity", "quoteOrderQty", "price", "stopPrice",
    "newClientOrderId", "newOrderRespType", "orderId", "origClientOrderId", "limit", "fromId",
    "startTime", "endTime", "interval", "symbols", "cancelReplaceMode", "cancelOrderId",
    "orderListId", "listClientOrderId", "aboveType", "abovePrice", "belowType", "belowStopPrice",
    "workingType", "workingSide", "workingPrice", "workingQuantity", "workingTimeInForce",
    "pendingSide", "pendingQuantity", "pendingAboveType", "pendingBelowType", "stopLimitPrice",
    "recvWindow", "omitZeroBalances", "listenKey", "timestamp", "icebergQty", "unknown",
]  # fmt: skip
BYBIT_NAMES = [
    "category", "symbol", "side", "orderType", "qty", "price", "timeInForce", "triggerPrice",
    "triggerDirection", "orderLinkId", "orderId", "reduceOnly", "closeOnTrigger", "positionIdx",
    "takeProfit", "stopLoss", "tpslMode", "tpOrderType", "tpLimitPrice", "slLimitPrice", "tpSize",
    "marketUnit", "orderFilter", "limit", "cursor", "startTime", "endTime", "start", "end",
    "interval", "settleCoin", "baseCoin", "buyLeverage", "sellLeverage", "mode", "trailingStop",
    "setMarginMode", "accountType", "coin", "execType", "openOnly", "orderStatus", "unknown",
]  # fmt: skip

SENSIBLE = st.sampled_from([
    "BTCUSDT", "NOPE", "BUY", "Buy", "SELL", "Sell", "MARKET", "Market", "LIMIT", "Limit",
    "LIMIT_MAKER", "STOP_LOSS", "STOP_LOSS_LIMIT", "GTC", "IOC", "PostOnly", "spot", "linear",
    "inverse", "option", "0.01", "1", "39000", "41000", "39000.5", "0", "1m", "5", "D", "1M",
    "STOP_ON_FAILURE", "FULL", "UNIFIED", "USDT", "Full", "Partial", "quoteCoin", "10",
])  # fmt: skip
HOSTILE = st.sampled_from([
    "", "-1", "NaN", "Infinity", "1e400", "1e-400", "9" * 400, "0x10", "1_000", "\u0661",
    "\u0660.\u0661",
    " 1", "1 ", "+1", "1.", ".1", "1,5", "null", "true", "[]", "{}", '["BTCUSDT"]', '["X"', "'",
    "\x00", "\n", "é", "💥", "a" * 700, "%", "%zz", "../..", "${x}", "BTCUSDT;", "-0", "00",
    "18446744073709551616", "0.000000000000000000000000001",
])  # fmt: skip
TEXTS = st.one_of(SENSIBLE, HOSTILE, st.text(max_size=12))
VALUES: Any = st.one_of(
    TEXTS, st.integers(), st.booleans(), st.none(), st.floats(), st.lists(TEXTS, max_size=2),
    st.dictionaries(TEXTS, TEXTS, max_size=2),
)  # fmt: skip


def _check(reply: httpx.Response, served: Served) -> None:
    assert reply.status_code < 500, reply.text
    assert "Traceback" not in reply.text
    account = served.exchange.accounts["alice"]
    for balance in account.balances.values():
        assert balance.free >= 0
        assert balance.locked >= 0


def _sign(text: str) -> str:
    return hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).hexdigest()


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    route=st.sampled_from(BINANCE),
    given_=st.dictionaries(st.sampled_from(BINANCE_NAMES), TEXTS, max_size=9),
    in_body=st.booleans(),
)
def test_binance_answers_signed_requests_in_its_own_words(served, plain, route, given_, in_body):
    method, path = route
    stamp = {"timestamp": str(served.exchange.clock.now_ms)}
    query = urlencode({"symbol": "BTCUSDT", **stamp, **given_}, errors="replace", quote_via=quote)
    signed = f"{query}&signature={_sign(query)}"
    headers = {"X-MBX-APIKEY": KEY}
    if in_body and method != "GET":
        reply = plain.request(method, path, content=signed, headers=headers)
    else:
        reply = plain.request(method, f"{path}?{signed}", headers=headers)
    _check(reply, served)
    if reply.status_code >= 400:
        body = reply.json()
        assert isinstance(body["code"], int)
        assert body["code"] < 0
        assert body["msg"]


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    route=st.sampled_from(BYBIT),
    given_=st.dictionaries(st.sampled_from(BYBIT_NAMES), VALUES, max_size=9),
    category=st.sampled_from(["spot", "linear"]),
)
def test_bybit_answers_signed_requests_in_its_own_words(served, plain, route, given_, category):
    method, path = route
    asked = {"category": category, "symbol": "BTCUSDT", **given_}
    stamp = str(served.exchange.clock.now_ms)
    if method == "POST":
        sent = json.dumps(asked)
        signed = {"content": sent}
    else:
        sent = urlencode({k: str(v) for k, v in asked.items()}, errors="replace")
        path = f"{path}?{sent}"
        signed = {}
    headers = {"X-BAPI-API-KEY": KEY, "X-BAPI-TIMESTAMP": stamp, "X-BAPI-RECV-WINDOW": "5000",
               "X-BAPI-SIGN": _sign(f"{stamp}{KEY}5000{sent}")}  # fmt: skip
    reply = plain.request(method, path, headers=headers, **signed)
    _check(reply, served)
    assert reply.status_code == 200
    assert set(reply.json()) == {"retCode", "retMsg", "result", "retExtInfo", "time"}


@settings(max_examples=150, deadline=None)
@given(
    route=st.sampled_from([*BINANCE, *BYBIT]),
    body=st.one_of(st.binary(max_size=200), st.just(b"{" * 3000), st.just(b"[" * 3000)),
    query=st.binary(max_size=40),
)
def test_what_is_no_request_at_all_is_answered(served, plain, route, body, query):
    method, path = route
    where = f"{path}?{quote(query)}"
    reply = plain.request(method, where, content=b"" if method == "GET" else body)
    _check(reply, served)


@pytest.mark.parametrize(("method", "path"), [*BINANCE, *BYBIT])
def test_private_routes_are_not_answered_unsigned(served, plain, method, path):
    venue = Binance if path.startswith(("/api", "/sapi")) else Bybit
    (route,) = [r for r in _routes(venue) if (r.method, r.path) == (method, path)]
    reply = plain.request(method, path)
    told = reply.json()
    code = told.get("code", told.get("retCode", 0)) if isinstance(told, dict) else 0
    if route.permission:
        assert code in (-2014, 10007)
        assert reply.status_code == 401
    else:
        assert code not in (-2014, 10007)


@pytest.mark.parametrize("path", ["/api/v3/order", "/v5/order/create"])
def test_a_huge_body_is_refused(plain, path):
    reply = plain.post(path, content=b"x" * 2_000_000)
    assert reply.status_code == 413


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/v3/nope", 404),
        ("GET", "/sapi/v9/x", 404),
        ("PUT", "/api/v3/order", 405),
        ("GET", "/v5/nope", 404),
        ("GET", "/v5/order/create", 404),
        ("GET", "/elsewhere", 404),
        ("GET", "/_control/nope", 404),
        ("POST", "/_control/", 405),
    ],
)
def test_an_unknown_route_or_method_is_told(plain, method, path, status):
    assert plain.request(method, path).status_code == status


def test_every_reason_and_failure_has_words_at_both_venues():
    from runner.testnet.binance import errors as binance
    from runner.testnet.bybit import errors as bybit

    for reason in Reason:
        refusal = RefusedError(reason, "x")
        assert binance.translated(refusal).code < 0
        assert bybit.translated(refusal, linear=True).code > 0
        assert bybit.translated(refusal, linear=False).code > 0
    for failure in Failure:
        assert binance.failed(failure, 0).status >= 400
        assert bybit.failed(failure, 0).content["retCode"] > 0
