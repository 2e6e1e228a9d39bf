"""A single-symbol strategy on a panel: every symbol with its share of the cash, as if alone.

Each symbol is a run of its own (`backtest.runs`) with cash / number of symbols; no money moves
between them. What is delisted is closed at its last close; from then on its share is cash.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robotrader_sdk.backtest.config import BacktestConfig
from robotrader_sdk.backtest.perpetual import PerpetualData
from robotrader_sdk.backtest.portfolio.market import Market
from robotrader_sdk.backtest.portfolio.result import PortfolioResult
from robotrader_sdk.backtest.portfolio.tables import BookTables, joined, log_of
from robotrader_sdk.backtest.result import BacktestResult
from robotrader_sdk.backtest.runs import run
from robotrader_sdk.backtest.steps import Steps
from robotrader_sdk.errors import RobotraderError
from robotrader_sdk.strategy.base import Strategy
from robotrader_sdk.trading.book import Book, Table, end_order, new_ledger, new_tables, opened
from robotrader_sdk.trading.margin import Perpetual
from robotrader_sdk.trading.matching import match_open
from robotrader_sdk.trading.order import Purpose
from robotrader_sdk.trading.placing import append_order
from robotrader_sdk.types import OrderStatus, OrderType, Side


def run_split(strategy: Strategy, market: Market, config: BacktestConfig) -> PortfolioResult:
    """Run a single-symbol strategy on each symbol of a panel.

    Whatever a run raises names its symbol.
    """
    panel, share = market.panel, config.cash / len(market.panel)
    terms = market.terms(take_profit_first=False)
    results = []
    for number, symbol in enumerate(panel.symbols):
        own = replace(market.configs[number], cash=share)
        data = market.perpetuals[number]
        alone = _run_alone(strategy, symbol, market, own, data)
        if market.last_bars[number] < len(panel.index) - 1:
            rules = None if data is None else data.rules
            alone = closed_at_end(alone, terms[number], rules)
        results.append(alone)
    books = [BookTables(r.order_table, r.lot_table, r.fill_table, r.funding_table) for r in results]
    return PortfolioResult.of_account(
        strategy=repr(strategy),
        params=strategy.params,
        config=config,
        market=market,
        tables=joined(books, panel.places, log_of(books, panel.places)),
        equity=_total(results, market, share),
        rebalancing=f"each symbol traded alone with 1/{len(panel)} of the cash",
        pending_weights=np.full(len(panel), np.nan),
        untraded_weights=np.zeros(len(panel), np.int64),
        **_summed(results, market),
    )


def closed_at_end(result: BacktestResult, terms: Table, perp: Perpetual | None) -> BacktestResult:
    """A run whose open position is closed at the last close, by a taker, as delisted."""
    if result.status == "ruined" or len(result.equity_values) < len(result.bars):
        return result
    bar, close = len(result.bars) - 1, float(result.bars["close"].iloc[-1])
    book = _reopened(result, close, terms)
    for row in np.flatnonzero(book.orders["status"] == OrderStatus.WORKING.value):
        end_order(book, int(row), OrderStatus.CANCELLED.value, bar)
    held = float(book.position["held"])
    if held != 0.0:
        side = Side.SELL.value if held > 0.0 else Side.BUY.value
        append_order(book, bar, side, OrderType.MARKET.value, Purpose.DELISTED.value)
        match_open(book, bar, close, True, perp)
    position = book.position
    equity = result.equity_values.copy()
    equity[-1] = float(book.ledger["cash"]) + (
        position["quantity"] * close - position["entry_value"]
    )
    cost = equity[-1] - result.equity_values[-1]
    return replace(
        result,
        order_table=book.orders[: position["n_orders"]],
        lot_table=book.lots[: position["n_lots"]],
        fill_table=book.fills[: position["n_fills"]],
        equity_values=equity,
        pnl_pessimistic=result.pnl_pessimistic + cost,
        pnl_optimistic=result.pnl_optimistic + cost,
    )


def _run_alone(
    strategy: Strategy,
    symbol: str,
    market: Market,
    config: BacktestConfig,
    perpetual: PerpetualData | None,
) -> BacktestResult:
    frame = market.panel[symbol]
    try:
        return run(strategy, frame, config, Steps(frame), perpetual)
    except RobotraderError as error:
        error.args = (f"{symbol}: {error}", *error.args[1:])
        raise


def _reopened(result: BacktestResult, close: float, terms: Table) -> Book:
    """The book a run ended with, with room for one order more; its last close is known."""
    orders, lots, fills = result.order_table, result.lot_table, result.fill_table
    rows = 2 * (max(len(orders), len(lots), len(fills)) + 4)
    book = opened(new_tables(new_ledger(0.0), terms, rows=rows))
    position = book.position
    for table, used in ((book.orders, orders), (book.lots, lots), (book.fills, fills)):
        table[: len(used)] = used
    position["n_orders"], position["n_lots"] = len(orders), len(lots)
    position["n_fills"] = len(fills)
    open_rows = np.flatnonzero(lots["closed"] == 0)
    book.open_lots[: len(open_rows)] = open_rows
    position["n_open"] = len(open_rows)
    held = lots[open_rows]
    position["held"] = (held["direction"] * held["quantity"]).sum()
    position["quantity"] = fills["position"][-1] if len(fills) else 0.0
    if terms["perpetual"][0]:
        position["entry_value"] = (held["direction"] * held["quantity"] * held["entry_price"]).sum()
    worth = position["quantity"] * close - position["entry_value"]
    book.ledger["cash"] = result.equity_values[-1] - worth
    return book


def _total(results: list[BacktestResult], market: Market, share: float) -> NDArray[np.float64]:
    """The sum of the accounts on the panel's timeline; before its first bar each is its share."""
    total = np.zeros(len(market.panel.index))
    for result, places in zip(results, market.panel.places, strict=True):
        before_and_then = np.concatenate([[share], result.equity_values])
        known = np.searchsorted(places, np.arange(len(total)), side="right")
        total += before_and_then[np.minimum(known, len(result.equity_values))]
    return total


def _summed(results: list[BacktestResult], market: Market) -> dict[str, Any]:
    """The fields of the whole that are sums, or lines on the panel's timeline."""
    indicators = {}
    for symbol, result, places in zip(
        market.panel.symbols, results, market.panel.places, strict=True
    ):
        for name, values in result.indicators.items():
            line = np.full(len(market.panel.index), np.nan)
            line[places[: len(values)]] = values
            indicators[f"{symbol} {name}"] = line
    return {
        "indicators": indicators,
        "warmup_bars": max(result.warmup_bars for result in results),
        "n_ambiguous": sum(result.n_ambiguous for result in results),
        "n_conflicts": sum(result.n_conflicts for result in results),
        "n_liquidations": sum(result.n_liquidations for result in results),
        "pnl_pessimistic": sum(result.pnl_pessimistic for result in results),
        "pnl_optimistic": sum(result.pnl_optimistic for result in results),
    }
