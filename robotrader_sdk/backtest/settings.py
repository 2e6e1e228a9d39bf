"""The settings that `rt.backtest` was given, as the configuration of one symbol or of a panel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from robotrader_sdk.backtest.config import BacktestConfig
from robotrader_sdk.data.panel import Panel
from robotrader_sdk.data.spelling import did_you_mean
from robotrader_sdk.errors import BacktestError
from robotrader_sdk.trading.costs import Fees
from robotrader_sdk.trading.instrument import Instrument

_BY_SYMBOL: dict[str, Any] = {
    "fees": Fees(),
    "slippage": 0.0,
    "instrument": Instrument(),
    "leverage": 1.0,
}
"""What may differ by symbol, and what holds for a symbol that a dict leaves out."""

_ALONE = {
    "fees": "rt.Fees(...)",
    "instrument": "rt.Instrument(...) or None",
    "funding": "a Series of rates",
    "mark": "a Series of prices or bars",
}


def is_panel(bars: object) -> bool:
    """Whether bars are those of several symbols."""
    if isinstance(bars, pd.DataFrame):
        return bars.columns.nlevels == 2
    return isinstance(bars, Mapping)


def one_symbol(settings: dict[str, Any], **series: object) -> BacktestConfig:
    """The configuration of a run over one symbol."""
    for name, value in {**settings, **series}.items():
        if isinstance(value, Mapping):
            raise BacktestError(
                f"{name} must be {_ALONE.get(name, 'one value')} where the bars are those of one "
                f"symbol, got {value!r:.80}; a dict by symbol belongs to a panel"
            )
    return BacktestConfig(**_chosen(settings))


def for_panel(settings: dict[str, Any], panel: Panel) -> BacktestConfig:
    """The configuration of a run over a panel, with that of each symbol."""
    by_symbol = {n: v for n, v in settings.items() if n in _BY_SYMBOL and isinstance(v, Mapping)}
    for name, values in by_symbol.items():
        check_symbols(name, values, panel)
    shared = _chosen({n: v for n, v in settings.items() if n not in by_symbol})
    # What a symbol has of its own may need the rest of what it has, as leverage an instrument.
    calm = {n: v for n, v in shared.items() if n != "leverage" or "instrument" not in by_symbol}
    own = {
        symbol: BacktestConfig(
            **{
                **shared,
                **{n: values.get(symbol, _BY_SYMBOL[n]) for n, values in by_symbol.items()},
                **_leverage_of(symbol, by_symbol),
            }
        )
        for symbol in panel.symbols
        if by_symbol
    }
    return BacktestConfig(**calm, symbols=own)


def check_symbols(name: str, values: Mapping[str, object], panel: Panel) -> None:
    """BacktestError if a dict by symbol has one that the panel lacks."""
    for symbol in values:
        if symbol not in panel.symbols:
            raise BacktestError(
                f"{name} has {symbol!r}, which the panel has not"
                f"{did_you_mean(str(symbol), panel.symbols)}"
            )


def _leverage_of(symbol: str, by_symbol: dict[str, Any]) -> dict[str, float]:
    """One leverage for all means: for those that can have one."""
    instrument = by_symbol.get("instrument", {}).get(symbol, _BY_SYMBOL["instrument"])
    if "instrument" not in by_symbol or "leverage" in by_symbol or instrument.is_perpetual:
        return {}
    return {"leverage": 1.0}


def _chosen(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings without an instrument that was left open."""
    return {n: v for n, v in settings.items() if n != "instrument" or v is not None}
