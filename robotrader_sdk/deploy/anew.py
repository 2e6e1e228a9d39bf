"""What of a definition is another thing each time: shared chance, and clocks read as it is made."""

from __future__ import annotations

import ast
import random
import time
from collections.abc import Container, Iterator, Mapping
from types import ModuleType
from typing import Any

import numpy as np

Found = tuple[int, str, str]
"""Line, name, reason."""

CLOCKS = frozenset({"now", "utcnow", "today"})
_TIMES = (
    time.time, time.time_ns, time.monotonic, time.monotonic_ns, time.perf_counter,
    time.perf_counter_ns, time.localtime, time.gmtime, time.ctime, time.strftime,
)  # fmt: skip
_SHARED_GENERATORS = (random._inst, np.random.mtrand._rand)
_MODULES = {"random": random, "numpy": np, "numpy.random": np.random}
_CHANCE = (
    "draws from the generator that all code shares, which a bot that is started again begins anew; "
    "use ctx.rng"
)
_CLOCK = "is another time whenever a bot is started; write the time out, or use ctx.time in on_bar"


def read_anew(
    node: ast.stmt, locals_: Container[str], namespace: Mapping[str, Any]
) -> Iterator[Found]:
    """Draws from random's and numpy's own generators anywhere, clocks in what is made at once.

    locals_: names that may be variables of a function.
    """
    known = {k: v for k, v in namespace.items() if k not in locals_} | _imported(node)
    for part in ast.walk(node):
        if isinstance(part, ast.Attribute | ast.Name) and _is_shared_chance(_value(part, known)):
            yield part.lineno, ast.unparse(part), _CHANCE
    for part in _at_once(node):
        if isinstance(part, ast.Call) and _is_clock(part.func, known):
            yield part.lineno, ast.unparse(part.func), _CLOCK


def _imported(node: ast.AST) -> dict[str, Any]:
    """What imports inside of functions give, of the two modules with a generator of their own."""
    found: dict[str, Any] = {}
    for part in ast.walk(node):
        if isinstance(part, ast.Import):
            for alias in part.names:
                if alias.name in _MODULES:
                    bound = alias.name if alias.asname else alias.name.partition(".")[0]
                    found[alias.asname or bound] = _MODULES[bound]
        elif isinstance(part, ast.ImportFrom) and part.module in _MODULES:
            for alias in part.names:
                value = getattr(_MODULES[part.module], alias.name, None)
                found[alias.asname or alias.name] = value
    return found


def _value(part: ast.expr, known: Mapping[str, Any]) -> object:
    """What a dotted name stands for, through modules only; None where that can't be told."""
    if isinstance(part, ast.Name):
        return known.get(part.id)
    if isinstance(part, ast.Attribute):
        owner = _value(part.value, known)
        return getattr(owner, part.attr, None) if isinstance(owner, ModuleType) else None
    return None


def _is_shared_chance(value: object) -> bool:
    if isinstance(value, ModuleType) or not callable(value):
        return False
    owner = getattr(value, "__self__", None)
    is_drawn = any(owner is generator for generator in _SHARED_GENERATORS)
    return is_drawn or any(value is other for other in (np.random.seed, np.random.sample))


def _is_clock(function: ast.expr, known: Mapping[str, Any]) -> bool:
    if isinstance(function, ast.Attribute) and function.attr in CLOCKS:
        return True
    value = _value(function, known)
    return any(value is clock for clock in _TIMES)


def _at_once(node: ast.AST) -> Iterator[ast.AST]:
    """All that is evaluated when a definition is read: not the bodies of functions."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        inner: list[ast.AST] = [*node.args.defaults, *filter(None, node.args.kw_defaults)]
        inner += [] if isinstance(node, ast.Lambda) else node.decorator_list
    else:
        yield node
        inner = list(ast.iter_child_nodes(node))
    for part in inner:
        yield from _at_once(part)
