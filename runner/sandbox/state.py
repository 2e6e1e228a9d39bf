"""What a strategy keeps between two bars, as bytes that are opened inside the jail only.

Kept are its own attributes, the orders it may still meet, and for portfolios the newest weights.
Parameters are not: a strategy has those it was made with, which may be others than before.
Indicators are not: each question computes them from the history, and a reference to one is kept
as its number. An order that an attribute holds stays the same object as the one the context lists.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from robotrader_sdk.strategy.intents import Order
from robotrader_sdk.strategy.parametric import Parametric
from robotrader_sdk.strategy.params import declared_params
from runner.sandbox.errors import StateError
from runner.sandbox.wire import LARGEST_STATE

OrderName = tuple[str, int]
"""Symbol, and the number that the strategy's context has given it."""


@dataclass(slots=True)
class Memory:
    """What is remembered from one question to the next.

    orders: those that have not ended. n_orders: how many were ever asked for, by symbol.
    newest, decided: a portfolio's weights; see `backtest.portfolio.loop.Wishes`.
    """

    orders: dict[OrderName, Order] = field(default_factory=dict)
    n_orders: dict[str, int] = field(default_factory=dict)
    newest: np.ndarray[Any, Any] | None = None
    decided: np.ndarray[Any, Any] | None = None


def dump_memory(
    memory: Memory, strategy: Parametric, indicators: Sequence[object], most: int = LARGEST_STATE
) -> bytes:
    """A memory and the strategy's attributes as bytes.

    StateError names what can't be kept, or says that it is too much.
    """
    attributes = kept_of(strategy, vars(strategy))
    content = (memory.orders, memory.n_orders, memory.newest, memory.decided)
    try:
        dumped = _dumped((content, attributes), indicators)
    except Exception as error:
        raise StateError(_unkept(strategy, attributes, indicators, error)) from error
    if len(dumped) > most:
        raise StateError(
            f"{type(strategy).__name__} keeps {len(dumped):,} bytes between bars; {most:,} at most"
        )
    return dumped


def load_memory(dumped: bytes, strategy: Parametric, indicators: Sequence[object]) -> Memory:
    """What was dumped, the attributes put into the strategy; empty if nothing was.

    StateError if it can't be read by the strategy as it is now.
    """
    if not dumped:
        return Memory()
    try:
        content, attributes = StateReader(io.BytesIO(dumped), indicators).load()
        vars(strategy).update(kept_of(strategy, attributes))
        return Memory(*content)
    except Exception as error:
        raise StateError(
            f"the state of {type(strategy).__name__} can't be read: {type(error).__name__}: {error}"
        ) from error


def kept_of(strategy: Parametric, attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Those attributes that are kept: not its parameters, which are constants of a strategy."""
    left_out = {*declared_params(type(strategy)), "_register"}
    return {name: value for name, value in attributes.items() if name not in left_out}


def _dumped(content: object, indicators: Sequence[object]) -> bytes:
    if not indicators:  # the same bytes, and no question about each object in them
        return pickle.dumps(content, protocol=5)
    buffer = io.BytesIO()
    StateWriter(buffer, indicators).dump(content)
    return buffer.getvalue()


def _unkept(
    strategy: Parametric, attributes: dict[str, Any], indicators: Sequence[object], error: Exception
) -> str:
    """One line that names the attribute at fault."""
    culprit = ""
    for name, value in attributes.items():
        try:
            _dumped(value, indicators)
        except Exception:  # noqa: BLE001 - whatever pickling raises, this is the one
            culprit = f"self.{name}"
            break
    return (
        f"{type(strategy).__name__} keeps in {culprit or 'its attributes'} what can't be stored "
        f"between bars: {error}; keep plain values, lists, dicts and arrays"
    )


class StateWriter(pickle.Pickler):
    """Pickles what a strategy keeps; an indicator becomes its number."""

    def __init__(self, file: io.BytesIO, indicators: Sequence[object]) -> None:
        super().__init__(file, protocol=5)
        self._numbers = {id(indicator): number for number, indicator in enumerate(indicators)}

    def persistent_id(self, obj: object) -> int | None:
        """See `pickle.Pickler`."""
        return self._numbers.get(id(obj))


class StateReader(pickle.Unpickler):
    """Reads it back, with the indicators as they are computed now."""

    def __init__(self, file: io.BytesIO, indicators: Sequence[object]) -> None:
        super().__init__(file)
        self._indicators = indicators

    def persistent_load(self, pid: int) -> object:
        """See `pickle.Unpickler`."""
        return self._indicators[pid]
