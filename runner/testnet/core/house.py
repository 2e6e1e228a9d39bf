"""What the exchange itself does to positions: funding and liquidations, told as executions."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from robotrader_sdk.types import Liquidity, OrderType, Side
from runner.testnet.core.events import Event
from runner.testnet.core.orders import Order, State, Trade
from runner.testnet.core.positions import Position

if TYPE_CHECKING:
    from runner.testnet.core.exchange import Exchange

FUNDING, LIQUIDATION = "funding", "liquidation"


def note_funding(exchange: Exchange, position: Position, mark: Decimal, paid: Decimal) -> Trade:
    """Keep a funding that has been paid, or received if it is below 0."""
    trade = Trade(
        number=exchange.records.next_trade,
        order=0,
        account=position.account,
        symbol=position.symbol,
        side=Side.BUY if position.quantity > 0 else Side.SELL,
        price=mark,
        quantity=abs(position.quantity),
        cost=mark * abs(position.quantity),
        fee=paid,
        fee_asset=exchange.markets[position.symbol].quote,
        liquidity=Liquidity.TAKER,
        time_ms=exchange.clock.now_ms,
        kind=FUNDING,
    )
    exchange.records.add_trade(trade)
    told = Event("funding", position.account, position.symbol, FUNDING, None, trade)
    exchange.announce(told)
    return trade


def liquidate(exchange: Exchange, position: Position, price: Decimal, fee: Decimal) -> Trade:
    """Close a whole position by an order of the exchange's own."""
    now_ms, quantity = exchange.clock.now_ms, abs(position.quantity)
    side = Side.SELL if position.quantity > 0 else Side.BUY
    order = Order(
        number=exchange.records.order_number(),
        account=position.account,
        symbol=position.symbol,
        client_id="",
        side=side,
        type=OrderType.MARKET,
        quantity=quantity,
        venue="bybit",
        venue_type="Market",
        time_in_force="IOC",
        reduce_only=True,
        tags={"createType": "CreateByLiq"},
        state=State.NEW,
        created_ms=now_ms,
        updated_ms=now_ms,
        working_ms=now_ms,
    )
    exchange.records.add_order(order)
    exchange.tell(order, "NEW")
    market = exchange.markets[position.symbol]
    exchange.linear.close_at(position, price)
    exchange.linear.pay_liquidation_fee(position, fee)
    trade = Trade(
        number=exchange.records.next_trade,
        order=order.number,
        account=position.account,
        symbol=position.symbol,
        side=side,
        price=price,
        quantity=quantity,
        cost=price * quantity,
        fee=fee,
        fee_asset=market.quote,
        liquidity=Liquidity.TAKER,
        time_ms=now_ms,
        kind=LIQUIDATION,
    )
    exchange.note_fill(order, trade)
    return trade
