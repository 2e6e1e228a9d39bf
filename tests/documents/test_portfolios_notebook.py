"""The notebook on portfolios shows what its text says."""

from __future__ import annotations

from .kernel import Cells, outputs_of, said, text_of

NOTEBOOK = "04_portfolios.ipynb"


def test_shows_the_result_with_its_symbols(executed: Cells) -> None:
    (shown,) = [o for o in outputs_of(executed, "class Momentum(") if "data" in o]
    page = "".join(shown["data"]["text/html"])
    assert "Sharpe" in page
    assert "AAPL" in page
    assert "Momentum(length=126, top=2): completed" in text_of([shown])


def test_the_profits_add_up(executed: Cells) -> None:
    assert said(executed, "adds up:")[0] == "adds up: True"


def test_draws_the_weights(executed: Cells) -> None:
    (shown,) = outputs_of(executed, "result.plot()")
    figure = shown["data"]["application/vnd.plotly.v1+json"]
    assert {"AAPL", "MSFT", "GOOG"} <= {line.get("name") for line in figure["data"]}


def test_both_forms_fill_alike(executed: Cells) -> None:
    assert said(executed, "class EventMomentum") == [
        "the same fills: True",
        "the same equity, to the last bit: True",
    ]


def test_a_rarer_schedule_and_a_band_save_fees(executed: Cells) -> None:
    cells = [line.split() for line in said(executed, "class Equal") if line]
    fees = [float(cell[-3]) for cell in cells if cell[-4:] != cells[0][-4:]]
    daily, daily_band, monthly, monthly_band, quarterly, quarterly_band = fees
    assert daily > monthly > quarterly
    assert daily > daily_band
    assert monthly > monthly_band
    assert quarterly > quarterly_band


def test_each_symbol_has_its_own_market(executed: Cells) -> None:
    lines = said(executed, "mixed = rt.backtest")
    assert "spot instrument tick 0.01 lot 0.01 minimum notional 10;" in lines
    assert lines[-1] == "whole shares of MSFT: True"


def test_a_strategy_for_one_symbol_is_as_if_alone(executed: Cells) -> None:
    assert said(executed, "crosses = rt.backtest")[0] == "IBM as with 2,000 of its own: True"


def test_what_ended_was_closed_and_is_told(executed: Cells) -> None:
    first, *table = said(executed, "ended = rt.backtest")
    rows = {line.split()[0]: line.split()[1:] for line in table if line.strip()}
    assert first == "delisted"
    assert rows["IBM"] == ["2000", "0", "True"]
    assert rows["MSFT"] == ["3267", "3", "False"]


def test_the_mistake_is_named(executed: Cells) -> None:
    assert "need 1.2 of the equity, at most 1 is there" in said(executed, "class Greedy")[0]


def test_the_ready_ones_trade(executed: Cells) -> None:
    turnover = {line.split()[0]: line.split()[-1] for line in said(executed, "ready = [")[1:]}
    assert len(turnover) == 4
    assert all(float(value) > 1 for value in turnover.values())
