"""`robotrader testnet` as a user starts and ends it."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import ccxt
import httpx
import pytest

import robotrader_sdk as rt
from robotrader_sdk.cli.app import main
from runner.testnet import ccxt_config
from runner.testnet.setup import KEY, SECRET, is_loopback

SCRIPT = Path(sys.executable).with_name("robotrader")


class Running:
    """The command, running."""

    def __init__(self, *options: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self.process = subprocess.Popen(
            [SCRIPT, "testnet", "--port", str(port), *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "COLUMNS": "120"},
        )
        for _ in range(300):
            try:
                httpx.get(f"{self.url}/_control/")
                return
            except httpx.TransportError:
                assert self.process.poll() is None, self.process.communicate()
                time.sleep(0.1)
        raise AssertionError("it does not answer")

    def end(self, how: int = signal.SIGTERM) -> tuple[int, str, str]:
        """End it as a user would; exit code, stdout, stderr."""
        self.process.send_signal(how)
        out, err = self.process.communicate(timeout=20)
        return self.process.returncode, out, err


@pytest.fixture
def bars_file(tmp_path):
    path = tmp_path / "btc.csv"
    rt.synthetic_bars(50, "1m", seed=1, price=40_000.0).round(2).to_csv(path)
    return path


def test_it_serves_files_says_how_to_use_it_and_keeps_its_state(tmp_path, bars_file):
    state = tmp_path / "state.json"
    options = ("--bars", f"BTC/USDT={bars_file}", "--state", str(state), "--balance", "USDT=777")
    running = Running(*options)
    exchange = ccxt.binance(
        {**ccxt_config("binance", running.url), "apiKey": KEY, "secret": SECRET}
    )
    exchange.load_markets()
    assert exchange.fetch_balance()["USDT"]["free"] == 777
    exchange.create_order("BTC/USDT", "market", "buy", 0.01)
    httpx.post(f"{running.url}/_control/step", json={"bars": 3})
    before = httpx.get(f"{running.url}/_control/").json()
    exchange.session.close()
    code, out, err = running.end()
    assert (code, err) == (0, "")
    assert f"at {running.url} (speed manual)" in out
    assert KEY in out
    assert json.loads(state.read_text())["bar"] == 3

    again = Running(*options)
    after = httpx.get(f"{again.url}/_control/").json()
    assert {**after, "stop": 0, "last_stop": None} == {**before, "stop": 0, "last_stop": None}
    assert again.end(signal.SIGINT)[0] == 0


def test_synthetic_markets_run_by_the_clock(tmp_path):
    running = Running("--synthetic", "7", "--speed", "6000x")
    first = httpx.get(f"{running.url}/_control/").json()
    assert set(first["prices"]) == {"BTC/USDT", "ETH/USDT", "SOL/USDT", "BTC/USDT:USDT"}
    time.sleep(1)
    assert httpx.get(f"{running.url}/_control/").json()["bar"] > first["bar"]
    assert running.end()[0] == 0


def test_it_says_when_it_listens_beyond_this_machine():
    running = Running("--synthetic", "7", "--host", "0.0.0.0")
    assert httpx.get(f"{running.url}/api/v3/ping").json() == {}
    _, _, err = running.end()
    assert "listens beyond this machine" in err


@pytest.mark.parametrize(
    ("host", "here"),
    [("127.0.0.1", True), ("localhost", True), ("::1", True), ("127.9.9.9", True),
     ("0.0.0.0", False), ("192.168.0.7", False), ("example", False)],
)  # fmt: skip
def test_which_addresses_only_this_machine_reaches(host, here):
    assert is_loopback(host) is here


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "give either --bars SYMBOL=FILE or --synthetic SEED"),
        (["--synthetic", "1", "--bars", "X=y"], "give either"),
        (["--bars", "BTC/USDT=/none.csv"], "/none.csv does not exist"),
        (["--synthetic", "1", "--speed", "fast"], "speed 'fast' is not known"),
        (["--synthetic", "1", "--balance", "USDT"], "'USDT' is no balance"),
        (["--synthetic", "1", "--balance", "USDT=-1"], "is no balance"),
        (["--synthetic", "1", "--port", "99999"], "99999 is no port; choose one from 1 to 65535"),
        (["--synthetic", "1", "--markets", "/none"], "market file /none can't be read"),
        (["--synthetic", "1", "--mark", "x.csv"], "names no symbol"),
        (["--synthetic", "1", "--funding", "BTC/USDT:USDT=/none"], "can't be read"),
    ],
)
def test_a_mistake_is_told_in_one_line(capsys, options, said):
    assert main(["testnet", *options]) == 2
    err = re.sub(r"\s+", " ", capsys.readouterr().err)
    assert said in err
    assert "Traceback" not in err


def test_marks_and_funding_come_from_files(tmp_path, bars_file):
    mark, funding = tmp_path / "mark.csv", tmp_path / "funding.csv"
    bars = rt.read_bars(bars_file)
    bars.to_csv(mark)
    funding.write_text(f"time,rate\n{bars.index[2]},0.001\n{bars.index[4]},0.002\n")
    symbol = "BTC/USDT:USDT"
    running = Running("--bars", f"{symbol}={bars_file}", "--mark", f"{symbol}={mark}",
                      "--funding", f"{symbol}={funding}")  # fmt: skip
    httpx.post(f"{running.url}/_control/step", json={"bars": 3})
    params = {"category": "linear", "symbol": "BTCUSDT"}
    told = httpx.get(f"{running.url}/v5/market/funding/history", params=params).json()
    assert [row["fundingRate"] for row in told["result"]["list"]] == ["0.001"]
    running.end()
