"""Indicators of coarser bars in an event strategy: usable once the coarser bar has closed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import robotrader_sdk as rt
from robotrader_sdk.errors import BarsError, LookaheadError, RobotraderError, StrategyError
from robotrader_sdk.strategy.context import Columns
from robotrader_sdk.strategy.indicator import Clock, Registry
from robotrader_sdk.strategy.stepper import Stepper
from robotrader_sdk.types import Timeframe

HOURS = rt.synthetic_bars(24 * 60, "1h", seed=7, start="2024-01-01")
MINUTES = rt.synthetic_bars(600, "1m", seed=5, start="2024-01-01")

Init = Callable[[Any, Any], object]


def strategy(init: Init, on_bar: Any = None, warmup: int | None = 0) -> rt.Strategy:
    """A strategy of an `init` and an `on_bar` written as functions."""

    class Written(rt.Strategy):
        warmup_bars = warmup

        def init(self, bars: Any) -> None:
            init(self, bars)

        def on_bar(self, ctx: rt.Context) -> None:
            if on_bar is not None:
                on_bar(self, ctx)

    return Written()


def lines(init: Init, bars: pd.DataFrame = HOURS) -> dict[str, np.ndarray]:
    """What the indicators registered in `init` show at each bar."""
    return rt.backtest(strategy(init), bars).indicators


def line(init: Init, bars: pd.DataFrame = HOURS) -> np.ndarray:
    """What the last one shows."""
    return list(lines(init, bars).values())[-1]


def four(bars: Any) -> Any:
    return rt.resample(bars, "4h")


# Each is written once for a strategy's handle and once for frames; both must give the same bits.
SAME: dict[str, tuple[Init, Callable[[pd.DataFrame], pd.Series]]] = {
    "a column's indicator": (
        lambda self, bars: self.indicator(rt.ta.ema, four(bars).close, 20),
        lambda bars: rt.ta.ema(four(bars).close, 20),
    ),
    "a column by name": (
        lambda self, bars: self.indicator(rt.ta.sma, four(bars)["high"], length=5),
        lambda bars: rt.ta.sma(four(bars).high, 5),
    ),
    "an indicator of the bars": (
        lambda self, bars: self.indicator(rt.ta.atr, four(bars), 14),
        lambda bars: rt.ta.atr(four(bars), 14),
    ),
    "one of several outputs": (
        lambda self, bars: self.indicator(rt.ta.macd, four(bars).close),
        lambda bars: rt.ta.macd(four(bars).close).histogram,
    ),
    "an indicator of an indicator": (
        lambda self, bars: self.indicator(
            rt.ta.sma, self.indicator(rt.ta.rsi, four(bars).close, 14), 3
        ),
        lambda bars: rt.ta.sma(rt.ta.rsi(four(bars).close, 14), 3),
    ),
    "an indicator of an output and a column": (
        lambda self, bars: self.indicator(
            lambda upper, close: upper - close,
            self.indicator(rt.ta.bollinger, four(bars).close).upper,
            four(bars).close,
        ),
        lambda bars: rt.ta.bollinger(four(bars).close).upper - four(bars).close,
    ),
    "the coarser bar before": (
        lambda self, bars: self.indicator(
            lambda values: values.shift(), self.indicator(rt.ta.ema, four(bars).close, 20)
        ),
        lambda bars: rt.ta.ema(four(bars).close, 20).shift(),
    ),
    "a function of the whole frame": (
        lambda self, bars: self.indicator(
            lambda coarse: (coarse.high - coarse.low).rolling(3).mean(), four(bars)
        ),
        lambda bars: (four(bars).high - four(bars).low).rolling(3).mean(),
    ),
    "a plain column": (
        lambda self, bars: self.indicator(lambda c: c, rt.resample(bars, "1d").high),
        lambda bars: rt.resample(bars, "1d").high,
    ),
    "weeks": (
        lambda self, bars: self.indicator(rt.ta.sma, rt.resample(bars, "1w").close, 2),
        lambda bars: rt.ta.sma(rt.resample(bars, "1w").close, 2),
    ),
    "coarser bars of coarser bars": (
        lambda self, bars: self.indicator(rt.ta.obv, rt.resample(four(bars), "1d")),
        lambda bars: rt.ta.obv(rt.resample(four(bars), "1d")),
    ),
}


@pytest.mark.parametrize(("init", "computed"), SAME.values(), ids=SAME)
@pytest.mark.parametrize("skipped", [0, 3])
def test_it_shows_what_rt_align_gives_to_the_bit(
    init: Init, computed: Callable[[pd.DataFrame], pd.Series], skipped: int
) -> None:
    bars = HOURS.iloc[skipped:]
    shown, wanted = line(init, bars), rt.align(computed(bars), bars)
    assert np.isfinite(wanted).sum() > 300
    np.testing.assert_array_equal(shown, wanted)


def test_it_changes_at_the_bar_that_closes_with_the_coarser_one() -> None:
    seen = []

    def init(self: Any, bars: Any) -> None:
        self.day = self.indicator(lambda c: c, rt.resample(bars, "1d").close)

    def on_bar(self: Any, ctx: rt.Context) -> None:
        seen.append(self.day[-1])
        if ctx.bar_number >= 1:
            np.testing.assert_array_equal(self.day[-2], seen[-2])
        np.testing.assert_array_equal(self.day[-30:], seen[-30:])

    rt.backtest(strategy(init, on_bar), HOURS)
    closes = HOURS.close.to_numpy()
    for k, value in enumerate(seen):
        whole_days = (k + 1) // 24
        assert np.isnan(value) if whole_days == 0 else value == closes[24 * whole_days - 1]


def test_an_index_beyond_now_is_an_error() -> None:
    def init(self: Any, bars: Any) -> None:
        self.day = self.indicator(lambda c: c, rt.resample(bars, "1d").close)

    def on_bar(self: Any, ctx: rt.Context) -> None:
        with pytest.raises(LookaheadError):
            self.day[0]
        with pytest.raises(LookaheadError, match="bars have closed so far"):
            self.day[-ctx.bar_number - 2]

    rt.backtest(strategy(init, on_bar), HOURS.head(60))


def test_nothing_it_shows_depends_on_later_bars() -> None:
    init = SAME["one of several outputs"][0]
    for now in (200, 203, 204, 700):
        changed = HOURS.copy()
        changed.iloc[now + 1 :] *= 3.0
        for name, values in lines(init).items():
            np.testing.assert_array_equal(lines(init, changed)[name][: now + 1], values[: now + 1])


@settings(deadline=None, max_examples=40)
@given(
    st.sets(st.integers(0, 599), min_size=2),
    st.sampled_from(["2m", "5m", "12m", "1h"]),
    st.integers(1, 600),
)
def test_a_shorter_history_shows_the_same_whatever_is_missing(
    kept: set[int], timeframe: str, n: int
) -> None:
    """Live, the history only grows: what was shown must stay, to the bit."""

    def shown(bars: pd.DataFrame) -> list[np.ndarray]:
        registry = Registry(bars, Clock(), "Test", Timeframe.parse("1m"))
        coarse = rt.resample(registry.handle, timeframe)
        ema = registry.register(rt.ta.ema, (coarse.close, 3), {})
        registry.register(rt.ta.stochastic, (coarse, 4), {})
        registry.register(lambda values: values.shift(), (ema,), {})
        registry.register(lambda frame: frame.volume, (coarse,), {})
        return list(registry.series.values())

    bars = MINUTES.iloc[sorted(kept)]
    n = min(n, len(bars))
    for early, late in zip(shown(bars.iloc[:n]), shown(bars), strict=True):
        np.testing.assert_array_equal(early, late[:n])


@pytest.mark.parametrize("n", [2, 3, 4, 5, 40, 41, 42, 43, 44, 100])
def test_a_shorter_backtest_shows_the_same(n: int) -> None:
    init = SAME["an indicator of the bars"][0]
    np.testing.assert_array_equal(line(init, HOURS.head(n)), line(init)[:n])


def test_the_warmup_counts_the_strategy_s_own_bars() -> None:
    init = SAME["a column's indicator"][0]
    assert rt.backtest(strategy(init, warmup=None), HOURS).warmup_bars == 20 * 4 - 1
    # From 03:00 on: the bar of 00:00 is not whole, the first one opens an hour later.
    late = rt.backtest(strategy(init, warmup=None), HOURS.iloc[3:])
    assert late.warmup_bars == 1 + 20 * 4 - 1


def test_a_history_without_a_whole_coarser_bar_is_all_warm_up() -> None:
    init = SAME["one of several outputs"][0]
    assert np.isnan(line(init, HOURS.head(3))).all()
    with pytest.raises(BarsError, match="needs 3 bars of warm-up"):
        rt.backtest(strategy(init, warmup=None), HOURS.head(3))


@pytest.mark.parametrize(
    ("timeframe", "message"),
    [
        ("30m", "30m is finer than that of the bars, 1h"),
        ("1h", "1h is the same as that of the bars, 1h"),
        ("90m", "90m is no multiple of that of the bars, 1h"),
        ("4 hours", "timeframe '4 hours' is not known"),
        ("1M", "timeframe '1M' is not known"),
    ],
)
def test_a_timeframe_that_does_not_fit_is_refused_in_init(timeframe: str, message: str) -> None:
    with pytest.raises(BarsError, match=message):
        lines(lambda self, bars: rt.resample(bars, timeframe))
    with pytest.raises(BarsError, match="4h is the same as that of the bars, 4h"):
        lines(lambda self, bars: rt.resample(four(bars), "4h"))


def test_bars_that_straddle_the_coarser_ones_are_refused() -> None:
    late = HOURS.set_axis(HOURS.index + pd.Timedelta("30min"))
    with pytest.raises(BarsError, match="bars of 1h reach beyond the end"):
        lines(lambda self, bars: four(bars), late)


def test_the_length_of_the_bars_can_be_said() -> None:
    every_other = HOURS.iloc[::2]  # looks like bars of 2h

    def init(self: Any, bars: Any) -> None:
        assert str(bars.timeframe) == "2h"
        coarse = rt.resample(bars, "4h", from_timeframe="1h")
        self.indicator(lambda c: c, coarse.close)

    shown = line(init, every_other)
    coarse = rt.resample(every_other, "4h", from_timeframe="1h")
    aligned = rt.align(coarse.close, every_other, timeframe="4h", from_timeframe="1h")
    np.testing.assert_array_equal(shown, aligned)
    assert np.isnan(shown[:2]).all()  # 02:00 closes at 03:00
    assert shown[2] == HOURS.close.iloc[2]


def test_a_stepper_may_know_the_length_of_the_bars() -> None:
    seen = []

    def init(self: Any, bars: Any) -> None:
        seen.append(str(bars.timeframe))
        seen.append(str(four(bars).timeframe))

    bars = HOURS.iloc[[0, 3]]
    no_account = cast("Any", None)  # init needs none
    Stepper(strategy(init), bars, Columns(bars), no_account, timeframe=Timeframe.parse("1h"))
    Stepper(strategy(lambda self, bars: None), HOURS.head(1), Columns(bars), no_account)
    assert seen == ["1h", "4h"]


def test_the_name_tells_the_timeframe() -> None:
    def init(self: Any, bars: Any) -> None:
        self.fine = self.indicator(rt.ta.ema, bars.close, 20)
        self.coarse = self.indicator(rt.ta.ema, four(bars).close, 20)
        self.macd = self.indicator(rt.ta.macd, rt.resample(bars, "1d").close)

    assert list(lines(init)) == [
        "ema(20)", "ema(20) 4h", "macd.macd 1d", "macd.signal 1d", "macd.histogram 1d",
    ]  # fmt: skip


MIXED: dict[str, tuple[Init, str]] = {
    "bars and coarser bars": (
        lambda self, bars: self.indicator(lambda a, b: a, bars.close, four(bars).close),
        r"mixes bars and rt\.resample\(bars, '4h'\)",
    ),
    "by name": (
        lambda self, bars: self.indicator(lambda a, b: a, a=bars.close, b=four(bars)),
        r"mixes bars and rt\.resample\(bars, '4h'\)",
    ),
    "an indicator and coarser bars": (
        lambda self, bars: self.indicator(
            lambda a, b: a, self.indicator(rt.ta.ema, bars.close, 3), four(bars).close
        ),
        r"mixes bars and rt\.resample\(bars, '4h'\)",
    ),
    "two timeframes": (
        lambda self, bars: self.indicator(
            lambda a, b: a,
            self.indicator(rt.ta.ema, four(bars).close, 3),
            rt.resample(bars, "1d").close,
        ),
        r"mixes rt\.resample\(bars, '4h'\) and rt\.resample\(bars, '1d'\)",
    ),
}


@pytest.mark.parametrize(("init", "message"), MIXED.values(), ids=MIXED)
def test_an_indicator_is_of_bars_of_one_timeframe(init: Init, message: str) -> None:
    with pytest.raises(StrategyError, match=f"{message}.*compare them in on_bar.*rt.align"):
        lines(init)


def test_what_the_error_advises_works() -> None:
    """A function of the finer bars that brings the coarser ones to them."""

    def distance(bars: pd.DataFrame) -> pd.Series:
        return bars.close / rt.align(rt.ta.ema(four(bars).close, 5), bars) - 1

    shown = line(lambda self, bars: self.indicator(distance, bars))
    np.testing.assert_array_equal(shown, distance(HOURS))


def test_an_indicator_of_the_wrong_length_names_that_of_the_coarser_bars() -> None:
    with pytest.raises(StrategyError, match=r"<lambda> 4h must give .*\(360,\).*\(1440,\)"):
        lines(lambda self, bars: self.indicator(lambda close: HOURS.close, four(bars).close))
    with pytest.raises(StrategyError, match=r"must give one number a bar.*got str"):
        lines(lambda self, bars: self.indicator(lambda close: "up", four(bars).close))


REFUSED: dict[str, tuple[Init, type[RobotraderError], str]] = {
    "a column resampled": (
        lambda self, bars: rt.resample(bars.close, "4h"),
        StrategyError,
        r"takes bars, got bars\.close; .* rt\.resample\(bars, \.\.\.\)\.close",
    ),
    "an indicator resampled": (
        lambda self, bars: rt.resample(self.indicator(rt.ta.ema, bars.close, 3), "4h"),
        BarsError,
        "not IndicatorView",
    ),
    "incomplete bars": (
        lambda self, bars: rt.resample(bars, "4h", incomplete="mark"),  # type: ignore[call-overload]
        BarsError,
        "serves DataFrames only",
    ),
    "a column there is not": (
        lambda self, bars: four(bars).trades,
        StrategyError,
        r"rt\.resample\(bars, '4h'\) has no column 'trades', only open, high",
    ),
    "aligned by hand": (
        lambda self, bars: rt.align(self.indicator(rt.ta.ema, four(bars).close, 3), bars),
        BarsError,
        r"not IndicatorView.*in init\(\) self\.indicator aligns by itself",
    ),
    "a value of the coarser bars": (
        lambda self, bars: four(bars).close[-1], LookaheadError, r"'4h'\)\.close holds no values",
    ),
    "the coarser bars' length": (
        lambda self, bars: len(four(bars)), LookaheadError, r"'4h'\) holds no values",
    ),
    "the coarser bars' index": (
        lambda self, bars: four(bars).index, LookaheadError, "holds no values",
    ),
    "pandas' own resample": (
        lambda self, bars: bars.resample("4h"), LookaheadError, "holds no values",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("init", "error", "message"), REFUSED.values(), ids=REFUSED)
def test_what_a_handle_can_not_give(init: Init, error: type[RobotraderError], message: str) -> None:
    with pytest.raises(error, match=message):
        lines(init, HOURS.assign(trades=1.0))


class DailyTrend(rt.Strategy):
    """Event form: hourly crosses in the direction of the daily average."""

    def init(self, bars: Any) -> None:
        self.trend = self.indicator(rt.ta.sma, rt.resample(bars, "1d").close, 5)
        self.fast = self.indicator(rt.ta.ema, bars.close, 6)

    def on_bar(self, ctx: rt.Context) -> None:
        if ctx.position:
            if self.fast[-1] < self.trend[-1]:
                ctx.close_position()
        elif self.fast[-1] > self.trend[-1] and self.fast[-2] <= self.trend[-2]:
            ctx.buy(stop_loss=0.02)


class DailyTrendSignals(rt.Strategy):
    """The same, vectorised."""

    warmup_bars = 24 * 5 - 1

    def signals(self, bars: pd.DataFrame) -> rt.Signals:
        trend = rt.align(rt.ta.sma(rt.resample(bars, "1d").close, 5), bars)
        fast = rt.ta.ema(bars.close, 6)
        return rt.Signals(
            enter_long=rt.ta.crossed_above(fast, trend), exit_long=fast < trend, stop_loss=0.02
        )


def test_both_forms_trade_alike() -> None:
    event, vectorised = rt.backtest(DailyTrend(), HOURS), rt.backtest(DailyTrendSignals(), HOURS)
    assert event.warmup_bars == vectorised.warmup_bars
    assert len(event.trades) > 10
    pd.testing.assert_frame_equal(event.fills, vectorised.fills)
    pd.testing.assert_series_equal(event.equity, vectorised.equity)
