"""The figure of a portfolio, interactive and as a picture."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pandas as pd
import pytest

from robotrader_sdk.errors import PlotError
from robotrader_sdk.plots.portfolio import portfolio_figure
from robotrader_sdk.plots.portfolio_static import static_portfolio_figure

FIGURES = [portfolio_figure, static_portfolio_figure]


def frames(n_bars: int = 100, n_symbols: int = 3) -> dict[str, Any]:
    """S0 always long and largest, S1 half as much and short in the second half, ..."""
    index = pd.date_range("2024-01-01", periods=n_bars, freq="D", tz="UTC")
    equity = pd.Series(np.linspace(100.0, 150.0, n_bars), index=index)
    sizes = 0.4 / 2.0 ** np.arange(n_symbols)
    weights = pd.DataFrame(
        np.tile(sizes, (n_bars, 1)), index=index, columns=[f"S{k}" for k in range(n_symbols)]
    )
    if n_symbols > 1:
        weights.iloc[n_bars // 2 :, 1] *= -1.0
    return {
        "equity": equity,
        "benchmark": equity * 0.9,
        "drawdown": equity * 0.0 - 0.1,
        "weights": weights,
        "title": "Momentum(top=3) <b>",
    }


def test_an_area_a_symbol_and_a_side() -> None:
    figure = portfolio_figure(**frames())
    areas = [trace for trace in figure.data if trace.stackgroup]
    assert [(a.name, a.stackgroup, a.showlegend) for a in areas] == [
        ("S0", "long", True),
        ("S1", "long", True),
        ("S1", "short", False),
        ("S2", "long", True),
    ]
    assert areas[1].fillcolor == areas[2].fillcolor != areas[0].fillcolor
    assert min(areas[2].y) == -0.2
    assert max(areas[2].y) == 0.0


def test_the_small_ones_are_drawn_together() -> None:
    figure = portfolio_figure(**frames(n_symbols=12))
    areas = {trace.name: trace for trace in figure.data if trace.stackgroup == "long"}
    assert next(iter(areas)) == "S0"
    assert areas["4 others"].y[0] == pytest.approx(0.4 * sum(2.0**-k for k in range(8, 12)))


def test_symbols_that_were_never_held_are_left_out() -> None:
    some = frames()
    some["weights"]["idle"] = 0.0
    assert "idle" not in [trace.name for trace in portfolio_figure(**some).data]


def test_a_long_run_is_thinned_and_keeps_its_extremes() -> None:
    some = frames(n_bars=50_000)
    some["equity"].iloc[12_345] = 999.0
    figure = portfolio_figure(**some)
    lines = {trace.name: trace for trace in figure.data}
    assert max(len(trace.x) for trace in figure.data) < 2_500
    assert max(lines["Equity"].y) == 999.0


def test_titles_are_text_not_markup() -> None:
    figure = portfolio_figure(**frames())
    assert "&lt;b&gt;" in figure.layout.title.text
    assert figure.layout.title.subtitle.text == "2024-01-01 to 2024-04-09 · 100 bars · 3 symbols"


def test_the_picture_has_the_same_panels() -> None:
    upper, middle, lower = static_portfolio_figure(**frames(n_symbols=12)).axes
    assert upper.get_legend_handles_labels()[1] == ["Equity", "Equal shares, held"]
    assert middle.get_legend_handles_labels()[1] == ["Drawdown"]
    assert lower.get_legend_handles_labels()[1][0] == "S0"
    assert lower.get_legend_handles_labels()[1][-1] == "4 others"


def test_the_picture_can_be_saved() -> None:
    target = io.BytesIO()
    static_portfolio_figure(**frames()).savefig(target, format="png", dpi=40)
    assert target.getvalue().startswith(b"\x89PNG")


@pytest.mark.parametrize("draw", FIGURES)
@pytest.mark.parametrize("n_bars", [1, 2])
def test_very_short_runs(draw: Any, n_bars: int) -> None:
    assert draw(**frames(n_bars=n_bars)) is not None


@pytest.mark.parametrize("draw", FIGURES)
def test_a_run_that_held_nothing(draw: Any) -> None:
    some = frames()
    some["weights"] *= 0.0
    assert draw(**some) is not None


@pytest.mark.parametrize("draw", FIGURES)
def test_no_bars(draw: Any) -> None:
    with pytest.raises(PlotError, match="no bars"):
        draw(**{**frames(), "equity": pd.Series(dtype=float)})
