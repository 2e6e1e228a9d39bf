"""STRATEGY as a user writes it: a catalog's name, `module:Class` or `path.py:Class`."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
import sysconfig
import traceback
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, TypeGuard

import robotrader_sdk as rt
from robotrader_sdk.cli.catalogs import find_strategy, load_entry
from robotrader_sdk.data.spelling import did_you_mean
from robotrader_sdk.errors import StrategyError, UnknownStrategyError

if TYPE_CHECKING:
    from robotrader_sdk.cli.catalogs import StrategyClass

# Code that no user repairs: the SDK, the standard library, installed packages.
_LIBRARIES = (
    str(Path(rt.__file__).parent),
    *(sysconfig.get_path(kind) for kind in ("stdlib", "purelib", "platlib")),
)


def load_strategy_class(reference: str) -> StrategyClass:
    """The class a reference names.

    UnknownStrategyError if there is none; StrategyError in one line, with file and line, if
    its code can't be imported.
    """
    place, separator, name = reference.rpartition(":")
    if separator and place and name and not reference.endswith(".py"):
        module = _from_file(Path(place)) if place.endswith(".py") else _from_module(place)
        return _pick(module, name, place)
    if reference.endswith(".py") or separator:
        raise UnknownStrategyError(
            f"{reference!r} names no class; expected module:Class or path.py:Class, such as "
            f"{(place or reference).rstrip(':')}:MyStrategy"
        )
    return load_entry(*find_strategy(reference))


def _from_file(path: Path) -> ModuleType:
    path = path.expanduser().absolute()
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise UnknownStrategyError(f"{path} {what}; expected a Python file with a strategy")
    # Unlike the stem it is no other module's name, and alike in every run.
    name = f"strategy_file_{hashlib.sha256(str(path).encode()).hexdigest()[:12]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise StrategyError(f"{path} can't be imported; expected a Python file")
    _search_in(path.parent)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # where the types of declared parameters are looked up
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise StrategyError(f"{path} can't be imported: {_describe(error)}") from error
    return module


def _from_module(name: str) -> ModuleType:
    _search_in(Path.cwd())
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{name}.".startswith(f"{error.name}."):
            raise UnknownStrategyError(
                f"there is no module {error.name!r} in {Path.cwd()} or among the installed "
                f"packages; expected module:Class or path.py:Class"
            ) from None
        raise StrategyError(f"module {name} can't be imported: {_describe(error)}") from error
    except Exception as error:
        raise StrategyError(f"module {name} can't be imported: {_describe(error)}") from error


def _pick(module: ModuleType, name: str, place: str) -> StrategyClass:
    known = {ours: value for ours, value in vars(module).items() if _is_strategy(value)}
    if name in known:
        return known[name]
    derived = "class derived from rt.Strategy or rt.PortfolioStrategy"
    listed = f"it has {', '.join(known)}" if known else f"it has no {derived}"
    if hasattr(module, name):
        raise StrategyError(f"{place}:{name} is no {derived}; {listed}")
    raise UnknownStrategyError(f"{place} has no {name!r}{did_you_mean(name, known)}; {listed}")


def _is_strategy(value: object) -> TypeGuard[StrategyClass]:
    roots = (rt.Strategy, rt.PortfolioStrategy)
    return isinstance(value, type) and issubclass(value, roots) and value not in roots


def _search_in(folder: Path) -> None:
    """Let a strategy import what lies beside it."""
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


def _describe(error: Exception) -> str:
    """What failed at import, with the file and line that a user can repair."""
    if isinstance(error, SyntaxError):
        return f"{type(error).__name__}: {error.msg} ({error.filename}, line {error.lineno})"
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return f"{type(error).__name__}: {error}"
    theirs = [frame for frame in frames if not _is_library(frame.filename)]
    frame = (theirs or frames)[-1]
    return f"{type(error).__name__}: {error} ({frame.filename}, line {frame.lineno})"


def _is_library(filename: str) -> bool:
    return filename.startswith(("<frozen", *_LIBRARIES))
