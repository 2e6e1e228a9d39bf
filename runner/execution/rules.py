"""The SDK's rules, asked about live positions: what was tested decides what trades.

A book of one symbol is built from the journal for each decision. It holds what the rules look at:
money, lots and working orders. The journal keeps the truth in Decimal; a book is float64, as in a
backtest, and is thrown away.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np

from robotrader_sdk.trading.book import Book, Table, new_ledger, new_tables, opened
from robotrader_sdk.trading.costs import Fees, make_terms
from robotrader_sdk.trading.filling import nearest_stop
from robotrader_sdk.trading.instrument import Instrument
from robotrader_sdk.trading.margin import Perpetual
from robotrader_sdk.trading.order import NEVER
from robotrader_sdk.trading.order import Purpose as Reason
from robotrader_sdk.trading.placing import order_steps
from robotrader_sdk.trading.tiers import read_tiers, tier_table
from robotrader_sdk.types import OrderStatus, Side
from runner.execution.broker import Market
from runner.execution.identity import Purpose
from runner.execution.journal.tables import LotRow, OrderRow, PositionRow

_SPARE_ROWS = 64
_MAINTENANCE = 0.01
"""Of a perpetual's notional, what a position must keep; its exchange applies tiers of its own."""
_NO_BARS = np.zeros(0)

_REASONS = {
    Purpose.ENTRY: Reason.ENTRY,
    Purpose.REBALANCE: Reason.ENTRY,
    Purpose.EXIT: Reason.EXIT,
    Purpose.REVERSAL: Reason.REVERSAL,
    Purpose.FLATTEN: Reason.EXIT,
    Purpose.STOP_LOSS: Reason.STOP_LOSS,
    Purpose.TAKE_PROFIT: Reason.TAKE_PROFIT,
    Purpose.TRAILING_STOP: Reason.TRAILING_STOP,
    Purpose.LIQUIDATION: Reason.LIQUIDATION,
}
PURPOSES = {
    Reason.ENTRY: Purpose.ENTRY,
    Reason.EXIT: Purpose.EXIT,
    Reason.REVERSAL: Purpose.REVERSAL,
    Reason.STOP_LOSS: Purpose.STOP_LOSS,
    Reason.TAKE_PROFIT: Purpose.TAKE_PROFIT,
    Reason.TRAILING_STOP: Purpose.TRAILING_STOP,
}
PROTECTION_TERMS = (
    "stop_loss",
    "take_profit",
    "trailing_stop",
    "stop_loss_price",
    "take_profit_price",
)


@dataclass(frozen=True, slots=True)
class Rules:
    """A market as the SDK's rules know it."""

    market: Market
    terms: Table
    perpetual: Perpetual | None

    @classmethod
    def of(cls, market: Market, leverage: Decimal = Decimal(1), *, isolated: bool = True) -> Rules:
        """The rules of a market at a leverage; without slippage, which is the exchange's to add."""
        terms = make_terms(
            instrument_of(market),
            Fees(maker=float(market.maker_fee), taker=float(market.taker_fee)),
            0.0,
            leverage=float(leverage),
            isolated=isolated,
        )
        perpetual = None
        if market.is_perpetual:
            tiers = tier_table(read_tiers(_maintenance(market), float(market.max_leverage)))
            perpetual = Perpetual(tiers, _NO_BARS, _NO_BARS, _NO_BARS, _NO_BARS)
        return cls(market, terms, perpetual)

    def price_of(self, steps: float) -> Decimal:
        """A price in ticks as the exact price; itself where there is no tick."""
        if not self.market.tick_size:
            return Decimal(repr(float(steps)))
        return int(steps) * self.market.tick_size

    def order_price(self, side: Side, price: float) -> Decimal:
        """An order's price, rounded as a backtest rounds it."""
        return self.price_of(order_steps(self.terms[0], int(side), price))

    def taker_price(self, side: Side, price: Decimal) -> Decimal:
        """What a market order pays where the price stands: that, but where it lies off tick."""
        return self.order_price(Side(-side), float(price))

    def lots(self, quantity: float) -> Decimal:
        """A float64 quantity in whole lots, rounded as a backtest rounds it."""
        if not self.market.lot_size:
            return Decimal(repr(float(quantity)))
        steps = quantity / float(self.market.lot_size)
        nearest = round(steps)
        whole = nearest if abs(steps - nearest) <= 1e-9 * abs(steps) else int(steps)
        return whole * self.market.lot_size


def instrument_of(market: Market) -> Instrument:
    """A market as a backtest is given it."""
    common: dict[str, Any] = {
        "symbol": market.symbol,
        "tick_size": float(market.tick_size),
        "lot_size": float(market.lot_size),
        "min_notional": float(market.min_notional),
    }
    if market.is_perpetual:
        return Instrument(
            kind="linear_perpetual",
            max_leverage=float(market.max_leverage),
            maintenance_margin=_maintenance(market),
            **common,
        )
    fee_currency: Any = "base" if market.fee_in_base else "quote"
    return Instrument(kind="spot", fee_currency=fee_currency, **common)


