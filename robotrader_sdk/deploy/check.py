"""Whether a bundle trades as the class it was made of, and what it would keep between bars."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd

from robotrader_sdk.backtest.engine import backtest
from robotrader_sdk.backtest.result import BacktestResult
from robotrader_sdk.data.synthetic import synthetic_bars
from robotrader_sdk.deploy.bundle import Bundle, load_anew
from robotrader_sdk.deploy.kept import AnyStrategy, Keeper, check_state
from robotrader_sdk.deploy.plain import is_plain, literal
from robotrader_sdk.errors import (
    BarsError,
    BundleDiffersError,
    DeployError,
    RobotraderError,
)
from robotrader_sdk.strategy.portfolio import PortfolioStrategy

Bars = pd.DataFrame | Mapping[str, pd.DataFrame]

_N_BARS, _N_BARS_FOR_A_LONG_WARMUP = 300, 3_000
_SYMBOLS = ("BTC/USDT", "ETH/USDT", "SOL/USDT")
_MODULE = "robotrader_bundle_check"
_TABLES = ("fills", "trades", "rejected", "orders")
_CACHES = frozenset({"_model"})


def check(bundle: Bundle, strategy: AnyStrategy, bars: Bars | None) -> BacktestResult:
    """See `bundle.check_bundle`."""
    expected, used = _run_class(strategy, bars)
    before = sys.modules.get(_MODULE)
    try:
        return _check_copy(load_anew(bundle, _MODULE), bundle.name, strategy, expected, used)
    finally:
        sys.modules.pop(_MODULE, None)
        if before is not None:
            sys.modules[_MODULE] = before


def _check_copy(
    module: ModuleType, name: str, strategy: AnyStrategy, expected: BacktestResult, bars: Bars
) -> BacktestResult:
    shared = _shared_values(module)
    try:
        keeper = Keeper(getattr(module, name)(**strategy.params))
        given = backtest(keeper.strategy, bars)
    except RobotraderError as error:
        raise BundleDiffersError(f"{name} runs, and its bundle doesn't: {error}") from error
    where = first_difference(expected, given)
    if where is not None:
        raise BundleDiffersError(
            f"{name} and its bundle differ in {where}{_cause(strategy, expected, bars)}"
        )
    changed = _first_change(shared, _shared_values(module))
    if changed is not None:
        raise BundleDiffersError(
            f"{name} changes {changed} while it runs, which a restarted bot would lose; keep it "
            f"on self, made in init"
        )
    check_state(keeper)
    return given


def _cause(strategy: AnyStrategy, expected: BacktestResult, bars: Bars) -> str:
    if first_difference(expected, backtest(strategy, bars)) is None:
        return ""
    return (
        "; nor does the class give the same twice: use ctx.rng for chance and ctx.time for the "
        "time, and keep what changes on self"
    )


def _run_class(strategy: AnyStrategy, bars: Bars | None) -> tuple[BacktestResult, Bars]:
    """The run of the class itself, and the bars that it took."""
    is_panel = isinstance(strategy, PortfolioStrategy)
    try:
        if bars is not None:
            return backtest(strategy, bars), bars
        try:
            made_up = _made_up(_N_BARS, is_panel)
            return backtest(strategy, made_up), made_up
        except BarsError:
            made_up = _made_up(_N_BARS_FOR_A_LONG_WARMUP, is_panel)
            return backtest(strategy, made_up), made_up
    except RobotraderError as error:
        advice = "" if bars is not None else "; give it bars of its own: check_bundle(..., bars=)"
        raise DeployError(f"{strategy!r} can't be checked: {error}{advice}") from error


def _made_up(n_bars: int, is_panel: bool) -> Bars:
    if not is_panel:
        return synthetic_bars(n_bars, "1h", seed=7)
    return {s: synthetic_bars(n_bars, "1d", seed=k) for k, s in enumerate(_SYMBOLS)}


def first_difference(one: BacktestResult, other: BacktestResult) -> str | None:
    """Where two results first differ by as much as a bit, in words; None: nowhere."""
    if _bits(one) == _bits(other):
        return None
    for name in _TABLES:
        where = _in_table(getattr(one, name), getattr(other, name))
        if where is not None:
            return f"{name}: {where}"
    equity = _in_column(one.equity_values, other.equity_values)
    if equity is None:
        return None
    return f"equity: at bar {equity}: {one.equity_values[equity]} and {other.equity_values[equity]}"


def _bits(result: BacktestResult) -> list[bytes]:
    tables = (result.order_table, result.lot_table, result.fill_table, result.equity_values)
    return [table.tobytes() for table in tables]


def _in_table(one: pd.DataFrame, other: pd.DataFrame) -> str | None:
    n_common = min(len(one), len(other))
    found = [
        (row, place, str(name))
        for place, name in enumerate(one.columns)
        if (row := _in_column(one[name][:n_common], other[name][:n_common])) is not None
    ]
    if found:
        row, _, name = min(found)
        return f"row {row}, {name}: {one[name].iloc[row]} and {other[name].iloc[row]}"
    return None if len(one) == len(other) else f"{len(one)} rows and {len(other)}"


def _in_column(one: Any, other: Any) -> int | None:
    """The first place at which two columns differ; NaN is like NaN."""
    if len(one) != len(other):
        return min(len(one), len(other))
    left, right = np.asarray(one), np.asarray(other)
    if left.dtype.kind == "f":
        different = left.view(np.int64) != right.view(np.int64)
        different &= ~(np.isnan(left) & np.isnan(right))
    else:
        different = (left != right) & ~(pd.isna(left) & pd.isna(right))
    places = np.flatnonzero(different)
    return int(places[0]) if len(places) else None


def _shared_values(module: ModuleType) -> dict[str, str]:
    """The plain values that all instances share: globals, and attributes of what globals hold."""
    found = {}
    for name, value in vars(module).items():
        owner = value if isinstance(value, type) else type(value)
        if not name.startswith("__") and is_plain(value):
            found[name] = literal(value)
        elif owner.__module__ == module.__name__:
            for attribute, inner in getattr(value, "__dict__", {}).items():
                if not attribute.startswith("__") and attribute not in _CACHES and is_plain(inner):
                    found[f"{name}.{attribute}"] = literal(inner)
    return found


def _first_change(before: dict[str, str], after: dict[str, str]) -> str | None:
    names = [*before, *(name for name in after if name not in before)]
    changed = (name for name in names if before.get(name) != after.get(name))
    return next(changed, None)
