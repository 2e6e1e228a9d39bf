"""A paper account's books: exact, and kept as one text after each change."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

import msgspec

from robotrader_sdk.types import Liquidity, OrderType, Side
from runner.execution.broker import FillReport, Market, OrderReport, OrderRequest, PositionReport
from runner.execution.rounding import share_of
from runner.execution.status import Status

ZERO = Decimal(0)

MAINTENANCE = Decimal("0.01")
"""Of a position's notional: what has to be left of its margin, or it is liquidated."""

KEPT = 2_000
"""So many orders that have ended, and so many fills, are kept."""


class PaperOrder(msgspec.Struct, kw_only=True):
    """An order. active: the first bar, by number, in which it may fill. rank: oldest first."""

    client_order_id: str
    number: int
    symbol: str
    side: int
    type: int
    quantity: Decimal
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    reduce_only: bool = False
    list_id: str = ""
    placed: datetime
    active: int
    is_triggered: bool = False
    status: str = "working"
    filled: Decimal = ZERO
    reason: str = ""

    @property
    def is_open(self) -> bool:
        """Whether it works."""
        return self.status == Status.WORKING.value

    def report(self) -> OrderReport:
        """As an exchange would tell it."""
        return OrderReport(
            client_order_id=self.client_order_id,
            exchange_order_id=f"paper-{self.number}",
            symbol=self.symbol,
            side=Side(self.side),
            status=Status(self.status),
            quantity=self.quantity,
            filled=self.filled,
            is_trigger=self.stop_price is not None and not self.is_triggered and self.is_open,
            placed=self.placed,
            reason=self.reason,
        )


class PaperFill(msgspec.Struct, kw_only=True):
    """An execution."""

    number: int
    order: int
    client_order_id: str
    symbol: str
    side: int
    quantity: Decimal
    price: Decimal
    fee: Decimal
    fee_asset: str
    liquidity: int
    time: datetime
    is_liquidation: bool = False

    def report(self) -> FillReport:
        """As an exchange would tell it."""
        return FillReport(
            trade_id=f"paper-{self.number}",
            exchange_order_id=f"paper-{self.order}",
            client_order_id=self.client_order_id,
            symbol=self.symbol,
            side=Side(self.side),
            quantity=self.quantity,
            price=self.price,
            fee=self.fee,
            fee_asset=self.fee_asset,
            liquidity=Liquidity(self.liquidity),
            time=self.time,
            is_liquidation=self.is_liquidation,
        )


class PaperPosition(msgspec.Struct, kw_only=True):
    """A perpetual's: signed quantity and what it cost."""

    quantity: Decimal = ZERO
    entry_value: Decimal = ZERO
    leverage: Decimal = Decimal(1)
    margin_mode: str = "isolated"

    @property
    def margin(self) -> Decimal:
        """What is set aside for it."""
        return abs(self.entry_value) / self.leverage

    def liquidation_price(self) -> Decimal | None:
        """Where its margin has shrunk to the maintenance margin."""
        if not self.quantity:
            return None
        entry = self.entry_value / self.quantity
        room = 1 / self.leverage - MAINTENANCE
        return entry * (1 - room if self.quantity > 0 else 1 + room)


class BarPlace(msgspec.Struct, kw_only=True):
    """How far a symbol's bars have been matched.

    stage: of the bar that opened at `opened`. price: where it stands while it is matched.
    """

    number: int = 0
    opened: datetime | None = None
    stage: int = 0
    is_done: bool = True
    price: Decimal = ZERO


