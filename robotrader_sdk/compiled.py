"""Plain Python functions that also run compiled.

A rule of the market is written once, as a plain function marked `@rule`. Called from Python
it is that plain function; called from a function marked `@compiled` it is machine code. Both
give the same floats: no fast-math, no reordering. So a short job can run plain and be done
before numba, which takes a second to import, is there at all.

Compiled functions are cached on disk. Numba ties a cache entry to the one file of the
outermost function, so a change of a rule in another file would go unseen; here every entry
is tied to the sources of all rules that the function may use.
"""

from __future__ import annotations

import functools
import hashlib
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, ParamSpec, TypeVar, cast

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from robotrader_sdk import compiler, types
from robotrader_sdk.compiler import options_for_entries, options_for_rules
from robotrader_sdk.loading import without_collecting

T = TypeVar("T", bound=np.generic)
P = ParamSpec("P")
R = TypeVar("R")

_rules: list[Callable[..., Any]] = []
_n_registered = 0
_WORTH_STARTING = 300_000.0
"""Microseconds: about what loading numba and machine code takes."""
_WORTH_LOADING = 10_000.0
"""Microseconds: about what machine code alone takes, once numba runs in this process."""
_has_started = False
_announced = False


def rule(function: Callable[P, R]) -> Callable[P, R]:
    """Mark a function as usable in plain Python and, unchanged, in compiled code."""
    _rules.append(function)
    return function


class Compiled(Generic[P, R]):
    """A function that is compiled when it is first called."""

    def __init__(self, function: Callable[P, R]) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self._plain_microseconds = 0.0

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the machine code, making it first if need be."""
        if self.is_loaded:
            return cast("R", self.dispatcher(*args, **kwargs))
        with without_collecting():
            return cast("R", self.dispatcher(*args, **kwargs))

    @property
    def is_loaded(self) -> bool:
        """Whether machine code is at hand in this process."""
        return "dispatcher" in self.__dict__

    def for_work(self, plain_microseconds: float) -> Callable[P, R]:
        """The form that is done first: short jobs run plain, while their code is not loaded.

        `plain_microseconds` estimates the job at hand. Once the plain jobs of this process add
        up to what loading takes, a third of a second or, where numba is in use for something
        else, a hundredth, it is machine code for good.
        """
        if self.is_loaded:
            return self
        self._plain_microseconds += plain_microseconds
        enough = _WORTH_LOADING if _has_started else _WORTH_STARTING
        return self.function if self._plain_microseconds < enough else self

    def for_types_of(self, *args: P.args, **_: P.kwargs) -> Callable[P, R]:
        """The machine code itself, for arguments of exactly these types, now and ever after.

        It is called without looking at the types again, which for a book of tables takes
        longer than most functions of one.
        """
        import numba

        typeof: Callable[[Any], Any] = numba.typeof
        signature = tuple(map(typeof, args))
        with without_collecting():
            self.dispatcher.compile(signature)
        machine_code: Callable[P, R] = self.dispatcher.overloads[signature].entry_point
        return machine_code

    @functools.cached_property
    def dispatcher(self) -> Any:
        """Numba's own callable."""
        global _has_started
        import numba

        _has_started = True
        _register_rules()
        dispatcher: Any = numba.njit(cache=True, **options_for_entries())(self.function)
        cache_file = dispatcher._cache._cache_file
        cache_file._source_stamp = (cache_file._source_stamp, _sources_digest(self.function))
        if _is_cached(cache_file):
            _load_without_registries(dispatcher)
        else:
            _announce()
        return dispatcher


def compiled(function: Callable[P, R]) -> Compiled[P, R]:
    """Compile a function at its first call, and keep the machine code on disk.

    It may call functions marked `@rule` and allocates no arrays: its caller does.
    """
    return Compiled(function)


def uniform(values: npt.ArrayLike, dtype: type[T]) -> NDArray[T]:
    """Values as the one kind of array that compiled functions read: contiguous and read-only.

    Nothing is copied that already fits. Without it the copy-on-write arrays of pandas, mutable
    ones and strided ones would each compile a function once more.
    """
    view = np.ascontiguousarray(values, dtype=dtype).view()
    view.flags.writeable = False
    return view


def _is_cached(cache_file: Any) -> bool:
    """Whether machine code of these sources is on disk; what can't be read is dropped."""
    try:
        return bool(cache_file._load_index())
    except (AttributeError, ImportError, EOFError, TypeError, ValueError, pickle.PickleError):
        cache_file.flush()  # written by another version, whose types are gone
        return False


def _load_without_registries(dispatcher: Any) -> None:
    """Spare a start from the cache the half second in which numba learns to compile.

    Numba loads all it knows of typing and lowering before it looks into its cache, and looks for
    extensions among all installed packages, although machine code that is there needs none of
    it. A miss loads what it knows as always; extensions are no matter of ours.
    """
    dispatcher._compilation_chain_init_hook = _nothing
    cache = dispatcher._cache

    def load_overload(signature: Any, target_context: Any) -> Any:
        with cache._guard_against_spurious_io_errors():
            return cache._load_overload(signature, target_context)

    cache.load_overload = load_overload


def _nothing() -> None:
    pass


def _register_rules() -> None:
    global _n_registered
    from numba.extending import register_jitable

    for function in _rules[_n_registered:]:
        register_jitable(**options_for_rules())(function)
    _n_registered = len(_rules)


def _announce() -> None:
    """Say once that compiling takes a moment: the user waits and has to know for what."""
    global _announced
    if not _announced:
        _announced = True
        print(  # noqa: T201 - a notice to the person waiting
            "RoboTrader: compiling its kernels, once on this machine (about ten seconds) ...",
            file=sys.stderr,
            flush=True,
        )


def _sources_digest(function: Callable[..., Any]) -> str:
    """Of the rules a function may use: those of its own package and of `trading`."""
    packages = {function.__module__.rpartition(".")[0], "robotrader_sdk.trading"}
    files = {f.__code__.co_filename for f in _rules if f.__module__.rpartition(".")[0] in packages}
    files |= {__file__, compiler.__file__, types.__file__}
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(Path(path).read_bytes())
    return digest.hexdigest()
