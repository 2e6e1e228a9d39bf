"""The cache gives back what was stored, says what it does not have, and survives damage."""

from __future__ import annotations

import os
import random
import resource
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robotrader_sdk.data.cache import BarCache, cache_folder
from robotrader_sdk.data.coverage import Span, subtract
from robotrader_sdk.data.month_file import Market, Rows
from robotrader_sdk.data.validate import BarsWarning
from robotrader_sdk.errors import CacheError
from robotrader_sdk.types import Timeframe

from .binance_server import HOUR, make_rows, milliseconds

_NOBODY = 65_534

MARKET = Market("binance", "BTC/USDT", Timeframe(3600))
START, END = milliseconds("2024-01-20"), milliseconds("2024-03-10")
MONTHS = ["2024-01.parquet", "2024-02.parquet", "2024-03.parquet"]


def rows_between(start: int, end: int) -> Rows:
    rows = np.array(make_rows("2024-01-01", 2400, HOUR))
    return rows[(rows[:, 0] >= start) & (rows[:, 0] < end)]


def files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.parquet"))


@pytest.fixture
def cache(tmp_path: Path) -> BarCache:
    return BarCache(tmp_path, MARKET)


@pytest.fixture
def filled(cache: BarCache) -> BarCache:
    cache.add(rows_between(START, END), [(START, END)])
    return cache


def test_what_is_stored_comes_back_to_the_last_bit(filled: BarCache) -> None:
    rows, missing = filled.load((START, END))
    assert np.array_equal(rows, rows_between(START, END))
    assert missing == []


def test_there_is_one_file_a_month_which_pandas_reads(tmp_path: Path, filled: BarCache) -> None:
    assert [path.name for path in files(tmp_path)] == MONTHS
    february = pd.read_parquet(files(tmp_path)[1])
    assert list(february.columns) == ["open_time", "open", "high", "low", "close", "volume"]
    assert len(february) == 29 * 24
    assert str(february["open_time"].iloc[0]) == "2024-02-01 00:00:00+00:00"


def test_only_what_was_asked_for_comes_back(filled: BarCache) -> None:
    part = (milliseconds("2024-02-10 12:30"), milliseconds("2024-02-11"))
    rows, missing = filled.load(part)
    assert np.array_equal(rows, rows_between(*part))
    assert missing == []


def test_an_empty_cache_knows_nothing_and_makes_no_folder(tmp_path: Path, cache: BarCache) -> None:
    rows, missing = cache.load((START, END))
    assert len(rows) == 0
    assert missing == [(START, END)]
    assert list(tmp_path.iterdir()) == []


def test_a_known_stretch_without_bars_is_not_missing(cache: BarCache) -> None:
    hole = (milliseconds("2024-02-10"), milliseconds("2024-02-20"))
    rows = rows_between(START, END)
    cache.add(rows[(rows[:, 0] < hole[0]) | (rows[:, 0] >= hole[1])], [(START, END)])
    assert cache.load(hole)[1] == []
    assert len(cache.load(hole)[0]) == 0


def test_what_lies_between_two_downloads_is_missing(cache: BarCache) -> None:
    first, second = (START, START + 5 * HOUR), (END - 5 * HOUR, END)
    for span in (second, first):
        cache.add(rows_between(*span), [span])
    rows, missing = cache.load((START - HOUR, END + HOUR))
    assert missing == [(START - HOUR, START), (first[1], second[0]), (END, END + HOUR)]
    assert len(rows) == 10


def test_known_stretches_are_replaced_and_all_others_stay(filled: BarCache) -> None:
    part = (milliseconds("2024-02-10"), milliseconds("2024-02-11"))
    changed = rows_between(*part)[3:] * [1, 2, 2, 2, 2, 2]
    filled.add(changed, [part])
    rows, _ = filled.load((START, END))
    inside = (rows[:, 0] >= part[0]) & (rows[:, 0] < part[1])
    assert np.array_equal(rows[inside], changed)
    everything = rows_between(START, END)
    others = everything[(everything[:, 0] < part[0]) | (everything[:, 0] >= part[1])]
    assert np.array_equal(rows[~inside], others)


HOURS = st.integers(0, 60)


