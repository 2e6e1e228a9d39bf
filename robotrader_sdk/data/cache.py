"""Downloaded bars on disk: one Parquet file a market and month.

    <folder>/bars/<exchange>/<symbol>/<timeframe>/2024-01.parquet

A file holds the bars that open in its month and, in the same file, which stretches of the
month are known. So "not downloaded" differs from "downloaded, and the exchange has no bar
there", and both change in one step: a file is written beside the old one, synced and
renamed over it. Whenever the process is killed, each file is either the old or the new one.
Writers of one market take turns by a lock that the system drops with its process; readers
need none. A file that is damaged nevertheless is ignored with a warning, and fetched again.
"""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import quote

import numpy as np

from robotrader_sdk.data.coverage import Span, intersect, merge, month_bounds, months, subtract
from robotrader_sdk.data.month_file import (
    NO_ROWS,
    DamagedFileError,
    Market,
    Month,
    Rows,
    decode,
    encode,
    within,
)
from robotrader_sdk.data.validate import warn
from robotrader_sdk.errors import CacheError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


def cache_folder(folder: str | os.PathLike[str] | None = None) -> Path:
    """The folder bars are cached in.

    `folder` if given, else the environment's ROBOTRADER_CACHE, else XDG_CACHE_HOME/robotrader,
    else ~/.cache/robotrader.
    """
    if folder is not None:
        return Path(folder).expanduser()
    if chosen := os.environ.get("ROBOTRADER_CACHE"):
        return Path(chosen).expanduser()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "robotrader"


class BarCache:
    """The cached bars of one market."""

    def __init__(self, folder: Path, market: Market) -> None:
        self.market = market
        parts = (market.exchange, market.symbol, str(market.timeframe))
        self._folder = folder.joinpath("bars", *map(_file_name, parts))

    def prepare(self) -> None:
        """Make the folder and see that it can be written; CacheError if not."""
        with self._lock():
            pass

    def load(self, span: Span) -> tuple[Rows, list[Span]]:
        """The cached bars that open within a span, and what of the span isn't known yet.

        A damaged file counts as unknown, with a BarsWarning. CacheError where a file can't be
        read at all.
        """
        found, known = [NO_ROWS], []
        for path in sorted(self._folder.glob("????-??.parquet")):
            if intersect([span], _bounds_of(path)):
                month = self._read_or_discard(path)
                found.append(month.rows)
                known.extend(month.known)
        rows = np.concatenate(found)
        inside = (rows[:, 0] >= span[0]) & (rows[:, 0] < span[1])
        return rows[inside], subtract(span, known)

    def add(self, rows: Rows, known: Iterable[Span]) -> None:
        """Store that in the known spans there are exactly these bars.

        Bars that were cached within the spans are replaced, all others stay. Every row must
        lie in one of the spans. CacheError where that can't be written; the files are then
        as before, each for itself.
        """
        known = merge(known)
        if not known:
            return
        with self._lock():
            for name, bounds in months((known[0][0], known[-1][1])):
                parts = intersect(known, bounds)
                if parts:
                    self._add_to_month(name, rows[within(rows, parts)], parts)

    def _add_to_month(self, name: str, rows: Rows, known: list[Span]) -> None:
        path = self._folder / f"{name}.parquet"
        try:
            old = self._read(path)
        except DamagedFileError:
            old = Month(NO_ROWS, [])
        kept = old.rows[~within(old.rows, known)]
        merged = np.concatenate((kept, rows))
        merged = merged[np.argsort(merged[:, 0], kind="stable")]
        self._replace(path, Month(merged, merge([*old.known, *known])))

    def _read_or_discard(self, path: Path) -> Month:
        try:
            return self._read(path)
        except DamagedFileError as error:
            warn(
                f"the cached bars in {path} are damaged ({error}); they are ignored and "
                "fetched again"
            )
            return Month(NO_ROWS, [])

    def _read(self, path: Path) -> Month:
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return Month(NO_ROWS, [])
        except OSError as error:
            raise CacheError(f"the cached bars in {path} can't be read: {error}") from None
        return decode(content, self.market, _bounds_of(path))

    def _replace(self, path: Path, month: Month) -> None:
        new = path.with_name(f".{path.stem}.{os.getpid()}.{secrets.token_hex(4)}.tmp")
        try:
            with new.open("xb") as file:
                file.write(encode(month, self.market))
                file.flush()
                os.fsync(file.fileno())
            new.replace(path)
            _sync_folder(path.parent)
        except OSError as error:
            raise CacheError(
                f"{path} can't be written: {error}; free the disk, or choose another folder by "
                "cache=... or ROBOTRADER_CACHE"
            ) from None
        finally:
            new.unlink(missing_ok=True)

    @contextmanager
    def _lock(self) -> Iterator[None]:
        with ExitStack() as stack:
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
                file = stack.enter_context((self._folder / ".lock").open("wb"))
                if sys.platform == "win32":
                    msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)
                else:
                    fcntl.flock(file, fcntl.LOCK_EX)
                # Left by a writer that was killed: whoever holds the lock is the only one.
                for leftover in self._folder.glob(".*.tmp"):
                    leftover.unlink(missing_ok=True)
            except OSError as error:
                raise CacheError(
                    f"the cache folder {self._folder} can't be written: {error}; choose another "
                    "by cache=... or ROBOTRADER_CACHE"
                ) from None
            yield


def _bounds_of(path: Path) -> Span:
    try:
        return month_bounds(path.stem)
    except ValueError:
        return (0, 0)  # a stranger's file: part of no span


def _file_name(name: str) -> str:
    """A name every file system takes, different for different names: `BTC%2FUSDT`."""
    return quote(name, safe="").replace(".", "%2E")


def _sync_folder(folder: Path) -> None:
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