class PaperBooks(msgspec.Struct, kw_only=True):
    """All of an account."""

    balances: dict[str, Decimal]
    positions: dict[str, PaperPosition] = {}
    orders: dict[str, PaperOrder] = {}
    fills: list[PaperFill] = []
    places: dict[str, BarPlace] = {}
    n_orders: int = 0
    n_fills: int = 0

    def as_text(self) -> str:
        """To be kept; what ended long ago is left out."""
        ended = [order.client_order_id for order in self.orders.values() if not order.is_open]
        for order_id in ended[:-KEPT]:
            del self.orders[order_id]
        del self.fills[:-KEPT]
        return msgspec.json.encode(self).decode()

    @classmethod
    def from_text(cls, text: str) -> PaperBooks:
        """What was kept."""
        return msgspec.json.decode(text, type=cls)

    def open_orders(self, symbol: str) -> list[PaperOrder]:
        """What works, oldest first."""
        return [o for o in self.orders.values() if o.is_open and o.symbol == symbol]

    def place(self, symbol: str) -> BarPlace:
        """How far a symbol has come."""
        return self.places.setdefault(symbol, BarPlace())

    def position(self, symbol: str) -> PaperPosition:
        """A perpetual's position."""
        return self.positions.setdefault(symbol, PaperPosition())

    def held(self, market: Market) -> Decimal:
        """What is held of a market, signed."""
        if market.is_perpetual:
            return self.position(market.symbol).quantity
        return self.balances.get(market.base, ZERO)

    def locked(self, markets: Iterable[Market]) -> dict[str, Decimal]:
        """What orders and positions set aside, by asset; a list sets its quantity aside once."""
        found: dict[str, Decimal] = {}
        lists: set[str] = set()
        for market in markets:
            for order in self.open_orders(market.symbol):
                if order.list_id and order.list_id in lists:
                    continue
                lists.add(order.list_id)
                asset, amount = self._lock(market, order)
                found[asset] = found.get(asset, ZERO) + amount
            if market.is_perpetual:
                margin = self.position(market.symbol).margin
                found[market.quote] = found.get(market.quote, ZERO) + margin
        return found

    def _lock(self, market: Market, order: PaperOrder) -> tuple[str, Decimal]:
        price = order.limit_price or order.stop_price or ZERO
        if market.is_perpetual:
            opens = ZERO if order.reduce_only else order.quantity * price
            return market.quote, opens / self.position(market.symbol).leverage
        if order.side > 0:
            return market.quote, order.quantity * price * (1 + market.taker_fee)
        return market.base, order.quantity

    def new_order(self, request: OrderRequest, quantity: Decimal, active: int, at: datetime,
                  list_id: str = "") -> PaperOrder:  # fmt: skip
        """Take an order."""
        self.n_orders += 1
        order = PaperOrder(
            client_order_id=request.client_order_id,
            number=self.n_orders,
            symbol=request.symbol,
            side=int(request.side),
            type=int(request.type),
            quantity=quantity,
            limit_price=request.limit_price,
            stop_price=request.stop_price,
            reduce_only=request.reduce_only,
            list_id=list_id,
            placed=at,
            active=active,
        )
        self.orders[order.client_order_id] = order
        return order

    def fill(self, market: Market, order: PaperOrder, price: Decimal, liquidity: Liquidity,
             at: datetime, *, is_liquidation: bool = False) -> None:  # fmt: skip
        """Execute an order wholly; the other of its list is gone."""
        quantity = order.quantity
        if order.reduce_only:
            quantity = min(quantity, abs(self.held(market)))
        rate = market.maker_fee if liquidity is Liquidity.MAKER else market.taker_fee
        in_base = market.fee_in_base and order.side > 0 and not market.is_perpetual
        fee = quantity * rate if in_base else quantity * price * rate
        asset = market.base if in_base else market.quote
        self.n_fills += 1
        self.fills.append(
            PaperFill(
                number=self.n_fills,
                order=order.number,
                client_order_id=order.client_order_id,
                symbol=order.symbol,
                side=order.side,
                quantity=quantity,
                price=price,
                fee=fee,
                fee_asset=asset,
                liquidity=int(liquidity),
                time=at,
                is_liquidation=is_liquidation,
            )
        )
        signed = order.side * quantity
        if market.is_perpetual:
            self._change(market.quote, self._move(self.position(market.symbol), signed, price))
        else:
            self._change(market.base, signed)
            self._change(market.quote, -signed * price)
        self._change(asset, -fee)
        order.filled, order.status = quantity, Status.FILLED.value
        if quantity < order.quantity:
            order.status, order.reason = Status.CANCELLED.value, "reduce-only"
        self._end_siblings(order)

    def cancel(self, order: PaperOrder, reason: str = "") -> None:
        """Take an order, and the other of its list, away."""
        order.status, order.reason = Status.CANCELLED.value, reason
        self._end_siblings(order)

    def _end_siblings(self, order: PaperOrder) -> None:
        for other in self.orders.values():
            if order.list_id and other.list_id == order.list_id and other.is_open:
                other.status, other.reason = Status.CANCELLED.value, "the other of its list is over"

    def _change(self, asset: str, amount: Decimal) -> None:
        self.balances[asset] = self.balances.get(asset, ZERO) + amount

    def _move(self, position: PaperPosition, signed: Decimal, price: Decimal) -> Decimal:
        """Move a perpetual's position; what was realized."""
        before, realized, opened = position.quantity, ZERO, signed
        if before * signed < 0:
            closed = min(abs(signed), abs(before))
            released = share_of(position.entry_value, closed, abs(before))
            realized = closed * price * (1 if before > 0 else -1) - released
            position.entry_value -= released
            opened = signed + (closed if before > 0 else -closed)
        position.quantity = before + signed
        position.entry_value += opened * price
        if not position.quantity:
            position.entry_value = ZERO
        return realized

    def position_report(self, symbol: str) -> PositionReport:
        """As an exchange would tell it."""
        position = self.position(symbol)
        entry = position.entry_value / position.quantity if position.quantity else ZERO
        return PositionReport(
            symbol=symbol,
            quantity=position.quantity,
            entry_price=entry,
            leverage=position.leverage,
            margin_mode="cross" if position.margin_mode == "cross" else "isolated",
            liquidation_price=position.liquidation_price(),
        )


def is_adverse_stop(order: PaperOrder) -> bool:
    """Whether it is a stop that has not been triggered."""
    kinds = (OrderType.STOP.value, OrderType.STOP_LIMIT.value)
    return order.type in kinds and not order.is_triggered
