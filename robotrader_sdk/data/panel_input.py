"""The forms in which a panel may be given, read into one checked frame of bars a symbol."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC

import numpy as np
import pandas as pd

from robotrader_sdk.data.spelling import did_you_mean
from robotrader_sdk.data.validate import COLUMNS, validate_bars
from robotrader_sdk.errors import BarsError

_EXPECTED = (
    "a panel is a dict of frames of bars by symbol, {'BTC/USDT': bars, ...}, or a DataFrame whose "
    "columns have two levels, symbol and field (open, high, low, close, volume)"
)

_NO_TIME = np.iinfo(np.int64).min
"""What stands for NaT."""


def read_frames(bars: object) -> dict[str, pd.DataFrame]:
    """One canonical frame of bars a symbol; BarsError names the symbol and what is wrong."""
    if isinstance(bars, pd.DataFrame):
        given = _split_by_symbol(bars)
    elif isinstance(bars, Mapping):
        given = dict(bars)
    else:
        raise BarsError(f"{_EXPECTED}; got {type(bars).__name__}")
    if not given:
        raise BarsError(f"the panel is empty; {_EXPECTED}")
    return {_name(symbol): _checked(symbol, frame) for symbol, frame in given.items()}


def _name(symbol: object) -> str:
    if not isinstance(symbol, str) or not symbol:
        raise BarsError(f"a panel's symbols are names such as 'BTC/USDT', got {symbol!r}")
    return symbol


def _checked(symbol: object, frame: pd.DataFrame) -> pd.DataFrame:
    try:
        return frame if is_sound(frame) else validate_bars(frame, report_gaps=False)
    except BarsError as error:
        raise BarsError(f"{symbol}: {error}") from None


def is_sound(frame: object) -> bool:
    """Whether `validate_bars` would hand a frame back as it is; False says nothing.

    A panel may have hundreds of frames, mostly sound and in canonical form: for these alone the
    rules are looked at here all at once, which takes a tenth of the time. What is wrong, and how
    other forms are read, `validate_bars` says.
    """
    if type(frame) is not pd.DataFrame or tuple(frame.columns) != COLUMNS or frame.empty:
        return False
    index, numbers = frame.index, frame.to_numpy()
    if not isinstance(index, pd.DatetimeIndex) or index.tz is not UTC:
        return False
    if index.name != "open_time" or set(frame.dtypes) != {np.dtype(np.float64)}:
        return False
    open_, high, low, close, volume = numbers.T
    highest, lowest = np.maximum(open_, close), np.minimum(open_, close)
    in_range = (low > 0.0) & (low <= lowest) & (highest <= high) & (high < np.inf)
    traded = (volume >= 0.0) & (volume < np.inf)
    times = index.asi8
    ascending = bool((times[1:] > times[:-1]).all()) and times[0] > _NO_TIME
    return ascending and bool((in_range & traded).all())


def _split_by_symbol(bars: pd.DataFrame) -> dict[object, pd.DataFrame]:
    """The frames of a table with symbol columns, each without the times at which it has no bar."""
    if bars.columns.nlevels == 1:
        if set(COLUMNS[:4]) <= set(bars.columns):
            raise BarsError(f"these are the bars of one symbol; {_EXPECTED}")
        raise BarsError(
            f"a table of one price a symbol is no panel, for orders fill at opens and inside bars; "
            f"{_EXPECTED}; got the columns {', '.join(map(str, bars.columns[:4]))}"
        )
    level = _field_level(bars.columns)
    symbols = bars.columns.get_level_values(1 - level)
    frames: dict[object, pd.DataFrame] = {}
    for symbol in dict.fromkeys(symbols):
        own = bars.loc[:, symbols == symbol].droplevel(1 - level, axis="columns")
        prices = [name for name in COLUMNS[:4] if name in own.columns]
        frames[symbol] = own.dropna(how="all", subset=prices) if prices else own
    return frames


def _field_level(columns: pd.Index) -> int:
    """Which of two levels holds the fields."""
    if columns.nlevels == 2:
        for level in (0, 1):
            if set(COLUMNS[:4]) <= set(columns.get_level_values(level)):
                return level
    levels = [columns.unique(level) for level in range(columns.nlevels)]
    found = "; ".join(", ".join(map(repr, names[:5])) for names in levels)
    hints = (did_you_mean(name, COLUMNS) for names in levels for name in names)
    raise BarsError(f"{_EXPECTED}; found the levels: {found}{next(filter(None, hints), '')}")
