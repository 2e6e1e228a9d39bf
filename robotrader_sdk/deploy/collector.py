"""Collects a class and, one name after the other, all that it needs."""

from __future__ import annotations

import builtins
from types import ModuleType
from typing import Any

from robotrader_sdk.data.spelling import did_you_mean
from robotrader_sdk.deploy.available import UNUSABLE_BUILTINS, why_not_available
from robotrader_sdk.deploy.bindings import Binding, Guard, Kind, first_line
from robotrader_sdk.deploy.code import written_code
from robotrader_sdk.deploy.modules import absolute_name, is_own, is_own_file, value_at
from robotrader_sdk.deploy.names import Uses, uses_of
from robotrader_sdk.deploy.origin import Origin, Unit, home_of
from robotrader_sdk.deploy.pieces import Import, Key, Piece, Role
from robotrader_sdk.deploy.plain import LONGEST_LITERAL, is_formula, is_plain, literal
from robotrader_sdk.deploy.scrutiny import findings_in, reads_secrets, why_not_read_again
from robotrader_sdk.deploy.values import why_not
from robotrader_sdk.errors import Problem

_MISSING = object()
_ALWAYS_THERE = frozenset({"__name__", "__doc__", "__debug__", "__class__", "__build_class__"})
_NOTEBOOK = frozenset({"get_ipython", "display", "In", "Out", "_ih", "_oh"})


