"""Bars from files and from tables under other names."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import lzma
import os
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import IO, Any, cast

import pandas as pd
import pyarrow

from robotrader_sdk.data.columns import to_bars
from robotrader_sdk.data.validate import validate_bars
from robotrader_sdk.errors import BarsError, UnreadableFileError

_CSV = {".csv", ".txt", ".tsv"}
_PARQUET = {".parquet", ".pq"}
_FEATHER = {".feather", ".arrow", ".ipc"}
_COMPRESSED = {".gz", ".bz2", ".xz", ".zip"}
_SEPARATORS = ",;\t|"

# The files of data.binance.vision: twelve numbers a line, mostly without a header.
# https://github.com/binance/binance-public-data#klines
_BINANCE = (
    "open_time", "open", "high", "low", "close", "volume", "close_time", "quote_volume",
    "n_trades", "taker_buy_volume", "taker_buy_quote_volume", "ignore",
)  # fmt: skip

_UNREADABLE = (
    OSError, EOFError, UnicodeDecodeError, zlib.error, lzma.LZMAError, zipfile.BadZipFile,
    csv.Error, pd.errors.ParserError, pd.errors.EmptyDataError, pyarrow.ArrowException,
)  # fmt: skip


# Before 3.1 pandas reads numbers to the last bit only if asked; from then on always.
_PANDAS = tuple(int(part) for part in pd.__version__.split(".")[:2])
_EXACT_FLOATS: dict[str, Any] = {} if _PANDAS >= (3, 1) else {"float_precision": "round_trip"}


def read_bars(
    source: str | os.PathLike[str] | pd.DataFrame,
    *,
    columns: Mapping[str, str] | None = None,
    names: Sequence[str] | None = None,
    time_format: str | None = None,
    timezone: str | None = None,
    sort: bool = False,
) -> pd.DataFrame:
    """Read bars from a CSV, Parquet or Feather file, or take them from a DataFrame.

    Files are told by their endings: .csv, .txt and .tsv (also .gz, .bz2, .xz, .zip), .parquet
    and .pq, .feather, .arrow and .ipc. CSV is UTF-8 text with a header line, separated by
    comma, semicolon, tab or bar. Without a header only the files of data.binance.vision are
    recognised; `names` gives the names for others.

    Columns are known by their usual names, in any case: open, o, high, h, low, l, close, c,
    volume, vol, v; open_time, time, timestamp, date, datetime, unix. A column of exactly our
    name wins; otherwise two that could be the same are an error. `columns` says which is
    which, `{"close": "last"}`, and wins over all (a column "close" beside is left out then).
    An index of times (or one named like a time) is taken as the time. A table without a volume
    gets an unknown one (NaN). Other columns are kept.

    Times are ISO 8601 text or Unix times in s, ms, us or ns of the years 2000 to 2100, where
    the unit follows from the size; `time_format` says any other, as a unit ("ms") or for
    strptime ("%d.%m.%Y"). Times without a zone are in `timezone`, or, with a warning, UTC.

    The bars come back validated (see `validate_bars`), with a warning about gaps. Rows in
    another order than by time are an error unless `sort=True`.

    Raises UnreadableFileError for a file that is missing, damaged or no table of bars;
    BarsError for a table whose columns or times aren't clear, and for rows that are wrong.
    """
    if isinstance(source, pd.DataFrame):
        return _finish(to_bars(source, columns, time_format, timezone), sort)
    if not isinstance(source, str | os.PathLike):
        raise BarsError(
            f"read_bars takes the path of a file or a DataFrame, not {type(source).__name__}"
        )
    path = Path(source).expanduser()
    try:
        table = _read(path, names)
        if not len(table):
            raise BarsError("it has no rows")
        bars = to_bars(table, columns, time_format, timezone)
    except BarsError as error:
        raise UnreadableFileError(f"{path} is no table of bars: {error}") from None
    try:
        bars = _finish(bars, sort)
    except BarsError as error:
        raise BarsError(f"{path}: {error}") from None
    bars.attrs["source"] = path.name
    return bars


def _finish(bars: pd.DataFrame, sort: bool) -> pd.DataFrame:
    return validate_bars(bars.sort_index(kind="stable") if sort else bars)


def _read(path: Path, names: Sequence[str] | None) -> pd.DataFrame:
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise UnreadableFileError(f"{path} {what}; expected a file of bars")
    kind = path.suffix.lower()
    try:
        if kind in _PARQUET:
            return pd.read_parquet(path)
        if kind in _FEATHER:
            return pd.read_feather(path)
        if kind in _CSV or (kind in _COMPRESSED and path.with_suffix("").suffix in {*_CSV, ""}):
            return _read_csv(path, names)
    except _UNREADABLE as error:
        raise UnreadableFileError(
            f"{path} can't be read as a {kind} file: {_first_line(error)}"
        ) from None
    raise UnreadableFileError(
        f"{path} has the ending {path.suffix!r}; known are "
        f"{', '.join(sorted(_CSV | _PARQUET | _FEATHER))}, CSV also compressed as "
        f"{', '.join(sorted(_COMPRESSED))}"
    )


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _read_csv(path: Path, names: Sequence[str] | None) -> pd.DataFrame:
    first, second, separator = _first_two_lines(path)
    if second and len(second) != len(first):
        raise BarsError(
            f"the first line has {len(first)} fields ({', '.join(first[:6])} ...), the second "
            f"{len(second)}"
        )
    if names is None and all(map(_is_number, first)):
        names = _names_of_headerless(first)
    elif names is not None and len(names) != len(first):
        raise BarsError(f"names has {len(names)} names, the file {len(first)} columns")
    with _open(path) as file:
        table: pd.DataFrame = pd.read_csv(
            file,
            sep=separator,
            header="infer" if names is None else None,
            names=None if names is None else list(names),
            index_col=False,
            skipinitialspace=True,
            **_EXACT_FLOATS,
        )
    return table.drop(columns="ignore") if names == _BINANCE else table


def _first_two_lines(path: Path) -> tuple[list[str], list[str], str]:
    with _open(path) as file:
        text = (file.readline(1 << 16) + file.readline(1 << 16)).decode("utf-8-sig")
    if not text.strip():
        raise BarsError("the file is empty")
    if "\0" in text:
        raise BarsError("the file is binary, not text in UTF-8")
    header = text.splitlines()[0]
    separators = [separator for separator in _SEPARATORS if header.count(separator) >= 4]
    if len(separators) != 1:
        raise BarsError(
            f"the first line is {header[:80]!r}; expected at least five names, separated by one "
            "of comma, semicolon, tab or bar"
        )
    rows = list(islice(csv.reader(io.StringIO(text), delimiter=separators[0]), 2))
    return rows[0], rows[1] if len(rows) > 1 else [], separators[0]


def _names_of_headerless(first: list[str]) -> Sequence[str]:
    """The names of a Binance file, which its seventh field proves; BarsError for others."""
    if len(first) == len(_BINANCE):
        open_time, close_time = first[0], first[6]
        length = float(close_time) - float(open_time) + 1
        # close_time is the last unit, ms or us, of a bar of whole seconds.
        if length > 0 and (length % 1_000 == 0):
            return _BINANCE
    raise BarsError(
        f"the file has no header line (it begins with {', '.join(first[:6])}); pass "
        "names=['open_time', 'open', 'high', 'low', 'close', 'volume', ...], a name a column"
    )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _open(path: Path) -> IO[bytes]:
    ending = path.suffix.lower()
    if ending == ".gz":
        return cast(IO[bytes], gzip.open(path, "rb"))
    if ending == ".bz2":
        return bz2.open(path, "rb")
    if ending == ".xz":
        return lzma.open(path, "rb")
    if ending == ".zip":
        with zipfile.ZipFile(path) as archive:
            if len(archive.namelist()) != 1:
                raise BarsError(f"the archive holds {len(archive.namelist())} files, expected one")
            return io.BytesIO(archive.read(archive.namelist()[0]))
    return path.open("rb")
