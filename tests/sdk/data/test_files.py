"""read_bars: which files and columns are read, and which are refused and why."""

from __future__ import annotations

import gzip
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robotrader_sdk.data.files import read_bars
from robotrader_sdk.data.validate import BarsWarning
from robotrader_sdk.errors import BarsError, UnreadableFileError

START = 1_704_067_200  # 2024-01-01
CSV = (
    "open_time,open,high,low,close,volume\n"
    "2024-01-01T00:00:00Z,1,3,0.5,2,10\n"
    "2024-01-01T01:00:00Z,2,4,1.5,3,0.1\n"
)


def expected() -> pd.DataFrame:
    times = ["2024-01-01 00:00", "2024-01-01 01:00"]
    return pd.DataFrame(
        {
            "open": [1.0, 2.0],
            "high": [3.0, 4.0],
            "low": [0.5, 1.5],
            "close": [2.0, 3.0],
            "volume": [10.0, 0.1],
        },
        index=pd.DatetimeIndex(times, tz="UTC", name="open_time"),
    )


def assert_expected(bars: pd.DataFrame) -> None:
    times = expected().index.as_unit(bars.index.unit)
    pd.testing.assert_frame_equal(bars, expected().set_index(times))


def write(folder: Path, text: str, name: str = "bars.csv") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def zipped(path: Path, text: str) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("inside.csv", text)


FORMATS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "CSV": ("bars.csv", lambda path: path.write_text(CSV)),
    "CSV in capitals": ("BARS.CSV", lambda path: path.write_text(CSV)),
    "CSV with a byte order mark": ("b.csv", lambda path: path.write_text("\ufeff" + CSV, "utf-8")),
    "CSV of Windows": ("b.csv", lambda path: path.write_bytes(CSV.replace("\n", "\r\n").encode())),
    "text": ("bars.txt", lambda path: path.write_text(CSV.replace(",", ";"))),
    "tabs": ("bars.tsv", lambda path: path.write_text(CSV.replace(",", "\t"))),
    "bars": ("bars.csv", lambda path: path.write_text(CSV.replace(",", "|"))),
    "gzip": ("bars.csv.gz", lambda path: path.write_bytes(gzip.compress(CSV.encode()))),
    "zip": ("bars.zip", lambda path: zipped(path, CSV)),
    "Parquet with the times as index": ("b.parquet", lambda path: expected().to_parquet(path)),
    "Parquet with a column of times": (
        "b.pq",
        lambda path: expected().reset_index().to_parquet(path),
    ),
    "Feather": ("b.feather", lambda path: expected().reset_index().to_feather(path)),
}


@pytest.mark.parametrize(("name", "save"), FORMATS.values(), ids=FORMATS)
def test_formats_that_are_read(tmp_path: Path, name: str, save: Callable[[Path], object]) -> None:
    save(tmp_path / name)
    bars = read_bars(tmp_path / name)
    assert_expected(bars)
    assert bars.attrs["source"] == name
    assert_expected(read_bars(str(tmp_path / name)))


HEADERS = {
    "capitals": "Date,Open,High,Low,Close,Volume",
    "all capitals": "TIMESTAMP,OPEN,HIGH,LOW,CLOSE,VOLUME",
    "letters": "t,o,h,l,c,v",
    "spaces": "Open time, Open , High,Low, Close, Vol",
    "quoted": '"datetime","open","high","low","close","volume"',
    "brackets": "<date>,<open>,<high>,<low>,<close>,<vol>",
}


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS)
def test_usual_names_are_recognised(tmp_path: Path, header: str) -> None:
    path = write(tmp_path, header + "\n" + CSV.split("\n", 1)[1])
    assert_expected(read_bars(path))


def test_other_columns_are_kept_behind() -> None:
    table = (
        expected()
        .assign(trades=[5, 6])
        .reset_index()[["trades", "open_time", "volume", "close", "open", "high", "low"]]
    )
    bars = read_bars(table)
    assert list(bars.columns) == ["open", "high", "low", "close", "volume", "trades"]
    assert bars["trades"].tolist() == [5, 6]


def test_a_table_without_volume_has_an_unknown_one() -> None:
    bars = read_bars(expected().drop(columns="volume"))
    assert bars["volume"].isna().all()


def test_an_index_of_times_is_taken_whatever_columns_there_are() -> None:
    table = expected().rename_axis("whenever").assign(date="2020-01-01", timestamp=5)
    assert_expected(read_bars(table)[["open", "high", "low", "close", "volume"]])


def test_an_index_named_like_a_time_is_read() -> None:
    table = expected().set_axis(["2024-01-01T00:00Z", "2024-01-01T01:00Z"]).rename_axis("Date")
    assert_expected(read_bars(table))


