"""One symbol's book in a shared account, as an event strategy's account and as a driver's tool."""

from __future__ import annotations

from robotrader_sdk.backtest import kernel
from robotrader_sdk.backtest.portfolio.account import SharedAccount
from robotrader_sdk.backtest.portfolio.live_orders import LiveOrders, status_of
from robotrader_sdk.backtest.portfolio.log import Log
from robotrader_sdk.backtest.portfolio.rules import Rules
from robotrader_sdk.strategy.context import Position
from robotrader_sdk.strategy.intents import Intent, Order
from robotrader_sdk.trading.book import (
    Table,
    Tables,
    end_order,
    enlarged,
    mean_entry_price,
    new_tables,
    opened,
    sweep,
)
from robotrader_sdk.trading.margin import Perpetual
from robotrader_sdk.trading.order import Purpose, SizeUnit
from robotrader_sdk.types import OrderStatus, OrderType, Side

_ROWS = 64


class SymbolBook:
    """The orders, lots and fills of one symbol; `bar` is the number of its bar that is open.

    bars: open, high, low, close and volume of each of its bars in a row. The ledger is the
    account's. A symbol's bars are counted on their own: an order waits for the next of them,
    however long that takes.
    """

    def __init__(
        self,
        number: int,
        account: SharedAccount,
        log: Log,
        bars: Table,
        terms: Table,
        perp: Perpetual | None,
        rules: Rules,
    ) -> None:
        self.number = number
        self._account = account
        self._log = log
        self.bars = bars
        self.perp = perp
        self._rules = rules
        self.bar = -1
        self.decided_at = -1
        self.n_orders = self.n_working = self.n_lots = 0
        self._live = LiveOrders()
        self._entry_price: float | None = None
        self._use(new_tables(account.ledger, terms, rows=_ROWS))

    def cash(self) -> float:
        """See `strategy.context.Account`."""
        return self._account.cash()

    def equity(self) -> float:
        """See `strategy.context.Account`; of the whole account."""
        return self._account.equity()

    def held(self) -> float:
        """See `strategy.context.Account`."""
        return float(self._account.held[self.number])

    def position(self) -> Position:
        """See `strategy.context.Account`."""
        held = self.held()
        if held == 0.0:
            return Position()
        if self._entry_price is None:
            self._entry_price = mean_entry_price(self.book)
        pnl = held * (float(self._account.price[self.number]) - self._entry_price)
        return Position(held, self._entry_price, pnl)

    def working_orders(self) -> tuple[Order, ...]:
        """See `strategy.context.Account`."""
        return self._live.all()

    @property
    def reduces(self) -> bool:
        """Whether a market order is working that takes the position towards 0."""
        held = self.held()
        if held == 0.0:
            return False
        rows = self.book.working[: self.n_working]
        orders = self.book.orders[rows]
        market = orders["type"] == OrderType.MARKET.value
        return bool((market & (orders["side"] * held < 0.0)).any())

    def match_open(self, price: float, at_close: bool) -> None:
        """Fill what the open of `bar` fills, or its close."""
        self._prepare()
        self._take(self._rules.match_open(self.tables, self.bar, price, at_close, self.perp))

    def match_inside(self) -> None:
        """Fill what happens between the open and the close of `bar`."""
        self._prepare()
        open_, high, low = self.bars[self.bar, :3].tolist()
        state = self._rules.match_inside(self.tables, self.bar, open_, high, low, self.perp)
        self._take(state)

    def carry_out(self, intents: list[Intent]) -> None:
        """Enter what a strategy asked for at the close of `bar`, in the order it asked."""
        for intent in intents:
            if isinstance(intent, Order):
                self._prepare(new_orders=1)
                row = self._place(self.bar, float(self._account.price[self.number]), intent)
                self._live.add(row, intent, self.book)
            else:
                working = self._live.row_of(intent.order)
                if working is not None:
                    self.cancel(working)

    def trade(
        self,
        created: int,
        at_close: bool,
        price: float,
        side: int,
        purpose: int,
        size_unit: int,
        size: float,
    ) -> None:
        """Fill a market order at once that was decided at the close of an own bar; no perpetuals.

        What `order` and `match_open` do in one step, for rebalances of many symbols.
        """
        self._make_room(1)
        elsewhere, tied = self._account.beside(self.number)
        quantity, held, self.n_orders, self.n_working, self.n_lots, n_fills = self._rules.trade(
            self.tables,
            created,
            self.bar,
            price,
            at_close,
            side,
            purpose,
            size_unit,
            size,
            elsewhere,
            tied,
        )
        self._account.note(self.number, quantity, held, self.n_working)
        self._log.note(self.number, self.n_orders, self.n_lots, n_fills, self.decided_at)
        self._entry_price = None
        self._live.tell(self.book)

    def order(self, created: int, close: float, signed: float, purpose: Purpose) -> int:
        """Place a market order of a signed quantity, decided at the close of an own bar; its row.

        An exit of as much as is held closes the position, whatever that is when it fills.
        """
        self._prepare(new_orders=1)
        whole = purpose is not Purpose.ENTRY and abs(signed) == abs(self.held())
        unit, size = (SizeUnit.POSITION, 0.0) if whole else (SizeUnit.QUANTITY, abs(signed))
        side = Side.BUY if signed > 0.0 else Side.SELL
        return self._place(created, close, Order(0, side, OrderType.MARKET, purpose, unit, size))

    def is_working(self, row: int) -> bool:
        """Whether an order may still fill."""
        return status_of(self.book, row) is OrderStatus.WORKING

    def cancel(self, row: int) -> None:
        """Cancel a working order."""
        end_order(self.book, row, OrderStatus.CANCELLED.value, self.bar)
        sweep(self.book, self.bar)
        self.n_working -= 1
        self._account.count_working(self.number, self.n_working)
        self._live.tell(self.book)

    def cancel_all(self) -> None:
        """Cancel whatever is working."""
        for row in self.book.working[: self.n_working].tolist():
            self.cancel(row)

    def _place(self, created: int, close: float, order: Order) -> int:
        terms = kernel.terms_of(order, order.valid_bars)
        row = self._rules.place(self.tables, created, close, *terms, self.perp)
        self.n_orders += 1
        self.n_working += self.is_working(row)
        self._account.count_working(self.number, self.n_working)
        n_fills = int(self.book.position["n_fills"])
        self._log.note(self.number, self.n_orders, self.n_lots, n_fills, self.decided_at)
        return int(row)

    def _prepare(self, new_orders: int = 0) -> None:
        """Show the rules the other symbols, and make room for what may come."""
        self._account.face(self.number)
        self._rules.hurry(self.n_working)
        self._make_room(new_orders)

    def _make_room(self, new_orders: int) -> None:
        """Enlarge the tables until all that so many new orders may bring fits."""
        orders = self.n_working + new_orders + 1  # a liquidation comes unasked
        while self.n_orders + 3 * orders > self._rows or self.n_lots + orders > self._lot_rows:
            self._use(enlarged(self.tables))

    def _take(self, state: kernel.State) -> None:
        """Go on from what a step has left."""
        _, quantity, _, held, self.n_orders, self.n_working, self.n_lots = state
        if self.perp is None:
            self._account.note(self.number, quantity, held, self.n_working)
        else:
            self._account.note_margined(self.number, self.book)
        n_fills = int(self.book.position["n_fills"])
        self._log.note(self.number, self.n_orders, self.n_lots, n_fills)
        self._entry_price = None
        self._live.tell(self.book)

    def _use(self, tables: Tables) -> None:
        self.tables = tables
        self.book = book = opened(tables)
        self._rows, self._lot_rows = book.orders.size, book.lots.size
