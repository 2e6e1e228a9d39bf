"""A figure as people read it: 12.3 %, 10,432.17, 584 d, and - where there is none."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime, timedelta
from enum import Enum

import numpy as np

Value = float | int | str | timedelta | datetime | np.timedelta64 | np.datetime64
"""What a figure may be; a pandas Timedelta and Timestamp are a timedelta and a datetime."""

NOTHING = "-"

_TIME_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


class Unit(Enum):
    """What a figure is measured in, and so how it is shown."""

    FRACTION = "fraction"
    MONEY = "money"
    COUNT = "count"
    BARS = "bars"
    DURATION = "duration"
    RATIO = "ratio"
    TIME = "time"
    TEXT = "text"


def display(value: Value | None, unit: Unit) -> str:
    """`value` for people; `-` for NaN, NaT and None."""
    if value is None or value != value or (isinstance(value, str) and not value):
        return NOTHING
    return _DISPLAYS[unit](value)


def _fraction(value: float) -> str:
    percent = value * 100
    size = abs(percent)
    digits = 1 if size >= 1 or size == 0 else 2 if size >= 0.1 else 3
    return f"{_number(percent, digits)} %"


def _money(value: float) -> str:
    size = abs(value)
    if 0 < size < 1:
        # Four significant digits: accounts in BTC hold 0.01234.
        return _number(value, min(3 - math.floor(math.log10(size)), 12))
    return _number(value, 2)


def _bars(value: float) -> str:
    return _number(value, 0 if value == round(value) else 1)


def _duration(value: timedelta | np.timedelta64) -> str:
    if isinstance(value, np.timedelta64):
        seconds = round(float(value / np.timedelta64(1, "s")))
    else:
        seconds = round(value.total_seconds())
    parts = []
    for name, length in _TIME_UNITS:
        count, seconds = divmod(seconds, length)
        if count:
            parts.append(f"{count:,d} {name}")
    return " ".join(parts[:2]) or "0 s"


def _time(value: datetime | np.datetime64) -> str:
    text = str(np.datetime_as_string(_as_datetime64(value), unit="s")).replace("T", " ")
    return text.removesuffix(":00").removesuffix(" 00:00")


def _as_datetime64(value: datetime | np.datetime64) -> np.datetime64:
    if isinstance(value, np.datetime64):
        return value
    offset = value.utcoffset() or timedelta(0)
    return np.datetime64((value - offset).replace(tzinfo=None), "s")


def _number(value: float, digits: int) -> str:
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    if abs(value) >= 1e12:
        return f"{value:.3e}"
    text = f"{value:,.{digits}f}"
    return text.removeprefix("-") if float(text.replace(",", "")) == 0 else text


_DISPLAYS: dict[Unit, Callable[..., str]] = {
    Unit.FRACTION: _fraction,
    Unit.MONEY: _money,
    Unit.COUNT: lambda value: _number(value, 0),
    Unit.BARS: _bars,
    Unit.DURATION: _duration,
    Unit.RATIO: lambda value: _number(value, 2),
    Unit.TIME: _time,
    Unit.TEXT: str,
}
