"""The notebook runs from its first cell to its last in a kernel, and is stored without outputs."""

from __future__ import annotations

from .kernel import Cells, outputs_of, text_of

NOTEBOOK = "01_first_backtest.ipynb"


def test_shows_the_result_as_figures(executed: Cells) -> None:
    shown = [o for o in outputs_of(executed, "result = rt.backtest") if "data" in o]
    assert len(shown) == 1
    assert "Sharpe" in "".join(shown[0]["data"]["text/html"])
    assert "Breakout(entry=40, exit=20, stop=3.0): completed" in text_of(shown)


def test_draws_the_plot_inline(executed: Cells) -> None:
    (shown,) = outputs_of(executed, "result.plot()")
    figure = shown["data"]["application/vnd.plotly.v1+json"]
    assert "text/html" in shown["data"]  # what an exported notebook shows
    assert len(figure["data"]) >= 4


def test_lists_trades_and_rejected_orders(executed: Cells) -> None:
    assert "entry_time" in text_of(outputs_of(executed, "result.trades.tail()"))
    assert "below min_notional" in text_of(outputs_of(executed, "small.rejected"))


def test_names_the_mistake_in_a_parameter(executed: Cells) -> None:
    assert "did you mean entry?" in text_of(outputs_of(executed, "entri=30"))


def test_both_forms_fill_alike(executed: Cells) -> None:
    said = text_of(outputs_of(executed, "class EventBreakout"))
    assert said.splitlines() == ["the same fills: True", "the same equity, to the last bit: True"]


def test_what_was_saved_comes_back(executed: Cells) -> None:
    said = text_of(outputs_of(executed, "to_html"))
    assert "read back, the same equity: True" in said
    assert "['breakout.html', 'breakout.json']" in said
