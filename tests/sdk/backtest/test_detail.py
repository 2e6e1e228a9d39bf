"""Finer bars inside the bars of a run: `detail=`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import robotrader_sdk as rt

HOUR = pd.Timedelta(hours=1)
FREE: dict[str, Any] = {"fees": rt.Fees(0, 0), "cash": 1_000.0}
Prices = tuple[float, float, float, float]


def bars_of(rows: list[Prices], freq: str = "4h", start: str = "2024-01-01") -> pd.DataFrame:
    index = pd.date_range(start, periods=len(rows), freq=freq, tz="UTC", name="open_time")
    columns = ["open", "high", "low", "close"]
    return pd.DataFrame(np.array(rows, float), columns=columns, index=index).assign(volume=1.0)


def merged(detail: pd.DataFrame) -> pd.DataFrame:
    return rt.resample(detail, "4h")


class Enter(rt.Strategy):
    """Long at the close of the first bar, with whatever is asked for."""

    limit: float = rt.param(0.0)
    stop_loss: float = rt.param(0.05)
    take_profit: float = rt.param(0.05)

    def signals(self, bars: pd.DataFrame) -> rt.Signals:
        limit = np.full(len(bars), self.limit or np.nan)
        return rt.Signals(
            enter_long=np.arange(len(bars)) == 0,
            entry_limit_price=limit,
            stop_loss=self.stop_loss,
            take_profit=self.take_profit or None,
            quantity=1.0,
        )


class EnterByEvents(Enter):
    """The same in `on_bar`."""

    signals = rt.Strategy.signals

    def on_bar(self, ctx: rt.Context) -> None:
        if ctx.bar_number == 0:
            asked: dict[str, Any] = {"quantity": 1.0, "stop_loss": self.stop_loss}
            if self.take_profit:
                asked["take_profit"] = self.take_profit
            if self.limit:
                asked |= {"limit_price": self.limit, "valid_bars": 1}
            ctx.buy(**asked)


FORMS = [Enter, EnterByEvents]
FLAT: Prices = (100, 100, 100, 100)
UP_FIRST = [FLAT] * 4 + [FLAT, (100, 106, 100, 104), (104, 104, 94, 96), (96, 98, 96, 98)]
DOWN_FIRST = [FLAT] * 4 + [FLAT, (100, 100, 94, 96), (96, 106, 96, 104), (104, 104, 98, 98)]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("hours", "price", "reason"),
    [(UP_FIRST, 105, "take_profit"), (DOWN_FIRST, 95, "stop_loss")],
    ids=["up first", "down first"],
)
def test_finer_bars_tell_which_came_first(
    form: type[rt.Strategy], hours: list[Prices], price: float, reason: str
) -> None:
    detail = bars_of(hours, "h")
    bars = merged(detail)
    coarse = rt.backtest(form(), bars, **FREE)
    assert coarse.stats["n_ambiguous"] == 1
    assert coarse.trades["exit_reason"].tolist() == ["stop_loss"]

    fine = rt.backtest(form(), bars, detail=detail, **FREE)
    assert fine.trades[["exit_price", "exit_reason"]].values.tolist() == [[price, reason]]
    assert fine.trades["exit_time"].tolist() == [bars.index[1]]
    assert (fine.stats["n_ambiguous"], fine.stats["n_settled"]) == (0, 1)
    assert fine.stats["pnl_pessimistic"] == fine.stats["pnl_optimistic"] == price - 100


@pytest.mark.parametrize("form", FORMS)
def test_what_finer_bars_cant_decide_stays_ambiguous(form: type[rt.Strategy]) -> None:
    detail = bars_of([FLAT] * 5 + [(100, 106, 94, 100), FLAT, FLAT], "h")
    result = rt.backtest(form(), merged(detail), detail=detail, **FREE)
    assert (result.stats["n_ambiguous"], result.stats["n_settled"]) == (1, 0)
    assert (result.pnl_pessimistic, result.pnl_optimistic) == (-5, 5)


@pytest.mark.parametrize("form", FORMS)
def test_a_stop_after_an_entry_inside_the_bar_is_settled(form: type[rt.Strategy]) -> None:
    # Down to the stop before the limit is reached would be no stop: the entry comes later.
    hours = [FLAT] * 4 + [(100, 101, 100, 101), (101, 101, 97, 99), (99, 99, 90, 92), (92,) * 4]
    detail = bars_of(hours, "h")
    strategy = form(limit=98.0, take_profit=0.0)
    assert rt.backtest(strategy, merged(detail), **FREE).stats["n_ambiguous"] == 1
    result = rt.backtest(strategy, merged(detail), detail=detail, **FREE)
    assert result.trades["exit_price"].tolist() == [pytest.approx(98 * 0.95)]
    assert (result.stats["n_ambiguous"], result.stats["n_settled"]) == (0, 1)


@pytest.mark.parametrize("form", FORMS)
def test_orders_live_for_bars_not_for_steps(form: type[rt.Strategy]) -> None:
    """Reached in the last hour of bar 1, and not in bar 2."""
    hours = [FLAT] * 7 + [(100, 100, 97, 99)] + [(99,) * 4] * 4
    detail = bars_of(hours, "h")
    result = rt.backtest(form(limit=98.0, take_profit=0.0), merged(detail), detail=detail, **FREE)
    assert result.fills["time"].tolist() == [detail.index[4]]
    late = bars_of([FLAT] * 8 + [(100, 100, 97, 99)] + [(99,) * 4] * 3, "h")
    result = rt.backtest(form(limit=98.0, take_profit=0.0), merged(late), detail=late, **FREE)
    assert result.fills.empty
    assert result.orders["status"].tolist() == ["expired"]
    assert result.orders["end_time"].tolist() == [late.index[4]]


def test_bars_without_finer_ones_are_taken_as_they_are() -> None:
    detail = bars_of(UP_FIRST, "h")
    bars = merged(detail)
    holes = detail.drop(detail.index[5])  # the hour that reaches the target
    result = rt.backtest(Enter(), bars, detail=holes, **FREE)
    assert (result.stats["n_ambiguous"], result.stats["n_settled"]) == (1, 0)
    quiet = detail.drop(detail.index[4])  # a flat hour: the others still make the bar
    result = rt.backtest(Enter(), bars, detail=quiet, **FREE)
    assert (result.stats["n_ambiguous"], result.stats["n_settled"]) == (0, 1)
    beyond = detail.iloc[:4]
    result = rt.backtest(Enter(), bars, detail=beyond, **FREE)
    assert (result.stats["n_ambiguous"], result.stats["n_settled"]) == (1, 0)


def test_a_strategy_sees_the_bars_never_the_finer_ones() -> None:
    seen: list[int] = []

    class Looks(rt.Strategy):
        def on_bar(self, ctx: rt.Context) -> None:
            seen.append(len(ctx.history(100)))

    detail = bars_of(UP_FIRST, "h")
    rt.backtest(Looks(), merged(detail), detail=detail, **FREE)
    assert seen == [1, 2]


def quiet(bars: pd.DataFrame) -> pd.DataFrame:
    """Three hours at the open, then all of the bar in the last one: finer, and no surprise."""
    rows: list[Any] = []
    for row in bars[["open", "high", "low", "close"]].to_numpy():
        rows += [[row[0]] * 4] * 3 + [list(row)]
    return bars_of(rows, "h", str(bars.index[0].date()))


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("fill_at", ["next_open", "close"])
def test_finer_bars_without_a_surprise_change_nothing(seed: int, fill_at: str) -> None:
    """Trailing stops apart: they hang on the highest price so far, which finer bars know better."""
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.02, 120)))
    opens = np.r_[100.0, close[:-1]] * (1 + rng.normal(0, 0.01, 120))
    high = np.maximum(opens, close) * (1 + np.abs(rng.normal(0, 0.01, 120)))
    low = np.minimum(opens, close) * (1 - np.abs(rng.normal(0, 0.01, 120)))
    bars = bars_of(np.column_stack([opens, high, low, close]).tolist())
    wanted = rng.random((2, 120)) < 0.2
    limits = np.where(rng.random(120) < 0.5, np.nan, close * (1 - rng.normal(0, 0.01, 120)))
    lives = rng.integers(1, 4, 120)

    class Random(rt.Strategy):
        def signals(self, bars: pd.DataFrame) -> rt.Signals:
            return rt.Signals(
                enter_long=wanted[0],
                enter_short=wanted[1],
                entry_limit_price=limits,
                valid_bars=lives,
                stop_loss=0.03,
                take_profit=0.05,
                quantity=2.0,
            )

    settings: dict[str, Any] = {"slippage": 0.001, "fill_at": fill_at}
    plain = rt.backtest(Random(), bars, **settings)
    fine = rt.backtest(Random(), bars, detail=quiet(bars), **settings)
    assert fine.equity_values.tobytes() == plain.equity_values.tobytes()
    for name in ("bar", "side", "purpose", "price", "quantity", "fee", "cash", "position"):
        assert fine.fill_table[name].tolist() == plain.fill_table[name].tolist()
    pd.testing.assert_frame_equal(fine.trades, plain.trades)
    pd.testing.assert_frame_equal(fine.orders, plain.orders)
    assert len(plain.trades) > 5
    again = type(plain).from_json(fine.to_json())
    assert again.stats["n_settled"] == fine.stats["n_settled"]


def test_funding_inside_a_bar_comes_at_its_own_hour() -> None:
    """Entered in hour 6, paid at 06:30 and 07:30 and not at 05:30."""
    hours = [FLAT] * 6 + [(100, 100, 97, 99)] + [(99,) * 4] * 5
    detail = bars_of(hours, "h")
    rates = pd.Series(0.001, index=detail.index + pd.Timedelta(minutes=30))
    perpetual = rt.Instrument(kind="linear_perpetual")
    strategy = Enter(limit=98.0, take_profit=0.0)
    for form in FORMS:
        strategy = form(limit=98.0, take_profit=0.0)
        result = rt.backtest(
            strategy, merged(detail), detail=detail, funding=rates, instrument=perpetual, **FREE
        )
        assert result.funding["time"].tolist() == [t + HOUR / 2 for t in detail.index[7:]]


BAD = {
    "coarser": (lambda d: merged(d), "detail must be finer than the bars, .* 0 days 04:00:00"),
    "one bar": (lambda d: d.iloc[:1], "that of detail is unknown"),
    "elsewhere": (lambda d: d.shift(freq="900D"), "detail does not overlap the bars"),
    "another market": (lambda d: d * 2, "detail is of another market: the bar of 2024-01-01"),
    "unsorted": (lambda d: d.iloc[::-1], "7 rows with a time before"),
}


@pytest.mark.parametrize(("spoil", "message"), BAD.values(), ids=BAD)
def test_detail_that_makes_no_sense_is_refused(spoil: Any, message: str) -> None:
    detail = bars_of(UP_FIRST, "h")
    with pytest.raises(rt.errors.BarsError, match=message):
        rt.backtest(Enter(), merged(detail), detail=spoil(detail), **FREE)
