"""What the top level of a source text gives names to, and how."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto


class Kind(Enum):
    """How a name gets its value."""

    DEFINITION = auto()
    IMPORT = auto()
    FROM = auto()
    VALUE = auto()
    OPAQUE = auto()
    """By a loop, a `with`, an `x += 1`: no single expression gives the value."""


class Guard(Enum):
    """Under which condition a statement runs at all."""

    NONE = auto()
    TYPE_CHECKING = auto()
    MAIN = auto()
    """`if __name__ == "__main__"`."""


STAR = "*"

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass(frozen=True, eq=False)
class Binding:
    """One statement that gives a value to a name; nested: inside an `if`, `try` or loop."""

    name: str
    kind: Kind
    node: ast.stmt
    alias: ast.alias | None = None
    guard: Guard = Guard.NONE
    nested: bool = False

    @property
    def first_line(self) -> int:
        """The line of its first decorator, or its own."""
        return first_line(self.node)

    @property
    def expression(self) -> ast.expr | None:
        """What the name is given, where it is one expression."""
        node = self.node
        return node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None


def first_line(node: ast.stmt) -> int:
    """The line of a statement, decorators included."""
    decorators = node.decorator_list if isinstance(node, Definition) else []
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])


def bindings_of(tree: ast.Module) -> list[Binding]:
    """All bindings of the top level, in the order of the text."""
    return list(_of_block(tree.body, Guard.NONE, nested=False))


def _of_block(
    block: list[ast.stmt], guard: Guard, *, nested: bool, in_loop: bool = False
) -> Iterator[Binding]:
    for node in block:
        yield from _of_statement(node, guard, nested=nested, in_loop=in_loop)


def _of_statement(
    node: ast.stmt, guard: Guard, *, nested: bool, in_loop: bool
) -> Iterator[Binding]:
    if isinstance(node, Definition):
        yield Binding(node.name, Kind.DEFINITION, node, None, guard, nested)
    elif isinstance(node, ast.Import):
        for alias in node.names:
            bound = alias.asname or alias.name.partition(".")[0]
            yield Binding(bound, Kind.IMPORT, node, alias, guard, nested)
    elif isinstance(node, ast.ImportFrom):
        for alias in node.names:
            yield Binding(alias.asname or alias.name, Kind.FROM, node, alias, guard, nested)
    elif isinstance(node, ast.If):
        inner = guard_of(node.test) or guard
        yield from _of_block(node.body, inner, nested=True, in_loop=in_loop)
        yield from _of_block(node.orelse, guard, nested=True, in_loop=in_loop)
    else:
        yield from _of_values(node, guard, nested=nested, in_loop=in_loop)
        loops = in_loop or not isinstance(node, ast.Try | ast.TryStar)
        for block in _blocks(node):
            yield from _of_block(block, guard, nested=True, in_loop=loops)


def _of_values(node: ast.stmt, guard: Guard, *, nested: bool, in_loop: bool) -> Iterator[Binding]:
    is_one = isinstance(node, ast.Assign | ast.AnnAssign) and not in_loop
    kind = Kind.VALUE if is_one else Kind.OPAQUE
    for target in _targets(node):
        for part in ast.walk(target):
            if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store | ast.Del):
                yield Binding(part.id, kind, node, None, guard, nested)


def _targets(node: ast.stmt) -> list[ast.expr]:
    if isinstance(node, ast.Assign | ast.Delete):
        return node.targets
    if isinstance(node, ast.AnnAssign):
        return [node.target] if node.value is not None else []
    if isinstance(node, ast.AugAssign | ast.For | ast.AsyncFor):
        return [node.target]
    if isinstance(node, ast.With | ast.AsyncWith):
        return [item.optional_vars for item in node.items if item.optional_vars is not None]
    if isinstance(node, ast.Expr):
        return [part.target for part in ast.walk(node) if isinstance(part, ast.NamedExpr)]
    return []


def _blocks(node: ast.stmt) -> Iterator[list[ast.stmt]]:
    for name in ("body", "orelse", "finalbody"):
        block = getattr(node, name, None)
        if isinstance(block, list):
            yield block
    for handler in getattr(node, "handlers", ()):
        yield handler.body
    for case in getattr(node, "cases", ()):
        yield case.body


def guard_of(test: ast.expr) -> Guard | None:
    """What a condition protects from; None: nothing that matters here."""
    if isinstance(test, ast.Name | ast.Attribute):
        name = test.id if isinstance(test, ast.Name) else test.attr
        return Guard.TYPE_CHECKING if name == "TYPE_CHECKING" else None
    if isinstance(test, ast.Compare):
        parts = [test.left, *test.comparators]
        names = {part.id for part in parts if isinstance(part, ast.Name)}
        values = {part.value for part in parts if isinstance(part, ast.Constant)}
        if "__name__" in names and "__main__" in values:
            return Guard.MAIN
    return None
