"""Where code was written: a module's file, or the cells of a notebook that ran in one namespace."""

from __future__ import annotations

import ast
import linecache
import re
import sys
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from types import CodeType
from typing import Any

from robotrader_sdk.deploy.bindings import STAR, Binding, Guard, bindings_of
from robotrader_sdk.deploy.code import methods, nested_codes, plain_function, written_code
from robotrader_sdk.deploy.names import compiled

_CELL = re.compile(
    r"<(?!frozen |string>|attrs |strategy|__array_function__|timed exec>).+>|.*ipykernel_\d+.*"
)
_MAGIC = re.compile(r"^\s*(%|!|\?)|^[\w.]+\?{1,2}\s*$")
_ASSIGNED_MAGIC = re.compile(r"^(\s*\w[\w, ]*=\s*)[%!].*")
_TIMED = "<timed exec>"
_FUTURE = 0x1000000  # CO_FUTURE_ANNOTATIONS


class Unit:
    """One text of source: a file, or a cell.

    label: what an error calls it. offset: lines above it in what its author sees.
    future: whether annotations are left as texts in it.
    """

    def __init__(self, filename: str, text: str, label: str = "", offset: int = 0) -> None:
        self.filename = filename
        self.text, self.tree = text, parse(text)
        self.label = label or label_of(filename)
        self.offset = offset
        self.future = any(
            isinstance(node, ast.ImportFrom)
            and node.module == "__future__"
            and any(alias.name == "annotations" for alias in node.names)
            for node in self.tree.body
        )

    @cached_property
    def lines(self) -> list[str]:
        """The text's lines, as Python counts them."""
        return re.split(r"\r\n|\r|\n", self.text)

    @cached_property
    def bindings(self) -> list[Binding]:
        """What its top level gives names to."""
        return bindings_of(self.tree)

    @cached_property
    def codes(self) -> list[CodeType]:
        """Everything in it that Python compiles on its own; none where it can't stand alone."""
        try:
            return list(nested_codes(compiled(self.tree.body, future=self.future)))
        except SyntaxError:
            return []

    def segment(self, node: ast.stmt, first: int) -> str:
        """The source of a statement from its first line on, moved to the left margin.

        A comment behind it belongs to it.
        """
        last = node.end_lineno or node.lineno
        lines = self.lines[first - 1 : last]
        before = lines[0].encode()[: node.col_offset] if first == node.lineno else b""
        behind = lines[-1].encode()[node.end_col_offset :].decode().strip()
        if before.strip() or (behind and not behind.startswith("#")):
            return ast.get_source_segment(self.text, node) or ""
        indent = lines[0][: len(lines[0]) - len(lines[0].lstrip())]
        inside = _inside_of_texts(node)
        return "\n".join(
            line if number in inside else line.removeprefix(indent)
            for number, line in enumerate(lines, first)
        ).rstrip()


def _inside_of_texts(node: ast.stmt) -> set[int]:
    """The lines that begin inside a text, whose margin is a part of it."""
    texts = [part for part in ast.walk(node) if isinstance(part, ast.Constant | ast.JoinedStr)]
    return {n for t in texts for n in range(t.lineno + 1, (t.end_lineno or t.lineno) + 1)}


class Origin:
    """A namespace in which code ran, and the texts of that code, oldest first."""

    def __init__(self, namespace: dict[str, Any]) -> None:
        self.namespace = namespace
        self.units = list(_units(namespace))
        self._found: dict[str, list[tuple[Unit, Binding]]] = {}
        for unit in reversed(self.units):
            for binding in reversed(unit.bindings):
                self._found.setdefault(binding.name, []).append((unit, binding))

    @property
    def name(self) -> str:
        """The module's name."""
        return str(self.namespace.get("__name__", "__main__"))

    def bindings(self, name: str) -> list[tuple[Unit, Binding]]:
        """What gives a value to a name when it runs, newest first."""
        found = self._found.get(name, [])
        return [(u, b) for u, b in found if b.guard is not Guard.TYPE_CHECKING]

    def hinted(self, name: str) -> tuple[Unit, Binding] | None:
        """What gives it to type checkers only."""
        found = self._found.get(name, [])
        return next((pair for pair in found if pair[1].guard is Guard.TYPE_CHECKING), None)

    def star(self) -> tuple[Unit, Binding] | None:
        """The newest `from ... import *`."""
        return next(iter(self.bindings(STAR)), None)

    def unit_of(self, code: CodeType) -> Unit | None:
        """The newest text with the file name that code carries."""
        return next((u for u in reversed(self.units) if u.filename == code.co_filename), None)


