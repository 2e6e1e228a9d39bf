"""What a strategy wants at the close of a bar: a pure function of its bars, its state and where
its bot stands. No clock, no network, nothing written.

The rules are the SDK's: a book is built from the journal, the wishes go through the same
functions as in a backtest, and what they leave in the book is what is wanted.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from robotrader_sdk.strategy.intents import Order
from robotrader_sdk.trading.book import Book, Record
from robotrader_sdk.trading.order import Purpose as Reason
from robotrader_sdk.trading.order import RejectReason, SizeUnit
from robotrader_sdk.types import OrderStatus, OrderType, Side
from runner.execution.identity import Purpose
from runner.execution.journal.standing import Standing
from runner.execution.journal.tables import OrderRow
from runner.execution.rules import PROTECTION_TERMS, PURPOSES, Rules


@dataclass(frozen=True, slots=True, kw_only=True)
class NewOrder:
    """An order that is wanted, before risk checks.

    quantity: base units, None while `sizing` says how it is found. watch_price: what it waits for
    here, not at the exchange: a worse price if there is a stop_price, which is the same, else a
    better one. after: numbers of orders of the same decision, after_ids: orders of the journal,
    whose ends it waits for. intent: what the strategy holds in its hands.
    """

    symbol: str
    side: Side
    type: OrderType
    purpose: Purpose
    quantity: Decimal | None = None
    sizing: dict[str, Any] = field(default_factory=dict)
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    watch_price: Decimal | None = None
    reduce_only: bool = False
    terms: dict[str, float] = field(default_factory=dict)
    valid_bars: int = 0
    after: tuple[int, ...] = ()
    after_ids: tuple[str, ...] = ()
    intent: Order | None = None


@dataclass(slots=True)
class Decision:
    """What is wanted at a bar: new orders, orders to cancel, and what is remembered.

    weights: of a portfolio, by symbol, to be traded at the next open. logs: what the strategy's
    orders were refused for, and the like. is_heard: whether the strategy was asked, and so knows
    what has become of its orders. parts: by the number of an order, what goes before it because
    all of it is more than one order may be.
    """

    new: list[NewOrder] = field(default_factory=list)
    cancels: list[str] = field(default_factory=list)
    weights: Mapping[str, float] = field(default_factory=dict)
    logs: list[str] = field(default_factory=list)
    state: bytes | None = None
    is_heard: bool = True
    parts: dict[int, list[Decimal]] = field(default_factory=dict)


_SIZINGS = {SizeUnit.FRACTION: "fraction", SizeUnit.NOTIONAL: "notional"}
_STATUSES = list(OrderStatus)


def in_turn(new: Sequence[NewOrder], standing: Standing) -> list[NewOrder]:
    """The orders of a decision as a backtest fills them at one open.

    Symbols whose positions are taken towards nothing come first, and of a symbol its exits. What
    enters at the market waits for what leaves: it may need the money. A fraction is of what all
    those before it leave, and nothing of those after it: it waits for the ones, and the others
    for it, but for an exit, which waits for no entry.
    """
    reduced = {one.symbol for one in new if _leaves(one, standing)}
    symbols = list(dict.fromkeys(one.symbol for one in new))

    def turn(number: int) -> tuple[bool, int, bool]:
        one = new[number]
        exits = _is_at_open(one) and one.purpose in (Purpose.EXIT, Purpose.REVERSAL)
        return one.symbol not in reduced, symbols.index(one.symbol), not exits

    order = sorted(range(len(new)), key=turn)
    place = {before: now for now, before in enumerate(order)}
    made: list[NewOrder] = []
    for before in order:
        one = new[before]
        after = {place[k] for k in one.after}
        earlier = [(k, other) for k, other in enumerate(made) if _is_at_open(other)]
        if _is_fraction(one):
            after.update(k for k, _ in earlier)
        elif _is_at_open(one) and not _leaves(one, standing):
            after.update(k for k, other in earlier if _leaves(other, standing))
            after.update(k for k, other in earlier if _is_fraction(other) and other.after)
        made.append(replace(one, after=tuple(sorted(after))))
    return made


def _leaves(order: NewOrder, standing: Standing) -> bool:
    """Whether an order takes a position towards nothing at the next open."""
    return _is_at_open(order) and int(order.side) * standing.held(order.symbol) < 0


def _is_fraction(order: NewOrder) -> bool:
    return order.sizing.get("unit") == "fraction"


def _is_at_open(order: NewOrder) -> bool:
    return order.type is OrderType.MARKET and order.watch_price is None


class BookReading:
    """Reads from a book, after the rules have run, what has changed in it."""

    def __init__(self, book: Book, orders: Sequence[OrderRow], rules: Rules) -> None:
        self._book, self._known, self._rules = book, list(orders), rules

    def into(self, decision: Decision, intents: Mapping[int, Order] | None = None) -> None:
        """Add what has changed to a decision; `intents`: the strategy's orders by row."""
        book, known = self._book, self._known
        for row, order in enumerate(known):
            if _STATUSES[book.orders[row]["status"]] is OrderStatus.CANCELLED:
                decision.cancels.append(order.client_order_id)
        exits: list[int] = []
        for row in range(len(known), int(book.position["n_orders"])):
            record = book.orders[row]
            status = _STATUSES[record["status"]]
            intent = (intents or {}).get(row)
            if status is OrderStatus.REJECTED:
                reason = RejectReason(int(record["reject_reason"])).label
                decision.logs.append(f"{self._rules.market.symbol}: order rejected: {reason}")
            elif status is OrderStatus.WORKING:
                is_market = record["type"] == OrderType.MARKET
                if is_market and record["size_unit"] == SizeUnit.POSITION:
                    exits.append(len(decision.new))
                decision.new.append(self._new_order(record, intent, exits, decision))

    def _new_order(
        self, record: Record, intent: Order | None, exits: Sequence[int], decision: Decision
    ) -> NewOrder:
        rules = self._rules
        side, kind = Side(int(record["side"])), OrderType(int(record["type"]))
        purpose = PURPOSES[Reason(int(record["purpose"]))]
        leaves = purpose in (Purpose.EXIT, Purpose.REVERSAL)
        quantity, sizing = self._size(record, leaves)
        limit, stop = self._price(record["limit"]), self._price(record["stop"])
        whole = sizing.get("unit") == "position"
        in_the_way = self._in_the_way(side, whole=whole) if leaves or self._sells_spot(side) else ()
        watched = bool(in_the_way) and kind is not OrderType.MARKET
        if in_the_way and not watched:
            decision.cancels.extend(i for i in in_the_way if i not in decision.cancels)
        return NewOrder(
            symbol=rules.market.symbol,
            side=side,
            type=OrderType.MARKET if watched else kind,
            purpose=purpose,
            quantity=quantity,
            sizing=sizing,
            limit_price=None if watched else limit,
            stop_price=stop,
            watch_price=(stop or limit) if watched else None,
            reduce_only=leaves and rules.market.is_perpetual,
            terms={name: float(record[name]) for name in PROTECTION_TERMS if record[name] != 0.0},
            valid_bars=self._valid_bars(record),
            after=() if leaves else tuple(exits),
            after_ids=() if watched else in_the_way,
            intent=intent,
        )

    def _size(self, record: Record, leaves: bool) -> tuple[Decimal | None, dict[str, Any]]:
        unit = SizeUnit(int(record["size_unit"]))
        if unit is SizeUnit.POSITION:
            return None, {"unit": "position"}
        if math.isnan(record["quantity"]):
            return None, {"unit": _SIZINGS[unit], "size": float(record["size"])}
        quantity = self._rules.lots(float(record["quantity"]))
        return quantity, {"unit": "at most"} if leaves else {}

    def _price(self, steps: float) -> Decimal | None:
        return None if math.isnan(steps) else self._rules.price_of(float(steps))

    def _valid_bars(self, record: Record) -> int:
        lasts = int(record["last"]) - int(record["created"])
        return lasts if lasts < 1_000_000 else 0

    def _sells_spot(self, side: Side) -> bool:
        return side is Side.SELL and not self._rules.market.is_perpetual

    def _in_the_way(self, side: Side, *, whole: bool) -> tuple[str, ...]:
        """What takes the balance that a sell on spot needs: it goes first.

        whole: all that is held is sold, so what rests to sell a part of it goes, too.
        """
        if self._rules.market.is_perpetual or side is Side.BUY:
            return ()
        return tuple(
            order.client_order_id
            for order in self._known
            if order.watch_price is None
            and (order.lot is not None or (whole and order.side is Side.SELL))
        )
