"""The paper broker: the protocol of a real one, filled from live bars by the rule of a backtest.

A market order, and a limit the price has reached already, fill at once at the price that stands:
the open of the forming bar. Everything else is matched when its bar closes. Whoever gives it the
closed bar does so step by step, so that what a fill calls for, its protection above all, is there
for the rest of the bar:

    while await broker.match_next(symbol, bar):
        ...  # let the bots look at their orders

Orders fill whole. Positions of perpetuals are liquidated where their margin has shrunk to
`MAINTENANCE` of the notional; no funding is paid on paper.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from robotrader_sdk.types import Liquidity, OrderType, Side
from runner.execution.broker import (
    Balance,
    ClosedBar,
    FillReport,
    FundingReport,
    KeyRight,
    KeyRights,
    MarginMode,
    Market,
    OrderListRequest,
    OrderReport,
    OrderRequest,
    PositionReport,
    StopChange,
)
from runner.execution.errors import (
    DuplicateOrderError,
    FundsLackingError,
    OrderMissingError,
    OrderRefusedError,
    WouldTriggerError,
)
from runner.execution.journal.paper import keep_paper, read_paper
from runner.execution.paper_books import ZERO, PaperBooks, PaperOrder
from runner.execution.paper_matching import INSIDE, OPEN, fill_at_once, is_passed, next_fill
from runner.execution.rules import Rules
from runner.storage.database import Database

Markets = Callable[[str], Awaitable[Market]]
Prices = Callable[[str], Awaitable[Decimal]]
Clock = Callable[[], Awaitable[datetime]]


class PaperBroker:
    """One account on paper; see `runner.execution.broker.Broker`. Made by `open`.

    markets: the rules of the exchange's markets. prices: where a market stands now. clock: the
    exchange's time.
    """

    def __init__(
        self, database: Database, exchange: str, account: str, owner_id: str, books: PaperBooks,
        markets: Markets, prices: Prices, clock: Clock,
    ) -> None:  # fmt: skip
        self.exchange, self.account = exchange, account
        self._database, self._owner_id, self._books = database, owner_id, books
        self._ask_market, self._prices, self._clock = markets, prices, clock
        self._rules: dict[str, Rules] = {}

    @classmethod
    async def open(
        cls, database: Database, exchange: str, account: str, owner_id: str,
        funds: dict[str, Decimal], markets: Markets, prices: Prices, clock: Clock,
    ) -> PaperBroker:  # fmt: skip
        """An account as it was left; a new one has `funds`."""
        async with database.reading() as session:
            kept = await read_paper(session, account)
        books = PaperBooks(balances=dict(funds)) if kept is None else PaperBooks.from_text(kept)
        broker = cls(database, exchange, account, owner_id, books, markets, prices, clock)
        if kept is None:
            await broker._keep()
        for symbol in books.places:
            await broker._rules_of(symbol)
        return broker

    async def match_next(self, symbol: str, bar: ClosedBar) -> bool:
        """Let a closed bar fill the next order; False once it fills no more and is over."""
        rules = await self._rules_of(symbol)
        place = self._books.place(symbol)
        if place.opened is not None and bar.open_time < place.opened:
            return False
        if place.opened == bar.open_time and place.is_done:
            return False
        if place.opened != bar.open_time:
            place.opened, place.stage, place.is_done = bar.open_time, OPEN, False
            place.price = Decimal(repr(bar.open))
        filled = self._fill_next(rules, bar)
        if not filled:
            place.number, place.is_done = place.number + 1, True
        await self._keep()
        return filled

    def _fill_next(self, rules: Rules, bar: ClosedBar) -> bool:
        books, market = self._books, rules.market
        place = books.place(market.symbol)
        for stage in (OPEN, INSIDE):
            if place.stage > stage:
                continue
            place.stage = stage
            if stage == INSIDE and self._liquidate(rules, bar):
                return True
            orders, held = books.open_orders(market.symbol), books.held(market)
            found = next_fill(rules, orders, held, bar, place.number, stage)
            if found is not None:
                at = max(bar.open_time, found.order.placed)
                place.price = found.price
                books.fill(market, found.order, found.price, found.liquidity, at)
                return True
        return False

    def _liquidate(self, rules: Rules, bar: ClosedBar) -> bool:
        """Close a position whose margin is gone, unless a stop of its own lies before that."""
        market, books = rules.market, self._books
        level = books.position(market.symbol).liquidation_price() if market.is_perpetual else None
        if level is None:
            return False
        held = books.position(market.symbol).quantity
        reached = Decimal(repr(bar.low)) <= level if held > 0 else Decimal(repr(bar.high)) >= level
        direction = 1 if held > 0 else -1
        stops = [o.stop_price for o in books.open_orders(market.symbol) if o.side == -direction]
        if not reached or any(s is not None and direction * s >= direction * level for s in stops):
            return False
        side = Side(-direction)
        request = OrderRequest(
            client_order_id=f"liquidation-{books.n_orders + 1}",
            symbol=market.symbol,
            side=side,
            type=OrderType.MARKET,
            reduce_only=True,
        )
        order = books.new_order(request, abs(held), 0, bar.open_time)
        price = market.order_price(Side(direction), level)
        books.fill(market, order, price, Liquidity.TAKER, bar.open_time, is_liquidation=True)
        return True

    async def instrument(self, symbol: str) -> Market:
        """See `Broker`."""
        return (await self._rules_of(symbol)).market

    async def server_time(self) -> datetime:
        """See `Broker`."""
        return await self._clock()

    async def last_price(self, symbol: str) -> Decimal:
        """Where the market stands; while a bar is matched, where its last fill was."""
        place = self._books.place(symbol)
        return await self._prices(symbol) if place.is_done else place.price

    async def submit(self, order: OrderRequest) -> OrderReport:
        """See `Broker`; it is kept before this returns."""
        rules = await self._rules_of(order.symbol)
        price = await self.last_price(order.symbol)
        made = self._take(rules, order, price, await self._clock())
        await self._keep()
        return made.report()

    async def submit_list(self, orders: OrderListRequest) -> tuple[OrderReport, OrderReport]:
        """See `Broker`."""
        rules = await self._rules_of(orders.stop.symbol)
        price = await self.last_price(orders.stop.symbol)
        now = await self._clock()
        for order in (orders.take_profit, orders.stop):
            self._check_new(order, float(price))
        target, stop = (
            self._take(rules, order, price, now, orders.client_list_id)
            for order in (orders.take_profit, orders.stop)
        )
        await self._keep()
        return target.report(), stop.report()

    async def replace(self, client_order_id: str, order: OrderRequest) -> OrderReport:  # noqa: ARG002 - Broker's
        """See `Broker`: no paper market's stops are changed so, nothing can come in between."""
        raise OrderRefusedError("on paper a stop is cancelled, and another sent")

    async def amend(self, order: OrderRequest) -> None:  # noqa: ARG002 - Broker's
        """See `Broker`: no paper market's stops are changed so, nothing can come in between."""
        raise OrderRefusedError("on paper a stop is cancelled, and another sent")

    async def cancel(self, symbol: str, client_order_id: str, *, is_trigger: bool) -> None:  # noqa: ARG002
        """See `Broker`."""
        order = self._books.orders.get(client_order_id)
        if order is None or not order.is_open or order.symbol != symbol:
            raise OrderMissingError(f"no order {client_order_id} works on paper")
        self._books.cancel(order)
        await self._keep()

    async def look_up(self, symbol: str, client_order_id: str) -> OrderReport | None:
        """See `Broker`."""
        order = self._books.orders.get(client_order_id)
        return order.report() if order is not None and order.symbol == symbol else None

    async def open_orders(self, symbol: str) -> Sequence[OrderReport]:
        """See `Broker`."""
        return [order.report() for order in self._books.open_orders(symbol)]

    async def fills_since(self, symbol: str, since: datetime) -> Sequence[FillReport]:
        """See `Broker`."""
        fills = self._books.fills
        return [f.report() for f in fills if f.symbol == symbol and f.time >= since]

    async def balances(self) -> dict[str, Balance]:
        """See `Broker`."""
        locked = self._books.locked(rules.market for rules in self._rules.values())
        return {
            asset: Balance(free=total - locked.get(asset, ZERO), total=total)
            for asset, total in self._books.balances.items()
        }

    async def positions(self, symbols: Sequence[str]) -> Sequence[PositionReport]:
        """See `Broker`."""
        reports = [self._books.position_report(symbol) for symbol in symbols]
        return [report for report in reports if report.quantity]

    async def prepare(self, symbol: str, leverage: Decimal, margin_mode: MarginMode) -> None:
        """See `Broker`."""
        position = self._books.position(symbol)
        position.leverage, position.margin_mode = leverage, margin_mode
        await self._keep()

    async def funding_since(self, symbol: str, since: datetime) -> Sequence[FundingReport]:  # noqa: ARG002
        """None: no funding is paid on paper."""
        return []

    async def key_rights(self) -> KeyRights:
        """See `Broker`."""
        return KeyRights(frozenset({KeyRight.READ, KeyRight.TRADE}))

    async def close(self) -> None:
        """Nothing is open."""

    def _take(
        self, rules: Rules, request: OrderRequest, price: Decimal, now: datetime, list_id: str = ""
    ) -> PaperOrder:
        """Check an order, take it, and fill it if it fills at once."""
        books, market = self._books, rules.market
        self._check_new(request, float(price))
        quantity = request.quantity
        if quantity is None:
            quantity = market.lots((request.cost or ZERO) / rules.taker_price(request.side, price))
        self._check_size(market, request, quantity, price)
        order = books.new_order(request, quantity, self._active(request), now, list_id)
        found = fill_at_once(rules, order, float(price))
        if found is None and request.type is not OrderType.MARKET:
            if list_id == "" or request.stop_price is None:
                self._check_funds(market, order, ZERO)
            return order
        if found is not None:
            self._check_funds(market, order, found.price)
            books.fill(market, order, found.price, found.liquidity, now)
        return order

    def _active(self, request: OrderRequest) -> int:
        """Stops act at once; limits sent inside a bar from the next one (rules 4 and 8)."""
        place = self._books.place(request.symbol)
        inside = not place.is_done and place.stage == INSIDE
        is_limit = request.type is OrderType.LIMIT
        return place.number + 1 if inside and is_limit else place.number

    def _check_new(self, request: OrderRequest, price: float) -> None:
        if request.client_order_id in self._books.orders:
            raise DuplicateOrderError(f"there is an order {request.client_order_id} already")
        if is_passed(request.type, int(request.side), request.stop_price, price):
            raise WouldTriggerError(f"the price is {price}, beyond the stop {request.stop_price}")

    def _check_size(
        self, market: Market, request: OrderRequest, quantity: Decimal, price: Decimal
    ) -> None:
        if quantity <= 0 or market.lots(quantity) != quantity or quantity < market.min_quantity:
            raise OrderRefusedError(f"{quantity:f} is not a whole number of lots", "LOT_SIZE")
        if too_large := market.too_large(request.type, quantity):
            raise OrderRefusedError(too_large, "LOT_SIZE")
        worth = quantity * (request.limit_price or request.stop_price or price)
        if worth < market.min_notional and not request.reduce_only:
            raise OrderRefusedError(
                f"{worth:f} is below the smallest order, {market.min_notional:f}", "NOTIONAL"
            )

    def _check_funds(self, market: Market, order: PaperOrder, price: Decimal) -> None:
        """FundsLackingError, and the order is gone, if the account has less than it needs."""
        books = self._books
        locked = books.locked(rules.market for rules in self._rules.values())
        asset = market.base if order.side < 0 and not market.is_perpetual else market.quote
        needed = ZERO
        if price and order.type == OrderType.MARKET.value and not order.reduce_only:
            worth = order.quantity * price
            if market.is_perpetual:
                needed = worth / books.position(market.symbol).leverage
            elif order.side > 0:
                needed = worth * (1 + market.taker_fee)
        free = books.balances.get(asset, ZERO) - locked.get(asset, ZERO)
        if free < needed:
            del books.orders[order.client_order_id]
            raise FundsLackingError(f"{needed:f} {asset} more is needed, {free:f} is free", "FUNDS")

    async def _rules_of(self, symbol: str) -> Rules:
        if symbol not in self._rules:
            market = await self._ask_market(symbol)
            spot = not market.is_perpetual
            # Whatever the venue has: between two closes nobody could watch a price on paper.
            able = replace(
                market,
                has_stop_market=True,
                has_order_list=spot,
                stop_change=StopChange.ONE_BY_ONE,
            )
            self._rules[symbol] = Rules.of(able)
            self._books.place(symbol)
        return self._rules[symbol]

    async def _keep(self) -> None:
        text, at = self._books.as_text(), datetime.now(UTC)
        await self._database.write(
            lambda session: keep_paper(session, self.account, self._owner_id, text, at)
        )
