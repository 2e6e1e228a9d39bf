"""Single-symbol strategies, of either form, asked at the newest closed bar."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from robotrader_sdk.errors import InstrumentError, RobotraderError
from robotrader_sdk.strategy.base import Strategy, is_vectorised
from robotrader_sdk.strategy.context import Columns, Position
from robotrader_sdk.strategy.intents import Cancel, Intent, Order
from robotrader_sdk.strategy.parametric import stated_warmup
from robotrader_sdk.strategy.signals import read_signals, uses_shorts
from robotrader_sdk.strategy.stepper import Stepper, strategy_failure
from robotrader_sdk.trading import decision as wishes
from robotrader_sdk.trading.book import Book, end_order, equity_at, mean_entry_price, sweep
from robotrader_sdk.trading.order import RejectReason
from robotrader_sdk.trading.placing import admit, append_order
from robotrader_sdk.types import OrderStatus, Timeframe
from runner.execution.decision import BookReading, Decision, in_turn
from runner.execution.identity import OrderIdentity
from runner.execution.journal.standing import Standing
from runner.execution.journal.tables import OrderRow
from runner.execution.rules import Elsewhere, Rules, book_of
from runner.execution.status import Status
from runner.execution.strategy_state import Memory, read_memory, write_memory

_STATUSES = list(OrderStatus)
_ENDED = {
    Status.FILLED: OrderStatus.FILLED,
    Status.CANCELLED: OrderStatus.CANCELLED,
    Status.EXPIRED: OrderStatus.EXPIRED,
    Status.ABANDONED: OrderStatus.CANCELLED,
    Status.REJECTED: OrderStatus.REJECTED,
}


class LiveAccount:
    """A live book as an event strategy's account; what it asks for is entered in the book."""

    def __init__(
        self, book: Book, rules: Rules, orders: Sequence[OrderRow], bar: int, close: float
    ) -> None:
        self.book, self.rules, self.bar, self.close = book, rules, bar, close
        self._known = [order.client_order_id for order in orders]
        self.live: dict[str, Order] = {}
        self.asked: dict[int, Order] = {}

    def cash(self) -> float:
        """See `strategy.context.Account`."""
        return float(self.book.ledger["cash"])

    def equity(self) -> float:
        """See `strategy.context.Account`."""
        return equity_at(self.book, self.close)

    def held(self) -> float:
        """See `strategy.context.Account`."""
        return float(self.book.position["held"])

    def position(self) -> Position:
        """See `strategy.context.Account`."""
        held = self.held()
        if held == 0.0:
            return Position()
        entry_price = mean_entry_price(self.book)
        return Position(held, entry_price, held * (self.close - entry_price))

    def working_orders(self) -> tuple[Order, ...]:
        """See `strategy.context.Account`."""
        return tuple(self.live.values())

    def carry_out(self, intents: Sequence[Intent]) -> None:
        """Enter what the strategy asked for, in the order it asked."""
        for intent in intents:
            if isinstance(intent, Cancel):
                self._cancel(intent.order)
            else:
                self._place(intent)

    def _place(self, order: Order) -> None:
        book, bar = self.book, self.bar
        row = append_order(book, bar, int(order.side), int(order.type), int(order.purpose))
        record = book.orders[row]
        record["size_unit"], record["size"] = int(order.size_unit), order.size
        record["limit"], record["stop"] = order.limit_price, order.stop_price
        if order.valid_bars > 0:
            record["last"] = bar + order.valid_bars
        for name in (
            "stop_loss",
            "take_profit",
            "trailing_stop",
            "stop_loss_price",
            "take_profit_price",
        ):
            record[name] = getattr(order, name)
        admit(book, bar, self.close, row, 0.0, self.rules.perpetual)
        self.asked[row] = order
        order.status = _STATUSES[int(record["status"])]
        order.quantity = float(record["quantity"])
        if order.status is OrderStatus.REJECTED:
            order.reject_reason = RejectReason(int(record["reject_reason"])).label

    def _cancel(self, order: Order) -> None:
        rows = {id(asked): row for row, asked in self.asked.items()}
        rows |= {id(live): self._known.index(k) for k, live in self.live.items()}
        row = rows.get(id(order))
        if row is not None:
            end_order(self.book, row, OrderStatus.CANCELLED.value, self.bar)
            sweep(self.book, self.bar)
            order.status = OrderStatus.CANCELLED


