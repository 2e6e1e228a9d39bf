"""Made-up bars of a market that never closes, the same for the same seed everywhere.

The log price is a random walk whose volatility changes slowly (its logarithm is an
autoregression of half-life two days) and whose steps therefore have fat tails and come in
calm and wild stretches. A bar's high and low are drawn from the law of the extremes of a
Brownian bridge between its open and close: P(max > m) = exp(-2 m (m - r) / s^2) for m >= 0, r
(r the bar's log return, s its volatility; Karatzas & Shreve, Brownian Motion and Stochastic
Calculus, 4.3.40).

Uniform numbers come from PCG64, whose stream numpy keeps, and are made normal here, so that
another platform or numpy differs by rounding only (relative 1e-9).
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from robotrader_sdk.errors import BarsError, DataError
from robotrader_sdk.types import Timeframe

Floats = NDArray[np.float64]

_YEAR = 365 * 86_400
_HALF_LIFE = 2 * 86_400  # of a change in volatility, seconds
_VOLATILITY_SPREAD = 0.5  # standard deviation of the log volatility
_OPEN_GAP = 0.02  # an open differs from the close before by this part of a bar's volatility


def synthetic_bars(
    n: int = 10_000,
    timeframe: Timeframe | str = "1h",
    *,
    seed: int = 0,
    start: str | datetime = "2020-01-01",
    price: float = 100.0,
    volatility: float = 0.6,
    drift: float = 0.0,
) -> pd.DataFrame:
    """Make up `n` bars without gaps; they are labelled as synthetic and resemble no market.

    `price` is the first open, `volatility` the standard deviation of the log return of a
    year of 365 days, `drift` its mean. The same arguments give the same bars, to a relative
    1e-9 across platforms; a longer series begins with the shorter one.
    `bars.attrs["source"]` says "synthetic (seed 0)".

    Raises DataError for arguments out of range, or a series that would leave the range of
    prices between 1e-12 and 1e12 or pass the year 2200.
    """
    length = _check(n, timeframe, seed, price, volatility, drift)
    times = _times(n, length, start)
    # A row of uniform numbers a bar, so that a longer series begins like a shorter one.
    uniform = np.random.Generator(np.random.PCG64(seed)).random((n, 6)).T.copy()
    shocks, moves = _normal(uniform[0], uniform[1])
    jumps, busyness = _normal(uniform[2], uniform[3])
    scale = _volatilities(shocks, length) * volatility * math.sqrt(length.seconds / _YEAR)
    returns = moves * scale + drift * length.seconds / _YEAR
    gaps = jumps * scale * _OPEN_GAP
    gaps[0] = 0.0

    log_close = np.cumsum(returns + gaps)  # of the prices as multiples of the first
    log_open = log_close - returns
    if np.abs(log_close + math.log(price)).max() > math.log(1e12):
        raise DataError(
            f"prices left the range from 1e-12 to 1e12 within {n} bars of {length}; take fewer "
            "bars, a lower volatility or a drift nearer to 0"
        )
    open_, close = price * np.exp(log_open), price * np.exp(log_close)
    high = price * np.exp(log_open + _extreme(uniform[4], returns, scale))
    low = price * np.exp(log_open - _extreme(uniform[5], -returns, scale))
    bars = pd.DataFrame(
        {
            "open": open_,
            # exp() of two nearly equal numbers may round the wrong way round.
            "high": np.maximum(high, np.maximum(open_, close)),
            "low": np.minimum(low, np.minimum(open_, close)),
            "close": close,
            "volume": _volumes(busyness, moves),
        },
        index=times,
    )
    bars.attrs = {"source": f"synthetic (seed {seed})", "timeframe": str(length)}
    return bars


def _check(
    n: int, timeframe: Timeframe | str, seed: int, price: float, volatility: float, drift: float
) -> Timeframe:
    rules = (
        ("n", n, _is_whole(n, 1), "an int of 1 or more"),
        ("seed", seed, _is_whole(seed, 0), "an int of 0 or more"),
        ("price", price, _is_between(price, 1e-9, 1e9), "from 1e-9 to 1e9"),
        ("volatility", volatility, _is_between(volatility, 0, 10), "a fraction from 0 to 10"),
        ("drift", drift, _is_between(drift, -10, 10), "a fraction from -10 to 10"),
    )
    for name, value, holds, expected in rules:
        if not holds:
            raise DataError(f"{name}={value!r} is out of range; expected {expected}")
    try:
        return Timeframe.parse(timeframe)
    except BarsError as error:
        raise DataError(str(error)) from None


def _is_whole(value: object, least: int) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        return False
    return int(value) >= least


def _is_between(value: object, low: float, high: float) -> bool:
    return isinstance(value, int | float | np.number) and low <= float(value) <= high


def _times(n: int, length: Timeframe, start: str | datetime) -> pd.DatetimeIndex:
    try:
        first = datetime.fromisoformat(start) if isinstance(start, str) else start
        first = first if first.tzinfo else first.replace(tzinfo=UTC)
        begin = round(first.timestamp() * 1_000_000)
    except (ValueError, TypeError, AttributeError, OverflowError):
        raise DataError(
            f"start={start!r} is no time; write it as '2024-01-31' or '2024-01-31T14:00:00Z'"
        ) from None
    if begin + n * length.seconds * 1_000_000 > datetime(2200, 1, 1, tzinfo=UTC).timestamp() * 1e6:
        raise DataError(f"{n} bars of {length} from {first} pass the year 2200; take fewer")
    times = begin + np.arange(n, dtype=np.int64) * (length.seconds * 1_000_000)
    return pd.DatetimeIndex(times.view("M8[us]"), name="open_time").tz_localize("UTC")


def _normal(first: Floats, second: Floats) -> tuple[Floats, Floats]:
    """Two arrays of independent standard normal numbers from two of uniform ones."""
    radius = np.sqrt(-2.0 * np.log1p(-first))
    angle = 2.0 * np.pi * second
    return radius * np.cos(angle), radius * np.sin(angle)


def _volatilities(normal: Floats, length: Timeframe) -> Floats:
    """A factor for each bar's volatility, slow to change, whose mean square is 1."""
    memory = 0.5 ** (length.seconds / _HALF_LIFE)
    shocks = normal * (_VOLATILITY_SPREAD * math.sqrt(1.0 - memory * memory))
    shocks[0] = normal[0] * _VOLATILITY_SPREAD  # as if it had gone on for ever
    factors: Floats = np.exp(_decaying_sum(shocks, memory) - _VOLATILITY_SPREAD**2)
    return factors


def _decaying_sum(shocks: Floats, memory: float) -> Floats:
    """y[t] = memory * y[t - 1] + shocks[t], in blocks within which memory^-t stays small."""
    block = max(1, min(4096, int(-7.0 / math.log(memory))))
    blocks = np.zeros((-(-len(shocks) // block), block))
    blocks.reshape(-1)[: len(shocks)] = shocks
    decay = memory ** np.arange(1, block + 1)
    sums: Floats = np.cumsum(blocks / decay, axis=1) * decay
    for before, after in pairwise(sums):
        after += before[-1] * decay
    return sums.reshape(-1)[: len(shocks)]


def _extreme(uniform: Floats, returns: Floats, scale: Floats) -> Floats:
    """How far above its start a Brownian bridge that ends at `returns` reaches."""
    spread = -2.0 * scale * scale * np.log1p(-uniform)
    reach: Floats = (returns + np.sqrt(returns * returns + spread)) / 2.0
    return reach


def _volumes(normal: Floats, moves: Floats) -> Floats:
    """Volumes in base units, larger where the price moved more than its bar usually does."""
    volumes: Floats = 100.0 * np.exp(0.5 * normal) * (0.5 + np.abs(moves))
    return volumes
