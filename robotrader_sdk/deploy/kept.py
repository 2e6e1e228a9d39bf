"""What a strategy keeps between bars, and whether that can be stored."""

from __future__ import annotations

import io
import pickle
from typing import Any

from robotrader_sdk.errors import StateError
from robotrader_sdk.strategy.base import Strategy
from robotrader_sdk.strategy.handles import Handle
from robotrader_sdk.strategy.indicator import IndicatorView
from robotrader_sdk.strategy.portfolio import PortfolioStrategy

AnyStrategy = Strategy | PortfolioStrategy

LARGEST_STATE = 1_000_000
"""Bytes of all attributes together, which a runner takes no more of."""


class Keeper:
    """Holds on to the instance that a backtest makes of a strategy, which it leaves untouched."""

    def __init__(self, strategy: AnyStrategy) -> None:
        self.strategy = strategy
        self.ran: AnyStrategy = strategy
        make = strategy.fresh

        def fresh() -> AnyStrategy:
            self.ran = make()
            return self.ran

        vars(strategy)["fresh"] = fresh

    @property
    def attributes(self) -> dict[str, Any]:
        """What the instance has after its run, parameters left out."""
        known = {*self.ran.params, "_register"}
        return {name: value for name, value in vars(self.ran).items() if name not in known}


def check_state(keeper: Keeper) -> None:
    """StateError names the attribute that can't be stored, or says that they are too large."""
    owner, sizes = type(keeper.ran).__name__, dict[str, int]()
    for name, value in keeper.attributes.items():
        try:
            stored = _stored(value)
            _Reader(io.BytesIO(stored)).load()
        except Exception as error:
            raise StateError(why_not_kept(owner, name, value, error)) from error
        sizes[name] = len(stored)
    if sum(sizes.values()) > LARGEST_STATE:
        largest = max(sizes, key=lambda name: sizes[name])
        raise StateError(
            f"{owner} keeps {sum(sizes.values()):,} bytes between bars, {sizes[largest]:,} of them "
            f"in self.{largest}; {LARGEST_STATE:,} at most, so keep what it needs and no history"
        )


def why_not_kept(owner: str, name: str, value: object, error: Exception) -> str:
    """One line about an attribute that can't be stored."""
    said = " ".join(str(error).split())
    return (
        f"{owner} keeps in self.{name} what can't be stored between bars "
        f"({type(value).__name__}): {said}; keep plain values, lists, dicts and arrays"
    )


def _stored(value: object) -> bytes:
    buffer = io.BytesIO()
    _Writer(buffer, protocol=5).dump(value)
    return buffer.getvalue()


class _Writer(pickle.Pickler):
    """Indicators are computed anew from the bars, so only a mark is left of them."""

    def persistent_id(self, obj: object) -> str | None:
        if isinstance(obj, Handle):
            raise TypeError(
                f"{obj!r} stands for the bars to come; register it with self.indicator, or read ctx"
            )
        return "indicator" if isinstance(obj, IndicatorView) else None


class _Reader(pickle.Unpickler):
    def persistent_load(self, pid: object) -> object:
        return pid