def tell_ended(memory: Memory, ended: Sequence[OrderRow]) -> None:
    """Let the orders that a strategy holds know what became of them."""
    for row in ended:
        order = memory.orders.pop(row.client_order_id, None)
        if order is not None:
            order.status = _ENDED[row.status]
            if row.quantity is not None:
                order.quantity = float(row.quantity)
            if row.filled:
                order.fill_price = float(row.filled_value / row.filled)
            order.reject_reason = row.reason if row.status is Status.REJECTED else ""


def decide(
    strategy: Strategy,
    bars: pd.DataFrame,
    timeframe: Timeframe,
    standing: Standing,
    ended: Sequence[OrderRow],
    rules: Rules,
    installation: str,
) -> Decision:
    """What a single-symbol strategy wants at the last of its bars.

    ended: its orders that have ended since it was asked last. StrategyError, SignalError and the
    like if its code fails.
    """
    symbol = rules.market.symbol
    orders = [o for o in standing.orders.get(symbol, []) if not o.cancel_wanted]
    bar = len(bars) - 1
    book = book_of(
        rules,
        Elsewhere(float(standing.cash)),
        standing.positions.get(symbol),
        standing.lots.get(symbol, []),
        orders,
        bar,
    )
    decision = Decision(state=standing.bot.strategy_state)
    if is_vectorised(strategy):
        _decide_signals(strategy, bars, book, rules)
        BookReading(book, orders, rules).into(decision)
        return decision
    account = LiveAccount(book, rules, orders, bar, float(bars["close"].iloc[-1]))
    stepper = Stepper(strategy, bars, Columns(bars), account, symbol, timeframe)
    if bar < stepper.warmup_bars:
        return decision
    views = stepper.registry.views
    memory = read_memory(standing.bot.strategy_state, stepper.strategy, views)
    memory_orders = dict(memory.orders)
    tell_ended(memory, ended)
    account.live = {
        o.client_order_id: memory_orders[o.client_order_id]
        for o in orders
        if o.client_order_id in memory_orders
    }
    stepper.ctx.n_orders = memory.n_orders.get(symbol, 0)
    account.carry_out(stepper.step(bar))
    BookReading(book, orders, rules).into(decision, account.asked)
    decision.new = in_turn(decision.new, standing)
    memory.n_orders[symbol] = stepper.ctx.n_orders
    remember(memory, decision, standing, bars.index[-1], installation)
    decision.state = write_memory(memory, stepper.strategy, views)
    return decision


def remember(
    memory: Memory,
    decision: Decision,
    standing: Standing,
    open_time: pd.Timestamp,
    installation: str,
) -> None:
    """Keep the new orders under the ids they will have, and forget those that are cancelled."""
    for order_id in decision.cancels:
        memory.orders.pop(order_id, None)
    for sequence, new in enumerate(decision.new):
        if new.intent is not None:
            made = OrderIdentity(
                installation, standing.bot.id, open_time.to_pydatetime(), sequence, new.purpose
            )
            memory.orders[made.client_order_id] = new.intent


def _decide_signals(strategy: Strategy, bars: pd.DataFrame, book: Book, rules: Rules) -> None:
    own = strategy.fresh()
    owner, bar = type(own).__name__, len(bars) - 1
    if bar < (stated_warmup(own) or 0):
        return
    try:
        signals = own.signals(bars.copy(deep=False))
    except RobotraderError:
        raise
    except Exception as error:
        raise strategy_failure(own, "signals", error) from error
    read = read_signals(signals, pd.DatetimeIndex(bars.index), owner)
    if not rules.market.is_perpetual and uses_shorts(read):
        raise InstrumentError(
            f"{owner} sells short (enter_short), which a spot market can't; trade a perpetual, or "
            "leave enter_short out"
        )
    for wish in read.wishes(bar, bar + 1):
        close = float(bars["close"].iloc[-1])
        wishes.decide(book, bar, close, wish, rules.perpetual)