@settings(deadline=None, max_examples=25)
@given(st.lists(st.tuples(HOURS, HOURS), min_size=1, max_size=5), st.sets(HOURS))
def test_any_order_of_downloads_gives_what_the_exchange_has(
    tmp_path_factory: pytest.TempPathFactory, spans: list[Span], holes: set[int]
) -> None:
    cache = BarCache(tmp_path_factory.mktemp("cache"), MARKET)
    begin = milliseconds("2024-01-30")  # so that the spans reach into three months
    truth = rows_between(begin, begin + 61 * HOUR)
    truth = truth[[number not in holes for number in range(61)]]
    known = [(begin + start * HOUR, begin + end * HOUR) for start, end in spans]
    for start, end in known:
        cache.add(truth[(truth[:, 0] >= start) & (truth[:, 0] < end)], [(start, end)])
    span = (begin, begin + 61 * HOUR)
    rows, missing = cache.load(span)
    assert missing == subtract(span, known)
    unknown = np.zeros(len(truth), dtype=bool)
    for start, end in missing:
        unknown |= (truth[:, 0] >= start) & (truth[:, 0] < end)
    assert np.array_equal(rows, truth[~unknown])


def test_every_market_has_a_folder_of_its_own_with_a_harmless_name(tmp_path: Path) -> None:
    names = ["BTC/USDT", "BTC/USDT:USDT", "BTC-USDT", "BTC%2FUSDT", "..", "../../etc", "BTC\\USDT"]
    for number, symbol in enumerate(names):
        rows = rows_between(START, START + HOUR) * [1, 1, 1, 1, 1, number]
        BarCache(tmp_path, Market("binance", symbol, Timeframe(3600))).add(rows, [(START, END)])
    for number, symbol in enumerate(names):
        rows, _ = BarCache(tmp_path, Market("binance", symbol, Timeframe(3600))).load((START, END))
        assert rows[0, 5] == rows_between(START, END)[0, 5] * number
    assert len({path.parent for path in files(tmp_path)}) == len(names)
    assert all(path.is_relative_to(tmp_path / "bars" / "binance") for path in files(tmp_path))


def test_timeframes_do_not_mix(tmp_path: Path, filled: BarCache) -> None:
    other = BarCache(tmp_path, Market("binance", "BTC/USDT", Timeframe(60)))
    assert other.load((START, END))[1] == [(START, END)]


