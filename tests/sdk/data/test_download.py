"""load_bars through unmodified CCXT against a local exchange: what is asked, kept and returned."""

from __future__ import annotations

import socket
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from robotrader_sdk.data.download import load_bars
from robotrader_sdk.data.gaps import find_gaps
from robotrader_sdk.data.validate import BarsWarning, validate_bars
from robotrader_sdk.errors import BarsError, CacheError, DownloadError

from .binance_server import DAY, HOUR, BinanceServer, local_binance, make_rows, milliseconds

N = 2600  # of 1h bars: three pages


@pytest.fixture(autouse=True)
def listed(server: BinanceServer) -> None:
    """BTC/USDT has hourly bars from 2024-01-10 to 2024-04-27 08:00; it is 2024-06-01 there."""
    server.serve_bars(make_rows("2024-01-10", N, HOUR), HOUR)


def truth(server: BinanceServer, start: str, end: str) -> np.ndarray[Any, Any]:
    rows = np.array(server.rows)
    return rows[(rows[:, 0] >= milliseconds(start)) & (rows[:, 0] < milliseconds(end))]


def assert_equals_truth(bars: pd.DataFrame, server: BinanceServer, start: str, end: str) -> None:
    expected = truth(server, start, end)
    assert bars.index.as_unit("ms").asi8.tolist() == expected[:, 0].tolist()
    assert np.array_equal(bars.to_numpy(), expected[:, 1:])


def load(exchange: Any, folder: Path, *period: Any, **how: Any) -> pd.DataFrame:
    how = {"progress": False, "symbol": "BTC/USDT", "timeframe": "1h", **how}
    return load_bars(
        exchange, how.pop("symbol"), how.pop("timeframe"), *period, cache=folder, **how
    )


def asked_from(server: BinanceServer) -> list[int]:
    return [int(request["startTime"]) for request in server.klines_requests]


def test_pages_become_one_canonical_table(
    server: BinanceServer, exchange: Any, tmp_path: Path
) -> None:
    bars = load(exchange, tmp_path, "2024-01-20", "2024-04-20")
    assert_equals_truth(bars, server, "2024-01-20", "2024-04-20")
    assert validate_bars(bars) is bars
    assert bars.attrs == {"source": "binance", "symbol": "BTC/USDT", "timeframe": "1h"}
    assert asked_from(server) == [
        milliseconds("2024-01-20") + page * 1000 * HOUR for page in range(3)
    ]


def test_what_is_cached_is_served_without_any_request(
    server: BinanceServer, exchange: Any, tmp_path: Path
) -> None:
    first = load(exchange, tmp_path, "2024-01-20", "2024-04-20")
    server.forget_requests()
    pd.testing.assert_frame_equal(load(exchange, tmp_path, "2024-01-20", "2024-04-20"), first)
    part = load(exchange, tmp_path, "2024-02-01", "2024-02-03")
    pd.testing.assert_frame_equal(part, first.loc["2024-02-01":"2024-02-02"])
    by_name = load("binance", tmp_path, "2024-02-01", "2024-02-03")
    pd.testing.assert_frame_equal(by_name, part)
    assert server.requests == []


def test_only_what_is_missing_is_asked_for(
    server: BinanceServer, exchange: Any, tmp_path: Path
) -> None:
    load(exchange, tmp_path, "2024-02-01", "2024-02-10")
    load(exchange, tmp_path, "2024-02-20", "2024-03-01")
    server.forget_requests()
    bars = load(exchange, tmp_path, "2024-01-25", "2024-03-05")
    assert_equals_truth(bars, server, "2024-01-25", "2024-03-05")
    holes = ["2024-01-25", "2024-02-10", "2024-03-01"]
    assert asked_from(server) == [milliseconds(start) for start in holes]
    assert max(int(request["limit"]) for request in server.klines_requests) < 250


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


def test_the_forming_bar_is_neither_returned_nor_stored(
    server: BinanceServer, exchange: Any, tmp_path: Path
) -> None:
    server.now = milliseconds("2024-02-01 12:59:59.999")
    bars = load(exchange, tmp_path, "2024-01-31")
    assert_equals_truth(bars, server, "2024-01-31", "2024-02-01 12:00")
    server.now += 1  # now the bar of 12:00 is closed, and its values are final
    bars = load(exchange, tmp_path, "2024-01-31")
    assert_equals_truth(bars, server, "2024-01-31", "2024-02-01 13:00")


def test_an_end_in_the_future_means_now(
    server: BinanceServer, exchange: Any, tmp_path: Path
) -> None:
    server.now = milliseconds("2024-02-01 12:30")
    bars = load(exchange, tmp_path, "2024-01-31", "2033-01-01")
    assert_equals_truth(bars, server, "2024-01-31", "2024-02-01 12:00")


