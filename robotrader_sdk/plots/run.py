"""The frames of one run, checked and made ready to be drawn, whole or in part."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from robotrader_sdk.errors import PlotError
from robotrader_sdk.plots.downsample import bars_per_candle, merge_bars

_OVERLAY_SHARE = 0.9
_ENTRY = "entry"


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a figure draws before it merges bars, thins lines and leaves fills out."""

    candles: int = 4_000
    points: int = 2_400
    fills: int = 2_000
    trades: int = 400


@dataclass(frozen=True, slots=True)
class Window:
    """The bars from `first` up to, not including, `end`, so many of them to a candle."""

    first: int
    end: int
    per_candle: int


@dataclass(frozen=True, slots=True)
class Run:
    """All a figure shows. Fills carry `role` (entry or exit) and `pnl` (NaN where unknown)."""

    bars: pd.DataFrame
    fills: pd.DataFrame
    trades: pd.DataFrame
    equity: pd.Series[float]
    buy_hold: pd.Series[float]
    drawdown: pd.Series[float]
    overlays: dict[str, pd.Series[float]]
    panels: dict[str, dict[str, pd.Series[float]]]
    title: str
    volume: bool
    limits: Limits

    def whole(self) -> Window:
        """The window of all bars."""
        return self.window(0, len(self.bars))

    def window(self, first: int, end: int) -> Window:
        """The window of some bars, as many to a candle as its size asks for."""
        return Window(first, end, bars_per_candle(end - first, self.limits.candles))

    def candles(self, window: Window) -> pd.DataFrame:
        """The window's bars, merged."""
        return merge_bars(self.bars.iloc[window.first : window.end], window.per_candle)

    def within(self, window: Window, times: pd.Index) -> npt.NDArray[np.bool_]:
        """Which of the times lie in the window's bars."""
        bar = self.bar_of(times)
        inside: npt.NDArray[np.bool_] = (bar >= window.first) & (bar < window.end)
        return inside

    def bar_of(self, times: pd.Index) -> npt.NDArray[np.int64]:
        """The number of the bar each time falls in, -1 for times before the first."""
        return self.bars.index.searchsorted(times, side="right").astype(np.int64) - 1

    def colour_numbers(self) -> dict[str, int]:
        """A number for each indicator, so that it has one colour everywhere."""
        names = [*self.overlays, *(name for panel in self.panels.values() for name in panel)]
        return {name: number for number, name in enumerate(names)}


def prepare_run(
    bars: pd.DataFrame,
    fills: pd.DataFrame,
    equity: pd.Series[float],
    drawdown: pd.Series[float],
    indicators: Mapping[str, pd.Series[float]],
    trades: pd.DataFrame,
    title: str,
    start_equity: float | None,
    volume: bool,
    limits: Limits | None,
) -> Run:
    """Check the frames and join them; PlotError says which one can't be drawn and why."""
    _require_columns("bars", bars, ("open", "high", "low", "close", *["volume"] * volume))
    if len(bars) == 0:
        raise PlotError("there are no bars to draw; a figure needs at least one")
    if not isinstance(bars.index, pd.DatetimeIndex) or bars.index.tz is None:
        raise PlotError("the bars' index must be a DatetimeIndex in UTC, their open times")
    if len(fills):
        _require_columns("fills", fills, ("time", "side", "price", "quantity"))
    if len(trades):
        _require_columns("trades", trades, ("entry_time", "entry_price", "exit_time", "exit_price"))
    start = float(equity.iloc[0]) if start_equity is None and len(equity) else start_equity
    overlays, panels = _split(indicators, bars["close"])
    return Run(
        bars=bars,
        fills=_with_role_and_pnl(fills, trades),
        trades=_closed(trades),
        equity=equity.astype(float),
        buy_hold=bars["close"] * ((start or 1.0) / float(bars["open"].iloc[0])),
        drawdown=drawdown.astype(float),
        overlays=overlays,
        panels=panels,
        title=title,
        volume=volume,
        limits=limits or Limits(),
    )


def _require_columns(name: str, frame: pd.DataFrame, columns: tuple[str, ...]) -> None:
    missing = [column for column in columns if column not in frame]
    if missing:
        raise PlotError(
            f"{name} lack the columns {', '.join(missing)}; they have {', '.join(frame.columns)}"
        )


def _split(
    indicators: Mapping[str, pd.Series[float]], close: pd.Series[float]
) -> tuple[dict[str, pd.Series[float]], dict[str, dict[str, pd.Series[float]]]]:
    """Indicators that follow the price, and the others by panel: those of one first word."""
    overlays: dict[str, pd.Series[float]] = {}
    panels: dict[str, dict[str, pd.Series[float]]] = {}
    for name, series in indicators.items():
        values = series.astype(float)
        if _follows(values, close):
            overlays[name] = values
        else:
            word = re.match(r"[^\W\d_]+", name)
            panels.setdefault(word[0] if word else name, {})[name] = values
    return overlays, panels


def _follows(values: pd.Series[float], close: pd.Series[float]) -> bool:
    """Whether an indicator is a price: near the close, and in the range of all prices."""
    if len(values) != len(close):
        raise PlotError(
            f"an indicator has {len(values)} values for {len(close)} bars; they must be as many"
        )
    price, value = close.to_numpy(dtype=float), values.to_numpy()
    known = np.isfinite(value) & (price > 0)
    if not known.any():
        return False
    low, high = float(price.min()), float(price.max())
    margin = (high - low) / 2
    ratio = value[known] / price[known]
    near = (ratio > 0.5) & (ratio < 2.0)
    in_range = (value[known] >= low - margin) & (value[known] <= high + margin)
    return float(np.mean(near & in_range)) >= _OVERLAY_SHARE


def _with_role_and_pnl(fills: pd.DataFrame, trades: pd.DataFrame) -> pd.DataFrame:
    """The fills with their role, and with the pnl of the trades each one closed."""
    if len(fills) == 0:
        return pd.DataFrame(
            {"time": pd.DatetimeIndex([], tz="UTC"), "side": [], "price": [], "role": []}
        )
    reason = fills["reason"] if "reason" in fills else pd.Series(_ENTRY, index=fills.index)
    joined = fills.assign(
        reason=reason, role=np.where(reason == _ENTRY, "entry", "exit")
    ).reset_index(drop=True)
    if "pnl" in fills:
        return joined
    if "pnl" not in trades or len(trades) == 0:
        return joined.assign(pnl=np.nan)
    earned = (
        trades.rename(columns={"exit_time": "time", "exit_price": "price"})
        .groupby(["time", "price"])["pnl"]
        .sum()
    )
    joined = joined.join(earned, on=["time", "price"])
    return joined.assign(pnl=joined["pnl"].where(joined["role"] == "exit"))


def _closed(trades: pd.DataFrame) -> pd.DataFrame:
    """The closed trades, with `won` for the colour."""
    if len(trades) == 0 or "pnl" not in trades:
        return pd.DataFrame(columns=["entry_time", "entry_price", "exit_time", "exit_price", "won"])
    closed = trades[trades["exit_time"].notna() & trades["exit_price"].notna()]
    return closed.assign(won=closed["pnl"] > 0)
