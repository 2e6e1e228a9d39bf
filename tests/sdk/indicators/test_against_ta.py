"""A second opinion: `ta`, and formulas written out, where they mean the same."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import ta as other

import robotrader_sdk as rt

ta = rt.ta


def agrees(ours: pd.Series, theirs: pd.Series, *, from_bar: int, rtol: float = 1e-9) -> None:
    assert ours.iloc[from_bar:].notna().all()
    np.testing.assert_allclose(ours.iloc[from_bar:], theirs.iloc[from_bar:], rtol=rtol, atol=1e-9)


def test_ichimoku_without_displacement(bars: pd.DataFrame) -> None:
    theirs = other.trend.IchimokuIndicator(bars["high"], bars["low"])
    ours = ta.ichimoku(bars, displacement=0)
    agrees(ours.conversion, theirs.ichimoku_conversion_line(), from_bar=8)
    agrees(ours.base, theirs.ichimoku_base_line(), from_bar=25)
    agrees(ours.span_a, theirs.ichimoku_a(), from_bar=25)
    agrees(ours.span_b, theirs.ichimoku_b(), from_bar=51)
    # theirs has values before it has 52 bars
    assert theirs.ichimoku_b().iloc[:51].notna().all()
    assert ours.span_b.iloc[:51].isna().all()


def test_ichimoku_spans_are_those_of_26_bars_ago(bars: pd.DataFrame) -> None:
    now, drawn = ta.ichimoku(bars, displacement=0), ta.ichimoku(bars)
    np.testing.assert_array_equal(drawn.span_a, now.span_a.shift(26))
    np.testing.assert_array_equal(drawn.span_b, now.span_b.shift(26))
    np.testing.assert_array_equal(drawn.base, now.base)
    shorter = ta.ichimoku(bars.iloc[:20])
    assert shorter.span_a.isna().all()


def test_donchian(bars: pd.DataFrame) -> None:
    theirs = other.volatility.DonchianChannel(bars["high"], bars["low"], bars["close"], 20)
    ours = ta.donchian(bars, 20)
    agrees(ours.upper, theirs.donchian_channel_hband(), from_bar=19)
    agrees(ours.middle, theirs.donchian_channel_mband(), from_bar=19)
    agrees(ours.lower, theirs.donchian_channel_lband(), from_bar=19)


def test_bollinger(bars: pd.DataFrame) -> None:
    theirs = other.volatility.BollingerBands(bars["close"], 20, 2)
    ours = ta.bollinger(bars["close"], 20, 2.0)
    agrees(ours.upper, theirs.bollinger_hband(), from_bar=19)
    agrees(ours.lower, theirs.bollinger_lband(), from_bar=19)


def test_rolling_vwap_is_theirs(bars: pd.DataFrame) -> None:
    columns = (bars[name] for name in ("high", "low", "close", "volume"))
    theirs = other.volume.VolumeWeightedAveragePrice(*columns, window=14)
    pd.testing.assert_series_equal(
        ta.vwap(bars, 14), theirs.volume_weighted_average_price(), check_names=False
    )


def test_wma_stochastic_williams_r_cci_roc_mfi(bars: pd.DataFrame) -> None:
    high, low, close, volume = (bars[name] for name in ("high", "low", "close", "volume"))
    agrees(ta.wma(close, 9), other.trend.wma_indicator(close, 9), from_bar=8)
    theirs = other.momentum.StochasticOscillator(high, low, close, 14, 3)
    agrees(ta.stochastic(bars, 14, 1, 3).k, theirs.stoch(), from_bar=15)
    agrees(ta.stochastic(bars, 14, 1, 3).d, theirs.stoch_signal(), from_bar=15)
    agrees(ta.williams_r(bars, 14), other.momentum.williams_r(high, low, close, 14), from_bar=13)
    agrees(ta.cci(bars, 20), other.trend.cci(high, low, close, 20), from_bar=19)
    agrees(ta.roc(close, 12), other.momentum.roc(close, 12), from_bar=12)
    theirs_mfi = other.volume.money_flow_index(high, low, close, volume, 14)
    agrees(ta.mfi(bars, 14), theirs_mfi, from_bar=14)


def test_wilder_and_exponential_averages_agree_once_the_seed_is_forgotten(
    bars: pd.DataFrame,
) -> None:
    high, low, close = (bars[name] for name in ("high", "low", "close"))
    late = {"from_bar": 580, "rtol": 1e-8}
    agrees(ta.ema(close, 10), other.trend.ema_indicator(close, 10), **late)
    agrees(ta.rsi(close, 14), other.momentum.rsi(close, 14), **late)
    agrees(ta.macd(close).histogram, other.trend.macd_diff(close), **late)
    agrees(ta.atr(bars, 14), other.volatility.average_true_range(high, low, close, 14), **late)
    agrees(ta.adx(bars, 14).adx, other.trend.adx(high, low, close, 14), **late)
    agrees(ta.adx(bars, 14).plus_di, other.trend.adx_pos(high, low, close, 14), **late)
    agrees(ta.adx(bars, 14).minus_di, other.trend.adx_neg(high, low, close, 14), **late)


def test_where_ta_gives_zero_or_starts_early_ours_is_nan(bars: pd.DataFrame) -> None:
    high, low, close = (bars[name] for name in ("high", "low", "close"))
    assert (other.volatility.average_true_range(high, low, close, 14).iloc[:13] == 0).all()
    assert ta.atr(bars, 14).iloc[:14].isna().all()
    assert (other.trend.adx(high, low, close, 14).iloc[:27] == 0).all()
    assert ta.adx(bars, 14).adx.iloc[:27].isna().all()
    assert other.momentum.rsi(close, 14).isna().sum() == 13
    assert ta.rsi(close, 14).isna().sum() == 14


def test_psar_follows_wilders_rules(bars: pd.DataFrame) -> None:
    high, low = bars["high"].to_numpy(), bars["low"].to_numpy()
    # the second bar fell further than it rose: down, from the first bar's high
    assert low[0] - low[1] > max(high[1] - high[0], 0)
    up, extreme, factor, stop = False, low[1], 0.02, high[0]
    stops = []
    for t in range(1, len(bars)):
        behind = slice(max(t - 1, 1), t + 1)  # this bar and the one before
        if low[t] <= stop if up else high[t] >= stop:
            up = not up
            stop = min(extreme, *low[behind]) if up else max(extreme, *high[behind])
            extreme, factor = (high[t] if up else low[t]), 0.02
            stops.append(stop)
        else:
            stops.append(stop)
            further = max(extreme, high[t]) if up else min(extreme, low[t])
            factor = factor if further == extreme else min(factor + 0.02, 0.2)
            extreme = further
        stop += factor * (extreme - stop)
        stop = min(stop, *low[behind]) if up else max(stop, *high[behind])
    np.testing.assert_allclose(ta.psar(bars).iloc[1:], stops, rtol=1e-12)


def test_psar_stays_out_of_the_range_of_the_bar(bars: pd.DataFrame) -> None:
    stop = ta.psar(bars).iloc[1:]
    known = bars.iloc[1:]
    assert ((stop <= known["low"]) | (stop >= known["high"])).all()


def test_hma_is_hulls_formula(bars: pd.DataFrame) -> None:
    close = bars["close"].to_numpy()

    def wma(values: np.ndarray, length: int) -> np.ndarray:
        weights = np.arange(1, length + 1)
        averaged = np.convolve(values, weights[::-1], "valid") / weights.sum()
        return np.concatenate([np.full(length - 1, np.nan), averaged])

    for length in (9, 16, 21):
        twice = 2 * wma(close, length // 2) - wma(close, length)
        expected = wma(twice[length - 1 :], math.isqrt(length))[math.isqrt(length) - 1 :]
        found = ta.hma(close, length)
        np.testing.assert_allclose(found[-expected.size :], expected, rtol=1e-10)


def test_keltner_is_an_ema_of_the_typical_price_and_an_atr(bars: pd.DataFrame) -> None:
    middle, width = ta.ema(ta.typical_price(bars), 20), 2.5 * ta.atr(bars, 10)
    ours = ta.keltner(bars, 20, 10, 2.5)
    agrees(ours.middle, middle, from_bar=19)
    agrees(ours.upper, middle + width, from_bar=300)
    agrees(ours.lower, middle - width, from_bar=300)
    first = 2.5 * ta.true_range(bars).iloc[10:20].mean()
    assert ours.upper.iloc[19] - ours.middle.iloc[19] == pytest.approx(first)
    assert ours.middle.iloc[19] - ours.lower.iloc[19] == pytest.approx(first)


def test_supertrend_follows_its_definition(bars: pd.DataFrame) -> None:
    width = 3 * ta.atr(bars, 10)
    middle = (bars["high"] + bars["low"]) / 2
    upper, lower, close = (middle + width), (middle - width), bars["close"]
    lines, directions = [], []
    direction, top, bottom = 1.0, upper.iloc[10], lower.iloc[10]
    for t in range(10, len(bars)):
        if t > 10:
            top = upper.iloc[t] if upper.iloc[t] < top or close.iloc[t - 1] > top else top
            bottom = (
                lower.iloc[t] if lower.iloc[t] > bottom or close.iloc[t - 1] < bottom else bottom
            )
            if direction > 0 and close.iloc[t] < bottom:
                direction = -1.0
            elif direction < 0 and close.iloc[t] > top:
                direction = 1.0
        lines.append(bottom if direction > 0 else top)
        directions.append(direction)
    ours = ta.supertrend(bars, 10, 3.0)
    np.testing.assert_allclose(ours.line.iloc[10:], lines, rtol=1e-12)
    np.testing.assert_array_equal(ours.direction.iloc[10:], directions)


def test_stdev_and_zscore_population_and_sample(bars: pd.DataFrame) -> None:
    close = bars["close"]
    rolling = close.rolling(20)
    for ddof in (0, 1):
        deviation = rolling.std(ddof=ddof)
        agrees(ta.stdev(close, 20, ddof), deviation, from_bar=19)
        agrees(ta.zscore(close, 20, ddof), (close - rolling.mean()) / deviation, from_bar=19)


def test_zscore_of_a_flat_window_is_nan_and_never_noise() -> None:
    rng = np.random.default_rng(3)
    prices = np.concatenate([40_000.1 + rng.normal(0, 100, 500), np.full(60, 40_000.1)])
    scores = ta.zscore(prices, 20)
    assert np.isnan(scores[519:]).all()
    assert np.isfinite(scores[19:519]).all()


@pytest.mark.parametrize("name", ["rsi", "cci", "stochastic", "williams_r", "mfi", "adx"])
def test_an_oscillator_of_a_market_that_stands_still_is_zero(name: str) -> None:
    still = pd.DataFrame({name: np.ones(80) for name in ("high", "low", "close", "volume")})
    result = getattr(ta, name)(still["close"] if name == "rsi" else still)
    line = result[0] if isinstance(result, tuple) else result
    assert (line.dropna() == 0).all()
    assert line.notna().any()
