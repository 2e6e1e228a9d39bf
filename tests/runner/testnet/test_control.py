"""The control routes, over real HTTP."""

from __future__ import annotations

from decimal import Decimal

import httpx
import pytest

from robotrader_sdk.types import OrderType, Side
from runner.testnet.core.orders import Request
from tests.runner.testnet.conftest import bars_of, exchange_of

BARS = [
    (100.0, 101.0, 99.0, 100.5),
    (100.5, 102.0, 95.0, 96.0),
    (96.0, 110.0, 96.0, 108.0),
    (108.0, 109.0, 107.0, 108.5),
]


@pytest.fixture
def served(serve):
    return serve(exchange_of(bars_of(*BARS)))


@pytest.fixture
def control(served):
    with httpx.Client(base_url=f"{served.url}/_control") as client:
        yield client


def _limit(price: str, side: Side = Side.BUY) -> Request:
    return Request(
        symbol="BTC/USDT",
        side=side,
        type=OrderType.LIMIT,
        quantity=Decimal(1),
        price=Decimal(price),
    )


def test_time_stands_still_until_it_is_stepped(control):
    before = control.get("/").json()
    assert control.get("/").json()["time"] == before["time"]
    stop = control.post("/step").json()
    assert stop["at"] == "close"
    assert stop["time"] == before["time"] + 60_000
    assert control.get("/").json()["prices"] == {"BTC/USDT": 100.5}


def test_a_step_stops_at_a_fill_inside_the_bar(served, control):
    served.call(served.exchange.submit, "alice", _limit("98"))
    first = control.post("/step").json()
    fill = control.post("/step").json()
    assert (first["at"], fill["at"], fill["trade"]["price"]) == ("close", "fill", "98.00000000")
    assert fill["time"] == first["time"] + 30_000
    assert control.post("/step").json()["at"] == "close"


def test_a_step_through_fills_goes_on_to_the_close(served, control):
    served.call(served.exchange.submit, "alice", _limit("98"))
    assert control.post("/step", json={"bars": 2, "through_fills": True}).json()["at"] == "close"
    assert len(served.exchange.records.trades) == 1
    assert control.get("/").json()["bar"] == 2


def test_after_the_last_bar_there_is_nothing_to_step(control):
    assert control.post("/step", json={"bars": 4}).json()["over"] is True
    refused = control.post("/step")
    assert refused.status_code == 400
    assert "the last bar has closed" in refused.json()["error"]


def test_at_max_time_waits_for_every_client(served, control):
    for name in ("one", "two"):
        assert control.post("/clients", json={"name": name}).json()["stop"] == 0
    control.patch("/settings", json={"speed": "max"})
    assert control.post("/clients/one/ack", json={"stop": 0, "wait": 10}).json()["stop"] == 1
    one = control.post("/clients/one/ack", json={"stop": 1, "wait": 0.2}).json()
    assert one["stop"] == 1  # two has not acknowledged
    two = control.post("/clients/two/ack", json={"stop": 1, "wait": 10}).json()
    assert two["stop"] == 2
    control.request("DELETE", "/clients/two")
    assert control.post("/clients/one/ack", json={"stop": 2, "wait": 10}).json()["stop"] == 3


def test_at_max_without_a_client_time_stands_still(control):
    control.patch("/settings", json={"speed": "max"})
    assert control.get("/").json()["stop"] == 0


def test_a_running_clock_moves_bars_and_time_together(control):
    start = control.get("/").json()["time"]
    control.patch("/settings", json={"speed": "600x"})
    times = []
    while not (now := control.get("/").json())["over"]:
        times.append(now["time"])
    assert times == sorted(times)
    assert len(set(times)) > 10
    assert now["time"] == start + 4 * 60_000


def test_a_running_clock_is_not_stepped(control):
    control.patch("/settings", json={"speed": "1x"})
    refused = control.post("/step")
    assert refused.status_code == 400
    assert "the clock runs by itself, at 1x" in refused.json()["error"]


