"""A result as JSON and back: every number exactly, NaN as null."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from robotrader_sdk.backtest.config import BacktestConfig
from robotrader_sdk.backtest.perpetual import FUNDING
from robotrader_sdk.backtest.result import BacktestResult
from robotrader_sdk.errors import ResultError, RobotraderError
from robotrader_sdk.trading.costs import Fees
from robotrader_sdk.trading.fill import FILL
from robotrader_sdk.trading.instrument import Instrument
from robotrader_sdk.trading.order import ORDER
from robotrader_sdk.trading.trade import LOT

FORMAT = "robotrader-backtest-1"
PORTFOLIO_FORMAT = "robotrader-portfolio-1"


def to_json(result: BacktestResult) -> str:
    """See `BacktestResult.to_json`."""
    return json.dumps(to_saved(result), allow_nan=False)


def to_saved(result: BacktestResult) -> dict[str, Any]:
    """What `to_json` writes."""
    index = pd.DatetimeIndex(result.bars.index)
    return {
        "format": FORMAT,
        "strategy": result.strategy,
        "params": result.params,
        "config": asdict(result.config),
        "contract": result.contract,
        "status": result.status,
        "warmup_bars": result.warmup_bars,
        "n_ambiguous": result.n_ambiguous,
        "n_conflicts": result.n_conflicts,
        "n_liquidations": result.n_liquidations,
        "n_settled": result.n_settled,
        "pnl_pessimistic": result.pnl_pessimistic,
        "pnl_optimistic": result.pnl_optimistic,
        "open_time_unit": index.unit,
        "open_time": index.asi8.tolist(),
        "bars": {str(k): plain(result.bars[k].to_numpy()) for k in result.bars.columns},
        "equity": plain(result.equity_values),
        "orders": _columns(result.order_table),
        "lots": _columns(result.lot_table),
        "fills": _columns(result.fill_table),
        "funding": None if result.funding_table is None else _columns(result.funding_table),
        "indicators": {name: plain(v) for name, v in result.indicators.items()},
    }


def from_json(text: str | bytes) -> BacktestResult:
    """See `BacktestResult.from_json`."""
    saved = parse(text, FORMAT, PORTFOLIO_FORMAT)
    with damage_named():
        if saved["format"] == PORTFOLIO_FORMAT:
            from robotrader_sdk.backtest.portfolio import saving

            return saving.read(saved)
        return read(saved)


def parse(text: str | bytes, *formats: str) -> dict[str, Any]:
    """What `to_json` wrote, in one of the formats; ResultError for anything else."""
    try:
        saved = json.loads(text)
    except (TypeError, ValueError) as error:
        raise ResultError(f"a result is JSON as result.to_json() writes it: {error}") from None
    found = saved.get("format") if isinstance(saved, dict) else type(saved).__name__
    if not isinstance(saved, dict) or found not in formats:
        raise ResultError(f"expected a result of format {formats[0]!r}, got {found!r}")
    return saved


@contextmanager
def damage_named() -> Iterator[None]:
    """ResultError for whatever reading an incomplete or damaged result runs into."""
    try:
        yield
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        if isinstance(error, RobotraderError):
            raise
        raise ResultError(
            f"the saved result is incomplete or damaged: {type(error).__name__}: {error}"
        ) from error


def read(saved: dict[str, Any]) -> BacktestResult:
    """The result of what `parse` gave; any error where that is damaged."""
    n_bars = len(saved["open_time"])
    lengths = {
        name: len(values) for name, values in (*saved["bars"].items(), *saved["indicators"].items())
    }
    if set(lengths.values()) != {n_bars} or not 0 < len(saved["equity"]) <= n_bars:
        raise ResultError(
            f"the saved result is damaged: {n_bars} open times, {len(saved['equity'])} values of "
            f"equity, and {lengths}"
        )
    times = np.array(saved["open_time"], np.int64).view(f"M8[{saved['open_time_unit']}]")
    index = pd.DatetimeIndex(times, name="open_time").tz_localize("UTC")
    return BacktestResult(
        strategy=saved["strategy"],
        params=saved["params"],
        config=read_config(saved["config"]),
        bars=pd.DataFrame({k: _column(v) for k, v in saved["bars"].items()}, index=index),
        equity_values=_floats(saved["equity"]),
        warmup_bars=saved["warmup_bars"],
        order_table=_table(saved["orders"], ORDER),
        lot_table=_table(saved["lots"], LOT),
        fill_table=_table(saved["fills"], FILL),
        indicators={name: _floats(v) for name, v in saved["indicators"].items()},
        n_ambiguous=saved["n_ambiguous"],
        n_conflicts=saved["n_conflicts"],
        n_liquidations=saved["n_liquidations"],
        n_settled=saved["n_settled"],
        funding_table=None if saved["funding"] is None else _table(saved["funding"], FUNDING),
        pnl_pessimistic=saved["pnl_pessimistic"],
        pnl_optimistic=saved["pnl_optimistic"],
    )


def read_config(saved: dict[str, Any]) -> BacktestConfig:
    """The settings of a run, those of the symbols of a panel included."""
    return BacktestConfig(
        **{
            **saved,
            "fees": Fees(**saved["fees"]),
            "instrument": Instrument(**saved["instrument"]),
            "symbols": {name: read_config(own) for name, own in saved["symbols"].items()},
        }
    )


def plain(values: NDArray[Any]) -> list[Any]:
    """Values as JSON has them: NaN as None."""
    return [None if value != value else value for value in values.tolist()]


def _columns(table: NDArray[Any]) -> dict[str, list[Any]]:
    return {name: plain(table[name]) for name in table.dtype.names or ()}


def _floats(values: list[float | None]) -> NDArray[np.float64]:
    return np.array(values, np.float64)


def _column(values: list[Any]) -> NDArray[Any]:
    number = all(value is None or type(value) in (int, float) for value in values)
    return _floats(values) if number else np.array(values)


def _table(columns: dict[str, list[Any]], dtype: np.dtype[Any]) -> NDArray[Any]:
    names = dtype.names or ()
    table = np.zeros(len(columns[names[0]]), dtype)
    for name in names:
        table[name] = columns[name]
    return table
