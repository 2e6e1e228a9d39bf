"""Whatever a user can reach from `rt` says what it is."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterator
from typing import Any

import pytest

import robotrader_sdk as rt
from strategies.catalog import CATALOG


def _reachable() -> Iterator[tuple[str, Any]]:
    for name in rt.__all__:
        yield f"rt.{name}", getattr(rt, name)
    for name in rt.ta.__all__:
        if name != "CATALOG":
            yield f"rt.ta.{name}", getattr(rt.ta, name)
    for name, value in vars(rt.errors).items():
        if inspect.isclass(value):
            yield f"rt.errors.{name}", value
    for name, entry in CATALOG.items():
        yield f"strategies.{name}", entry.load()


PUBLIC = dict(_reachable())


def _members(owner: type) -> Iterator[tuple[str, Any]]:
    for name, value in vars(owner).items():
        if name.startswith("_") or name in getattr(owner, "_fields", ()):
            continue
        if isinstance(value, classmethod | staticmethod):
            yield name, value.__func__
        elif inspect.isfunction(value) or isinstance(value, property):
            yield name, value
        elif hasattr(value, "func"):  # cached_property
            yield name, value.func


def _is_written(owner: type, text: str | None) -> bool:
    """Whether somebody wrote it, and not dataclass or NamedTuple."""
    if not text:
        return False
    made_by_dataclass = dataclasses.is_dataclass(owner) and text.startswith(f"{owner.__name__}(")
    return not (made_by_dataclass or text == f"{owner.__name__}({', '.join(_fields(owner))})")


def _fields(owner: type) -> tuple[str, ...]:
    fields: tuple[str, ...] = getattr(owner, "_fields", ())
    return fields


@pytest.mark.parametrize("name", PUBLIC)
def test_has_a_docstring(name: str) -> None:
    value = PUBLIC[name]
    if not inspect.isclass(value):
        assert inspect.getdoc(value)
        return
    assert _is_written(value, vars(value).get("__doc__"))
    inherited = {member for base in value.__mro__[1:] for member in vars(base)}
    silent = [
        member for member, part in _members(value) if not part.__doc__ and member not in inherited
    ]
    assert silent == []