def test_a_state_is_saved_and_loaded(served, control, serve):
    served.call(served.exchange.submit, "alice", _limit("98"))
    control.post("/step")
    saved = control.get("/state").content
    other = serve(exchange_of(bars_of(*BARS)))
    with httpx.Client(base_url=f"{other.url}/_control") as there:
        assert there.put("/state", content=saved).status_code == 200
        assert there.get("/").json() == control.get("/").json() | {"stop": 0, "last_stop": None}
        for one in (control, there):
            one.post("/step", json={"bars": 3, "through_fills": True})
        assert there.get("/accounts").json() == control.get("/accounts").json()
    assert other.exchange.records.trades == served.exchange.records.trades
    assert len(other.exchange.records.trades) == 1


@pytest.mark.parametrize(
    ("document", "said"),
    [(b"{", "not a saved exchange"), (b"[]", "not a saved exchange"), (b"\xff", "not a saved")],
)
def test_what_is_no_state_is_not_loaded(control, document, said):
    refused = control.put("/state", content=document)
    assert refused.status_code == 400
    assert said in refused.json()["error"]


def test_a_state_of_other_bars_is_not_loaded(control, serve):
    saved = control.get("/state").content
    other = serve(exchange_of(bars_of(*BARS[:3])))
    refused = httpx.put(f"{other.url}/_control/state", content=saved)
    assert refused.status_code == 400
    assert "replayed other bars" in refused.json()["error"]


def test_an_account_is_opened_with_its_keys(served, control):
    new = {
        "name": "bob",
        "balances": {"USDT": "5.5"},
        "keys": [{"key": "k", "secret": "s", "permissions": ["read"]}],
    }
    assert control.post("/accounts", json=new).status_code == 200
    assert served.exchange.keys["k"].account == "bob"
    assert control.get("/accounts").json()[1]["balances"] == {
        "USDT": {"free": "5.5", "locked": "0"}
    }
    assert "there is an account 'bob'" in control.post("/accounts", json=new).json()["error"]


def test_the_ledger_tells_what_happened_in_order(served, control):
    served.call(served.exchange.submit, "alice", _limit("98"))
    control.post("/step", json={"bars": 2, "through_fills": True})
    httpx.get(f"{served.url}/api/v3/time")
    entries = control.get("/ledger").json()["entries"]
    kinds = [(e["kind"], e["what"].get("what", e["what"].get("path"))) for e in entries]
    assert kinds == [
        ("order", "NEW"),
        ("trade", None),
        ("order", "TRADE"),
        ("control", "step"),
        ("request", "/api/v3/time"),
    ]
    assert [e["number"] for e in entries] == [1, 2, 3, 4, 5]
    assert len(control.get("/ledger", params={"kind": "order", "after": 1}).json()["entries"]) == 1


@pytest.mark.parametrize(
    ("method", "path", "body", "said"),
    [
        ("POST", "/step", {"bars": 0}, "bars is at least 1"),
        ("POST", "/step", {"bars": "1"}, "Expected `int`"),
        ("POST", "/step", {"barz": 1}, "unknown field `barz`"),
        ("POST", "/clients", {}, "missing required field `name`"),
        ("DELETE", "/clients/nobody", None, "no client 'nobody'"),
        ("POST", "/clients/nobody/ack", {"stop": 0}, "not registered"),
        ("POST", "/faults", {"kind": "gremlin"}, "there is no fault 'gremlin'"),
        ("POST", "/faults", {"kind": "slow", "probability": 2}, "probability is from 0 to 1"),
        ("POST", "/faults", {"kind": "revoked_key"}, "needs 'key'"),
        ("POST", "/faults", {"kind": "error_after", "status": 200}, "status is an error's"),
        ("DELETE", "/faults/7", None, "no fault has the id 7"),
        ("PATCH", "/settings", {"speed": "fast"}, "speed 'fast' is not known"),
        ("PATCH", "/settings", {"fill_fraction": "0"}, "fill_fraction lies between"),
        ("PATCH", "/settings", {"limit_share": -1}, "limit_share is not negative"),
        ("GET", "/ledger?after=x", None, "after is a whole number"),
        ("POST", "/accounts", {"name": "x", "balances": {"USDT": "-1"}}, "from 0 on"),
    ],
)
def test_what_can_not_be_done_is_told_with_its_reason(control, method, path, body, said):
    refused = control.request(method, path, json=body)
    assert refused.status_code == 400
    assert said in refused.json()["error"]
