"""The strategies for a panel on real bars: five stocks of unequal history."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import robotrader_sdk as rt
from robotrader_sdk.data.samples import SAMPLES
from robotrader_sdk.errors import BarsError, InstrumentError
from strategies import MomentumRotation, PairsReversion, RiskParity, VolatilityTarget
from strategies.catalog import CATALOG

STRATEGIES: dict[str, rt.PortfolioStrategy] = {
    "VolatilityTarget": VolatilityTarget(),
    "MomentumRotation": MomentumRotation(),
    "RiskParity": RiskParity(),
    "PairsReversion": PairsReversion(first="MSFT", second="IBM"),
}
"""FundingCarry has its own tests: it needs a perpetual."""


@pytest.fixture(scope="module")
def bars() -> dict[str, pd.DataFrame]:
    """Three stocks from 2000, one from 2004, one from 2012; one ends early, one lacks bars."""
    frames = {symbol: rt.sample_bars(symbol) for symbol in SAMPLES}
    frames["IBM"] = frames["IBM"].iloc[:3_000]
    frames["AAPL"] = frames["AAPL"].drop(frames["AAPL"].index[[700, 1500, 1501, 1502, 1503, 1504]])
    return frames


@pytest.fixture(scope="module")
def results() -> dict[str, rt.PortfolioResult]:
    return {}


@pytest.fixture(params=STRATEGIES)
def full(
    request: pytest.FixtureRequest,
    bars: dict[str, pd.DataFrame],
    results: dict[str, rt.PortfolioResult],
) -> tuple[rt.PortfolioStrategy, rt.PortfolioResult]:
    """A strategy and its run over all bars, made once for all tests."""
    name = str(request.param)
    if name not in results:
        results[name] = run(STRATEGIES[name], bars)
    return STRATEGIES[name], results[name]


def run(strategy: rt.PortfolioStrategy, bars: dict[str, pd.DataFrame]) -> rt.PortfolioResult:
    result = rt.backtest(strategy, bars)
    assert isinstance(result, rt.PortfolioResult)
    return result


def cut(bars: dict[str, pd.DataFrame], last: pd.Timestamp) -> dict[str, pd.DataFrame]:
    """The panel as it was known then: without later bars, and without later symbols."""
    known = {symbol: frame.loc[:last] for symbol, frame in bars.items()}
    return {symbol: frame for symbol, frame in known.items() if len(frame)}


def test_each_strategy_for_a_panel_is_tried() -> None:
    for_panels = {name for name, entry in CATALOG.items() if entry.market == "panel"}
    assert for_panels == {*STRATEGIES, "FundingCarry"}


def test_it_trades_and_no_order_is_rejected(
    full: tuple[rt.PortfolioStrategy, rt.PortfolioResult],
) -> None:
    strategy, result = full
    assert len(result.trades) > 10
    assert result.rejected.empty, result.rejected["reason"].value_counts()
    assert result.status == "completed"
    assert (result.orders["time"] >= result.index[result.warmup_bars]).all()
    if not isinstance(strategy, PairsReversion):
        assert (result.fills["cash"] > -1e-6).all()
        assert (result.weights >= 0).all(axis=None)


def test_a_symbol_that_has_ended_is_wanted_for_three_bars_and_no_more(
    full: tuple[rt.PortfolioStrategy, rt.PortfolioResult],
) -> None:
    strategy, result = full
    assert result.coverage.loc["IBM", "delisted"]
    assert result.coverage.loc["IBM", "untraded"] <= 4
    assert (result.weights["IBM"].iloc[3_001:] == 0.0).all()
    if isinstance(strategy, PairsReversion):  # nor is the other leg held alone
        assert (result.weights.iloc[3_006:] == 0.0).all(axis=None)


@pytest.mark.parametrize("last", ["2004-08-19", "2004-08-31", "2008-10-10", "2012-02-03"])
def test_what_it_did_up_to_a_bar_does_not_depend_on_later_bars(
    full: tuple[rt.PortfolioStrategy, rt.PortfolioResult],
    bars: dict[str, pd.DataFrame],
    last: str,
) -> None:
    strategy, result = full
    end = result.index[result.index.searchsorted(pd.Timestamp(last, tz="UTC"), side="right") - 1]
    part = run(strategy, cut(bars, end))
    columns = ["time", "side", "quantity", "price", "fee", "cash"]
    before = result.fills[result.fills["time"] < end]  # at the end of a part a symbol may end
    pd.testing.assert_frame_equal(
        part.fills.loc[part.fills["time"] < end, columns], before[columns], check_exact=True
    )
    assert len(before) > 3 or isinstance(strategy, PairsReversion)
    n_bars = len(part.equity) - 1
    np.testing.assert_array_equal(part.equity.iloc[:n_bars], result.equity.iloc[:n_bars])


@pytest.mark.parametrize("name", [name for name in STRATEGIES if name != "RiskParity"])
@settings(max_examples=15, deadline=None)
@given(n_bars=st.integers(20, 3_269))
def test_weights_are_alike_to_the_last_bit_wherever_the_panel_ends(name: str, n_bars: int) -> None:
    strategy, panel = STRATEGIES[name], PANEL
    weights = strategy.target_weights(panel)
    end = panel.index[n_bars]
    part = rt.Panel(cut(dict(panel), end))
    known = [symbol for symbol in weights.columns if symbol in part]
    pd.testing.assert_frame_equal(
        strategy.target_weights(part)[known], weights.loc[:end, known], check_exact=True
    )


PANEL = rt.Panel({symbol: rt.sample_bars(symbol) for symbol in SAMPLES})


def test_it_does_the_same_again_and_is_left_as_it_was(
    full: tuple[rt.PortfolioStrategy, rt.PortfolioResult], bars: dict[str, pd.DataFrame]
) -> None:
    strategy, result = full
    again = run(strategy, bars)
    pd.testing.assert_series_equal(again.equity, result.equity)
    assert strategy == type(strategy)(**strategy.params)
    assert "last_bar" not in vars(strategy)


def test_fewer_bars_than_the_warmup_are_refused(
    full: tuple[rt.PortfolioStrategy, rt.PortfolioResult],
) -> None:
    strategy, result = full
    warmup = result.warmup_bars
    assert warmup > 0
    stocks = {symbol: rt.sample_bars(symbol) for symbol in ("MSFT", "IBM")}
    with pytest.raises(BarsError, match=f"{warmup} bars of warm-up"):
        run(strategy, {symbol: one.head(warmup) for symbol, one in stocks.items()})
    run(strategy, {symbol: one.head(warmup + 1) for symbol, one in stocks.items()})


def test_on_spot_all_trade_but_pairs_which_need_shorts(
    full: tuple[rt.PortfolioStrategy, rt.PortfolioResult], bars: dict[str, pd.DataFrame]
) -> None:
    strategy, _ = full
    spot = rt.Instrument("spot", tick_size=0.01, lot_size=0.001, min_notional=1)
    if isinstance(strategy, PairsReversion):
        with pytest.raises(InstrumentError, match="short"):
            rt.backtest(strategy, bars, instrument=spot)
        return
    result = rt.backtest(strategy, bars, instrument=spot)
    assert len(result.fills) > 50
    assert set(result.rejected["reason"].astype(str)) <= {"below min_notional"}
