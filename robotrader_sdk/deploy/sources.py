"""From a class to the source text that gives it anywhere else."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable

from robotrader_sdk.deploy.collector import Collector
from robotrader_sdk.deploy.lifted import collect_local
from robotrader_sdk.deploy.origin import home_of
from robotrader_sdk.deploy.pieces import Key, clashes, in_order, written_together
from robotrader_sdk.deploy.plain import is_plain
from robotrader_sdk.deploy.verification import Wrong, find_wrong
from robotrader_sdk.errors import BundleError, Problem

_MOST_ROUNDS = 100


def source_of(owner: type) -> str:
    """The source of a class with all that it needs; BundleError names what can't travel.

    What the text gives is made and compared with what runs. A constant that was changed since it
    was written travels with its value; any other difference is refused.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # whatever its author was warned of before
        return _Search(owner).source()


class _Search:
    """Collects, makes, compares; and again with what was learnt."""

    def __init__(self, owner: type) -> None:
        self._owner = owner
        self._literals: set[Key] = set()
        self._older: dict[Key, int] = {}
        self._first: dict[Key, Problem] = {}

    def source(self) -> str:
        for _ in range(_MOST_ROUNDS):
            collector = Collector(self._literals, self._older)
            self._collect(collector)
            self._raise(collector.problems)
            pieces = in_order(collector.pieces.values())
            self._raise(clashes(pieces))
            wrong = find_wrong(pieces)
            if not wrong:
                return written_together(pieces)
            self._learn(collector, wrong)
        raise BundleError(f"{self._owner.__name__} can't travel: its source is too entangled")

    def _collect(self, collector: Collector) -> None:
        owner = self._owner
        home = home_of(owner)
        if home is None:
            module = sys.modules.get(owner.__module__)
            home = {} if module is None else vars(module)
        origin = collector.origin(home)
        if "<locals>" in owner.__qualname__:
            collect_local(collector, origin, owner)
        elif "." in owner.__qualname__:
            reason = "stands inside another class; write it at the top level"
            collector.problems.append(Problem(0, owner.__qualname__, reason))
        else:
            collector.pin(origin, owner.__name__, owner)
            collector.need(origin, owner.__name__, None, 0)

    def _learn(self, collector: Collector, wrong: list[Wrong]) -> None:
        """Constants first: a definition may differ only because one of them does."""
        constants = [one for one in wrong if not isinstance(one.piece.value, type)]
        for piece, reason in constants or wrong:
            problem = self._first.setdefault(piece.key, piece.problem(reason))
            if is_plain(piece.value):
                self._literals.add(piece.key)
                continue
            older = self._older.get(piece.key, 0) + 1
            if older >= collector.n_bindings(piece):
                self._raise([problem])
            self._older[piece.key] = older

    def _raise(self, problems: Iterable[Problem]) -> None:
        found = sorted(dict.fromkeys(problems), key=lambda one: (one.where, one.line, one.name))
        if not found:
            return
        lines = [str(problem) for problem in found]
        name = self._owner.__name__
        if len(lines) == 1:
            raise BundleError(f"{name} can't travel: {lines[0]}", found)
        raise BundleError("\n  ".join([f"{name} can't travel:", *lines]), found)
