"""load_bars when the exchange, the cache or the user is wrong: what is tried again, what said."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robotrader_sdk.data.validate import BarsWarning
from robotrader_sdk.errors import BarsError, CacheError, DownloadError

from .binance_server import HOUR, BinanceServer, local_binance, make_rows, milliseconds
from .downloads import N, asked_from, assert_equals_truth, load

pytestmark = pytest.mark.usefixtures("listed")


def test_an_interrupted_download_goes_on_where_it_stopped(
    server: BinanceServer, exchange: Any, tmp_path: Path
) -> None:
    server.faults = ["", "", "403"]
    with pytest.raises(DownloadError, match="what was fetched is kept"):
        load(exchange, tmp_path, "2024-01-20", "2024-04-20", retries=0)
    server.forget_requests()
    bars = load(exchange, tmp_path, "2024-01-20", "2024-04-20")
    assert_equals_truth(bars, server, "2024-01-20", "2024-04-20")
    assert asked_from(server) == [milliseconds("2024-01-20") + 2000 * HOUR]


TROUBLES = {
    "server errors": (["500", "502"], 3),
    "a reset connection": (["reset"], 2),
    "a web page instead of bars": (["html"], 2),
    "an answer cut off": (["cut"], 2),
    "the rate limit": (["429"], 2),
}


@pytest.mark.parametrize(("faults", "requests"), TROUBLES.values(), ids=TROUBLES)
def test_trouble_on_the_way_is_tried_again(
    server: BinanceServer, exchange: Any, tmp_path: Path, faults: list[str], requests: int
) -> None:
    server.faults = list(faults)
    bars = load(exchange, tmp_path, "2024-01-20", "2024-01-25")
    assert_equals_truth(bars, server, "2024-01-20", "2024-01-25")
    assert len(server.klines_requests) == requests


def test_pauses_double_and_a_rate_limit_says_how_long(
    server: BinanceServer, exchange: Any, tmp_path: Path
) -> None:
    server.faults = ["500", "500", "429"]
    load(exchange, tmp_path, "2024-01-20", "2024-01-25")
    pauses = np.diff(server.moments[-4:])
    late = pauses - [0.25, 0.5, 1.0]
    assert late.min() > -0.02
    assert late.max() < 3  # on a busy machine


def test_patience_ends(server: BinanceServer, exchange: Any, tmp_path: Path) -> None:
    server.faults = ["500"] * 9
    with pytest.raises(DownloadError, match="binance did not answer, tried 2 times") as caught:
        load(exchange, tmp_path, "2024-01-20", "2024-01-25", retries=1)
    assert "startTime" not in str(caught.value)  # a URL may be signed
    assert caught.value.__suppress_context__
    assert len(server.klines_requests) == 2


def test_a_long_ban_is_not_waited_for(server: BinanceServer, exchange: Any, tmp_path: Path) -> None:
    server.faults = ["418"]
    with pytest.raises(DownloadError, match="binance asks to wait 7200 s"):
        load(exchange, tmp_path, "2024-01-20", "2024-01-25")
    assert len(server.klines_requests) == 1


def test_nobody_listening_is_a_download_error(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(DownloadError, match="did not answer, tried 1 times"):
        load(local_binance(url), tmp_path, "2024-01-20", "2024-01-25", retries=0)


REFUSED: dict[str, tuple[dict[str, Any], tuple[Any, ...], str]] = {
    "an unknown exchange": (
        {"exchange": "binanse"},
        (),
        r"exchange 'binanse' is not known \(did you mean 'binance'\?\)",
    ),
    "an exchange in capitals": ({"exchange": "Binance"}, (), r"did you mean 'binance'\?"),
    "no exchange": ({"exchange": None}, (), "exchange is a NoneType; expected a name"),
    "a class of exchanges": (
        {"exchange": BinanceServer},
        (),
        "exchange is a type; expected a name",
    ),
    "a market id": (
        {"symbol": "BTCUSDT"},
        (),
        r"binance has no market 'BTCUSDT' \(did you mean 'BTC/USDT'\?\)",
    ),
    "small letters": ({"symbol": "btc/usdt"}, (), r"did you mean 'BTC/USDT'\?"),
    "a typing mistake": ({"symbol": "ETH/BTCC"}, (), r"did you mean 'ETH/BTC'\?"),
    "a symbol that is none": ({"symbol": 5}, (), "symbol must be text such as 'BTC/USDT', not 5"),
    "a timeframe nobody knows": ({"timeframe": "1hour"}, (), "timeframe '1hour' is not known"),
    "a timeframe it has not": (
        {"timeframe": "7m"},
        (),
        r"binance serves no bars of 7m; it has .*1m, 3m, 5m.* resample",
    ),
    "months": ({"timeframe": "1M"}, (), "timeframe '1M' is not known"),
    "the end before the start": ({}, ("2024-02-01", "2024-01-01"), "end=2024-01-01 is not after"),
    "nothing between": ({}, ("2024-02-01", "2024-02-01"), "the end is excluded"),
    "the future": ({}, ("2030-01-01", None), "no closed bar from 2030-01-01 .* it is 2024-06-01"),
    "the day first": ({}, ("20/01/2024", None), "start='20/01/2024' is no time; write it as"),
    "a number": ({}, (1704067200, None), "start=1704067200 is no time"),
    "a time before computers": ({}, ("1969-01-01", None), "is before 1970"),
    "retries": ({"retries": -1}, (), "retries=-1 is out of range"),
}


@pytest.mark.parametrize(("how", "period", "message"), REFUSED.values(), ids=REFUSED)
def test_what_makes_no_sense_is_refused(
    exchange: Any, tmp_path: Path, how: dict[str, Any], period: tuple[Any, ...], message: str
) -> None:
    period = period or ("2024-01-20", "2024-01-21")
    with pytest.raises(DownloadError, match=message):
        load(how.pop("exchange", exchange), tmp_path, *period, **how)
    assert list(tmp_path.rglob("*.parquet")) == []


def test_an_asynchronous_exchange_is_refused(tmp_path: Path) -> None:
    import ccxt.async_support

    with pytest.raises(DownloadError, match=r"expected .* a synchronous ccxt exchange"):
        load(ccxt.async_support.binance(), tmp_path, "2024-01-20", "2024-01-21")


def test_an_exchange_without_bars_is_refused(exchange: Any, tmp_path: Path) -> None:
    exchange.has["fetchOHLCV"] = False
    with pytest.raises(DownloadError, match="binance serves no bars"):
        load(exchange, tmp_path, "2024-01-20", "2024-01-21")


def test_a_market_without_bars_is_an_error_not_an_empty_table(
    exchange: Any, tmp_path: Path
) -> None:
    with pytest.raises(DownloadError, match=r"has no bars from 2024-01-20 .* to 2024-01-21"):
        load(exchange, tmp_path, "2024-01-20", "2024-01-21", symbol="ETH/BTC")
    with pytest.raises(DownloadError, match="binance has no bars of ETH/BTC at all"):
        load(exchange, tmp_path, symbol="ETH/BTC")


def test_bars_that_are_wrong_at_the_exchange_are_named(
    server: BinanceServer, exchange: Any, tmp_path: Path
) -> None:
    rows = make_rows("2024-01-10", N, HOUR)
    rows[5][2] = 0.5
    server.serve_bars(rows, HOUR)
    with pytest.raises(BarsError, match=r"(?s)as the exchange has it.*row 5 \(2024-01-10 05"):
        load(exchange, tmp_path, "2024-01-10", "2024-01-12")


def test_a_cache_that_cant_be_written_is_noticed_before_anything_is_fetched(
    server: BinanceServer, exchange: Any, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CacheError, match="can't be written"):
        load(exchange, tmp_path / "file", "2024-01-20", "2024-01-21")
    assert server.requests == []


def test_a_damaged_file_is_fetched_again_with_a_warning(
    server: BinanceServer, exchange: Any, tmp_path: Path
) -> None:
    load(exchange, tmp_path, "2024-01-20", "2024-04-20")
    february = next(tmp_path.rglob("2024-02.parquet"))
    february.write_bytes(february.read_bytes()[:1000])
    server.forget_requests()
    with pytest.warns(BarsWarning, match="are damaged"):
        bars = load(exchange, tmp_path, "2024-01-20", "2024-04-20")
    assert_equals_truth(bars, server, "2024-01-20", "2024-04-20")
    assert asked_from(server) == [milliseconds("2024-02-01")]
    server.forget_requests()
    load(exchange, tmp_path, "2024-01-20", "2024-04-20")
    assert server.requests == []
