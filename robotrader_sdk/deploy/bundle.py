"""Bundles: a strategy class as one reviewable source text that runs the same elsewhere.

    bundle = make_bundle(MyStrategy)     # BundleError names each line that can't travel, and why
    check_bundle(bundle, MyStrategy())   # the same backtest, bit for bit
    print(bundle.source)

A bundle takes along the class, the functions, classes and constants that it uses of its own
module or cells, and the imports it needs. What it uses of the user's other modules, by
`from helpers import zscore` or `from .helpers import zscore`, is written into the same text; a
module used as a whole (`import helpers`) or imported inside a function is refused. Classes of the
library travel by name. A constant travels as the expression it was written as, if that still
gives its value, otherwise as its value. What runs is compared with what the text gives, so a
bundle is never older or newer than the class that was tested.
"""

from __future__ import annotations

import ast
import hashlib
import json
import linecache
import sys
import warnings
from dataclasses import dataclass, field
from functools import cached_property
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from robotrader_sdk.deploy.bindings import Guard, bindings_of, guard_of
from robotrader_sdk.deploy.library import (
    import_of_library,
    is_library_class,
    library_name,
    library_source_hash,
)
from robotrader_sdk.errors import BundleError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pandas as pd

    from robotrader_sdk.backtest.result import BacktestResult
    from robotrader_sdk.strategy.base import Strategy
    from robotrader_sdk.strategy.portfolio import PortfolioStrategy

    AnyStrategy = Strategy | PortfolioStrategy

__all__ = [
    "Bundle",
    "CheckedCode",
    "check_bundle",
    "library_source_hash",
    "load_bundle",
    "make_bundle",
]

FORMAT = "robotrader-bundle-1"
LONGEST_SOURCE = 512 * 1024
"""Bytes of a source; a strategy is code, and data comes with the bars."""
FILE_NAME = "<strategy>"


@dataclass(frozen=True)
class Bundle:
    """A strategy class as source.

    name: the class to take from the module. source: a Python module.
    imports: the top-level packages it imports, sorted. digest: sha256 of name and source, in hex.
    BundleError if the source is no Python, too long, or gives nothing the name.
    """

    name: str
    source: str
    imports: tuple[str, ...] = field(init=False)
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        try:
            imports = sorted(set(_imported(_parsed(self.name, self.source))))
            digest = hashlib.sha256(f"{self.name}\n{self.source}".encode()).hexdigest()
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise BundleError(f"the source of bundle {self.name!r} is no Python: {error}") from None
        object.__setattr__(self, "imports", tuple(imports))
        object.__setattr__(self, "digest", digest)

    @classmethod
    def of(cls, name: str, source: str) -> Bundle:
        """A bundle of a source text that was written by hand."""
        return cls(name, source)

    @cached_property
    def library(self) -> str | None:
        """The full name of the library's class if the bundle is nothing but its import.

        `library_source_hash` gives its source's hash. None: user code.
        """
        return library_name(self.name, self.source)

    def to_json(self) -> str:
        """The bundle as JSON; `Bundle.from_json` reads it back."""
        return json.dumps(
            {
                "format": FORMAT,
                "name": self.name,
                "source": self.source,
                "imports": list(self.imports),
                "digest": self.digest,
            }
        )

    @classmethod
    def from_json(cls, text: str | bytes) -> Bundle:
        """Read what `to_json` wrote; BundleError if it is something else, or was changed since."""
        saved = _saved(text)
        bundle = cls(saved["name"], saved["source"])
        if [list(bundle.imports), bundle.digest] != [saved["imports"], saved["digest"]]:
            raise BundleError(
                f"bundle {bundle.name} was changed: its digest is {bundle.digest}, and "
                f"{saved['digest']!r} is stated"
            )
        return bundle


class CheckedCode(NamedTuple):
    """What of a Bundle is loaded: for a process that is told it by one that holds the Bundle.

    Nothing is looked at again, which takes more memory than many a strategy.
    """

    name: str
    source: str
    digest: str


def make_bundle(strategy: AnyStrategy | type[AnyStrategy]) -> Bundle:
    """The bundle of a strategy's class, from a notebook's cells, a script or a module.

    strategy: a class derived from rt.Strategy or rt.PortfolioStrategy, or an instance of one,
    whose parameters don't matter here.

    BundleError lists everything that can't travel, each with its line and the reason.
    """
    owner = _class_of(strategy)
    if is_library_class(owner) and getattr(_module_of(owner), owner.__name__, None) is owner:
        return Bundle(owner.__name__, import_of_library(owner))
    from robotrader_sdk.deploy.sources import source_of

    return Bundle(owner.__name__, source_of(owner))


def load_bundle(bundle: Bundle | CheckedCode, module_name: str | None = None) -> type[AnyStrategy]:
    """The class that a bundle holds, in a module of its own.

    module_name: how the module is called; None: by the bundle's digest, so that what was pickled
    by one process can be read by another. Loading the same bundle again gives the same class.

    BundleError if the source fails, or the name is taken by another module.
    """
    name = module_name or f"bundle_{bundle.digest[:16]}"
    loaded = sys.modules.get(name)
    if loaded is not None and getattr(loaded, "__bundle__", None) is None:
        raise BundleError(f"a module {name} is loaded already; load the bundle by another name")
    if loaded is None or loaded.__bundle__ != bundle.digest:
        loaded = load_anew(bundle, name)
    return _strategy_in(loaded, bundle)


