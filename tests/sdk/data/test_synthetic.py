"""Made-up bars: the same for the same seed, consistent, labelled, and like a market."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robotrader_sdk.data.gaps import find_gaps
from robotrader_sdk.data.synthetic import synthetic_bars
from robotrader_sdk.data.validate import validate_bars
from robotrader_sdk.errors import DataError

# Of seed 7, to the digits that hold on every platform.
PINNED = {
    0: [100.0, 100.153187437, 98.6791531613, 99.2663249573, 315.498305943],
    999: [116.070576849, 116.522863236, 116.011424527, 116.313884531, 65.3001996188],
}


def test_the_values_of_a_seed_never_change() -> None:
    bars = synthetic_bars(1000, "1h", seed=7)
    for row, values in PINNED.items():
        np.testing.assert_allclose(bars.iloc[row], values, rtol=1e-9)


def test_the_same_seed_gives_the_same_bars_and_another_gives_others() -> None:
    pd.testing.assert_frame_equal(synthetic_bars(50, seed=3), synthetic_bars(50, seed=3))
    assert not synthetic_bars(50, seed=3).equals(synthetic_bars(50, seed=4))


@pytest.mark.parametrize("timeframe", ["1s", "1m", "1h", "1d", "1w"])
def test_a_longer_series_begins_with_the_shorter_one(timeframe: str) -> None:
    longer = synthetic_bars(6000, timeframe, seed=3)
    pd.testing.assert_frame_equal(synthetic_bars(50, timeframe, seed=3), longer.iloc[:50])


def test_the_bars_are_labelled_as_synthetic() -> None:
    bars = synthetic_bars(5, "15m", seed=7)
    assert bars.attrs == {"source": "synthetic (seed 7)", "timeframe": "15m"}


def test_the_market_never_closes() -> None:
    bars = synthetic_bars(500, "4h", start="2024-02-28")
    assert find_gaps(bars, "4h").empty
    assert str(bars.index[0]) == "2024-02-28 00:00:00+00:00"


@pytest.mark.parametrize(
    "start", ["2024-01-01", "2024-01-01T01:00+01:00", datetime(2024, 1, 1, tzinfo=UTC)]
)
def test_the_start_is_in_utc(start: str | datetime) -> None:
    assert str(synthetic_bars(2, start=start).index[0]) == "2024-01-01 00:00:00+00:00"


@settings(deadline=None, max_examples=40)
@given(
    st.integers(1, 300),
    st.sampled_from(["1s", "1m", "1h", "1d", "1w"]),
    st.integers(0, 2**63),
    st.floats(1e-6, 1e6),
    st.floats(0, 1),
    st.floats(-0.5, 0.5),
)
def test_whatever_is_asked_for_the_bars_are_sound(
    n: int, timeframe: str, seed: int, price: float, volatility: float, drift: float
) -> None:
    bars = synthetic_bars(n, timeframe, seed=seed, price=price, volatility=volatility, drift=drift)
    assert validate_bars(bars) is bars
    assert len(bars) == n
    assert bars["open"].iloc[0] == price


def test_volatility_is_the_one_asked_for_comes_in_clusters_and_has_fat_tails() -> None:
    close = synthetic_bars(40_000, "1h", seed=1, volatility=0.6)["close"]
    returns = np.log(close).diff().dropna()
    assert returns.std() * np.sqrt(365 * 24) == pytest.approx(0.6, rel=0.05)
    assert returns.abs().autocorr(1) > 0.15
    assert abs(returns.autocorr(1)) < 0.03
    assert returns.kurt() > 1


def test_the_range_of_a_bar_is_that_of_a_random_walk() -> None:
    # E[ln(H/L)^2] / 4 ln 2 = variance of the return (Parkinson 1980). High and low are drawn
    # one by one here, so that the range is a little off.
    bars = synthetic_bars(40_000, "1h", seed=1)
    parkinson = (np.log(bars["high"] / bars["low"]) ** 2).mean() / (4 * np.log(2))
    returns = np.log(bars["close"] / bars["open"])
    assert parkinson == pytest.approx(returns.var(), rel=0.1)


def test_drift_is_the_mean_return_of_a_year() -> None:
    close = synthetic_bars(3651, "1d", volatility=0.0, drift=0.1, price=1.0)["close"]
    assert np.log(close.iloc[3649]) == pytest.approx(1.0)


REFUSED = {
    "no bars": ({"n": 0}, "n=0 is out of range; expected an int of 1 or more"),
    "half a bar": ({"n": 1.5}, "n=1.5 is out of range"),
    "a truth value": ({"n": True}, "n=True is out of range"),
    "a negative seed": ({"seed": -1}, "seed=-1 is out of range"),
    "a seed as text": ({"seed": "7"}, "seed='7' is out of range"),
    "no price": ({"price": 0}, "price=0 is out of range"),
    "percent": ({"volatility": 60}, "volatility=60 is out of range; expected a fraction"),
    "NaN": ({"drift": float("nan")}, "drift=nan is out of range"),
    "an unknown timeframe": ({"timeframe": "1 hour"}, "timeframe '1 hour' is not known"),
    "no start": ({"start": None}, "start=None is no time"),
    "a start in words": ({"start": "yesterday"}, "start='yesterday' is no time"),
    "too long": ({"n": 10_000, "timeframe": "1w"}, "pass the year 2200"),
    "too wild": ({"n": 5000, "timeframe": "1d", "drift": 10}, "left the range from 1e-12 to 1e12"),
}


@pytest.mark.parametrize(("how", "message"), REFUSED.values(), ids=REFUSED)
def test_what_makes_no_sense_is_refused(how: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        synthetic_bars(**how)  # type: ignore[arg-type]


def test_a_million_bars_take_about_a_second() -> None:
    import time

    began = time.process_time()
    synthetic_bars(1_000_000, "1m", seed=7)
    assert time.process_time() - began < 3  # 0.8 s when measured alone
