"""What `on_bar` sees and may ask for."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

import robotrader_sdk as rt
from robotrader_sdk.errors import LookaheadError, OrderError, RobotraderError, StrategyError
from robotrader_sdk.types import Direction, OrderStatus


def run(bars: pd.DataFrame, on_bar: Any, init: Any = None, **settings: Any) -> rt.BacktestResult:
    """A backtest of an `on_bar` written as a function of the strategy and ctx."""

    class Written(rt.Strategy):
        warmup_bars = 0

        def init(self, bars: Any) -> None:
            if init is not None:
                init(self, bars)

        def on_bar(self, ctx: rt.Context) -> None:
            on_bar(self, ctx)

    return rt.backtest(Written(), bars, fees=rt.Fees(0, 0), **settings)


def test_every_reading_is_that_of_the_closed_bar(bars: pd.DataFrame) -> None:
    seen = []

    def on_bar(self: Any, ctx: rt.Context) -> None:
        k = ctx.bar_number
        row = bars.iloc[k]
        assert (ctx.open, ctx.high, ctx.low, ctx.close, ctx.volume) == tuple(row)
        assert ctx.time == bars.index[k]
        assert tuple(ctx.bar) == (bars.index[k], *row)
        seen.append(k)

    run(bars, on_bar)
    assert seen == list(range(30))


def test_nothing_in_the_context_tells_the_future(bars: pd.DataFrame) -> None:
    """Whatever can be read at a bar is the same when all later bars are different."""

    def readings(frame: pd.DataFrame, until: int) -> list[Any]:
        seen: list[Any] = []

        def init(self: Any, handle: Any) -> None:
            self.sma = self.indicator(rt.ta.sma, handle.close, 3)
            self.bands = self.indicator(rt.ta.bollinger, handle.close, 5)

        def on_bar(self: Any, ctx: rt.Context) -> None:
            if ctx.bar_number == 3:
                ctx.buy(quantity=1, stop_loss=0.01, take_profit=0.02)
                ctx.buy(quantity=1, limit_price=ctx.close - 5)
            names = [n for n in dir(ctx) if not n.startswith("_") and n != "take_intents"]
            values = [getattr(ctx, n) for n in names]
            values = [repr(v) for v in values if not callable(v) and not hasattr(v, "random")]
            frame = ctx.history(10_000)
            values += [len(frame), frame.to_csv(), repr(self.sma[-1]), repr(self.sma[:])]
            values += [repr([band[-1] for band in self.bands]), str(ctx.rng.random())]
            if ctx.bar_number <= until:
                seen.append(values)

        run(frame, on_bar, init)
        return seen

    for now in (3, 4, 9, 20):
        changed = bars.copy()
        changed.iloc[now + 1 :] *= 3.0
        assert readings(bars, now) == readings(changed, now)


def test_history_ends_now_and_is_a_copy(bars: pd.DataFrame) -> None:
    def on_bar(self: Any, ctx: rt.Context) -> None:
        past = ctx.history(3)
        assert list(past.index) == list(bars.index[max(0, ctx.bar_number - 2) : ctx.bar_number + 1])
        past.loc[:, "close"] = 0.0
        assert ctx.close != 0.0

    run(bars, on_bar)


@pytest.mark.parametrize("index", [0, 1, 5, 10_000, slice(0, 2), slice(-1, 3), "now", 1.5, None])
def test_an_index_beyond_now_is_an_error(bars: pd.DataFrame, index: Any) -> None:
    def init(self: Any, handle: Any) -> None:
        self.sma = self.indicator(rt.ta.sma, handle.close, 3)

    def on_bar(self: Any, ctx: rt.Context) -> None:
        with pytest.raises(LookaheadError):
            self.sma[index]

    run(bars, on_bar, init)


def test_an_index_before_the_first_bar_is_an_error(bars: pd.DataFrame) -> None:
    def init(self: Any, handle: Any) -> None:
        self.sma = self.indicator(rt.ta.sma, handle.close, 3)

    def on_bar(self: Any, ctx: rt.Context) -> None:
        assert isinstance(self.sma[-ctx.bar_number - 1], float)
        with pytest.raises(LookaheadError, match="bars have closed so far"):
            self.sma[-ctx.bar_number - 2]

    run(bars, on_bar, init)


def test_an_indicator_counts_back_from_now(bars: pd.DataFrame) -> None:
    expected = rt.ta.sma(bars["close"], 3)

    def init(self: Any, handle: Any) -> None:
        self.sma = self.indicator(rt.ta.sma, handle["close"], 3)

    def on_bar(self: Any, ctx: rt.Context) -> None:
        k = ctx.bar_number
        np.testing.assert_array_equal(self.sma[-1], expected.iloc[k])
        np.testing.assert_array_equal(self.sma[-3:], expected.iloc[max(0, k - 2) : k + 1])
        if k:
            np.testing.assert_array_equal(self.sma[-2], expected.iloc[k - 1])

    run(bars, on_bar, init)


def test_an_indicator_of_an_indicator(bars: pd.DataFrame) -> None:
    twice = rt.ta.sma(rt.ta.sma(bars["close"], 3), 4)
    got: list[float] = []

    def init(self: Any, handle: Any) -> None:
        self.twice = self.indicator(rt.ta.sma, self.indicator(rt.ta.sma, handle.close, 3), 4)

    run(bars, lambda self, ctx: got.append(self.twice[-1]), init)
    np.testing.assert_array_equal(got, twice)


PEEKS = [
    ("a value", lambda bars: bars.close[0]),
    ("a location", lambda bars: bars.close.iloc[-1]),
    ("a frame's location", lambda bars: bars.iloc[-1]),
    ("a frame's values", lambda bars: bars.values),
    ("a mean", lambda bars: bars.close.mean()),
    ("a sum of two", lambda bars: bars.close + bars.open),
    ("a product", lambda bars: 2 * bars.close),
    ("a comparison", lambda bars: bars.close > 5),
    ("an array", lambda bars: np.asarray(bars.close)),
    ("an array of all", lambda bars: np.asarray(bars)),
    ("a length", lambda bars: len(bars)),
    ("a length of a column", lambda bars: len(bars.close)),
    ("a list", lambda bars: list(bars.close)),
    ("a number", lambda bars: float(bars.close)),
    ("a truth", lambda bars: bool(bars.close)),
    ("the index", lambda bars: bars.index),
    ("an indicator outright", lambda bars: rt.ta.sma(bars.close, 3)),
    ("a series", lambda bars: pd.Series(bars.close).sum()),
]


@pytest.mark.parametrize("peek", [p[1] for p in PEEKS], ids=[p[0] for p in PEEKS])
def test_the_handle_in_init_serves_no_values(bars: pd.DataFrame, peek: Any) -> None:
    with pytest.raises(RobotraderError):
        run(bars, lambda self, ctx: None, lambda self, handle: peek(handle))


def test_the_handle_hides_no_frame_in_its_attributes(bars: pd.DataFrame) -> None:
    def init(self: Any, handle: Any) -> None:
        for thing in (handle, handle.close):
            for name in dir(thing):
                if name.startswith("__"):
                    continue
                try:
                    value = getattr(thing, name)
                except LookaheadError:
                    continue
                assert not isinstance(value, (pd.DataFrame, pd.Series, np.ndarray)), name

    run(bars, lambda self, ctx: None, init)


def test_the_handle_knows_its_columns(bars: pd.DataFrame) -> None:
    with pytest.raises(StrategyError, match=r"no column 'clsoe'.*close"):
        run(bars, lambda self, ctx: None, lambda self, handle: handle.clsoe)


def test_indicators_belong_into_init(bars: pd.DataFrame) -> None:
    with pytest.raises(StrategyError, match="belongs into init"):
        run(bars, lambda self, ctx: self.indicator(rt.ta.sma, ctx.history(9)["close"], 3))


def test_an_indicator_of_the_wrong_length_is_refused(bars: pd.DataFrame) -> None:
    def init(self: Any, handle: Any) -> None:
        self.odd = self.indicator(lambda close: close[:4], handle.close)

    with pytest.raises(StrategyError, match=r"\(30,\).*\(4,\)"):
        run(bars, lambda self, ctx: None, init)


def test_the_warmup_is_that_of_the_slowest_indicator(bars: pd.DataFrame) -> None:
    class Warm(rt.Strategy):
        def init(self, bars: Any) -> None:
            self.fast = self.indicator(rt.ta.sma, bars.close, 3)
            self.slow = self.indicator(rt.ta.sma, bars.close, 10)

        def on_bar(self, ctx: rt.Context) -> None:
            assert not math.isnan(self.slow[-1])
            if not ctx.position:
                ctx.buy(quantity=1)

    result = rt.backtest(Warm(), bars)
    assert result.warmup_bars == 9
    assert result.fill_table["bar"].tolist() == [10]


def test_an_order_tells_what_became_of_it(bars: pd.DataFrame) -> None:
    made: dict[str, Any] = {}

    def on_bar(self: Any, ctx: rt.Context) -> None:
        if ctx.bar_number == 0:
            made["filled"] = ctx.buy(quantity=2)
            made["waits"] = ctx.buy(quantity=1, limit_price=50)
            made["expires"] = ctx.buy(quantity=1, limit_price=51, valid_bars=2)
            made["cancelled"] = ctx.buy(quantity=1, limit_price=52)
            made["refused"] = ctx.buy(quantity=1_000, limit_price=99)
            assert all(order.is_working for order in made.values())
            assert ctx.orders == tuple(made.values())
        if ctx.bar_number == 1:
            assert made["filled"].status is OrderStatus.FILLED
            assert (made["filled"].quantity, made["filled"].fill_price) == (2.0, 101.0)
            assert made["refused"].status is OrderStatus.REJECTED
            assert "equity" in made["refused"].reject_reason
            ctx.cancel(made["cancelled"])
            assert not made["cancelled"].is_working
            assert ctx.orders == (made["waits"], made["expires"])
        if ctx.bar_number == 4:
            assert made["cancelled"].status is OrderStatus.CANCELLED
            assert made["expires"].status is OrderStatus.EXPIRED
            assert ctx.orders == (made["waits"],)
            ctx.cancel(made["filled"])  # final: nothing happens
            assert made["filled"].status is OrderStatus.FILLED

    result = run(bars, on_bar)
    assert result.orders["status"].tolist() == [
        "filled",
        "working",
        "expired",
        "cancelled",
        "rejected",
    ]


@pytest.mark.parametrize("valid_bars", [3, np.int64(3), np.uint8(3)], ids=repr)
def test_an_order_may_live_for_a_whole_number_of_any_kind(
    bars: pd.DataFrame, valid_bars: int
) -> None:
    def on_bar(self: Any, ctx: rt.Context) -> None:
        if ctx.bar_number == 0:
            ctx.buy(quantity=1, limit_price=50, valid_bars=valid_bars)

    assert run(bars, on_bar).orders["valid_until"].tolist() == [bars.index[3]]


def test_an_order_cancelled_in_the_bar_it_was_asked_for_never_works(bars: pd.DataFrame) -> None:
    def on_bar(self: Any, ctx: rt.Context) -> None:
        if ctx.bar_number == 0:
            ctx.cancel(ctx.buy(quantity=1))
            assert ctx.orders == ()

    result = run(bars, on_bar)
    assert result.fills.empty
    assert result.orders["status"].tolist() in (["cancelled"], [])


@pytest.mark.parametrize("order", [None, 1, "buy"])
def test_only_orders_can_be_cancelled(bars: pd.DataFrame, order: Any) -> None:
    with pytest.raises(OrderError, match=r"ctx\.cancel takes an order"):
        run(bars, lambda self, ctx: ctx.cancel(order))


def test_position_cash_and_equity(bars: pd.DataFrame) -> None:
    def on_bar(self: Any, ctx: rt.Context) -> None:
        if ctx.bar_number == 0:
            assert not ctx.position
            assert ctx.position.direction is Direction.FLAT
            assert math.isnan(ctx.position.entry_price)
            assert (ctx.cash, ctx.equity) == (10_000.0, 10_000.0)
            ctx.buy(quantity=1)
        if ctx.bar_number == 1:
            ctx.buy(quantity=3)
        if ctx.bar_number == 2:
            assert ctx.position.is_long
            assert ctx.position.quantity == 4.0
            assert ctx.position.entry_price == (101.0 + 3 * 102.0) / 4
            assert ctx.position.unrealized_pnl == pytest.approx(103 * 4 - 101 - 3 * 102)
            assert ctx.cash == 10_000.0 - 101 - 306
            assert ctx.equity == ctx.cash + 4 * 103
            ctx.close_position()
            ctx.sell(quantity=2)
        if ctx.bar_number == 3:
            assert ctx.position.is_short
            assert (ctx.position.quantity, ctx.position.entry_price) == (-2.0, 103.0)
            assert ctx.position.unrealized_pnl == -2.0

    run(bars, on_bar)


def test_close_position_without_one_returns_none(bars: pd.DataFrame) -> None:
    run(bars, lambda self, ctx: ctx.close_position() and pytest.fail("an order for nothing"))


def test_a_sell_without_a_size_closes(bars: pd.DataFrame) -> None:
    def on_bar(self: Any, ctx: rt.Context) -> None:
        if ctx.bar_number == 0:
            ctx.buy(quantity=3)
        if ctx.bar_number == 1:
            ctx.sell()

    fills = run(bars, on_bar).fills
    assert fills["quantity"].tolist() == [3.0, 3.0]
    assert fills["reason"].tolist() == ["entry", "exit"]


SENSELESS = [
    ("a bare number", (1,), {}, ["quantity=1", "notional=1", "fraction=1", "risk=1"]),
    ("two sizes", (), {"quantity": 1, "notional": 5}, ["one unit", "quantity and notional"]),
    ("risk without a stop", (), {"risk": 0.01}, ["risk=", "stop_loss="]),
    ("percent", (), {"stop_loss": 20}, ["stop_loss", "20", ".05"]),
    ("negative stop", (), {"stop_loss": -0.1}, ["stop_loss", "above 0"]),
    ("zero limit", (), {"limit_price": 0}, ["limit_price", "above 0"]),
    ("negative stop_price", (), {"stop_price": -1}, ["stop_price", "above 0"]),
    ("words", (), {"quantity": "lots"}, ["quantity", "'lots'"]),
    ("half a bar", (), {"valid_bars": 1.5}, ["valid_bars", "1.5"]),
    ("no bar", (), {"valid_bars": 0}, ["valid_bars", "0"]),
    ("a truth for bars", (), {"valid_bars": True}, ["valid_bars", "True"]),
]


@pytest.mark.parametrize(
    ("bare", "asked", "words"), [c[1:] for c in SENSELESS], ids=[c[0] for c in SENSELESS]
)
@pytest.mark.parametrize("side", ["buy", "sell"])
def test_senseless_orders(
    bars: pd.DataFrame, side: str, bare: Any, asked: Any, words: list[str]
) -> None:
    with pytest.raises(OrderError) as caught:
        run(bars, lambda self, ctx: getattr(ctx, side)(*bare, **asked))
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"quantity": math.nan}, "NaN"),
        ({"limit_price": math.nan}, "NaN"),
        ({"stop_loss": math.nan}, "NaN"),
        ({"quantity": 0}, "not above 0"),
        ({"quantity": -1}, "not above 0"),
        ({"quantity": math.inf}, "not above 0"),
    ],
)
def test_numbers_that_can_not_be_traded_are_rejected(
    bars: pd.DataFrame, asked: dict[str, Any], reason: str
) -> None:
    def on_bar(self: Any, ctx: rt.Context) -> None:
        if ctx.bar_number == 0:
            ctx.buy(**asked)

    rejected = run(bars, on_bar).rejected
    assert len(rejected) == 1
    assert reason in rejected["reason"].iloc[0]
    assert rejected["time"].iloc[0] == bars.index[0]


def _numbers(bars: pd.DataFrame, seed: int = 0, symbol: str = "") -> list[float]:
    seen: list[float] = []

    class Lucky(rt.Strategy):
        warmup_bars = 0

        def on_bar(self, ctx: rt.Context) -> None:
            seen.append(float(ctx.rng.random()))
            assert ctx.rng is ctx.rng

    rt.backtest(Lucky(seed=seed), bars, instrument=rt.Instrument(symbol=symbol))
    return seen


def test_randomness_depends_on_seed_symbol_and_bar_alone(bars: pd.DataFrame) -> None:
    numbers = _numbers(bars)
    assert numbers == _numbers(bars)
    assert len(set(numbers)) == 30
    assert numbers[10:] == _numbers(bars.iloc[10:])
    assert numbers != _numbers(bars, seed=1)
    assert numbers != _numbers(bars, symbol="BTC/USDT")
