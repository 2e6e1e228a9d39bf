"""What Bybit refuses: the class that ccxt raises, and the venue's code and text."""

from __future__ import annotations

import time
from decimal import Decimal

import ccxt
import httpx
import pytest

from tests.runner.testnet.conftest import KEY, Served, bars_of, ccxt_client, exchange_of

SPOT, PERP = "BTC/USDT", "BTC/USDT:USDT"
BARS = bars_of(*[(40_000.0, 40_100.0, 39_900.0, 40_000.0)] * 20)


@pytest.fixture(scope="module")
def served():
    funds = {"USDT": "10000", "BTC": "0.1"}
    running = Served(exchange_of({SPOT: BARS, PERP: BARS}, balances=funds))
    yield running
    running.stop()


@pytest.fixture(scope="module")
def bybit(served):
    client = ccxt_client("bybit", served)
    client.load_markets()
    return client


def _raw(category="spot", **params):
    given = {"category": category, "symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit",
             "qty": "0.01", "price": "39000"}  # fmt: skip
    sent = {name: value for name, value in {**given, **params}.items() if value is not None}
    return lambda client: client.privatePostV5OrderCreate(sent)


def _named(path, **params):
    return lambda client: getattr(client, path)(params)


REFUSED = [
    # request, ccxt's class, code
    (_raw(symbol="NOPE"), ccxt.InvalidOrder, 170121),
    (_raw("linear", symbol="NOPE"), ccxt.BadRequest, 10001),
    (_raw("moon"), ccxt.BadRequest, 10001),
    (_raw("option"), ccxt.BadRequest, 10001),
    (_raw(side="Hold"), ccxt.BadRequest, 10001),
    (_raw(side=["Buy"]), ccxt.BadRequest, 10001),
    (_raw(orderType="Magic"), ccxt.BadRequest, 10001),
    (_raw(timeInForce="GTX"), ccxt.BadRequest, 10001),
    (_raw(price=None), ccxt.BadRequest, 10001),
    (_raw(qty="-1"), ccxt.BadRequest, 10001),
    (_raw(qty="NaN"), ccxt.BadRequest, 10001),
    (_raw(qty="1e3"), ccxt.BadRequest, 10001),
    (_raw(qty=None), ccxt.BadRequest, 10001),
    (_raw(qty="0"), ccxt.BadRequest, 10001),
    (_raw(orderLinkId="a b"), ccxt.BadRequest, 10001),
    (_raw(orderLinkId="x" * 37), ccxt.BadRequest, 10001),
    (_raw("linear", positionIdx=1), ccxt.BadRequest, 10001),
    (_raw("linear", triggerPrice="38000"), ccxt.BadRequest, 10001),
    (_raw(qty="0.0000001"), ccxt.InvalidOrder, 170137),
    (_raw(qty="0.0001"), ccxt.InvalidOrder, 170140),
    (_raw(price="39000.001"), ccxt.InvalidOrder, 170134),
    (_raw(price="1000"), ccxt.InvalidOrder, 170193),
    (_raw(qty="1"), ccxt.InsufficientFunds, 170131),
    (_raw(side="Sell", orderType="Market", price=None, qty="0.2"), ccxt.InsufficientFunds, 170131),
    (_raw("linear", qty="0.0001"), ccxt.BadRequest, 10001),
    (_raw("linear", price="39000.01"), ccxt.InvalidOrder, 110003),
    (_raw("linear", qty="100", price="39000"), ccxt.InsufficientFunds, 110007),
    (_raw("linear", side="Sell", reduceOnly=True), ccxt.InvalidOrder, 110017),
    (_raw("linear", triggerPrice="39500", triggerDirection=1), ccxt.InvalidOrder, 110092),
    (_raw("linear", stopLoss="41000"), ccxt.BadRequest, 10001),
    (_named("privatePostV5OrderCancel", category="spot", symbol="BTCUSDT", orderId="999"),
     ccxt.OrderNotFound, 170213),
    (_named("privatePostV5OrderCancel", category="linear", symbol="BTCUSDT", orderId="999"),
     ccxt.OrderNotFound, 110001),
    (_named("privatePostV5OrderCancel", category="linear", symbol="BTCUSDT", orderId="x"),
     ccxt.OrderNotFound, 110001),
    (_named("privatePostV5OrderCancel", category="linear", symbol="BTCUSDT"),
     ccxt.BadRequest, 10001),
    (_named("privatePostV5OrderAmend", category="spot", symbol="BTCUSDT", orderId="999", qty="1"),
     ccxt.OrderNotFound, 170213),
    (_named("privatePostV5OrderCancelAll", category="linear"), ccxt.BadRequest, 10001),
    (_named("privateGetV5OrderRealtime", category="linear"), ccxt.BadRequest, 10001),
    (_named("privateGetV5PositionList", category="linear"), ccxt.BadRequest, 10001),
    (_named("privateGetV5OrderHistory", category="spot", cursor="x"), ccxt.BadRequest, 10001),
    (_named("privatePostV5PositionSetLeverage", category="linear", symbol="BTCUSDT",
            buyLeverage="101", sellLeverage="101"), ccxt.BadRequest, 110013),
    (_named("privatePostV5PositionSetLeverage", category="linear", symbol="BTCUSDT",
            buyLeverage="5", sellLeverage="6"), ccxt.BadRequest, 10001),
    (_named("privatePostV5PositionSwitchMode", category="linear", mode=3), ccxt.BadRequest, 10001),
    (_named("privatePostV5PositionSwitchMode", category="linear", symbol="BTCUSDT", mode=1),
     ccxt.BadRequest, 10001),
    (_named("privatePostV5PositionSwitchMode", category="linear", symbol="BTCUSDT", mode=0),
     ccxt.NoChange, 110025),
    (_named("privatePostV5PositionTradingStop", category="linear", symbol="BTCUSDT",
            stopLoss="39000"), ccxt.BadRequest, 10001),
    (_named("privatePostV5AccountSetMarginMode", setMarginMode="MOON"), ccxt.BadRequest, 10001),
    (_named("publicGetV5MarketKline", category="spot", symbol="BTCUSDT", interval="7"),
     ccxt.BadRequest, 10001),
    (_named("publicGetV5MarketOrderbook", category="spot"), ccxt.BadRequest, 10001),
]  # fmt: skip


