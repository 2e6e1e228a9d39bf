"""What `init` gets instead of bars: handles without values, to say what to compute from."""

from __future__ import annotations

from typing import Any, NoReturn

import pandas as pd

from robotrader_sdk.errors import LookaheadError, StrategyError
from robotrader_sdk.strategy.source import Source
from robotrader_sdk.types import Timeframe


def _refuse(self: Any, *_: object, **__: object) -> NoReturn:
    raise LookaheadError(
        f"{self!r} holds no values: in init() it only tells self.indicator what to compute from; "
        f"compute inside a function, self.indicator(lambda bars: ..., bars), and read values in "
        f"on_bar"
    )


class Handle:
    """Stands for data that has not happened yet."""

    __slots__ = ("_source",)
    __array__ = __len__ = __iter__ = __float__ = __bool__ = __neg__ = __abs__ = _refuse
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _refuse
    __truediv__ = __rtruediv__ = __lt__ = __le__ = __gt__ = __ge__ = _refuse

    def __init__(self, source: Source) -> None:
        self._source = source


class ColumnHandle(Handle):
    """A column of the bars to come."""

    __slots__ = ("name",)

    def __init__(self, source: Source, name: str) -> None:
        super().__init__(source)
        self.name = name

    def resampled(self, *_: object, **__: object) -> NoReturn:
        """Refuse: bars are resampled, not one column of them."""
        raise StrategyError(
            f"rt.resample takes bars, got {self!r}; take the column afterwards: "
            f"rt.resample({self._source.label}, ...).{self.name}"
        )

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("_"):
            raise AttributeError(name)
        _refuse(self)

    __getitem__ = _refuse

    def __repr__(self) -> str:
        return f"{self._source.label}.{self.name}"


class BarsHandle(Handle):
    """The bars to come, as `init` gets them: `bars`, `bars.close` or `bars["close"]`.

    `rt.resample(bars, "4h")` gives a handle of coarser bars; what is computed from it shows at
    the strategy's own bars once the coarser bar has closed.
    """

    __slots__ = ()

    @property
    def timeframe(self) -> Timeframe:
        """The length of a bar."""
        return self._source.timeframe

    def resampled(
        self, timeframe: Timeframe | str, *, from_timeframe: Timeframe | str | None = None
    ) -> BarsHandle:
        """What `rt.resample(bars, timeframe)` gives."""
        return BarsHandle(self._source.resampled(timeframe, from_timeframe))

    def __getattr__(self, name: str) -> ColumnHandle:
        if name.startswith("_"):
            raise AttributeError(name)
        return self[name]

    def __getitem__(self, name: str) -> ColumnHandle:
        columns = self._source.columns
        if name not in columns:
            if isinstance(name, str) and not hasattr(pd.DataFrame, name):
                raise StrategyError(
                    f"{self!r} {'have' if self._source.label == 'bars' else 'has'} no column "
                    f"{name!r}, only {', '.join(columns)}"
                )
            _refuse(self)
        return ColumnHandle(self._source, name)

    def __repr__(self) -> str:
        return self._source.label
