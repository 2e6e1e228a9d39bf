"""Each strategy on small bars made for its idea: where it must enter, and where it must leave."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

import robotrader_sdk as rt
from strategies import (
    BollingerReversion,
    BuyAndHold,
    DonchianBreakout,
    EmaTrend,
    MacdTrend,
    RsiReversion,
    SmaCross,
    Supertrend,
)
from strategies.catalog import CATALOG

Build = Callable[..., pd.DataFrame]
FREE = rt.Fees(0, 0)

FOR_ONE_SYMBOL = {name: entry for name, entry in CATALOG.items() if entry.market == "symbol"}
ACTIVE = [name for name, entry in FOR_ONE_SYMBOL.items() if entry.family != "passive"]
VECTORISED = [name for name, entry in FOR_ONE_SYMBOL.items() if entry.form == "vectorised"]

TURTLE = {"entry_length": 3, "exit_length": 2, "atr_length": 2}
RANGE = [10, 11, 10, 11, 10, 11]


def trades_of(strategy: rt.Strategy, bars: pd.DataFrame) -> list[tuple[Any, ...]]:
    """(direction, number of the entry bar, of the exit bar or None, exit reason or None)."""
    trades = rt.backtest(strategy, bars, fees=FREE).trades
    rows = []
    for one in trades.itertuples():
        closed = one.status == "closed"
        leaves = bars.index.get_loc(one.exit_time) if closed else None
        reason = one.exit_reason if closed else None
        rows.append((one.direction, bars.index.get_loc(one.entry_time), leaves, reason))
    return rows


# A decision at the close of bar t fills at the open of t + 1.
@pytest.mark.parametrize(
    ("strategy", "closes", "expected"),
    [
        pytest.param(
            SmaCross(fast=2, slow=3),
            [10, 9, 8, 9, 11, 12, 10, 8, 7, 7],  # the averages cross at bars 4 and 7
            [("long", 5, 8, "exit")],
            id="sma cross: in on the cross, out on the cross back",
        ),
        pytest.param(
            SmaCross(fast=2, slow=3, allow_short=True),
            [10, 9, 8, 9, 11, 12, 10, 8, 7, 7],
            [("long", 5, 8, "reversal"), ("short", 8, None, None)],
            id="sma cross: short instead of flat",
        ),
        pytest.param(
            SmaCross(fast=2, slow=3),
            [8, 8, 7, 10, 10, 11],  # below at bar 2, above at bar 3: the first cross there can be
            [("long", 4, None, None)],
            id="sma cross: acts at the first bar after the warm-up",
        ),
        pytest.param(
            SmaCross(fast=2, slow=3),
            [10, 11, 12, 13, 14, 15],
            [],
            id="sma cross: a trend from before the warm-up has no cross",
        ),
        pytest.param(
            EmaTrend(fast=2, slow=3, adx_length=2, min_adx=20),
            [10, 11, 12, 13, 14, 15, 12, 10, 10],  # the warm-up ends at bar 3
            [("long", 4, 7, "exit")],
            id="ema trend: joins a strong trend, leaves as the averages turn",
        ),
        pytest.param(
            EmaTrend(fast=2, slow=3, adx_length=2, min_adx=100),
            [10, 11, 12, 13, 14, 15, 12, 10, 10],
            [],
            id="ema trend: no entry while the ADX is not above the limit",
        ),
        pytest.param(
            Supertrend(length=2, multiplier=1),
            [20, 18, 16, 14, 12, 16, 18, 20, 16, 14, 12],
            [("long", 6, 9, "exit")],
            id="supertrend: in as it turns up, out as it turns down",
        ),
        pytest.param(
            DonchianBreakout(**TURTLE, stop_atr=20),
            [*RANGE, 12, 13, 14, 13.5, 12, 12, 12],  # above 11.1 at bar 6; below 13.0-.1 at bar 10
            [("long", 7, 11, "exit")],
            id="donchian: in above the highest high, out below the lowest low",
        ),
        pytest.param(
            DonchianBreakout(**TURTLE, stop_atr=20),
            [*RANGE, 11.1, 11.1],
            [],
            id="donchian: a close at the channel is no breakout",
        ),
        pytest.param(
            DonchianBreakout(**TURTLE, stop_atr=1),
            [*RANGE, 12, 13, 8, 8],  # ATR about 1.2; the fall starts at 13
            [("long", 7, 8, "stop_loss")],
            id="donchian: out at the stop",
        ),
        pytest.param(
            RsiReversion(length=2),
            [100, 99, 98, 97, 96, 96.6, 99.6, 99.6],  # RSI 0, then 37.5 and 86.8
            [("long", 6, 7, "exit")],
            id="rsi: in as it leaves the oversold zone, out above the middle",
        ),
        pytest.param(
            RsiReversion(length=2),
            [100, 99, 98, 97, 96, 99, 99.5, 100],  # RSI 0, then 75
            [],
            id="rsi: straight to the middle is too late to enter",
        ),
        pytest.param(
            RsiReversion(length=2),
            [100, 99, 98, 97, 96, 96.6, 96.6, 80, 80],  # 10 % below 96.6 is within bar 7
            [("long", 6, 7, "stop_loss")],
            id="rsi: out at the stop",
        ),
        pytest.param(
            RsiReversion(length=2, allow_short=True),
            [100, 101, 102, 103, 104, 103.4, 100.4, 100.4],
            [("short", 6, 7, "exit")],
            id="rsi: the same upside down",
        ),
        pytest.param(
            BollingerReversion(length=4, width=1),
            [100, 101, 99, 100, 96, 97, 99, 99],  # lower band 97.1 at bar 4, average 98 at bar 6
            [("long", 5, 7, "exit")],
            id="bollinger: in below the lower band, out at the average",
        ),
        pytest.param(
            BollingerReversion(length=4, width=1, stop_loss=0.05),
            [100, 101, 99, 100, 96, 90, 90],  # 5 % below 96 is within bar 5
            [("long", 5, 5, "stop_loss")],
            id="bollinger: out at the stop",
        ),
        pytest.param(
            BollingerReversion(length=4, width=1, allow_short=True),
            [100, 99, 101, 100, 104, 103, 101, 101],
            [("short", 5, 7, "exit")],
            id="bollinger: the same upside down",
        ),
        pytest.param(
            BuyAndHold(), [10, 9, 8, 7], [("long", 1, None, None)], id="buy and hold: never sells"
        ),
    ],
)
def test_it_trades_where_its_idea_says(
    strategy: rt.Strategy, closes: list[float], expected: list[Any], bars_of: Build
) -> None:
    assert trades_of(strategy, bars_of(closes)) == expected


@pytest.mark.parametrize(("drift", "direction"), [(0.003, "long"), (-0.003, "short")])
def test_macd_trades_with_the_main_trend_only(drift: float, direction: str, bars_of: Build) -> None:
    t = np.arange(800)
    bars = bars_of(100 * np.exp(drift * t) * (1 + 0.03 * np.sin(t / 6)))
    both = rt.backtest(MacdTrend(trend=100, allow_short=True), bars, fees=FREE).trades
    assert set(both["direction"]) == {direction}
    assert len(both) > 10
    long_only = rt.backtest(MacdTrend(trend=100), bars, fees=FREE).trades
    assert len(long_only) == (len(both) if direction == "long" else 0)


@pytest.mark.parametrize("strategy", [SmaCross(), EmaTrend(), Supertrend(), DonchianBreakout()])
def test_a_trend_follower_holds_the_rise_and_leaves_in_the_fall(
    strategy: rt.Strategy, bars_of: Build
) -> None:
    t = np.arange(1_000)
    bars = bars_of(100 + 40 * np.cos(2 * np.pi * t / 400))  # falls 200 bars, rises 200 bars
    closed = [row for row in trades_of(strategy, bars) if row[2] is not None]
    assert len(closed) == 2
    for _, enters, leaves, _ in closed:
        assert 0 < enters % 400 - 200 < 100
        assert 0 < leaves % 400 < 100
    assert rt.backtest(strategy, bars).stats["win_rate"] == 1.0


@pytest.mark.parametrize("strategy", [RsiReversion(length=5), BollingerReversion()])
def test_a_reversion_wins_in_a_range_and_is_stopped_in_a_crash(
    strategy: rt.Strategy, bars_of: Build
) -> None:
    noise = np.random.default_rng(5).normal(0, 1, 1_500)
    calm = 100 + pd.Series(noise).ewm(halflife=5, adjust=False).mean().to_numpy() * 6
    stats = rt.backtest(strategy, bars_of(calm), fees=FREE).stats
    assert stats["n_trades"] > 15
    assert stats["win_rate"] > 0.7
    assert stats["total_return"] > 0
    crash = bars_of(100 * np.exp(np.cumsum(-0.015 + 0.03 * noise[:300])))
    trades = rt.backtest(strategy, crash, fees=FREE).trades
    stopped = trades[trades["exit_reason"] == "stop_loss"]
    assert len(stopped) >= 3
    np.testing.assert_allclose(stopped["return"], -0.1, atol=1e-9)  # nothing gaps here


def test_a_turtle_risks_the_same_at_each_stop_and_buys_no_more_than_it_has() -> None:
    bars = rt.sample_bars("AAPL")
    wild = rt.backtest(DonchianBreakout(), bars, fees=FREE)
    stopped = wild.trades[wild.trades["exit_reason"] == "stop_loss"]
    equity_before = wild.equity.shift(1).loc[stopped["entry_time"]].to_numpy()
    stops = wild.orders[wild.orders["reason"] == "stop_loss"]
    at_stop = stops.loc[stops["status"] == "filled", "stop_price"].to_numpy()
    risked = (stopped["entry_price"] - at_stop) * stopped["quantity"] / equity_before
    np.testing.assert_allclose(risked, 0.02, rtol=1e-9)
    calm = rt.backtest(DonchianBreakout(risk=0.2, stop_atr=0.5), bars)
    exposure = calm.fills["price"] * calm.fills["quantity"] / calm.equity[calm.fills["time"]].values
    assert exposure[calm.fills["side"] == "buy"].between(0.9, 1.2).all()
    assert calm.rejected.empty


@pytest.mark.parametrize("name", ACTIVE)
def test_a_market_that_stands_still_is_not_traded(name: str, bars_of: Build) -> None:
    result = rt.backtest(CATALOG[name].load()(), bars_of([123.45] * 400, wick=0.0))
    assert result.fills.empty
    assert result.rejected.empty


@pytest.mark.parametrize("name", VECTORISED)
def test_a_halt_in_the_middle_breaks_nothing(name: str, bars_of: Build) -> None:
    noise = np.random.default_rng(3).normal(0, 0.02, 900)
    noise[300:600] = 0.0
    bars = bars_of(100 * np.exp(np.cumsum(noise)), wick=0.0)
    result = rt.backtest(CATALOG[name].load()(), bars)
    assert result.rejected.empty
    assert np.isfinite(result.equity).all()
