"""Plain values: numbers, texts and containers of them, which can be written as source."""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping
from types import NoneType
from typing import Any

LONGEST_LITERAL = 20_000
"""Characters of a value that travels as it is; beyond, it is data, not code."""

_SCALARS = (NoneType, bool, int, float, complex, str, bytes)
_CONTAINERS = (list, tuple, set, frozenset)
_NUMPY_SCALARS = {"float64", "float32", "int64", "int32", "bool", "bool_"}
_DEEPEST = 20
_WIDEST = 88

_PURE_BUILTINS = {
    "abs", "all", "any", "bin", "bool", "bytes", "chr", "complex", "dict", "divmod",
    "enumerate", "float", "frozenset", "hex", "int", "len", "list", "max", "min", "oct",
    "ord", "pow", "range", "reversed", "round", "set", "sorted", "str", "sum", "tuple", "zip",
}  # fmt: skip
_FORMULA_NODES = (
    ast.Constant, ast.UnaryOp, ast.BinOp, ast.BoolOp, ast.Compare, ast.IfExp, ast.Tuple, ast.List,
    ast.Set, ast.Dict, ast.Subscript, ast.Slice, ast.JoinedStr, ast.FormattedValue, ast.Starred,
    ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.comprehension, ast.keyword,
    ast.Call, ast.Name, ast.Attribute, ast.operator, ast.unaryop, ast.boolop, ast.cmpop,
    ast.expr_context,
)  # fmt: skip


def is_plain(value: object, depth: int = 0) -> bool:
    """Whether it is a number, a text, or a container of such, all the way down."""
    if type(value) in _SCALARS or is_numpy_scalar(value):
        return True
    if depth > _DEEPEST:
        return False
    if type(value) is dict:
        return all(is_plain(k, depth + 1) and is_plain(v, depth + 1) for k, v in value.items())
    if type(value) in _CONTAINERS:
        return all(is_plain(item, depth + 1) for item in value)  # type: ignore[attr-defined]
    return False


def is_numpy_scalar(value: object) -> bool:
    """Whether it is one number of numpy's own."""
    kind = type(value)
    return kind.__module__ == "numpy" and kind.__name__ in _NUMPY_SCALARS


def literal(value: Any) -> str:
    """A plain value as source that gives it back, the same in every process."""
    text = _written(value)
    if len(text) <= _WIDEST or type(value) not in {dict, *_CONTAINERS} or not value:
        return text
    opening, closing = _brackets(value)
    return "\n".join([opening, *(f"    {item}," for item in _items(value)), closing])


def _written(value: Any) -> str:
    if type(value) is float or type(value) is complex:
        return _number(value)
    if is_numpy_scalar(value):
        return f"numpy.{type(value).__name__}({_written(value.item())})"
    if type(value) is dict or (type(value) in _CONTAINERS and value):
        opening, closing = _brackets(value)
        comma = "," if type(value) is tuple and len(value) == 1 else ""
        return f"{opening}{', '.join(_items(value))}{comma}{closing}"
    return repr(value)


def _items(value: Any) -> list[str]:
    if type(value) is dict:
        return [f"{_written(k)}: {_written(v)}" for k, v in value.items()]
    items = [_written(item) for item in value]
    # Their order differs from process to process.
    return sorted(items) if isinstance(value, set | frozenset) else items


def _brackets(value: object) -> tuple[str, str]:
    pairs: dict[type, tuple[str, str]] = {
        dict: ("{", "}"),
        list: ("[", "]"),
        tuple: ("(", ")"),
        set: ("{", "}"),
        frozenset: ("frozenset({", "})"),
    }
    return pairs[type(value)]


def _number(value: float | complex) -> str:
    if isinstance(value, complex):
        return f"complex({_number(value.real)}, {_number(value.imag)})"
    return repr(value) if math.isfinite(value) else f'float("{value}")'


def is_formula(expression: ast.expr, value: object, namespace: Mapping[str, Any]) -> bool:
    """Whether an expression is made of constants, so that it gives `value` wherever it is read.

    Operators, pure built-in functions, `math`, and names that stand for plain values. What is
    made from the order of a set is not: it differs from process to process.
    """
    targets = {
        node.id
        for node in ast.walk(expression)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    makes_set = isinstance(value, set | frozenset)
    for node in ast.walk(expression):
        if not isinstance(node, _FORMULA_NODES):
            return False
        if isinstance(node, ast.Set | ast.SetComp) and not makes_set:
            return False
        if isinstance(node, ast.Attribute) and not _is_of_math(node, namespace):
            return False
        if isinstance(node, ast.Name) and node.id not in targets:
            known = _is_pure_builtin(node.id, namespace, makes_set) or _is_math(node, namespace)
            if not known and not _is_plain_name(node.id, namespace, makes_set):
                return False
    return True


def _is_pure_builtin(name: str, namespace: Mapping[str, Any], makes_set: bool) -> bool:
    pure = name in _PURE_BUILTINS and name not in namespace
    return pure and (makes_set or name not in {"set", "frozenset"})


def _is_plain_name(name: str, namespace: Mapping[str, Any], makes_set: bool) -> bool:
    value = namespace.get(name, NotImplemented)
    return is_plain(value) and (makes_set or not isinstance(value, set | frozenset))


def _is_math(node: ast.expr, namespace: Mapping[str, Any]) -> bool:
    return isinstance(node, ast.Name) and namespace.get(node.id) is math


def _is_of_math(node: ast.Attribute, namespace: Mapping[str, Any]) -> bool:
    return _is_math(node.value, namespace)
