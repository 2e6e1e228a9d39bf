"""What a broker is: the one narrow way to an exchange, or to paper.

All quantities are in base units, all money is Decimal, all times are UTC. A broker holds one
account's keys, signs with them and gives them to nobody. It sends each request once: what to do
about an answer that says neither yes nor no is the caller's matter, who has written the order
down before.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Literal, Protocol

from robotrader_sdk.types import Liquidity, OrderType, Side, Timeframe
from runner.execution.rounding import to_step
from runner.execution.status import Status

MarginMode = Literal["isolated", "cross"]


class StopChange(Enum):
    """How a resting stop comes to be another one."""

    ONE_BY_ONE = "one by one"  # one is cancelled and one is sent, in the order that covers more
    REPLACE = "replace"  # one request cancels it and sends its successor
    AMEND = "amend"  # it stays the same order, with another price and quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """A symbol's own rules at its exchange; 0 means no such rule.

    symbol: ccxt's, "BTC/USDT", or "BTC/USDT:USDT" for a linear perpetual. lot_size,
    min_quantity, max_quantity: base units. max_market_quantity: the same of an order that ends as
    a market order, stops included. contract_size: base units in a contract.
    has_stop_market: whether a stop may end in a market order. has_order_list: whether a stop and
    a take-profit can rest as one, of which one fills (OCO). stop_locks_balance: whether a resting
    stop takes its quantity out of the free balance, as spot exchanges mostly do. stop_change: how
    a resting stop is changed without a moment in which there is none.
    fee_in_base: whether buys pay their fee out of what they buy. cost_step: of what a market buy
    by cost spends.
    """

    symbol: str
    base: str
    quote: str
    is_perpetual: bool = False
    is_active: bool = True
    tick_size: Decimal
    lot_size: Decimal
    min_quantity: Decimal = Decimal(0)
    max_quantity: Decimal = Decimal(0)
    max_market_quantity: Decimal = Decimal(0)
    min_notional: Decimal = Decimal(0)
    contract_size: Decimal = Decimal(1)
    maker_fee: Decimal = Decimal("0.001")
    taker_fee: Decimal = Decimal("0.001")
    fee_in_base: bool = False
    cost_step: Decimal = Decimal("1e-8")
    max_leverage: Decimal = Decimal(1)
    has_stop_market: bool = True
    has_order_list: bool = False
    stop_locks_balance: bool = True
    stop_change: StopChange = StopChange.ONE_BY_ONE

    @property
    def can_replace(self) -> bool:
        """Whether one request can have another order in a stop's place."""
        return self.stop_change is StopChange.REPLACE

    def lots(self, quantity: Decimal) -> Decimal:
        """A quantity rounded down to whole lots."""
        return to_step(quantity, self.lot_size, up=False)

    def most(self, quantity: Decimal) -> Decimal:
        """As much of a quantity as one order at the market takes, in whole lots."""
        most = self.max_market_quantity or quantity
        return self.lots(min(quantity, most))

    def next_part(self, quantity: Decimal) -> Decimal:
        """The same of what goes in parts: the last two are alike, so that none is too small."""
        most = self.most(quantity)
        if most == self.lots(quantity) or self.lots(quantity) > 2 * most:
            return most
        return self.lots(quantity / 2)

    def too_large(self, kind: OrderType, quantity: Decimal) -> str:
        """Why an order of that kind may not be over so much; "" if it may."""
        at_market = kind in (OrderType.MARKET, OrderType.STOP)
        most = self.max_market_quantity if at_market else self.max_quantity
        if not most or quantity <= most:
            return ""
        how = "an order at the market" if at_market else "an order"
        most = most.normalize()
        return f"{quantity:f} {self.base} is more than {how} of {self.symbol} may be, {most:f}"

    def order_price(self, side: Side, price: Decimal) -> Decimal:
        """A price in whole ticks that never passes the limit: a buy's down, a sell's up."""
        return to_step(price, self.tick_size, up=side is Side.SELL)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRequest:
    """An order to be sent, rounded already.

    quantity: base units; None for a market buy by `cost`, the quote to spend without the fee.
    limit_price, stop_price: as the type needs them; a market order has neither. reduce_only: of
    a perpetual: it may only make a position smaller.
    """

    client_order_id: str
    symbol: str
    side: Side
    type: OrderType
    quantity: Decimal | None = None
    cost: Decimal | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    reduce_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderListRequest:
    """A take-profit and a stop that rest as one: when one fills, the other is gone."""

    client_list_id: str
    take_profit: OrderRequest
    stop: OrderRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderReport:
    """An order as the exchange has it.

    status: WORKING, FILLED, CANCELLED, EXPIRED or REJECTED. filled: base units. is_trigger:
    whether it is a stop that has not been triggered; stop_price: where it will be, if told.
    has_passed: the price is beyond that already, so it waits for it to come back; only `look_up`
    looks for that. placed: when the exchange took it.
    """

    client_order_id: str
    exchange_order_id: str
    symbol: str
    side: Side
    status: Status
    quantity: Decimal | None
    filled: Decimal
    is_trigger: bool = False
    stop_price: Decimal | None = None
    has_passed: bool = False
    placed: datetime | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FillReport:
    """An execution as the exchange tells it.

    client_order_id: "" where the venue does not tell it with the fill. fee: in `fee_asset`; below
    0 is a rebate.
    """

    trade_id: str
    exchange_order_id: str
    client_order_id: str
    symbol: str
    side: Side
    quantity: Decimal
    price: Decimal
    fee: Decimal
    fee_asset: str
    liquidity: Liquidity
    time: datetime
    is_liquidation: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """How much of an asset there is, what orders lock included in `total`."""

    free: Decimal
    total: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionReport:
    """A perpetual's position: signed quantity in base units, and how it is margined."""

    symbol: str
    quantity: Decimal
    entry_price: Decimal
    leverage: Decimal
    margin_mode: MarginMode | None
    liquidation_price: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FundingReport:
    """A payment of funding: `amount` is what came in, below 0 what was paid."""

    reference: str
    symbol: str
    amount: Decimal
    asset: str
    time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedBar:
    """A bar of the exchange; `open_time` names it. Prices are numbers to decide with, no money."""

    open_time: datetime
    open: float
    high: float
    low: float
    close: float
    volume: float


