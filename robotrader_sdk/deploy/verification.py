"""Makes what a bundle holds once more, and compares it with what runs."""

from __future__ import annotations
import __future__

import sys
from types import ModuleType
from typing import NamedTuple

from robotrader_sdk.deploy.bindings import STAR, Kind
from robotrader_sdk.deploy.library import what_changed
from robotrader_sdk.deploy.pieces import Piece, Role, once
from robotrader_sdk.deploy.sameness import difference

_SCRATCH = "robotrader_bundle_check"
_RUN_AGAIN = "run its cell or load its module again"
_ADVICE = f"write it in the class, then {_RUN_AGAIN}"


class Wrong(NamedTuple):
    """A piece that gives something else than what runs, and how it shows."""

    piece: Piece
    reason: str


def find_wrong(pieces: list[Piece]) -> list[Wrong]:
    """The pieces, in the order they will stand in, whose source doesn't give what runs."""
    module = ModuleType(_SCRATCH)
    before = sys.modules.get(_SCRATCH)
    sys.modules[_SCRATCH] = module
    try:
        failure = _make(pieces, module)
        if failure is not None:
            return [failure]
        return [wrong for piece in pieces for wrong in _compare(piece, module)]
    finally:
        sys.modules.pop(_SCRATCH)
        if before is not None:
            sys.modules[_SCRATCH] = before


def _make(pieces: list[Piece], module: ModuleType) -> Wrong | None:
    # Imports stand at the top of a bundle.
    for piece in sorted(once(pieces), key=lambda piece: piece.role is not Role.IMPORT):
        if piece.role is Role.HINT:
            continue
        lines = [one.text for one in piece.imports] or [piece.text]
        if piece.role is Role.LITERAL:
            lines.insert(0, "import numpy" if "numpy." in piece.text else "")
        flags = __future__.annotations.compiler_flag if piece.future else 0
        try:
            text = "\n".join([_imported_beside(piece), *lines])
            code = compile(text, "<strategy>", "exec", flags, dont_inherit=True, optimize=0)
            exec(code, vars(module))  # noqa: S102 - the user's own code, where it already ran
        except Exception as error:  # noqa: BLE001 - whatever it raises is told
            said = " ".join(str(error).split())
            reason = f"can't be made from its source alone: {type(error).__name__}: {said}"
            return Wrong(piece, reason)
    return None


def _imported_beside(piece: Piece) -> str:
    """What is never run: to call `np.mean`, Python compiles otherwise if it sees np imported."""
    beside = piece.unit.bindings if piece.unit else ()
    names = {b.name for b in beside if b.kind in {Kind.IMPORT, Kind.FROM} and b.name != STAR}
    return "\n".join(
        ["if 0:", "    pass", *(f"    import sys as {name}" for name in sorted(names))]
    )


def _compare(piece: Piece, module: ModuleType) -> list[Wrong]:
    if piece.role is Role.HINT:
        return []
    made = vars(module).get(piece.name)
    if piece.role is Role.IMPORT:
        changed = what_changed(piece.value) if isinstance(piece.value, type) else None
        if changed is not None:
            return [Wrong(piece, changed)]
        return [] if made is piece.value else [Wrong(piece, "is not what its import gives")]
    where = difference(piece.value, made, lifted=piece.lifted)
    if where is None:
        return []
    if where and isinstance(piece.value, type):
        part = where.removeprefix(".").removeprefix("'s ")
        return [Wrong(piece, f"{part} of it is not what its source gives; {_ADVICE}")]
    if where:
        part = where.removeprefix("'s ")
        return [Wrong(piece, f"{part} of it hold values that were changed since; {_RUN_AGAIN}")]
    if piece.role is Role.DEFINITION:
        return [Wrong(piece, f"its source has changed since it was defined; {_RUN_AGAIN}")]
    reason = "is not what its source gives: it, or what it is made of, was changed since"
    return [Wrong(piece, f"{reason}; {_RUN_AGAIN}")]