def test_the_last_closed_bar_is_not_asked_for_again_until_the_next_has_closed(
    server: BinanceServer, exchange: Any, tmp_path: Path
) -> None:
    server.now = milliseconds("2024-02-01 12:05")
    load(exchange, tmp_path, "2024-01-31")
    server.forget_requests()
    server.now = milliseconds("2024-02-01 12:55")
    load(exchange, tmp_path, "2024-01-31")
    assert server.klines_requests == []
    server.now = milliseconds("2024-02-01 13:00")
    load(exchange, tmp_path, "2024-01-31")
    assert asked_from(server) == [milliseconds("2024-02-01 12:00")]


def test_the_exchanges_time_counts_not_this_machines(
    server: BinanceServer, exchange: Any, tmp_path: Path
) -> None:
    exchange.has["fetchTime"] = False  # then the Date of its answers has to do
    server.now = milliseconds("2024-02-01 12:30")
    bars = load(exchange, tmp_path, "2024-01-31")
    assert_equals_truth(bars, server, "2024-01-31", "2024-02-01 12:00")
    assert "time" not in [name for name, _ in server.requests]


def test_without_a_start_the_bars_begin_with_the_exchanges_first(
    server: BinanceServer, exchange: Any, tmp_path: Path
) -> None:
    bars = load(exchange, tmp_path, None, "2024-02-01")
    assert_equals_truth(bars, server, "2024-01-10", "2024-02-01")


def test_the_time_before_the_listing_is_asked_for_once_and_said(
    server: BinanceServer, exchange: Any, tmp_path: Path
) -> None:
    for requests in (1, 0):
        server.forget_requests()
        with pytest.warns(BarsWarning, match="begins at 2024-01-10 .* nothing before"):
            bars = load(exchange, tmp_path, "2023-06-01", "2024-01-20")
        assert_equals_truth(bars, server, "2024-01-10", "2024-01-20")
        assert len(server.klines_requests) == requests


def test_a_gap_of_the_exchange_is_reported_listed_and_asked_for_once(
    server: BinanceServer, exchange: Any, tmp_path: Path
) -> None:
    rows = make_rows("2024-01-10", N, HOUR)
    server.serve_bars(rows[:300] + rows[312:900] + rows[901:], HOUR)
    for requests in (1, 0):
        server.forget_requests()
        with pytest.warns(BarsWarning, match="BTC/USDT 1h: 2 gaps, 13 bars of 1h missing"):
            bars = load(exchange, tmp_path, "2024-01-10", "2024-02-20")
        assert find_gaps(bars)["missing"].tolist() == [12, 1]
        assert len(server.klines_requests) == requests


def test_a_gap_of_a_whole_page_and_more_is_passed(
    server: BinanceServer, exchange: Any, tmp_path: Path
) -> None:
    rows = make_rows("2024-01-10", N, HOUR)
    server.serve_bars(rows[:100] + rows[2300:], HOUR)
    with pytest.warns(BarsWarning, match="1 gap, 2200 bars"):
        bars = load(exchange, tmp_path, "2024-01-10", "2024-04-20")
    assert_equals_truth(bars, server, "2024-01-10", "2024-04-20")


def test_the_end_of_a_delisted_market_is_said_and_asked_for_once(
    server: BinanceServer, exchange: Any, tmp_path: Path
) -> None:
    with pytest.warns(BarsWarning, match="ends at 2024-04-27 07:00.* nothing after"):
        load(exchange, tmp_path, "2024-04-20", "2024-05-20")
    server.forget_requests()
    with pytest.warns(BarsWarning, match="nothing after"):
        bars = load(exchange, tmp_path, "2024-04-20", "2024-05-20")
    assert_equals_truth(bars, server, "2024-04-20", "2024-05-20")
    assert server.requests == []


def test_bars_that_come_late_are_fetched_when_they_are_there(
    server: BinanceServer, exchange: Any, tmp_path: Path
) -> None:
    rows = make_rows("2024-01-10", N, HOUR)
    server.now = milliseconds("2024-01-20 12:10")
    server.serve_bars([row for row in rows if row[0] < milliseconds("2024-01-20 10:00")], HOUR)
    with pytest.warns(BarsWarning, match="ends at 2024-01-20 09:00"):
        load(exchange, tmp_path, "2024-01-19")
    server.serve_bars(rows, HOUR)
    bars = load(exchange, tmp_path, "2024-01-19")
    assert_equals_truth(bars, server, "2024-01-19", "2024-01-20 12:00")


def test_refresh_fetches_again_and_replaces(
    server: BinanceServer, exchange: Any, tmp_path: Path
) -> None:
    load(exchange, tmp_path, "2024-01-20", "2024-02-20")
    server.serve_bars(make_rows("2024-01-10", N, HOUR, seed=2), HOUR)
    old = load(exchange, tmp_path, "2024-01-20", "2024-02-20")
    new = load(exchange, tmp_path, "2024-01-25", "2024-01-26", refresh=True)
    assert_equals_truth(new, server, "2024-01-25", "2024-01-26")
    both = load(exchange, tmp_path, "2024-01-20", "2024-02-20")
    pd.testing.assert_frame_equal(both.loc["2024-01-25"], new)
    pd.testing.assert_frame_equal(both.loc["2024-01-26":], old.loc["2024-01-26":])


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


