from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import robotrader_sdk as rt
from strategies.catalog import CATALOG

AnyClass = type[rt.Strategy] | type[rt.PortfolioStrategy]

SHARED = Path(__file__).parents[2].parent / "shared" / "data"

SPOT = {
    "AAPL": rt.Instrument("spot", tick_size=0.01, lot_size=0.001, min_notional=10),
    "synthetic": rt.Instrument("spot", tick_size=0.01, lot_size=0.001, min_notional=10),
    "coinbase_BTC-USD_1d": rt.Instrument("spot", tick_size=0.01, lot_size=1e-5, min_notional=10),
    "ETH-BTC_5m_2018-01": rt.Instrument("spot", tick_size=1e-7, lot_size=0.001, min_notional=0.001),
    "binance_XRP-USDT-perp_5m_2021-11": rt.Instrument(
        "spot", tick_size=1e-4, lot_size=0.1, min_notional=5, fee_currency="base"
    ),
    "UNITTEST-BTC_1m_with_gaps_2017-11": rt.Instrument("spot", tick_size=1e-8, lot_size=0.01),
}
"""The real bars, and one synthetic series, each with a spot market's steps to trade them on."""


@pytest.fixture(scope="session", params=SPOT)
def market(request: pytest.FixtureRequest) -> tuple[pd.DataFrame, rt.Instrument]:
    """The bars of a market and its instrument."""
    name = str(request.param)
    if name == "AAPL":
        return rt.sample_bars("AAPL"), SPOT[name]
    if name == "synthetic":
        return rt.synthetic_bars(3_000, seed=1), SPOT[name]
    file = SHARED / f"{name}.csv"
    if not file.exists():
        pytest.skip(f"no {file.name} beside the repository")
    return rt.read_bars(file), SPOT[name]


@pytest.fixture(params=CATALOG)
def any_class(request: pytest.FixtureRequest) -> AnyClass:
    """Each class of the catalog."""
    return CATALOG[str(request.param)].load()


@pytest.fixture(params=[name for name, entry in CATALOG.items() if entry.market == "symbol"])
def strategy_class(request: pytest.FixtureRequest) -> type[rt.Strategy]:
    """Each class of the catalog that is for one symbol."""
    loaded = CATALOG[str(request.param)].load()
    assert issubclass(loaded, rt.Strategy)
    return loaded


@pytest.fixture(scope="session")
def bars_of() -> Callable[..., pd.DataFrame]:
    """Daily bars with given closes: each opens at the close before and has wicks of `wick`."""

    def build(closes: object, wick: float = 0.1) -> pd.DataFrame:
        close = np.asarray(closes, dtype=float)
        opened = np.concatenate([close[:1], close[:-1]])
        return pd.DataFrame(
            {
                "open": opened,
                "high": np.maximum(opened, close) + wick,
                "low": np.minimum(opened, close) - wick,
                "close": close,
                "volume": 1.0,
            },
            index=pd.date_range("2024-01-01", periods=close.size, freq="D", tz="UTC"),
        )

    return build
