"""The strategies for a panel on small bars made for their rules."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import robotrader_sdk as rt
from robotrader_sdk.errors import StrategyError
from strategies import MomentumRotation, PairsReversion, RiskParity, VolatilityTarget
from strategies.risk_parity import equal_risk_weights

Build = Callable[..., pd.DataFrame]
FREE = rt.Fees(0, 0)
YEAR_DAYS = 365.25


def panel_of(bars_of: Build, **closes: object) -> rt.Panel:
    return rt.Panel({symbol: bars_of(one) for symbol, one in closes.items()})


def swings(size: float, n_bars: int = 40) -> np.ndarray:
    """Closes that go up and down by the same return, in logs."""
    return 100 * np.exp(size * (np.arange(n_bars) % 2))


@pytest.mark.parametrize(
    "strategy",
    [
        VolatilityTarget(),
        MomentumRotation(lookback=60, skip=5),
        RiskParity(length=60),
        PairsReversion(first="A", second="B"),
        PairsReversion(first="B", second="A"),
    ],
    ids=repr,
)
def test_a_halt_in_the_middle_breaks_nothing(
    strategy: rt.PortfolioStrategy, bars_of: Build
) -> None:
    noise = np.random.default_rng(3).normal(0, 0.02, (600, 2))
    noise[200:400, 0] = 0.0
    closes = 100 * np.exp(np.cumsum(noise, axis=0))
    panel = panel_of(bars_of, A=closes[:, 0], B=closes[:, 1])
    result = rt.backtest(strategy, panel)
    assert result.rejected.empty
    assert np.isfinite(result.equity).all()
    assert len(result.fills) > 2


class TestVolatilityTarget:
    STRATEGY = VolatilityTarget(halflife=5, target=0.3, drift_band=0.0)

    def test_the_weight_is_target_by_volatility_within_an_equal_budget(
        self, bars_of: Build
    ) -> None:
        panel = panel_of(bars_of, CALM=swings(0.02), WILD=swings(0.04))
        row = self.STRATEGY.target_weights(panel).iloc[-1]
        for symbol in panel:
            returns = panel[symbol].close.pct_change().dropna().to_numpy()
            decay = 0.5 ** (np.arange(len(returns))[::-1] / 5)
            volatility = np.sqrt((decay @ returns**2) / decay.sum() * YEAR_DAYS)
            assert row[symbol] == pytest.approx(0.3 / volatility / 2, rel=1e-12)
        assert 1.9 < row["CALM"] / row["WILD"] < 2.1

    @pytest.mark.parametrize("max_weight", [1.0, 0.5])
    def test_no_symbol_takes_more_than_its_budget(self, bars_of: Build, max_weight: float) -> None:
        panel = panel_of(bars_of, CALM=swings(1e-4), STILL=np.full(40, 100.0), WILD=swings(0.2))
        strategy = VolatilityTarget(halflife=5, target=0.3, max_weight=max_weight)
        row = strategy.target_weights(panel).iloc[-1]
        assert row["CALM"] == row["STILL"] == pytest.approx(max_weight / 3)
        assert 0 < row["WILD"] < row["CALM"]

    def test_a_weekend_counts_as_time_not_as_a_bar(self, bars_of: Build) -> None:
        """The same daily returns, once with two days between each: less volatility a year."""
        daily = bars_of(swings(0.02))
        sparse = daily.set_axis(daily.index[0] + 3 * (daily.index - daily.index[0]))
        near = self.STRATEGY.target_weights(rt.Panel({"A": daily})).iloc[-1, 0]
        far = self.STRATEGY.target_weights(rt.Panel({"A": sparse})).iloc[-1, 0]
        assert far == pytest.approx(min(near * np.sqrt(3), 1.0), rel=1e-12)

    def test_a_late_symbol_has_its_budget_once_its_volatility_is_known(
        self, bars_of: Build
    ) -> None:
        early, late = bars_of(swings(0.02)), bars_of(swings(0.02)).iloc[20:]
        weights = self.STRATEGY.target_weights(rt.Panel({"EARLY": early, "LATE": late}))
        assert (weights["LATE"].iloc[:30] == 0).all()  # its tenth return comes at bar 30
        assert weights["LATE"].iloc[30] > 0
        before, after = weights["EARLY"].iloc[[29, 30]]
        assert after == pytest.approx(before / 2, rel=0.1)

    def test_a_small_drift_is_not_traded_and_a_large_one_is(self, bars_of: Build) -> None:
        panel = panel_of(bars_of, A=swings(0.02, 200), B=swings(0.03, 200))
        often = rt.backtest(VolatilityTarget(halflife=5, drift_band=0.0), panel)
        seldom = rt.backtest(VolatilityTarget(halflife=5, drift_band=0.05), panel)
        assert len(often.fills) > 300
        assert len(seldom.fills) == 2


class TestMomentumRotation:
    STRATEGY = MomentumRotation(lookback=5, skip=1, top=2)

    def test_it_holds_the_best_of_those_that_have_risen(self, bars_of: Build) -> None:
        days = np.arange(40)
        panel = panel_of(bars_of, FAST=1.03**days, SLOW=1.01**days, MID=1.02**days, DOWN=0.99**days)
        weights = self.STRATEGY.target_weights(panel)
        assert (weights.iloc[:5] == 0).all(axis=None)
        expected = {"FAST": 0.5, "SLOW": 0.0, "MID": 0.5, "DOWN": 0.0}
        assert weights.iloc[5].to_dict() == weights.iloc[-1].to_dict() == expected

    def test_a_place_nobody_qualifies_for_is_cash(self, bars_of: Build) -> None:
        days = np.arange(40)
        panel = panel_of(bars_of, UP=1.02**days, FLAT=1.0 + 0 * days, DOWN=0.99**days)
        assert self.STRATEGY.target_weights(panel).iloc[-1].to_list() == [0.5, 0.0, 0.0]
        no_matter = MomentumRotation(lookback=5, skip=1, top=2, min_return=-1)
        assert no_matter.target_weights(panel).iloc[-1].to_list() == [0.5, 0.5, 0.0]

    def test_the_latest_bars_do_not_count(self, bars_of: Build) -> None:
        """From bar t-5 to bar t-1: the jump at bar 10 counts from 11 to 15."""
        jump = np.where(np.arange(30) < 10, 100.0, 150.0)
        weights = self.STRATEGY.target_weights(panel_of(bars_of, A=jump, B=np.full(30, 100.0)))
        assert np.flatnonzero(weights["A"]).tolist() == [11, 12, 13, 14]

    def test_it_trades_at_the_first_open_of_a_month(self, bars_of: Build) -> None:
        days = np.arange(100)  # from 2024-01-01
        panel = panel_of(bars_of, A=1.01**days, B=1.02 ** (60 - np.abs(days - 60)))
        fills = rt.backtest(MomentumRotation(lookback=5, skip=1, top=1), panel, fees=FREE).fills
        traded = [(f"{t:%m-%d}", s, d) for t, s, d in fills[["time", "symbol", "side"]].to_numpy()]
        assert traded == [("02-01", "B", "buy"), ("04-01", "B", "sell"), ("04-01", "A", "buy")]

    def test_a_missing_bar_is_no_reason_to_sell_four_are(self, bars_of: Build) -> None:
        rising = bars_of(1.02 ** np.arange(40))
        full = rt.Panel({"A": rising.drop(rising.index[20:24]), "B": rising})
        held = self.STRATEGY.target_weights(full)["A"].to_numpy() > 0
        assert held[19:25].tolist() == [True, True, True, True, False, True]


def random_returns(seed: int, n_symbols: int, n_rows: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    common = rng.normal(size=(n_rows, 1)) * rng.uniform(-1, 2, n_symbols)
    own = rng.normal(size=(n_rows, n_symbols)) * rng.uniform(0.05, 3, n_symbols)
    return pd.DataFrame(0.01 * (common + own))


class TestRiskParity:
    @settings(max_examples=60, deadline=None)
    @given(st.integers(0, 10_000), st.integers(1, 30), st.integers(31, 200))
    def test_all_symbols_contribute_the_same_risk(
        self, seed: int, n_symbols: int, n_rows: int
    ) -> None:
        returns = random_returns(seed, n_symbols, n_rows)
        weights = equal_risk_weights(returns)
        covariance = np.atleast_2d(np.cov(returns.to_numpy(), rowvar=False))
        contributions = weights * (covariance @ weights)
        assert (weights > 0).all()
        assert weights.sum() == pytest.approx(1.0)
        np.testing.assert_allclose(contributions, contributions.mean(), rtol=1e-8)

    def test_two_symbols_are_held_by_their_inverse_volatility(self) -> None:
        """Whatever their correlation: Maillard, Roncalli and Teiletche, section 2."""
        returns = random_returns(1, 2, 100)
        deviation = returns.std().to_numpy()
        expected = (1 / deviation) / (1 / deviation).sum()
        np.testing.assert_allclose(equal_risk_weights(returns), expected, rtol=1e-10)

    def test_the_paper_s_four_assets(self) -> None:
        """Volatilities 10, 20, 30 and 40 %, constant correlation: inverse volatilities again."""
        covariance = np.diag([0.1, 0.2, 0.3, 0.4]) @ (0.5 + 0.5 * np.eye(4))
        covariance = covariance @ np.diag([0.1, 0.2, 0.3, 0.4])
        rows = np.linalg.cholesky(covariance) @ np.hstack([np.eye(4), -np.eye(4)])
        weights = equal_risk_weights(pd.DataFrame(rows.T))
        np.testing.assert_allclose(weights, [0.48, 0.24, 0.16, 0.12], rtol=1e-10)

    def test_more_symbols_than_returns_and_a_perfect_hedge_have_weights_too(self) -> None:
        few = equal_risk_weights(random_returns(3, 20, 10))
        hedged = random_returns(4, 1, 50)
        pair = equal_risk_weights(pd.DataFrame({"A": hedged[0], "B": -2 * hedged[0]}))
        for weights in (few, pair):
            assert (weights > 0).all()
            assert weights.sum() == pytest.approx(1.0)
        np.testing.assert_allclose(pair, [2 / 3, 1 / 3], rtol=1e-9)

    def test_what_does_not_move_gets_nothing(self) -> None:
        returns = random_returns(5, 3, 50)
        returns[1] = 0.0
        weights = equal_risk_weights(returns)
        assert weights[1] == 0.0
        assert weights.sum() == pytest.approx(1.0)
        assert equal_risk_weights(returns * 0).tolist() == [0.0, 0.0, 0.0]

    def test_it_decides_monthly_by_the_last_returns_of_that_day(self, bars_of: Build) -> None:
        returns = random_returns(6, 3, 120) * 2
        closes = 100 * (1 + returns).cumprod()
        panel = panel_of(bars_of, A=closes[0], B=closes[1], C=closes[2])
        result = rt.backtest(RiskParity(length=20), panel, fees=FREE)
        days = sorted({f"{time:%m-%d}" for time in result.fills["time"]})
        assert days == ["02-01", "03-01", "04-01"]
        first = panel.index.get_loc(pd.Timestamp("2024-02-01", tz="UTC"))
        known = panel.close.iloc[first - 21 : first].pct_change().iloc[1:]
        at_open = result.fills.iloc[:3].set_index("symbol")
        held = at_open["quantity"] * at_open["price"] / 10_000
        np.testing.assert_allclose(held[["A", "B", "C"]], equal_risk_weights(known), rtol=1e-9)

    def test_a_symbol_takes_part_once_it_has_the_returns(self, bars_of: Build) -> None:
        closes = 100 * (1 + random_returns(7, 3, 120) * 2).cumprod()
        frames = {str(k): bars_of(closes[k]) for k in range(3)}
        frames["2"] = frames["2"].iloc[20:]  # its twentieth return comes at bar 40, on 02-10
        result = rt.backtest(RiskParity(length=20), frames, fees=FREE)
        first = result.fills.groupby("symbol", observed=True)["time"].min()
        assert [f"{time:%m-%d}" for time in first] == ["02-01", "02-01", "03-01"]


def wobble(n_bars: int) -> np.ndarray:
    """Log closes of the second leg: they move, in no simple way."""
    return 0.05 * np.sin(np.arange(n_bars)) + 0.03 * np.cos(1.7 * np.arange(n_bars))


def pair_of(bars_of: Build, spread: np.ndarray, slope: float = 1.5) -> rt.Panel:
    log_second = wobble(len(spread))
    noise = 0.01 * np.cos(2.9 * np.arange(len(spread)))
    first = 50 * np.exp(slope * log_second + noise + spread)
    return panel_of(bars_of, Y=first, X=20 * np.exp(log_second))


def spread_at(changes: dict[int, float], n_bars: int = 60) -> np.ndarray:
    """A spread that takes a value from a bar on."""
    spread = pd.Series(np.nan, range(n_bars))
    for bar, value in {0: 0.0, **changes}.items():
        spread[bar] = value
    return spread.ffill().to_numpy()


class TestPairsReversion:
    STRATEGY = PairsReversion(first="Y", second="X", length=20, exit=1.0, entry=3.0, stop=12.0)

    def decisions(self, panel: rt.Panel) -> dict[int, int]:
        """The bars with a row, and which side of the first leg is wanted."""
        weights = self.STRATEGY.target_weights(panel)
        bars = panel.index.get_indexer(weights.index).tolist()
        return dict(zip(bars, np.sign(weights["Y"]).astype(int).tolist(), strict=True))

    def test_z_is_the_distance_from_the_fit_of_the_bars_before(self, bars_of: Build) -> None:
        panel = pair_of(bars_of, spread_at({30: 0.03}))
        slope, z = self.STRATEGY._fit(panel.close[["Y", "X"]])
        for bar in (20, 29, 30, 31, 59):
            y, x = (np.log(panel.close[name].to_numpy()) for name in "YX")
            past = slice(bar - 20, bar)
            b, a = np.polyfit(x[past], y[past], 1)
            left = y[past] - a - b * x[past]
            deviation = np.sqrt(left @ left / 18)
            assert slope.iloc[bar] == pytest.approx(b, rel=1e-8)
            assert z.iloc[bar] == pytest.approx((y[bar] - a - b * x[bar]) / deviation, rel=1e-6)
        assert z.iloc[:20].isna().all()

    @pytest.mark.parametrize(("jump", "side"), [(0.05, -1), (-0.05, 1)])
    def test_it_fades_a_wide_spread_and_leaves_where_it_is_narrow_again(
        self, bars_of: Build, jump: float, side: int
    ) -> None:
        panel = pair_of(bars_of, spread_at({30: jump, 32: 0.0}))
        assert self.decisions(panel) == {30: side, 32: 0}

    def test_the_legs_are_in_the_proportion_of_the_fit(self, bars_of: Build) -> None:
        panel = pair_of(bars_of, spread_at({30: 0.05, 32: 0.0}))
        row = self.STRATEGY.target_weights(panel).iloc[0]
        slope, _ = self.STRATEGY._fit(panel.close[["Y", "X"]])
        assert row["Y"] < 0 < row["X"]
        assert row.abs().sum() == pytest.approx(1.0)
        assert row["X"] / -row["Y"] == pytest.approx(slope.iloc[30])
        assert 1.3 < slope.iloc[30] < 1.7

    def test_between_entry_and_exit_nothing_is_traded(self, bars_of: Build) -> None:
        panel = pair_of(bars_of, spread_at({30: 0.05, 32: 0.0}))
        fills = rt.backtest(self.STRATEGY, panel, fees=FREE).fills
        assert [panel.index.get_loc(time) for time in fills["time"]] == [31, 31, 33, 33]

    def test_beyond_the_stop_it_leaves_and_stays_out_until_the_spread_was_narrow(
        self, bars_of: Build
    ) -> None:
        panel = pair_of(bars_of, spread_at({30: 0.05, 31: 0.5, 36: 0.0, 40: 0.5}))
        _, z = self.STRATEGY._fit(panel.close[["Y", "X"]])
        wide = (z > 3).to_numpy().nonzero()[0].tolist()
        assert wide[:3] == [30, 31, 32]
        assert z.iloc[31] > 12
        assert self.decisions(panel) == {30: -1, 31: 0}

    def test_a_spread_beyond_the_stop_at_once_is_not_entered(self, bars_of: Build) -> None:
        assert self.decisions(pair_of(bars_of, spread_at({30: 0.5}))) == {}

    @pytest.mark.parametrize(
        ("z", "sides"),
        [
            ([0, 3.5, 2, 1.5, 0.9, 0], [0, -1, -1, -1, 0, 0]),
            ([0, -3.5, -2, -1.5, -0.9, 0], [0, 1, 1, 1, 0, 0]),
            ([3.5, -3.5, -3.5], [-1, 0, 1]),  # through the middle: out, then the other way
            ([3, 3.01], [0, -1]),  # beyond the entry, not at it
            ([3.5, 1.0, 0.99], [-1, -1, 0]),
            ([3.5, 12.0, 12.1, 4, 2, 0.9, 4], [-1, -1, 0, 0, 0, 0, -1]),
            ([-13, -4, -4], [0, 0, 0]),  # broken before there was anything to hold
            ([3.5, np.nan, 2, np.nan], [-1, -1, -1, -1]),
            ([np.nan, np.inf, 4], [0, 0, 0]),
        ],
    )
    def test_sides(self, z: list[float], sides: list[int]) -> None:
        related = np.ones(len(z), bool)
        assert self.STRATEGY._sides(np.array(z), related).tolist() == sides

    def test_without_a_relation_nothing_is_held(self) -> None:
        related = np.array([True, False, False, True])
        assert self.STRATEGY._sides(np.full(4, 4.0), related).tolist() == [-1, 0, 0, -1]

    def test_symbols_that_move_against_each_other_are_no_pair(self, bars_of: Build) -> None:
        assert self.decisions(pair_of(bars_of, spread_at({30: 0.05}), slope=-1.5)) == {}

    def test_a_leg_that_ends_takes_the_other_with_it(self, bars_of: Build) -> None:
        panel = pair_of(bars_of, spread_at({30: 0.05}))
        ended = rt.Panel({"Y": panel["Y"], "X": panel["X"].iloc[:32]})
        assert self.decisions(ended) == {30: -1, 35: 0}

    def test_a_symbol_that_is_not_there_is_named(self, bars_of: Build) -> None:
        panel = pair_of(bars_of, spread_at({}, n_bars=70))
        with pytest.raises(StrategyError, match=r"no symbol 'Z', it has Y, X; .* with second="):
            rt.backtest(PairsReversion(first="Y", second="Z"), panel)
