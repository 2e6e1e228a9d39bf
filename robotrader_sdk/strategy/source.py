"""Where indicators get their bars from: the strategy's own, or coarser ones made of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from robotrader_sdk.data.align import count_closed
from robotrader_sdk.data.resample import resample
from robotrader_sdk.data.spacing import infer_timeframe
from robotrader_sdk.types import Timeframe

Floats = NDArray[np.float64]

Bars = pd.DataFrame | Callable[[], pd.DataFrame]
"""Bars, or what makes them when they are first needed, which for some strategies is never."""


def bars_of(bars: Bars) -> pd.DataFrame:
    """The bars themselves."""
    return bars() if callable(bars) else bars


class OwnBars(NamedTuple):
    """When a strategy's own bars open, and how long they are."""

    open_times: pd.DatetimeIndex
    timeframe: Timeframe


class Source:
    """Bars to compute indicators on.

    timeframe: the length of a bar where it is known; None: the most common distance.
    own: the strategy's own bars, where these are coarser ones made of them.
    """

    def __init__(
        self,
        bars: Bars,
        timeframe: Timeframe | None = None,
        *,
        label: str = "bars",
        own: OwnBars | None = None,
    ) -> None:
        self._bars = bars
        self.label = label
        self._stated = timeframe
        self._own = own
        self._n_closed = None
        if own is not None:
            self._n_closed = count_closed(_index(self.bars), self.timeframe, *own)
        self._coarser: dict[tuple[Timeframe, Timeframe], Source] = {}

    @property
    def bars(self) -> pd.DataFrame:
        """The bars themselves."""
        return bars_of(self._bars)

    @cached_property
    def timeframe(self) -> Timeframe:
        """The length of a bar; BarsError where the bars are too few to tell."""
        return self._stated or infer_timeframe(self.bars.index)

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The names of the bars' columns."""
        return tuple(map(str, self.bars.columns))

    def resampled(
        self, timeframe: Timeframe | str, from_timeframe: Timeframe | str | None = None
    ) -> Source:
        """Coarser bars made of these; the same object when asked for the same again."""
        fine = self.timeframe if from_timeframe is None else Timeframe.parse(from_timeframe)
        coarse = Timeframe.parse(timeframe)
        if (coarse, fine) not in self._coarser:
            self._coarser[coarse, fine] = self._make(coarse, fine)
        return self._coarser[coarse, fine]

    def at_own_bars(self, values: Floats) -> Floats:
        """At each of the strategy's own bars the value of the last of these that has closed.

        NaN before the first of them closes; where these are the own bars, `values` as they are.
        """
        if self._n_closed is None:
            return values
        return np.concatenate(([np.nan], values))[self._n_closed]

    def _make(self, coarse: Timeframe, fine: Timeframe) -> Source:
        # Complete ones only; that there is none yet is no error, the warm-up lasts longer.
        bars = resample(self.bars, coarse, from_timeframe=fine, incomplete="mark")
        bars = bars[bars["complete"]].drop(columns="complete")
        label = f"rt.resample({self.label}, '{coarse}')"
        own = self._own or OwnBars(_index(self.bars), fine)
        return Source(bars, coarse, label=label, own=own)


def _index(bars: pd.DataFrame) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(bars.index)
