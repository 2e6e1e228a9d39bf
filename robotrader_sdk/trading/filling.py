"""What a fill does: its quantity, the last refusal, lots, protection and money.

Fill contract, rules 7 to 11 and 13. An exit below min_notional is refused as an exchange would
refuse it; protection is not: a position is never left without it. A perpetual's own rules are
in `margin`.
"""

from __future__ import annotations

import math
from typing import Any

from robotrader_sdk.compiled import rule
from robotrader_sdk.trading.book import Book, end_order, equity_at, reject_order
from robotrader_sdk.trading.costs import whole_lots
from robotrader_sdk.trading.ledger import AFFORDABLE, pay
from robotrader_sdk.trading.margin import Perpetual, book_margined, bounded_fee, margin_refusal
from robotrader_sdk.trading.order import Purpose, RejectReason, SizeUnit
from robotrader_sdk.trading.placing import append_order, order_steps, quantity_for
from robotrader_sdk.trading.trade import reduce_lot
from robotrader_sdk.types import Liquidity, OrderStatus, OrderType, Side

AT_OPEN, INSIDE, AT_CLOSE = 0, 1, 2
"""The moment of a bar at which something fills."""

_NOISE = 1e-9
"""Relative size below which a remaining quantity is float noise."""


@rule
def execute(
    book: Book,
    row: int,
    bar: int,
    price: float,
    liquidity: int,
    moment: int,
    perp: Perpetual | None,
) -> None:
    """Fill an order at a price, or refuse it if the position or the money does not allow it."""
    order = book.orders[row]
    held = book.position["held"]
    if held == 0.0 and order["size_unit"] == SizeUnit.POSITION:
        end_order(book, row, OrderStatus.CANCELLED.value, bar)
        return
    quantity = _quantity_to_fill(book, order, price)
    maker = liquidity == Liquidity.MAKER
    fee_rate = book.terms["maker_fee"] if maker else book.terms["taker_fee"]
    fee = fee_rate * quantity * price
    if perp is not None and order["purpose"] == Purpose.LIQUIDATION:
        fee = bounded_fee(book, price, book.terms["liquidation_fee"] * quantity * price)
    reason = _why_refused(book, order, quantity, price, fee, perp)
    if reason != RejectReason.NONE:
        reject_order(book, row, reason, bar)
        return
    end_order(book, row, OrderStatus.FILLED.value, bar)
    order["quantity"] = quantity
    order["fill_price"] = price
    closed = _close_lots(book, order, bar, quantity, price, fee)
    opened = quantity - closed
    in_base = book.terms["fee_in_base"] == 1 and order["side"] == Side.BUY
    base_fee = fee / price if in_base else 0.0
    signed = order["side"] * quantity
    if perp is not None:
        book_margined(book, signed, price, fee)
    else:
        pay(book.ledger, book.position, signed, price, 0.0 if in_base else fee, base_fee)
    _settle_position(book, row, bar, held)
    if opened > _NOISE * quantity:
        _open_lot(book, row, bar, opened - base_fee, price, fee * (opened / quantity), moment)
    _record_fill(book, row, bar, price, quantity, fee, liquidity, moment)


@rule
def _quantity_to_fill(book: Book, order: Any, price: float) -> float:
    terms = book.terms
    unit = order["size_unit"]
    if order["lot"] >= 0:
        return whole_lots(terms, book.lots[order["lot"]]["quantity"])
    if unit == SizeUnit.POSITION:
        return whole_lots(terms, abs(book.position["held"]))
    if math.isnan(order["quantity"]):
        equity = equity_at(book, price)
        return whole_lots(terms, quantity_for(terms, unit, order["size"], equity, price))
    return float(order["quantity"])


