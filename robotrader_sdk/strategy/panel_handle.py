"""What `init` of a portfolio strategy gets, and the indicators it registers there.

An indicator of one symbol is computed on that symbol's bars and read at them. One of several
symbols, such as a spread, is computed on the panel's timeline, with NaN where a symbol has no
bar, and read at it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from robotrader_sdk.data.panel import Panel
from robotrader_sdk.data.spelling import did_you_mean
from robotrader_sdk.data.validate import COLUMNS
from robotrader_sdk.errors import StrategyError
from robotrader_sdk.strategy.handles import BarsHandle, ColumnHandle, Handle
from robotrader_sdk.strategy.indicator import Clock, IndicatorView, Registry
from robotrader_sdk.strategy.source import Source


class FieldHandle(Handle):
    """One price of all symbols to come, as `panel.close`: a DataFrame, a column a symbol."""

    __slots__ = ("name",)

    def __init__(self, source: Source, name: str) -> None:
        super().__init__(source)
        self.name = name

    def __repr__(self) -> str:
        return f"panel.{self.name}"


class PanelHandle(Handle):
    """The panel to come: `panel["ETH/USDT"]`, `panel["ETH/USDT"].close`, `panel.close`.

    Its symbols are known, and it can be gone through: `for symbol in panel`.
    """

    __slots__ = ("_registry", "symbols")

    def __init__(self, registry: PanelRegistry) -> None:
        super().__init__(registry.timeline.source)
        self._registry = registry
        self.symbols = registry.panel.symbols

    def __getitem__(self, symbol: str) -> BarsHandle:
        if symbol not in self.symbols:
            raise StrategyError(
                f"the panel has no symbol {symbol!r}{did_you_mean(symbol, self.symbols)}"
            )
        return self._registry.of(symbol).handle

    def __getattr__(self, name: str) -> FieldHandle:
        if name.startswith("_"):
            raise AttributeError(name)
        if name not in COLUMNS:
            raise StrategyError(f"a panel has {', '.join(COLUMNS)} and its symbols, no {name!r}")
        return FieldHandle(self._source, name)

    def __iter__(self) -> Iterator[str]:  # type: ignore[override]  # no future in the names
        return iter(self.symbols)

    def __len__(self) -> int:  # type: ignore[override]
        return len(self.symbols)

    def __contains__(self, symbol: object) -> bool:
        return symbol in self.symbols

    def __repr__(self) -> str:
        return "panel"


class PanelRegistry:
    """Computes what `init` registers; one registry a symbol and one for the timeline."""

    def __init__(self, panel: Panel, clock: Clock, clocks: dict[str, Clock], owner: str) -> None:
        self.panel = panel
        self._clocks = clocks
        self._owner = owner
        self._registries: dict[str, Registry] = {}
        self.timeline = Registry(pd.DataFrame(index=panel.index), clock, owner, panel.timeframe)
        self.timeline.source.label = "panel"

    def of(self, symbol: str) -> Registry:
        """The registry of one symbol's bars."""
        if symbol not in self._registries:
            bars, timeframe = self.panel[symbol], self.panel.timeframe
            registry = Registry(bars, self._clocks[symbol], self._owner, timeframe)
            registry.source.label = f"panel[{symbol!r}]"
            self._registries[symbol] = registry
        return self._registries[symbol]

    def register(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """What `PortfolioStrategy.indicator` returns: a view, or several by name."""
        given = [a for a in (*args, *kwargs.values()) if isinstance(a, (Handle, IndicatorView))]
        symbols = {self._symbol_of(argument) for argument in given}
        if len(symbols) == 1 and (symbol := next(iter(symbols))) is not None:
            return self.of(symbol).register(function, args, kwargs)
        aligned = {name: self._on_timeline(value) for name, value in kwargs.items()}
        return self.timeline.register(function, tuple(map(self._on_timeline, args)), aligned)

    @property
    def warmup_bars(self) -> int:
        """How many bars every registered indicator needs; of a later start it knows nothing."""
        registries = (self.timeline, *self._registries.values())
        return max(registry.warmup_bars for registry in registries)

    @property
    def views(self) -> list[IndicatorView]:
        """All indicators, in an order that is the same whenever `init` does the same."""
        registries = (self.timeline, *self._registries.values())
        return [view for registry in registries for view in registry.views]

    @property
    def series(self) -> dict[str, NDArray[np.float64]]:
        """Everything registered, by symbol and name, one value a bar of the timeline."""
        found = dict(self.timeline.series)
        places = dict(zip(self.panel.symbols, self.panel.places, strict=True))
        for symbol, registry in self._registries.items():
            for name, values in registry.series.items():
                line = np.full(len(self.panel.index), np.nan)
                line[places[symbol]] = values
                found[f"{symbol} {name}"] = line
        return found

    def _symbol_of(self, argument: Handle | IndicatorView) -> str | None:
        """Whose bars an argument is of, coarser ones included; None: the timeline's."""
        for symbol, registry in self._registries.items():
            if _made_of(registry.source, argument._source):
                return symbol
        return None

    def _on_timeline(self, argument: Any) -> Any:
        """What an argument stands for, on the panel's timeline."""
        if isinstance(argument, PanelHandle):
            return self.panel.copy()
        if isinstance(argument, FieldHandle):
            return getattr(self.panel, argument.name)
        if isinstance(argument, (BarsHandle, ColumnHandle, IndicatorView)):
            source = argument._source
            if source._own is not None:
                raise StrategyError(
                    f"{self._owner}: an indicator of several symbols can't be of coarser bars, as "
                    f"{source.label} is; register one for each symbol and compare them in on_bar"
                )
            return self._values_of(argument).reindex(self.panel.index)
        return argument

    @staticmethod
    def _values_of(argument: BarsHandle | ColumnHandle | IndicatorView) -> Any:
        bars = argument._source.bars
        if isinstance(argument, BarsHandle):
            return bars
        if isinstance(argument, ColumnHandle):
            return bars[argument.name]
        return pd.Series(argument._computed, index=bars.index, name=argument._name)


def _made_of(source: Source, other: Source) -> bool:
    """Whether a source is that one, or coarser bars made of it."""
    return other is source or any(_made_of(made, other) for made in source._coarser.values())
