"""Trades and money, computed a second time from the formulas with pandas and plain loops."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

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

FEE = 0.001


class Wishes(NamedTuple):
    enter: pd.Series
    leave: pd.Series
    stop: pd.Series | float = np.nan
    size: pd.Series | float = 1.0


def simulate(
    bars: pd.DataFrame, wishes: Wishes
) -> tuple[list[tuple[int, float, int, float]], float]:
    """Long or flat at the next open with an optional stop: closed trades, and the equity."""
    enter, leave = wishes.enter.to_numpy(), wishes.leave.to_numpy()
    stops = np.broadcast_to(np.asarray(wishes.stop, float), len(bars))
    sizes = np.broadcast_to(np.asarray(wishes.size, float), len(bars))
    opens, lows, closes = (bars[name].to_numpy() for name in ("open", "low", "close"))
    cash, quantity, entered, stop = 10_000.0, 0.0, (0, 0.0), np.nan
    trades = []

    def close_at(bar: int, price: float) -> None:
        nonlocal cash, quantity
        cash, quantity = cash + quantity * price * (1 - FEE), 0.0
        trades.append((*entered, bar, price))

    for t in range(1, len(bars)):
        if quantity and leave[t - 1]:
            close_at(t, opens[t])
        elif not quantity and enter[t - 1] and not leave[t - 1]:
            quantity = sizes[t - 1] * cash / (opens[t] * (1 + FEE))
            cash -= quantity * opens[t] * (1 + FEE)
            entered, stop = (t, opens[t]), opens[t] * (1 - stops[t - 1])
        if quantity and lows[t] <= stop:
            close_at(t, min(opens[t], stop))
    return trades, cash + quantity * closes[-1]


def crossed(a: pd.Series, b: pd.Series | float) -> pd.Series:
    above = a > b
    known = a.shift().notna() & (b.shift().notna() if isinstance(b, pd.Series) else True)
    return above & (a.shift() <= (b.shift() if isinstance(b, pd.Series) else b)) & known


def ema(values: pd.Series, length: int) -> pd.Series:
    """Exponential average that starts from a simple one."""
    seeded = values.copy()
    seeded.iloc[: length - 1] = np.nan
    seeded.iloc[length - 1] = values.iloc[:length].mean()
    return seeded.ewm(span=length, adjust=False).mean()


def wilder(values: pd.Series, length: int) -> pd.Series:
    """Wilder's average of values whose first is missing."""
    seeded = values.copy()
    seeded.iloc[:length] = np.nan
    seeded.iloc[length] = values.iloc[1 : length + 1].mean()
    return seeded.ewm(alpha=1 / length, adjust=False).mean()


def atr(bars: pd.DataFrame, length: int) -> pd.Series:
    before = bars.close.shift()
    reach = pd.concat(
        [bars.high - bars.low, (bars.high - before).abs(), (bars.low - before).abs()], axis=1
    )
    return wilder(reach.max(axis=1).where(before.notna()), length)


def sma_cross(bars: pd.DataFrame) -> Wishes:
    fast, slow = bars.close.rolling(10).mean(), bars.close.rolling(50).mean()
    return Wishes(crossed(fast, slow), crossed(slow, fast))


def ema_trend(bars: pd.DataFrame) -> Wishes:
    fast, slow = ema(bars.close, 20), ema(bars.close, 50)
    return Wishes(fast > slow, fast < slow)


def macd_trend(bars: pd.DataFrame) -> Wishes:
    # Seeds differ from TA-Lib's; they have faded before the long average begins.
    macd = (
        bars.close.ewm(span=12, adjust=False).mean() - bars.close.ewm(span=26, adjust=False).mean()
    )
    signal = macd.ewm(span=9, adjust=False).mean()
    return Wishes(
        crossed(macd, signal) & (bars.close > ema(bars.close, 200)), crossed(signal, macd)
    )


def rsi_reversion(bars: pd.DataFrame) -> Wishes:
    move = bars.close.diff()
    gain, loss = wilder(move.clip(lower=0), 14), wilder(-move.clip(upper=0), 14)
    rsi = 100 * gain / (gain + loss)
    return Wishes(crossed(rsi, 30.0), rsi >= 50, stop=0.1)


