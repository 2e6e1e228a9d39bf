"""Whether what a source gives is what runs: live values compared with those made anew.

Values of classes that were made twice are never equal to Python, so they are compared by what
they are made of: functions by their code, defaults and cells, classes by bases and attributes.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import logging
import re
import types
from typing import Any

from robotrader_sdk.deploy.code import plain_function, same_code

_DESCRIPTORS = (property, staticmethod, classmethod, functools.cached_property)
_NOT_OF_A_CLASS = {
    "__module__", "__dict__", "__weakref__", "__doc__", "__orig_bases__",
    "__parameters__", "__qualname__", "__firstlineno__", "__static_attributes__",
    "__annotate__", "__annotate_func__", "__annotations_cache__", "__abstractmethods__",
    "__dataclass_fields__", "__dataclass_params__", "__signature__", "__class_vars__",
    "__private_attributes__", "_abc_impl", "_model",
}  # fmt: skip
"""Caches, where a class was made, and what only repeats its other attributes."""
_NOT_OF_AN_INSTANCE = frozenset({"__module__", "__doc__", "__wrapped__", "__annotations__"})
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


def difference(live: object, copy: object, *, lifted: bool = False) -> str | None:
    """Where two values differ, as `.signals`; None if nowhere, "" if as a whole.

    lifted: what was a variable of a function is a constant in the copy, so code isn't compared.
    """
    return _Comparison(lifted).difference(live, copy)


class _Comparison:
    """One comparison, which remembers the pairs that are being compared: values refer to others."""

    def __init__(self, lifted: bool) -> None:
        self._lifted = lifted
        self._seen: dict[tuple[int, int], tuple[object, object]] = {}

    def difference(self, live: Any, copy: Any) -> str | None:
        if live is copy or (id(live), id(copy)) in self._seen:
            return None
        self._seen[id(live), id(copy)] = (live, copy)
        if isinstance(live, type) or isinstance(copy, type):
            both = isinstance(live, type) and isinstance(copy, type)
            return self._classes(live, copy) if both else ""
        if type(live) is not type(copy) and self.difference(type(live), type(copy)) is not None:
            return ""
        return self._alike(live, copy)

    def _alike(self, live: Any, copy: Any) -> str | None:
        """Two values of the same type."""
        if isinstance(live, types.FunctionType):
            return self._functions(live, copy)
        if isinstance(live, types.CodeType):
            return None if same_code(live, copy) else ""
        if isinstance(live, _DESCRIPTORS):
            return self._descriptors(live, copy)
        if hasattr(live, "py_func") and hasattr(live, "targetoptions"):  # numba's
            options = self._mappings(live.targetoptions, copy.targetoptions)
            return options if options is not None else self.difference(live.py_func, copy.py_func)
        if isinstance(live, types.MethodType):
            return self._sequences(
                (live.__func__, live.__self__), (copy.__func__, copy.__self__), ""
            )
        if isinstance(live, dict | types.MappingProxyType):
            return self._mappings(live, copy)
        if isinstance(live, enum.Enum):
            return None if (live.name, repr(live.value)) == (copy.name, repr(copy.value)) else ""
        if type(live).__module__ in {"builtins", "collections"} and isinstance(live, list | tuple):
            return self._sequences(live, copy, "")
        return self._instances(live, copy)

    def _instances(self, live: Any, copy: Any) -> str | None:
        if isinstance(live, logging.Logger) or type(live) is object:
            return None
        if hasattr(live, "__origin__") and hasattr(live, "__args__"):  # list[X], Literal[...]
            return self._sequences(_parts_of_alias(live), _parts_of_alias(copy), "")
        if isinstance(live, set | frozenset):
            same = len(live) == len(copy) and sorted(map(_shown, live)) == sorted(map(_shown, copy))
            return None if same else ""
        if isinstance(live, functools.partial):
            one = (live.func, live.args, live.keywords)
            return self._sequences(one, (copy.func, copy.args, copy.keywords), "")
        state = self._mappings(_state(live), _state(copy))
        if state is not None or _has_own_state(live):
            if isinstance(live, list | tuple):
                return state if state is not None else self._sequences(list(live), list(copy), "")
            return state
        return None if _shown(live) == _shown(copy) else ""

    def _functions(self, live: types.FunctionType, copy: types.FunctionType) -> str | None:
        if not self._lifted:
            if not same_code(live.__code__, copy.__code__):
                return ""
            if self._sequences(_cells(live), _cells(copy), "") is not None:
                return "'s cells"
        defaults = (live.__defaults__, live.__kwdefaults__)
        if self.difference(defaults, (copy.__defaults__, copy.__kwdefaults__)) is not None:
            return "'s defaults"
        wrapped = live.__dict__.get("__wrapped__"), copy.__dict__.get("__wrapped__")
        if self.difference(*wrapped) is not None:
            return ""
        set_later = self._mappings(_without(vars(live)), _without(vars(copy)))
        return None if set_later is None else "'s attributes"

    def _descriptors(self, live: Any, copy: Any) -> str | None:
        if isinstance(live, property):
            parts = [(live.fget, copy.fget), (live.fset, copy.fset), (live.fdel, copy.fdel)]
            return next((d for pair in parts if (d := self.difference(*pair)) is not None), None)
        return self.difference(plain_function(live), plain_function(copy))

    def _classes(self, live: type, copy: type) -> str | None:
        # Classes of a library are one and the same object; two of its own are different ones.
        if live.__qualname__.split(".")[-1] != copy.__qualname__.split(".")[-1]:
            return ""
        if self._sequences(live.__bases__, copy.__bases__, "") is not None:
            return "'s base class"
        if self.difference(type(live), type(copy)) is not None:
            return "'s metaclass"
        fields = self._sequences(_defaults_of_fields(live), _defaults_of_fields(copy), "")
        return fields if fields is not None else self._attributes(live, copy)

    def _attributes(self, live: type, copy: type) -> str | None:
        one, other = _own_attributes(live), _own_attributes(copy)
        for name in (*one, *(name for name in other if name not in one)):
            if name not in one or name not in other:
                return f".{name}"
            inner = self.difference(one[name], other[name])
            if inner is not None:
                return f".{name}{inner}"
        return None

    def _mappings(self, live: Any, copy: Any) -> str | None:
        if len(live) != len(copy):
            return ""
        keys = self._sequences(list(live), list(copy), "")
        if keys is not None:
            return keys
        return self._sequences(list(live.values()), list(copy.values()), "")

    def _sequences(self, live: Any, copy: Any, where: str) -> str | None:
        if len(live) != len(copy):
            return where
        different = any(
            self.difference(one, other) is not None for one, other in zip(live, copy, strict=True)
        )
        return where if different else None


def _own_attributes(owner: type) -> dict[str, Any]:
    return {
        name: value
        for name, value in vars(owner).items()
        if name not in _NOT_OF_A_CLASS and not name.startswith("__pydantic_")
    }


def _defaults_of_fields(owner: type) -> list[Any]:
    if not dataclasses.is_dataclass(owner):
        return []
    return [(f.name, f.default, f.default_factory) for f in dataclasses.fields(owner)]


def _cells(function: types.FunctionType) -> list[Any]:
    return [_content(cell) for cell in function.__closure__ or ()]


def _content(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not filled yet
        return None


def _parts_of_alias(alias: Any) -> tuple[Any, ...]:
    return (alias.__origin__, *alias.__args__)


def _state(value: Any) -> dict[str, Any]:
    """The attributes of an instance, slots included."""
    found = dict(getattr(value, "__dict__", {}))
    for owner in type(value).__mro__:
        slots = vars(owner).get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if hasattr(value, name) and name not in {"__dict__", "__weakref__"}:
                found[name] = getattr(value, name)
    return _without(found)


def _has_own_state(value: Any) -> bool:
    return hasattr(value, "__dict__") or any("__slots__" in vars(o) for o in type(value).__mro__)


def _without(attributes: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in attributes.items() if k not in _NOT_OF_AN_INSTANCE}


def _shown(value: object) -> str:
    return f"{type(value).__name__} {_ADDRESS.sub('', repr(value))}"
