"""What a definition's source tells about whether it can run in the jail."""

from __future__ import annotations

import ast
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

from robotrader_sdk.deploy.anew import CLOCKS, read_anew
from robotrader_sdk.deploy.available import why_not_available
from robotrader_sdk.deploy.bindings import Guard, guard_of
from robotrader_sdk.deploy.handed import handles_kept
from robotrader_sdk.deploy.names import Uses

Finding = tuple[int, str, str]
"""Line, name, reason."""

_NUMBA = {
    "njit", "jit", "vectorize", "guvectorize", "cfunc", "stencil", "generated_jit",
}  # fmt: skip
_NUMBA_OPTIONS = {
    "cache": "cache=True needs a folder to write to, which the jail doesn't have; leave it out",
    "parallel": "parallel=True needs threads, which the jail doesn't start; leave it out",
}
_CHANGES = {
    "append", "appendleft", "extend", "extendleft", "insert", "add", "update", "setdefault",
    "pop", "popleft", "popitem", "remove", "discard", "clear", "sort", "reverse",
}  # fmt: skip
_KEEP_ON_SELF = "is changed while the strategy runs, and a restarted bot would lose that; keep it "
_SECRETS = frozenset({"environ", "environb", "getenv", "getpass"})


def findings_in(node: ast.stmt, uses: Uses, namespace: Mapping[str, Any]) -> Iterator[Finding]:
    """Everything in a definition that can't work where it would travel to."""
    for name, line in uses.written.items():
        yield line, name, f"{_KEEP_ON_SELF}on self, not in a global"
    yield from _imports(node)
    yield from read_anew(node, uses.locals, namespace)
    yield from handles_kept(node, namespace)
    for part in ast.walk(node):
        if isinstance(part, ast.Call):
            yield from _numba_options(part)
        name = _changed(part)
        is_global = name in uses.later and name not in uses.locals
        # A call such as `.update` changes a container, and means something else of other things.
        if is_global and (not isinstance(part, ast.Call) or _is_container(namespace.get(name))):
            yield _line(part), name, f"{_KEEP_ON_SELF}on self, not in a global"


def _is_container(value: object) -> bool:
    return isinstance(value, dict | list | set | deque | bytearray)


def why_not_read_again(expression: ast.expr) -> str | None:
    """Why an expression must not be evaluated elsewhere; None: nothing is known against it."""
    for name in _attributes_and_names(expression):
        if name in _SECRETS:
            return "is read from the environment or the keyboard, which the jail doesn't have"
        if name in CLOCKS:
            return "is another time whenever it is read; write the time out, or use ctx.time"
    return None


def reads_secrets(expression: ast.expr) -> bool:
    """Whether it reads the environment or the keyboard."""
    return not _SECRETS.isdisjoint(_attributes_and_names(expression))


def _attributes_and_names(expression: ast.expr) -> Iterator[str]:
    for part in ast.walk(expression):
        if isinstance(part, ast.Attribute):
            yield part.attr
        elif isinstance(part, ast.Name):
            yield part.id


def _imports(node: ast.AST) -> Iterator[Finding]:
    """Those inside functions and classes."""
    for part in ast.iter_child_nodes(node):
        if isinstance(part, ast.If) and guard_of(part.test) is Guard.TYPE_CHECKING:
            continue
        if isinstance(part, ast.Import):
            for alias in part.names:
                reason = why_not_available(alias.name)
                if reason is not None:
                    yield part.lineno, alias.name, reason
        elif isinstance(part, ast.ImportFrom):
            yield from _from(part)
        else:
            yield from _imports(part)


def _from(node: ast.ImportFrom) -> Iterator[Finding]:
    if node.level:
        name = "." * node.level + (node.module or "")
        yield (
            node.lineno,
            name,
            "a relative import inside a function can't travel; move it to the top",
        )
        return
    for alias in node.names:
        reason = why_not_available(f"{node.module}.{alias.name}")
        if reason is not None:
            yield node.lineno, f"{node.module}", reason
            return


def _numba_options(call: ast.Call) -> Iterator[Finding]:
    function = call.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    if name not in _NUMBA:
        return
    for keyword in call.keywords:
        is_on = not (isinstance(keyword.value, ast.Constant) and not keyword.value.value)
        if keyword.arg in _NUMBA_OPTIONS and is_on:
            yield call.lineno, name, _NUMBA_OPTIONS[keyword.arg]


def _changed(part: ast.AST) -> str:
    """The name whose value this changes in place: `seen[k] = v`, `seen.append(x)`; "" if none."""
    changed: ast.AST = part
    if isinstance(part, ast.Call) and isinstance(part.func, ast.Attribute):
        if part.func.attr not in _CHANGES:
            return ""
        changed = part.func.value
    elif isinstance(part, ast.Subscript | ast.Attribute):
        if isinstance(part.ctx, ast.Load):
            return ""
        changed = part.value
    else:
        return ""
    while isinstance(changed, ast.Subscript | ast.Attribute):
        changed = changed.value
    return changed.id if isinstance(changed, ast.Name) else ""


def _line(part: ast.AST) -> int:
    return int(getattr(part, "lineno", 0))