def load_anew(bundle: Bundle | CheckedCode, module_name: str) -> ModuleType:
    """A bundle's module, made and registered under a name whatever stood there before."""
    module = ModuleType(module_name)
    file_name = _file_name(bundle)
    module.__file__ = file_name
    vars(module)["__bundle__"] = bundle.digest
    before = sys.modules.get(module_name)
    sys.modules[module_name] = module
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            code = compile(bundle.source, file_name, "exec", dont_inherit=True, optimize=0)
        exec(code, vars(module))  # noqa: S102 - that is what a bundle is for
    except Exception as error:
        sys.modules.pop(module_name)
        if before is not None:
            sys.modules[module_name] = before
        raise BundleError(_failure(bundle, file_name, error)) from error
    return module


def check_bundle(
    bundle: Bundle,
    strategy: AnyStrategy | type[AnyStrategy],
    bars: pd.DataFrame | Mapping[str, pd.DataFrame] | None = None,
) -> BacktestResult:
    """Backtest a class and its bundle on the same bars; the result, which both have given.

    The bundle runs in a process of its own, where nothing holds that was set in this one; in the
    event form once more, ended and started again every few bars from what it keeps on `self`.

    strategy: the instance whose parameters are used, or the class with its defaults.
    bars: as `rt.backtest` takes them; None: made up, a small panel for a portfolio.

    BundleDiffersError names the first difference in equity, fills, trades, orders or rejected
    orders, or what the run has changed beside `self`. StateError names the attribute that can't
    be stored between bars. DeployError if the strategy itself fails, or if the process can't be
    started, ends early or takes too long.
    """
    from robotrader_sdk.deploy import check

    _class_of(strategy)
    return check.check(bundle, strategy() if isinstance(strategy, type) else strategy, bars)


def _class_of(strategy: Any) -> type[AnyStrategy]:
    owner = strategy if isinstance(strategy, type) else type(strategy)
    if not issubclass(owner, _roots()) or owner in _roots():
        raise BundleError(
            f"a bundle is made of a class derived from rt.Strategy or rt.PortfolioStrategy, or of "
            f"an instance of one, got {strategy!r}"
        )
    return owner


def _roots() -> tuple[type[Strategy], type[PortfolioStrategy]]:
    from robotrader_sdk.strategy.base import Strategy
    from robotrader_sdk.strategy.portfolio import PortfolioStrategy

    return Strategy, PortfolioStrategy


def _module_of(owner: type) -> ModuleType | None:
    return sys.modules.get(owner.__module__)


def _strategy_in(module: ModuleType, bundle: Bundle | CheckedCode) -> type[AnyStrategy]:
    owner = getattr(module, bundle.name, None)
    if not isinstance(owner, type) or not issubclass(owner, _roots()):
        raise BundleError(f"{bundle.name} of the bundle is no strategy class")
    return owner


def _file_name(bundle: Bundle | CheckedCode) -> str:
    """The name its code goes by, with which tracebacks and numba find the text."""
    lines = bundle.source.splitlines(keepends=True)
    name = FILE_NAME
    if name in linecache.cache and "".join(linecache.getlines(name)) != bundle.source:
        name = f"<strategy {bundle.digest[:12]}>"
    linecache.cache[name] = (len(bundle.source), None, lines, name)
    return name


def _failure(bundle: Bundle | CheckedCode, file_name: str, error: Exception) -> str:
    line, trace = 0, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == file_name:
            line = trace.tb_lineno
        trace = trace.tb_next
    said = " ".join(str(error).split())
    return (
        f"bundle {bundle.name} can't be loaded: {type(error).__name__}: {said} "
        f"({file_name}, line {line})"
    )


def _parsed(name: str, source: str) -> ast.Module:
    if len(source.encode()) > LONGEST_SOURCE:
        raise BundleError(f"a bundle has at most {LONGEST_SOURCE:,} bytes of source")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)
        tree = ast.parse(source)
    if not any(binding.name == name for binding in bindings_of(tree)):
        raise BundleError(f"the source of the bundle defines no {name!r}")
    return tree


def _imported(node: ast.AST) -> Iterator[str]:
    """Top-level packages imported anywhere, but for those that only type checkers see."""
    for part in ast.iter_child_nodes(node):
        if isinstance(part, ast.If) and guard_of(part.test) is Guard.TYPE_CHECKING:
            continue
        if isinstance(part, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in part.names)
        elif isinstance(part, ast.ImportFrom) and part.module != "__future__":
            yield (part.module or "").partition(".")[0]
        yield from _imported(part)


def _saved(text: str | bytes) -> dict[str, Any]:
    try:
        saved = json.loads(text)
    except (TypeError, ValueError, RecursionError) as error:
        raise BundleError(f"a bundle is JSON as bundle.to_json() writes it: {error}") from None
    kinds = {"format": str, "name": str, "source": str, "imports": list, "digest": str}
    if not isinstance(saved, dict) or saved.keys() != kinds.keys():
        raise BundleError(f"a bundle has exactly {', '.join(kinds)}")
    wrong = [name for name, kind in kinds.items() if type(saved[name]) is not kind]
    if wrong or saved["format"] != FORMAT:
        raise BundleError(f"a bundle's {', '.join(wrong) or 'format'} is not as to_json writes it")
    return saved
