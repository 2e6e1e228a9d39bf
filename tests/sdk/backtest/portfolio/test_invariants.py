"""What holds for every panel and all weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import robotrader_sdk as rt

from .conftest import Weights, Written, random_panel, times

SYMBOLS = ["A", "B", "C"]
MANY = settings(max_examples=25, deadline=None)
SOME = settings(max_examples=10, deadline=None)


@st.composite
def panels(draw: Any, n_bars: int = 12) -> dict[str, pd.DataFrame]:
    """Three random walks; some start late, end early or have holes."""
    panel = random_panel(n_bars, SYMBOLS, seed=draw(st.integers(0, 10_000)), volatility=0.08)
    for symbol in SYMBOLS[1:]:
        first = draw(st.sampled_from([0, 0, 0, 3]))
        end = draw(st.sampled_from([n_bars, n_bars, n_bars, n_bars - 3]))
        missing = draw(st.sets(st.integers(4, n_bars - 5), max_size=2))
        kept = [k for k in range(first, end) if k not in missing]
        panel[symbol] = panel[symbol].iloc[kept]
    return panel


@st.composite
def weights(draw: Any, n_bars: int = 12, shorts: bool = True) -> pd.DataFrame:
    """Rows at some bars, whose absolute weights sum to at most 1, often to exactly 1."""
    bars = sorted(draw(st.sets(st.integers(0, n_bars - 1), min_size=1, max_size=6)))
    table = []
    for _ in bars:
        parts = draw(st.lists(st.integers(0, 4), min_size=3, max_size=3))
        total = max(sum(parts), 1) * draw(st.sampled_from([1.0, 1.0, 1.0, 2.0]))
        signs = draw(st.lists(st.sampled_from([1, 1, -1]), min_size=3, max_size=3))
        table.append([p / total * (s if shorts else 1) for p, s in zip(parts, signs, strict=True)])
    return pd.DataFrame(table, index=times(n_bars)[bars], columns=SYMBOLS)


@st.composite
def costs(draw: Any, lots: bool = True) -> dict[str, Any]:
    fee = draw(st.sampled_from([0.0, 0.001, 0.02]))
    tick = draw(st.sampled_from([0.0, 0.01, 0.5]))
    lot = draw(st.sampled_from([0.0, 0.0, 0.001, 1.0])) if lots else 0.0
    return {
        "fees": rt.Fees(fee / 2, fee),
        "slippage": draw(st.sampled_from([0.0, 0.001, 0.03])),
        "instrument": rt.Instrument(tick_size=tick, lot_size=lot),
        "fill_at": draw(st.sampled_from(["next_open", "next_open", "close"])),
    }


POLICIES = st.tuples(st.sampled_from([None, "weekly", 2]), st.sampled_from([None, 0.05]))


@MANY
@given(panels(), weights(), costs(), POLICIES)
def test_equity_is_cash_and_positions_at_every_bar(
    panel: Any, wanted: Any, costs: Any, policy: Any
) -> None:
    result = rt.backtest(Weights.of(wanted, *policy), panel, **costs)
    n_bars = len(result.index)
    closes = result.panel.close.ffill().fillna(0.0).to_numpy()[:n_bars]
    cash, held = np.full(n_bars, 10_000.0), np.zeros((n_bars, 3))
    for f in result.fills.itertuples():
        bar, column = result.index.get_loc(f.time), SYMBOLS.index(f.symbol)
        signed = f.quantity if f.side == "buy" else -f.quantity
        cash[bar:] -= signed * f.price + f.fee
        held[bar:, column] += signed
        assert f.position == pytest.approx(held[bar, column], rel=1e-9, abs=1e-9)
        assert f.cash == pytest.approx(cash[bar], rel=1e-9, abs=1e-6)
    np.testing.assert_allclose(result.equity, cash + (held * closes).sum(axis=1), rtol=1e-9)
    values = result.weights.to_numpy() * result.equity_values[:, None]
    np.testing.assert_allclose(values, held * closes, rtol=1e-9, atol=1e-6)


@MANY
@given(panels(), weights(), costs(), POLICIES)
def test_the_symbols_add_up_to_the_whole(panel: Any, wanted: Any, costs: Any, policy: Any) -> None:
    result = rt.backtest(Weights.of(wanted, *policy), panel, **costs)
    sums = result.attribution.sum()
    assert sums["pnl"] == pytest.approx(result.pnl, rel=1e-9, abs=1e-7)
    assert sums["fees"] == pytest.approx(result.stats["fees_paid"])
    assert sums["turnover"] == pytest.approx(result.stats["turnover"])
    assert sums["n_trades"] == result.stats["n_trades"]
    assert result.trades["pnl"].sum() == pytest.approx(result.pnl, rel=1e-9, abs=1e-6)


@MANY
@given(panels(), weights(), costs(), POLICIES)
def test_weights_up_to_1_are_never_refused_for_lack_of_cash(
    panel: Any, wanted: Any, costs: Any, policy: Any
) -> None:
    result = rt.backtest(Weights.of(wanted, *policy), panel, **costs)
    # 9,000 in thirds of a fourth are several lots of 1, and so of any other size.
    assert result.rejected.empty


@MANY
@given(
    panels(),
    weights(shorts=False),
    st.sampled_from([0.0, 0.001, 0.02]),
    st.sampled_from([0.0, 0.001]),
    POLICIES,
)
def test_spot_with_fees_in_base(
    panel: Any, wanted: Any, fee: float, lot: float, policy: Any
) -> None:
    """Nothing is refused, the cash never goes below 0, and the symbols add up."""
    spot = rt.Instrument(kind="spot", fee_currency="base", lot_size=lot)
    strategy = Weights.of(wanted, *policy)
    result = rt.backtest(strategy, panel, fees=rt.Fees(fee, fee), instrument=spot)
    assert result.rejected.empty
    assert (result.fills["cash"] > -1e-6).all()
    assert (result.fills["position"] > -1e-9).all()
    assert result.attribution["pnl"].sum() == pytest.approx(result.pnl, rel=1e-9, abs=1e-7)


@MANY
@given(panels(), weights(), costs(lots=False))
def test_right_after_a_rebalance_each_position_is_its_weight(
    panel: Any, wanted: Any, costs: Any
) -> None:
    assume(costs["fill_at"] == "next_open")
    result = rt.backtest(Weights.of(wanted), panel, **costs)
    opens = result.panel.open.to_numpy()
    held = result._held
    cash = result.equity_values - (held * result._closes).sum(axis=1)
    for time, row in wanted.iterrows():
        bar = result.panel.index.get_loc(time) + 1
        if bar >= len(held) or np.isnan(opens[bar]).any() or np.isnan(opens[bar - 1]).any():
            continue  # somebody could not trade
        if not result.panel.coverage["delisted"].any() and not row.eq(0).all():
            value = held[bar] * opens[bar]
            equity = cash[bar] + value.sum()
            np.testing.assert_allclose(value / equity, row, atol=1e-9)


@MANY
@given(panels(), weights(), costs(lots=False), POLICIES, st.permutations(SYMBOLS))
def test_the_order_of_the_symbols_changes_nothing(
    panel: Any, wanted: Any, costs: Any, policy: Any, order: list[str]
) -> None:
    one = rt.backtest(Weights.of(wanted, *policy), panel, **costs)
    shuffled = {symbol: panel[symbol] for symbol in order}
    other = rt.backtest(Weights.of(wanted[order], *policy), shuffled, **costs)
    np.testing.assert_allclose(one.equity, other.equity, rtol=1e-9)
    assert len(one.fills) == len(other.fills)
    pd.testing.assert_frame_equal(
        one.attribution, other.attribution.loc[SYMBOLS], rtol=1e-7, atol=1e-7
    )


@SOME
@given(panels(), weights(), costs(), POLICIES, st.integers(1, 10))
def test_the_future_changes_nothing_that_has_happened(
    panel: Any, wanted: Any, costs: Any, policy: Any, now: int
) -> None:
    # One more bar of A, so that no symbol's end moves the end of the panel.
    then = times(12)[now]
    changed = {
        symbol: frame.assign(
            **{
                name: frame[name].where(frame.index <= then, frame[name] * 3.0)
                for name in ("open", "high", "low", "close")
            }
        )
        for symbol, frame in panel.items()
    }
    one = rt.backtest(Weights.of(wanted, *policy), panel, **costs)
    other = rt.backtest(Weights.of(wanted, *policy), changed, **costs)
    np.testing.assert_array_equal(one.equity[:then], other.equity[:then])
    past = one.fills["time"] <= then
    pd.testing.assert_frame_equal(one.fills[past], other.fills[: past.sum()])


@SOME
@given(
    st.integers(0, 1_000),
    st.lists(st.sampled_from([0.0, 1.0]), min_size=10, max_size=10),
    costs(),
    st.sampled_from(["spot", "synthetic"]),
)
def test_one_symbol_in_or_out_is_the_single_symbol_engine(
    seed: int, wanted: list[float], costs: Any, kind: Any
) -> None:
    """All in or all out of one symbol: fill by fill what signals with fraction=1 give.

    Signals trade at changes only, so the rows are those at which the weight changes.
    """
    bars = random_panel(10, ["A"], seed)["A"]
    lots = costs["instrument"]
    costs["instrument"] = rt.Instrument(kind=kind, tick_size=lots.tick_size, lot_size=lots.lot_size)
    weight = pd.Series(wanted, index=bars.index)
    rows = weight[weight != weight.shift(fill_value=0.0)].to_frame("A")

    class Single(rt.Strategy):
        def signals(self, bars: pd.DataFrame) -> rt.Signals:
            return rt.Signals(enter_long=weight == 1.0, exit_long=weight == 0.0)

    single = rt.backtest(Single(), bars, **costs)
    portfolio = rt.backtest(Weights.of(rows), {"A": bars}, **costs)
    np.testing.assert_allclose(portfolio.equity, single.equity, rtol=1e-9)
    own = portfolio.fills.drop(columns=["symbol", "cash"])
    theirs = single.fills.drop(columns="cash")
    pd.testing.assert_frame_equal(own, theirs, rtol=1e-9)


@SOME
@given(st.integers(0, 1_000), st.lists(st.sampled_from([-1.0, 0.0, 1.0]), min_size=10, max_size=10))
def test_one_symbol_long_or_short_is_the_single_symbol_engine(
    seed: int, wanted: list[float]
) -> None:
    """The same with shorts and reversals, without slippage: a short of weight -1 is sized at the
    open, one of fraction=1 at the slipped price.
    """
    bars = random_panel(10, ["A"], seed)["A"]
    weight = pd.Series(wanted, index=bars.index)
    rows = weight[weight != weight.shift(fill_value=0.0)].to_frame("A")

    class Single(rt.Strategy):
        def signals(self, bars: pd.DataFrame) -> rt.Signals:
            return rt.Signals(
                enter_long=weight == 1.0,
                exit_long=weight != 1.0,
                enter_short=weight == -1.0,
                exit_short=weight != -1.0,
            )

    single = rt.backtest(Single(), bars, fees=rt.Fees(0.001, 0.002))
    portfolio = rt.backtest(Weights.of(rows), {"A": bars}, fees=rt.Fees(0.001, 0.002))
    np.testing.assert_allclose(portfolio.equity, single.equity, rtol=1e-9)
    columns = ["time", "side", "price", "quantity", "fee", "reason"]
    pd.testing.assert_frame_equal(portfolio.fills[columns], single.fills[columns], rtol=1e-9)


@SOME
@given(panels(), weights(), costs(), POLICIES)
def test_both_forms_are_one(panel: Any, wanted: Any, costs: Any, policy: Any) -> None:
    """`ctx.rebalance` at the rows' times does what the rows do."""

    def on_bar(self: Any, ctx: rt.PortfolioContext) -> None:
        if ctx.time in wanted.index:
            ctx.rebalance(wanted.loc[ctx.time].to_dict())

    vectorised = rt.backtest(Weights.of(wanted, *policy), panel, **costs)
    event = rt.backtest(Written.of(on_bar, None, *policy), panel, **costs)
    np.testing.assert_array_equal(vectorised.equity_values, event.equity_values)
    pd.testing.assert_frame_equal(vectorised.fills, event.fills)
    pd.testing.assert_frame_equal(vectorised.orders, event.orders)


@SOME
@given(panels(), weights(shorts=False))
def test_higher_fees_leave_less_of_what_is_bought_and_held(panel: Any, wanted: Any) -> None:
    ends = [
        rt.backtest(Weights.of(wanted.iloc[:1]), panel, fees=rt.Fees(0, fee)).equity_values[-1]
        for fee in (0.0, 0.001, 0.01)
    ]
    assert ends[0] >= ends[1] >= ends[2]
