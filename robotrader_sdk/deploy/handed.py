"""What `init` is handed, and must not be kept: handles that stand for bars to come."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import Any

from robotrader_sdk.strategy.parametric import Parametric

_REASON = (
    "keeps what stands for the bars to come, which can't be stored between bars; register it with "
    "self.indicator, or read ctx"
)


def handles_kept(node: ast.stmt, namespace: Mapping[str, Any]) -> Iterator[tuple[int, str, str]]:
    """Line, name and reason of `self.bars = bars` or `self.close = bars.close` in `init`."""
    owner = namespace.get(node.name) if isinstance(node, ast.ClassDef) else None
    if not isinstance(node, ast.ClassDef):
        return
    if owner is not None and not (isinstance(owner, type) and issubclass(owner, Parametric)):
        return
    for method in node.body:
        if isinstance(method, ast.FunctionDef) and method.name == "init":
            arguments = [argument.arg for argument in method.args.args]
            if len(arguments) == 2:
                yield from _kept_in(method, *arguments)


def _kept_in(method: ast.FunctionDef, own: str, handle: str) -> Iterator[tuple[int, str, str]]:
    for part in ast.walk(method):
        if isinstance(part, ast.Assign):
            targets, value = part.targets, part.value
        elif isinstance(part, ast.AnnAssign) and part.value is not None:
            targets, value = [part.target], part.value
        else:
            continue
        for target, given in (pair for one in targets for pair in _pairs(one, value)):
            is_own = isinstance(target, ast.Attribute) and _is_name(target.value, own)
            if is_own and _holds(given, handle):
                yield target.lineno, ast.unparse(target), _REASON


def _pairs(target: ast.expr, value: ast.expr) -> Iterator[tuple[ast.expr, ast.expr]]:
    """`a, b = c, d` gives each its own."""
    pair, several = (target, value), ast.Tuple | ast.List
    if not isinstance(target, several) or not isinstance(value, several):
        yield pair
    elif len(target.elts) == len(value.elts):
        for one, given in zip(target.elts, value.elts, strict=True):
            yield from _pairs(one, given)
    else:
        yield pair


def _holds(value: ast.expr, handle: str) -> bool:
    """Whether it is a handle, a column of it, or a container of such; calls make something else."""
    if isinstance(value, ast.Tuple | ast.List | ast.Set):
        return any(_holds(item, handle) for item in value.elts)
    if isinstance(value, ast.Dict):
        return any(_holds(item, handle) for item in value.values)
    if isinstance(value, ast.Attribute) and value.attr in {"timeframe", "symbols", "name"}:
        return False
    while isinstance(value, ast.Attribute | ast.Subscript):
        value = value.value
    return _is_name(value, handle)


def _is_name(value: ast.expr, name: str) -> bool:
    return isinstance(value, ast.Name) and value.id == name
