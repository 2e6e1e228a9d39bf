"""FundingCarry: funding by bar, when both legs are held, and what it earns on a real perpetual."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import robotrader_sdk as rt
from robotrader_sdk.errors import StrategyError
from strategies import FundingCarry

from .conftest import SHARED

SPOT, PERP = "XRP/USDT", "XRP/USDT:USDT"
NAMES = {"spot": SPOT, "perpetual": PERP}
EIGHT_HOURS = 3 * 365
"""Intervals of funding in a year."""


def flat_bars(n_bars: int, freq: str = "4h", price: float = 2.0) -> pd.DataFrame:
    index = pd.date_range("2024-01-01", periods=n_bars, freq=freq, tz="UTC", name="open_time")
    prices = dict.fromkeys(("open", "high", "low", "close"), price)
    return pd.DataFrame({**prices, "volume": 1.0}, index=index)


def rates_of(values: list[float], first: str = "2024-01-01", late: str = "5ms") -> pd.Series:
    times = pd.date_range(first, periods=len(values), freq="8h", tz="UTC") + pd.Timedelta(late)
    return pd.Series(values, times)


def panel_of(rates: pd.Series, n_bars: int = 36) -> rt.Panel:
    bars = flat_bars(n_bars)
    return rt.Panel({SPOT: bars, PERP: FundingCarry.with_funding(bars, rates)})


class TestWithFunding:
    BARS = flat_bars(6)

    @pytest.mark.parametrize(
        ("time", "bar"),
        [
            ("2024-01-01 00:00", 0),
            ("2024-01-01 03:59:59.999", 0),
            ("2024-01-01 04:00", 1),  # an instant belongs to the bar that contains it
            ("2024-01-01 04:00:00.007", 1),
            ("2024-01-01 23:59:59", 5),
            ("2024-01-02 00:00", None),
            ("2023-12-31 23:59:59", None),
        ],
    )
    def test_a_rate_is_in_the_bar_that_contains_it(self, time: str, bar: int | None) -> None:
        rates = pd.Series([0.001], [pd.Timestamp(time, tz="UTC")])
        column = FundingCarry.with_funding(self.BARS, rates)["funding_rate"]
        assert np.flatnonzero(column.notna()).tolist() == ([] if bar is None else [bar])

    def test_rates_of_one_bar_are_added(self) -> None:
        rates = rates_of([0.001, 0.002, 0.004])
        daily = flat_bars(2, "1D")
        column = FundingCarry.with_funding(daily, rates)["funding_rate"]
        assert column.iloc[0] == pytest.approx(0.007)
        assert np.isnan(column.iloc[1])

    def test_a_rate_in_a_gap_is_known_at_the_next_bar_and_not_before(self) -> None:
        rates = rates_of([0.001, 0.002])
        bars = self.BARS.drop(self.BARS.index[[2, 3]])
        column = FundingCarry.with_funding(bars, rates)["funding_rate"]
        assert column.dropna().tolist() == [0.001, 0.002]
        assert column.last_valid_index() == self.BARS.index[4]

    def test_the_bars_given_stay_as_they_are(self) -> None:
        FundingCarry.with_funding(self.BARS, rates_of([0.001]))
        assert "funding_rate" not in self.BARS


class TestRule:
    STRATEGY = FundingCarry(**NAMES, days=1, entry=0.2, exit=0.1, weight=0.4)

    def held(self, rates: list[float], panel: rt.Panel | None = None) -> list[int]:
        """The bars at which both legs are wanted."""
        weights = self.STRATEGY.target_weights(panel or panel_of(rates_of(rates)))
        assert (weights[PERP] == -weights[SPOT]).all()
        assert set(weights[SPOT].unique()) <= {0.0, 0.4}
        return np.flatnonzero(weights[SPOT]).tolist()

    def test_in_above_entry_out_below_exit_and_between_as_it_was(self) -> None:
        """Three rates of 8 hours in a day, six bars: the mean a year is their sum x 365."""
        high, mid, low = 0.25 / EIGHT_HOURS, 0.15 / EIGHT_HOURS, 0.05 / EIGHT_HOURS
        rates = [mid] * 3 + [high] * 3 + [mid] * 3 + [low] * 3
        # Above .2 with the second high rate (bar 8: .2167), below .1 with the second low one
        # (bar 20: .0833), each with the close of the bar in which it is charged.
        assert self.held(rates, panel_of(rates_of(rates), 24)) == list(range(8, 20))

    def test_nothing_is_known_before_the_days_have_passed(self) -> None:
        assert self.held([0.01] * 12)[0] == 6

    @pytest.mark.parametrize(("rate", "held"), [(0.21, True), (0.19, False)])
    def test_the_mean_is_a_year_s_rate_over_any_number_of_days(
        self, rate: float, held: bool
    ) -> None:
        strategy = FundingCarry(**NAMES, days=3, entry=0.2, exit=0.1)
        weights = strategy.target_weights(panel_of(rates_of([rate / EIGHT_HOURS] * 18)))[SPOT]
        assert (weights.iloc[:18] == 0).all()
        assert ((weights.iloc[18:] > 0) == held).all()

    def test_negative_funding_is_not_entered(self) -> None:
        assert self.held([-0.01] * 12) == []

    def test_a_leg_that_ends_takes_the_other_with_it(self) -> None:
        panel = panel_of(rates_of([0.001] * 12))
        ended = rt.Panel({SPOT: panel[SPOT].iloc[:20], PERP: panel[PERP]})
        assert self.held([], ended) == list(range(6, 23))

    @pytest.mark.parametrize("n_bars", range(2, 36))
    def test_weights_are_alike_wherever_the_panel_ends(self, n_bars: int) -> None:
        rates = rates_of(np.random.default_rng(1).uniform(-0.0003, 0.0005, 18).tolist())
        full = self.STRATEGY.target_weights(panel_of(rates))
        assert 0 < (full[SPOT] > 0).sum() < 30
        part = self.STRATEGY.target_weights(panel_of(rates, n_bars))
        pd.testing.assert_frame_equal(part, full.iloc[:n_bars], check_exact=True, check_freq=False)

    @pytest.mark.parametrize(
        ("strategy", "message"),
        [
            (FundingCarry(), r"no symbol 'BTC/USDT', it has .*; name yours with spot="),
            (FundingCarry(spot=SPOT), r"no symbol 'BTC/USDT:USDT'.*perpetual="),
            (FundingCarry(spot=PERP, perpetual=SPOT), r"XRP/USDT have no column funding_rate"),
        ],
    )
    def test_what_is_missing_is_named(self, strategy: FundingCarry, message: str) -> None:
        with pytest.raises(StrategyError, match=message):
            rt.backtest(strategy, panel_of(rates_of([0.001])))


def settings(rates: pd.Series) -> dict[str, object]:
    instrument = {PERP: rt.Instrument("linear_perpetual"), SPOT: rt.Instrument("spot")}
    return {"instrument": instrument, "funding": {PERP: rates}, "fees": rt.Fees(0, 0)}


def test_at_a_price_that_stands_still_it_earns_the_funding_and_no_more() -> None:
    rates = rates_of([0.001] * 18)
    strategy = FundingCarry(**NAMES, days=1, weight=0.4)
    result = rt.backtest(strategy, panel_of(rates), **settings(rates))  # type: ignore[arg-type]
    assert isinstance(result, rt.PortfolioResult)
    # In at the open of bar 7; charged in bars 8, 10, ... 34: fourteen times .1 % of 4,000.
    assert result.attribution.loc[PERP, "funding"] == pytest.approx(-56.0)
    assert result.stats["final_equity"] == pytest.approx(10_056.0)
    assert (result.weights[SPOT].iloc[7:] > 0.39).all()


def test_what_the_price_does_cancels_out() -> None:
    rates = rates_of([0.001] * 18)
    panel = panel_of(rates)
    ramp = 1 + 0.01 * np.maximum(np.arange(36) - 8, 0)
    frames = {
        symbol: bars.assign(
            **{name: bars[name] * ramp for name in ("open", "high", "low", "close")}
        )
        for symbol, bars in panel.items()
    }
    strategy = FundingCarry(**NAMES, days=1, weight=0.4, drift_band=0.5)
    result = rt.backtest(strategy, frames, **settings(rates))  # type: ignore[arg-type]
    assert isinstance(result, rt.PortfolioResult)
    paid = result.attribution["funding"].sum()
    assert result.attribution.loc[SPOT, "pnl"] > 1_000
    assert result.pnl == pytest.approx(-paid)
    assert paid < -56.0


@pytest.fixture(scope="module")
def xrp() -> tuple[dict[str, pd.DataFrame], pd.Series]:
    """A real perpetual and its funding; the spot leg is its mark price, made up as spot."""
    folder = SHARED
    if not (folder / "binance_XRP-USDT-perp_1h_2021-11.csv").exists():
        pytest.skip("no XRP perpetual beside the repository")
    perp = rt.read_bars(folder / "binance_XRP-USDT-perp_1h_2021-11.csv")
    mark = rt.read_bars(folder / "binance_XRP-USDT-perp_1h_mark_2021-11.csv")
    table = pd.read_csv(folder / "binance_XRP-USDT-perp_funding_8h_2021-11.csv")
    rates = table.set_index(pd.to_datetime(table["time"], format="ISO8601"))["funding_rate"]
    period = slice("2021-11-18", "2021-11-19 09:00")
    return {SPOT: mark.loc[period], PERP: FundingCarry.with_funding(perp.loc[period], rates)}, rates


def test_on_a_real_perpetual_it_earns_rate_times_mark_times_quantity(
    xrp: tuple[dict[str, pd.DataFrame], pd.Series],
) -> None:
    panel, rates = xrp
    strategy = FundingCarry(**NAMES, days=1, entry=0.1, exit=0.05, weight=0.4)
    result = rt.backtest(
        strategy,
        panel,
        mark={PERP: panel[SPOT]},
        **settings(rates),  # type: ignore[arg-type]
    )
    assert isinstance(result, rt.PortfolioResult)
    # A day has passed at the close of 19 November 00:00; three rates of .0001 are 11 % a year.
    opened = result.fills.groupby("symbol", observed=True).first()
    assert (opened["time"] == pd.Timestamp("2021-11-19 01:00", tz="UTC")).all()
    assert opened["side"].to_dict() == {SPOT: "buy", PERP: "sell"}
    (one,) = result.funding.itertuples()
    hour = pd.Timestamp("2021-11-19 08:00", tz="UTC")
    earned = opened.loc[PERP, "quantity"] * panel[SPOT].open[hour] * 0.0001
    assert one.time.floor("h") == hour
    assert result.attribution.loc[PERP, "funding"] == pytest.approx(-earned, rel=1e-9)
    assert result.rejected.empty
    assert abs(result.pnl) < 20  # both legs of some 4,000 lie within the basis of each other


def test_on_a_real_perpetual_nothing_depends_on_later_bars(
    xrp: tuple[dict[str, pd.DataFrame], pd.Series],
) -> None:
    panel, rates = xrp
    strategy = FundingCarry(**NAMES, days=1, entry=0.1, exit=0.05)
    full = strategy.target_weights(rt.Panel(panel))
    for n_bars in range(2, len(panel[PERP])):
        perp = FundingCarry.with_funding(panel[PERP].iloc[:n_bars], rates)
        part = strategy.target_weights(rt.Panel({SPOT: panel[SPOT].iloc[:n_bars], PERP: perp}))
        pd.testing.assert_frame_equal(part, full.iloc[:n_bars], check_exact=True, check_freq=False)
