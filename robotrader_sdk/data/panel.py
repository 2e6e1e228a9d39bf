"""Panel: the bars of several symbols on one timeline.

The timeline is the union of the symbols' open times. A symbol may start later than others, end
earlier and have bars missing: it then has no bar there, and nothing is made up for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from robotrader_sdk.data.panel_input import read_frames
from robotrader_sdk.data.spacing import infer_timeframe, units_a_second
from robotrader_sdk.data.spelling import did_you_mean
from robotrader_sdk.data.validate import COLUMNS
from robotrader_sdk.errors import BarsError
from robotrader_sdk.types import Timeframe


class Panel(Mapping[str, pd.DataFrame]):
    """Bars of several symbols: `panel["ETH/USDT"]` is a DataFrame, `panel.close` has all closes.

        panel = rt.Panel({"BTC/USDT": btc, "ETH/USDT": eth})
        momentum = panel.close.pct_change(90)

    bars: a dict of DataFrames of bars by symbol; or one DataFrame whose columns have two levels,
        symbol and field (open, high, low, close, volume), in either order, where a row that is
        NaN throughout for a symbol means that it has no bar then; or a Panel.

    index: the open times at which any symbol has a bar, UTC. open, high, low, close, volume: wide
    DataFrames on it, a column a symbol, NaN where a symbol has no bar. Each symbol's own frame is
    on its own index.

    Raises BarsError that names the symbol: bars that `rt.validate_bars` refuses, bars of
    different timeframes, a symbol that has no time in common with any other, a panel of no
    symbol or of a single bar.
    """

    def __init__(self, bars: Mapping[str, pd.DataFrame] | pd.DataFrame) -> None:
        self._frames: dict[str, pd.DataFrame] = read_frames(bars)
        self.symbols: tuple[str, ...] = tuple(self._frames)
        self.index, self.places = _timeline(self._frames)
        self.timeframe: Timeframe | None = _common_timeframe(self._frames)
        self._check()

    def __getitem__(self, symbol: str) -> pd.DataFrame:
        try:
            return self._frames[symbol]
        except KeyError:
            raise KeyError(
                f"the panel has no symbol {symbol!r}{did_you_mean(symbol, self.symbols)}"
            ) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._frames)

    def __len__(self) -> int:
        return len(self._frames)

    __eq__ = object.__eq__  # frames have no truth value to compare by
    __hash__ = object.__hash__

    def __repr__(self) -> str:
        first, last = self.index[0], self.index[-1]
        bars = f"{len(self.index)} bars" + (f" of {self.timeframe}" if self.timeframe else "")
        return f"<Panel of {len(self)} symbols, {bars}, {first:%Y-%m-%d} to {last:%Y-%m-%d}>"

    @property
    def open(self) -> pd.DataFrame:
        """The opens, a column a symbol."""
        return self._wide("open")

    @property
    def high(self) -> pd.DataFrame:
        """The highs, a column a symbol."""
        return self._wide("high")

    @property
    def low(self) -> pd.DataFrame:
        """The lows, a column a symbol."""
        return self._wide("low")

    @property
    def close(self) -> pd.DataFrame:
        """The closes, a column a symbol."""
        return self._wide("close")

    @property
    def volume(self) -> pd.DataFrame:
        """The volumes in base units, a column a symbol."""
        return self._wide("volume")

    @cached_property
    def bar_numbers(self) -> NDArray[np.int64]:
        """Which of its own bars each symbol has at each time, shape (times, symbols); -1: none."""
        numbers = np.full((len(self.index), len(self)), -1, np.int64)
        for column, places in enumerate(self.places):
            numbers[places, column] = np.arange(len(places))
        return numbers

    @cached_property
    def tables(self) -> tuple[NDArray[np.float64], ...]:
        """Each symbol's own bars as an array: open, high, low, close and volume in a row."""
        names = list(COLUMNS)
        return tuple(
            (frame if len(frame.columns) == len(names) else frame[names]).to_numpy()
            for frame in self._frames.values()
        )

    @cached_property
    def coverage(self) -> pd.DataFrame:
        """One row a symbol: what it has of the panel's timeline.

        first_bar, last_bar: open times; bars: how many it has; missing: times between these two
        at which other symbols have a bar and it has none; delisted: whether its last bar comes
        before the panel's last.
        """
        first = np.array([places[0] for places in self.places])
        last = np.array([places[-1] for places in self.places])
        bars = np.array([len(places) for places in self.places])
        return pd.DataFrame(
            {
                "first_bar": self.index[first],
                "last_bar": self.index[last],
                "bars": bars,
                "missing": last - first + 1 - bars,
                "delisted": last < len(self.index) - 1,
            },
            index=pd.Index(self.symbols, name="symbol"),
        )

    def array(self, field: str) -> NDArray[np.float64]:
        """A field's values, shape (times, symbols); NaN where a symbol has no bar."""
        wide = np.full((len(self.index), len(self)), np.nan)
        position = COLUMNS.index(field)
        for column, (values, places) in enumerate(zip(self.tables, self.places, strict=True)):
            wide[places, column] = values[:, position]
        return wide

    def copy(self) -> Panel:
        """The same bars in frames of their own, so that what is done to one is not seen here."""
        other = object.__new__(Panel)
        other.__dict__.update(self.__dict__)
        other._frames = {name: frame.copy(deep=False) for name, frame in self._frames.items()}
        return other

    def _wide(self, field: str) -> pd.DataFrame:
        columns = pd.Index(self.symbols, name="symbol")
        return pd.DataFrame(self.array(field), index=self.index, columns=columns)

    def _check(self) -> None:
        if len(self.index) < 2:
            raise BarsError(
                f"the panel has a single bar, at {self.index[0]}; a decision needs one bar and its "
                f"fill another: give a longer history"
            )
        if len(self) == 1:
            return
        held = np.zeros(len(self.index), np.int64)
        for places in self.places:
            held[places] += 1
        for symbol, places in zip(self.symbols, self.places, strict=True):
            if held[places].max() < 2:
                own = self._frames[symbol].index
                raise BarsError(
                    f"{symbol} has no time in common with any other symbol of the panel: its bars "
                    f"open from {own[0]} to {own[-1]}; check the period, the time zone and at "
                    f"which hour its bars open"
                )


