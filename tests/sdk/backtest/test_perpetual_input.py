"""What `rt.backtest` refuses of a perpetual's terms, funding and mark price, and what it shows."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest

import robotrader_sdk as rt

from .conftest import Cross, random_bars

PERPETUAL = rt.Instrument(kind="linear_perpetual", max_leverage=20, maintenance_margin=0.01)
BARS = random_bars(200)


def rates(hours: int = 200, every: int = 8, rate: float = 1e-4) -> pd.Series:
    index = pd.date_range("2024-01-01", periods=hours // every + 1, freq=f"{every}h", tz="UTC")
    return pd.Series(rate, index=index, name="funding")


def run(**settings: Any) -> rt.BacktestResult:
    return rt.backtest(Cross(), BARS, **{"instrument": PERPETUAL, **settings})


def spoiled(row: int, value: float, series: pd.Series) -> pd.Series:
    series = series.copy()
    series.iloc[row] = value
    return series


TERMS = {
    "leverage of 0": ({"leverage": 0}, "leverage must be a number above 0, got 0"),
    "leverage below 0": ({"leverage": -3}, "leverage must be a number above 0"),
    "leverage as text": ({"leverage": "10"}, "leverage must be a number above 0, got '10'"),
    "leverage above the tier": (
        {"leverage": 25},
        "leverage=25 is above 20, the max_leverage of the first margin tier",
    ),
    "leverage on spot": (
        {"leverage": 2, "instrument": rt.Instrument(kind="spot")},
        "leverage=2 needs an instrument of kind 'linear_perpetual'; this one is 'spot'",
    ),
    "unknown margin mode": (
        {"margin": "portfolio"},
        "margin must be one of 'isolated', 'cross', got 'portfolio'",
    ),
    "funding of spot": (
        {"funding": rates(), "instrument": rt.Instrument()},
        "funding= belongs to an instrument of kind 'linear_perpetual', this one is 'synthetic'",
    ),
    "mark of spot": (
        {"mark": BARS, "instrument": rt.Instrument()},
        "mark= belongs to an instrument",
    ),
    "naive funding": (
        {"funding": rates().tz_localize(None)},
        "funding has a naive index; say which time zone",
    ),
    "funding without times": (
        {"funding": rates().reset_index(drop=True)},
        "funding must have an index of times, got RangeIndex",
    ),
    "funding as a list": (
        {"funding": [1e-4]},
        "funding must be a Series of rates by time, got list",
    ),
    "funding as text": ({"funding": rates().astype(str) + " %"}, "funding must hold rates, got"),
    "empty funding": ({"funding": rates().iloc[:0]}, "funding is empty"),
    "funding with a gap in it": (
        {"funding": spoiled(3, np.nan, rates())},
        "funding has no rate at 2024-01-02 00:00:00.* got nan",
    ),
    "unsorted funding": ({"funding": rates().iloc[::-1]}, "funding must ascend: row 1, 2024-01-09"),
    "funding in percent": (
        {"funding": rates(rate=0.01)},
        "median size 0.01 is above max_funding_rate=0.003: divide them by 100",
    ),
    "funding that ends too early": (
        {"funding": rates().iloc[:5]},
        "funding does not cover the position: one is held at 2024-01-0",
    ),
    "funding that begins too late": (
        {"funding": rates().iloc[20:]},
        "funding does not cover the position: one is held at 2024-01-0",
    ),
    "a mark that ends too early": (
        {"mark": BARS.iloc[:100]},
        "mark does not cover the bars: there is none for 2024-01-05 04:00:00",
    ),
    "a mark that begins too late": (
        {"mark": BARS.iloc[1:]},
        "mark does not cover the bars: there is none for 2024-01-01 00:00:00",
    ),
    "a naive mark": ({"mark": BARS.close.tz_localize(None)}, "mark has a naive index"),
    "a mark without lows": ({"mark": BARS.drop(columns="low")}, "mark has no column 'low'"),
    "a mark of 0": (
        {"mark": spoiled(7, 0.0, BARS.close)},
        "mark .* must be a price above 0, got 0.0 at 2024-01-01 07:00:00",
    ),
    "a mark as a list": ({"mark": [1.0]}, "mark must be a Series of prices or a DataFrame of bars"),
    "max_funding_rate of 0": ({"max_funding_rate": 0}, "max_funding_rate must be a number above 0"),
}


@pytest.mark.parametrize(("settings", "message"), TERMS.values(), ids=TERMS)
def test_terms_that_make_no_sense_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(rt.errors.BacktestError, match=message):
        run(**settings)


INSTRUMENTS = {
    "max_leverage on spot": (
        {"kind": "spot", "max_leverage": 5},
        "max_leverage belongs to kind 'linear_perpetual'; this instrument is 'spot'",
    ),
    "max_leverage below 1": ({"max_leverage": 0.5}, "max_leverage must be at least 1, got 0.5"),
    "contract of nothing": ({"contract_size": 0}, "contract_size must be above 0"),
    "fee of 100 %": ({"liquidation_fee": 1}, "liquidation_fee must be a fraction of notional"),
    "fees in base": ({"fee_currency": "base"}, "fee_currency 'base' belongs to kind 'spot'"),
    "margin as text": ({"maintenance_margin": "1 %"}, "maintenance_margin must be a rate"),
    "no tiers": ({"maintenance_margin": []}, "needs at least one tier"),
    "a first tier above 0": (
        {"maintenance_margin": [(100, 0.01)]},
        "tier 0: notional_floor must be 0, got 100",
    ),
    "tiers that go down": (
        {"maintenance_margin": [(0, 0.01), (50, 0.02), (40, 0.03)]},
        "tier 2: notional_floor must be above 50, got 40",
    ),
    "a rate that falls": (
        {"maintenance_margin": [(0, 0.02), (50, 0.01)]},
        "tier 1: maintenance_rate must be .* not below that of the tier before, got 0.01",
    ),
    "leverage that rises": (
        {"maintenance_margin": [(0, 0.01, 10), (50, 0.02, 15)]},
        "tier 1: max_leverage must be at least 1 and not above that of the tier before, got 15",
    ),
    "more to keep than to start with": (
        {"maintenance_margin": 0.1},
        "tier 0: at 20 x a position starts with a margin of 0.05, less than the 0.1 it must keep",
    ),
    "a row that is none": ({"maintenance_margin": [3]}, "tier 0 must be \\(notional_floor"),
}


@pytest.mark.parametrize(("terms", "message"), INSTRUMENTS.values(), ids=INSTRUMENTS)
def test_instruments_that_contradict_themselves(terms: dict[str, Any], message: str) -> None:
    with pytest.raises(rt.errors.InstrumentError, match=message):
        rt.Instrument(**{"kind": "linear_perpetual", **terms})


def test_percent_are_taken_when_they_are_meant() -> None:
    result = run(funding=rates(rate=0.01), max_funding_rate=0.02)
    assert result.stats["funding_paid"] != 0.0


def test_tiers_may_be_written_in_three_ways() -> None:
    rows = [(0, 0.01, 20), (50_000, 0.025, 10)]
    fields = ("notional_floor", "maintenance_rate", "max_leverage")
    named = [dict(zip(fields, row, strict=True)) for row in rows]
    made = [rt.MarginTier(*row) for row in rows]
    one, *others = [
        rt.Instrument(kind="linear_perpetual", maintenance_margin=given)
        for given in (rows, named, made)
    ]
    assert all(other == one for other in others)
    assert one.tiers[1].amount == pytest.approx(750.0)


def test_a_perpetuals_figures_are_shown_and_saved() -> None:
    result = run(funding=rates(), leverage=20, fees=rt.Fees(0, 0))
    assert result.stats["funding_paid"] == pytest.approx(result.trades["funding"].sum())
    fills = result.fills
    assert fills["funding"].sum() <= result.stats["funding_paid"] + 1e-9
    held = fills["position"] != 0.0
    assert (fills["margin"][~held] == 0.0).all()
    opened = fills[held]
    posted = opened["position"].abs() * opened["price"] / 20
    assert opened["margin"].to_numpy() == pytest.approx(posted.to_numpy(), rel=1e-3)
    assert 0.9 * 0.045 < result.stats["margin_used"] < 0.06
    trades = result.trades
    posted = trades["quantity"] * trades["entry_price"] / 20
    assert trades["margin"].to_numpy() == pytest.approx(posted.to_numpy())
    assert (rt.backtest(Cross(), BARS).trades["margin"] == 0.0).all()
    for text in (repr(result), result._repr_html_()):
        assert "Funding paid" in text
        assert "Liquidations" in text
        assert "isolated margin at 20 x, maintenance from 1 %" in text
    for again in (
        rt.BacktestResult.from_json(result.to_json()),
        pickle.loads(pickle.dumps(result)),
    ):
        pd.testing.assert_series_equal(again.stats, result.stats)
        pd.testing.assert_frame_equal(again.funding, result.funding)
        assert again.config == result.config


def test_liquidations_are_noticed() -> None:
    wild = BARS * np.linspace(1, 0.3, len(BARS))[:, None]

    class Buy(rt.Strategy):
        def signals(self, bars: pd.DataFrame) -> rt.Signals:
            return rt.Signals(enter_long=np.arange(len(bars)) == 3, fraction=1.0)

    result = rt.backtest(Buy(), wild, instrument=PERPETUAL, leverage=10)
    assert result.stats["n_liquidations"] == 1
    assert "1 positions were liquidated" in repr(result)
    assert result.trades["exit_reason"].tolist() == ["liquidation"]


def test_spot_shows_nothing_of_a_perpetual() -> None:
    result = rt.backtest(Cross(), BARS)
    assert not {"funding_paid", "n_liquidations", "n_settled"} & set(result.stats.index)
    assert result.funding.empty
    assert "Funding" not in repr(result)