def bollinger_reversion(bars: pd.DataFrame) -> Wishes:
    middle = bars.close.rolling(20).mean()
    lower = middle - 2 * bars.close.rolling(20).std(ddof=0)
    return Wishes(crossed(lower, bars.close), bars.close >= middle, stop=0.1)


def donchian_breakout(bars: pd.DataFrame) -> Wishes:
    stop = 2 * atr(bars, 20) / bars.close
    enter = (bars.close > bars.high.rolling(20).max().shift()) & stop.notna()
    return Wishes(
        enter, bars.close < bars.low.rolling(10).min().shift(), stop, (0.02 / stop).clip(upper=1)
    )


def supertrend(bars: pd.DataFrame) -> Wishes:
    middle, reach = (bars.high + bars.low) / 2, 3 * atr(bars, 10)
    upper, lower = (middle + reach).to_numpy(copy=True), (middle - reach).to_numpy(copy=True)
    close = bars.close.to_numpy()
    rising = np.ones(len(bars), bool)
    for t in range(11, len(bars)):
        if close[t - 1] <= upper[t - 1]:
            upper[t] = min(upper[t], upper[t - 1])
        if close[t - 1] >= lower[t - 1]:
            lower[t] = max(lower[t], lower[t - 1])
        rising[t] = close[t] >= lower[t] if rising[t - 1] else close[t] > upper[t]
    now = pd.Series(rising, bars.index)
    before = now.shift(fill_value=True)
    return Wishes(now & ~before, ~now & before)


@pytest.mark.parametrize("symbol", ["AAPL", "MSFT", "IBM"])
@pytest.mark.parametrize(
    ("strategy", "reference"),
    [
        (SmaCross(), sma_cross),
        (EmaTrend(min_adx=0), ema_trend),
        (MacdTrend(), macd_trend),
        (RsiReversion(), rsi_reversion),
        (BollingerReversion(), bollinger_reversion),
        (DonchianBreakout(), donchian_breakout),
        (Supertrend(), supertrend),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_the_trades_are_those_of_the_formulas(
    strategy: rt.Strategy, reference: Callable[[pd.DataFrame], Wishes], symbol: str
) -> None:
    bars = rt.sample_bars(symbol)
    result = rt.backtest(strategy, bars, fees=rt.Fees(FEE, FEE))
    expected, equity = simulate(bars, reference(bars))
    closed = result.trades[result.trades["status"] == "closed"]
    assert len(closed) == len(expected) > 5
    entered, entry_prices, left, exit_prices = map(list, zip(*expected, strict=True))
    assert closed["entry_time"].tolist() == bars.index[entered].tolist()
    assert closed["exit_time"].tolist() == bars.index[left].tolist()
    np.testing.assert_allclose(closed["entry_price"], entry_prices, rtol=1e-9)
    np.testing.assert_allclose(closed["exit_price"], exit_prices, rtol=1e-9)
    assert result.stats["final_equity"] == pytest.approx(equity, rel=1e-9)


@pytest.mark.parametrize("fraction", [1.0, 0.4])
def test_buy_and_hold_earns_the_price_ratio_less_one_fee(fraction: float) -> None:
    bars = rt.sample_bars("IBM")
    result = rt.backtest(BuyAndHold(fraction=fraction), bars, fees=rt.Fees(taker=FEE))
    ratio = bars.close.iloc[-1] / bars.open.iloc[1] / (1 + FEE)
    assert result.stats["total_return"] == pytest.approx(fraction * (ratio - 1), rel=1e-12)
    assert len(result.orders) == 1


def test_buy_and_hold_moves_with_the_market_afterwards() -> None:
    bars = rt.sample_bars("GOOG")
    returns = rt.backtest(BuyAndHold(), bars).returns.iloc[2:]
    np.testing.assert_allclose(returns, bars.close.pct_change().iloc[2:], atol=1e-12)
