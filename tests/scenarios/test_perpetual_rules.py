"""Perpetuals against references from outside, and what holds for them in every market."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, assume, given, settings

import robotrader_sdk as rt
from robotrader_sdk.trading.order import Purpose
from robotrader_sdk.trading.tiers import (
    liquidation_price,
    maintenance_margin,
    read_tiers,
    tier_table,
)

from .harness import FREE, frame
from .markets import Case, cases
from .wishes import ENTER_LONG, ENTER_SHORT, EXIT_LONG, ByHand, Wish

RELAXED: dict[str, Any] = {
    "max_examples": 60,
    "deadline": None,
    "suppress_health_check": list(HealthCheck),
}
PERPETUAL = rt.Instrument(kind="linear_perpetual", max_leverage=50, maintenance_margin=0.01)


def test_binances_example_of_cross_margin() -> None:
    """https://www.binance.com/en/support/faq/b3c689c1f50a44cabb3a84e663b81d93"""
    wallet = 1_535_443.01
    btc = {"quantity": 109.488, "entry": 32_481.98, "mark": 31_967.27, "rate": 0.025}
    eth = {"quantity": 3_683.979, "entry": 1_456.84, "mark": 1_335.18, "rate": 0.1}
    amounts = {"btc": 16_300.0, "eth": 135_365.0}

    def level(one: dict[str, float], its: float, other: dict[str, float], others: float) -> float:
        unrealized = other["quantity"] * (other["mark"] - other["entry"])
        kept = other["quantity"] * other["mark"] * other["rate"] - others
        tiers = tier_table((rt.MarginTier(0.0, one["rate"], 20.0, its),))
        entry_value = one["quantity"] * one["entry"]
        return liquidation_price(tiers, one["quantity"], entry_value, wallet + unrealized - kept)

    assert level(btc, amounts["btc"], eth, amounts["eth"]) == pytest.approx(26_316.89, abs=0.005)
    assert level(eth, amounts["eth"], btc, amounts["btc"]) == pytest.approx(1_153.26, abs=0.005)


def test_tiers_meet_where_one_ends() -> None:
    tiers = tier_table(read_tiers([(0, 0.004), (50_000, 0.005), (250_000, 0.01)], 20.0))
    assert tiers["amount"].tolist() == pytest.approx([0.0, 50.0, 1_300.0])
    for floor in (50_000.0, 250_000.0):
        below = maintenance_margin(tiers, np.nextafter(floor, 0.0))
        assert maintenance_margin(tiers, floor) == pytest.approx(below, rel=1e-12)


@pytest.mark.parametrize("quantity", [3.0, -3.0, 2_000.0, -2_000.0])
@pytest.mark.parametrize("backing", [20.0, 1_000.0, 30_000.0])
def test_at_the_liquidation_price_equity_is_the_maintenance_margin(
    quantity: float, backing: float
) -> None:
    tiers = tier_table(read_tiers([(0, 0.004), (50_000, 0.005), (150_000, 0.05)], 20.0))
    level = liquidation_price(tiers, quantity, quantity * 100.0, backing)
    assume_backed = backing < abs(quantity) * 100.0 or quantity < 0
    assert np.isnan(level) == (not assume_backed)
    if assume_backed:
        kept = maintenance_margin(tiers, abs(quantity) * level)
        assert backing + quantity * (level - 100.0) == pytest.approx(kept, abs=1e-6)


class Hold(rt.Strategy):
    """In at one bar, out at another."""

    enter: int = rt.param(0)
    leave: int = rt.param(0)
    quantity: float = rt.param(1_000.0)
    short: bool = rt.param(False)

    def signals(self, bars: pd.DataFrame) -> rt.Signals:
        rows = np.arange(len(bars))
        side = "short" if self.short else "long"
        return rt.Signals(
            **{f"enter_{side}": rows == self.enter, f"exit_{side}": rows == self.leave},
            quantity=self.quantity,
        )


