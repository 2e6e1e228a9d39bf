"""How many bars a year has: 365 days where the market never closes, else as observed.

1. The length of a bar is its most common spacing.
2. Bars longer than a day (weekly, monthly): bars per elapsed time, (n - 1) / (last - first).
3. Otherwise the market is one that never closes, or one that does. The last 13 weeks are cut
   into hours (into bars, where these are longer), counted from the first bar, and folded into
   one week. An hour of the week is open if at least half of its occurrences have a bar. If more
   than three quarters of those that occur are open, or less than a day is covered, the market
   never closes: 365 days / length of a bar, whatever bars are missing. Foreign exchange and
   daily stock bars are open for 5/7 of the week, stocks by the minute for about 1/5. Bars that
   span no weekend, such as five daily ones, so count as those of a market that never closes.
4. A market that closes: the bars in the longest whole number of weeks from the first bar, per
   that time; whole weeks, so that a run of ten days isn't counted with one weekend or two by
   chance. With less than a week: its bars per open day, five days a week.

A year is 365 days throughout.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from robotrader_sdk.analytics.arrays import IntArray, integers
from robotrader_sdk.errors import BarsError

_HOUR = 3_600 * 1_000_000_000
_DAY = 24 * _HOUR
_WEEK = 7 * _DAY
_YEAR = 365 * _DAY
_WEEKS_LOOKED_AT = 13
_OPEN_SHARE = 0.75
_TRADING_DAYS = 5
_SAMPLES, _SAMPLE_SIZE = 8, 512


def bars_per_year(open_times_ns: npt.ArrayLike) -> float:
    """Bars a year has, for annualising, by the rule of this module.

    `open_times_ns` are the bars' open times in nanoseconds since 1970, UTC, increasing. NaN
    with fewer than two bars. BarsError if the times do not increase.
    """
    times = integers(open_times_ns, "open_times_ns")
    bar = bar_length_ns(times)
    if bar == 0:
        return math.nan
    span = int(times[-1] - times[0])
    if bar > _DAY:
        return (len(times) - 1) * _YEAR / span
    if span < _DAY or _share_of_week_open(times, bar) > _OPEN_SHARE:
        return _YEAR / bar
    return _observed_rate(times, span)


def bar_length_ns(open_times_ns: npt.ArrayLike) -> int:
    """The most common spacing of the bars in nanoseconds, the smaller of equals; 0 for one bar.

    Taken from eight stretches of 512 bars, evenly spread. BarsError if the times do not
    increase.
    """
    times = integers(open_times_ns, "open_times_ns")
    if len(times) < 2:
        return 0
    last_start = max(len(times) - 1 - _SAMPLE_SIZE, 0)
    starts = np.unique(np.linspace(0, last_start, _SAMPLES).astype(np.int64))
    spacings = np.concatenate([np.diff(times[at : at + _SAMPLE_SIZE + 1]) for at in starts])
    lengths, counts = np.unique(spacings, return_counts=True)
    if lengths[0] <= 0:
        raise BarsError("open times must increase from bar to bar; sort them, drop duplicates")
    return int(lengths[np.argmax(counts)])


def _share_of_week_open(times: IntArray, bar: int) -> float:
    slot = max(bar, _HOUR) if _DAY % max(bar, _HOUR) == 0 else _DAY
    occupied = _occupied(times, slot)
    slot_of_week = np.arange(len(occupied)) % (_WEEK // slot)
    occurrences = np.bincount(slot_of_week)
    with_bars = np.bincount(slot_of_week, weights=occupied)
    return float(np.mean(2 * with_bars >= occurrences))


def _occupied(times: IntArray, slot: int) -> npt.NDArray[np.bool_]:
    """Which slots of time, counted in whole weeks from the first bar, have a bar."""
    first, last = int(times[0]), int(times[-1])
    skipped_weeks = max((last - first) // _WEEK - _WEEKS_LOOKED_AT, 0)
    edges = np.arange(first + skipped_weeks * _WEEK, last + slot + 1, slot, dtype=np.int64)
    occupied: npt.NDArray[np.bool_] = np.diff(np.searchsorted(times, edges)) > 0
    return occupied


def _observed_rate(times: IntArray, span: int) -> float:
    weeks = span // _WEEK
    if weeks >= 1:
        counted = int(np.searchsorted(times, int(times[0]) + weeks * _WEEK))
        return counted * _YEAR / (weeks * _WEEK)
    days = span // _DAY
    counted = int(np.searchsorted(times, int(times[0]) + days * _DAY))
    open_days = int(np.count_nonzero(_occupied(times, _DAY)[:days]))
    return counted / open_days * _TRADING_DAYS * _YEAR / _WEEK