class Collector:
    """Pieces by namespace and name, and the problems met on the way.

    literals: constants that travel as they are now, for their source gives something else.
    older: how many of the newest statements that give a name its value are known to be wrong.
    """

    def __init__(self, literals: set[Key], older: dict[Key, int]) -> None:
        self.pieces: dict[Key, Piece] = {}
        self.problems: list[Problem] = []
        self._literals, self._older = literals, older
        self._origins: dict[int, Origin] = {}
        self._pinned: dict[Key, Any] = {}

    def origin(self, namespace: dict[str, Any]) -> Origin:
        """What is known of a namespace."""
        if id(namespace) not in self._origins:
            self._origins[id(namespace)] = Origin(namespace)
        return self._origins[id(namespace)]

    def pin(self, origin: Origin, name: str, value: object) -> None:
        """Let a name stand for a value, whatever it stands for by now."""
        self._pinned[id(origin.namespace), name] = value

    def need(
        self, origin: Origin, name: str, unit: Unit | None, line: int, *, hint: bool = False
    ) -> Piece | None:
        """The piece that gives a name its value in a namespace; None where nothing has to travel.

        unit, line: where it is used. hint: in an annotation that nothing evaluates.
        """
        key = (id(origin.namespace), name)
        known = self.pieces.get(key)
        if known is not None and (hint or known.role is not Role.HINT):
            return known
        value = self._pinned.get(key, origin.namespace.get(name, _MISSING))
        user = Piece(key, name, Role.VALUE, "", value, unit, line, self._place(origin, unit, line))
        if value is _MISSING or name in _ALWAYS_THERE:
            return self._absent(origin, user, hint=hint)
        if name == "__file__" or (name in _NOTEBOOK and not origin.bindings(name)):
            self._refuse(user, "belongs to the notebook or file, which doesn't travel")
            return None
        if hint and not isinstance(value, type | ModuleType) and why_not(value) is not None:
            return None
        return self._bound(origin, user, hint=hint)

    def n_bindings(self, piece: Piece) -> int:
        """How many statements give a piece its name, in the texts it was found in."""
        origin = self._origins.get(piece.key[0])
        return len(origin.bindings(piece.name)) if origin else 0

    def keep(self, piece: Piece) -> Piece:
        """Remember a piece under its key."""
        self.pieces[piece.key] = piece
        return piece

    def add_uses(self, piece: Piece, origin: Origin, uses: Uses, known: set[str]) -> None:
        """Collect what a definition uses; known: names that it gets from elsewhere."""
        for names, needed in ((uses.now, piece.now), (uses.later, piece.later)):
            for name, line in names.items():
                if name in known:
                    continue
                found = self.need(origin, name, piece.unit, line)
                if found is piece and needed is piece.now:
                    self._refuse(piece, f"is made from an older {name}; give them two names")
                elif found is not None and found is not piece:
                    needed.append(found)
        for name, line in uses.hints.items():
            found = None if name in known else self.need(origin, name, piece.unit, line, hint=True)
            if found is not None and found is not piece:
                piece.later.append(found)

    def scrutinise(self, piece: Piece, node: Any, uses: Uses, origin: Origin) -> None:
        """Note what its source tells against a definition."""
        label, offset = (piece.unit.label, piece.unit.offset) if piece.unit else ("", 0)
        for line, name, reason in findings_in(node, uses, origin.namespace):
            self.problems.append(Problem(line + offset, name, reason, label))

    def _refuse(self, piece: Piece, reason: str, name: str | None = None) -> None:
        self.problems.append(piece.problem(reason, name))

    def _place(self, origin: Origin, unit: Unit | None, line: int) -> tuple[int, int, int, int]:
        numbers = [id(one.namespace) for one in self._origins.values()]
        number = -numbers.index(id(origin.namespace))  # what is used comes first
        return number, origin.units.index(unit) if unit in origin.units else -1, line, 1

    def _absent(self, origin: Origin, user: Piece, *, hint: bool) -> Piece | None:
        """A name that the namespace doesn't have: built in, for type checkers, or a mistake."""
        hinted = origin.hinted(user.name)
        if user.name in _ALWAYS_THERE:
            return None
        if hint:
            return None if hinted is None else self._hint(origin, user, *hinted)
        if hasattr(builtins, user.name):
            if user.name in UNUSABLE_BUILTINS:
                self._refuse(user, UNUSABLE_BUILTINS[user.name])
            return None
        if hinted is not None:
            self._refuse(user, "is imported for type checkers only, and used when it runs")
            return None
        known = [name for name in origin.namespace if not name.startswith("_")]
        self._refuse(user, f"is defined nowhere{did_you_mean(user.name, known)}")
        return None

    def _bound(self, origin: Origin, user: Piece, *, hint: bool) -> Piece | None:
        pair = self._binding(origin, user)
        if pair is None:
            return self._unbound(origin, user)
        unit, binding = pair
        line = first_line(binding.node)
        piece = Piece(
            user.key, user.name, Role.VALUE, "", user.value, unit, line,
            self._place(origin, unit, line), future=unit.future,
        )  # fmt: skip
        if binding.guard is Guard.MAIN:
            self._refuse(piece, 'stands under if __name__ == "__main__", which only a script runs')
            return None
        if binding.kind in {Kind.IMPORT, Kind.FROM}:
            return self._imported(origin, piece, binding, hint=hint)
        if binding.kind is Kind.DEFINITION:
            return self._defined(origin, piece, binding)
        return self._constant(origin, piece, binding)

    def _binding(self, origin: Origin, user: Piece) -> tuple[Unit, Binding] | None:
        """The statement that gave a name its value: by the value's code, else the newest."""
        found = origin.bindings(user.name)[self._older.get(user.key, 0) :]
        code = written_code(user.value)
        if isinstance(user.value, ModuleType) or home_of(user.value) is not origin.namespace:
            imports = [(u, b) for u, b in found if b.kind in {Kind.IMPORT, Kind.FROM}]
            for unit, binding in imports:
                if self._gives(origin, binding) is user.value:
                    return unit, binding
        if code is not None:
            for unit, binding in found:
                ends = binding.node.end_lineno or 0
                inside = binding.first_line <= code.co_firstlineno <= ends
                if unit.filename == code.co_filename and inside:
                    return unit, binding
        return next(iter(found), None)

    def _gives(self, origin: Origin, binding: Binding) -> object:
        one = self._import_of(origin, binding)
        if one is None:
            return NotImplemented
        is_top = one.name is None and one.module.partition(".")[0] == one.bound
        return value_at(one.module, one.name, top=is_top)

    def _import_of(self, origin: Origin, binding: Binding) -> Import | None:
        node, alias = binding.node, binding.alias
        assert alias is not None  # noqa: S101 - imports have one
        if binding.kind is Kind.IMPORT:
            return Import(alias.name, None, binding.name)
        level, module = getattr(node, "level", 0), getattr(node, "module", None)
        package = str(origin.namespace.get("__package__") or "")
        absolute = absolute_name(module, level, package)
        return None if absolute is None else Import(absolute, alias.name, binding.name)

    def _imported(
        self, origin: Origin, piece: Piece, binding: Binding, *, hint: bool
    ) -> Piece | None:
        one = self._import_of(origin, binding)
        if one is None:
            self._refuse(piece, "the relative import leaves its package")
            return None
        piece.role, piece.imports, piece.text = Role.IMPORT, (one,), one.text
        is_users = is_own(one.module) or is_own(f"{one.module}.{one.name}")
        if is_users and not (hint and isinstance(piece.value, ModuleType)):
            return self._inlined(piece, one)
        reason = why_not_available(one.module if one.name is None else f"{one.module}.{one.name}")
        if hint and (is_users or reason is not None):
            piece.role = Role.HINT
        elif reason is not None:
            self._refuse(piece, reason, one.module)
            return None
        if one.name is None and one.module != one.bound and "." in one.module:
            piece.imports = self._submodules(origin, piece.name)
        return self.keep(piece)

    def _submodules(self, origin: Origin, name: str) -> tuple[Import, ...]:
        """`import a.b` and `import a.c` both give `a`, and both are needed."""
        found = [self._import_of(origin, b) for _, b in origin.bindings(name)]
        kept = {
            one for one in found
            if one and one.name is None and one.bound == name and not why_not_available(one.module)
        }  # fmt: skip
        return tuple(sorted(kept, key=lambda one: one.text))

    def _hint(self, origin: Origin, user: Piece, unit: Unit, binding: Binding) -> Piece | None:
        if binding.kind not in {Kind.IMPORT, Kind.FROM}:
            return None
        one = self._import_of(origin, binding)
        if one is None or one.name == "*":
            return None
        place = self._place(origin, unit, binding.node.lineno)
        line = binding.node.lineno
        piece = Piece(user.key, user.name, Role.HINT, one.text, None, unit, line, place, (one,))
        return self.keep(piece)

    def _inlined(self, piece: Piece, one: Import) -> Piece | None:
        """From the user's own module: what it defines comes along, under the name it is used by."""
        if one.name is None or isinstance(piece.value, ModuleType):
            wanted = one.module if one.name is None else f"{one.module}.{one.name}"
            advice = f"write `from {wanted} import ...` with the names that are used"
            self._refuse(piece, f"is your own module, which can't travel as a whole; {advice}")
            return None
        source = value_at(one.module, None)
        if not isinstance(source, ModuleType):
            self._refuse(piece, f"module {one.module} is not loaded any more")
            return None
        if vars(source).get(one.name, NotImplemented) is not piece.value:
            self._refuse(piece, f"is not what {one.module} has by now; import it again")
            return None
        target = self.need(self.origin(vars(source)), one.name, piece.unit, piece.line)
        if target is None or one.name == one.bound:
            return target
        piece.imports = ()
        piece.text, piece.role, piece.now = f"{one.bound} = {target.name}", Role.VALUE, [target]
        return self.keep(piece)

    def _defined(self, origin: Origin, piece: Piece, binding: Binding) -> Piece:
        assert piece.unit is not None  # noqa: S101 - a binding is in a text
        piece.role = Role.DEFINITION
        piece.text = piece.unit.segment(binding.node, binding.first_line)
        self.keep(piece)
        uses = uses_of(binding.node, future=piece.future)
        self.scrutinise(piece, binding.node, uses, origin)
        self.add_uses(piece, origin, uses, set())
        return piece

    def _constant(self, origin: Origin, piece: Piece, binding: Binding) -> Piece | None:
        value, expression = piece.value, binding.expression
        reason = why_not(value)
        if reason is None and expression is not None and reads_secrets(expression):
            reason = why_not_read_again(expression)
        if reason is not None:
            self._refuse(piece, reason)
            return None
        if piece.key in self._literals or binding.kind is Kind.OPAQUE:
            expression = None
        written = expression is not None and is_formula(expression, value, origin.namespace)
        if is_plain(value) and not written:
            return self.as_literal(piece)
        if expression is None:
            self._refuse(piece, "gets its value in a loop or step by step; give it one expression")
            return None
        reason = why_not_read_again(expression)
        if reason is not None:
            self._refuse(piece, reason)
            return None
        assert piece.unit is not None  # noqa: S101 - a binding is in a text
        piece.text = piece.unit.segment(binding.node, binding.first_line)
        self.keep(piece)
        self.add_uses(piece, origin, uses_of(binding.node, future=piece.future), set())
        return piece

    def as_literal(self, piece: Piece) -> Piece | None:
        """A constant with the value it has now."""
        try:
            text = f"{piece.name} = {literal(piece.value)}"
        except ValueError as error:  # an integer too long to be written
            self._refuse(piece, f"can't be written: {error}")
            return None
        if len(text) > LONGEST_LITERAL:
            self._refuse(piece, f"is data, {len(text):,} characters of it; read it from the bars")
            return None
        number, unit, line, _ = piece.place
        piece.role, piece.text, piece.place = Role.LITERAL, text, (number, unit, line, 2)
        return self.keep(piece)

    def _unbound(self, origin: Origin, user: Piece) -> Piece | None:
        """A value that no statement at hand gives its name."""
        value, star = user.value, origin.star()
        home = home_of(value)
        reason = why_not(value)
        if reason is not None:
            self._refuse(user, reason)
        elif star is not None and home is not origin.namespace and not is_plain(value):
            unit, binding = star
            line = binding.node.lineno + unit.offset
            where = f"from {getattr(binding.node, 'module', '')} import *"
            reason = f"comes from `{where}`; import it by its name"
            self.problems.append(Problem(line, user.name, reason, unit.label))
        elif is_plain(value):
            return self.as_literal(user)
        elif home is not None and home is not origin.namespace and is_own_file(home):
            return self.need(self.origin(home), user.name, user.unit, user.line)
        elif isinstance(value, ModuleType) and why_not_available(value.__name__) is None:
            one = Import(value.__name__, None, user.name)
            user.role, user.text, user.imports = Role.IMPORT, one.text, (one,)
            return self.keep(user)
        else:
            self._refuse(user, "has no source at hand; write it in a cell or a file")
        return None