@pytest.mark.parametrize("short", [False, True])
def test_funding_of_the_real_perpetual(short: bool, real_bars: Any) -> None:
    """Every 5-minute bar from 2021-11-18 00:00 to 11-19 09:00, with five fundings."""
    name = "binance_XRP-USDT-perp"
    bars = rt.read_bars(real_bars / f"{name}_5m_2021-11.csv")
    mark = pd.read_csv(real_bars / f"{name}_1h_mark_2021-11.csv", index_col=0, parse_dates=True)
    rates = pd.read_csv(
        real_bars / f"{name}_funding_8h_2021-11.csv", index_col=0, parse_dates=True
    ).iloc[:, 0]
    bars = bars.loc["2021-11-17T23:55":"2021-11-19T09:00"]
    strategy = Hold(enter=0, leave=len(bars) - 2, short=short)
    terms: dict[str, Any] = {"cash": 1_000, "fees": FREE, "leverage": 5, "instrument": PERPETUAL}
    result = rt.backtest(strategy, bars, funding=rates, mark=mark, **terms)

    instants = [f"2021-11-{day}T{hour:02}:00" for day, hour in FUNDED]
    expected = [(-1 if short else 1) * 1_000 * 0.0001 * mark["open"][t] for t in instants]
    assert result.funding["paid"].tolist() == pytest.approx(expected, rel=1e-12)
    assert result.stats["funding_paid"] == pytest.approx(sum(expected))
    assert result.trades["funding"].tolist() == pytest.approx([sum(expected)])
    without = rt.backtest(strategy, bars, mark=mark, **terms)
    paid = without.stats["final_equity"] - result.stats["final_equity"]
    assert paid == pytest.approx(sum(expected), rel=1e-9)


FUNDED = [(18, 0), (18, 8), (18, 16), (19, 0), (19, 8)]


@settings(**RELAXED)
@given(cases(perpetual=True))
def test_equity_follows_from_fills_and_funding_alone(case: Case) -> None:
    result = case.run()
    wallet, quantity, cost = case.settings["cash"], 0.0, 0.0
    events: list[Any] = [(f["bar"], f["moment"] * 2, f) for f in result.fill_table]
    offset = pd.Timedelta(minutes=10)
    events += [
        (case.bars.index.get_loc(paid.time - offset), 1, paid.paid)
        for paid in result.funding.itertuples()
    ]
    events.sort(key=lambda event: event[:2])
    for bar, equity in enumerate(result.equity_values):
        while events and events[0][0] == bar:
            what = events.pop(0)[2]
            if isinstance(what, float):
                wallet -= what
                continue
            signed = what["side"] * what["quantity"]
            if quantity * signed < 0:
                closed = min(abs(signed), abs(quantity)) / abs(quantity)
                wallet += closed * (quantity * what["price"] - cost)
                cost, signed = cost * (1 - closed), signed + closed * quantity
                quantity *= 1 - closed
            cost, quantity = cost + signed * what["price"], quantity + signed
            wallet -= what["fee"]
            assert what["cash"] == pytest.approx(wallet, rel=1e-9, abs=1e-6)
        worth = quantity * float(case.bars["close"].iloc[bar]) - cost
        assert equity == pytest.approx(wallet + worth, rel=1e-9, abs=1e-6)
    assert not events


@settings(**RELAXED)
@given(cases(perpetual=True))
def test_entries_never_need_more_margin_than_there_is(case: Case) -> None:
    result = case.run()
    for fill in result.fill_table[result.fill_table["purpose"] == Purpose.ENTRY]:
        notional = abs(fill["position"]) * fill["price"]
        assert notional / case.settings["leverage"] <= fill["cash"] * (1 + 1e-6) + 1e-6


@settings(**RELAXED)
@given(cases(perpetual=True, unit="quantity", priced=False))
def test_isolated_margin_bounds_what_a_trade_can_lose(case: Case) -> None:
    result = case.run(margin="isolated")
    trades = result.trades[result.trades["exit_reason"] == "liquidation"]
    posted = trades["quantity"] * trades["entry_price"] / case.settings["leverage"]
    entry_fees = result.lot_table["entry_fee"][trades.index]
    least = -posted - entry_fees - np.maximum(trades["funding"], 0.0)
    assert (trades["pnl"] >= least * (1 + 1e-9) - 1e-6).all()


@settings(**RELAXED)
@given(cases(perpetual=True))
def test_cross_margin_ends_at_nothing_or_above(case: Case) -> None:
    """Liquidation stops the loss; between two bars the last price may still leave the mark."""
    result = case.run(margin="cross", mark=None)
    assert result.equity_values[-1] >= -1e-6 or result.status == "ruined"
    for fill in result.fill_table[result.fill_table["purpose"] == Purpose.LIQUIDATION]:
        assert fill["cash"] >= -1e-6


