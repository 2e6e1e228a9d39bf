"""The triple screen: its three screens, and its trades computed a second time from the formulas."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import robotrader_sdk as rt
from robotrader_sdk.errors import BarsError
from strategies import TripleScreen

FEE = 0.001
SHORT = {"fast": 2, "slow": 3, "signal": 2}


def ema(values: np.ndarray, length: int, first: int) -> np.ndarray:
    """Exponential average that starts at index `first` from the mean of the `length` up to it."""
    line = np.full(len(values), np.nan)
    line[first] = values[first - length + 1 : first + 1].mean()
    for t in range(first + 1, len(values)):
        line[t] = line[t - 1] + 2 / (length + 1) * (values[t] - line[t - 1])
    return line


def weekly_slope(bars: pd.DataFrame) -> np.ndarray:
    """At each day the last change of the weekly MACD's histogram known at its close."""
    monday = bars.index - pd.to_timedelta(bars.index.day_of_week, unit="D")
    weeks = bars.close.groupby(monday).last()
    if bars.index[0] != monday[0]:
        weeks = weeks.iloc[1:]
    closes = weeks.to_numpy()
    macd = ema(closes, 12, 25) - ema(closes, 26, 25)
    histogram = macd - ema(macd, 9, 33)
    known = weeks.index + pd.Timedelta("7D")
    slope = pd.DataFrame({"slope": np.diff(histogram, prepend=np.nan), "known": known})
    days = pd.DataFrame({"close_time": bars.index + pd.Timedelta("1D")})
    return pd.merge_asof(days, slope, left_on="close_time", right_on="known")["slope"].to_numpy()


def slow_d(bars: pd.DataFrame) -> np.ndarray:
    lowest, highest = bars.low.rolling(5).min(), bars.high.rolling(5).max()
    fast = 100 * (bars.close - lowest) / (highest - lowest)
    return fast.rolling(3).mean().rolling(3).mean().to_numpy()


def simulate(bars: pd.DataFrame) -> tuple[list[tuple[int, float, int, float]], float]:
    """Closed trades and the equity, by a plain loop."""
    slope, dip = weekly_slope(bars), slow_d(bars)
    opens, highs, lows, closes = (
        bars[name].to_numpy() for name in ("open", "high", "low", "close")
    )
    cash, quantity, bid, waits, leave = 10_000.0, 0.0, None, False, False
    trades, entry = [], (0, 0.0)
    for t in range(len(bars)):
        if quantity and leave:
            cash, quantity = cash + quantity * opens[t] * (1 - FEE), 0.0
            trades.append((*entry, t, opens[t]))
        elif bid and highs[t] >= bid[0]:
            price, stop, fraction = max(opens[t], bid[0]), bid[1], bid[2]
            quantity = fraction * cash / (bid[0] * (1 + FEE))
            cash -= quantity * price * (1 + FEE)
            entry, waits = (t, price), False
        if quantity and lows[t] <= stop:
            price = stop if entry[0] == t else min(opens[t], stop)
            cash, quantity = cash + quantity * price * (1 - FEE), 0.0
            trades.append((*entry, t, price))
        bid, rises = None, slope[t] > 0
        leave = not rises
        if not rises:
            waits = False
        elif not quantity and (waits or dip[t] < 30):
            stop = min(lows[t - 1 : t + 1].min(), highs[t] * 0.999)
            bid = highs[t], stop, min(0.02 * highs[t] / (highs[t] - stop), 0.9)
            waits = True
    return trades, cash + quantity * closes[-1]


@pytest.mark.parametrize("symbol", ["AAPL", "MSFT", "IBM"])
def test_the_trades_are_those_of_the_formulas(symbol: str) -> None:
    bars = rt.sample_bars(symbol)
    result = rt.backtest(TripleScreen(coarse="1w"), bars, fees=rt.Fees(FEE, FEE))
    expected, equity = simulate(bars)
    closed = result.trades[result.trades["status"] == "closed"]
    assert len(closed) == len(expected) > 30
    entered, entry_prices, left, exit_prices = map(list, zip(*expected, strict=True))
    assert closed["entry_time"].tolist() == bars.index[entered].tolist()
    assert closed["exit_time"].tolist() == bars.index[left].tolist()
    np.testing.assert_allclose(closed["entry_price"], entry_prices, rtol=1e-9)
    np.testing.assert_allclose(closed["exit_price"], exit_prices, rtol=1e-9)
    assert result.stats["final_equity"] == pytest.approx(equity, rel=1e-9)


