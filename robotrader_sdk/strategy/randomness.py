"""The only randomness a strategy may use: the same in every run over the same bars."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd


class BarRandomness:
    """A generator a bar, seeded by numbers that stay and the bar's open_time."""

    def __init__(self, *seeds: int) -> None:
        self._seeds = seeds
        self._bar = -1
        self._generator: np.random.Generator | None = None

    def at(self, bar: int, open_time: Callable[[int], pd.Timestamp]) -> np.random.Generator:
        """That of a bar; the same object as long as it is the same bar.

        open_time: gives that of a bar; it is not kept, as it may be a method of who keeps this.
        """
        if self._generator is None or self._bar != bar:
            seconds = int(open_time(bar).timestamp())
            self._bar, self._generator = bar, np.random.default_rng((*self._seeds, seconds))
        return self._generator