@rule
def _why_refused(
    book: Book, order: Any, quantity: float, price: float, fee: float, perp: Perpetual | None
) -> int:
    terms = book.terms
    position = book.position
    if not quantity > 0.0:
        return RejectReason.BELOW_LOT_SIZE.value
    forced = order["purpose"] == Purpose.LIQUIDATION or order["purpose"] == Purpose.DELISTED
    if order["lot"] >= 0 or forced:
        return RejectReason.NONE.value
    if quantity * price < terms["min_notional"] * (1.0 - _NOISE):
        return RejectReason.BELOW_MIN_NOTIONAL.value
    if terms["spot"] == 1 and order["side"] == Side.SELL:
        if quantity > position["held"] * (1.0 + _NOISE):
            return RejectReason.EXCEEDS_POSITION.value
        return RejectReason.NONE.value
    before = position["quantity"]
    if perp is not None:
        left = equity_at(book, price) - fee
        return margin_refusal(book, perp, before, order["side"] * quantity, price, left)
    after = before + order["side"] * quantity
    if terms["fee_in_base"] == 1:
        after -= fee / price
    grows = abs(after) > abs(before) or after * before < 0.0
    left = equity_at(book, price) - fee - book.ledger["tied"]
    if grows and abs(after) * price > left * AFFORDABLE:
        return RejectReason.INSUFFICIENT_CASH.value
    return RejectReason.NONE.value


@rule
def _close_lots(
    book: Book, order: Any, bar: int, quantity: float, price: float, fee: float
) -> float:
    """Take the fill out of the lots it closes, first in first out; how much that was."""
    position = book.position
    side = order["side"]
    purpose = order["purpose"]
    if purpose == Purpose.ENTRY:
        purpose = Purpose.REVERSAL.value
    remaining = quantity
    for k in range(position["n_open"]):
        row = book.open_lots[k]
        lot = book.lots[row]
        if lot["direction"] == side or (order["lot"] >= 0 and order["lot"] != row):
            continue
        part = remaining
        if lot["quantity"] - part <= _NOISE * lot["quantity"]:
            part = lot["quantity"]
        reduce_lot(lot, part, price, fee * (part / quantity), bar, purpose)
        if lot["quantity"] > 0.0 and not whole_lots(book.terms, lot["quantity"]) > 0.0:
            reduce_lot(lot, lot["quantity"], price, 0.0, bar, purpose)  # dust
        remaining -= part
        if remaining <= _NOISE * quantity:
            return quantity
    return quantity - remaining


@rule
def _settle_position(book: Book, row: int, bar: int, held_before: float) -> None:
    """Retire empty lots; cancel their protection and, if the side is closed, what goes with it."""
    position = book.position
    kept = 0
    held = 0.0
    for k in range(position["n_open"]):
        lot_row = book.open_lots[k]
        lot = book.lots[lot_row]
        if lot["quantity"] > 0.0:
            book.open_lots[kept] = lot_row
            held += lot["direction"] * lot["quantity"]
            kept += 1
        else:
            lot["closed"] = 1
    if kept < position["n_open"]:
        _cancel_orphans(book, row, bar, kept == 0)
    position["n_open"] = kept
    position["held"] = held
    order = book.orders[row]
    closes = held_before * order["side"] < 0.0 and kept == 0
    sold_out = order["quantity"] <= abs(held_before) and book.terms["fee_in_base"] == 0
    is_noise = abs(position["quantity"]) <= _NOISE * abs(held_before)
    if closes and (sold_out or is_noise):
        position["quantity"] = 0.0  # exactly, whatever noise the sums have left


@rule
def _cancel_orphans(book: Book, closer_row: int, bar: int, flat: bool) -> None:
    """A closed lot leaves no protection behind; a closed position no order but those decided
    together with its exit.
    """
    closer = book.orders[closer_row]
    for k in range(book.position["n_working"]):
        row = book.working[k]
        order = book.orders[row]
        together = closer["lot"] < 0 and order["created"] == closer["created"]
        of_closed_lot = order["lot"] >= 0 and book.lots[order["lot"]]["closed"] == 1
        if order["status"] == OrderStatus.WORKING and (of_closed_lot or (flat and not together)):
            end_order(book, row, OrderStatus.CANCELLED.value, bar)