def test_a_bid_follows_the_dip_down_and_is_gone_once_the_trend_turns() -> None:
    bars = rt.sample_bars("AAPL")
    result = rt.backtest(TripleScreen(), bars)
    bids = result.orders[result.orders["type"] == "stop"]
    bids = bids[bids["reason"] == "entry"]
    bar = bars.index.get_indexer(bids["time"])
    np.testing.assert_array_equal(bids["stop_price"], bars.high.iloc[bar])
    next_day = np.flatnonzero(np.diff(bar) == 1)  # bids on two days in a row
    unfilled = bids["status"].to_numpy()[next_day] == "expired"
    assert unfilled.sum() > 30
    falls = np.diff(bids["stop_price"])[next_day] < 0
    assert falls[unfilled].all()
    slope = result.indicators["diff 1w"]
    assert (slope[bar] > 0).all()
    exits = result.trades.loc[result.trades["exit_reason"] == "exit", "exit_time"]
    assert (slope[bars.index.get_indexer(exits) - 1] <= 0).all()


def test_it_asks_for_nothing_without_a_dip_or_without_a_trend() -> None:
    """A steady rise has a trend and no dip; a steady fall has dips and no trend."""
    t = np.arange(600)
    for growth in (1e-5, -1e-5):  # the histogram rises, or falls, throughout
        close = 100 * np.exp(growth * t**2 / 4)
        bars = pd.DataFrame(
            {"open": close, "high": close * 1.01, "low": close * 0.99, "close": close, "volume": 1},
            index=pd.date_range("2024-01-01", periods=600, freq="D", tz="UTC"),
        )
        assert rt.backtest(TripleScreen(oversold=1), bars).orders.empty


def test_a_stopped_trade_loses_what_was_put_at_risk_unless_the_market_gapped() -> None:
    bars = rt.sample_bars("MSFT")
    result = rt.backtest(TripleScreen(risk=0.01), bars, fees=rt.Fees(0, 0))
    trades = result.trades
    stopped = trades[trades["exit_reason"] == "stop_loss"]
    before = result.equity.shift(1).loc[stopped["entry_time"]].to_numpy()
    lost = -stopped["pnl"].to_numpy() / before
    gapped = (
        stopped["entry_price"].to_numpy() == bars.open.loc[stopped["entry_time"]].to_numpy()
    ) | (stopped["exit_price"].to_numpy() == bars.open.loc[stopped["exit_time"]].to_numpy())
    assert (~gapped).sum() > 10
    np.testing.assert_allclose(lost[~gapped], 0.01, rtol=1e-6)


def test_no_position_is_larger_than_said() -> None:
    result = rt.backtest(TripleScreen(risk=0.2, most=0.5), rt.sample_bars("AAPL"))
    bought = result.fills[result.fills["side"] == "buy"]
    spent = bought["price"] * bought["quantity"] + bought["fee"]
    before = result.equity.shift(1).loc[bought["time"]].to_numpy()
    assert np.median(spent / before) == pytest.approx(0.5, rel=1e-3)


@pytest.mark.parametrize(
    ("timeframe", "coarse"),
    [
        ("1m", "5m"), ("3m", "15m"), ("5m", "30m"), ("15m", "1h"), ("30m", "2h"), ("45m", "6h"),
        ("1h", "4h"), ("2h", "12h"), ("4h", "1d"), ("8h", "1w"), ("1d", "1w"), ("1w", "4w"),
    ],
)  # fmt: skip
def test_the_coarser_timeframe_follows_from_that_of_the_bars(timeframe: str, coarse: str) -> None:
    bars = rt.synthetic_bars(200, timeframe, seed=1, start="2020-01-06")
    lines = rt.backtest(TripleScreen(**SHORT), bars).indicators
    assert f"diff {coarse}" in lines


def test_the_coarser_timeframe_can_be_said() -> None:
    bars = rt.synthetic_bars(500, "1h", seed=1)
    lines = rt.backtest(TripleScreen(coarse="12h", **SHORT), bars).indicators
    assert "diff 12h" in lines
    with pytest.raises(BarsError, match="1h is the same as that of the bars"):
        rt.backtest(TripleScreen(coarse="1h"), bars)
