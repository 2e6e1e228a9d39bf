"""The exchange: takes orders, fills them as the bars say, and keeps the books exactly.

Everything a venue's protocol needs goes through here. Requests that break a rule raise RefusedError
and change nothing. What happens is told to `listeners`, in the order in which it happens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal

from robotrader_sdk.types import Side
from runner.errors import TestnetError
from runner.testnet.core.accounts import Account, ApiKey
from runner.testnet.core.amending import amend
from runner.testnet.core.checks import check_order
from runner.testnet.core.clock import Clock
from runner.testnet.core.events import Event
from runner.testnet.core.linear import Linear
from runner.testnet.core.lists import Lists
from runner.testnet.core.markets import ZERO, Market
from runner.testnet.core.orders import Order, Request, State, Trade
from runner.testnet.core.records import Records
from runner.testnet.core.refusals import Reason, RefusedError
from runner.testnet.core.settings import Settings
from runner.testnet.core.settlement import Settlement, Spot
from runner.testnet.core.tape import Tape
from runner.testnet.core.working import Candidate, WorkingOrders

_FLOAT_NOISE = Decimal("1e-9")
"""Relative; the fill rule's own tolerance."""


class Exchange:
    """Markets, accounts and orders on one tape of bars."""

    def __init__(
        self,
        markets: Iterable[Market],
        tape: Tape,
        clock: Clock | None = None,
        settings: Settings | None = None,
    ) -> None:
        self.markets = {market.symbol: market for market in markets}
        for symbol in tape.symbols:
            if symbol not in self.markets:
                raise TestnetError(f"bars of {symbol}, which is not among the markets")
        self.tape = tape
        self.clock = clock or Clock(tape.open_ms)
        self.settings = settings or Settings()
        self.records = Records()
        self.accounts: dict[str, Account] = {}
        self.keys: dict[str, ApiKey] = {}
        self.working: dict[tuple[str, str], WorkingOrders] = {}
        self.closed_markets: frozenset[str] = frozenset()
        """Those that do not trade at the moment, whatever the market file says."""
        self.delisted: frozenset[str] = frozenset()
        """Those that the venues say they have never heard of."""
        self.listeners: list[Callable[[Event], None]] = []
        self.lists = Lists(self)
        self.spot = Spot(self)
        self.linear = Linear(self)
        self.settlements: dict[bool, Settlement] = {False: self.spot, True: self.linear}
        """By whether the market is linear."""

    def open_account(self, account: Account, *keys: ApiKey) -> Account:
        """Let an account trade here, with its keys."""
        self.accounts[account.name] = account
        for key in keys:
            self.keys[key.key] = key
        return account

    def market(self, symbol: str) -> Market:
        """The market of ccxt's symbol; RefusedError if there is none."""
        found = self.markets.get(symbol)
        if found is None:
            raise RefusedError(Reason.UNKNOWN_SYMBOL, symbol)
        return found

    def last_price(self, market: Market) -> Decimal:
        """Where the price of a market stands."""
        return market.price(self.tape.last(market.symbol))

    def taker_price(self, market: Market, side: Side) -> Decimal:
        """What a market order that comes now pays."""
        slip = 1 + side * Decimal(repr(self.settings.slippage))
        tick = self.last_price(market)
        raw = Decimal(repr(float(self.tape.last(market.symbol))))  # a bar's price may lie off tick
        price = tick if abs(raw - tick) <= tick * _FLOAT_NOISE else raw
        return market.away_from(side, price * slip)

    def settlement(self, market: Market) -> Settlement:
        """What a fill in a market does with money."""
        return self.settlements[market.linear]

    # Orders.

    def submit(self, account: str, request: Request) -> Order:
        """Take an order and fill what fills at once; RefusedError if it can't."""
        self.check(account, self.market(request.symbol), request)
        return self.admit(self.new_order(account, request))

    def check(
        self, account: str, market: Market, request: Request, *, pending: bool = False
    ) -> None:
        """RefusedError if the market's rules, or what already works, do not let an order work.

        `pending`: it will only work later, so where the price stands now does not count.
        """
        check_order(self, account, market, request, pending=pending)

    def new_order(self, account: str, request: Request) -> Order:
        """The row of an order that has been checked; it does not work yet."""
        market, now_ms = self.markets[request.symbol], self.clock.now_ms
        quantity = request.quantity
        if quantity is None:
            price = self.taker_price(market, request.side)
            quantity = market.lots((request.cost or ZERO) / price)
        return Order(
            number=self.records.order_number(),
            account=account,
            symbol=request.symbol,
            client_id=request.client_id,
            side=request.side,
            type=request.type,
            quantity=quantity,
            price=request.price,
            trigger=request.trigger,
            rises=request.triggers_rising,
            cost=request.cost,
            venue=request.venue,
            venue_type=request.venue_type,
            time_in_force=request.time_in_force,
            post_only=request.post_only,
            reduce_only=request.reduce_only,
            shown=request.shown,
            tags=dict(request.tags),
            created_ms=now_ms,
            updated_ms=now_ms,
        )

    def admit(self, order: Order, lock: int | None = None) -> Order:
        """Let a new order work, and fill it where the price stands if it does.

        `lock` is what it shares with the other legs of its list; None: it gets its own.
        RefusedError if what it may cost is not there, or it would take although it must not.
        """
        market = self.markets[order.symbol]
        if not order.quantity:
            raise RefusedError(Reason.LOT_SIZE, "0")
        now = self.put_to_work(order)
        try:
            if now is not None and order.post_only:
                raise RefusedError(Reason.WOULD_TAKE, str(order.price))
            if lock is None:
                price = None if now is None else now.price
                lock = self.settlement(market).set_aside(order, price)
        except RefusedError:
            self.working[order.account, order.symbol].remove(order)
            raise
        order.lock = lock
        self.records.add_order(order)
        self.tell(order, "NEW")
        self.fill_at_once(order, now)
        return order

    def start(self, order: Order) -> None:
        """Let an order work that is known already: a leg whose working order has filled."""
        now = self.put_to_work(order)
        order.updated_ms = self.clock.now_ms
        self.tell(order, "NEW")
        self.fill_at_once(order, now)

    def cancel(self, order: Order) -> Order:
        """Cancel an order and what belongs to it; RefusedError if it is final."""
        if not order.is_live:
            raise RefusedError(Reason.ORDER_IS_FINAL, order.state)
        self.end(order, State.CANCELED)
        return order

    def amend(
        self,
        order: Order,
        *,
        quantity: Decimal | None = None,
        price: Decimal | None = None,
        trigger: Decimal | None = None,
    ) -> Order:
        """Change an order that works; RefusedError, and no change, if it can't be so."""
        return amend(self, order, quantity, price, trigger)

    def end(self, order: Order, state: State, reason: str = "") -> None:
        """Give an order its final state, and back what was set aside for it."""
        order.state, order.reason = state, reason
        order.updated_ms = self.clock.now_ms
        self._drop(order)
        self.tell(order, state.value)
        self.lists.follow(order)

    def fill(self, candidate: Candidate) -> Trade | None:
        """Fill as much of an order as one fill takes; None if its account can't pay."""
        order, price, liquidity = candidate.order, candidate.price, candidate.liquidity
        settlement = self.settlement(self.markets[order.symbol])
        room = settlement.room(order)
        if room is not None and room < order.remaining:
            if not room:
                self.end(order, State.CANCELED, "nothing is left to reduce")
                return None
            order.quantity = order.executed + room
        quantity = self._part(order)
        try:
            fee, fee_asset = settlement.settle(order, price, quantity, liquidity)
        except RefusedError as refusal:
            self.end(order, State.EXPIRED, str(refusal))
            return None
        trade = Trade(
            number=self.records.next_trade,
            order=order.number,
            account=order.account,
            symbol=order.symbol,
            side=order.side,
            price=price,
            quantity=quantity,
            cost=price * quantity,
            fee=fee,
            fee_asset=fee_asset,
            liquidity=liquidity,
            time_ms=self.clock.now_ms,
        )
        self.note_fill(order, trade)
        return trade

    def book(self, account: str, market: Market) -> WorkingOrders:
        """The working orders of an account in a market."""
        found = self.working.get((account, market.symbol))
        if found is None:
            how = self.settings
            found = WorkingOrders(market, slippage=how.slippage, on_touch=how.fill_on_touch)
            self.working[account, market.symbol] = found
        return found

    def change_settings(self, **changes: object) -> None:
        """Change what is given and not None, for working orders too."""
        self.settings.change(**changes)
        for book in self.working.values():
            book.set_terms(self.settings.slippage, on_touch=self.settings.fill_on_touch)

    def tell(self, order: Order, what: str, trade: Trade | None = None) -> None:
        """Tell the listeners what happened to an order."""
        self.announce(Event("order", order.account, order.symbol, what, order, trade))

    def announce(self, event: Event) -> None:
        """Tell the listeners."""
        for listener in self.listeners:
            listener(event)

    def put_to_work(self, order: Order) -> Candidate | None:
        """Enter an order among the working ones; what it fills at where the price stands."""
        market, bar = self.markets[order.symbol], self.tape.number
        book = self.book(order.account, market)
        # A limit order that comes inside a bar can't tell which extremes are still ahead.
        waits_for_price = order.trigger is None
        book.add(order, bar, bar + 1 if self.tape.is_inside and waits_for_price else bar)
        if order.trigger is not None:
            return None
        order.working_ms = self.clock.now_ms
        return book.price_now(order, bar, self.tape.last(order.symbol))

    def fill_at_once(self, order: Order, now: Candidate | None) -> None:
        """Fill what fills where the price stands, and end what must fill at once or not at all."""
        whole = self._part(order) == order.quantity
        if now is not None and (whole or order.time_in_force != "FOK"):
            self.fill(now)
        if order.is_live and order.time_in_force in {"IOC", "FOK"}:
            self.end(order, State.EXPIRED, "not filled at once")

    def note_fill(self, order: Order, trade: Trade) -> None:
        """Keep an execution, and what it makes of its order."""
        self.records.add_trade(trade)
        order.executed += trade.quantity
        order.executed_cost += trade.cost
        paid = order.fees.get(trade.fee_asset, ZERO) + trade.fee
        order.fees = {**order.fees, trade.fee_asset: paid}
        order.updated_ms = trade.time_ms
        order.working_ms = trade.time_ms if order.working_ms < 0 else order.working_ms
        order.state = State.PARTIALLY_FILLED if order.remaining else State.FILLED
        if not order.remaining:
            self._drop(order)
        self.tell(order, "TRADE", trade)
        self.lists.follow(order)

    def _part(self, order: Order) -> Decimal:
        fraction = self.settings.fill_fraction
        if fraction >= 1:
            return order.remaining
        market = self.markets[order.symbol]
        part = max(market.lots(order.quantity * fraction), market.lot_size)
        return min(part, order.remaining) if part else order.remaining

    def _drop(self, order: Order) -> None:
        """An order is final: it works no more, and what only it had set aside is free again."""
        book = self.working.get((order.account, order.symbol))
        if book is not None:
            book.remove(order)
        self.records.drop(order)
        if not self.lists.shares_lock(order):
            self.accounts[order.account].release(order.lock)
