"""What holds in every market, whatever is asked for."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import robotrader_sdk as rt
from robotrader_sdk.trading.order import Purpose, RejectReason
from robotrader_sdk.types import Liquidity, OrderStatus

from .harness import frame
from .markets import Case, cases
from .wishes import (
    ENTER_LONG,
    ENTER_SHORT,
    EXIT_LONG,
    EXIT_SHORT,
    ByHand,
    Wish,
)

RELAXED: dict[str, Any] = {
    "max_examples": 40,
    "deadline": None,
    "suppress_health_check": list(HealthCheck),
}


@settings(**RELAXED)
@given(cases(perpetual=False))
def test_equity_is_cash_and_position_from_fills_alone(case: Case) -> None:
    result = case.run()
    in_base = case.settings["instrument"].fee_currency == "base"
    cash, quantity, fills = case.settings["cash"], 0.0, list(result.fill_table)
    rates = {
        int(Liquidity.MAKER): case.settings["fees"].maker,
        int(Liquidity.TAKER): case.settings["fees"].taker,
    }
    for bar, equity in enumerate(result.equity_values):
        while fills and fills[0]["bar"] == bar:
            fill = fills.pop(0)
            notional = fill["price"] * fill["quantity"]
            fee = rates[int(fill["liquidity"])] * notional
            assert fill["fee"] == pytest.approx(fee, rel=1e-12)
            cash -= fill["side"] * notional
            quantity += fill["side"] * fill["quantity"]
            if in_base and fill["side"] > 0:
                quantity -= fee / fill["price"]
            else:
                cash -= fee
            assert fill["cash"] == pytest.approx(cash, rel=1e-9, abs=1e-6)
            assert fill["position"] == pytest.approx(quantity, rel=1e-9, abs=1e-9)
        close = float(case.bars["close"].iloc[bar])
        assert equity == pytest.approx(cash + quantity * close, rel=1e-9, abs=1e-6)
    assert not fills


@settings(**RELAXED)
@given(cases(perpetual=False))
def test_fills_lie_inside_their_bar_before_slippage_and_rounding(case: Case) -> None:
    exact = replace(case.settings["instrument"], tick_size=0.0)
    result = case.run(slippage=0.0, instrument=exact)
    for fill in result.fill_table:
        bar = case.bars.iloc[fill["bar"]]
        if fill["liquidity"] == Liquidity.MAKER:  # a gap may leave its limit outside
            order = result.order_table[fill["order"]]
            assert fill["price"] == order["limit"]
            reached = bar.low if fill["side"] > 0 else bar.high
            assert fill["side"] * reached <= fill["side"] * fill["price"]
        else:
            assert bar.low <= fill["price"] <= bar.high


@settings(**RELAXED)
@given(cases())
def test_nothing_fills_before_the_bar_after_its_decision(case: Case) -> None:
    result = case.run(fill_at="next_open")
    orders = result.order_table
    for fill in result.fill_table:
        order = orders[fill["order"]]
        assert fill["bar"] <= order["last"]
        if order["purpose"] in (Purpose.ENTRY, Purpose.EXIT, Purpose.REVERSAL):
            assert fill["bar"] >= order["created"] + 1
            assert case.wishes[order["created"]].flags


@settings(**RELAXED)
@given(cases())
def test_a_limit_is_never_passed(case: Case) -> None:
    result = case.run()
    tick = case.settings["instrument"].tick_size or 1.0
    for fill in result.fill_table:
        limit = result.order_table[fill["order"]]["limit"] * tick
        if not math.isnan(limit):
            assert fill["side"] * fill["price"] <= fill["side"] * limit + 1e-9 * limit


@settings(**RELAXED)
@given(cases(perpetual=False))
def test_entries_never_exceed_the_equity(case: Case) -> None:
    result = case.run()
    for fill in result.fill_table:
        if fill["purpose"] == Purpose.ENTRY:
            equity = fill["cash"] + fill["position"] * fill["price"]
            assert abs(fill["position"]) * fill["price"] <= equity * (1 + 1e-6)


@settings(**RELAXED)
@given(cases(perpetual=False))
def test_spot_positions_are_never_negative(case: Case) -> None:
    assume(case.settings["instrument"].kind == "spot")
    result = case.run()
    assert (result.fill_table["position"] >= 0.0).all()
    assert (result.fill_table["cash"] >= -1e-6).all()


@settings(**RELAXED)
@given(cases(perpetual=False))
def test_prices_and_quantities_are_whole_ticks_and_lots(case: Case) -> None:
    instrument = case.settings["instrument"]
    result = case.run()
    for name, step in (("price", instrument.tick_size), ("quantity", instrument.lot_size)):
        if step:
            steps = result.fill_table[name] / step
            np.testing.assert_allclose(steps, np.round(steps), rtol=1e-9)


@settings(**RELAXED)
@given(cases(unit="quantity", perpetual=False), st.sampled_from([0.0005, 0.01]))
def test_higher_fees_never_raise_equity(case: Case, more: float) -> None:
    quote = replace(case.settings["instrument"], fee_currency="quote")
    fees = case.settings["fees"]
    cheap = case.run(instrument=quote)
    dear = case.run(
        instrument=quote, fees=rt.Fees(maker=fees.maker + more, taker=fees.taker + more)
    )
    refused = [r.order_table["reject_reason"].tolist() for r in (cheap, dear)]
    assume(refused[0] == refused[1])
    n_bars = min(len(cheap.equity_values), len(dear.equity_values))
    assert (dear.equity_values[:n_bars] <= cheap.equity_values[:n_bars] + 1e-6).all()


@settings(**RELAXED)
@given(cases())
def test_trades_account_for_all_profit(case: Case) -> None:
    assume(case.settings["instrument"].fee_currency == "quote")
    result = case.run()
    profit = result.equity_values[-1] - case.settings["cash"]
    assert result.trades["pnl"].sum() == pytest.approx(profit, rel=1e-9, abs=1e-6)
    assert result.trades["fees"].sum() == pytest.approx(result.fills["fee"].sum(), abs=1e-9)


@settings(**RELAXED)
@given(cases(), st.data())
def test_future_bars_change_no_past(case: Case, data: Any) -> None:
    n_bars = data.draw(st.integers(2, len(case.bars)))
    whole = case.run()
    part = replace(case, bars=case.bars.iloc[:n_bars], wishes=case.wishes[:n_bars]).run()
    n_run = len(part.equity_values)
    assert part.equity_values.tobytes() == whole.equity_values[:n_run].tobytes()
    earlier = whole.fill_table[whole.fill_table["bar"] < n_bars]
    assert part.fill_table.tobytes() == earlier.tobytes()


@settings(**RELAXED)
@given(cases())
def test_a_run_repeats_itself_and_leaves_everything_as_it_was(case: Case) -> None:
    before = case.bars.copy()
    first, second = case.run(), case.run()
    assert first.to_json() == second.to_json()
    assert case.bars.equals(before)


@settings(**RELAXED)
@given(cases())
def test_the_bounds_contain_the_pnl(case: Case) -> None:
    result = case.run()
    assert result.pnl_pessimistic <= result.pnl <= result.pnl_optimistic
    if result.n_ambiguous == 0:
        assert result.pnl_pessimistic == result.pnl_optimistic
    assert result.n_ambiguous == result.trades["ambiguous"].sum()
    other = case.run(ByHand)
    assert (other.pnl_pessimistic, other.pnl_optimistic) == (
        result.pnl_pessimistic,
        result.pnl_optimistic,
    )


@settings(**RELAXED)
@given(cases())
def test_every_order_ends_in_order(case: Case) -> None:
    result = case.run()
    filled = set(result.fill_table["order"].tolist())
    for row, order in enumerate(result.order_table):
        assert (row in filled) == (order["status"] == OrderStatus.FILLED)
        assert (order["status"] == OrderStatus.REJECTED) == (
            order["reject_reason"] != RejectReason.NONE
        )
        assert (order["ended"] < 0) == (order["status"] == OrderStatus.WORKING)
    assert len(filled) == len(result.fill_table)  # an order fills once


@settings(**RELAXED)
@given(cases())
def test_the_position_is_what_the_open_lots_hold(case: Case) -> None:
    assume(case.settings["instrument"].fee_currency == "quote")
    result = case.run()
    open_lots = result.lot_table[result.lot_table["closed"] == 0]
    held = (open_lots["direction"] * open_lots["quantity"]).sum()
    position = result.fill_table["position"][-1] if len(result.fill_table) else 0.0
    assert position == pytest.approx(held, abs=1e-9)


@settings(**RELAXED)
@given(cases(unit="quantity", perpetual=False))
def test_a_market_upside_down_gives_the_trades_upside_down(case: Case) -> None:
    assume(case.settings["instrument"].kind == "synthetic")
    fractions = ("stop_loss", "take_profit", "trailing_stop")
    small = [
        replace(
            w,
            size=min(w.size, 1.0),  # rejections for lack of cash have no mirror image
            protection={k: v for k, v in w.protection.items() if k not in fractions},
        )
        for w in case.wishes
    ]
    free = {**case.settings, "fees": rt.Fees(0.0, 0.0), "slippage": 0.0, "cash": 100_000.0}
    free["instrument"] = replace(case.settings["instrument"], min_notional=0.0)
    middle = 1_000.0
    case = replace(case, wishes=small, settings=free)
    flipped = replace(case, bars=_flipped(case, middle), wishes=[_flip(w, middle) for w in small])
    assume(flipped.bars["low"].min() > 10)
    up, down = case.run().fill_table, flipped.run().fill_table
    for name in ("bar", "liquidity", "purpose", "quantity"):
        np.testing.assert_array_equal(up[name], down[name], err_msg=name)
    np.testing.assert_array_equal(up["side"], -down["side"])
    np.testing.assert_allclose(up["price"], middle - down["price"], rtol=1e-9)


def _flipped(case: Case, middle: float) -> Any:
    columns = ["open", "low", "high", "close"]  # a high becomes a low
    return frame((middle - case.bars[columns].to_numpy()).tolist())


def _flip(wish: Wish, middle: float) -> Wish:
    swap = {
        ENTER_LONG: ENTER_SHORT,
        ENTER_SHORT: ENTER_LONG,
        EXIT_LONG: EXIT_SHORT,
        EXIT_SHORT: EXIT_LONG,
    }
    return replace(
        wish,
        flags=sum(other for flag, other in swap.items() if wish.flags & flag),
        limit=middle - wish.limit,
        stop=middle - wish.stop,
        protection={k: middle - v for k, v in wish.protection.items()},
    )
