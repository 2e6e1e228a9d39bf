"""One vectorised strategy in three forms: signals, rule 12 by hand in `on_bar`, plain calls."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

import robotrader_sdk as rt
from robotrader_sdk.backtest.config import BacktestConfig
from robotrader_sdk.backtest.perpetual import read_perpetual
from robotrader_sdk.trading import book as books
from robotrader_sdk.trading import matching
from robotrader_sdk.trading.costs import make_terms
from robotrader_sdk.trading.decision import WISH, decide
from robotrader_sdk.trading.order import Purpose, SizeUnit
from robotrader_sdk.types import Side

from .harness import PROTECTION

FLAGS = ("enter_long", "exit_long", "enter_short", "exit_short")
ENTER_LONG, EXIT_LONG, ENTER_SHORT, EXIT_SHORT = 1, 2, 4, 8


@dataclass(frozen=True)
class Wish:
    """What is wanted at one bar; NaN: no such price."""

    flags: int = 0
    limit: float = math.nan
    stop: float = math.nan
    valid_bars: float = 1
    size: float = 1.0
    protection: dict[str, float] = field(default_factory=dict)


class AsSignals(rt.Strategy):
    """The wishes as arrays, one value a bar."""

    wishes: list[Wish]
    unit: str

    def fresh(self) -> Any:
        return with_wishes(type(self), self.wishes, self.unit)

    def signals(self, bars: pd.DataFrame) -> rt.Signals:
        columns: dict[str, Any] = {
            name: [bool(w.flags & 1 << k) for w in self.wishes] for k, name in enumerate(FLAGS)
        }
        columns[self.unit] = [w.size for w in self.wishes]
        columns["entry_limit_price"] = [w.limit for w in self.wishes]
        columns["entry_stop_price"] = [w.stop for w in self.wishes]
        columns["valid_bars"] = [w.valid_bars for w in self.wishes]
        for name in PROTECTION:
            if any(name in w.protection for w in self.wishes):
                columns[name] = [w.protection.get(name, math.nan) for w in self.wishes]
        return rt.Signals(**columns)


class ByHand(rt.Strategy):
    """The same, as someone would write it who reads rule 12 and has only `ctx`."""

    wishes: list[Wish]
    unit: str
    warmup_bars = 0

    def fresh(self) -> Any:
        return with_wishes(type(self), self.wishes, self.unit)

    def on_bar(self, ctx: rt.Context) -> None:
        wish = self.wishes[ctx.bar_number]
        held = ctx.position.quantity
        exit_long = bool(wish.flags & EXIT_LONG)
        exit_short = bool(wish.flags & EXIT_SHORT)
        both = wish.flags & ENTER_LONG and wish.flags & ENTER_SHORT
        long = bool(wish.flags & ENTER_LONG) and not both and not exit_long and held <= 0
        short = bool(wish.flags & ENTER_SHORT) and not both and not exit_short and held >= 0
        for order in ctx.orders:
            leaves = exit_long if order.side is Side.BUY else exit_short
            if order.purpose is Purpose.ENTRY and (leaves or long or short):
                ctx.cancel(order)
        priced = not (math.isnan(wish.limit) and math.isnan(wish.stop))
        reverses = (long or short) and not priced
        if (held > 0 and (exit_long or reverses)) or (held < 0 and (exit_short or reverses)):
            ctx.close_position()
            held = 0.0
        if long or short:
            self.enter(ctx, ctx.buy if long else ctx.sell, wish, priced, abs(held))

    def enter(self, ctx: rt.Context, place: Any, wish: Wish, priced: bool, held: float) -> None:
        asked: dict[str, Any] = dict(wish.protection)
        size = wish.size
        if held:  # a priced reversal is one order for the position and the entry
            assert self.unit == "quantity"
            size += held
        if priced:
            asked["limit_price"] = None if math.isnan(wish.limit) else wish.limit
            asked["stop_price"] = None if math.isnan(wish.stop) else wish.stop
            asked["valid_bars"] = int(wish.valid_bars) if wish.valid_bars < math.inf else None
        place(**{self.unit: size}, **asked)


def with_wishes(strategy_class: type[Any], wishes: list[Wish], unit: str) -> Any:
    strategy = strategy_class()
    strategy.wishes = wishes
    strategy.unit = unit
    return strategy


@dataclass(frozen=True)
class PlainRun:
    """What the plain rules leave behind."""

    fill_table: Any
    equity_values: Any
    n_ambiguous: int
    n_conflicts: int


def run_plainly(
    bars: pd.DataFrame, wishes: list[Wish], unit: str, settings: dict[str, Any]
) -> PlainRun:
    """The rules as they stand, uncompiled."""
    terms = make_terms(
        settings["instrument"],
        settings["fees"],
        settings["slippage"],
        leverage=settings.get("leverage", 1.0),
        isolated=settings.get("margin", "isolated") == "isolated",
        fill_on_touch=settings["limit_fill"] == "touch",
    )
    series = {name: settings.get(name) for name in ("funding", "mark")}
    config = BacktestConfig(**{k: v for k, v in settings.items() if k not in series})
    data = read_perpetual(bars, config, **series)
    perp = None if data is None else data.rules
    book = books.opened(books.new_tables(books.new_ledger(settings["cash"]), terms, 2048))
    equity = []
    prices = bars[["open", "high", "low", "close"]].to_numpy().tolist()
    for bar, (open_, high, low, close) in enumerate(prices):
        matching.match_bar(book, bar, open_, high, low, False, perp)
        if wishes[bar].flags:
            decide(book, bar, close, _row(bar, wishes[bar], unit), perp)
            if settings["fill_at"] == "close":
                matching.match_bar(book, bar, close, close, close, True, perp)
        equity.append(books.equity_at(book, close))
        if equity[-1] <= 0.0:
            break
    position = book.position
    fills = book.fills[: position["n_fills"]].copy()
    return PlainRun(fills, np.array(equity), position["n_ambiguous"], position["n_conflicts"])


def _row(bar: int, wish: Wish, unit: str) -> Any:
    row = np.zeros(1, WISH)[0]
    row["bar"] = bar
    row["flags"] = wish.flags
    row["valid_bars"] = wish.valid_bars if wish.valid_bars < math.inf else 0
    row["size_unit"] = SizeUnit[unit.upper()]
    row["size"] = wish.size
    row["entry_limit_price"] = wish.limit
    row["entry_stop_price"] = wish.stop
    for name, value in wish.protection.items():
        row[name] = value
    return row
