"""Modules: the library's own, what is installed, and what the user wrote beside the strategy."""

from __future__ import annotations

import importlib.util
import sys
import sysconfig
from pathlib import Path
from types import ModuleType
from typing import Any

from robotrader_sdk.deploy.available import LIBRARY

ROOT = Path(__file__).resolve().parents[2]
"""The folder that the library's packages stand in."""


def is_library(module: str) -> bool:
    """Whether a module, by its full name, is one of the library's, and not a namesake."""
    top = module.partition(".")[0]
    if top not in LIBRARY:
        return False
    loaded = sys.modules.get(top)
    file = getattr(loaded, "__file__", None)
    return file is None or Path(file).resolve() == ROOT / top / "__init__.py"


def is_own(module: str) -> bool:
    """Whether a module is the user's own file, which no installation brings along."""
    top = module.partition(".")[0]
    if is_library(module) or top in sys.stdlib_module_names:
        return False
    found = sys.modules.get(module) or sys.modules.get(top)
    return found is not None and is_own_file(vars(found))


def is_own_file(namespace: dict[str, Any]) -> bool:
    """Whether a namespace is that of a Python file which no installation has brought along."""
    file = namespace.get("__file__")
    if not isinstance(file, str) or not (file.endswith(".py") or file.startswith("<")):
        return False
    folders = {sysconfig.get_path(name) for name in ("purelib", "platlib", "stdlib")}
    return not any(Path(file).is_relative_to(folder) for folder in folders)


def absolute_name(module: str | None, level: int, package: str) -> str | None:
    """A module's full name, as written in `from module import`; None if it leaves its package."""
    if not level:
        return module or ""
    try:
        return importlib.util.resolve_name("." * level + (module or ""), package)
    except ImportError:
        return None


def value_at(module: str, name: str | None, *, top: bool = False) -> object:
    """What an import gives, of modules that are loaded; NotImplemented where it can't be told."""
    loaded: object = sys.modules.get(module.partition(".")[0] if top else module, NotImplemented)
    if name is None or not isinstance(loaded, ModuleType):
        return loaded
    return getattr(loaded, name, sys.modules.get(f"{module}.{name}", NotImplemented))