@pytest.mark.parametrize(("ask", "error", "code"), REFUSED)
def test_a_refusal_has_its_class_and_code(served, bybit, ask, error, code):
    with pytest.raises(error) as raised:
        ask(bybit)
    assert type(raised.value) is error, raised.value
    assert f'"retCode":{code},' in str(raised.value)
    (request,) = [e.what for e in served.local.ledger.entries if e.kind == "request"][-1:]
    assert (request["code"], request["status"]) == (code, 200)


def test_nothing_of_what_was_refused_is_left(served):
    """Runs after the table, on the exchange it ran on."""
    account = served.exchange.accounts["alice"]
    assert served.exchange.records.open_orders("alice") == []
    assert account.balance("USDT").total == Decimal(10_000)
    assert all(balance.locked == 0 for balance in account.balances.values())


@pytest.mark.parametrize(
    ("key", "secret", "code"), [("unknown", "x", 10003), (KEY, "wrong", 10004)]
)
def test_a_key_that_is_not_right(served, key, secret, code):
    client = ccxt_client("bybit", served, apiKey=key, secret=secret)
    client.load_markets()
    with pytest.raises(ccxt.AuthenticationError, match=f'"retCode":{code},'):
        client.fetch_balance()


def test_keys_without_permission_and_revoked_ones(serve):
    served = serve(exchange_of({SPOT: BARS, PERP: BARS}))
    client = ccxt_client("bybit", served)
    client.load_markets()
    key = served.exchange.keys[KEY]
    key.permissions = frozenset({"read", "spot"})
    client.create_order(SPOT, "market", "buy", 0.01)
    with pytest.raises(ccxt.PermissionDenied, match="10005"):
        client.create_order(PERP, "market", "buy", 0.01)
    key.permissions = frozenset({"read"})
    with pytest.raises(ccxt.PermissionDenied, match="10005"):
        client.create_order(SPOT, "market", "buy", 0.01)
    httpx.post(f"{served.url}/_control/faults", json={"kind": "revoked_key", "key": KEY})
    with pytest.raises(ccxt.AuthenticationError, match="33004"):
        client.fetch_balance()


@pytest.mark.parametrize("skew", [20_000, -20_000])
def test_a_skewed_clock_is_told(serve, skew):
    served = serve(exchange_of(BARS))
    client = ccxt_client("bybit", served)
    client.load_markets()
    fault = {"kind": "clock_skew", "milliseconds": skew}
    httpx.post(f"{served.url}/_control/faults", json=fault)
    with pytest.raises(ccxt.InvalidNonce, match="10002"):
        client.fetch_balance()
    client.load_time_difference()
    assert client.fetch_balance()["USDT"]["free"] == 10_000


def test_too_many_requests_are_told_to_wait_and_then_banned(serve):
    served = serve(exchange_of(BARS), limit_share=0.01)  # six in five seconds
    while time.time() % 5 > 3.5:
        time.sleep(0.2)  # the window must not end within the test
    with httpx.Client(base_url=served.url) as plain:
        replies = [plain.get("/v5/market/time") for _ in range(20)]
        assert [reply.status_code for reply in replies] == [200] * 16 + [403] * 4
        assert [r.json()["retCode"] for r in replies] == [0] * 6 + [10006] * 10 + [10018] * 4
        assert replies[0].headers["x-bapi-limit"] == "600"
        assert replies[8].headers["x-bapi-limit-status"] == "0"
        client = ccxt_client("bybit", served)
        with pytest.raises(ccxt.RateLimitExceeded, match="10018"):
            client.fetch_time()
        plain.patch("/_control/settings", json={"limit_share": 0})
        assert client.fetch_time() == served.exchange.clock.served_ms


def test_maintenance_and_a_delisted_market(serve):
    served = serve(exchange_of(BARS))
    client = ccxt_client("bybit", served)
    client.load_markets()
    with httpx.Client(base_url=f"{served.url}/_control") as control:
        control.post("/faults", json={"kind": "maintenance", "times": 1})
        with pytest.raises(ccxt.ExchangeError, match="10016"):
            client.fetch_ticker(SPOT)
        control.post("/faults", json={"kind": "delisted", "symbol": SPOT})
        with pytest.raises(ccxt.InvalidOrder, match="170151"):
            client.create_order(SPOT, "market", "buy", 0.01)
        assert client.load_markets(True)[SPOT]["active"] is False
