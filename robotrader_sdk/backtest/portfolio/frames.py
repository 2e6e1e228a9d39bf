"""A portfolio's positions, and what each symbol did to the result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from robotrader_sdk.backtest.perpetual import FUNDING
from robotrader_sdk.backtest.portfolio.market import Market
from robotrader_sdk.backtest.portfolio.tables import Numbers
from robotrader_sdk.trading.book import Table
from robotrader_sdk.trading.instrument import steps_per_unit
from robotrader_sdk.types import Side

if TYPE_CHECKING:
    from robotrader_sdk.backtest.portfolio.result import PortfolioResult

Floats = NDArray[np.float64]


def symbol_column(numbers: Numbers, symbols: tuple[str, ...]) -> pd.Index:
    """The names of symbols by number, as a column."""
    kind = pd.CategoricalDtype(pd.Index(list(symbols)))
    return pd.CategoricalIndex(pd.Categorical.from_codes(numbers, dtype=kind))


def quantities(fills: Table, fill_symbols: Numbers, shape: tuple[int, int]) -> Floats:
    """What is held of each symbol at each close, signed, base units; shape (times, symbols)."""
    held = np.zeros((shape[0] + 1, shape[1]))
    last = np.zeros((shape[0] + 1, shape[1]), np.int64)
    held[fills["bar"] + 1, fill_symbols] = fills["position"]  # of several in one bar the last
    last[fills["bar"] + 1, fill_symbols] = fills["bar"] + 1
    last = np.maximum.accumulate(last, axis=0)
    return np.take_along_axis(held, last, axis=0)[1:]


def positions_frame(
    held: Floats, closes: Floats, equity: Floats, index: pd.DatetimeIndex, symbols: tuple[str, ...]
) -> pd.DataFrame:
    """One row for each time and symbol held: symbol, quantity (signed, base), value (quote).

    exposure is value / equity. The index is the open_time of the bar at whose close it is so.
    """
    times, numbers = np.nonzero(held)
    value = held[times, numbers] * closes[times, numbers]
    return pd.DataFrame(
        {
            "symbol": symbol_column(numbers, symbols),
            "quantity": held[times, numbers],
            "value": value,
            "exposure": value / equity[times],
        },
        index=index[times],
    )


def attribution_frame(
    result: PortfolioResult, held: Floats, closes: Floats, fee_in_base: NDArray[np.bool_]
) -> pd.DataFrame:
    """One row a symbol: what it earned and cost, how much it was traded and held.

    pnl: quote, after fees and funding, what is held being worth its last close; the symbols'
    add up to the run's. fees: quote. funding: quote, paid; below 0: received. turnover: traded
    notional / mean equity of the run, both sides. exposure: mean over all bars of |value| /
    equity; a bar whose equity is 0 or less counts as 0. n_trades: closed ones.
    """
    symbols, equity, lots = result.symbols, result.equity_values, result.lot_table
    fills, of_fills = result.fill_table, result.fill_symbols
    value = fills["quantity"] * fills["price"]
    in_base = fee_in_base[of_fills] & (fills["side"] == Side.BUY.value)
    from_cash = np.where(in_base, 0.0, fills["fee"])

    def per_symbol(values: Any, numbers: Numbers = of_fills) -> Floats:
        return np.bincount(numbers, values, minlength=len(symbols)).astype(np.float64)

    funding = np.zeros(0, FUNDING) if result.funding_table is None else result.funding_table
    due = funding["rate"] * funding["mark"] * funding["quantity"]
    paid = per_symbol(due, result.funding_symbols)
    flows = per_symbol(-fills["side"] * value - from_cash)
    solvent = equity > 0.0
    shares = np.abs(held[solvent] * closes[solvent]) / equity[solvent, np.newaxis]
    return pd.DataFrame(
        {
            "pnl": flows + held[-1] * closes[-1] - paid,
            "fees": per_symbol(fills["fee"]),
            "funding": paid,
            "turnover": per_symbol(value) / equity.mean(),
            "exposure": shares.sum(axis=0) / len(equity),
            "n_trades": np.bincount(
                result.lot_symbols[lots["closed"] == 1], minlength=len(symbols)
            ),
        },
        index=pd.Index(symbols, name="symbol"),
    )


def with_prices(orders: Table, tick_sizes: Floats) -> Table:
    """Orders whose limits and stops are prices instead of ticks; `tick_sizes` has one an order."""
    priced = orders.copy()
    for size in np.unique(tick_sizes[tick_sizes > 0.0]).tolist():
        own, per_unit = tick_sizes == size, steps_per_unit(size)
        for name in ("limit", "stop"):
            steps = priced[name][own]
            priced[name][own] = steps / per_unit if per_unit else steps * size
    return priced


def basket_bars(market: Market, cash: float) -> pd.DataFrame:
    """The cash split equally and held in each symbol from its first bar, as bars.

    Bought at the open of that bar, without costs; what is delisted stays worth its last close.
    """
    numbers = np.arange(len(market.panel))
    first_bars = np.array([places[0] for places in market.panel.places])
    started = np.arange(len(market.close))[:, np.newaxis] >= first_bars
    growth = market.close / market.open[first_bars, numbers]
    close = np.where(started, growth, 1.0).mean(axis=1) * cash
    opened = np.concatenate([[cash], close[:-1]])
    prices: dict[str, Floats] = {
        "open": opened,
        "high": np.maximum(opened, close),
        "low": np.minimum(opened, close),
        "close": close,
        "volume": np.full(len(close), np.nan),
    }
    return pd.DataFrame(prices, index=market.panel.index)