def test_the_frame_that_is_given_stays_as_it_is() -> None:
    table = expected().rename(columns=str.upper).reset_index()
    before = table.copy(deep=True)
    read_bars(table)
    pd.testing.assert_frame_equal(table, before)


def test_exactly_our_name_wins_over_other_spellings() -> None:
    assert_expected(read_bars(expected().assign(Close=7.0)).drop(columns="Close"))


def test_the_user_says_which_column_is_which() -> None:
    table = expected().rename(columns={"close": "last"}).assign(Close=7.0, close=8.0)
    bars = read_bars(table, columns={"close": "last"})
    assert bars["close"].tolist() == [2.0, 3.0]
    assert bars["Close"].tolist() == [7.0, 7.0]


COLUMN_ERRORS = {
    "unknown names": (
        expected().rename(columns={"close": "price", "open": "first"}),
        {},
        "no column was recognised as open, close; found: 'first', 'high', 'low', 'price'",
    ),
    "a typing mistake": (
        expected().rename(columns={"close": "clsoe"}),
        {},
        "close (did you mean 'clsoe'?); found",
    ),
    "no time": (expected().reset_index(drop=True), {}, "recognised as open_time; found: 'open'"),
    "two volumes": (
        expected().drop(columns="volume").assign(Volume=1, vol=2),
        {},
        "volume is ambiguous: the columns 'Volume', 'vol' could be it; say which, such as "
        "columns={'volume': 'Volume'}",
    ),
    "two times": (
        expected().reset_index(names="unix").assign(date="2024-01-01"),
        {},
        "open_time is ambiguous: the columns 'unix', 'date' could be it",
    ),
    "columns names nothing of ours": (
        expected(),
        {"columns": {"price": "close"}},
        "columns names 'price'; it maps 'open', 'high'",
    ),
    "columns names nothing of theirs": (
        expected(),
        {"columns": {"close": "Closse"}},
        "which the table lacks (did you mean 'close'?)",
    ),
    "columns of two levels": (pd.concat({"AAPL": expected()}, axis=1), {}, "of several levels"),
}


@pytest.mark.parametrize(("table", "how", "message"), COLUMN_ERRORS.values(), ids=COLUMN_ERRORS)
def test_columns_are_not_guessed(table: pd.DataFrame, how: dict[str, object], message: str) -> None:
    with pytest.raises(BarsError, match=re.escape(message)):
        read_bars(table, **how)  # type: ignore[arg-type]


def test_a_file_whose_columns_are_not_clear_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, CSV.replace("close", "price"))
    with pytest.raises(UnreadableFileError, match="no column was recognised as close"):
        read_bars(path)


BINANCE_LINE = "{},1,3,0.5,2,10,{},20.5,7,5,10.1,0\n"


@pytest.mark.parametrize("scale", [1_000, 1_000_000], ids=["ms", "us since 2025"])
@pytest.mark.parametrize("name", ["BTCUSDT-1h-2024-01.csv", "BTCUSDT-1h-2024-01.zip"])
def test_the_files_of_binance_need_no_header(tmp_path: Path, scale: int, name: str) -> None:
    text = "".join(
        BINANCE_LINE.format(start * scale, (start + 3600) * scale - 1)
        for start in (START, START + 3600)
    )
    path = tmp_path / name
    zipped(path, text) if name.endswith("zip") else path.write_text(text)
    bars = read_bars(path)
    assert bars.index.as_unit("ns").equals(expected().index.as_unit("ns"))
    assert bars["close"].tolist() == [2.0, 2.0]
    assert list(bars.columns[5:9]) == ["close_time", "quote_volume", "n_trades", "taker_buy_volume"]


def test_other_files_without_header_need_names(tmp_path: Path) -> None:
    path = write(tmp_path, f"{START},1,3,0.5,2,10\n{START + 3600},2,4,1.5,3,0.1\n")
    with pytest.raises(UnreadableFileError, match=r"has no header line .* pass names="):
        read_bars(path)
    assert_expected(read_bars(path, names=["time", "open", "high", "low", "close", "volume"]))
    with pytest.raises(UnreadableFileError, match="names has 2 names, the file 6 columns"):
        read_bars(path, names=["time", "open"])


def test_twelve_numbers_that_are_not_binances_are_not_taken_for_them(tmp_path: Path) -> None:
    path = write(tmp_path, BINANCE_LINE.format(START * 1000, 17))
    with pytest.raises(UnreadableFileError, match="has no header line"):
        read_bars(path)


