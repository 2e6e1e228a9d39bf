"""What faults look like through ccxt, counted against the ledger's truth."""

from __future__ import annotations

import time
from decimal import Decimal

import ccxt
import httpx
import pytest

from runner.testnet.core.settings import Settings
from tests.runner.testnet.conftest import KEY, bars_of, ccxt_client, exchange_of

SYMBOL = "BTC/USDT"
BARS = bars_of(*[(40_000.0 + k, 40_050.0 + k, 39_950.0 + k, 40_001.0 + k) for k in range(20)])
CREATE = {"binance": "POST /api/v3/order", "bybit": "POST /v5/order/create"}


class Place:
    """A served exchange, a client of one venue, and its control."""

    def __init__(self, served, venue):
        self.served, self.venue = served, venue
        self.client = ccxt_client(venue, served, timeout=1500)
        self.client.load_markets()
        self.client.fetch_balance()
        self.control = httpx.Client(base_url=f"{served.url}/_control")
        served.closes.append(self.control.close)

    def set(self, kind, **more):
        asked = {"kind": kind, "venue": self.venue, **more}
        assert self.control.post("/faults", json=asked).status_code == 200

    def buy(self, **params):
        return self.client.create_order(SYMBOL, "market", "buy", 0.01, None, params)

    def find(self, client_id):
        """The order that a client's id names, found as the venue wants it to be."""
        if self.venue == "binance":
            return self.client.fetch_order(None, SYMBOL, {"origClientOrderId": client_id})
        found = self.client.fetch_canceled_and_closed_orders(
            SYMBOL, params={"orderLinkId": client_id}
        )
        if not found:
            raise ccxt.OrderNotFound(client_id)
        return found[0]

    def n_orders(self):
        entries = self.control.get("/ledger", params={"kind": "order"}).json()["entries"]
        return sum(entry["what"]["what"] == "NEW" for entry in entries)


@pytest.fixture(params=["binance", "bybit"])
def place(request, serve):
    return Place(serve(exchange_of(BARS, balances={"USDT": "100000"})), request.param)


@pytest.mark.parametrize(
    ("kind", "more", "errors", "accepted"),
    [
        ("timeout_after", {}, (ccxt.RequestTimeout,), True),
        ("timeout_before", {}, (ccxt.RequestTimeout,), False),
        ("error_after", {"status": 502}, (ccxt.OperationFailed, ccxt.ExchangeError), True),
        ("error_before", {"status": 500}, (ccxt.OperationFailed, ccxt.ExchangeError), False),
        ("reset_after", {}, (ccxt.NetworkError,), True),
        ("reset_before", {}, (ccxt.NetworkError,), False),
        ("truncated", {}, (ccxt.NetworkError, ccxt.ExchangeError), True),
    ],
)
def test_an_order_whose_reply_is_lost_exists_or_does_not(place, kind, more, errors, accepted):
    place.set(kind, route=CREATE[place.venue], times=1, **more)
    with pytest.raises(errors):
        place.buy(clientOrderId="lost-1")
    assert place.n_orders() == int(accepted)
    if accepted:
        assert place.find("lost-1")["filled"] == 0.01
    else:
        with pytest.raises(ccxt.OrderNotFound):
            place.find("lost-1")
    assert place.find(place.buy(clientOrderId="found-1")["clientOrderId"])["filled"] == 0.01


def test_a_page_instead_of_a_reply_leaves_an_order_without_an_id(place):
    """Ccxt takes a page with status 200 for a reply that says nothing: no error, and no id."""
    place.set("not_json", route=CREATE[place.venue], times=1)
    assert place.buy(clientOrderId="page-1")["id"] is None
    assert place.n_orders() == 1
    assert place.find("page-1")["filled"] == 0.01


def test_a_retried_resting_order_is_refused_as_a_duplicate(place):
    place.set("handled_twice", route=CREATE[place.venue], times=1)
    with pytest.raises(ccxt.InvalidOrder, match=r"Duplicate|duplicate"):
        place.client.create_order(
            SYMBOL, "limit", "buy", 0.01, 39_000, {"clientOrderId": "twice-1"}
        )
    assert place.n_orders() == 1
    assert len(place.client.fetch_open_orders(SYMBOL)) == 1


def test_a_retried_market_order_is_made_twice_at_binance_and_once_at_bybit(place):
    """Pitfall 2: Binance's ids are unique among open orders only."""
    place.set("handled_twice", route=CREATE[place.venue], times=1)
    if place.venue == "binance":
        place.buy(clientOrderId="twice-2")
        assert place.n_orders() == 2
    else:
        with pytest.raises(ccxt.InvalidOrder, match="170141"):
            place.buy(clientOrderId="twice-2")
        assert place.n_orders() == 1


