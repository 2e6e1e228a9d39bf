"""The parts of a bundle, and how they become one text."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

from robotrader_sdk.deploy.origin import Unit
from robotrader_sdk.errors import Problem

Key = tuple[int, str]
"""A namespace, by the id of its dict, and a name in it."""
Place = tuple[int, int, int, int]
"""Where something was written: namespace, text, line, and what comes first on it."""


class Role(Enum):
    """What a piece is to the bundle."""

    IMPORT = auto()
    HINT = auto()
    """An import for type checkers."""
    DEFINITION = auto()
    VALUE = auto()
    """A constant as its author wrote it."""
    LITERAL = auto()
    """A constant as it is now."""


@dataclass(frozen=True)
class Import:
    """`import module`, or `from module import name`; both perhaps `as bound`."""

    module: str
    name: str | None
    bound: str

    @property
    def text(self) -> str:
        """The statement."""
        if self.name is not None:
            return f"from {self.module} import {self.alias}"
        implied = self.module.partition(".")[0] == self.bound
        return f"import {self.module}" + ("" if implied else f" as {self.bound}")

    @property
    def alias(self) -> str:
        """What stands behind `from module import`."""
        return f"{self.name}" if self.name == self.bound else f"{self.name} as {self.bound}"


@dataclass(eq=False)
class Piece:
    """One definition, constant or import: its source and what that needs.

    value: what runs. now, later: what has to be there when it is made, and when it runs.
    lifted: it was made in a function, whose variables became constants.
    """

    key: Key
    name: str
    role: Role
    text: str
    value: Any
    unit: Unit | None
    line: int
    place: Place
    imports: tuple[Import, ...] = ()
    now: list[Piece] = field(default_factory=list)
    later: list[Piece] = field(default_factory=list)
    future: bool = False
    lifted: bool = False

    def problem(self, reason: str, name: str | None = None) -> Problem:
        """Why it can't travel."""
        label, offset = (self.unit.label, self.unit.offset) if self.unit else ("", 0)
        return Problem(self.line + offset, name or self.name, reason, label)


def in_order(pieces: Iterable[Piece]) -> list[Piece]:
    """As they were written, but for what was needed before it was written."""
    ordered: dict[int, Piece] = {}
    started: set[int] = set()

    def put(piece: Piece) -> None:
        if id(piece) in started:
            return
        started.add(id(piece))
        for needed in piece.now:
            is_base = isinstance(needed.value, type) and isinstance(piece.value, type)
            for one in [needed] if is_base else _reachable(needed):
                put(one)
        ordered[id(piece)] = piece

    for piece in sorted(pieces, key=lambda piece: piece.place):
        put(piece)
    return list(ordered.values())


def _reachable(called: Piece) -> list[Piece]:
    """What is called while a module is read needs what it uses at that moment."""
    found = {id(called): called}
    waiting = [called]
    while waiting:
        for used in waiting.pop().later:
            if id(used) not in found:
                found[id(used)] = used
                waiting.append(used)
    return sorted(found.values(), key=lambda piece: piece.place)


def clashes(pieces: Iterable[Piece]) -> list[Problem]:
    """Two things that need one name."""
    found, first = [], dict[str, Piece]()
    for piece in sorted(pieces, key=lambda piece: piece.place):
        other = first.setdefault(piece.name, piece)
        imported = {Role.IMPORT, Role.HINT} >= {other.role, piece.role}
        if other is piece or (imported and other.imports == piece.imports):
            continue
        where = other.unit.label if other.unit else "an import"
        if other.unit is piece.unit:
            where = f"line {other.line}"
        found.append(piece.problem(f"there is another {piece.name} in {where}; rename one of them"))
    return found


def once(pieces: Iterable[Piece]) -> list[Piece]:
    """Without repeats of a statement that gives several names their values."""
    return list({(piece.place, piece.text): piece for piece in reversed([*pieces])}.values())[::-1]


def written_together(pieces: list[Piece]) -> str:
    """The text of a bundle: imports, then everything else, in the order given."""
    imports = {i for piece in pieces if piece.role is Role.IMPORT for i in piece.imports}
    bound = {one.bound for one in imports}
    hints = {i for p in pieces if p.role is Role.HINT for i in p.imports if i.bound not in bound}
    if hints:
        imports.add(Import("typing", "TYPE_CHECKING", "TYPE_CHECKING"))
    if any("numpy." in p.text for p in pieces if p.role is Role.LITERAL):
        imports.add(Import("numpy", None, "numpy"))
    blocks = []
    if any(piece.future for piece in pieces):
        blocks.append("from __future__ import annotations")
    if imports:
        blocks.append("\n".join(_statements(imports)))
    if hints:
        inner = [f"    {line}" for line in _statements(hints)]
        blocks.append("\n".join(["if TYPE_CHECKING:", *inner]))
    head = "\n\n".join(blocks)
    body = _body([p for p in once(pieces) if p.role not in {Role.IMPORT, Role.HINT}])
    return f"{head}\n{body}\n" if head and body else f"{head}{body.lstrip()}\n"


def _statements(imports: set[Import]) -> list[str]:
    whole = sorted(i.text for i in imports if i.name is None)
    parts: dict[str, list[str]] = {}
    for one in sorted(imports, key=lambda i: (i.module, i.alias)):
        if one.name is not None:
            parts.setdefault(one.module, []).append(one.alias)
    return [*whole, *(f"from {module} import {', '.join(a)}" for module, a in parts.items())]


def _body(pieces: list[Piece]) -> str:
    text, before = "", None
    for piece in pieces:
        apart = piece.role is Role.DEFINITION or before in {None, Role.DEFINITION}
        text += ("\n\n\n" if apart and before else "\n\n" if apart else "\n") + piece.text
        before = piece.role
    return text.removeprefix("\n") if pieces and pieces[0].role is not Role.DEFINITION else text
