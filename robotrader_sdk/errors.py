"""What can go wrong in the SDK.

Every error says what was wrong, what was expected and what to do about it.

    RobotraderError
    ├── BarsError                bars that can't be trusted: unsorted, duplicate, NaN, high < low
    ├── DataError                bars that can't be had
    │   ├── UnreadableFileError  a file that is missing or is no table of bars
    │   ├── DownloadError        the exchange refused, or knows no such symbol or timeframe
    │   └── CacheError           the cache folder can't be used
    ├── ParameterError           a strategy's parameter is unknown, out of bounds or inconsistent
    ├── IndicatorError           an indicator was given something it can't work on
    ├── StrategyError            a strategy class that can't run, or whose code failed
    │   ├── UnknownStrategyError no strategy of that name
    │   ├── SignalError          signals of the wrong length, index, type or size
    │   ├── LookaheadError       an index beyond now, or bars read before they exist
    │   └── OrderError           an order that makes no sense, whatever the market does
    ├── BacktestError            cash, fees, slippage or another setting out of range
    │   └── InstrumentError      an instrument that contradicts itself, or the strategy
    ├── ResultError              a saved result that can't be read back
    ├── DeployError              a strategy that can't be handed to a runner
    │   └── BundleError          code that can't travel, with each line and reason
    │       ├── BundleDiffersError   a bundle that trades differently from its class
    │       └── StateError       what a strategy keeps between bars can't be stored
    └── PlotError                nothing to draw, or the drawing library is missing
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable


class RobotraderError(Exception):
    """The root of all errors of the SDK."""


class BarsError(RobotraderError, ValueError):
    """Bars that can't be trusted."""


class DataError(RobotraderError):
    """Bars that can't be had."""


class UnreadableFileError(DataError):
    """A file that is missing or is no table of bars."""


class DownloadError(DataError):
    """The exchange refused, or knows no such symbol or timeframe."""


class CacheError(DataError):
    """The cache folder can't be used."""


class ParameterError(RobotraderError, ValueError):
    """A strategy's parameter is unknown, out of bounds or inconsistent."""


class IndicatorError(RobotraderError, ValueError):
    """An indicator was given something it can't work on."""


class StrategyError(RobotraderError):
    """A strategy class that can't run, or whose code failed."""


class UnknownStrategyError(StrategyError, LookupError):
    """No strategy of that name."""


class SignalError(StrategyError, ValueError):
    """Signals of the wrong length, index, type or size."""


class LookaheadError(StrategyError, IndexError):
    """An index beyond now, or bars read before they exist."""


class OrderError(StrategyError, ValueError):
    """An order that makes no sense, whatever the market does."""


class BacktestError(RobotraderError, ValueError):
    """Cash, fees, slippage or another setting out of range."""


class InstrumentError(BacktestError):
    """An instrument that contradicts itself, or the strategy."""


class ResultError(RobotraderError, ValueError):
    """A saved result that can't be read back."""


class DeployError(RobotraderError):
    """A strategy that can't be handed to a runner."""


class Problem(NamedTuple):
    """One thing that can't travel: the line and the name of it, why, and which text it is in."""

    line: int
    name: str
    reason: str
    where: str = ""

    def __str__(self) -> str:
        place = f"{self.where}, line {self.line}: " if self.line else ""
        return f"{place}{self.name}: {self.reason}"


class BundleError(DeployError):
    """Code that can't travel; `problems` has each thing with its line and the reason."""

    def __init__(self, message: str, problems: Iterable[Problem] = ()) -> None:
        super().__init__(message)
        self.problems = tuple(problems)


class BundleDiffersError(BundleError):
    """A bundle that trades differently from its class."""


class StateError(BundleError):
    """What a strategy keeps between bars can't be stored."""


class PlotError(RobotraderError):
    """Nothing to draw, or the drawing library is missing."""