UNREADABLE: dict[str, tuple[str, bytes | None, str]] = {
    "missing": ("bars.csv", None, "does not exist"),
    "empty": ("bars.csv", b"", "the file is empty"),
    "blank": ("bars.csv", b"\n\n", "the file is empty"),
    "binary": ("bars.csv", bytes(range(256)), "can't be read as a .csv file"),
    "binary with zeros": ("bars.csv", b"a,b\0c,d,e,f\n", "the file is binary"),
    "one column": ("bars.csv", b"close\n1\n2\n", "expected at least five names"),
    "a web page": ("bars.csv", b"<html><body>Not found</body></html>", "expected at least five"),
    "only a header": ("bars.csv", CSV.split("\n")[0].encode(), "no table of bars"),
    "more fields than names": (
        "bars.csv",
        CSV.replace(",10\n", ",10,99\n").encode(),
        "the first line has 6 fields (open_time, open, high, low, close, volume ...), the second 7",
    ),
    "a ragged row": ("bars.csv", (CSV + "1,2,3,4,5,6,7,8,9\n").encode(), "can't be read as a .csv"),
    "no gzip": ("bars.csv.gz", CSV.encode(), "can't be read as a .gz file"),
    "gzip cut off": ("bars.csv.gz", gzip.compress(CSV.encode() * 99)[:60], "can't be read"),
    "no zip": ("bars.zip", CSV.encode(), "can't be read as a .zip file"),
    "no Parquet": ("bars.parquet", CSV.encode(), "can't be read as a .parquet file"),
    "no Feather": ("bars.feather", CSV.encode(), "can't be read as a .feather file"),
    "an unknown ending": ("bars.xlsx", b"PK", "has the ending '.xlsx'; known are .arrow, .csv"),
    "no ending": ("bars", CSV.encode(), "has the ending ''"),
}


@pytest.mark.parametrize(("name", "content", "message"), UNREADABLE.values(), ids=UNREADABLE)
def test_files_that_are_no_bars(
    tmp_path: Path, name: str, content: bytes | None, message: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UnreadableFileError, match=re.escape(message)) as caught:
        read_bars(tmp_path / name)
    assert name in str(caught.value)


def test_a_folder_and_what_is_no_path_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError, match="is a folder"):
        read_bars(tmp_path)
    for source in (None, 5, [1, 2], b"bars.csv"):
        with pytest.raises(BarsError, match="takes the path of a file or a DataFrame, not"):
            read_bars(source)  # type: ignore[arg-type]


def test_an_archive_of_two_files_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bars.zip", "w") as archive:
        archive.writestr("a.csv", CSV)
        archive.writestr("b.csv", CSV)
    with pytest.raises(UnreadableFileError, match="the archive holds 2 files, expected one"):
        read_bars(tmp_path / "bars.zip")


def test_wrong_rows_are_named_with_their_file(tmp_path: Path) -> None:
    path = write(tmp_path, CSV.replace(",4,1.5", ",1,1.5"))
    with pytest.raises(BarsError, match=r"(?s)bars\.csv: bars can't.*high below low: row 1"):
        read_bars(path)


def test_text_among_the_prices_is_named_with_its_row(tmp_path: Path) -> None:
    path = write(tmp_path, CSV.replace(",4,1.5", ',"4,000.5",1.5'))
    with pytest.raises(BarsError, match=r"column 'high' holds .* 2 rows with no number.*4,000"):
        read_bars(path)


def test_the_order_of_time_is_restored_only_if_asked_for(tmp_path: Path) -> None:
    header, first, second, _ = CSV.split("\n")
    path = write(tmp_path, "\n".join([header, second, first]))
    with pytest.raises(BarsError, match="a time before that of the row above"):
        read_bars(path)
    assert_expected(read_bars(path, sort=True))


def test_gaps_are_reported(tmp_path: Path) -> None:
    later = "2024-01-01T02:00:00Z,2,4,1.5,3,1\n2024-01-01T10:00:00Z,2,4,1.5,3,1\n"
    with pytest.warns(BarsWarning, match="1 gap, 7 bars of 1h missing"):
        read_bars(write(tmp_path, CSV + later))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(1e-9, 1e9), min_size=1, max_size=20))
def test_prices_survive_a_csv_file_to_the_last_bit(
    tmp_path_factory: pytest.TempPathFactory, prices: list[float]
) -> None:
    path = tmp_path_factory.mktemp("csv") / "bars.csv"
    index = pd.date_range("2024-01-01", periods=len(prices), freq="h", tz="UTC", name="open_time")
    columns = ["open", "high", "low", "close", "volume"]
    pd.DataFrame(dict.fromkeys(columns, prices), index=index).to_csv(path)
    assert np.array_equal(read_bars(path)["close"].to_numpy(), np.array(prices))
