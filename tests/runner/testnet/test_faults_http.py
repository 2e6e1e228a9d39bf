"""What faults do to requests and replies, as a plain HTTP client sees it."""

from __future__ import annotations

import socket
import time

import httpx
import pytest

from tests.runner.testnet.conftest import bars_of, exchange_of

TIME = "/api/v3/time"


@pytest.fixture
def served(serve):
    return serve(exchange_of(bars_of((1, 2, 1, 2), (2, 3, 2, 3))))


@pytest.fixture
def client(served):
    with httpx.Client(base_url=served.url, timeout=5) as client:
        yield client


def _set(client, kind, **more):
    made = client.post("/_control/faults", json={"kind": kind, **more})
    assert made.status_code == 200, made.text
    return made.json()["id"]


def _faults_seen(client):
    entries = client.get("/_control/ledger", params={"kind": "request"}).json()["entries"]
    return [(entry["what"]["faults"], entry["what"]["status"]) for entry in entries]


@pytest.mark.parametrize("kind", ["timeout_before", "timeout_after"])
def test_a_reply_is_withheld(client, kind):
    _set(client, kind, times=1)
    with pytest.raises(httpx.ReadTimeout):
        client.get(TIME, timeout=0.3)
    assert client.get(TIME).status_code == 200
    assert _faults_seen(client) == [([kind], 0), ([], 200)]


@pytest.mark.parametrize("kind", ["reset_before", "reset_after"])
def test_a_connection_is_reset(client, kind):
    _set(client, kind, times=1)
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        client.get(TIME)
    assert client.get(TIME).status_code == 200


@pytest.mark.parametrize("kind", ["error_before", "error_after"])
@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_server_error_is_told(client, kind, status):
    _set(client, kind, status=status, times=1)
    assert client.get(TIME).status_code == status
    assert client.get(TIME).status_code == 200


def test_a_reply_is_slow(client):
    _set(client, "slow", seconds=0.3)
    before = time.monotonic()
    assert client.get(TIME).status_code == 200
    assert time.monotonic() - before >= 0.3


def test_a_body_is_cut_short(client):
    _set(client, "truncated", times=1)
    with pytest.raises(httpx.RemoteProtocolError, match=r"incomplete|closed"):
        client.get(TIME)


def test_a_body_is_no_json(client):
    _set(client, "not_json", times=1)
    reply = client.get(TIME)
    assert (reply.status_code, reply.headers["content-type"]) == (200, "text/html")
    with pytest.raises(ValueError, match="Expecting value"):
        reply.json()


def test_a_reply_comes_twice(served, client):
    _set(client, "duplicate_reply", times=1)
    host, port = served.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as raw:
        raw.sendall(f"GET {TIME} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        received = b""
        while received.count(b"serverTime") < 2:
            received += raw.recv(65536)
    assert received.count(b"HTTP/1.1 200") == 2


def test_a_maintenance_window_ends_by_itself(client):
    _set(client, "maintenance", lasts=0.4)
    assert client.get(TIME).status_code >= 200
    assert client.get("/v5/market/time").json().get("retCode") != 0
    time.sleep(0.5)
    assert client.get("/v5/market/time").json()["retCode"] == 0
    assert client.get("/_control/faults").json() == []


def test_what_stands_ends_by_itself_too(client):
    def status():
        (market,) = client.get("/api/v3/exchangeInfo?symbol=BTCUSDT").json()["symbols"]
        return market["status"]

    _set(client, "delisted", symbol="BTC/USDT", lasts=0.4)
    assert status() == "BREAK"
    time.sleep(0.5)
    assert status() == "TRADING"
    assert client.get("/_control/faults").json() == []


def test_a_fault_strikes_where_it_is_set(client):
    _set(client, "error_before", venue="binance", route="GET /api/v3/ti*")
    assert client.get(TIME).status_code == 503
    assert client.get("/api/v3/ping").status_code == 200
    assert client.get("/v5/market/time").status_code == 200


def test_a_fault_with_a_probability_repeats_by_its_seed(client):
    def pattern(seed):
        number = _set(client, "error_before", probability=0.5, seed=seed)
        statuses = [client.get(TIME).status_code for _ in range(30)]
        client.delete(f"/_control/faults/{number}")
        return statuses

    first, again, other = pattern(1), pattern(1), pattern(2)
    assert first == again != other
    assert 5 < first.count(503) < 25


def test_every_kind_of_fault_can_be_set_and_listed(client):
    from runner.testnet.faults import KINDS

    needs = {"key": "k", "symbol": "BTCUSDT", "milliseconds": 1}
    for kind in KINDS:
        _set(client, kind, probability=0, **needs)
    assert [fault["kind"] for fault in client.get("/_control/faults").json()] == list(KINDS)
    client.delete("/_control/faults")
    assert client.get("/_control/faults").json() == []
