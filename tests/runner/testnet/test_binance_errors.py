"""What Binance refuses: the class that ccxt raises, and the venue's code and HTTP status.

Ccxt chooses some classes by the host's name (`get_exceptions_by_url`), so that on loopback a few
codes raise a more general class than at the venue's own address; those rows name the one that is
raised here.
"""

from __future__ import annotations

import time
from decimal import Decimal

import ccxt
import httpx
import pytest

from robotrader_sdk.types import OrderType, Side
from runner.testnet.core.orders import Request
from tests.runner.testnet.conftest import KEY, Served, bars_of, ccxt_client, exchange_of

SYMBOL = "BTC/USDT"
BARS = bars_of(*[(40_000.0, 40_100.0, 39_900.0, 40_000.0)] * 20)


@pytest.fixture(scope="module")
def served():
    funds = {"USDT": "10000", "BTC": "0.1", "SOL": "10"}
    running = Served(exchange_of({SYMBOL: BARS, "SOL/USDT": BARS / 400}, balances=funds))
    yield running
    running.stop()


@pytest.fixture(scope="module")
def binance(served):
    client = ccxt_client("binance", served)
    client.load_markets()
    return client


def _order(kind, side, amount, price=None, **params):
    return lambda client: client.create_order(SYMBOL, kind, side, amount, price, params)


def _raw(**params):
    given = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC",
             "quantity": "0.01", "price": "39000"}  # fmt: skip
    sent = {name: value for name, value in {**given, **params}.items() if value is not None}
    return lambda client: client.privatePostOrder(sent)


REFUSED = [
    # request, ccxt's class, code, text
    (_raw(symbol="NOPE"), ccxt.BadSymbol, -1121, "Invalid symbol."),
    (_raw(symbol="btc usdt"), ccxt.BadRequest, -1100, "Illegal characters"),
    (_raw(side="HOLD"), ccxt.BadRequest, -1117, "Invalid side."),
    (_raw(type="MAGIC"), ccxt.BadRequest, -1116, "Invalid orderType."),
    (_raw(timeInForce="GTX"), ccxt.BadRequest, -1115, "Invalid timeInForce."),
    (_raw(price=None), ccxt.BadRequest, -1102, "'price' was not sent"),
    (_raw(quantity="-1"), ccxt.BadRequest, -1100, "'quantity'"),
    (_raw(quantity="1e3"), ccxt.BadRequest, -1100, "'quantity'"),
    (_raw(quantity="NaN"), ccxt.BadRequest, -1100, "'quantity'"),
    (_raw(stopPrice="1"), ccxt.BadRequest, -1106, "'stopPrice' sent when not required"),
    (_raw(colour="red"), ccxt.BadRequest, -1104, "read '7' parameter(s) but was sent '8'"),
    (_raw(newClientOrderId="a b"), ccxt.BadRequest, -1100, "'newClientOrderId'"),
    (_raw(newClientOrderId="x" * 37), ccxt.BadRequest, -1100, "'newClientOrderId'"),
    (_raw(quantity="0.123456789"), ccxt.BadRequest, -1111, "too much precision"),
    (_raw(quantity="0.123456"), ccxt.InvalidOrder, -1013, "Filter failure: LOT_SIZE"),
    (_raw(quantity="99999"), ccxt.InvalidOrder, -1013, "Filter failure: LOT_SIZE"),
    (_raw(price="39000.001"), ccxt.InvalidOrder, -1013, "Filter failure: PRICE_FILTER"),
    (_raw(price="9999999"), ccxt.InvalidOrder, -1013, "Filter failure: PRICE_FILTER"),
    (_raw(price="1000"), ccxt.InvalidOrder, -1013, "Filter failure: PERCENT_PRICE_BY_SIDE"),
    (_raw(icebergQty="0.0009"), ccxt.BadRequest, -1013, "Filter failure: ICEBERG_PARTS"),
    (_raw(icebergQty="0.02"), ccxt.BadRequest, -1114, "TimeInForce"),
    (_raw(icebergQty="0.005", timeInForce="IOC"), ccxt.BadRequest, -1114, "TimeInForce"),
    (_raw(trailingDelta="100"), ccxt.BadRequest, -1106, "'trailingDelta'"),
    (_raw(quantity="0.0001"), ccxt.BadRequest, -1013, "Filter failure: NOTIONAL"),
    (_raw(type="MARKET", timeInForce=None, price=None, quantity="9000"), ccxt.InvalidOrder, -1013,
     "Filter failure: MARKET_LOT_SIZE"),
    (_raw(symbol="SOLUSDT", type="STOP_LOSS", timeInForce=None, price=None, stopPrice="101",
          quantity="1"), ccxt.BadRequest, -1013, "Stop loss orders are not supported"),
    (_order("limit", "buy", 1, 39_000), ccxt.InsufficientFunds, -2010, "insufficient balance"),
    (_order("market", "sell", 0.2), ccxt.InsufficientFunds, -2010, "insufficient balance"),
    (_order("limit", "buy", 0.01, 40_050, postOnly=True), ccxt.OrderImmediatelyFillable, -2010,
     "immediately match and take"),
    (_order("market", "sell", 0.01, None, stopLossPrice=41_000), ccxt.OrderImmediatelyFillable,
     -2010, "Stop price would trigger immediately"),
    (lambda c: c.cancel_order("999", SYMBOL), ccxt.OrderNotFound, -2011, "Unknown order sent"),
    (lambda c: c.cancel_all_orders("SOL/USDT"), ccxt.OrderNotFound, -2011, "Unknown order sent"),
    (lambda c: c.fetch_order("999", SYMBOL), ccxt.OrderNotFound, -2013, "does not exist"),
    (lambda c: c.privateGetOrderList({"orderListId": 99}), ccxt.ExchangeError, -2018, "Order list"),
    (lambda c: c.publicGetKlines({"symbol": "BTCUSDT", "interval": "7m"}), ccxt.BadRequest, -1120,
     "Invalid interval."),
    (lambda c: c.publicGetDepth(), ccxt.BadRequest, -1102, "'symbol' was not sent"),
    (lambda c: c.privateGetAccount({"recvWindow": 60_001}), ccxt.ExchangeError, -1131,
     "recvWindow"),
]  # fmt: skip