def _timeline(
    frames: dict[str, pd.DataFrame],
) -> tuple[pd.DatetimeIndex, tuple[NDArray[np.int64], ...]]:
    """The union of all open times, and at which of them each symbol's bars are."""
    indexes = [pd.DatetimeIndex(frame.index) for frame in frames.values()]
    unit = max(indexes, key=units_a_second).unit
    indexes = [index.as_unit(unit) for index in indexes]
    first = indexes[0]
    if all(np.array_equal(index.asi8, first.asi8) for index in indexes):
        places = np.arange(len(first))
        return first, (places,) * len(indexes)
    times = np.unique(np.concatenate([index.asi8 for index in indexes]))
    union = pd.DatetimeIndex(times.view(f"M8[{unit}]"), name="open_time").tz_localize("UTC")
    return union, tuple(np.searchsorted(times, index.asi8) for index in indexes)


def _common_timeframe(frames: dict[str, pd.DataFrame]) -> Timeframe | None:
    """The timeframe of all symbols; None where the spacing is not regular enough to tell.

    A bar is known at its close. Bars of different lengths on one timeline of open times would
    tell the close of the longer ones before it is known.
    """
    known: dict[str, Timeframe] = {}
    for symbol, frame in frames.items():
        try:
            known[symbol] = infer_timeframe(frame.index)
        except BarsError:  # a single bar, or fractions of a second
            continue
    if not known:
        return None
    finest = min(known, key=lambda symbol: known[symbol].seconds)
    for symbol, timeframe in known.items():
        if _is_coarser(pd.DatetimeIndex(frames[symbol].index), known[finest]):
            raise BarsError(
                f"the bars of {symbol} are {timeframe}, those of {finest} {known[finest]}; all "
                f"symbols of a panel need one timeframe: rt.resample makes longer bars of shorter "
                f"ones"
            )
    return known[finest]


def _is_coarser(index: pd.DatetimeIndex, timeframe: Timeframe) -> bool:
    """Whether bars are longer than a timeframe, and not but often missing.

    Longer ones are never next to each other, and on a grid of their own or evenly spaced (as
    months nearly are). Three distances don't tell yet.
    """
    steps = np.diff(index.asi8)
    next_to_each_other = 1.5 * timeframe.seconds * units_a_second(index)
    if len(steps) < 4 or steps.min() <= next_to_each_other:
        return False
    on_a_grid = np.gcd.reduce(steps) > next_to_each_other
    return bool(on_a_grid or steps.max() <= 1.5 * steps.min())
