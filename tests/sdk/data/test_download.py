"""load_bars through unmodified CCXT against a local exchange: what is asked, kept and returned."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from robotrader_sdk.data.download import load_bars
from robotrader_sdk.data.gaps import find_gaps
from robotrader_sdk.data.validate import BarsWarning, validate_bars

from .binance_server import DAY, HOUR, BinanceServer, local_binance, make_rows, milliseconds
from .downloads import N, asked_from, assert_equals_truth, load, truth

pytestmark = pytest.mark.usefixtures("listed")


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
