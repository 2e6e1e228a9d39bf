"""The compiled steps that the books of a run go through, loaded when that pays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from robotrader_sdk.backtest import kernel
from robotrader_sdk.backtest.portfolio.kernel import trade
from robotrader_sdk.compiled import Compiled
from robotrader_sdk.trading.book import Table, new_ledger, new_tables
from robotrader_sdk.trading.margin import Perpetual

_PLAIN_CALLS = 1_000
"""How many calls of a step are made in plain Python before compiled code is loaded."""


class Step:
    """A compiled step of the rules: plain Python for some calls, machine code for the rest."""

    def __init__(self, step: Compiled[..., Any], *example: Any, plain_calls: int) -> None:
        self._compiled = step
        self._example = example
        self._step: Callable[..., Any] = step.function
        self._calls_left = plain_calls
        if step.is_loaded or plain_calls == 0:
            self._load()

    def __call__(self, *arguments: Any) -> Any:
        """What the step gives."""
        if self._calls_left:
            self.hurry(1)
        return self._step(*arguments)

    def hurry(self, calls: int) -> None:
        """Take it that so many calls more were made."""
        if self._calls_left:
            self._calls_left = max(self._calls_left - calls, 0)
            if self._calls_left == 0:
                self._load()

    def _load(self) -> None:
        self._calls_left = 0
        self._step = self._compiled.for_types_of(*self._example)


class Rules:
    """The steps that books go through; those of perpetuals and of others differ in type."""

    def __init__(self, terms: Table, perp: Perpetual | None, expected_trades: int) -> None:
        tables, no = new_tables(new_ledger(1.0), terms, rows=2), 0.0
        plain_calls = 0 if expected_trades > _PLAIN_CALLS else _PLAIN_CALLS
        self.trade = Step(
            trade, tables, 0, 0, no, False, 0, 0, 0, no, no, no, plain_calls=plain_calls
        )
        self.match_open = Step(
            kernel.match_open, tables, 0, no, False, perp, plain_calls=_PLAIN_CALLS
        )
        self.match_inside = Step(
            kernel.match_inside, tables, 0, no, no, no, perp, plain_calls=_PLAIN_CALLS
        )
        asked = (0, 0, 0, 0, no, no, no, 0, no, no, no, no, no, perp)
        self.place = Step(kernel.place, tables, 0, no, *asked, plain_calls=_PLAIN_CALLS)

    def hurry(self, n_working: int) -> None:
        """Load matching sooner where many orders work: what fills looks at all others."""
        calls = n_working**2 // 50
        if calls:
            self.match_open.hurry(calls)
            self.match_inside.hurry(calls)
