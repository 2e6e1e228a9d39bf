"""The picture of a run."""

from __future__ import annotations

import io
import subprocess
import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import LineCollection, PathCollection

from robotrader_sdk.errors import PlotError
from robotrader_sdk.plots.static import static_figure

from .conftest import MakeRun


def picture(figure: Any) -> bytes:
    target = io.BytesIO()
    figure.savefig(target, format="png", dpi=40)
    return target.getvalue()


def labels(axes: Any) -> list[str]:
    return list(axes.get_legend_handles_labels()[1])


def test_panels_lie_below_each_other(run: MakeRun) -> None:
    frames = run()
    frames["indicators"]["rsi(14)"] = frames["bars"]["close"] * 0 + 5_000.0
    figure = static_figure(**frames, volume=True)
    price, volume, rsi, equity, drawdown = figure.axes
    fills = ["Buy, entry", "Sell, exit", "Sell, entry", "Buy, exit"]
    assert labels(price) == ["sma(10)", *fills]
    assert labels(volume) == ["Volume"]
    assert labels(rsi) == ["rsi(14)"]
    assert labels(equity) == ["Equity", "Buy and hold"]
    assert labels(drawdown) == ["Drawdown"]
    assert price.get_title(loc="left") == "SmaCross(fast=10)"
    assert picture(figure).startswith(b"\x89PNG")


def test_candles_reach_from_low_to_high(run: MakeRun) -> None:
    frames = run(bars=4_003)
    price = static_figure(**frames).axes[0]
    (wicks,) = [some for some in price.collections if isinstance(some, LineCollection)]
    ends = np.array([segment[:, 1] for segment in wicks.get_segments()])
    assert len(ends) <= 500
    assert ends[:, 1].max() == frames["bars"]["high"].max()
    assert ends[:, 0].min() == frames["bars"]["low"].min()
    assert "1 candle = 9 bars" in price.texts[0].get_text()


def test_fills_lie_at_their_price_and_exits_are_hollow(run: MakeRun) -> None:
    frames = run()
    price = static_figure(**frames).axes[0]
    drawn = {
        some.get_label(): some for some in price.collections if isinstance(some, PathCollection)
    }
    entries = frames["fills"].query("side == 'buy' and reason == 'entry'")
    heights = np.asarray(drawn["Buy, entry"].get_offsets())[:, 1]
    assert heights.tolist() == entries["price"].tolist()
    assert len(drawn["Buy, entry"].get_facecolor()) == 1
    assert len(drawn["Buy, exit"].get_facecolor()) == 0


def test_drawdown_is_drawn_to_its_depth(run: MakeRun) -> None:
    frames = run(bars=9_000)
    line = static_figure(**frames).axes[-1].lines[0]
    assert min(line.get_ydata()) == frames["drawdown"].min()


@pytest.mark.parametrize("bars", [1, 2])
def test_hardly_any_bars_and_no_fills_are_drawn(run: MakeRun, bars: int) -> None:
    frames = run(bars=bars)
    nothing = {"fills": pd.DataFrame(), "trades": pd.DataFrame(), "indicators": {}}
    figure = static_figure(**frames | nothing)
    assert len(figure.axes) == 3
    assert picture(figure).startswith(b"\x89PNG")


def test_prices_that_never_move_are_drawn(run: MakeRun) -> None:
    frames = run(bars=50)
    frames["bars"][["open", "high", "low", "close"]] = 100.0
    assert picture(static_figure(**frames)).startswith(b"\x89PNG")


def test_dollar_signs_are_text(run: MakeRun) -> None:
    frames = run(title="Mine($x, $\\nothing)")
    frames["indicators"] = {"level$\\nothing$": frames["bars"]["close"]}
    assert picture(static_figure(**frames)).startswith(b"\x89PNG")


def test_no_bars_are_an_error(run: MakeRun) -> None:
    with pytest.raises(PlotError, match="no bars"):
        static_figure(**run(bars=3) | {"bars": run(bars=3)["bars"].iloc[:0]})


def test_a_notebook_shows_it_as_a_picture(run: MakeRun) -> None:
    assert static_figure(**run())._repr_png_().startswith(b"\x89PNG")


def test_pyplot_is_neither_used_nor_changed() -> None:
    program = """
import sys
import numpy as np, pandas as pd
from robotrader_sdk.plots.static import static_figure
index = pd.date_range("2024-01-01", periods=50, freq="1min", tz="UTC")
price = pd.Series(np.linspace(1.0, 2.0, 50), index=index)
bars = pd.DataFrame(dict.fromkeys(["open", "high", "low", "close", "volume"], price))
figure = static_figure(bars, pd.DataFrame(), price, price * 0, {}, pd.DataFrame(), "run")
figure.savefig(sys.argv[1])
print("matplotlib.pyplot" in sys.modules, "plotly" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", program, "/dev/null"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout.split() == ["False", "False"]
