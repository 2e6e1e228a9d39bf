"""Plain Python functions that also run compiled.

A rule of the market is written once, as a plain function marked `@rule`. Called from Python
it is that plain function; called from a function marked `@compiled` it is machine code. Both
give the same floats: no fast-math, no reordering.

Compiled functions are cached on disk. Numba ties a cache entry to the one file of the
outermost function, so a change of a rule in another file would go unseen; here every entry
is tied to the sources of the whole SDK.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import numba
from numba.extending import register_jitable

P = ParamSpec("P")
R = TypeVar("R")

_announced = False


def rule(function: Callable[P, R]) -> Callable[P, R]:
    """Mark a function as usable in plain Python and, unchanged, in compiled code."""
    marked: Callable[P, R] = register_jitable(function)
    return marked


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function at its first call, and keep the machine code on disk."""
    dispatcher: Any = numba.njit(cache=True, nogil=True)(function)
    _tie_cache_to_sources(dispatcher)
    dispatcher.__doc__ = function.__doc__
    announced: Callable[P, R] = dispatcher
    return announced


def announce_compilation(dispatcher: Any) -> None:
    """Say once that compiling takes a moment, where no machine code is on disk yet."""
    global _announced
    if _announced or dispatcher.signatures or dispatcher._cache._cache_file._load_index():
        return
    _announced = True
    print(  # noqa: T201 - the user waits and has to know for what
        "RoboTrader: compiling its kernels, once on this machine (about ten seconds) ...",
        file=sys.stderr,
        flush=True,
    )


def _tie_cache_to_sources(dispatcher: Any) -> None:
    cache_file = dispatcher._cache._cache_file
    cache_file._source_stamp = (cache_file._source_stamp, _sources_digest())


@cache
def _sources_digest() -> str:
    digest = hashlib.sha256()
    for folder in ("", "trading", "backtest", "analytics", "data", "indicators"):
        for path in sorted((Path(__file__).parent / folder).glob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()
