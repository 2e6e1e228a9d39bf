"""Target weights as a strategy gives them, checked against what the instruments allow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from robotrader_sdk.data.panel import Panel
from robotrader_sdk.data.spelling import did_you_mean
from robotrader_sdk.errors import InstrumentError, SignalError

Weights = NDArray[np.float64]

_NOISE = 1e-9
"""By how much the sum of weights may exceed the limit, which float noise in a sum of 1 does."""


@dataclass(frozen=True)
class WeightLimits:
    """What the instruments of a panel allow; one value a symbol.

    can_short: whether a weight may be below 0. leverage: 1, or of a perpetual its leverage; a
    weight needs |weight| / leverage of the equity, and all of them together at most 1.
    """

    symbols: tuple[str, ...]
    can_short: NDArray[np.bool_]
    leverage: NDArray[np.float64]


@dataclass(frozen=True)
class WeightRows:
    """Decisions in the order of time: at which bar of the panel, and a weight for each symbol."""

    bars: NDArray[np.int64]
    weights: Weights


def read_weights(
    given: object, panel: Panel, limits: WeightLimits, first_bar: int, owner: str
) -> WeightRows:
    """What `target_weights` returned, from the first bar that may be decided at.

    Rows before it are left out unread. `owner` names the strategy in errors: SignalError or
    InstrumentError, which name the row and the column.
    """
    where = f"{owner}.target_weights"
    if not isinstance(given, pd.DataFrame):
        raise SignalError(
            f"{where} must return a DataFrame with a row a decision and a column a symbol, got "
            f"{type(given).__name__}"
        )
    columns = _columns(given.columns, limits.symbols, where)
    bars = _bars(given.index, panel.index, where)
    try:
        values = given.to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise SignalError(f"{where}: weights must be numbers: {error}") from None
    late_enough = bars >= first_bar
    bars = bars[late_enough]
    weights = np.zeros((len(bars), len(limits.symbols)))
    weights[:, columns] = values[late_enough]
    check_weights(weights, panel.index[bars], limits, where)
    return WeightRows(bars, weights)


def read_row(given: object, time: pd.Timestamp, limits: WeightLimits, owner: str) -> Weights:
    """The weights of one call of `ctx.rebalance`, 0 for symbols that it does not name."""
    where = f"{owner}: ctx.rebalance"
    if isinstance(given, pd.Series):
        given = given.to_dict()
    if not isinstance(given, Mapping):
        raise SignalError(
            f"{where} takes weights by symbol, such as {{'BTC/USDT': .5}}, got "
            f"{type(given).__name__}"
        )
    columns = _columns(pd.Index(list(given), dtype=object), limits.symbols, where)
    row = np.zeros(len(limits.symbols))
    for column, (symbol, weight) in zip(columns, given.items(), strict=True):
        row[column] = _number(weight, symbol, time, where)
    check_weights(row[np.newaxis], pd.DatetimeIndex([time]), limits, where)
    return row


def check_weights(
    weights: Weights, times: pd.DatetimeIndex, limits: WeightLimits, where: str
) -> None:
    """Refuse what no market allows, naming the first time and symbol.

    SignalError for what is no finite number and for too much in all; InstrumentError for a short
    where the instrument can't be sold short.
    """
    wrong = _first(~np.isfinite(weights))
    if wrong is not None:
        row, column = wrong
        raise SignalError(
            f"{where}: the weight of {limits.symbols[column]} at {times[row]} is "
            f"{weights[row, column]}, expected a number; leave out rows without a decision "
            f"(weights.dropna()), write 0 for a symbol that is not wanted"
        )
    wrong = _first((weights < 0.0) & ~limits.can_short)
    if wrong is not None:
        row, column = wrong
        raise InstrumentError(
            f"{where}: the weight of {limits.symbols[column]} at {times[row]} is "
            f"{weights[row, column]:g}, but a spot instrument can't be sold short; use "
            f"kind='synthetic', or weights of 0 and above"
        )
    needed = (np.abs(weights) / limits.leverage).sum(axis=1)
    beyond = np.flatnonzero(needed > 1.0 + _NOISE)
    if beyond.size:
        raise _too_much(weights[beyond[0]], times[beyond[0]], needed[beyond[0]], limits, where)


def _too_much(
    row: Weights, time: pd.Timestamp, needed: float, limits: WeightLimits, where: str
) -> SignalError:
    largest = np.argsort(-np.abs(row) / limits.leverage, kind="stable")[:3]
    named = ", ".join(f"{limits.symbols[k]} {row[k]:g}" for k in largest if row[k])
    margined = " (|weight| / leverage of a perpetual)" if (limits.leverage != 1.0).any() else ""
    return SignalError(
        f"{where}: the weights at {time} need {needed:.10g} of the equity{margined}, at most 1 is "
        f"there; the largest are {named}; scale them down, or trade perpetuals with leverage="
    )


def _columns(given: pd.Index, symbols: tuple[str, ...], where: str) -> NDArray[np.intp]:
    known = {symbol: column for column, symbol in enumerate(symbols)}
    for name in given:
        if name not in known:
            shown = ", ".join(symbols[:8]) + (", ..." if len(symbols) > 8 else "")
            raise SignalError(
                f"{where}: the panel has no symbol {name!r}{did_you_mean(name, symbols)}; it has "
                f"{shown}"
            )
    twice = given[given.duplicated()]
    if len(twice):
        raise SignalError(f"{where}: {twice[0]} has more than one column of weights")
    return np.array([known[name] for name in given], np.intp)


def _bars(given: pd.Index, index: pd.DatetimeIndex, where: str) -> NDArray[np.int64]:
    if given is index:
        return np.arange(len(index))
    if len(given) == 0:
        return np.zeros(0, np.int64)
    if not isinstance(given, pd.DatetimeIndex) or given.tz is None:
        raise SignalError(
            f"{where}: rows are times of panel.index, in UTC; got {given.dtype} (row 0: "
            f"{given[0]!r})"
        )
    times = given.tz_convert("UTC")
    bars: NDArray[Any] = index.get_indexer(times)
    if (bars < 0).any():
        row = int(np.argmax(bars < 0))
        raise SignalError(
            f"{where}: row {row}, {given[row]}, is no time of panel.index; rows are "
            f"named by the open_time of the bar they are decided at (for months return all rows "
            f"and set rebalance = 'monthly')"
        )
    backwards = np.flatnonzero(np.diff(bars) <= 0)
    if backwards.size:
        row = int(backwards[0]) + 1
        raise SignalError(
            f"{where}: rows must ascend, each time once; row {row}, {given[row]}, is not after "
            f"{given[row - 1]}"
        )
    return bars.astype(np.int64)


def _number(value: object, symbol: object, time: pd.Timestamp, where: str) -> float:
    try:
        return float(value)  # type: ignore[arg-type]  # anything that counts as a number
    except (TypeError, ValueError):
        raise SignalError(
            f"{where}: the weight of {symbol} at {time} must be a number, got {value!r}"
        ) from None


def _first(wrong: NDArray[np.bool_]) -> tuple[int, int] | None:
    """Row and column of the first fault in the order of time."""
    if not wrong.any():
        return None
    row, column = np.unravel_index(int(np.argmax(wrong)), wrong.shape)
    return int(row), int(column)
