"""Missing bars: found, listed, and filled where the user wants them filled."""

from __future__ import annotations

import numpy as np
import pandas as pd

from robotrader_sdk.data.spacing import Holes, find_holes, infer_timeframe, units_a_second
from robotrader_sdk.data.validate import validate_bars
from robotrader_sdk.errors import BarsError
from robotrader_sdk.types import Timeframe

__all__ = ["fill_gaps", "find_gaps", "infer_timeframe"]

_MOST_FILLED = 20_000_000


def find_gaps(bars: pd.DataFrame, timeframe: Timeframe | str | None = None) -> pd.DataFrame:
    """List where bars are missing: one row a gap, none if there are none.

    Columns: `after`, the open_time of the last bar before the gap; `before`, that of the
    first bar behind it; `missing`, how many bars of the timeframe (by default the most
    common distance between bars) would fit in between. For a market that closes, nights,
    weekends and holidays are gaps too.

    Raises BarsError for bars that can't be trusted, and for bars closer together than the
    timeframe.
    """
    bars, _, holes = _holes(bars, timeframe)
    index = bars.index
    return pd.DataFrame(
        {"after": index[holes.after], "before": index[holes.after + 1], "missing": holes.missing}
    )


def fill_gaps(bars: pd.DataFrame, timeframe: Timeframe | str | None = None) -> pd.DataFrame:
    """Put a flat bar wherever one is missing: all prices the last close, volume 0.

    The result has a boolean column `filled`, True for the bars that are made up. An unknown
    volume (NaN throughout) stays unknown, and other columns are NaN in a filled bar. The
    made-up bars never know of a later price, but they do hide that nobody traded: an order
    filled in one of them is fiction.

    Raises BarsError like `find_gaps`, and where more than 20 million bars would be made up
    (one wrong time, such as a bar of 1970, does that).
    """
    bars, length, holes = _holes(bars, timeframe)
    if holes.total > _MOST_FILLED:
        longest = bars.index[holes.after[holes.missing.argmax()]]
        raise BarsError(
            f"filling would make up {holes.total} bars of {length}, expected at most "
            f"{_MOST_FILLED}; the longest gap comes after {longest}: is the next time right?"
        )
    index = pd.DatetimeIndex(bars.index)
    known = bars["filled"].to_numpy() if "filled" in bars.columns else False
    unknown_volume = bool(bars["volume"].isna().all())

    filled = bars.assign(filled=known).reindex(_without_holes(index, length, holes))
    made_up = ~filled.index.isin(index)
    last_close = filled["close"].ffill()
    for name in ("open", "high", "low", "close"):
        filled[name] = filled[name].where(~made_up, last_close)
    if not unknown_volume:
        filled["volume"] = filled["volume"].where(~made_up, 0.0)
    filled["filled"] = np.where(made_up, True, filled["filled"]).astype(np.bool_)
    return filled


def _holes(
    bars: pd.DataFrame, timeframe: Timeframe | str | None
) -> tuple[pd.DataFrame, Timeframe, Holes]:
    bars = validate_bars(bars, report_gaps=False)
    index = pd.DatetimeIndex(bars.index)
    if timeframe is None and len(index) == 1:
        nothing = np.empty(0, dtype=np.int64)
        return bars, Timeframe(1), Holes(nothing, nothing)
    length = infer_timeframe(index) if timeframe is None else Timeframe.parse(timeframe)
    if timeframe is not None:
        _check_not_finer(index, length)
    return bars, length, find_holes(index, length)


def _check_not_finer(index: pd.DatetimeIndex, timeframe: Timeframe) -> None:
    steps = np.diff(index.asi8)
    # Half a bar of tolerance, as in find_holes: bars of local midnights are 23 h apart once.
    close = np.flatnonzero(2 * steps < timeframe.seconds * units_a_second(index))
    if len(close):
        row = int(close[0])
        raise BarsError(
            f"{len(close)} bars are closer together than {timeframe}, such as {index[row]} and "
            f"{index[row + 1]}; pass the timeframe the bars have, or resample(bars, "
            f"'{timeframe}')"
        )


def _without_holes(index: pd.DatetimeIndex, timeframe: Timeframe, holes: Holes) -> pd.DatetimeIndex:
    """The index with the missing times put in, each a whole number of bars after the last."""
    repeats = np.ones(len(index), dtype=np.int64)
    repeats[holes.after] += holes.missing
    first = np.repeat(np.cumsum(repeats) - repeats, repeats)
    offsets = np.arange(len(first), dtype=np.int64) - first
    step = timeframe.seconds * units_a_second(index)
    times = np.repeat(index.asi8, repeats) + offsets * step
    whole = pd.DatetimeIndex(times.view(f"M8[{index.unit}]"), name=index.name)
    return whole.tz_localize("UTC")