def test_the_rate_limit_of_ccxt_is_on(server: BinanceServer, tmp_path: Path) -> None:
    exchange = local_binance(server.url, enableRateLimit=True, rateLimit=250)
    load(exchange, tmp_path, "2024-01-11", "2024-04-20")
    klines = [
        moment
        for moment, (name, _) in zip(server.moments, server.requests, strict=True)
        if name == "klines"
    ]
    assert len(klines) == 3
    assert min(np.diff(klines)) > 0.09  # Binance weighs klines 0.4


def test_an_exchange_by_name_has_its_rate_limit_on_and_is_opened_once() -> None:
    from robotrader_sdk.data.download import _open_exchange

    assert _open_exchange("kraken").enableRateLimit is True
    assert _open_exchange("kraken") is _open_exchange("kraken")


def test_a_sandbox_has_a_cache_of_its_own(
    server: BinanceServer, exchange: Any, tmp_path: Path
) -> None:
    load(exchange, tmp_path, "2024-01-20", "2024-01-25")
    sandbox = local_binance(server.url)
    sandbox.urls["test"] = dict(sandbox.urls["api"])
    sandbox.set_sandbox_mode(True)
    server.serve_bars(make_rows("2024-01-10", N, HOUR, seed=9), HOUR)
    bars = load(sandbox, tmp_path, "2024-01-20", "2024-01-25")
    assert_equals_truth(bars, server, "2024-01-20", "2024-01-25")
    assert bars.attrs["source"] == "binance-sandbox"


def test_other_timeframes_are_downloaded_as_such(
    server: BinanceServer, exchange: Any, tmp_path: Path
) -> None:
    bars = load(exchange, tmp_path, "2024-01-11", "2024-04-20", timeframe="1d")
    assert len(bars) == 100
    assert bars["volume"].iloc[0] == pytest.approx(
        truth(server, "2024-01-11", "2024-01-12")[:, 5].sum()
    )
    assert len(load(exchange, tmp_path, "2024-01-11", "2024-01-12", timeframe="240m")) == 6


PERIODS = [
    ("2024-01-20", "2024-01-21"),
    ("2024-01-20T00:00:00Z", "2024-01-20T22:00:00-02:00"),
    (date(2024, 1, 20), date(2024, 1, 21)),
    (datetime(2024, 1, 20), pd.Timestamp("2024-01-21", tz="UTC")),
    (datetime(2024, 1, 20, tzinfo=UTC), "2024-01-21 00:00"),
]


@pytest.mark.parametrize("period", PERIODS)
def test_periods_may_be_written_in_many_ways(
    server: BinanceServer, exchange: Any, tmp_path: Path, period: tuple[Any, Any]
) -> None:
    assert_equals_truth(load(exchange, tmp_path, *period), server, "2024-01-20", "2024-01-21")


def test_a_start_between_two_bars_begins_with_the_next(
    server: BinanceServer, exchange: Any, tmp_path: Path
) -> None:
    bars = load(exchange, tmp_path, "2024-01-20 00:30", "2024-01-20 03:01")
    assert bars.index.hour.tolist() == [1, 2, 3]
    assert len(load(exchange, tmp_path, "2024-01-20", "2024-01-20 04:00")) == 4


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


def test_the_environment_names_the_folder(
    exchange: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROBOTRADER_CACHE", str(tmp_path / "here"))
    load_bars(exchange, "BTC/USDT", "1h", "2024-01-20", "2024-01-21", progress=False)
    assert list((tmp_path / "here").rglob("2024-01.parquet"))


def test_progress_is_shown_only_where_something_is_fetched(
    exchange: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    load(exchange, tmp_path, "2024-01-20", "2024-04-20", progress=True)
    shown = capfd.readouterr().err
    assert "binance BTC/USDT 1h: 100%" in shown
    assert "2184/2184" in shown
    load(exchange, tmp_path, "2024-01-20", "2024-04-20", progress=True)
    load(exchange, tmp_path, "2024-01-20", "2024-04-21", progress=False)
    assert capfd.readouterr().err == ""


def test_ccxt_is_not_imported_for_what_is_cached(exchange: Any, tmp_path: Path) -> None:
    import subprocess
    import sys

    load(exchange, tmp_path, "2024-01-20", "2024-01-21")
    code = (
        "import sys; from robotrader_sdk.data.download import load_bars;"
        "period = ('2024-01-20', '2024-01-21');"
        "bars = load_bars('binance', 'BTC/USDT', '1h', *period, cache=sys.argv[1]);"
        "print(len(bars), 'ccxt' in sys.modules)"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert run.stdout == "24 False\n"


def test_daily_bars_of_many_years_come_in_one_page(
    server: BinanceServer, exchange: Any, tmp_path: Path
) -> None:
    server.serve_bars(make_rows("2021-09-10", 990, DAY), DAY)
    bars = load(exchange, tmp_path, "2021-09-10", "2024-05-01", timeframe="1d")
    assert_equals_truth(bars, server, "2021-09-10", "2024-05-01")
    assert len(server.klines_requests) == 1