@pytest.mark.parametrize(("ask", "error", "code", "said"), REFUSED)
def test_a_refusal_has_its_class_code_and_text(served, binance, ask, error, code, said):
    with pytest.raises(error) as raised:
        ask(binance)
    assert type(raised.value) is error, raised.value
    assert said in str(raised.value)
    (request,) = [e.what for e in served.local.ledger.entries if e.kind == "request"][-1:]
    assert (request["code"], request["status"]) == (code, 400)


def test_nothing_of_what_was_refused_is_left(served):
    """Runs after the table, on the exchange it ran on."""
    account = served.exchange.accounts["alice"]
    assert served.exchange.records.orders == {}
    assert account.balance("USDT").total == Decimal(10_000)
    assert all(balance.locked == 0 for balance in account.balances.values())


@pytest.mark.parametrize(
    ("key", "secret", "error", "code", "status"),
    [
        ("unknown", "x", ccxt.AuthenticationError, -2015, 401),
        ("bad key", "x", ccxt.AuthenticationError, -2014, 401),
        (KEY, "wrong", ccxt.AuthenticationError, -1022, 400),
    ],
)
def test_a_key_that_is_not_right(served, key, secret, error, code, status):
    client = ccxt_client("binance", served, apiKey=key, secret=secret)
    client.load_markets()
    with pytest.raises(error) as raised:
        client.fetch_balance()
    assert type(raised.value) is error
    assert f'"code":{code},' in str(raised.value)
    assert client.last_http_response is not None
    last = [e for e in served.local.ledger.entries if e.kind == "request"][-1]
    assert (last.what["status"], last.what["code"]) == (status, code)


def test_a_key_without_permission_to_trade(serve):
    served = serve(exchange_of(BARS))
    served.exchange.keys[KEY].permissions = frozenset({"read"})
    client = ccxt_client("binance", served)
    assert client.fetch_ticker(SYMBOL)["last"] == 40_000
    assert client.fetch_balance()["USDT"]["free"] == 10_000
    # Ccxt takes -2015 after a first success for a matter of load: pitfall 13.
    with pytest.raises(ccxt.DDoSProtection, match="-2015"):
        client.create_order(SYMBOL, "market", "buy", 0.01)


def test_a_revoked_key_looks_retryable_after_a_first_success(serve):
    """Pitfall 13: ccxt then says DDoSProtection, so that only the code tells."""
    served = serve(exchange_of(BARS))
    client = ccxt_client("binance", served)
    client.load_markets()
    client.fetch_balance()
    httpx.post(f"{served.url}/_control/faults", json={"kind": "revoked_key", "key": KEY})
    with pytest.raises(ccxt.DDoSProtection, match="-2015"):
        client.fetch_balance()
    httpx.delete(f"{served.url}/_control/faults")
    assert client.fetch_balance()["USDT"]["free"] == 10_000


