"""Classes of the library: they travel by name, and are known by the hash of their source."""

from __future__ import annotations

import ast
import functools
import hashlib
import sys
from pathlib import Path
from types import ModuleType

from robotrader_sdk.deploy.available import LIBRARY
from robotrader_sdk.deploy.modules import ROOT, is_library
from robotrader_sdk.deploy.sameness import difference
from robotrader_sdk.errors import BundleError


def library_source_hash(name: str) -> str:
    """The sha256, in hex, of the text of the file in which a class of the library is defined.

    name: as `Bundle.library` has it, `strategies.sma_cross.SmaCross`. BundleError if there is no
    such class.
    """
    return hashlib.sha256(_text(name).encode()).hexdigest()


def import_of_library(owner: type) -> str:
    """The source that stands for a class of the library; BundleError if it was changed since."""
    changed = what_changed(owner)
    if changed is not None:
        raise BundleError(f"{owner.__name__} can't travel: {changed}")
    return f"from {owner.__module__} import {owner.__name__}\n"


def library_name(name: str, source: str) -> str | None:
    """The full name of the library's class, where a source is nothing but its import."""
    body = ast.parse(source).body
    node = body[0] if len(body) == 1 else None
    if not isinstance(node, ast.ImportFrom) or node.level or len(node.names) != 1:
        return None
    alias, module = node.names[0], node.module or ""
    if alias.asname is not None or alias.name != name:
        return None
    return f"{module}.{name}" if module.partition(".")[0] in LIBRARY else None


def is_library_class(owner: type) -> bool:
    """Whether a class is one that the library's own file defines."""
    module = sys.modules.get(owner.__module__)
    file = getattr(module, "__file__", None)
    return (
        is_library(owner.__module__) and file is not None and ROOT in Path(file).resolve().parents
    )


def what_changed(owner: type) -> str | None:
    """How a class of the library differs from its file, in words; None: not at all, or no such."""
    if not is_library_class(owner) or not owner.__module__.startswith("strategies."):
        return None
    made = vars(_made_anew(owner.__module__)).get(owner.__name__)
    where = difference(owner, made)
    if where is None:
        return None
    part = where.lstrip(".") or "something"
    return f"{part} of it was changed at run time; derive a class of your own from it instead"


@functools.cache
def _made_anew(name: str) -> ModuleType:
    """A module of the library, read from its file once more."""
    module = ModuleType(name)
    path = ROOT.joinpath(*name.split(".")).with_suffix(".py")
    code = compile(path.read_text(encoding="utf-8"), str(path), "exec", dont_inherit=True)
    exec(code, vars(module))  # noqa: S102 - the library's own file
    return module


def _text(name: str) -> str:
    module, _, class_name = name.rpartition(".")
    parts = module.split(".")
    path = ROOT.joinpath(*parts).with_suffix(".py")
    is_known = parts[0] in LIBRARY and all(map(str.isidentifier, parts)) and path.is_file()
    text = path.read_text(encoding="utf-8") if is_known else ""
    defined = {node.name for node in ast.parse(text).body if isinstance(node, ast.ClassDef)}
    if class_name not in defined:
        raise BundleError(
            f"the library has no class {name!r}; expected a full name, such as "
            f"strategies.sma_cross.SmaCross"
        )
    return text
