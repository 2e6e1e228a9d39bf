"""Trades from lots, what is open at the end, ruin, and the lists of a run (rules 11, 14, 15)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import robotrader_sdk as rt

FREE = rt.Fees(0, 0)


def frame(opens: list[float]) -> pd.DataFrame:
    """Flat bars at these prices."""
    index = pd.date_range("2024-01-01", periods=len(opens), freq="D", tz="UTC", name="open_time")
    columns = ["open", "high", "low", "close"]
    return pd.DataFrame({c: np.array(opens, float) for c in columns}, index=index).assign(volume=1)


def run(opens: list[float], calls: dict[int, Any], **settings: Any) -> rt.BacktestResult:
    """A run that makes a call of ctx at each of some bars."""

    class Calls(rt.Strategy):
        warmup_bars = 0

        def on_bar(self, ctx: rt.Context) -> None:
            if ctx.bar_number in calls:
                calls[ctx.bar_number](ctx)

    return rt.backtest(Calls(), frame(opens), **{"fees": FREE, **settings})


def test_a_trade_is_one_lot() -> None:
    fees = rt.Fees(maker=0, taker=0.01)
    result = run(
        [100, 100, 110, 120, 120],
        {0: lambda c: c.buy(quantity=2), 1: lambda c: c.buy(quantity=1), 2: lambda c: c.sell()},
        fees=fees,
    )
    trades = result.trades
    assert trades["quantity"].tolist() == [2.0, 1.0]
    assert trades["entry_price"].tolist() == [100.0, 110.0]
    assert trades["exit_price"].tolist() == [120.0, 120.0]
    assert trades["fees"].tolist() == pytest.approx([2.0 + 2.4, 1.1 + 1.2])
    assert trades["pnl"].tolist() == pytest.approx([40 - 4.4, 10 - 2.3])
    assert trades["return"].tolist() == pytest.approx([35.6 / 200, 7.7 / 110])
    assert trades["bars_held"].tolist() == [2, 1]
    assert trades["direction"].tolist() == ["long", "long"]
    assert trades["entry_reason"].tolist() == ["market", "market"]
    assert trades["exit_reason"].tolist() == ["exit", "exit"]
    assert trades["entry_time"].tolist() == list(result.bars.index[[1, 2]])
    assert trades["exit_time"].tolist() == list(result.bars.index[[3, 3]])


def test_exits_close_lots_first_in_first_out() -> None:
    calls = {
        0: lambda c: c.buy(quantity=1),
        1: lambda c: c.buy(quantity=2),
        2: lambda c: c.sell(quantity=2),
        4: lambda c: c.sell(quantity=1),
    }
    trades = run([100, 100, 110, 130, 140, 150], calls).trades
    assert trades["status"].tolist() == ["closed", "closed"]
    assert trades["exit_price"].tolist() == [130.0, 140.0]  # the second: 1 at 130, 1 at 150
    assert trades["pnl"].tolist() == [30.0, 60.0]
    assert trades["bars_held"].tolist() == [2, 3]


def test_a_partly_closed_lot_is_open_and_keeps_its_gain() -> None:
    calls = {0: lambda c: c.buy(quantity=4), 1: lambda c: c.sell(quantity=1)}
    result = run([100, 100, 120, 110], calls)
    trade = result.trades.iloc[0]
    assert (trade["status"], trade["quantity"]) == ("open", 4.0)
    assert trade["pnl"] == 20 + 3 * 10
    assert pd.isna(trade["exit_price"])
    assert result.stats["n_trades"] == 0


def test_an_order_through_the_position_closes_one_trade_and_opens_another() -> None:
    fees = rt.Fees(maker=0, taker=0.01)
    calls = {0: lambda c: c.buy(quantity=1), 1: lambda c: c.sell(quantity=3)}
    result = run([100, 100, 110, 100], calls, fees=fees)
    trades = result.trades
    assert trades["direction"].tolist() == ["long", "short"]
    assert trades["quantity"].tolist() == [1.0, 2.0]
    assert trades["fees"].tolist() == pytest.approx([1 + 1.1, 2.2])
    assert trades["pnl"].tolist() == pytest.approx([10 - 2.1, 20 - 2.2])
    assert trades["exit_reason"].tolist()[0] == "reversal"


def test_a_position_open_at_the_end_stays_open() -> None:
    result = run([100, 100, 110, 130], {0: lambda c: c.buy(quantity=10)})
    trade = result.trades.iloc[0]
    assert trade["status"] == "open"
    assert pd.isna(trade["exit_time"])
    assert pd.isna(trade["exit_price"])
    assert pd.isna(trade["exit_reason"])
    assert trade["pnl"] == 300.0
    assert result.stats["final_equity"] == 10_300.0
    assert result.stats["n_trades"] == 0
    assert np.isnan(result.stats["win_rate"])
    assert len(result.fills) == 1


def test_a_ruined_run_ends_at_that_bar() -> None:
    result = run([100, 100, 150, 210, 50, 50], {0: lambda c: c.sell(fraction=1.0)})
    assert result.status == result.stats["status"] == "ruined"
    assert result.equity.tolist() == [10_000.0, 10_000.0, 5_000.0, -1_000.0]
    assert result.stats["final_equity"] == -1_000.0


def test_ruin_at_exactly_nothing() -> None:
    result = run([100, 100, 200, 50], {0: lambda c: c.sell(fraction=1.0)})
    assert result.status == "ruined"
    assert len(result.equity) == 3


def test_ruin_of_a_vectorised_run() -> None:
    class Short(rt.Strategy):
        def signals(self, bars: pd.DataFrame) -> rt.Signals:
            return rt.Signals(enter_short=[True, False, False, False, False, True])

    result = rt.backtest(Short(), frame([100, 100, 150, 210, 50, 50]), fees=FREE)
    assert result.status == "ruined"
    assert len(result.equity) == 4
    assert len(result.fills) == 1


def test_rejected_orders_are_listed_with_time_and_reason() -> None:
    result = run([100, 100, 100], {0: lambda c: c.buy(quantity=101)})
    assert result.rejected["time"].tolist() == [result.bars.index[1]]
    assert "equity" in result.rejected["reason"].iloc[0]
    assert result.stats["n_rejected"] == 1


def test_positions_at_each_close() -> None:
    calls = {0: lambda c: c.buy(quantity=10), 2: lambda c: c.sell(quantity=4)}
    positions = run([100, 100, 110, 120, 120], calls).positions
    assert positions["quantity"].tolist() == [0, 10, 10, 6, 6]
    assert positions["value"].tolist() == [0, 1000, 1100, 720, 720]
    assert positions["exposure"].tolist() == pytest.approx(
        [0, 1000 / 10_000, 1100 / 10_100, 720 / 10_200, 720 / 10_200]
    )


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, ["next open", "traded through", "0.1 % maker", "0.1 % taker", "synthetic"]),
        ({"fill_at": "close", "limit_fill": "touch"}, ["close", "touched"]),
        ({"slippage": 0.002}, ["slippage 0.2 %"]),
        (
            {"instrument": rt.Instrument(kind="spot", tick_size=0.01, min_notional=10)},
            ["spot", "tick 0.01", "minimum notional 10"],
        ),
        ({"instrument": rt.Instrument(kind="spot", fee_currency="base")}, ["base"]),
    ],
)
def test_every_result_prints_its_contract(settings: Any, words: list[str]) -> None:
    result = run([100, 100], {}, **{"fees": rt.Fees(), **settings})
    for word in words:
        assert word in result.contract
    assert result.contract in repr(result)


def test_many_orders_need_no_room_to_be_reserved() -> None:
    def many(ctx: rt.Context) -> None:
        for k in range(700):
            ctx.buy(quantity=0.01, limit_price=56 + k * 0.01, stop_loss=0.2, take_profit=0.2)

    result = run([100, 100, 55, 55], {0: many})
    assert len(result.orders) >= 700
    assert len(result.fills) == 700


def test_what_is_sold_out_leaves_no_noise_where_fees_are_in_base() -> None:
    bars = frame([100.0] * 6)
    on = pd.Series(range(6), index=bars.index)
    signals = rt.Signals(enter_long=on == 1, exit_long=on == 3, quantity=33.3)

    class Once(rt.Strategy):
        def signals(self, bars: pd.DataFrame) -> rt.Signals:
            return signals

    instrument = rt.Instrument("spot", fee_currency="base", lot_size=0.001)
    fees = rt.Fees(maker=0.02, taker=0.03)
    result = rt.backtest(Once(), bars, instrument=instrument, fees=fees)
    assert result.fill_table["position"].tolist() == [pytest.approx(33.3 * 0.97), 0.0]