def test_a_new_order_can_not_be_found_for_a_while(place):
    place.set("order_not_found", seconds=0.6, times=1)
    made = place.buy(clientOrderId="late-1")
    with pytest.raises(ccxt.OrderNotFound):
        place.find("late-1")
    assert place.client.fetch_open_orders(SYMBOL) == []
    with pytest.raises(ccxt.OrderNotFound):
        place.client.cancel_order(made["id"], SYMBOL)
    time.sleep(0.7)
    assert place.find("late-1")["id"] == made["id"]


def test_a_fill_is_told_late(place):
    place.set("late_fills", seconds=0.6, times=1)
    made = place.buy()
    (order,) = place.client.fetch_open_orders(SYMBOL)
    assert (order["id"], order["filled"], order["status"]) == (made["id"], 0, "open")
    assert place.client.fetch_my_trades(SYMBOL) == []
    time.sleep(0.7)
    assert place.client.fetch_open_orders(SYMBOL) == []
    assert [trade["amount"] for trade in place.client.fetch_my_trades(SYMBOL)] == [0.01]


def test_fills_come_out_of_order(serve):
    how = Settings(fill_fraction=Decimal("0.5"))
    served = serve(exchange_of(BARS, balances={"USDT": "100000"}, settings=how))
    place = Place(served, "binance")
    place.client.create_order(SYMBOL, "limit", "buy", 0.01, 40_100)
    place.control.post("/step", json={"bars": 2, "through_fills": True})
    place.set("out_of_order_fills", times=1)
    numbers = [int(row["id"]) for row in place.client.privateGetMyTrades({"symbol": "BTCUSDT"})]
    assert numbers == [2, 1]
    numbers = [int(row["id"]) for row in place.client.privateGetMyTrades({"symbol": "BTCUSDT"})]
    assert numbers == [1, 2]


def _last_closed(place):
    return place.client.fetch_ohlcv(SYMBOL, "1m", limit=2)[-2]


def test_a_bar_is_missing_late_or_revised(place):
    place.control.post("/step")
    place.control.post("/faults", json={"kind": "missing_bar", "symbol": SYMBOL, "times": 1})
    place.control.post("/step")
    place.control.post("/step")
    opens = [row[1] for row in place.client.fetch_ohlcv(SYMBOL, "1m", limit=10)]
    assert opens == [40_000, 40_002, 40_003]
    late = {"kind": "late_bar", "seconds": 0.6, "times": 1}
    place.control.post("/faults", json=late)
    place.control.post("/step")
    assert _last_closed(place)[1] == 40_002
    time.sleep(0.7)
    assert _last_closed(place)[1] == 40_003
    place.control.post("/faults", json={"kind": "revised_bar", "seconds": 0.6, "times": 1})
    place.control.post("/step")
    first = _last_closed(place)
    assert (first[1], first[4], first[5]) == (40_004, 40_004.5, 5.0)
    time.sleep(0.7)
    assert _last_closed(place)[4:] == [40_005, 10.0]


def test_a_ban_says_until_when(place):
    place.set("ban", seconds=0.5, times=1)
    errors = (ccxt.DDoSProtection, ccxt.RateLimitExceeded)
    with pytest.raises(errors, match=r"(?i)banned until"):
        place.client.fetch_ticker(SYMBOL)
    with pytest.raises(errors):
        place.client.fetch_ticker(SYMBOL)
    time.sleep(0.6)
    assert place.client.fetch_ticker(SYMBOL)["last"] == 40_000


def test_a_revoked_key_and_a_delisted_symbol_come_back(place):
    place.set("revoked_key", key=KEY)
    with pytest.raises((ccxt.AuthenticationError, ccxt.DDoSProtection)):
        place.client.fetch_balance()
    place.control.delete("/faults")
    place.set("delisted", symbol=SYMBOL)
    with pytest.raises((ccxt.MarketClosed, ccxt.InvalidOrder)):
        place.buy()
    place.control.delete("/faults")
    assert place.buy()["id"] is not None


def test_the_ledger_counts_every_request_and_what_befell_it(place):
    place.set("error_after", route=CREATE[place.venue], probability=0.5, seed=4)
    outcomes = []
    for number in range(20):
        try:
            place.buy(clientOrderId=f"n-{number}")
            outcomes.append(200)
        except (ccxt.OperationFailed, ccxt.ExchangeError):
            outcomes.append(503)
    entries = place.control.get("/ledger", params={"kind": "request"}).json()["entries"]
    made = [e["what"] for e in entries if f"{e['what']['method']} {e['what']['path']}"
            == CREATE[place.venue]]  # fmt: skip
    assert [one["status"] for one in made] == outcomes
    assert {200, 503} == set(outcomes)
    assert all(len(one["orders"]) == 1 for one in made)
    assert all("signature" not in one["given"] for one in made)
    assert place.n_orders() == 20
