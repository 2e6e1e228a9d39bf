"""The bars of one market inside a bot: they only grow, and are shown as a DataFrame."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from robotrader_sdk.strategy.context import COLUMNS, Columns
from runner.sandbox.errors import WireError

_VALUE_BYTES = 8


class History:
    """Closed bars in memory that doubles when it is full.

    lists: its columns as `strategy.context.Columns` shows them.
    """

    def __init__(self, columns: Sequence[str]) -> None:
        self.columns = list(columns)
        self.lists = _Lists(self)
        self._times = np.empty(0, np.int64)
        self._values = np.empty((len(self.columns), 0))
        self._n_bars = 0

    def __len__(self) -> int:
        return self._n_bars

    def extend(self, data: bytes) -> None:
        """Add bars as `Outgoing` makes them; WireError if these are none, or not newer."""
        row_bytes = _VALUE_BYTES * (1 + len(self.columns))
        n_new, rest = divmod(len(data), row_bytes)
        if rest or not n_new:
            raise WireError(f"{len(data)} bytes are no bars of {row_bytes} bytes each")
        times = np.frombuffer(data, "<i8", n_new)
        values = np.frombuffer(data, "<f8", offset=_VALUE_BYTES * n_new)
        is_newer = not self._n_bars or times[0] > self._times[self._n_bars - 1]
        if not is_newer or (n_new > 1 and (times[1:] <= times[:-1]).any()):
            raise WireError("bars that are not newer than those before them")
        self._reserve(self._n_bars + n_new)
        place = slice(self._n_bars, self._n_bars + n_new)
        self._times[place] = times
        self._values[:, place] = values.reshape(len(self.columns), n_new)
        self._n_bars += n_new
        self.lists.extend(n_new)

    def frame(self) -> pd.DataFrame:
        """All bars, as a strategy gets them."""
        index = pd.DatetimeIndex(
            self._times[: self._n_bars].view("M8[ns]"), name="open_time"
        ).tz_localize("UTC")
        values = self._values[:, : self._n_bars]
        values.flags.writeable = False  # what a strategy does to its bars is not kept
        return pd.DataFrame(values.T, index=index, columns=_index_of(*self.columns), copy=False)

    def lazy_frame(self) -> Callable[[], pd.DataFrame]:
        """`frame`, made when it is first asked for, and once: light strategies need none."""
        made: list[pd.DataFrame] = []

        def frame() -> pd.DataFrame:
            if not made:
                made.append(self.frame())
            return made[0]

        return frame

    def newest(self, column: str, n_bars: int) -> list[float]:
        """A column's last values."""
        row = self._values[self.columns.index(column)]
        values: list[float] = row[self._n_bars - n_bars : self._n_bars].tolist()
        return values

    def _reserve(self, n_bars: int) -> None:
        if n_bars <= len(self._times):
            return
        room = max(256, 2 * n_bars)
        times, values = np.empty(room, np.int64), np.empty((len(self.columns), room))
        times[: self._n_bars] = self._times[: self._n_bars]
        values[:, : self._n_bars] = self._values[:, : self._n_bars]
        self._times, self._values = times, values


class _Lists(Columns):
    """Columns as lists that grow with their history."""

    def __init__(self, history: History) -> None:
        self._history = history

    def __getattr__(self, name: str) -> list[float]:
        if name not in COLUMNS:
            raise AttributeError(name)
        values = self._history.newest(name, len(self._history))
        self.__dict__[name] = values
        return values

    def extend(self, n_bars: int) -> None:
        """Take up new bars in the lists that exist."""
        for name in COLUMNS:
            known = self.__dict__.get(name)
            if known is not None:
                known.extend(self._history.newest(name, n_bars))


@functools.cache
def _index_of(*columns: str) -> pd.Index:
    """Names of columns as pandas has them: a megabyte is touched to make them."""
    return pd.Index(list(columns))
