"""Indicators of an event strategy: registered on a handle without values, read without a future."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from robotrader_sdk.errors import LookaheadError, StrategyError


class Clock:
    """Now, as how many bars have closed; shared by everything that reads the past."""

    __slots__ = ("closed",)

    def __init__(self) -> None:
        self.closed = 0

    @property
    def bar(self) -> int:
        """The number of the bar that just closed; -1 before the first."""
        return self.closed - 1


def _refuse(self: Any, *_: object, **__: object) -> NoReturn:
    raise LookaheadError(
        f"{self!r} holds no values: in init() it only tells self.indicator what to compute from; "
        f"compute inside a function, self.indicator(lambda bars: ..., bars), and read values in "
        f"on_bar"
    )


class _Handle:
    """Stands for data that has not happened yet."""

    __slots__ = ()
    __array__ = __len__ = __iter__ = __float__ = __bool__ = __neg__ = __abs__ = _refuse
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _refuse
    __truediv__ = __rtruediv__ = __lt__ = __le__ = __gt__ = __ge__ = _refuse


class ColumnHandle(_Handle):
    """A column of the bars to come."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        _refuse(self)

    __getitem__ = _refuse

    def __repr__(self) -> str:
        return f"bars.{self.name}"


class BarsHandle(_Handle):
    """The bars to come, as `init` gets them: `bars`, `bars.close` or `bars["close"]`."""

    __slots__ = ("_columns",)

    def __init__(self, columns: tuple[str, ...]) -> None:
        self._columns = columns

    def __getattr__(self, name: str) -> ColumnHandle:
        if name.startswith("__"):
            raise AttributeError(name)
        return self[name]

    def __getitem__(self, name: str) -> ColumnHandle:
        if name not in self._columns:
            if isinstance(name, str) and not hasattr(pd.DataFrame, name):
                raise StrategyError(
                    f"bars have no column {name!r}, only {', '.join(self._columns)}"
                )
            _refuse(self)
        return ColumnHandle(name)

    def __repr__(self) -> str:
        return "bars"


class IndicatorView:
    """An indicator up to now: `[-1]` is the current value, `[-2]` the one before, `[-5:]` an array.

    Values are floats, NaN in the warm-up. LookaheadError for an index beyond now or before the
    first bar.
    """

    __slots__ = ("_clock", "_list", "_name", "_values")

    def __init__(self, name: str, values: NDArray[np.float64], clock: Clock) -> None:
        self._name = name
        self._values = values
        self._list: list[float] = values.tolist()
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
    """Computes what `init` registers, and remembers it."""

    def __init__(self, bars: pd.DataFrame, clock: Clock, owner: str) -> None:
        self.bars = bars
        self.clock = clock
        self.owner = owner
        self.views: list[IndicatorView] = []
        self.series: dict[str, NDArray[np.float64]] = {}

    def register(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """What `Strategy.indicator` returns: a view, or several by name."""
        name = _name_of(function, args, kwargs)
        result = function(
            *(self._resolve(a) for a in args), **{k: self._resolve(v) for k, v in kwargs.items()}
        )
        if isinstance(result, tuple) and hasattr(result, "_fields"):
            parts = [self._view(f"{name}.{f}", getattr(result, f)) for f in result._fields]
            named: Any = type(result)
            return named(*parts)
        if isinstance(result, tuple):
            return tuple(self._view(f"{name}[{k}]", part) for k, part in enumerate(result))
        return self._view(name, result)

    @property
    def warmup_bars(self) -> int:
        """How many bars pass before every registered indicator has a value."""
        return max((_leading_nan(values) for values in self.series.values()), default=0)

    def _resolve(self, argument: Any) -> Any:
        if isinstance(argument, BarsHandle):
            return self.bars
        if isinstance(argument, ColumnHandle):
            return self.bars[argument.name]
        if isinstance(argument, IndicatorView):
            return pd.Series(argument._values, index=self.bars.index, name=argument._name)
        return argument

    def _view(self, name: str, result: Any) -> IndicatorView:
        try:
            values = np.array(result, dtype=np.float64)
        except (TypeError, ValueError):
            values = np.empty(0)
        if values.shape != (len(self.bars),):
            raise StrategyError(
                f"{self.owner}: indicator {name} must give one number a bar, shape "
                f"({len(self.bars)},), got {type(result).__name__} of shape {np.shape(result)}"
            )
        view = IndicatorView(name, values, self.clock)
        self.views.append(view)
        key, copies = name, 2
        while key in self.series:
            key, copies = f"{name} #{copies}", copies + 1
        self.series[key] = values
        return view


def _name_of(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    settings = [a for a in args if isinstance(a, (int, float, str))] + list(kwargs.values())
    label = getattr(function, "__name__", type(function).__name__)
    return f"{label}({', '.join(map(str, settings))})" if settings else label


def _leading_nan(values: NDArray[np.float64]) -> int:
    known = ~np.isnan(values)
    return int(known.argmax()) if known.any() else len(values)
