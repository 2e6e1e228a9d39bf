"""Python's own view of code: whose code a value runs, and whether two run the same."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from types import CodeType, FunctionType
from typing import Any

_SAME_IN_EQUAL_CODE = (
    "co_name", "co_argcount", "co_posonlyargcount", "co_kwonlyargcount", "co_code", "co_names",
    "co_varnames", "co_freevars", "co_cellvars", "co_flags", "co_exceptiontable",
)  # fmt: skip


def plain_function(value: Any) -> FunctionType | None:
    """The function that a user wrote: below decorators, numba, property, staticmethod."""
    for _ in range(20):
        if isinstance(value, FunctionType):
            inner = value.__dict__.get("__wrapped__")
            if inner is None:
                return value
            value = inner
        elif isinstance(value, property):
            value = value.fget or value.fset
        elif isinstance(value, functools.partial | functools.cached_property):
            value = value.func
        elif isinstance(value, type):
            return None
        else:
            value = next(
                (found for name in ("py_func", "__func__", "__wrapped__")
                 if (found := getattr(value, name, None)) is not None),
                None,
            )  # fmt: skip
    return None


def methods(owner: type) -> Iterator[FunctionType]:
    """The functions that were written in a class, not those that dataclass and others made."""
    for value in vars(owner).values():
        function = plain_function(value)
        if (
            function is not None
            and function.__code__.co_filename != "<string>"
            and function.__module__ == owner.__module__
            and function.__qualname__.startswith(f"{owner.__qualname__}.")
        ):
            yield function


def written_code(value: object) -> CodeType | None:
    """A code object that came from the source of a function, or of a method of a class."""
    if isinstance(value, type):
        return next((function.__code__ for function in methods(value)), None)
    function = plain_function(value)
    return None if function is None else function.__code__


def same_code(one: CodeType, other: CodeType) -> bool:
    """Whether two code objects do the same, wherever they were written."""
    if any(getattr(one, name) != getattr(other, name) for name in _SAME_IN_EQUAL_CODE):
        return False
    if len(one.co_consts) != len(other.co_consts):
        return False
    return all(map(_same_constant, one.co_consts, other.co_consts))


def _same_constant(one: object, other: object) -> bool:
    if isinstance(one, CodeType) and isinstance(other, CodeType):
        return same_code(one, other)
    if type(one) is not type(other):
        return False
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(map(_same_constant, one, other))
    return one == other if isinstance(one, frozenset) else repr(one) == repr(other)


def nested_codes(code: CodeType) -> Iterator[CodeType]:
    """All code objects within one, outer ones first."""
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from nested_codes(constant)