def damaged_copies(content: bytes) -> Iterator[bytes]:
    chance = random.Random(5)
    for length in [0, 1, 4, 100, *(chance.randrange(len(content)) for _ in range(40))]:
        yield content[:length]
    for _ in range(200):
        changed = bytearray(content)
        changed[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        yield bytes(changed)
    yield b"no parquet at all"
    yield content + b"PAR1"


def test_damage_of_any_kind_is_noticed_and_never_read_as_bars(
    tmp_path: Path, cache: BarCache
) -> None:
    span = (START, START + 40 * HOUR)
    cache.add(rows_between(*span), [span])
    path = files(tmp_path)[0]
    content = path.read_bytes()
    noticed = 0
    for damaged in damaged_copies(content):
        path.write_bytes(damaged)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            rows, missing = cache.load(span)
        if caught:
            noticed += 1
            assert "are damaged" in str(caught[0].message)
            assert (len(rows), missing) == (0, [span])
        else:  # a bit that means nothing, such as the name of the writer
            assert np.array_equal(rows, rows_between(*span))
            assert missing == []
    assert noticed > 180


def test_a_damaged_month_is_written_anew_by_the_next_download(
    tmp_path: Path, filled: BarCache
) -> None:
    files(tmp_path)[1].write_bytes(b"PAR1")
    february = (milliseconds("2024-02-01"), milliseconds("2024-03-01"))
    with pytest.warns(BarsWarning, match=r"2024-02\.parquet are damaged .* fetched again"):
        assert filled.load((START, END))[1] == [february]
    filled.add(rows_between(*february), [february])
    rows, missing = filled.load((START, END))
    assert np.array_equal(rows, rows_between(START, END))
    assert missing == []


def test_a_file_of_another_market_is_not_taken_for_this_ones(
    tmp_path: Path, filled: BarCache
) -> None:
    other = BarCache(tmp_path, Market("binance", "ETH/USDT", Timeframe(3600)))
    other.prepare()
    target = next(path for path in tmp_path.rglob("*.lock") if "ETH" in str(path)).parent
    for path in files(tmp_path):
        shutil.copy(path, target)
    with pytest.warns(BarsWarning, match="does not hold what was stored for binance ETH/USDT 1h"):
        assert other.load((START, END))[1] == [(START, END)]


def test_a_file_renamed_to_another_month_is_noticed(tmp_path: Path, filled: BarCache) -> None:
    january, february, _ = files(tmp_path)
    shutil.copy(january, february)
    with pytest.warns(BarsWarning, match="out of order or outside their month"):
        filled.load((START, END))


def test_files_of_strangers_are_left_alone(tmp_path: Path, filled: BarCache) -> None:
    folder = files(tmp_path)[0].parent
    (folder / "note.txt").write_text("mine")
    (folder / "abcd-ef.parquet").write_text("mine too")
    filled.add(rows_between(START, END), [(START, END)])
    assert filled.load((START, END))[1] == []
    assert (folder / "note.txt").exists()
    assert (folder / "abcd-ef.parquet").exists()


def test_what_a_killed_writer_left_is_removed_by_the_next(tmp_path: Path, filled: BarCache) -> None:
    leftover = files(tmp_path)[0].with_name(".2024-01.99999.abcd.tmp")
    leftover.write_bytes(b"half a file")
    assert filled.load((START, END))[1] == []
    filled.prepare()
    assert not leftover.exists()


def test_a_folder_that_cant_be_made_is_a_cache_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    cache = BarCache(tmp_path / "file", MARKET)
    for attempt in (cache.prepare, lambda: cache.add(rows_between(START, END), [(START, END)])):
        with pytest.raises(CacheError, match=r"can't be written: .* choose another"):
            attempt()


@contextmanager
def _as_ordinary_user(folder: Path) -> Iterator[None]:
    """Root may write everywhere: be somebody else for a while, who may get to the folder."""
    if os.geteuid() != 0:
        yield
        return
    for parent in folder.parents:
        if parent.owner() == "root" and parent.name.startswith(("pytest-", "popen-", "test_")):
            parent.chmod(0o755)
    for path in (folder, *folder.rglob("*")):
        os.chown(path, _NOBODY, _NOBODY)
    os.seteuid(_NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_read_only_folder_can_be_read_but_not_written(tmp_path: Path, filled: BarCache) -> None:
    assert filled.load((START, END))[1] == []  # and everything it needs is imported
    folder = files(tmp_path)[0].parent
    folder.chmod(0o555)
    try:
        with _as_ordinary_user(tmp_path):
            _expect_read_only(filled)
    finally:
        folder.chmod(0o755)


def _expect_read_only(filled: BarCache) -> None:
    assert filled.load((START, END))[1] == []
    with pytest.raises(CacheError, match="can't be written"):
        filled.add(rows_between(START, END), [(START, END)])


def test_a_month_that_cant_be_read_is_a_cache_error(tmp_path: Path, filled: BarCache) -> None:
    path = files(tmp_path)[1]
    path.unlink()
    path.mkdir()
    with pytest.raises(CacheError, match=r"2024-02\.parquet can't be read"):
        filled.load((START, END))


@contextmanager
def files_of_at_most(n_bytes: int) -> Iterator[None]:
    """The system stops every write beyond a size: what a full disk looks like to a program."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_disk_that_is_full_leaves_the_old_file_and_no_half_one(
    tmp_path: Path, filled: BarCache
) -> None:
    before = {path: path.read_bytes() for path in files(tmp_path)}
    others = rows_between(START, END) * [1, 2, 2, 2, 2, 2]
    with files_of_at_most(2000), pytest.raises(CacheError, match="free the disk, or choose"):
        filled.add(others, [(START, END)])
    assert {path: path.read_bytes() for path in files(tmp_path)} == before
    assert list(tmp_path.rglob("*.tmp")) == []


def test_the_folder_is_the_parameter_then_the_environment_then_the_platforms(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    monkeypatch.delenv("ROBOTRADER_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert cache_folder() == Path("/home/somebody/.cache/robotrader")
    monkeypatch.setenv("XDG_CACHE_HOME", "/xdg")
    assert cache_folder() == Path("/xdg/robotrader")
    monkeypatch.setenv("ROBOTRADER_CACHE", "~/bars")
    assert cache_folder() == Path("/home/somebody/bars")
    assert cache_folder("~/here") == Path("/home/somebody/here")
    assert cache_folder(tmp_path) == tmp_path
