"""From what a strategy asks for to a working order: rounding, sizing and refusal.

Fill contract, rules 7 and 13: an order price rounds so that the trader's limit is never
passed (a buy down, a sell up), quantities round down; what can't stand is rejected with a
reason and listed, never resized in silence. A market order by fraction or notional gets its
quantity at the fill, unless it is for a perpetual; every other order gets it here, from its own
price or the close.
"""

from __future__ import annotations

import math
from typing import Any

from robotrader_sdk.compiled import rule
from robotrader_sdk.trading.book import Book, equity_at, reject_order
from robotrader_sdk.trading.costs import taker_price, whole_lots
from robotrader_sdk.trading.instrument import DOWN, UP, from_steps, to_steps
from robotrader_sdk.trading.ledger import AFFORDABLE
from robotrader_sdk.trading.margin import Perpetual, margin_refusal
from robotrader_sdk.trading.order import NEVER, Purpose, RejectReason, SizeUnit
from robotrader_sdk.types import OrderStatus, OrderType, Side


@rule
def order_steps(terms: Any, side: int, price: float) -> float:
    """An order's price in ticks, rounded so that the trader's limit is never passed."""
    return to_steps(price, terms["tick_size"], DOWN if side == Side.BUY else UP)


@rule
def append_order(book: Book, bar: int, side: int, kind: int, purpose: int) -> int:
    """A new working order with nothing but its nature filled in; its row.

    As it stands, a market order made this way closes whatever is held.
    """
    position = book.position
    row = position["n_orders"]
    order = book.orders[row]
    order["side"] = side
    order["type"] = kind
    order["purpose"] = purpose
    order["status"] = OrderStatus.WORKING.value
    order["reject_reason"] = RejectReason.NONE.value
    order["lot"] = -1
    order["created"] = bar
    order["active"] = bar + 1
    order["last"] = NEVER
    order["triggered"] = -1
    order["ended"] = -1
    order["size_unit"] = SizeUnit.POSITION.value
    order["size"] = 0.0
    order["quantity"] = abs(position["held"])
    order["limit"] = math.nan
    order["stop"] = math.nan
    order["stop_loss"] = 0.0
    order["take_profit"] = 0.0
    order["trailing_stop"] = 0.0
    order["stop_loss_price"] = 0.0
    order["take_profit_price"] = 0.0
    order["fill_price"] = math.nan
    book.working[position["n_working"]] = row
    position["n_orders"] = row + 1
    position["n_working"] = position["n_working"] + 1
    return row  # type: ignore[no-any-return]  # a field of a table


@rule
def admit(
    book: Book,
    bar: int,
    close: float,
    row: int,
    reversed_quantity: float,
    perp: Perpetual | None,
) -> None:
    """Round, size and check the newest order, whose `limit` and `stop` are still prices.

    It stays working, or is rejected with its reason. `reversed_quantity` is what a priced
    reversal closes on top of what it enters.
    """
    order = book.orders[row]
    order["limit"] = order_steps(book.terms, order["side"], order["limit"])
    order["stop"] = order_steps(book.terms, order["side"], order["stop"])
    exit_row = pending_exit(book, bar)
    reason = _why_refused(book, order, close, exit_row >= 0, reversed_quantity, perp)
    if reason != RejectReason.NONE:
        reject_order(book, row, reason, bar)
        book.position["n_working"] = book.position["n_working"] - 1
    elif 0 <= exit_row != row and book.orders[exit_row]["side"] == order["side"]:
        book.orders[exit_row]["purpose"] = Purpose.REVERSAL.value


@rule
def pending_exit(book: Book, bar: int) -> int:
    """The order of this bar's decision that closes the whole position; -1: none."""
    for k in range(book.position["n_working"]):
        row = book.working[k]
        order = book.orders[row]
        if (
            order["created"] == bar
            and order["type"] == OrderType.MARKET
            and order["size_unit"] == SizeUnit.POSITION
        ):
            return row  # type: ignore[no-any-return]  # a field of a table
    return -1


