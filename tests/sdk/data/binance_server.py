"""A local exchange that speaks Binance's spot protocol, and CCXT pointed at it."""

from __future__ import annotations

import json
import time
from bisect import bisect_left
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import numpy as np
import pandas as pd

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
INTERVALS = {"1m": MINUTE, "5m": 5 * MINUTE, "1h": HOUR, "4h": 4 * HOUR, "1d": DAY}
MONDAY = 4 * DAY  # 1970-01-05


def milliseconds(text: str) -> int:
    return int(pd.Timestamp(text, tz="UTC").value // 10**6)


def make_rows(start: str, n: int, step: int, seed: int = 1) -> list[list[float]]:
    """Bars as lists of open_time, open, high, low, close, volume."""
    random = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(random.normal(0, 0.001, n)))
    open_ = np.concatenate(([100.0], close[:-1]))
    high = np.maximum(open_, close) * (1 + random.random(n) * 0.001)
    low = np.minimum(open_, close) * (1 - random.random(n) * 0.001)
    begin = milliseconds(start)
    table = np.column_stack([open_, high, low, close, random.random(n) * 10]).round(8)
    return [[begin + step * number, *row] for number, row in enumerate(table.tolist())]


class BinanceServer(ThreadingHTTPServer):
    """GET exchangeInfo, time and klines below /api/v3, as Binance answers them."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.step = HOUR
        self.rows: list[list[float]] = []
        self.times: list[int] = []
        self.now = milliseconds("2024-06-01")
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.moments: list[float] = []
        self.faults: list[str] = []  # one is spent by each klines request
        self.delay = 0.0

    def serve_bars(self, rows: list[list[float]], step: int) -> None:
        self.rows, self.step = rows, step
        self.times = [int(row[0]) for row in rows]

    @property
    def klines_requests(self) -> list[dict[str, str]]:
        return [params for name, params in self.requests if name == "klines"]

    def forget_requests(self) -> None:
        self.requests.clear()
        self.moments.clear()

    def answer(self, name: str, params: dict[str, str]) -> tuple[int, object]:
        if name == "time":
            return 200, {"serverTime": self.now}
        if name == "exchangeInfo":
            return 200, {"symbols": [_market("BTC", "USDT"), _market("ETH", "BTC")]}
        if name != "klines":
            return 404, {"code": -1, "msg": "unknown path"}
        if params["symbol"] != "BTCUSDT":
            return 200, []
        return 200, self.klines(params)

    def klines(self, params: dict[str, str]) -> list[list[object]]:
        """At most `limit` bars from startTime on, the forming one included."""
        limit = min(int(params.get("limit", 500)), 1000)
        step = INTERVALS.get(params["interval"], 7 * DAY)
        rows = self.rows if step == self.step else _coarser(self.rows, step)
        times = self.times if step == self.step else [int(row[0]) for row in rows]
        first = bisect_left(times, int(params.get("startTime", 0)))
        last = min(bisect_left(times, self.now), first + limit)
        if "startTime" not in params:
            first, last = max(0, bisect_left(times, self.now) - limit), bisect_left(times, self.now)
        return [self.kline(row, step) for row in rows[first:last]]

    def kline(self, row: list[float], step: int) -> list[object]:
        time, *prices = row
        if time + step > self.now:
            prices = [prices[0], prices[1] * 2, prices[2] / 2, prices[1], 0.5]  # still forming
        return [int(time), *map(repr, prices), int(time) + step - 1, "0", 1, "0", "0", "0"]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True
    server: BinanceServer

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        name, params = url.path.rsplit("/", 1)[1], dict(parse_qsl(url.query))
        self.server.requests.append((name, params))
        self.server.moments.append(time.monotonic())
        fault = ""
        if name == "klines":
            time.sleep(self.server.delay)
            fault = self.server.faults.pop(0) if self.server.faults else ""
        if fault == "reset":
            self.close_connection = True
            self.connection.close()
        elif fault == "html":
            self.reply(200, b"<html>Please log in to this network</html>", "text/html")
        elif fault.isdigit():
            self.reply(int(fault), b'{"code": -1000, "msg": "trouble"}', "application/json")
        else:
            status, answer = self.server.answer(name, params)
            body = json.dumps(answer).encode()
            self.reply(status, body[: 500 if fault == "cut" else None], "application/json")

    def reply(self, status: int, body: bytes, kind: str) -> None:
        self.send_response_only(status)
        self.send_header("Date", formatdate(self.server.now / 1000, usegmt=True))
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if status in (418, 429):
            self.send_header("Retry-After", "1" if status == 429 else "7200")
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, *args: object) -> None:
        pass


def _coarser(rows: list[list[float]], step: int) -> list[list[float]]:
    origin = MONDAY if step == 7 * DAY else 0
    merged: dict[int, list[float]] = {}
    for time_, open_, high, low, close, volume in rows:
        start = int(time_ - (time_ - origin) % step)
        bar = merged.setdefault(start, [start, open_, high, low, close, 0.0])
        bar[2], bar[3], bar[4] = max(bar[2], high), min(bar[3], low), close
        bar[5] += volume
    return list(merged.values())


def _market(base: str, quote: str) -> dict[str, object]:
    return {
        "symbol": base + quote,
        "status": "TRADING",
        "baseAsset": base,
        "quoteAsset": quote,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "orderTypes": ["LIMIT", "MARKET"],
        "isSpotTradingAllowed": True,
        "permissions": ["SPOT"],
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": "0.01", "tickSize": "0.01"},
            {"filterType": "LOT_SIZE", "minQty": "0.00001", "stepSize": "0.00001"},
            {"filterType": "NOTIONAL", "minNotional": "5"},
        ],
    }  # fmt: skip


def local_binance(url: str, **config: object) -> Any:
    """CCXT's own Binance, told other addresses and nothing else."""
    import ccxt

    only_spot = {
        "fetchMarkets": {"types": ["spot"]},
        "fetchCurrencies": False,
        "fetchMargins": False,
    }
    exchange = ccxt.binance({"enableRateLimit": False, "options": only_spot, **config})
    for name in ("public", "private"):
        exchange.urls["api"][name] = f"{url}/api/v3"
    exchange.urls["api"]["sapi"] = f"{url}/sapi/v1"
    return exchange