@pytest.mark.parametrize(
    ("skew", "said"), [(20_000, "outside of the recvWindow"), (-20_000, "ahead of the server")]
)
def test_a_skewed_clock_is_told(serve, skew, said):
    served = serve(exchange_of(BARS))
    client = ccxt_client("binance", served)
    client.load_markets()
    fault = {"kind": "clock_skew", "milliseconds": skew}
    httpx.post(f"{served.url}/_control/faults", json=fault)
    with pytest.raises(ccxt.InvalidNonce, match=said):
        client.fetch_balance()
    client.load_time_difference()
    assert client.fetch_balance()["USDT"]["free"] == 10_000


def test_too_many_requests_are_told_to_wait_and_then_banned(serve):
    served = serve(exchange_of(BARS), limit_share=0.02)  # a weight of 120 a minute
    with httpx.Client(base_url=served.url) as plain:
        while time.time() % 60 > 50:
            time.sleep(1)  # the window must not end within the test
        replies = [plain.get("/api/v3/exchangeInfo") for _ in range(20)]
        statuses = [reply.status_code for reply in replies]
        assert statuses == [200] * 6 + [429] * 10 + [418] * 4
        assert replies[5].headers["x-mbx-used-weight-1m"] == "120"
        for reply in replies[6:]:
            assert reply.json()["code"] == -1003
            assert int(reply.headers["retry-after"]) >= 1
        banned = replies[-1].json()["msg"]
        until = int(banned.split("banned until ")[1].split(".")[0])
        assert until > served.exchange.clock.served_ms
        client = ccxt_client("binance", served)
        with pytest.raises(ccxt.DDoSProtection, match="banned until"):
            client.fetch_time()
        plain.patch("/_control/settings", json={"limit_share": 0})
        assert client.fetch_time() == served.exchange.clock.served_ms


def test_orders_are_counted_for_their_own_limit(serve):
    served = serve(exchange_of(BARS), limit_share=0.03)  # three orders in ten seconds
    client = ccxt_client("binance", served)
    while time.time() % 10 > 7:
        time.sleep(0.5)
    for count in (1, 2, 3):
        client.create_order(SYMBOL, "market", "buy", 0.001)
        assert client.last_response_headers["X-Mbx-Order-Count-10s"] == str(count)
    with pytest.raises(ccxt.DDoSProtection, match="-1003"):
        client.create_order(SYMBOL, "market", "buy", 0.001)


def test_maintenance_and_a_delisted_market(serve):
    served = serve(exchange_of(BARS))
    client = ccxt_client("binance", served)
    client.load_markets()
    with httpx.Client(base_url=f"{served.url}/_control") as control:
        control.post("/faults", json={"kind": "maintenance", "times": 1})
        with pytest.raises(ccxt.ExchangeNotAvailable):
            client.fetch_ticker(SYMBOL)
        control.post("/faults", json={"kind": "delisted", "symbol": SYMBOL})
        with pytest.raises(ccxt.MarketClosed, match="Market is closed"):
            client.create_order(SYMBOL, "market", "buy", 0.01)
        assert client.load_markets(True)[SYMBOL]["active"] is False
        control.delete("/faults")
        assert client.load_markets(True)[SYMBOL]["active"] is True


def test_a_failed_replacement_says_which_half_failed(binance, served):
    limit = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC",
             "quantity": "0.01", "price": "39000"}  # fmt: skip
    replace = {**limit, "cancelReplaceMode": "STOP_ON_FAILURE", "cancelOrderId": "999"}
    with pytest.raises(ccxt.BaseError, match="NOT_ATTEMPTED") as raised:
        binance.privatePostOrderCancelReplace(replace)
    assert '"code":-2022' in str(raised.value)
    order = Request(symbol=SYMBOL, side=Side.BUY, type=OrderType.LIMIT, quantity=Decimal("0.01"),
                    price=Decimal(39_000), venue_type="LIMIT")  # fmt: skip
    made = served.call(served.exchange.submit, "alice", order)
    replace |= {"cancelOrderId": made.number, "quantity": "0.0000001"}
    with pytest.raises(ccxt.BaseError, match='"cancelResult":"SUCCESS"') as raised:
        binance.privatePostOrderCancelReplace({**replace, "quantity": "50"})
    assert '"code":-2021' in str(raised.value)
    assert not made.is_live
