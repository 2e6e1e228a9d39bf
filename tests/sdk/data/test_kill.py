"""Processes killed in the middle of a download: the cache is never wrong, only incomplete."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from robotrader_sdk.data.cache import BarCache
from robotrader_sdk.data.coverage import Span, intersect, subtract
from robotrader_sdk.data.download import load_bars
from robotrader_sdk.data.month_file import Rows

from .binance_server import HOUR, BinanceServer, local_binance, make_rows, milliseconds
from .victim import MARKET, MONTH, PERIOD

SPAN = (milliseconds(PERIOD[0]), milliseconds(PERIOD[1]))
KILLED = -signal.SIGKILL


class Victims:
    """The program of victim.py, and its children."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("victim.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(self, job: str, *arguments: object) -> int:
        return self._ask(" ".join(map(str, ["start", job, *arguments])))

    def wait(self, pid: int) -> int:
        return self._ask(f"wait {pid}")

    def kill(self, pid: int) -> int:
        os.kill(pid, signal.SIGKILL)
        return self.wait(pid)

    def _ask(self, command: str) -> int:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(command, file=self.process.stdin, flush=True)
        return int(self.process.stdout.readline())

    def close(self) -> None:
        self.process.communicate(timeout=10)


@pytest.fixture
def server_of_years(server: BinanceServer) -> BinanceServer:
    """Three years of hourly bars with two gaps, on a slow line."""
    rows = make_rows(PERIOD[0], 3 * 365 * 24, HOUR)
    server.serve_bars(rows[:5000] + rows[5003:17_000] + rows[19_500:], HOUR)
    server.delay = 0.004
    return server


@pytest.fixture(scope="module")
def victims() -> Iterator[Victims]:
    victims = Victims()
    yield victims
    victims.close()


def known_of(rows: Rows, missing: list[Span]) -> Rows:
    """The rows outside the missing spans."""
    unknown = np.zeros(len(rows), dtype=bool)
    for start, end in missing:
        unknown |= (rows[:, 0] >= start) & (rows[:, 0] < end)
    return rows[~unknown]


def complete_and_equal(server: BinanceServer, folder: Path) -> bool:
    server.delay = 0.0
    with pytest.warns(UserWarning, match="2 gaps, 2503 bars"):
        bars = load_bars(
            local_binance(server.url), "BTC/USDT", "1h", *PERIOD, cache=folder, progress=False
        )
    truth = np.array(server.rows)
    same_times = bars.index.as_unit("ms").asi8.tolist() == truth[:, 0].tolist()
    return same_times and np.array_equal(bars.to_numpy(), truth[:, 1:])


def test_a_download_killed_anywhere_leaves_the_truth_and_goes_on_from_there(
    server_of_years: BinanceServer, victims: Victims, tmp_path: Path
) -> None:
    chance = random.Random(11)
    server, cache = server_of_years, BarCache(tmp_path, MARKET)
    truth = np.array(server.rows)
    killed, partly = 0, 0
    for _ in range(9):
        rows, missing = cache.load(SPAN)
        if not missing:
            shutil.rmtree(tmp_path / "bars")
            missing = [SPAN]
        server.forget_requests()
        pid = victims.start("download", tmp_path, server.url)
        pages = sum(end - start for start, end in missing) // (1000 * HOUR)
        wait_for_requests(server, chance.randint(0, max(0, pages - 4)))
        time.sleep(chance.uniform(0, 0.08))
        killed += victims.kill(pid) == KILLED

        asked = [int(request["startTime"]) for request in server.klines_requests
                 if request["interval"] == "1h"]  # fmt: skip
        assert all(intersect(missing, (since, since + 1)) for since in asked)
        rows, still_missing = cache.load(SPAN)  # a warning about damage would fail the test
        assert np.array_equal(rows, known_of(truth, still_missing))
        for span in still_missing:  # what was known before is known still
            assert subtract(span, missing) == []
        partly += 0 < len(rows) < len(truth)
    assert killed >= 6
    assert partly >= 3
    assert complete_and_equal(server, tmp_path)


def wait_for_requests(server: BinanceServer, n: int) -> None:
    """Until the download has asked for so many pages; its speed does not matter then."""
    until = time.monotonic() + 20
    while len(server.klines_requests) < n and time.monotonic() < until:
        time.sleep(0.001)


def test_a_writer_killed_inside_the_write_leaves_the_old_file_or_the_new(
    victims: Victims, tmp_path: Path
) -> None:
    chance = random.Random(7)
    cache = BarCache(tmp_path, MARKET)
    kills, inside = 0, 0
    while kills < 40 or (inside < 3 and kills < 400):
        kills += 1
        for leftover in tmp_path.rglob("*.tmp"):
            leftover.unlink()
        pid = victims.start("write", tmp_path)
        if kills % 2:  # at any moment, or as soon as a write is seen under way
            until = time.monotonic() + chance.uniform(0.002, 0.04)
            while time.monotonic() < until:  # readers need no lock
                one_version(cache)
        else:
            wait_for_a_write(tmp_path)
        assert victims.kill(pid) == KILLED
        inside += bool(list(tmp_path.rglob("*.tmp")))
        one_version(cache)
    assert inside >= 3
    cache.prepare()
    assert list(tmp_path.rglob("*.tmp")) == []


def wait_for_a_write(folder: Path) -> None:
    until = time.monotonic() + 2
    while not list(folder.rglob("*.tmp")) and time.monotonic() < until:
        pass


def one_version(cache: BarCache) -> None:
    rows, missing = cache.load(MONTH)
    if missing:
        assert (len(rows), missing) == (0, [MONTH])
    else:
        assert len(rows) == 31 * 24
        assert len(np.unique(rows[:, 1:])) == 1


def test_downloads_of_the_same_months_at_once_do_not_disturb_each_other(
    server_of_years: BinanceServer, victims: Victims, tmp_path: Path
) -> None:
    server = server_of_years
    pids = [victims.start("download", tmp_path, server.url) for _ in range(3)]
    time.sleep(0.3)
    assert victims.kill(pids[0]) == KILLED  # a lock it may hold goes with it
    assert [victims.wait(pid) for pid in pids[1:]] == [0, 0]
    server.forget_requests()
    assert complete_and_equal(server, tmp_path)
    assert server.requests == []


def test_writers_of_the_same_month_lose_nothing_of_each_other(
    victims: Victims, tmp_path: Path
) -> None:
    pids = [victims.start("stripe", tmp_path, number) for number in range(4)]
    assert [victims.wait(pid) for pid in pids] == [0, 0, 0, 0]
    rows, missing = BarCache(tmp_path, MARKET).load((MONTH[0], MONTH[0] + 100 * HOUR))
    assert missing == []
    assert rows[:, 5].tolist() == [hour % 4 for hour in range(100)]
