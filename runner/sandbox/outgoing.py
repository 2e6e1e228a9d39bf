"""The bars of one market on their way into a bot: what it has got is not sent again."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from runner.sandbox.errors import SandboxError
from runner.sandbox.wire import LARGEST_FRAME

_VALUE_BYTES = 8
_NANOSECONDS = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}
_ROOM_FOR_WORDS = 256
"""Bytes a message needs beside its values."""

_NO_TIME = np.iinfo(np.int64).min
"""What stands for NaT."""


class Outgoing:
    """What a bot has of a market's history, and what it has not."""

    def __init__(self, symbol: str, columns: Sequence[str]) -> None:
        self._symbol, self._columns = symbol, list(columns)
        self._labels: pd.Index | None = None
        self._has_just_these = False
        most = LARGEST_FRAME - _ROOM_FOR_WORDS
        self._most_rows = most // (_VALUE_BYTES * (1 + len(self._columns)))
        self.start_again()

    def start_again(self) -> None:
        """It has got nothing: it lives in a new process."""
        self._n_sent = self._last_sent = 0

    def unsent(self, bars: pd.DataFrame) -> list[bytes]:
        """The new bars of a history, as `History.extend` takes them, each to fit into a frame.

        SandboxError if the history is not the one whose beginning was sent, or if its new bars are
        none that can be sent; nothing counts as sent then.
        """
        index, n_sent = bars.index, self._n_sent
        if not isinstance(index, pd.DatetimeIndex):
            index = self._as_times(index)
        times, factor = index.asi8, _NANOSECONDS[index.unit]
        n_bars = len(times)
        if n_sent and (n_bars < n_sent or int(times[n_sent - 1]) * factor != self._last_sent):
            raise SandboxError(
                f"the history of {self._symbol} is not the one it was: it may only grow at its end"
            )
        if n_bars == n_sent:
            return []
        self._check_order(times, n_sent)
        new_times, values = times[n_sent:] * factor, self._values(bars, n_sent)
        pieces = []
        for start in range(0, n_bars - n_sent, self._most_rows):
            part = slice(start, start + self._most_rows)
            pieces.append(new_times[part].tobytes() + values[part].T.tobytes())
        self._n_sent, self._last_sent = n_bars, int(new_times[-1])
        return pieces

    def _as_times(self, index: pd.Index) -> pd.DatetimeIndex:
        """An index of another kind; numbers are no times, although pandas would make them some."""
        try:
            if len(index) and pd.api.types.is_any_real_numeric_dtype(index.dtype):
                raise TypeError("they are numbers")
            return pd.DatetimeIndex(index)
        except (TypeError, ValueError) as error:
            raise SandboxError(
                f"the index of the bars of {self._symbol}, a {type(index).__name__} of "
                f"{index.dtype}, has no times: {error}; a DatetimeIndex of open times is expected"
            ) from None

    def _check_order(self, times: NDArray[np.int64], first: int) -> None:
        """Each new bar newer than the one before it; what is sent is not looked at again."""
        before = times[first - 1] if first else _NO_TIME
        new = times[first:]
        if new[0] > before and (len(new) == 1 or (new[1:] > new[:-1]).all()):
            return
        row = 0 if new[0] <= before else 1 + int(np.argmin(new[1:] > new[:-1]))
        raise SandboxError(
            f"the bars of {self._symbol} are not in order: bar {first + row} is not newer than "
            f"the one before it, or has no time; the oldest is expected first"
        )

    def _values(self, bars: pd.DataFrame, first: int) -> NDArray[np.float64]:
        labels = bars.columns
        if self._labels is None or not labels.is_(self._labels):  # reading them takes a while
            names = labels.tolist()
            self._check_names(names)
            self._labels, self._has_just_these = labels, names == self._columns
        if self._has_just_these:
            values = bars.values  # a view where all are of one kind, and the quickest
            if values.dtype == np.float64:
                return values[first:]
        try:
            return bars.iloc[first:][self._columns].to_numpy(dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise SandboxError(f"bars of {self._symbol} are not all numbers: {error}") from None

    def _check_names(self, names: list[str]) -> None:
        expected = f"one each of {', '.join(self._columns)} is expected"
        if missing := [name for name in self._columns if name not in names]:
            raise SandboxError(f"bars of {self._symbol} lack {', '.join(missing)}; {expected}")
        if twice := [name for name in self._columns if names.count(name) > 1]:
            raise SandboxError(
                f"bars of {self._symbol} have {', '.join(twice)} more than once; {expected}"
            )
