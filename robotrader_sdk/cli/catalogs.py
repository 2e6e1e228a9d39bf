"""The ready strategies of all installed packages, by name.

A package lists its strategies under the entry-point group `robotrader.strategies`: a mapping
from a name to an entry that tells its idea in one line and loads its class when asked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Protocol

from robotrader_sdk.cli import terminal
from robotrader_sdk.data.spelling import did_you_mean
from robotrader_sdk.errors import StrategyError, UnknownStrategyError

if TYPE_CHECKING:
    from robotrader_sdk.strategy.base import Strategy
    from robotrader_sdk.strategy.portfolio import PortfolioStrategy

    StrategyClass = type[Strategy] | type[PortfolioStrategy]

GROUP = "robotrader.strategies"


class CatalogEntry(Protocol):
    """What a catalog says about one strategy."""

    @property
    def idea(self) -> str:
        """The idea in one line."""

    def load(self) -> StrategyClass:
        """Import and return the class."""


def installed_strategies() -> dict[str, CatalogEntry]:
    """All catalogs as one, in their order; a broken one is told in one line and left out."""
    found: dict[str, CatalogEntry] = {}
    for entry_point in entry_points(group=GROUP):
        try:
            catalog = _load(entry_point)
        except StrategyError as error:
            terminal.note(str(error))
            continue
        for name, entry in catalog.items():
            if name in found:
                terminal.note(f"{_origin(entry_point)}: {name} is taken by another catalog")
            else:
                found[name] = entry
    return found


def find_strategy(name: str) -> tuple[str, CatalogEntry]:
    """The entry of a name written in any case, and the name as the catalog has it.

    `sma-cross` and `sma_cross` are SmaCross too. UnknownStrategyError lists the names.
    """
    known = installed_strategies()
    spelled = {_plain(ours): ours for ours in known}
    ours = spelled.get(_plain(name))
    if ours is None:
        raise UnknownStrategyError(
            f"there is no strategy {name!r}{did_you_mean(name, known)}; expected one of "
            f"{', '.join(known) or 'none, for no catalog is installed'}, or your own as "
            f"module:Class or path.py:Class"
        )
    return ours, known[ours]


def load_entry(name: str, entry: CatalogEntry) -> StrategyClass:
    """The class of an entry; StrategyError if it can't be imported."""
    try:
        return entry.load()
    except Exception as error:
        raise StrategyError(
            f"strategy {name} can't be loaded: {type(error).__name__}: {error}"
        ) from error


def _load(entry_point: EntryPoint) -> Mapping[str, CatalogEntry]:
    try:
        catalog = entry_point.load()
    except Exception as error:
        raise StrategyError(
            f"{_origin(entry_point)} can't be loaded: {type(error).__name__}: {error}"
        ) from error
    if not isinstance(catalog, Mapping):
        raise StrategyError(
            f"{_origin(entry_point)} is a {type(catalog).__name__}; expected a mapping of names"
        )
    return catalog


def _origin(entry_point: EntryPoint) -> str:
    package = entry_point.dist.name if entry_point.dist is not None else "an installed package"
    return f"the strategy catalog of {package} ({entry_point.value})"


def _plain(name: str) -> str:
    return re.sub(r"[\W_]", "", name).casefold()
