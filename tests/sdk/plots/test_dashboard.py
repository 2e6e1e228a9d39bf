"""The interactive figure: what it draws, and how it stays small."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pandas as pd
import pytest

from robotrader_sdk.errors import PlotError
from robotrader_sdk.plots.dashboard import result_figure
from robotrader_sdk.plots.run import Limits

from .conftest import MakeRun, make_run


def named(figure: Any, name: str) -> Any:
    (trace,) = [trace for trace in figure.data if trace.name == name]
    return trace


def fill_traces(figure: Any) -> list[Any]:
    return [trace for trace in figure.data if ", e" in trace.name]


def names(figure: Any) -> list[str]:
    return [trace.name for trace in figure.data]


def test_price_equity_and_drawdown_lie_below_each_other_over_one_time_axis(run: MakeRun) -> None:
    figure = result_figure(**run())
    domains = [named(figure, name).yaxis for name in ("Price", "Equity", "Drawdown")]
    assert domains == ["y", "y2", "y3"]
    tops = [figure.layout[f"yaxis{axis[1:]}"].domain[1] for axis in domains]
    assert tops == sorted(tops, reverse=True)
    assert {trace.xaxis for trace in figure.data} == {"x"}
    assert named(figure, "Buy and hold").yaxis == named(figure, "Equity").yaxis
    assert figure.layout.xaxis.rangeslider.visible is False


def test_panels_do_not_overlap_and_stay_inside(run: MakeRun) -> None:
    close = run()["bars"]["close"]
    figure = result_figure(
        **run(indicators={"rsi(14)": close * 0 + 50_000.0, "atr(14)": close * 0.001}), volume=True
    )
    axes = [figure.layout[f"yaxis{n}"] for n in ("", 2, 3, 4, 5, 6)]
    bounds = [edge for axis in axes for edge in (axis.domain[1], axis.domain[0])]
    assert bounds == sorted(bounds, reverse=True)
    assert bounds[0] == 1.0 and bounds[-1] >= 0.0


def test_few_bars_are_drawn_as_they_are(run: MakeRun) -> None:
    frames = run(bars=300)
    candles = named(result_figure(**frames), "Price")
    for column in ("open", "high", "low", "close"):
        assert candles[column].tolist() == frames["bars"][column].tolist()
    times = frames["bars"].index.tz_localize(None)
    assert pd.DatetimeIndex(candles.x).equals(pd.DatetimeIndex(times.as_unit("s")))


def test_many_bars_are_merged_and_keep_the_highest_high_and_the_lowest_low(run: MakeRun) -> None:
    frames = run(bars=10_001)
    figure = result_figure(**frames)
    candles = named(figure, "Price")
    assert len(candles.x) == 3_334
    assert max(candles.high) == frames["bars"]["high"].max()
    assert min(candles.low) == frames["bars"]["low"].min()
    assert "1 candle = 3 bars" in figure.layout.title.subtitle.text
    assert min(named(figure, "Drawdown").y) == frames["drawdown"].min()
    assert max(named(figure, "Equity").y) == frames["equity"].max()


def test_subtitle_of_an_unabridged_run_speaks_of_bars_alone(run: MakeRun) -> None:
    figure = result_figure(**run(bars=300))
    assert figure.layout.title.subtitle.text == "2024-01-01 to 2024-01-13 · 300 bars"


def test_sides_and_roles_of_fills_are_told_apart(run: MakeRun) -> None:
    figure = result_figure(**run())
    looks = {trace.name: (trace.marker.symbol, trace.marker.color) for trace in fill_traces(figure)}
    assert set(looks) == {"Buy, entry", "Sell, exit", "Sell, entry", "Buy, exit"}
    assert len(set(looks.values())) == 4
    assert looks["Buy, entry"][1] == looks["Buy, exit"][1] != looks["Sell, entry"][1]
    assert looks["Buy, entry"][0] == "triangle-up"
    assert looks["Buy, exit"][0] == "triangle-up-open"
    assert looks["Sell, exit"][0] == "triangle-down-open"


def test_fills_lie_at_their_time_and_price(run: MakeRun) -> None:
    frames = run()
    entries = frames["fills"].query("side == 'buy' and reason == 'entry'")
    drawn = named(result_figure(**frames), "Buy, entry")
    assert drawn.y.tolist() == entries["price"].tolist()
    assert pd.DatetimeIndex(drawn.x).tz_localize("UTC").tolist() == entries["time"].tolist()


def test_pointing_at_an_exit_tells_time_price_quantity_reason_and_pnl(run: MakeRun) -> None:
    frames = run()
    text = named(result_figure(**frames), "Sell, exit").text[0]
    trade = frames["trades"].iloc[0]
    assert text == (
        f"Sell, exit 2 @ {trade['exit_price']:,.8g}, {trade['exit_time']:%Y-%m-%d %H:%M}"
        f", stop loss, pnl {trade['pnl']:+,.2f}"
    )


def test_pointing_at_an_entry_tells_no_pnl(run: MakeRun) -> None:
    assert all("pnl" not in text for text in named(result_figure(**run()), "Buy, entry").text)


def test_reversal_tells_its_pnl_at_the_exit_alone(run: MakeRun) -> None:
    frames = run()
    closing = frames["fills"].iloc[[1]]
    opening = closing.assign(reason="entry")
    frames["fills"] = pd.concat([frames["fills"].iloc[[0]], closing, opening])
    figure = result_figure(**frames)
    assert "pnl" in named(figure, "Sell, exit").text[0]
    assert "pnl" not in named(figure, "Sell, entry").text[0]


def test_two_lots_closed_by_one_fill_tell_their_pnl_together(run: MakeRun) -> None:
    frames = run()
    trade = frames["trades"].iloc[[0]]
    frames["trades"] = pd.concat([trade.assign(pnl=1.5), trade.assign(pnl=2.0)])
    assert named(result_figure(**frames), "Sell, exit").text[0].endswith("pnl +3.50")


def test_pnl_that_fills_bring_is_told(run: MakeRun) -> None:
    frames = run()
    frames["fills"] = frames["fills"].assign(pnl=7.25)
    assert named(result_figure(**frames), "Sell, exit").text[0].endswith("pnl +7.25")


def test_merged_candles_carry_their_fills(run: MakeRun) -> None:
    figure = result_figure(**run(bars=9_000, every=101))
    candles = set(named(figure, "Price").x.tolist())
    for name in ("Buy, entry", "Sell, exit"):
        assert set(named(figure, name).x.tolist()) <= candles


def test_too_many_fills_are_thinned_evenly_and_the_subtitle_says_so(run: MakeRun) -> None:
    figure = result_figure(**run(bars=12_000, every=2))
    shown = fill_traces(figure)
    counts = [len(trace.x) for trace in shown]
    assert len(counts) == 4 and max(counts) - min(counts) <= 1
    assert 1_990 <= sum(counts) <= 2_000
    assert f"{sum(counts):,d} of 5,999 fills shown" in figure.layout.title.subtitle.text


def test_rare_kind_of_fill_is_not_thinned_away(run: MakeRun) -> None:
    frames = run(bars=12_000, every=2)
    rare = frames["fills"].index[5:7]
    frames["fills"].loc[frames["fills"]["side"] == "buy", "side"] = "sell"
    frames["fills"].loc[rare, ["side", "reason"]] = ["buy", "exit"]
    assert len(named(result_figure(**frames), "Buy, exit").x) == 2


def test_trades_are_joined_from_entry_to_exit_by_won_and_lost(run: MakeRun) -> None:
    frames = run()
    figure = result_figure(**frames)
    won, lost = named(figure, "Trades won"), named(figure, "Trades lost")
    trades = frames["trades"]
    assert len(won.x) == 3 * int((trades["pnl"] > 0).sum())
    assert len(won.x) + len(lost.x) == 3 * len(trades)
    first = trades[trades["pnl"] > 0].iloc[0]
    assert won.y[:2].tolist() == [first["entry_price"], first["exit_price"]]
    assert np.isnan(won.y[2]) and np.isnat(won.x[2])


def test_open_trade_is_not_joined(run: MakeRun) -> None:
    frames = run()
    still_open = (
        frames["trades"].iloc[[0]].assign(exit_time=pd.NaT, exit_price=np.nan, status="open")
    )
    with_open = result_figure(**frames | {"trades": pd.concat([frames["trades"], still_open])})
    lengths = [len(named(with_open, f"Trades {end}").x) for end in ("won", "lost")]
    assert sum(lengths) == 3 * len(frames["trades"])


def test_more_trades_than_can_be_told_apart_are_not_joined(run: MakeRun) -> None:
    figure = result_figure(**run(bars=3_000, every=3))
    assert len(named(figure, "Trades won").x) == len(named(figure, "Trades lost").x) == 0


@pytest.mark.parametrize("indicator", [1.0, 0.97, 1.4])
def test_indicator_near_the_price_is_drawn_upon_it(run: MakeRun, indicator: float) -> None:
    frames = run(bars=2_000)
    prices = frames["bars"]["close"] * indicator
    span = frames["bars"]["close"].max() - frames["bars"]["close"].min()
    figure = result_figure(**frames | {"indicators": {"line": prices}})
    upon_price = abs(indicator - 1.0) * 100.0 < span
    assert (named(figure, "line").yaxis == "y") == upon_price


def test_average_with_a_warm_up_is_drawn_upon_the_price(run: MakeRun) -> None:
    frames = run()
    mean = frames["bars"]["close"].rolling(100).mean()
    figure = result_figure(**frames | {"indicators": {"sma(100)": mean}})
    assert named(figure, "sma(100)").yaxis == "y"


@pytest.mark.parametrize(
    ("name", "scale", "offset"),
    [("zscore", 0.0, 1.2), ("atr", 0.01, 0.0), ("obv", 5_000.0, 0.0), ("macd", -0.01, 0.5)],
)
def test_indicator_of_another_size_has_a_panel(
    run: MakeRun, name: str, scale: float, offset: float
) -> None:
    frames = run()
    values = frames["bars"]["close"] * scale + offset
    figure = result_figure(**frames | {"indicators": {name: values}})
    assert named(figure, name).yaxis == "y2"
    assert named(figure, "Equity").yaxis == "y3"


def test_range_of_a_price_that_multiplied_has_a_panel(run: MakeRun) -> None:
    frames = run()
    grown = np.geomspace(1.0, 100.0, len(frames["bars"]))
    frames["bars"][["open", "high", "low", "close"]] = np.column_stack([grown] * 4)
    frames["indicators"] = {"atr(14)": frames["bars"]["close"] * 0.02}
    assert named(result_figure(**frames), "atr(14)").yaxis == "y2"


def test_indicators_of_one_family_share_a_panel(run: MakeRun) -> None:
    zero = run()["bars"]["close"] * 0.0
    indicators = {"macd": zero, "macd_signal": zero + 1.0, "rsi(14)": zero + 5_000.0}
    figure = result_figure(**run(indicators=indicators))
    axes = [named(figure, name).yaxis for name in indicators]
    assert axes == ["y2", "y2", "y3"]
    colours = {named(figure, name).line.color for name in indicators}
    assert len(colours) == 3


def test_indicator_that_is_all_nan_or_boolean_is_drawn(run: MakeRun) -> None:
    close = run()["bars"]["close"]
    figure = result_figure(**run(indicators={"a": close * np.nan, "b": close > close.shift()}))
    assert {"a", "b"} <= set(names(figure))


def test_volume_is_drawn_when_asked_for(run: MakeRun) -> None:
    assert "Volume" not in names(result_figure(**run()))
    frames = run(bars=9_000)
    volume = named(result_figure(**frames, volume=True), "Volume")
    assert sum(volume.y) == pytest.approx(frames["bars"]["volume"].sum())


def test_buy_and_hold_starts_from_the_starting_equity_at_the_first_open(run: MakeRun) -> None:
    frames = run()
    held = named(result_figure(**frames), "Buy and hold")
    bars = frames["bars"]
    assert held.y[-1] == pytest.approx(1_000.0 * bars["close"].iloc[-1] / bars["open"].iloc[0])


def test_run_without_fills_and_trades(run: MakeRun) -> None:
    frames = run()
    for fills, trades in [
        (frames["fills"].iloc[:0], frames["trades"].iloc[:0]),
        (pd.DataFrame(), pd.DataFrame()),
    ]:
        figure = result_figure(**frames | {"fills": fills, "trades": trades, "indicators": {}})
        drawn = [name for name in names(figure) if not name.startswith("Trades")]
        assert drawn == ["Price", "Buy and hold", "Equity", "Drawdown"]


def test_one_bar(run: MakeRun) -> None:
    figure = result_figure(**run(bars=1))
    assert len(named(figure, "Price").x) == 1
    assert figure.layout.title.subtitle.text.endswith("· 1 bar")
    start, end = (np.datetime64(edge) for edge in figure.layout.xaxis.range)
    assert start < named(figure, "Price").x[0] < end


def test_fills_without_reasons_are_drawn_as_entries(run: MakeRun) -> None:
    frames = run()
    frames["fills"] = frames["fills"][["time", "side", "price", "quantity"]]
    drawn = {trace.name for trace in fill_traces(result_figure(**frames))}
    assert drawn == {"Buy, entry", "Sell, entry"}


def test_title_is_text_and_not_markup(run: MakeRun) -> None:
    figure = result_figure(**run(title="Mine(<b>&</b>)"))
    assert "Mine(&lt;b&gt;&amp;&lt;/b&gt;)" in figure.layout.title.text


def test_frames_are_not_changed(run: MakeRun) -> None:
    frames = run()
    before = {name: frames[name].copy() for name in ("bars", "fills", "trades", "equity")}
    result_figure(**frames)
    for name, frame in before.items():
        assert frame.equals(frames[name])


def test_a_million_bars_make_a_small_page_fast() -> None:
    bars = 1_000_000
    frames = make_run(bars=bars, every=50, freq="1min")
    close = frames["bars"]["close"]
    frames["indicators"] = {"sma(30)": close.rolling(30).mean(), "rsi(14)": close * 0 + 5_000.0}
    began = time.process_time()
    figure = result_figure(**frames)
    page = figure.to_html(include_plotlyjs=True)
    took = time.process_time() - began
    assert "1 candle = 250 bars" in figure.layout.title.subtitle.text
    assert max(len(trace.x) for trace in figure.data) <= 4_000
    assert len(page) < 6_000_000
    assert took < 2.0


def test_limits_can_be_chosen(run: MakeRun) -> None:
    figure = result_figure(**run(bars=300, every=4), limits=Limits(candles=50, points=20, fills=8))
    assert len(named(figure, "Price").x) == 50
    assert len(named(figure, "Equity").x) <= 22
    assert sum(len(trace.x) for trace in fill_traces(figure)) == 8


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"bars": make_run(5)["bars"].iloc[:0]}, "no bars"),
        ({"bars": make_run(5)["bars"].drop(columns=["low", "high"])}, "lack the columns high, low"),
        ({"bars": make_run(5)["bars"].reset_index(drop=True)}, "DatetimeIndex in UTC"),
        ({"bars": make_run(5)["bars"].tz_localize(None)}, "DatetimeIndex in UTC"),
        ({"fills": pd.DataFrame({"time": [1]})}, "fills lack the columns side, price, quantity"),
        ({"trades": pd.DataFrame({"pnl": [1.0]})}, "trades lack the columns entry_time"),
        ({"indicators": {"x": pd.Series([1.0, 2.0])}}, "2 values for 300 bars"),
    ],
)
def test_what_can_not_be_drawn_is_an_error(
    run: MakeRun, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(PlotError, match=message):
        result_figure(**run() | changes)


def test_volume_of_bars_without_volume_is_an_error(run: MakeRun) -> None:
    frames = run()
    frames["bars"] = frames["bars"].drop(columns="volume")
    result_figure(**frames)
    with pytest.raises(PlotError, match="lack the columns volume"):
        result_figure(**frames, volume=True)
