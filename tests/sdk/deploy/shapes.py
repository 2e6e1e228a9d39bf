"""Shapes of user code: cells or files that define a strategy `Bot`, and what becomes of it.

Read by the tests and by the processes that they start, so it imports the standard library only.
"""

from __future__ import annotations

import hashlib
import importlib
import linecache
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any


@dataclass(frozen=True)
class Shape:
    """cells: run one after the other in one namespace; or files of a folder that is on the path,
    of which `main.py` or `package/main.py` defines Bot.
    says: lines of the source. never: what it must not hold.
    """

    name: str
    cells: tuple[str, ...] = ()
    files: dict[str, str] = field(default_factory=dict)
    says: tuple[str, ...] = ()
    never: tuple[str, ...] = ()


@dataclass(frozen=True)
class Refusal:
    """A shape that can't travel; problems: file or cell, line, name, a part of the reason."""

    name: str
    problems: tuple[tuple[str, int, str, str], ...]
    cells: tuple[str, ...] = ()
    files: dict[str, str] = field(default_factory=dict)


def traded(result: Any) -> str:
    """What a run did, as a hash of every bit of it."""
    tables = (result.fill_table, result.lot_table, result.order_table, result.equity_values)
    return hashlib.sha256(b"".join(table.tobytes() for table in tables)).hexdigest()


def bot(amount: str = "1.0", extra: str = "", base: str = "rt.Strategy") -> str:
    """A class that buys some amount and sells it again; extra: more of its body."""
    return f"""
class Bot({base}):
{extra}
    def on_bar(self, ctx):
        amount = {amount}
        if ctx.position:
            ctx.close_position()
        elif ctx.close > ctx.open:
            ctx.buy(quantity=amount)
"""


@contextmanager
def loaded(shape: Shape | Refusal, folder: Path, tag: str) -> Iterator[Any]:
    """The module in which a shape has run; tag: what makes its names differ from others'."""
    if shape.files:
        with _imported(shape, folder) as module:
            yield module
    else:
        with _run(shape, tag) as module:
            yield module


@contextmanager
def _imported(shape: Shape | Refusal, folder: Path) -> Iterator[ModuleType]:
    for name, text in shape.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text.lstrip("\n"), encoding="utf-8")
    main = next(name for name in shape.files if name.endswith("main.py"))
    before = set(sys.modules)
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        yield importlib.import_module(main.removesuffix(".py").replace("/", "."))
    finally:
        sys.path.remove(str(folder))
        tops = {name.partition("/")[0].removesuffix(".py") for name in shape.files}
        for name in set(sys.modules) - before:
            if name.partition(".")[0] in tops:
                sys.modules.pop(name)


@contextmanager
def _run(shape: Shape | Refusal, tag: str) -> Iterator[ModuleType]:
    module = ModuleType(f"notebook_{tag}")
    sys.modules[module.__name__] = module
    try:
        for number, text in enumerate(shape.cells, 1):
            run_cell(module, f"<cell {number}>", text)
        yield module
    finally:
        sys.modules.pop(module.__name__)
        for number in range(1, len(shape.cells) + 1):
            linecache.cache.pop(f"<cell {number}>", None)


def run_cell(module: ModuleType, filename: str, text: str) -> None:
    text = text.lstrip("\n")
    linecache.cache.pop(filename, None)
    linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
    exec(compile(text, filename, "exec", dont_inherit=True), vars(module))


RT = "import robotrader_sdk as rt\n"
FUTURE = "from __future__ import annotations\n"