@rule
def _why_refused(
    book: Book,
    order: Any,
    close: float,
    exit_pending: bool,
    reversed_quantity: float,
    perp: Perpetual | None,
) -> int:
    kind = order["type"]
    numbers = order["size"] + order["stop_loss"] + order["take_profit"] + order["trailing_stop"]
    numbers += order["stop_loss_price"] + order["take_profit_price"]
    if kind == OrderType.LIMIT or kind == OrderType.STOP_LIMIT:
        numbers += order["limit"]
    if kind == OrderType.STOP or kind == OrderType.STOP_LIMIT:
        numbers += order["stop"]
    if math.isnan(numbers):
        return RejectReason.NAN_INPUT.value
    if order["limit"] <= 0.0 or order["stop"] <= 0.0:
        return RejectReason.BAD_PRICE.value
    if order["size_unit"] == SizeUnit.POSITION:
        return RejectReason.NONE.value
    if not 0.0 < order["size"] < math.inf:
        return RejectReason.BAD_SIZE.value
    price = close
    terms = book.terms
    if kind == OrderType.LIMIT or kind == OrderType.STOP_LIMIT:
        price = from_steps(order["limit"], terms["tick_size"], terms["ticks_per_unit"])
    elif kind == OrderType.STOP:
        stop = from_steps(order["stop"], terms["tick_size"], terms["ticks_per_unit"])
        price = taker_price(terms, order["side"], stop, math.nan)
    return _size_up(book, order, close, price, exit_pending, reversed_quantity, perp)


@rule
def _size_up(
    book: Book,
    order: Any,
    close: float,
    price: float,
    exit_pending: bool,
    reversed_quantity: float,
    perp: Perpetual | None,
) -> int:
    """Fix the quantity where that is due at the decision, given the price to expect."""
    terms = book.terms
    side = order["side"]
    unit = order["size_unit"]
    stop = order["stop_loss_price"]
    target = order["take_profit_price"]
    if (stop != 0.0 and side * stop >= side * price) or (
        target != 0.0 and side * target <= side * price
    ):
        return RejectReason.PROTECTION_ON_WRONG_SIDE.value
    market = order["type"] == OrderType.MARKET
    order["quantity"] = math.nan
    by_money = unit == SizeUnit.FRACTION or unit == SizeUnit.NOTIONAL
    if market and by_money and terms["perpetual"] == 0:
        return RejectReason.NONE.value
    equity = equity_at(book, close)
    quantity = order["size"]
    if unit == SizeUnit.RISK:
        distance = stop_distance(order, price)
        if distance <= 0.0:
            return RejectReason.RISK_NEEDS_STOP.value
        quantity = order["size"] * equity / distance
    elif unit != SizeUnit.QUANTITY:
        quantity = quantity_for(terms, unit, order["size"], equity, price)
    quantity = whole_lots(terms, quantity)
    if quantity <= 0.0:
        order["quantity"] = quantity
        return RejectReason.BELOW_LOT_SIZE.value
    quantity += reversed_quantity
    order["quantity"] = quantity
    if market:
        return RejectReason.NONE.value
    # What an exchange checks when a limit or stop order arrives, on its own.
    held = 0.0 if exit_pending else book.position["held"]
    if quantity * price < terms["min_notional"] * (1.0 - 1e-9):
        return RejectReason.BELOW_MIN_NOTIONAL.value
    if terms["spot"] == 1 and side == Side.SELL and quantity > held * (1.0 + 1e-9):
        return RejectReason.EXCEEDS_POSITION.value
    if perp is not None:
        return margin_refusal(book, perp, held, side * quantity, price, equity)
    after = abs(held + side * quantity)
    if after > abs(held) and after * price > (equity - book.ledger["tied"]) * AFFORDABLE:
        return RejectReason.INSUFFICIENT_CASH.value
    return RejectReason.NONE.value


@rule
def quantity_for(terms: Any, unit: int, size: float, equity: float, price: float) -> float:
    """The quantity of a fraction of equity, or of a notional, with the fee inside."""
    money = size * equity if unit == SizeUnit.FRACTION else size
    return money / (price * (1.0 + terms["taker_fee"]))  # type: ignore[no-any-return]


@rule
def stop_distance(order: Any, price: float) -> float:
    """From an entry price to the nearest of its stops; 0 if it has none."""
    distance = math.inf
    if order["stop_loss"] > 0.0:
        distance = order["stop_loss"] * price
    if 0.0 < order["trailing_stop"] * price < distance:
        distance = order["trailing_stop"] * price
    if order["stop_loss_price"] > 0.0 and abs(price - order["stop_loss_price"]) < distance:
        distance = abs(price - order["stop_loss_price"])
    return distance if distance < math.inf else 0.0
