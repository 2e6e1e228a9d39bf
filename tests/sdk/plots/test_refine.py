"""The figure that is drawn anew for the span zoomed to."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import pytest

from robotrader_sdk.plots.refine import refining_figure
from robotrader_sdk.plots.run import Limits

from .conftest import Frames, MakeRun

LIMITS = Limits(candles=100, points=100, fills=40, trades=30)


@pytest.fixture
def frames(run: MakeRun) -> Frames:
    return run(bars=3_000, every=10)


@pytest.fixture
def widget(frames: Frames) -> Any:
    return refining_figure(**frames, limits=LIMITS)


def trace(figure: Any, name: str) -> Any:
    (found,) = [some for some in figure.data if some.name == name]
    return found


def test_zooming_in_shows_the_bars_themselves(widget: Any, frames: Frames) -> None:
    assert isinstance(widget, go.FigureWidget)
    assert "1 candle = 30 bars" in widget.layout.title.subtitle.text
    widget.layout.xaxis.range = ["2024-02-01 00:00", "2024-02-03 00:00"]
    shown = frames["bars"].loc["2024-01-31 23:00":"2024-02-03 01:00"]
    assert trace(widget, "Price").high.tolist() == shown["high"].tolist()
    assert trace(widget, "Equity").y.tolist() == frames["equity"].loc[shown.index].tolist()
    assert "candle" not in widget.layout.title.subtitle.text
    assert "51 bars" in widget.layout.title.subtitle.text


def test_zooming_half_way_merges_fewer_bars(widget: Any, frames: Frames) -> None:
    widget.layout.xaxis.range = ["2024-02-01", "2024-02-21"]
    assert "1 candle = 5 bars" in widget.layout.title.subtitle.text
    shown = frames["bars"].loc["2024-01-31 23:00":"2024-02-21 01:00"]
    assert max(trace(widget, "Price").high) == shown["high"].max()


def test_zooming_in_shows_fills_and_trades_left_out_before(widget: Any, frames: Frames) -> None:
    assert "39 of 299 fills shown" in widget.layout.title.subtitle.text
    assert len(trace(widget, "Trades won").x) == 0
    widget.layout.xaxis.range = ["2024-02-01", "2024-02-06"]
    inside = frames["fills"].set_index("time").loc["2024-01-31 23:00":"2024-02-06 01:00"]
    markers = [some for some in widget.data if ", e" in some.name]
    assert sum(len(some.x) for some in markers) == len(inside)
    assert len(trace(widget, "Trades won").x) + len(trace(widget, "Trades lost").x) > 0


def test_browser_reports_each_end_on_its_own(widget: Any) -> None:
    widget.plotly_relayout(
        {"xaxis.range[0]": "2024-02-01 00:00:00.1234", "xaxis.range[1]": "2024-02-03"}
    )
    assert "50 bars" in widget.layout.title.subtitle.text


def test_autorange_shows_all_again_each_time(widget: Any) -> None:
    for _ in range(2):
        widget.layout.xaxis.range = ["2024-02-01", "2024-02-03"]
        widget.plotly_relayout({"xaxis.autorange": True})
        assert "3,000 bars · 1 candle = 30 bars" in widget.layout.title.subtitle.text
        assert len(trace(widget, "Price").x) == 100


@pytest.mark.parametrize(
    ("span", "bars"),
    [
        (["1990-01-01", "1990-02-01"], "1 bar"),
        (["2090-01-01", "2090-02-01"], "1 bar"),
        (["1990-01-01", "2090-01-01"], "3,000 bars"),
        (["no time", "-90000-01-01"], "3,000 bars"),
        (["2024-02-01 00:10", "2024-02-01 00:20"], "2 bars"),
    ],
)
def test_span_outside_the_bars_or_within_one(widget: Any, span: list[str], bars: str) -> None:
    widget.layout.xaxis.range = span
    assert f"· {bars}" in widget.layout.title.subtitle.text


def test_run_that_is_drawn_unabridged_is_a_plain_figure(run: MakeRun) -> None:
    figure = refining_figure(**run(bars=200))
    assert isinstance(figure, go.Figure) and not isinstance(figure, go.FigureWidget)


def test_widget_shows_what_the_figure_shows(widget: Any, frames: Frames) -> None:
    from robotrader_sdk.plots.dashboard import result_figure

    figure = result_figure(**frames, limits=LIMITS)
    assert widget.to_plotly_json()["layout"] == figure.to_plotly_json()["layout"]
    assert [some.name for some in widget.data] == [some.name for some in figure.data]


def test_times_of_the_widget_are_those_of_the_bars(widget: Any, frames: Frames) -> None:
    widget.layout.xaxis.range = ["2024-02-01", "2024-02-02"]
    times = pd.DatetimeIndex(trace(widget, "Price").x).tz_localize("UTC")
    assert times.isin(frames["bars"].index).all()


def test_browser_is_told_to_measure_again_each_time_it_shows_the_widget(widget: Any) -> None:
    told = []
    widget.observe(lambda change: told.append(change["new"]), "_py2js_relayout")
    for views, expected in [(1, [True]), (2, [None, True]), (1, []), (2, [None, True])]:
        told.clear()
        widget._view_count = views  # as the page sets it
        assert [sent["relayout_data"]["autosize"] for sent in told if sent] == expected


def test_without_anywidget_it_is_the_plain_figure() -> None:
    program = """
import sys
sys.modules["anywidget"] = None  # as if it were not installed
import numpy as np, pandas as pd
from robotrader_sdk.plots.refine import refining_figure
index = pd.date_range("2024-01-01", periods=5_000, freq="1min", tz="UTC")
price = pd.Series(np.linspace(1.0, 2.0, 5_000), index=index)
bars = pd.DataFrame(dict.fromkeys(["open", "high", "low", "close", "volume"], price))
figure = refining_figure(bars, pd.DataFrame(), price, price * 0, {}, pd.DataFrame(), "run")
print(type(figure).__name__, len(figure.data[0].x))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["RunFigure", "2500"]
