"""Indicators of an event strategy: registered on a handle without values, read without a future.

One of coarser bars is computed on them and shown at the strategy's own bars, each value from
the close of its coarse bar on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from robotrader_sdk.errors import LookaheadError, StrategyError
from robotrader_sdk.strategy.handles import BarsHandle, ColumnHandle, Handle
from robotrader_sdk.strategy.source import Bars, Source
from robotrader_sdk.types import Timeframe

__all__ = ["BarsHandle", "Clock", "ColumnHandle", "IndicatorView", "Registry"]


class Clock:
    """Now, as how many bars have closed; shared by everything that reads the past."""

    __slots__ = ("closed",)

    def __init__(self) -> None:
        self.closed = 0

    @property
    def bar(self) -> int:
        """The number of the bar that just closed; -1 before the first."""
        return self.closed - 1


class IndicatorView:
    """An indicator up to now: `[-1]` is the current value, `[-2]` the one before, `[-5:]` an array.

    Values are floats, NaN in the warm-up; one a bar of the strategy, also where the indicator is
    of coarser bars: then `[-1]` is that of the last of them that has closed, and `[-2]` what
    `[-1]` was a bar ago, mostly the same. LookaheadError for an index beyond now or before the
    first bar.
    """

    __slots__ = ("_clock", "_computed", "_list", "_name", "_source", "_values")

    def __init__(
        self, name: str, computed: NDArray[np.float64], source: Source, clock: Clock
    ) -> None:
        self._name = name
        self._computed = computed
        self._source = source
        self._values = source.at_own_bars(computed)
        self._list: list[float] = self._values.tolist()
        self._clock = clock

    def __getitem__(self, index: Any) -> Any:
        try:
            place = self._clock.closed + index
            if index < 0 <= place:
                return self._list[place]
        except TypeError:
            return self._slice(index)
        if index >= 0:
            raise LookaheadError(
                f"{self._name}[{index}]: indices count back from now; [-1] is the current value, "
                f"[-2] the one before, and there is nothing beyond"
            )
        raise LookaheadError(
            f"{self._name}[{index}]: only {self._clock.closed} bars have closed so far; state "
            f"warmup_bars to be called later"
        )

    def _slice(self, index: Any) -> NDArray[np.float64]:
        if not isinstance(index, slice):
            raise LookaheadError(f"{self._name}[{index!r}]: an index is a whole number or a slice")
        if any(part is not None and part >= 0 for part in (index.start, index.stop)):
            raise LookaheadError(f"{self._name}[{index}]: slices count back from now, as in [-5:]")
        return self._values[: self._clock.closed][index].copy()

    def __float__(self) -> float:
        return float(self[-1])

    def __repr__(self) -> str:
        now = f"{self[-1]:g}" if self._clock.closed else "before the first bar"
        return f"<{self._name}: {now}>"


class Registry:
    """Computes what `init` registers, and remembers it.

    `series` holds it by name, one value a bar of the strategy.
    """

    def __init__(
        self, bars: Bars, clock: Clock, owner: str, timeframe: Timeframe | None = None
    ) -> None:
        self.source = Source(bars, timeframe)
        self.clock = clock
        self.owner = owner
        self.views: list[IndicatorView] = []
        self.series: dict[str, NDArray[np.float64]] = {}

    @property
    def handle(self) -> BarsHandle:
        """What `init` gets."""
        return BarsHandle(self.source)

    def register(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """What `Strategy.indicator` returns: a view, or several by name."""
        name = _name_of(function, args, kwargs)
        source = self._common_source(name, (*args, *kwargs.values()))
        result = function(*map(_resolved, args), **{k: _resolved(v) for k, v in kwargs.items()})
        if isinstance(result, tuple) and hasattr(result, "_fields"):
            parts = [self._view(f"{name}.{f}", getattr(result, f), source) for f in result._fields]
            named: Any = type(result)
            return named(*parts)
        if isinstance(result, tuple):
            return tuple(self._view(f"{name}[{k}]", part, source) for k, part in enumerate(result))
        return self._view(name, result, source)

    @property
    def warmup_bars(self) -> int:
        """How many bars pass before every registered indicator has a value."""
        return max((_leading_nan(values) for values in self.series.values()), default=0)

    def _common_source(self, name: str, arguments: tuple[Any, ...]) -> Source:
        """Where the arguments come from; StrategyError if their rows are of different bars."""
        kinds = (Handle, IndicatorView)
        sources = dict.fromkeys(a._source for a in arguments if isinstance(a, kinds))
        if len(sources) > 1:
            raise StrategyError(
                f"{self.owner}: indicator {name} mixes {' and '.join(s.label for s in sources)}, "
                f"whose rows are different bars; register one for each and compare them in on_bar, "
                f"or give a function of the finer bars that brings the coarser ones to them with "
                f"rt.align"
            )
        return next(iter(sources), self.source)

    def _view(self, name: str, result: Any, source: Source) -> IndicatorView:
        if source is not self.source:
            name = f"{name} {source.timeframe}"
        computed = _numbers(result)
        n_bars = len(source.bars)
        if computed is None or computed.shape != (n_bars,):
            raise StrategyError(
                f"{self.owner}: indicator {name} must give one number a bar, shape "
                f"({n_bars},), got {type(result).__name__} of shape {np.shape(result)}"
            )
        view = IndicatorView(name, computed, source, self.clock)
        self.views.append(view)
        key, copies = name, 2
        while key in self.series:
            key, copies = f"{name} #{copies}", copies + 1
        self.series[key] = view._values
        return view


def _resolved(argument: Any) -> Any:
    """The data that a handle or view stands for; whatever else as it is."""
    if isinstance(argument, BarsHandle):
        return argument._source.bars
    if isinstance(argument, ColumnHandle):
        return argument._source.bars[argument.name]
    if isinstance(argument, IndicatorView):
        index = argument._source.bars.index
        return pd.Series(argument._computed, index=index, name=argument._name)
    return argument


def _numbers(result: Any) -> NDArray[np.float64] | None:
    """A copy as floats; None where they are no numbers."""
    try:
        return np.array(result, dtype=np.float64)
    except (TypeError, ValueError):
        return None


def _name_of(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    settings = [a for a in args if isinstance(a, (int, float, str))] + list(kwargs.values())
    label = getattr(function, "__name__", type(function).__name__)
    return f"{label}({', '.join(map(str, settings))})" if settings else label


def _leading_nan(values: NDArray[np.float64]) -> int:
    known = ~np.isnan(values)
    return int(known.argmax()) if known.any() else len(values)
