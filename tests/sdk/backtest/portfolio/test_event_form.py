"""`on_bar` over several symbols: what it sees, and what it may ask for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import robotrader_sdk as rt
from robotrader_sdk.errors import (
    InstrumentError,
    LookaheadError,
    SignalError,
    StrategyError,
)

from .conftest import FREE, Written, fill, fills_of, panel_of, random_panel, times

PANEL = {
    "A": [100, 110, 120, 130, 140, 150],
    "B": [None, 50, None, 52, 53, 54],
    "C": [10, 11, 12, 13, None, None],
}


def run(prices: dict[str, list[Any]], on_bar: Any, init: Any = None, **settings: Any) -> Any:
    return rt.backtest(Written.of(on_bar, init), panel_of(prices), fees=FREE, **settings)


def test_a_symbols_context_is_that_of_a_strategy_of_its_own() -> None:
    """Whatever a single-symbol strategy does on one symbol gives the same run."""

    def trade(ctx: rt.Context, average: Any) -> None:
        if ctx.close > average[-1] and not ctx.position:
            ctx.buy(fraction=0.5, stop_loss=0.02, take_profit=0.03)
            ctx.buy(quantity=3, limit_price=ctx.close * 0.98, valid_bars=2)
        elif ctx.close < average[-1] and ctx.position.is_long:
            ctx.sell(fraction=0.4, trailing_stop=0.02)
            ctx.close_position()

    class Single(rt.Strategy):
        def init(self, bars: Any) -> None:
            self.average = self.indicator(rt.ta.sma, bars.close, 5)

        def on_bar(self, ctx: rt.Context) -> None:
            trade(ctx, self.average)

    class Portfolio(rt.PortfolioStrategy):
        def init(self, panel: Any) -> None:
            self.average = self.indicator(rt.ta.sma, panel["A"].close, 5)

        def on_bar(self, ctx: rt.PortfolioContext) -> None:
            trade(ctx["A"], self.average)

    bars = random_panel(150, ["A"], seed=4)["A"]
    settings: dict[str, Any] = {"slippage": 0.001, "instrument": rt.Instrument(tick_size=0.01)}
    single = rt.backtest(Single(), bars, **settings)
    portfolio = rt.backtest(Portfolio(), {"A": bars}, **settings)
    assert set(single.trades["exit_reason"].dropna()) >= {"stop_loss", "take_profit", "exit"}
    for name in ("fills", "orders", "trades", "rejected"):
        own = getattr(portfolio, name).drop(columns="symbol")
        pd.testing.assert_frame_equal(own, getattr(single, name))
    np.testing.assert_array_equal(portfolio.equity_values, single.equity_values)
    assert portfolio.n_ambiguous == single.n_ambiguous
    assert portfolio.pnl_optimistic == single.pnl_optimistic
    assert portfolio.pnl_pessimistic == single.pnl_pessimistic


def test_symbols_are_those_with_a_bar_now() -> None:
    seen = []

    def on_bar(self: Any, ctx: rt.PortfolioContext) -> None:
        assert tuple(ctx) == ctx.symbols
        assert ctx.time == times(6)[ctx.bar_number]
        seen.append("".join(ctx.symbols))

    run(PANEL, on_bar)
    assert seen == ["AC", "ABC", "AC", "ABC", "AB", "AB"]


def test_a_symbol_without_a_bar_shows_its_last_one() -> None:
    seen = []

    def on_bar(self: Any, ctx: rt.PortfolioContext) -> None:
        if ctx.bar_number >= 1:
            b = ctx["B"]
            seen.append((b.close, b.bar_number, b.time.day, len(b.history(9))))

    run(PANEL, on_bar)
    assert seen == [(50, 0, 2, 1), (50, 0, 2, 1), (52, 1, 4, 2), (53, 2, 5, 3), (54, 3, 6, 4)]


@pytest.mark.parametrize(
    ("symbol", "words"),
    [("B", ["B has no bar yet", "ctx.symbols"]), ("a", ["no symbol 'a'", "did you mean 'A'?"])],
)
def test_a_symbol_that_is_not_there_is_named(symbol: str, words: list[str]) -> None:
    with pytest.raises(StrategyError) as caught:
        run(PANEL, lambda self, ctx: ctx[symbol])
    for word in words:
        assert word in str(caught.value)


def test_equity_cash_and_weights_are_the_accounts() -> None:
    seen = []

    def on_bar(self: Any, ctx: rt.PortfolioContext) -> None:
        if ctx.bar_number == 0:
            ctx["A"].buy(quantity=10)
            ctx["C"].sell(quantity=100)
        seen.append((ctx.cash, ctx.equity, ctx.weights))
        assert ctx["A"].equity == ctx.equity
        assert ctx["A"].cash == ctx.cash

    run(PANEL, on_bar)
    assert seen[0] == (10_000, 10_000, {})
    # 10 of A at 110, 100 short of C at 11
    assert seen[1] == (10_000, 10_000, {"A": 0.11, "C": -0.11})
    assert seen[2] == (10_000, 10_000, {"A": 0.12, "C": -0.12})


def test_sizes_are_of_the_accounts_equity_and_share_its_money() -> None:
    def on_bar(self: Any, ctx: rt.PortfolioContext) -> None:
        if ctx.bar_number == 0:
            ctx["A"].buy(fraction=0.6)
            ctx["C"].buy(fraction=0.6)

    result = run(PANEL, on_bar)
    assert fills_of(result) == [fill("1 A buy 54.545454545 @ 110 entry")]
    (refused,) = result.rejected.itertuples()
    assert (refused.symbol, refused.reason) == (
        "C",
        "costs more than the equity allows, fee included",
    )


def test_what_reduces_goes_first_at_an_open() -> None:
    def on_bar(self: Any, ctx: rt.PortfolioContext) -> None:
        if ctx.bar_number == 0:
            ctx["C"].buy(fraction=1.0)
        if ctx.bar_number == 1:
            ctx["A"].buy(fraction=1.0)
            ctx["C"].close_position()

    result = run(PANEL, on_bar)
    assert [text[1:3] for text in fills_of(result)] == [
        ("C", "buy"),
        ("C", "sell"),
        ("A", "buy"),
    ]
    assert result.rejected.empty


def test_an_order_waits_for_the_symbols_next_bar() -> None:
    def on_bar(self: Any, ctx: rt.PortfolioContext) -> None:
        if ctx.bar_number == 1:
            ctx["B"].buy(quantity=1, limit_price=55, valid_bars=1)

    result = run(PANEL, on_bar)
    assert fills_of(result) == [fill("3 B buy 1 @ 52 entry")]


def test_an_order_after_the_last_bar_of_a_symbol_is_cancelled() -> None:
    def on_bar(self: Any, ctx: rt.PortfolioContext) -> None:
        if ctx.bar_number in (3, 4):
            order = ctx["C"].buy(quantity=1)
            self.made = [*getattr(self, "made", []), order]
        if ctx.bar_number == 5:
            assert [order.status.label for order in self.made] == ["cancelled", "cancelled"]

    result = run(PANEL, on_bar)
    assert result.orders["status"].tolist() == ["cancelled", "cancelled"]
    assert result.fills.empty


def test_delisting_closes_and_cancels_protection() -> None:
    def on_bar(self: Any, ctx: rt.PortfolioContext) -> None:
        if ctx.bar_number == 0:
            ctx["C"].buy(quantity=100, stop_loss=0.5, take_profit=2.0)

    result = run(PANEL, on_bar)
    assert fills_of(result) == [
        fill("1 C buy 100 @ 11 entry"),
        fill("3 C sell 100 @ 13 delisted"),
    ]
    statuses = dict(zip(result.orders["reason"], result.orders["status"], strict=True))
    assert statuses == {
        "entry": "filled",
        "stop_loss": "cancelled",
        "take_profit": "cancelled",
        "delisted": "filled",
    }
    assert result.trades["exit_reason"].tolist() == ["delisted"]


def test_delisting_cancels_what_waits() -> None:
    def on_bar(self: Any, ctx: rt.PortfolioContext) -> None:
        if ctx.bar_number == 0:
            ctx["C"].buy(quantity=1, limit_price=1.0)

    result = run(PANEL, on_bar)
    (order,) = result.orders.itertuples()
    assert (order.status, order.end_time) == ("cancelled", times(6)[3])


def test_indicators_are_read_at_each_symbols_own_bars() -> None:
    seen = []

    def init(self: Any, panel: Any) -> None:
        assert list(panel) == list(panel.symbols) == ["A", "B", "C"]
        assert len(panel) == 3
        assert "A" in panel
        self.averages = {
            symbol: self.indicator(rt.ta.sma, panel[symbol].close, 2) for symbol in panel
        }

    def on_bar(self: Any, ctx: rt.PortfolioContext) -> None:
        if ctx.bar_number == 3:
            seen.append([self.averages[symbol][-1] for symbol in "ABC"])

    run(PANEL, on_bar, init)
    assert seen == [[125, 51, 12.5]]


def test_an_indicator_of_several_symbols_is_on_the_panels_timeline() -> None:
    seen = []

    def init(self: Any, panel: Any) -> None:
        self.spread = self.indicator(lambda a, b: a - b, panel["A"].close, panel["B"].close)
        self.mean = self.indicator(lambda close: close.mean(axis=1), panel.close)
        self.second = self.indicator(lambda a, b: b, panel["A"].close, panel["B"].close)
        self.best = self.indicator(lambda bars: bars.close.max(axis=1), panel)

    def on_bar(self: Any, ctx: rt.PortfolioContext) -> None:
        np.testing.assert_array_equal(self.second[-1], [np.nan, 50, np.nan, 52, 53, 54][len(seen)])
        seen.append((self.spread[-1], self.mean[-1], self.best[-1]))

    result = run(PANEL, on_bar, init)
    spreads, means, best = zip(*seen, strict=True)
    np.testing.assert_array_equal(spreads, [np.nan, 60, np.nan, 78, 87, 96])
    np.testing.assert_allclose(means, [55, 57, 66, 65, 96.5, 102])
    assert best == (100, 110, 120, 130, 140, 150)
    assert set(result.indicators) >= {"<lambda>"}


def test_an_indicator_of_coarser_bars_waits_for_their_close() -> None:
    prices = {"A": [float(k) for k in range(1, 15)], "B": [1.0] * 14}
    seen = []

    def init(self: Any, panel: Any) -> None:
        week = rt.resample(panel["A"], "1w")
        self.weekly = self.indicator(lambda close: close, week.close)

    def on_bar(self: Any, ctx: rt.PortfolioContext) -> None:
        seen.append(self.weekly[-1])

    run(prices, on_bar, init)  # begins on a Monday
    np.testing.assert_array_equal(seen, [np.nan] * 6 + [7.0] * 7 + [14.0])


def test_coarser_bars_of_several_symbols_are_refused() -> None:
    def init(self: Any, panel: Any) -> None:
        weeks = [rt.resample(panel[symbol], "1w").close for symbol in ("A", "B")]
        self.indicator(lambda a, b: a - b, *weeks)

    prices = {"A": [1.0] * 14, "B": [1.0] * 14}
    with pytest.raises(StrategyError, match="several symbols can't be of coarser bars"):
        run(prices, lambda self, ctx: None, init)


def test_an_indicator_beyond_now_is_refused() -> None:
    def init(self: Any, panel: Any) -> None:
        self.close = self.indicator(lambda close: close, panel["B"].close)

    def on_bar(self: Any, ctx: rt.PortfolioContext) -> None:
        if ctx.bar_number == 2:
            _ = self.close[-2]

    with pytest.raises(LookaheadError, match="only 1 bars have closed"):
        run(PANEL, on_bar, init)


def test_the_handle_shows_no_values() -> None:
    with pytest.raises(LookaheadError):
        run(PANEL, lambda self, ctx: None, lambda self, panel: float(panel["A"].close))
    with pytest.raises(StrategyError, match="no symbol 'D'"):
        run(PANEL, lambda self, ctx: None, lambda self, panel: panel["D"])
    with pytest.raises(StrategyError, match="no 'price'"):
        run(PANEL, lambda self, ctx: None, lambda self, panel: panel.price)


def test_the_warmup_is_what_the_indicators_need() -> None:
    called = []

    class Slow(rt.PortfolioStrategy):
        def init(self, panel: Any) -> None:
            self.indicator(rt.ta.sma, panel["A"].close, 3)

        def on_bar(self, ctx: rt.PortfolioContext) -> None:
            called.append(ctx.bar_number)

    result = rt.backtest(Slow(), panel_of({"A": [1.0] * 6, "B": [1.0] * 6}))
    assert called == [2, 3, 4, 5]
    assert result.warmup_bars == 2


def test_weights_wait_for_the_schedule() -> None:
    scheduled = []

    def on_bar(self: Any, ctx: rt.PortfolioContext) -> None:
        scheduled.append(ctx.is_scheduled)
        if ctx.bar_number in (1, 2):
            ctx.rebalance({"A": 0.1 * ctx.bar_number})

    panel = panel_of({"A": [100.0] * 10, "B": [50.0] * 10})
    result = rt.backtest(Written.of(on_bar, rebalance=4), panel, fees=FREE)
    assert scheduled == [k % 4 == 0 for k in range(10)]
    assert fills_of(result) == [fill("5 A buy 20 @ 100 entry")]  # the newest call counts


@pytest.mark.parametrize(
    ("weights", "error", "words"),
    [
        ({"D": 0.1}, SignalError, ["ctx.rebalance", "no symbol 'D'"]),
        ({"A": float("nan")}, SignalError, ["A", "2024-01-01", "nan"]),
        ({"A": "much"}, SignalError, ["A", "number", "'much'"]),
        ({"A": 0.8, "B": 0.5}, SignalError, ["1.3", "A 0.8", "at most 1"]),
        ({"A": -0.1}, InstrumentError, ["A", "-0.1", "spot"]),
        (0.5, SignalError, ["weights by symbol", "float"]),
    ],
)
def test_bad_weights_are_named(weights: Any, error: type[Exception], words: list[str]) -> None:
    with pytest.raises(error) as caught:
        run(
            PANEL,
            lambda self, ctx: ctx.rebalance(weights),
            instrument={"A": rt.Instrument(kind="spot")},
        )
    for word in words:
        assert word in str(caught.value)


def test_weights_may_be_a_series() -> None:
    def on_bar(self: Any, ctx: rt.PortfolioContext) -> None:
        if ctx.bar_number == 0:
            ctx.rebalance(pd.Series({"A": 0.5}))

    assert fills_of(run(PANEL, on_bar)) == [fill("1 A buy 45.454545454 @ 110 entry")]


def test_chance_is_seeded_by_the_bar() -> None:
    seen: list[list[float]] = []

    def on_bar(self: Any, ctx: rt.PortfolioContext) -> None:
        seen[-1] += [ctx.rng.random(), ctx.rng.random(), ctx["A"].rng.random()]

    for _ in range(2):
        seen.append([])
        run({"A": [1.0] * 3, "B": [1.0] * 3}, on_bar)
    assert seen[0] == seen[1]
    assert len(set(seen[0])) == 9


def test_a_failing_on_bar_is_named_with_its_bar_and_line() -> None:
    def on_bar(self: Any, ctx: rt.PortfolioContext) -> None:
        if ctx.bar_number == 2:
            raise ValueError("no luck")

    with pytest.raises(StrategyError, match=r"Written.on_bar failed at bar 2024-01-03.*no luck"):
        run(PANEL, on_bar)


def test_nothing_in_the_context_tells_the_future() -> None:
    panel = random_panel(30, ["A", "B"])
    panel["B"] = panel["B"].iloc[3:25]

    def readings(bars: dict[str, pd.DataFrame], until: int) -> list[Any]:
        seen: list[Any] = []

        def init(self: Any, handle: Any) -> None:
            self.lines = [
                self.indicator(rt.ta.sma, handle["A"].close, 3),
                self.indicator(rt.ta.sma, handle["B"].close, 3),
                self.indicator(lambda a, b: a / b, handle["A"].close, handle["B"].close),
            ]

        def on_bar(self: Any, ctx: rt.PortfolioContext) -> None:
            if ctx.bar_number > until:
                return
            names = [n for n in dir(ctx) if not n.startswith("_") and n != "take_weights"]
            values = [repr(getattr(ctx, n)) for n in names if not callable(getattr(ctx, n))]
            for symbol in ctx.symbols:
                own = ctx[symbol]
                values += [repr(own.bar), own.history(99).to_csv(), repr(own.position)]
            values += [repr(line[-1]) for line in self.lines if line._clock.closed]
            seen.append([v for v in values if "Generator" not in v])
            ctx.rebalance({"A": 0.5, "B": 0.3})

        rt.backtest(Written.of(on_bar, init), bars)
        return seen

    for now in (2, 3, 10, 24, 26):
        changed = {symbol: bars.copy() for symbol, bars in panel.items()}
        for symbol, bars in changed.items():
            later = bars.index > times(30)[now]
            changed[symbol] = bars.mul(np.where(later, 3.0, 1.0), axis=0)
        assert readings(panel, now) == readings(changed, now)
