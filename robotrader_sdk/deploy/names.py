"""Which global names a definition uses, as the compiler sees it, and when."""

from __future__ import annotations
import __future__

import ast
import dis
import inspect
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import CodeType

_LOADS = frozenset({"LOAD_NAME", "LOAD_GLOBAL", "LOAD_FROM_DICT_OR_GLOBALS"})
_STORES = frozenset({"STORE_GLOBAL", "DELETE_GLOBAL"})
_AT_ONCE = frozenset({"<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>"})
_OF_EVERY_CLASS = frozenset({"__name__", "__qualname__", "__module__", "__annotations__"})


@dataclass
class Uses:
    """Global names with the line of their first use.

    now: needed when the definition is made: bases, decorators, defaults, a class's body.
    later: needed when its functions run. hints: in annotations that nothing evaluates.
    written: changed by `global`. locals: of any function in it.
    """

    now: dict[str, int] = field(default_factory=dict)
    later: dict[str, int] = field(default_factory=dict)
    hints: dict[str, int] = field(default_factory=dict)
    written: dict[str, int] = field(default_factory=dict)
    locals: set[str] = field(default_factory=set)


def compiled(body: list[ast.stmt], *, future: bool, name: str = "<source>") -> CodeType:
    """Statements as code; SyntaxError where they can't stand by themselves."""
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT  # as notebooks do
    flags |= __future__.annotations.compiler_flag if future else 0
    tree = ast.Module(body=body, type_ignores=[])
    code: CodeType = compile(tree, name, "exec", flags=flags, dont_inherit=True, optimize=0)
    return code


def uses_of(node: ast.stmt, *, future: bool) -> Uses:
    """What a statement uses; future: whether annotations are left as texts."""
    uses = Uses()
    _read(compiled([node], future=future), uses, node.lineno, at_once=True)
    for name, line in _names_in_hints(node):
        if name not in uses.now and name not in uses.later:
            uses.hints.setdefault(name, line)
    return uses


def _read(code: CodeType, uses: Uses, line: int, *, at_once: bool) -> None:
    own: set[str] = set()
    found = uses.now if at_once else uses.later
    for instruction in dis.get_instructions(code):
        positions = instruction.positions
        line = (positions.lineno if positions else None) or line
        name = instruction.argval
        if instruction.opname == "STORE_NAME":
            own.add(name)
        elif instruction.opname in _LOADS and name not in own | _OF_EVERY_CLASS:
            found.setdefault(name, line)
        elif instruction.opname in _STORES:
            uses.written.setdefault(name, line)
    if code.co_flags & inspect.CO_OPTIMIZED:
        uses.locals |= {*code.co_varnames, *code.co_cellvars}
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            is_body = not constant.co_flags & inspect.CO_OPTIMIZED
            inner_at_once = at_once and (is_body or constant.co_name in _AT_ONCE)
            _read(constant, uses, constant.co_firstlineno, at_once=inner_at_once)


def _names_in_hints(node: ast.AST) -> Iterator[tuple[str, int]]:
    for hint in _hints(node):
        for part in ast.walk(hint):
            if isinstance(part, ast.Name):
                yield part.id, hint.lineno
            elif isinstance(part, ast.Constant) and isinstance(part.value, str):
                yield from ((name, hint.lineno) for name in _names_in_text(part.value))


def _hints(node: ast.AST) -> Iterator[ast.expr]:
    for part in ast.walk(node):
        hint = getattr(part, "returns" if hasattr(part, "returns") else "annotation", None)
        if isinstance(hint, ast.expr):
            yield hint


def _names_in_text(text: str) -> list[str]:
    try:
        tree = ast.parse(text, mode="eval")
    except SyntaxError:
        return []
    return [part.id for part in ast.walk(tree) if isinstance(part, ast.Name)]
