"""A run in which the bot is ended and started again every few bars, as happens to a live one.

Each start reads the bundle anew, calls `init`, and goes on from the attributes as they were stored.
A strategy that keeps all it needs on `self` decides as if nothing had happened.
"""

from __future__ import annotations

import io
import pickle
import random
import sys
from collections.abc import Callable, Sequence
from time import perf_counter
from types import ModuleType
from typing import Any

from robotrader_sdk.deploy.kept import AnyStrategy, why_not_kept
from robotrader_sdk.errors import StateError
from robotrader_sdk.strategy.intents import Order
from robotrader_sdk.strategy.stepper import initialise

Made = tuple[ModuleType, AnyStrategy]

_MOST_RESTARTS = 100
_BARS_APART = 3
_LONGEST = 2.0
"""Seconds spent on starts: where numba compiles the user's code at each, a few have to do."""
_FEWEST_RESTARTS = 3
_HOOKS = frozenset({"init", "on_bar", "_register"})


class Restarts:
    """Ends and starts a strategy of the event form in a backtest of `strategy`.

    make: reads the bundle anew, gives its module and a strategy of it. n_bars: of the run.
    """

    def __init__(self, make: Callable[[], Made], n_bars: int) -> None:
        self._make = make
        n_restarts = min(n_bars // _BARS_APART, _MOST_RESTARTS)
        # At no regular distance: a counter of 5 would not miss what it lost 5 bars ago.
        places = random.Random(n_bars)  # noqa: S311 - the same places at each check
        self._at = frozenset(places.sample(range(1, n_bars), n_restarts))
        self._seconds, self._n_done = 0.0, 0
        _, self.strategy = make()
        vars(self.strategy)["fresh"] = self._fresh

    def again(self) -> Made:
        """What a start gives; the next one is another."""
        return self._make()

    def is_due(self, n_called: int) -> bool:
        """Whether a strategy is started again before it is called once more."""
        is_slow = self._seconds > _LONGEST and self._n_done >= _FEWEST_RESTARTS
        return n_called in self._at and not is_slow

    def note(self, seconds: float) -> None:
        """Remember what a start, and the first bar after it, have taken."""
        self._seconds += seconds
        self._n_done += 1

    def _fresh(self) -> AnyStrategy:
        module, made = self._make()
        return _Life(self, module, made).shell


class _Life:
    """One strategy of a run. The engine holds `shell`, behind which another may take over."""

    def __init__(self, restarts: Restarts, module: ModuleType, shell: AnyStrategy) -> None:
        self.shell = shell
        self._restarts, self._module, self._current = restarts, module, shell
        self._own_init, self._own_on_bar = shell.init, shell.on_bar
        vars(shell).update(init=self._init, on_bar=self._on_bar)
        self._n_called = 0
        self._handle: Any = None
        self._register: Any = None
        self._views: list[Any] = []

    def _init(self, handle: Any) -> None:
        self._handle, self._register = handle, vars(self.shell)["_register"]
        self._views = self._new_views(lambda: self._own_init(handle))

    def _on_bar(self, ctx: Any) -> None:
        is_due = self._restarts.is_due(self._n_called)
        self._n_called += 1
        if not is_due:
            self._own_on_bar(ctx)
            return
        before = perf_counter()
        self._start_again()
        self._own_on_bar(ctx)
        self._restarts.note(perf_counter() - before)

    def _start_again(self) -> None:
        # What is stored refers to classes by module and name, so this module has to be there.
        sys.modules[self._module.__name__] = self._module
        orders: list[Order] = []
        stored = _stored(self._current, self._views, orders)
        self._module, current = self._restarts.again()
        self._views = self._new_views(lambda: initialise(current, self._register, self._handle))
        vars(current).update(_Reader(stored, self._views, orders).load())
        self._current, self._own_on_bar = current, current.on_bar

    def _new_views(self, call: Callable[[], None]) -> list[Any]:
        """The indicators that a call registers."""
        registry = self._register.__self__
        known = {id(view) for view in registry.views}
        call()
        return [view for view in registry.views if id(view) not in known]


def _stored(strategy: AnyStrategy, views: Sequence[object], orders: list[Order]) -> bytes:
    """The attributes as bytes; StateError names the one that can't be stored."""
    unkept = _HOOKS | strategy.params.keys()
    kept = {name: value for name, value in vars(strategy).items() if name not in unkept}
    try:
        return _written(kept, views, orders)
    except Exception as error:
        owner = type(strategy).__name__
        for name, value in kept.items():
            try:
                _written(value, views, [])
            except Exception as reason:
                raise StateError(why_not_kept(owner, name, value, reason)) from reason
        raise StateError(why_not_kept(owner, "__dict__", kept, error)) from error


def _written(value: object, views: Sequence[object], orders: list[Order]) -> bytes:
    buffer = io.BytesIO()
    _Writer(buffer, views, orders).dump(value)
    return buffer.getvalue()


class _Writer(pickle.Pickler):
    """Indicators are computed anew, and orders live on at the exchange: both go by number."""

    def __init__(self, file: io.BytesIO, views: Sequence[object], orders: list[Order]) -> None:
        super().__init__(file, protocol=5)
        self._numbers = {id(view): number for number, view in enumerate(views)}
        self._orders = orders

    def persistent_id(self, obj: object) -> tuple[str, int] | None:
        """See `pickle.Pickler`."""
        if isinstance(obj, Order):
            self._orders.append(obj)
            return "order", len(self._orders) - 1
        number = self._numbers.get(id(obj))
        return None if number is None else ("indicator", number)


class _Reader(pickle.Unpickler):
    def __init__(self, stored: bytes, views: Sequence[object], orders: Sequence[Order]) -> None:
        super().__init__(io.BytesIO(stored))
        self._found: dict[str, Sequence[object]] = {"indicator": views, "order": orders}

    def persistent_load(self, pid: tuple[str, int]) -> object:
        """See `pickle.Unpickler`."""
        kind, number = pid
        return self._found[kind][number]
