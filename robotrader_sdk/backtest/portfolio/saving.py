"""A portfolio's result as JSON and back: every number exactly, NaN as null."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

import numpy as np
import pandas as pd

from robotrader_sdk.backtest import serialisation
from robotrader_sdk.backtest.portfolio.result import PortfolioResult
from robotrader_sdk.backtest.result import BacktestResult
from robotrader_sdk.data.panel import Panel
from robotrader_sdk.data.validate import COLUMNS
from robotrader_sdk.errors import ResultError

_NUMBERS = ("order_symbols", "lot_symbols", "fill_symbols", "funding_symbols", "untraded_weights")


def to_json(result: PortfolioResult) -> str:
    """See `PortfolioResult.to_json`."""
    saved = serialisation.to_saved(result)
    own = {name: getattr(result, name).tolist() for name in _NUMBERS}
    panel = {symbol: _saved_frame(frame) for symbol, frame in result.panel.items()}
    return json.dumps(
        {
            **saved,
            "format": serialisation.PORTFOLIO_FORMAT,
            "rebalancing": result.rebalancing,
            "pending_weights": serialisation.plain(result.pending_weights),
            "panel": panel,
            **own,
        },
        allow_nan=False,
    )


def from_json(text: str | bytes) -> PortfolioResult:
    """See `PortfolioResult.from_json`."""
    saved = serialisation.parse(text, serialisation.PORTFOLIO_FORMAT)
    with serialisation.damage_named():
        return read(saved)


def read(saved: dict[str, Any]) -> PortfolioResult:
    """The result of what `parse` gave; any error where that is damaged."""
    panel = Panel({symbol: _read_frame(frame) for symbol, frame in saved["panel"].items()})
    whole = serialisation.read(saved)
    numbers: dict[str, Any] = {name: np.array(saved[name], np.int64) for name in _NUMBERS}
    tables = (whole.order_table, whole.lot_table, whole.fill_table, whole.funding_table)
    for name, table in zip(_NUMBERS, tables, strict=False):
        if table is None or len(numbers[name]) != len(table):
            raise ResultError(f"the saved result is damaged: {name} is of another length")
        if len(table) and not 0 <= numbers[name].min() <= numbers[name].max() < len(panel):
            raise ResultError(f"the saved result is damaged: {name} names unknown symbols")
    return PortfolioResult(
        **{field.name: getattr(whole, field.name) for field in fields(BacktestResult)},
        panel=panel,
        rebalancing=str(saved["rebalancing"]),
        pending_weights=np.array(saved["pending_weights"], np.float64),
        **numbers,
    )


def _saved_frame(frame: pd.DataFrame) -> dict[str, Any]:
    index = pd.DatetimeIndex(frame.index)
    columns = {name: serialisation.plain(frame[name].to_numpy()) for name in COLUMNS}
    return {"unit": index.unit, "open_time": index.asi8.tolist(), **columns}


def _read_frame(saved: dict[str, Any]) -> pd.DataFrame:
    times = np.array(saved["open_time"], np.int64).view(f"M8[{saved['unit']}]")
    index = pd.DatetimeIndex(times, name="open_time").tz_localize("UTC")
    columns = {name: np.array(saved[name], np.float64) for name in COLUMNS}
    return pd.DataFrame(columns, index=index)
