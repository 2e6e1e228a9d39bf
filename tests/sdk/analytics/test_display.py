"""Figures as people read them."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pandas as pd
import pytest

from robotrader_sdk.analytics.display import Unit, Value, display


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (0.1234, Unit.FRACTION, "12.3 %"),
        (-0.4798, Unit.FRACTION, "-48.0 %"),
        (12.3456, Unit.FRACTION, "1,234.6 %"),
        (0.00354, Unit.FRACTION, "0.35 %"),
        (0.000354, Unit.FRACTION, "0.035 %"),
        (0.0, Unit.FRACTION, "0.0 %"),
        (-0.0, Unit.FRACTION, "0.0 %"),
        (-1e-9, Unit.FRACTION, "0.000 %"),
        (1e15, Unit.FRACTION, "1.000e+17 %"),
        (51_959.954, Unit.MONEY, "51,959.95"),
        (-1.5, Unit.MONEY, "-1.50"),
        (0.0123456, Unit.MONEY, "0.01235"),
        (-0.000012345, Unit.MONEY, "-0.00001234"),
        (0.0, Unit.MONEY, "0.00"),
        (1_461, Unit.COUNT, "1,461"),
        (65.0, Unit.COUNT, "65"),
        (np.int64(7), Unit.COUNT, "7"),
        (12.0, Unit.BARS, "12"),
        (32.768, Unit.BARS, "32.8"),
        (1.4799, Unit.RATIO, "1.48"),
        (math.inf, Unit.RATIO, "∞"),
        (-math.inf, Unit.MONEY, "-∞"),
        (timedelta(days=584), Unit.DURATION, "584 d"),
        (timedelta(days=3, hours=4, minutes=30), Unit.DURATION, "3 d 4 h"),
        (timedelta(minutes=45), Unit.DURATION, "45 min"),
        (timedelta(0), Unit.DURATION, "0 s"),
        (np.timedelta64(90, "s"), Unit.DURATION, "1 min 30 s"),
        (np.timedelta64(5_000_000_000, "ns"), Unit.DURATION, "5 s"),
        (pd.Timedelta(hours=26), Unit.DURATION, "1 d 2 h"),
        (np.datetime64("2020-01-01", "ns"), Unit.TIME, "2020-01-01"),
        (np.datetime64("2020-01-01T10:30", "ns"), Unit.TIME, "2020-01-01 10:30"),
        (np.datetime64("2020-01-01T00:00:05", "ns"), Unit.TIME, "2020-01-01 00:00:05"),
        (pd.Timestamp("2020-01-01 23:00", tz="UTC"), Unit.TIME, "2020-01-01 23:00"),
        (datetime(2020, 1, 1, 2, tzinfo=timezone(timedelta(hours=2))), Unit.TIME, "2020-01-01"),
        (datetime(2020, 1, 1, 2, 5, tzinfo=UTC), Unit.TIME, "2020-01-01 02:05"),
        ("1h", Unit.TEXT, "1h"),
    ],
)
def test_display(value: Value, unit: Unit, expected: str) -> None:
    assert display(value, unit) == expected


@pytest.mark.parametrize("unit", list(Unit))
@pytest.mark.parametrize(
    "value", [None, math.nan, np.float64("nan"), pd.NaT, np.timedelta64("NaT"), ""]
)
def test_what_is_not_defined_is_a_dash(value: Value | None, unit: Unit) -> None:
    assert display(value, unit) == "-"