@settings(**RELAXED)
@given(cases(perpetual=True, unit="quantity", priced=False))
def test_cross_is_isolated_with_one_position_and_all_cash_posted(case: Case) -> None:
    """An entry that posts the whole wallet: quantity x price / leverage = cash.

    It pays all funding: what is received is free cash, which backs a position in cross margin only.
    """
    leverage = case.settings["leverage"]
    price = float(case.bars["open"].iloc[1])
    quantity = case.settings["cash"] * leverage / price
    first = ENTER_LONG if case.wishes[0].flags & ENTER_LONG else ENTER_SHORT
    paid = case.settings["funding"].abs() * (1 if first == ENTER_LONG else -1)
    wishes = [Wish() for _ in case.wishes]
    wishes[0] = Wish(first, size=quantity, protection=case.wishes[0].protection)
    exact = replace(case.settings["instrument"], tick_size=0.0, lot_size=0.0, min_notional=0.0)
    one = replace(
        case,
        wishes=wishes,
        settings={
            **case.settings,
            "fees": FREE,
            "slippage": 0.0,
            "instrument": exact,
            "funding": paid,
        },
    )
    cross = one.run(margin="cross", fill_at="next_open")
    isolated = one.run(margin="isolated", fill_at="next_open")
    assert cross.fill_table["purpose"].tolist() == isolated.fill_table["purpose"].tolist()
    for name in ("bar", "price", "quantity", "cash"):
        np.testing.assert_allclose(
            cross.fill_table[name], isolated.fill_table[name], rtol=1e-9, atol=1e-6
        )
    np.testing.assert_allclose(cross.equity_values, isolated.equity_values, rtol=1e-9, atol=1e-6)


@settings(**RELAXED)
@given(cases(perpetual=True, unit="quantity"))
def test_leverage_1_without_funding_is_spot(case: Case) -> None:
    """Long only: what spot can do. Nothing is ever liquidated."""
    wishes = [replace(w, flags=w.flags & (ENTER_LONG | EXIT_LONG)) for w in case.wishes]
    instrument = case.settings["instrument"]
    steps = {name: getattr(instrument, name) for name in ("tick_size", "lot_size", "min_notional")}
    shared = {k: v for k, v in case.settings.items() if k not in ("funding", "mark", "leverage")}
    plain = {k: v for k, v in shared.items() if k not in ("margin", "max_funding_rate")}
    one = replace(case, wishes=wishes, settings=shared)
    other = replace(case, wishes=wishes, settings=plain)
    gentle = rt.Instrument(kind="linear_perpetual", maintenance_margin=1e-9, **steps)
    perpetual = one.run(instrument=gentle, leverage=1.0)
    spot = other.run(instrument=rt.Instrument(kind="spot", **steps))
    assume(spot.n_ambiguous == perpetual.n_ambiguous)
    for name in ("bar", "side", "purpose", "liquidity"):
        assert perpetual.fill_table[name].tolist() == spot.fill_table[name].tolist()
    for name in ("price", "quantity", "fee", "position"):
        np.testing.assert_allclose(perpetual.fill_table[name], spot.fill_table[name], rtol=1e-9)
    np.testing.assert_allclose(perpetual.equity_values, spot.equity_values, rtol=1e-9)


@settings(**RELAXED)
@given(cases(perpetual=True))
def test_kernel_event_loop_and_bounds_agree(case: Case) -> None:
    kernel, events = case.run(), case.run(ByHand)
    assert kernel.fill_table.tobytes() == events.fill_table.tobytes()
    assert kernel.equity_values.tobytes() == events.equity_values.tobytes()
    assert kernel.lot_table.tobytes() == events.lot_table.tobytes()
    assert (kernel.n_ambiguous, kernel.n_liquidations) == (
        events.n_ambiguous,
        events.n_liquidations,
    )
    assert (kernel.pnl_pessimistic, kernel.pnl_optimistic) == (
        events.pnl_pessimistic,
        events.pnl_optimistic,
    )


def test_a_coarser_mark_is_used_forward_from_its_open() -> None:
    bars = frame([(100, 100, 100, 100)] * 9)
    hourly = frame([(100, 100, 100, 100)] * 3)
    four_hourly = hourly.set_axis(bars.index[::4])
    four_hourly.loc[bars.index[4]] = [95.0, 95.0, 80.0, 95.0, 1.0]  # its low comes too late
    terms: dict[str, Any] = {"cash": 1_000, "fees": FREE, "instrument": PERPETUAL}
    strategy = Hold(enter=0, leave=-1, quantity=10.0)
    result = rt.backtest(strategy, bars, mark=four_hourly, leverage=10, **terms)
    assert result.n_liquidations == 0
    four_hourly.loc[bars.index[4], "open"] = 90.0
    result = rt.backtest(strategy, bars, mark=four_hourly, leverage=10, **terms)
    assert result.trades["exit_time"].tolist() == [bars.index[4]]
