"""A class that was made in a function: its source, and the function's variables that it uses."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from types import CodeType, ModuleType
from typing import Any

from robotrader_sdk.deploy.available import why_not_available
from robotrader_sdk.deploy.bindings import first_line
from robotrader_sdk.deploy.code import methods, nested_codes, same_code, written_code
from robotrader_sdk.deploy.collector import Collector
from robotrader_sdk.deploy.names import uses_of
from robotrader_sdk.deploy.origin import Origin, Unit
from robotrader_sdk.deploy.pieces import Import, Piece, Place, Role
from robotrader_sdk.deploy.plain import is_plain
from robotrader_sdk.errors import Problem

_NO_SOURCE = "has no source at hand; write it in a cell or a file"


def collect_local(collector: Collector, origin: Origin, owner: type) -> None:
    """Collect a class that a function has made, its variables as constants."""
    code = written_code(owner)
    unit = None if code is None else origin.unit_of(code)
    node = None if code is None or unit is None else _node_of(unit, owner.__name__, code)
    if code is None or unit is None or node is None:
        collector.problems.append(Problem(0, owner.__qualname__, _NO_SOURCE))
        return
    line = first_line(node)
    place: Place = (0, origin.units.index(unit), line, 1)
    text = unit.segment(node, line)
    key = (id(origin.namespace), owner.__name__)
    piece = Piece(
        key, owner.__name__, Role.DEFINITION, text, owner, unit, line, place,
        future=unit.future, lifted=True,
    )  # fmt: skip
    collector.keep(piece)
    try:
        uses = uses_of(node, future=unit.future)
    except SyntaxError:
        collector.problems.append(piece.problem("changes a variable of the function it is made in"))
        return
    around = list(_codes_around(unit, owner.__name__, line))
    if not around or not _is_as_written(owner, around[-1]):
        collector.problems.append(piece.problem(CHANGED))
        return
    local = {n for c in around[:-1] for n in (*c.co_varnames, *c.co_cellvars)}
    _collect_variables(collector, piece, {n: _line(uses, n) for n in local if _line(uses, n)})
    collector.scrutinise(piece, node, uses, origin)
    collector.add_uses(piece, origin, uses, local)


CHANGED = "its source has changed since it was defined; run its cell or load its module again"


def _line(uses: Any, name: str) -> int:
    return int(uses.now.get(name) or uses.later.get(name) or 0)


def _collect_variables(collector: Collector, owner: Piece, names: dict[str, int]) -> None:
    values = _variables(owner.value)
    function = owner.value.__qualname__.split(".<locals>")[0]
    number, unit, line, _ = owner.place
    for name, used in sorted(names.items()):
        value = values.get(name, NotImplemented)
        key = (id(owner.value), name)
        place = (number, unit, line, 0)
        piece = Piece(key, name, Role.LITERAL, "", value, owner.unit, used, place)
        if value is NotImplemented:
            reason = f"is a variable of {function} that is gone; write the class at the top level"
            collector.problems.append(piece.problem(reason))
        elif is_plain(value):
            found = collector.as_literal(piece)
            if found is not None:
                found.place = place
                owner.now.append(found)
        elif isinstance(value, ModuleType) and why_not_available(value.__name__) is None:
            piece.role, piece.imports = Role.IMPORT, (Import(value.__name__, None, name),)
            piece.text = piece.imports[0].text
            owner.now.append(collector.keep(piece))
        else:
            reason = (
                f"is a variable of {function} and no plain value ({type(value).__name__}); write "
                f"the class at the top level"
            )
            collector.problems.append(piece.problem(reason))


def _variables(owner: type) -> dict[str, Any]:
    """The variables of enclosing functions that the methods of a class hold on to."""
    found: dict[str, Any] = {}
    for function in methods(owner):
        for name, cell in zip(
            function.__code__.co_freevars, function.__closure__ or (), strict=True
        ):
            try:
                found[name] = cell.cell_contents
            except ValueError:  # never filled
                continue
    return found


def _node_of(unit: Unit, name: str, code: CodeType) -> ast.ClassDef | None:
    for node in ast.walk(unit.tree):
        if not isinstance(node, ast.ClassDef) or node.name != name:
            continue
        if first_line(node) <= code.co_firstlineno <= (node.end_lineno or 0):
            return node
    return None


def _codes_around(unit: Unit, name: str, line: int) -> Iterator[CodeType]:
    """The functions around a class, outermost first, and the class's own code."""
    own = [c for c in unit.codes if c.co_name == name and c.co_firstlineno == line]
    if own:
        yield from (c for c in unit.codes if any(n is own[0] for n in nested_codes(c)))
        yield own[0]


def _is_as_written(owner: type, body: CodeType) -> bool:
    written = list(nested_codes(body))
    return all(any(same_code(m.__code__, code) for code in written) for m in methods(owner))
