"""Ready strategies, one file each; the docstring gives idea, source and when it fails.

    from strategies import SmaCross

Each name of `strategies.catalog.CATALOG` is importable from here; its file is loaded when it is
first asked for.
"""

from __future__ import annotations

from typing import Any

from strategies.catalog import CATALOG


def __getattr__(name: str) -> Any:
    if name not in CATALOG:
        raise AttributeError(f"module 'strategies' has no attribute {name!r}")
    strategy = CATALOG[name].load()
    globals()[name] = strategy
    return strategy


def __dir__() -> list[str]:
    return sorted({*globals(), *CATALOG})
