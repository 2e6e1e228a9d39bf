"""What all instances of a bundle's classes share, which a bot that is started again has lost."""

from __future__ import annotations

import hashlib
import pickle
import types
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from robotrader_sdk.deploy.code import plain_function
from robotrader_sdk.deploy.plain import is_plain, literal
from robotrader_sdk.strategy.params import Param

_CACHES = frozenset({"_model"})
_NAMED = (type, types.FunctionType, types.ModuleType, Param)
_DEEPEST = 10


def shared_values(module: types.ModuleType) -> dict[str, str]:
    """By name: globals, attributes of classes, defaults of functions, variables around them.

    What can't be told by its content, such as a generator, is left to the run with restarts.
    """
    return dict(_Look(module.__name__).at_module(module))


def first_change(before: Mapping[str, str], after: Mapping[str, str]) -> str | None:
    """The first name whose value has changed; None: none has."""
    names = [*before, *(name for name in after if name not in before)]
    return next((name for name in names if before.get(name) != after.get(name)), None)


class _Look:
    """One look at all of it: what two names stand for is told under the first."""

    def __init__(self, module: str) -> None:
        self._module = module
        self._seen: set[int] = set()

    def at_module(self, module: types.ModuleType) -> Iterator[tuple[str, str]]:
        for name, value in list(vars(module).items()):
            if not name.startswith("__"):
                yield from self._at(name, value)

    def _at(self, name: str, value: Any) -> Iterator[tuple[str, str]]:
        function = value if isinstance(value, types.FunctionType) else plain_function(value)
        if isinstance(function, types.FunctionType):
            yield from self._at_function(name, function)
        elif isinstance(value, property):
            for part in (value.fget, value.fset, value.fdel):
                yield from self._at(name, part) if part is not None else ()
        elif isinstance(value, type):
            yield from self._at_class(name, value)
        elif not isinstance(value, _NAMED):
            yield name, self._told(value, ())

    def _at_class(self, name: str, owner: type) -> Iterator[tuple[str, str]]:
        if owner.__module__ != self._module or id(owner) in self._seen:
            return
        self._seen.add(id(owner))
        for attribute, value in list(vars(owner).items()):
            if attribute in _CACHES or attribute.startswith(("__pydantic", "_abc_")):
                continue
            is_code = isinstance(value, types.FunctionType)
            if is_code or not (attribute.startswith("__") and attribute.endswith("__")):
                yield from self._at(f"{name}.{attribute}", value)

    def _at_function(self, name: str, function: types.FunctionType) -> Iterator[tuple[str, str]]:
        if function.__module__ != self._module or id(function) in self._seen:
            return
        self._seen.add(id(function))
        code = function.__code__
        defaults = function.__defaults__ or ()
        first = code.co_argcount - len(defaults)
        names = code.co_varnames[first : code.co_argcount]
        for argument, value in (
            *zip(names, defaults, strict=True),
            *(function.__kwdefaults__ or {}).items(),
        ):
            yield f"{argument}, a default of {name},", self._told(value, ())
        for variable, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
            inner = _content(cell)
            if isinstance(inner, types.FunctionType):
                yield from self._at_function(f"{name} ({variable})", inner)
            elif variable != "__class__":
                yield f"{variable}, a variable around {name},", self._told(inner, ())
        for attribute, value in vars(function).items():
            if attribute != "__wrapped__":
                yield from self._at(f"{name}.{attribute}", value)

    def _told(self, value: Any, around: tuple[int, ...]) -> str:
        """A value as a text that differs where its content does."""
        if is_plain(value):
            return literal(value)
        if id(value) in around or len(around) > _DEEPEST:
            return "..."
        around = (*around, id(value))
        kind = type(value)
        if isinstance(value, _NAMED) or hasattr(value, "py_func"):
            return f"{getattr(value, '__qualname__', kind.__name__)}"
        if isinstance(value, np.ndarray) and value.dtype != object:
            return f"{value.dtype}{value.shape}{_hash(value.tobytes())}"
        if isinstance(value, dict):
            items = [f"{self._told(k, around)}: {self._told(v, around)}" for k, v in value.items()]
            return f"{kind.__name__}{items}{self._attributes(value, around)}"
        if isinstance(value, list | tuple | deque | set | frozenset):
            items = [self._told(item, around) for item in value]
            items = sorted(items) if isinstance(value, set | frozenset) else items
            return f"{kind.__name__}{items}{self._attributes(value, around)}"
        if kind.__module__ == self._module:
            return f"{kind.__name__}{self._attributes(value, around)}"
        return _stored(value)

    def _attributes(self, value: Any, around: tuple[int, ...]) -> str:
        if type(value).__module__ != self._module:
            return ""
        found = dict(getattr(value, "__dict__", {}))
        for owner in type(value).__mro__:
            slots = vars(owner).get("__slots__", ())
            for name in (slots,) if isinstance(slots, str) else slots:
                found[name] = getattr(value, name, None)
        return str({name: self._told(inner, around) for name, inner in found.items()})


def _content(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not filled yet
        return None


def _stored(value: object) -> str:
    if isinstance(value, Iterator):  # `count(3)` tells where it is
        return repr(value)
    try:
        return f"{type(value).__name__} {_hash(pickle.dumps(value))}"
    except Exception:  # noqa: BLE001 - whatever it raises, it can't be told by its content
        return type(value).__name__


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