def _maintenance(market: Market) -> float:
    # Where a position may begin with less, it can't have to keep more.
    return min(_MAINTENANCE, 1.0 / float(market.max_leverage))


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What an account has beside a symbol: cash, and what the other positions are worth and tie."""

    cash: float
    worth: float = 0.0
    tied: float = 0.0


def book_of(
    rules: Rules,
    money: Elsewhere,
    position: PositionRow | None,
    lots: Sequence[LotRow],
    orders: Sequence[OrderRow],
    bar: int,
) -> Book:
    """A book as the journal has it at the close of a bar; its first rows are `orders`."""
    ledger = new_ledger(money.cash)
    ledger["elsewhere"], ledger["tied"] = money.worth, money.tied
    size = _SPARE_ROWS + 4 * (len(orders) + len(lots))
    book = opened(new_tables(ledger, rules.terms, rows=size))
    _fill_position(book, position, lots, float(rules.terms["leverage"][0]))
    numbers = {lot.entry: number for number, lot in enumerate(lots)}
    for number, lot in enumerate(lots):
        _fill_lot(book, number, lot)
    for number, order in enumerate(orders):
        _fill_order(book, number, order, rules, numbers, bar)
    return book


def _fill_position(
    book: Book, position: PositionRow | None, lots: Sequence[LotRow], leverage: float
) -> None:
    record = book.position
    record["held"] = sum(lot.direction * float(lot.quantity) for lot in lots)
    if position is not None:
        record["quantity"] = float(position.quantity)
        record["entry_value"] = float(position.entry_value)
        record["margin"] = abs(float(position.entry_value)) / leverage
    record["n_lots"] = record["n_open"] = len(lots)


def _fill_lot(book: Book, number: int, lot: LotRow) -> None:
    book.lots[number] = 0
    record = book.lots[number]
    record["direction"] = lot.direction
    record["quantity"] = float(lot.quantity)
    record["entry_price"] = float(lot.entry_price)
    record["stop_order"] = record["exit_bar"] = -1
    book.open_lots[number] = number


def _fill_order(
    book: Book, number: int, order: OrderRow, rules: Rules, lots: Mapping[str, int], bar: int
) -> None:
    book.orders[number] = 0
    record = book.orders[number]
    record["side"], record["type"] = int(order.side), int(order.type)
    record["purpose"] = _REASONS[order.purpose].value
    record["status"] = OrderStatus.WORKING.value
    record["lot"] = lots.get(order.lot or "", -1)
    record["created"] = record["active"] = bar - 1
    record["triggered"] = record["ended"] = -1
    record["last"] = NEVER
    record["quantity"] = float(order.quantity or 0)
    record["limit"] = _ticks(rules, order.side, order.limit_price)
    record["stop"] = _ticks(rules, order.side, order.stop_price)
    record["fill_price"] = np.nan
    book.working[number] = number
    book.position["n_orders"] = book.position["n_working"] = number + 1


def _ticks(rules: Rules, side: Side, price: Decimal | None) -> float:
    if price is None:
        return float("nan")
    return float(order_steps(rules.terms[0], int(side), float(price)))


@dataclass(frozen=True, slots=True)
class Levels:
    """Where a lot is to be closed: a stop, why, and a take-profit; None where there is none."""

    stop: Decimal | None
    purpose: Purpose
    take_profit: Decimal | None


def protection_of(lot: LotRow, rules: Rules) -> Levels:
    """The protection a lot came with, at its present levels (fill contract, rules 8 and 10)."""
    terms = {name: float(lot.terms.get(name, 0.0)) for name in PROTECTION_TERMS}
    direction, price = lot.direction, float(lot.entry_price)
    side = Side(-direction)
    level, reason = nearest_stop(terms, direction, price)
    stop = rules.order_price(side, level) if reason >= 0 else None
    purpose = PURPOSES[Reason(reason)] if reason >= 0 else Purpose.STOP_LOSS
    if stop is not None and terms["trailing_stop"] and lot.best_price is not None:
        trailed = float(lot.best_price) * (1.0 - direction * terms["trailing_stop"])
        moved = rules.order_price(side, trailed)
        if direction * moved > direction * stop:
            stop, purpose = moved, Purpose.TRAILING_STOP
    target = terms["take_profit_price"]
    relative = price * (1.0 + direction * terms["take_profit"])
    if terms["take_profit"] and (not target or direction * (target - relative) > 0.0):
        target = relative
    return Levels(stop, purpose, rules.order_price(side, target) if target else None)
