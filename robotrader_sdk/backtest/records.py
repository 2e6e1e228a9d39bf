"""The tables of a run, as frames for people: words for codes, times for bar numbers."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from robotrader_sdk.trading.instrument import Instrument, steps_per_unit
from robotrader_sdk.trading.order import NEVER, Purpose, RejectReason
from robotrader_sdk.types import Direction, Liquidity, OrderStatus, OrderType, Side

Table = NDArray[Any]
Closes = float | NDArray[np.float64]


def fills_frame(fills: Table, index: pd.DatetimeIndex) -> pd.DataFrame:
    """One row a fill, in the order they happened.

    time: open_time of the bar; order: row in the orders; side; price (quote); quantity (base);
    fee (quote); liquidity; reason; funding (of a perpetual, paid since the fill before it);
    margin (of a perpetual, posted for the position), cash and position (signed, base) after it.
    """
    return pd.DataFrame(
        {
            "time": _times(fills["bar"], index),
            "order": fills["order"].astype(np.int64),
            "side": _words(fills["side"], Side),
            "price": fills["price"],
            "quantity": fills["quantity"],
            "fee": fills["fee"],
            "liquidity": _words(fills["liquidity"], Liquidity),
            "reason": _words(fills["purpose"], Purpose),
            "funding": np.diff(fills["funding"], prepend=0.0),
            "margin": fills["margin"],
            "cash": fills["cash"],
            "position": fills["position"],
        }
    )


def orders_frame(orders: Table, index: pd.DatetimeIndex, instrument: Instrument) -> pd.DataFrame:
    """One row an order, protection included, in the order they were made.

    time: open_time of the bar at whose close it was decided, or whose fill it protects; side;
    type; reason; quantity (base; NaN if never resolved); limit_price and stop_price (NaN: none;
    of a trailing stop the last); valid_until (NaT: until cancelled); status; end_time (NaT:
    still working); fill_price; reject_reason.
    """
    return pd.DataFrame(
        {
            "time": _times(orders["created"], index),
            "side": _words(orders["side"], Side),
            "type": _words(orders["type"], OrderType),
            "reason": _words(orders["purpose"], Purpose),
            "quantity": orders["quantity"],
            "limit_price": _prices(orders["limit"], instrument),
            "stop_price": _prices(orders["stop"], instrument),
            "valid_until": _times(np.where(orders["last"] == NEVER, -1, orders["last"]), index),
            "status": _words(orders["status"], OrderStatus),
            "end_time": _times(orders["ended"], index),
            "fill_price": orders["fill_price"],
            "reject_reason": _words(orders["reject_reason"], RejectReason),
        }
    ).rename_axis("order")


def rejected_frame(orders: pd.DataFrame) -> pd.DataFrame:
    """The orders that were refused: time of the refusal, reason, and what was asked for."""
    refused = orders[orders["status"] == "rejected"]
    asked = refused[["side", "type", "quantity", "limit_price", "stop_price"]]
    head = pd.DataFrame({"time": refused["end_time"], "reason": refused["reject_reason"]})
    return pd.concat([head, asked], axis=1)


def trades_frame(
    lots: Table, orders: Table, index: pd.DatetimeIndex, last_close: Closes, last_bar: int
) -> pd.DataFrame:
    """One row a trade, in the order of entry; open ones last to the end and have no exit.

    direction; quantity (base); entry_time, entry_price, exit_time, exit_price (of several exits
    the mean); fees (quote, both sides); funding (of a perpetual, paid in quote; below 0:
    received); margin (of a perpetual, posted at the entry); pnl (quote, after fees and funding;
    of an open one at the last close); return (pnl / entry notional); bars_held; entry_reason (the
    type of the entry order); exit_reason; status; ambiguous (its bar could not tell stop-loss from
    take-profit).
    """
    closed = lots["closed"] == 1
    pnl = trade_pnl(lots, last_close)
    exit_quantity = np.where(closed, lots["exit_quantity"], np.nan)
    exit_bar = np.where(closed, lots["exit_bar"], -1)
    reasons = _words(np.where(closed, lots["exit_purpose"], -1), Purpose)
    return pd.DataFrame(
        {
            "direction": _words(lots["direction"], Direction),
            "quantity": lots["entry_quantity"],
            "entry_time": _times(lots["entry_bar"], index),
            "entry_price": lots["entry_price"],
            "exit_time": _times(exit_bar, index),
            "exit_price": lots["exit_value"] / exit_quantity,
            "fees": lots["entry_fee"] + lots["exit_fee"],
            "funding": lots["funding"],
            "margin": lots["margin"],
            "pnl": pnl,
            "return": pnl / (lots["entry_quantity"] * lots["entry_price"]),
            "bars_held": np.where(closed, lots["exit_bar"], np.int64(last_bar)) - lots["entry_bar"],
            "entry_reason": _words(orders["type"][lots["order"]], OrderType),
            "exit_reason": reasons,
            "status": _categories(closed.astype(np.int8), ["open", "closed"]),
            "ambiguous": lots["ambiguous"] == 1,
        }
    )


def trade_pnl(lots: Table, last_close: Closes) -> NDArray[np.float64]:
    """What each lot earned after fees, what is still held being worth the last close.

    `last_close` is one price, or one a lot.
    """
    value = lots["exit_value"] + lots["quantity"] * last_close
    quantity = lots["exit_quantity"] + lots["quantity"]
    gross = lots["direction"] * (value - lots["entry_price"] * quantity)
    pnl: NDArray[np.float64] = gross - lots["entry_fee"] - lots["exit_fee"] - lots["funding"]
    return pnl


def positions_frame(
    fills: Table, index: pd.DatetimeIndex, close: NDArray[np.float64], equity: NDArray[np.float64]
) -> pd.DataFrame:
    """The position at each close: quantity (signed, base), value (quote) and exposure.

    exposure is value / equity.
    """
    quantity = np.zeros(len(equity))
    if len(fills):
        after = np.concatenate([[0.0], fills["position"]])
        quantity = after[np.searchsorted(fills["bar"], np.arange(len(equity)), side="right")]
    value = quantity * close[: len(equity)]
    return pd.DataFrame(
        {"quantity": quantity, "value": value, "exposure": value / equity},
        index=index[: len(equity)],
    )


def _words(codes: NDArray[Any], words: type[IntEnum]) -> pd.Categorical:
    """Codes as their labels; -1 where a code has none."""
    members = list(words)
    values = np.array([member.value for member in members])
    order = np.argsort(values)
    place = np.searchsorted(values[order], codes).clip(0, len(values) - 1)
    found = np.where(values[order][place] == codes, order[place], -1)
    labels = [member.label for member in members]  # type: ignore[attr-defined]  # ours have one
    return _categories(found, labels)


def _categories(codes: NDArray[Any], words: list[str]) -> pd.Categorical:
    kind = pd.CategoricalDtype(pd.Index(words))
    categories: pd.Categorical = pd.Categorical.from_codes(codes, dtype=kind)
    return categories


def _times(bars: NDArray[np.int64], index: pd.DatetimeIndex) -> pd.DatetimeIndex:
    """The open_time of each bar; NaT for -1, extrapolated by one bar's length past the end."""
    clipped = np.clip(bars, 0, len(index) - 1)
    times = pd.Series(index.take(clipped))
    beyond = bars - clipped
    if (bars >= len(index)).any():
        step = index[-1] - index[-2] if len(index) > 1 else pd.Timedelta(0)
        times = times + pd.to_timedelta(np.maximum(beyond, 0) * step)
    return pd.DatetimeIndex(times.where(bars >= 0))


def _prices(steps: NDArray[np.float64], instrument: Instrument) -> NDArray[np.float64]:
    size = instrument.tick_size
    if size == 0.0:
        return steps.copy()
    per_unit = steps_per_unit(size)
    return steps / per_unit if per_unit else steps * size