def label_of(filename: str) -> str:
    """What an error calls a file or a cell: never a whole path."""
    shell = _shell()
    numbers = getattr(getattr(shell, "compile", None), "_filename_map", {})
    if filename in numbers:
        return f"In[{numbers[filename]}]"
    return filename if filename.startswith("<") else Path(filename).name


def parse(text: str) -> ast.Module:
    """The tree of a text; notebook magics in it count as empty lines. SyntaxError if it is none."""
    try:
        return ast.parse(text)
    except SyntaxError:
        lines = [_without_magic(line) for line in text.split("\n")]
        return ast.parse("\n".join(lines))


def _without_magic(line: str) -> str:
    return "" if _MAGIC.match(line) else _ASSIGNED_MAGIC.sub(r"\1None", line)


def _units(namespace: dict[str, Any]) -> Iterator[Unit]:
    codes = _live_codes(namespace)
    texts_left_to_checkers = {c.co_filename for c in codes if c.co_flags & _FUTURE}
    for filename in _filenames(namespace, codes):
        text = _read(filename, namespace)
        for unit in _read_units(filename, text) if text.strip() else ():
            # IPython carries `from __future__` over from one cell to the next.
            unit.future = unit.future or unit.filename in texts_left_to_checkers
            yield unit


def _read_units(filename: str, text: str) -> list[Unit]:
    try:
        unit = Unit(filename, text)
    except SyntaxError:
        return []
    return [unit, *_timed_cells(unit)]


def _timed_cells(unit: Unit) -> Iterator[Unit]:
    """The code below `%%time`, which IPython passes on as a text."""
    for node in unit.tree.body:
        call = node.value if isinstance(node, ast.Expr) else None
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
            continue
        words = [a.value for a in call.args if isinstance(a, ast.Constant)]
        if call.func.attr == "run_cell_magic" and len(words) == 3 and words[0] == "time":
            try:
                yield Unit(_TIMED, str(words[2]), unit.label, node.lineno)
            except SyntaxError:
                continue


def _filenames(namespace: dict[str, Any], codes: list[CodeType]) -> list[str]:
    file = namespace.get("__file__")
    main = sys.modules.get("__main__")
    names = [file] if isinstance(file, str) else []
    names += [code.co_filename for code in codes]
    if not isinstance(file, str) or (main is not None and vars(main) is namespace):
        names += [name for name in linecache.cache if _CELL.fullmatch(str(name))]
    numbers = getattr(getattr(_shell(), "compile", None), "_filename_map", {})
    known = {name: place for place, name in enumerate(linecache.cache)}
    unique = dict.fromkeys(name for name in names if name not in {_TIMED, "<string>"})
    return sorted(
        unique, key=lambda name: (name != file, numbers.get(name, 0), known.get(name, 1 << 30))
    )


def _live_codes(namespace: dict[str, Any]) -> list[CodeType]:
    """The code of what a namespace holds and has itself defined."""
    found = []
    for value in list(namespace.values()):
        if getattr(value, "__module__", None) == namespace.get("__name__"):
            code = written_code(value)
            if code is not None:
                found.append(code)
    return found


def _read(filename: str, namespace: dict[str, Any]) -> str:
    if Path(filename).is_file():
        linecache.checkcache(filename)  # it may have been edited
    return "".join(linecache.getlines(filename, namespace))


def _shell() -> Any:
    """The IPython that runs this process, if one does."""
    ipython = sys.modules.get("IPython")
    return None if ipython is None else ipython.get_ipython()


def home_of(value: Any) -> dict[str, Any] | None:
    """The namespace in which a function or class was defined."""
    if isinstance(value, type):
        function = next(methods(value), None)
        module = sys.modules.get(value.__module__)
        return function.__globals__ if function else None if module is None else vars(module)
    function = plain_function(value)
    return None if function is None else function.__globals__
