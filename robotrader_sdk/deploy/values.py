"""Which values of a global can't travel, whatever the source says."""

from __future__ import annotations

import io
import types
from collections.abc import Coroutine, Iterator
from typing import Any

_DATA = "can't travel: data belongs into the bars, a few numbers into a tuple or dict"
_ARRAY = "can't travel: write its values as a tuple and make the array where it is used"


def why_not(value: object, depth: int = 0) -> str | None:
    """Why a value can't travel, as `is an open file, ...`; None: nothing is known against it."""
    reason = _why_not_this(value)
    if reason is None and depth < 5:
        for part in _parts(value):
            inner = why_not(part, depth + 1)
            if inner is not None:
                return f"holds something that {inner}"
    return reason


def _parts(value: object) -> tuple[Any, ...]:
    if isinstance(value, dict):
        return (*value.values(),)
    if isinstance(value, list | tuple | set | frozenset):
        return (*value,)
    return ()


def _why_not_this(value: object) -> str | None:
    if isinstance(value, type):
        return None
    if isinstance(value, io.IOBase) or type(value).__name__ == "_TemporaryFileWrapper":
        return "is an open file, and the jail has no files"
    for kind in type(value).__mro__:
        reason = _why_not_kind(kind.__module__.partition(".")[0], kind.__name__)
        if reason is not None:
            return reason
    return _why_not_running(value)


def _why_not_kind(module: str, name: str) -> str | None:
    if module == "pandas" and name in {"DataFrame", "Series", "Index"}:
        return f"is {'an' if name == 'Index' else 'a'} {name}, which {_DATA}"
    if module == "numpy" and name == "ndarray":
        return f"is a numpy array, which {_ARRAY}"
    if module in {"_thread", "threading", "multiprocessing"}:
        return "is a lock or a thread, and the jail has no threads"
    if module in {"socket", "_socket", "ssl"}:
        return "is a socket, and the jail has no network"
    if (module == "random" and name == "Random") or (
        module == "numpy" and name in {"Generator", "RandomState"}
    ):
        return "has a state that a restarted bot would lose; use ctx.rng"
    return None


def _why_not_running(value: object) -> str | None:
    if isinstance(value, types.GeneratorType | types.AsyncGeneratorType):
        return "is a generator, which can't travel half used; make it where it is used"
    if isinstance(value, Coroutine):
        return "is a coroutine, which can't travel"
    if isinstance(value, Iterator):
        return "is an iterator, which can't travel half used; make it where it is used"
    return None
