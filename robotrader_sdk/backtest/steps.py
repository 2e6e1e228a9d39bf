"""The steps in which a run goes through its bars: the bars themselves, or finer ones inside them.

The rules count in steps. A strategy decides at the last step of each bar; what a finished book
says in steps is put back into bars.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from robotrader_sdk.backtest.kernel import BarArrays
from robotrader_sdk.compiled import uniform
from robotrader_sdk.trading.book import Book
from robotrader_sdk.trading.order import NEVER

Floats = NDArray[np.float64]


def bar_arrays(bars: pd.DataFrame) -> BarArrays:
    """The prices of bars as the rules read them."""
    names = ("open", "high", "low", "close")
    return BarArrays(*(uniform(bars[name].to_numpy(), np.float64) for name in names))


class Steps:
    """One step a bar."""

    def __init__(self, bars: pd.DataFrame) -> None:
        self.bars = bars
        self.arrays = bar_arrays(bars)

    @property
    def frame(self) -> pd.DataFrame:
        """The steps as bars."""
        return self.bars

    def bar_of(self, step: int) -> int:
        """The bar a step lies in."""
        return step

    def first(self, bar: int) -> int:
        """The first step of a bar."""
        return bar

    def last(self, bar: int) -> int:
        """The last step of a bar, at whose close a strategy decides."""
        return bar

    def life(self, bar: int, n_bars: int) -> int:  # noqa: ARG002 - finer steps need the bar
        """How many steps the bars after a bar take; 0, until cancelled, stays 0."""
        return n_bars

    def wishes(self, table: NDArray[Any]) -> NDArray[Any]:
        """What is wanted at bars, as wanted at their last steps."""
        return table

    def in_bars(self, book: Book, equity: Floats) -> tuple[Book, Floats]:
        """A finished book and the equity of its steps, in bars."""
        return book, equity


class FineSteps(Steps):
    """Finer bars where they exist, else the bar itself."""

    def __init__(self, bars: pd.DataFrame, frame: pd.DataFrame, last: NDArray[np.int64]) -> None:
        self.bars = bars
        self._frame = frame
        self.arrays = bar_arrays(frame)
        self.ends = last

    @property
    def frame(self) -> pd.DataFrame:
        """The steps as bars."""
        return self._frame

    @property
    def refined(self) -> NDArray[np.bool_]:
        """Which bars have finer ones inside."""
        several: NDArray[np.bool_] = np.diff(self.ends, prepend=-1) > 1
        return several

    def bar_of(self, step: int) -> int:
        """See `Steps`."""
        return int(np.searchsorted(self.ends, step))

    def first(self, bar: int) -> int:
        """See `Steps`."""
        return int(self.ends[bar - 1]) + 1 if bar > 0 else 0

    def last(self, bar: int) -> int:
        """See `Steps`; of bars to come the very last."""
        return int(self.ends[min(bar, len(self.ends) - 1)])

    def life(self, bar: int, n_bars: int) -> int:
        """See `Steps`."""
        return int(self._lives(np.array([bar]), np.array([n_bars]))[0])

    def wishes(self, table: NDArray[Any]) -> NDArray[Any]:
        """See `Steps`."""
        table["valid_bars"] = self._lives(table["bar"], table["valid_bars"])
        table["bar"] = self.ends[table["bar"]]
        return table

    def in_bars(self, book: Book, equity: Floats) -> tuple[Book, Floats]:
        """See `Steps`."""
        n_bars = self.bar_of(len(equity) - 1) + 1
        at_close = np.minimum(self.ends[:n_bars], len(equity) - 1)
        position = book.position
        orders = book.orders[: position["n_orders"]].copy()
        for name in ("created", "active", "triggered", "ended"):
            orders[name] = self._bars_of(orders[name])
        lasting = orders["last"] != NEVER
        orders["last"][lasting] = self._bars_of(orders["last"][lasting])
        lots = book.lots[: position["n_lots"]].copy()
        for name in ("entry_bar", "exit_bar"):
            lots[name] = self._bars_of(lots[name])
        fills = book.fills[: position["n_fills"]].copy()
        fills["bar"] = self._bars_of(fills["bar"])
        return book._replace(orders=orders, lots=lots, fills=fills), equity[at_close]

    def _lives(self, bars: NDArray[np.int64], n_bars: NDArray[np.int64]) -> NDArray[np.int64]:
        final = len(self.ends) - 1
        steps = self.ends[np.minimum(bars + n_bars, final)] - self.ends[bars]
        steps = steps + np.maximum(bars + n_bars - final, 0)  # beyond the end a bar is a step
        return np.where(n_bars > 0, steps, 0)

    def _bars_of(self, steps: NDArray[Any]) -> NDArray[Any]:
        """The bars of steps; what stands for none stays as it is."""
        beyond = np.maximum(steps.astype(np.int64) - self.ends[-1], 0)
        bars = np.searchsorted(self.ends, np.minimum(steps, self.ends[-1])) + beyond
        return np.where(steps < 0, steps, bars)