@rule
def _open_lot(
    book: Book, row: int, bar: int, quantity: float, price: float, fee: float, moment: int
) -> None:
    position = book.position
    lot_row = position["n_lots"]
    order = book.orders[row]
    lot = book.lots[lot_row]
    lot["direction"] = order["side"]
    lot["order"] = row
    lot["entry_bar"] = bar
    lot["entry_at_open"] = 1 if moment == AT_OPEN else 0
    lot["exit_bar"] = -1
    lot["exit_purpose"] = -1
    lot["ambiguous"] = 0
    lot["closed"] = 0
    lot["quantity"] = quantity
    lot["entry_quantity"] = quantity
    lot["entry_price"] = price
    lot["entry_fee"] = fee
    lot["exit_quantity"] = 0.0
    lot["exit_value"] = 0.0
    lot["exit_fee"] = 0.0
    lot["margin"] = book.terms["perpetual"] * quantity * price / book.terms["leverage"]
    lot["funding"] = 0.0
    lot["trailing_stop"] = order["trailing_stop"]
    lot["best_price"] = price
    lot["stop_order"] = -1
    book.open_lots[position["n_open"]] = lot_row
    position["n_lots"] = lot_row + 1
    position["n_open"] = position["n_open"] + 1
    position["held"] = position["held"] + order["side"] * quantity
    _protect(book, row, lot_row, bar, moment)


@rule
def _protect(book: Book, row: int, lot_row: int, bar: int, moment: int) -> None:
    """Place the stop and the take-profit that the entry came with."""
    entry = book.orders[row]
    lot = book.lots[lot_row]
    direction = lot["direction"]
    price = lot["entry_price"]
    stop, purpose = nearest_stop(entry, direction, price)
    if purpose >= 0:
        stop_row = append_order(book, bar, -direction, OrderType.STOP.value, purpose)
        order = book.orders[stop_row]
        order["lot"] = lot_row
        order["quantity"] = lot["quantity"]
        order["stop"] = order_steps(book.terms, order["side"], stop)
        optimistic = book.terms["take_profit_first"] == 1 and moment == INSIDE
        order["active"] = bar + 1 if optimistic or moment == AT_CLOSE else bar
        lot["stop_order"] = stop_row
    target = entry["take_profit_price"]
    relative = price * (1.0 + direction * entry["take_profit"])
    if entry["take_profit"] > 0.0 and (target == 0.0 or direction * (target - relative) > 0.0):
        target = relative
    if target > 0.0:
        kind = OrderType.LIMIT.value
        row = append_order(book, bar, -direction, kind, Purpose.TAKE_PROFIT.value)
        order = book.orders[row]
        order["lot"] = lot_row
        order["quantity"] = lot["quantity"]
        order["limit"] = order_steps(book.terms, order["side"], target)
        order["active"] = bar if moment == AT_OPEN else bar + 1


@rule
def nearest_stop(entry: Any, direction: int, price: float) -> tuple[float, int]:
    """The stop that is hit first of those an entry came with, and its purpose (-1: none)."""
    stop = -direction * math.inf
    purpose = -1
    if entry["stop_loss"] > 0.0:
        stop = price * (1.0 - direction * entry["stop_loss"])
        purpose = Purpose.STOP_LOSS.value
    absolute = entry["stop_loss_price"]
    if absolute > 0.0 and direction * absolute > direction * stop:
        stop = absolute
        purpose = Purpose.STOP_LOSS.value
    if entry["trailing_stop"] > 0.0:
        trailing = price * (1.0 - direction * entry["trailing_stop"])
        if direction * trailing > direction * stop:
            stop = trailing
            purpose = Purpose.TRAILING_STOP.value
    return stop, purpose


@rule
def _record_fill(
    book: Book,
    row: int,
    bar: int,
    price: float,
    quantity: float,
    fee: float,
    liquidity: int,
    moment: int,
) -> None:
    position = book.position
    order = book.orders[row]
    fill = book.fills[position["n_fills"]]
    fill["order"] = row
    fill["bar"] = bar
    fill["side"] = order["side"]
    fill["liquidity"] = liquidity
    fill["purpose"] = order["purpose"]
    fill["moment"] = moment
    fill["price"] = price
    fill["quantity"] = quantity
    fill["fee"] = fee
    fill["cash"] = book.ledger["cash"]
    fill["margin"] = position["margin"]
    fill["funding"] = position["funding"]
    fill["position"] = position["quantity"]
    position["n_fills"] = position["n_fills"] + 1
