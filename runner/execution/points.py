"""Named points of the trading path, at which a test may stop the process for good.

Nothing happens at them but for whoever listens.
"""

from __future__ import annotations

from collections.abc import Callable

POINTS = (
    "before decision commit",
    "after decision commit",
    "before submit",
    "after submit",
    "after reply stored",
    "before fill commit",
    "between fill and ledger",
    "after fill commit",
    "before cancel",
    "after cancel",
    "before amend",
    "after amend",
    "in the middle of cancel-then-exit",
    "in the middle of a reversal",
    "before promotion commit",
    "after promotion commit",
    "before protection commit",
    "after protection commit",
    "absence confirmed",
    "inside reconcile",
    "after reconcile",
    "after claim",
)

_listeners: list[Callable[[str], None]] = []


def listen(listener: Callable[[str], None]) -> None:
    """Have a function called at every point, with its name."""
    _listeners.append(listener)


def ignore(listener: Callable[[str], None]) -> None:
    """Do not call it any more."""
    _listeners.remove(listener)


def reach(point: str) -> None:
    """Say that a point has been reached."""
    for listener in _listeners:
        listener(point)