class KeyRight(Enum):
    """What a key may do."""

    READ = "read"
    TRADE = "trade"
    WITHDRAW = "withdraw"


@dataclass(frozen=True, slots=True)
class KeyRights:
    """What a key may do; None where the venue does not tell."""

    rights: frozenset[KeyRight] | None = field(default=None)


class Broker(Protocol):
    """Takes orders for one account at one exchange, or on paper.

    Every method may raise: ExchangeUnreachableError (nothing is known, ask again),
    RateLimitedError (not before `until`), KeyRefusedError (the key is revoked or wrong, which no
    repetition mends). `submit` and `cancel` raise UnknownOutcomeError where the exchange may or
    may not have done what was asked.
    """

    exchange: str
    account: str

    async def instrument(self, symbol: str) -> Market:
        """A symbol's rules; MarketUnknownError if there is no such market."""

    async def server_time(self) -> datetime:
        """What time it is at the exchange."""

    async def last_price(self, symbol: str) -> Decimal:
        """The price of the last trade."""

    async def submit(self, order: OrderRequest) -> OrderReport:
        """Send an order, once.

        DuplicateOrderError if the exchange has that client order id already, OrderRefusedError
        with its reason if it won't have it; both definite.
        """

    async def submit_list(self, orders: OrderListRequest) -> tuple[OrderReport, OrderReport]:
        """Send a take-profit and a stop as one, once; the reports in that order."""

    async def replace(self, client_order_id: str, order: OrderRequest) -> OrderReport:
        """Cancel a resting stop and send its successor in one request, once.

        Another stop, or a market order; only where the market's stop_change is REPLACE.
        OrderMissingError if there was nothing to cancel, and so nothing was sent; with any other
        refusal it may have been cancelled.
        """

    async def amend(self, order: OrderRequest) -> None:
        """Give the resting stop of that client order id this quantity and this stop_price.

        Only where the market's stop_change is AMEND. Asked for what is so already it does nothing.
        OrderMissingError if no such order works, WouldTriggerError if the price has passed there;
        then it is as it was, or waits for nothing.
        """

    async def cancel(self, symbol: str, client_order_id: str, *, is_trigger: bool) -> None:
        """Cancel an order; OrderMissingError if the exchange has none working by that id.

        is_trigger: whether it is a stop that may not have been triggered yet, which some venues
        keep apart. One of an order list takes the other with it.
        """

    async def look_up(self, symbol: str, client_order_id: str) -> OrderReport | None:
        """An order by its client order id, whatever became of it; None if it is not found."""

    async def open_orders(self, symbol: str) -> Sequence[OrderReport]:
        """All working orders of the account, its stops included, whoever placed them."""

    async def fills_since(self, symbol: str, since: datetime) -> Sequence[FillReport]:
        """All executions of the account from a time on, oldest first, paged to the end."""

    async def balances(self) -> dict[str, Balance]:
        """What the account has; assets it has nothing of may be missing."""

    async def positions(self, symbols: Sequence[str]) -> Sequence[PositionReport]:
        """The positions in perpetuals, none for those that are flat."""

    async def prepare(self, symbol: str, leverage: Decimal, margin_mode: MarginMode) -> None:
        """Set a perpetual's leverage and margin mode, and read them back.

        PreparationError if they are not what was asked for.
        """

    async def funding_since(self, symbol: str, since: datetime) -> Sequence[FundingReport]:
        """The payments of funding from a time on, oldest first."""

    async def key_rights(self) -> KeyRights:
        """What the key may do."""

    async def close(self) -> None:
        """Let connections go."""


class MarketData(Protocol):
    """Public data of one exchange, for all bots alike."""

    exchange: str

    async def server_time(self) -> datetime:
        """What time it is at the exchange."""

    async def bars(
        self, symbol: str, timeframe: Timeframe, since: datetime, limit: int
    ) -> Sequence[ClosedBar]:
        """Bars from an open_time on, oldest first, the forming one included, at most `limit`.

        MarketUnknownError if the symbol or the timeframe is not known.
        """

    async def close(self) -> None:
        """Let connections go."""


class OpenOrders:
    """What works at an account, asked for once a symbol, for all bots that look in one round.

    It may be older than what a bot has done since. That does no harm: an order that is not in it
    is looked up by itself, and one that has ended meanwhile is seen in the next round.
    """

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._asked: dict[str, asyncio.Task[Sequence[OrderReport]]] = {}
        self._n_waiting: Counter[str] = Counter()

    async def of(self, symbol: str) -> dict[str, OrderReport]:
        """A symbol's working orders by client order id; raises what `Broker.open_orders` does."""
        if symbol not in self._asked:
            self._asked[symbol] = asyncio.ensure_future(self._broker.open_orders(symbol))
        asked = self._asked[symbol]
        self._n_waiting[symbol] += 1
        try:
            reports = await asyncio.shield(asked)
        finally:
            self._n_waiting[symbol] -= 1
            if not self._n_waiting[symbol] and not asked.done():
                await self._ask_no_more(symbol)
        return {report.client_order_id: report for report in reports}

    async def _ask_no_more(self, symbol: str) -> None:
        """All who wanted to know were cancelled."""
        asked = self._asked.pop(symbol)
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)
