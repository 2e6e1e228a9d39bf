"""Weights and orders into fills, at an open or, for `fill_at="close"`, at a close.

At an open (`robotrader_sdk.trading.rebalancing` has the rule for weights): what reduces a
position first, by order or by weight, then the other orders, then the weights that grow. A
perpetual is matched once a bar, since its funding is paid there; its weights are ordinary orders
from the decision on.
"""

from __future__ import annotations

from bisect import bisect_left

import numpy as np
from numpy.typing import NDArray

from robotrader_sdk.backtest.portfolio.account import SharedAccount
from robotrader_sdk.backtest.portfolio.books import SymbolBook
from robotrader_sdk.backtest.portfolio.log import Log
from robotrader_sdk.backtest.portfolio.market import Market
from robotrader_sdk.backtest.portfolio.rules import Rules
from robotrader_sdk.trading.order import Purpose, SizeUnit
from robotrader_sdk.trading.rebalancing import (
    NOISE,
    Desk,
    growing,
    perpetual_quantity,
    shrinking,
    taker_prices,
)
from robotrader_sdk.types import Side

Floats = NDArray[np.float64]


class Trader:
    """The books of all symbols, and the weights that are still to be traded.

    pending: for each symbol the weight that its next open is to bring; NaN: none.
    untraded: for each symbol how many weights could not be traded since it has no bars any more.
    """

    def __init__(
        self, market: Market, cash: float, take_profit_first: bool, expected_trades: int
    ) -> None:
        self.market = market
        self.at_close = market.configs[0].fill_at == "close"
        terms = market.terms(take_profit_first)
        n_symbols = len(terms)
        self.account = SharedAccount(cash, terms, market.rules)
        self.log = Log(n_symbols)
        rules: dict[bool, Rules] = {}
        for table, perp in zip(terms, market.rules, strict=True):
            if (perp is None) not in rules:
                rules[perp is None] = Rules(table, perp, expected_trades)
        self.books = [
            SymbolBook(k, self.account, self.log, bars, table, perp, rules[perp is None])
            for k, (bars, table, perp) in enumerate(
                zip(market.panel.tables, terms, market.rules, strict=True)
            )
        ]
        self.margined = np.array([perp is not None for perp in market.rules])
        self.fee = np.array([table["taker_fee"][0] for table in terms])
        self._slippage = np.array([table["slippage"][0] for table in terms])
        self._tick_size = np.array([table["tick_size"][0] for table in terms])
        self._lot_size = np.array([table["lot_size"][0] for table in terms])
        self._waits = False
        last = market.last_bars
        end = len(market.panel.index)
        self._delistings: list[int] = [*np.unique(last[last < end - 1]).tolist(), end]
        self.pending = np.full(n_symbols, np.nan)
        self._decided_at = np.zeros(n_symbols, np.int64)
        self._margined_rows = np.full(n_symbols, -1, np.int64)
        self.untraded = np.zeros(n_symbols, np.int64)

    def ask(self, time: int, weights: Floats) -> None:
        """Take in weights decided at a close, NaN where nothing is; newer ones replace older.

        The account is valued at that close.
        """
        self._ask_perpetuals(time, weights)
        due = ~np.isnan(weights) & ~self.margined
        self.pending[due] = weights[due]
        self._decided_at[due] = time
        ended = due & self.has_ended(time)
        self.untraded[ended & (weights != 0.0)] += 1
        self.pending[ended] = np.nan
        self._waits = not np.isnan(self.pending).all()

    @property
    def is_idle(self) -> bool:
        """Whether a bar can't change anything but what positions are worth."""
        account = self.account
        return account.n_working == 0 and not self._waits and not account.is_margined

    def next_delisting(self, time: int) -> int:
        """The first time from one on at which a symbol ends before the panel; its end: none."""
        return self._delistings[bisect_left(self._delistings, time)]

    def has_ended(self, time: int) -> NDArray[np.bool_]:
        """Which symbols have no bar left at which to trade what is decided at a time."""
        last = self.market.last_bars
        ended: NDArray[np.bool_] = last < time if self.at_close else last <= time
        return ended & (last < len(self.market.panel.index) - 1)

    def trade(self, time: int, own_bars: NDArray[np.int64], at_close: bool) -> None:
        """Fill what an open fills, or a close, for the symbols that have a bar."""
        if self.is_idle:
            return
        here = own_bars >= 0
        busy = np.flatnonzero(here & self._busy(at_close)).tolist()
        due = np.flatnonzero(here & ~np.isnan(self.pending) & (at_close is self.at_close))
        if not busy and not due.size:
            return
        prices = self.market.close[time] if at_close else self.market.open[time]
        self.account.revalue(prices)
        first = [k for k in busy if self.books[k].reduces]
        self._match(first, own_bars, prices, at_close)
        if due.size:
            weights = self.pending[due]
            added = shrinking(self._desk(due, prices), weights, self.account.equity())
            turns = weights * self.account.held[due] < 0.0
            purposes = np.where(turns, Purpose.REVERSAL, Purpose.EXIT)
            self._trade(due, added, purposes, own_bars, prices, at_close)
        self._match([k for k in busy if k not in first], own_bars, prices, at_close)
        if due.size:
            others = float(self.account.tied.sum() - self.account.tied[due].sum())
            desk, equity = self._desk(due, prices), self.account.equity()
            added = growing(desk, weights, equity, others)
            self._trade(due, added, np.full(len(due), Purpose.ENTRY), own_bars, prices, at_close)
            self.pending[due] = np.nan
            self._waits = not np.isnan(self.pending).all()

    def trade_inside(self, own_bars: NDArray[np.int64]) -> None:
        """Fill what happens between the open and the close."""
        if self.is_idle:
            return
        for number in np.flatnonzero((own_bars >= 0) & self._busy(at_close=False)):
            book = self.books[number]
            book.bar = int(own_bars[number])
            book.match_inside()

    def delist(self, time: int) -> None:
        """End what has its last bar here, before the panel's: close it at that bar's close."""
        if self.next_delisting(time) != time:
            return
        for number in np.flatnonzero(self.market.last_bars == time).tolist():
            book = self.books[number]
            book.bar = len(book.bars) - 1
            book.cancel_all()
            held = book.held()
            if held != 0.0:
                price = float(self.market.close[time, number])
                book.decided_at = time
                book.order(book.bar, price, -held, Purpose.DELISTED)
                book.match_open(price, at_close=True)

    def _busy(self, at_close: bool) -> NDArray[np.bool_]:
        """Symbols with working orders, or a perpetual's position, which has funding to pay."""
        busy: NDArray[np.bool_] = self.account.working > 0
        if not at_close and self.account.any_margined:
            busy = busy | (self.margined & (self.account.quantity != 0.0))
        return busy

    def _match(
        self, numbers: list[int], own_bars: NDArray[np.int64], prices: Floats, at_close: bool
    ) -> None:
        for number in numbers:
            book = self.books[number]
            book.bar = int(own_bars[number])
            book.match_open(float(prices[number]), at_close)

    def _desk(self, due: NDArray[np.intp], prices: Floats) -> Desk:
        price, slippage, tick = prices[due], self._slippage[due], self._tick_size[due]
        return Desk(
            price=price,
            buy_price=taker_prices(price, Side.BUY, slippage, tick),
            sell_price=taker_prices(price, Side.SELL, slippage, tick),
            held=self.account.held[due],
            fee=self.fee[due],
            lot_size=self._lot_size[due],
        )

    def _trade(
        self,
        due: NDArray[np.intp],
        added: Floats,
        purposes: NDArray[np.int64],
        own_bars: NDArray[np.int64],
        prices: Floats,
        at_close: bool,
    ) -> None:
        """Place an order for each quantity and fill it at once.

        One that takes out all that is held closes the position, whatever that is.
        """
        rows = np.flatnonzero(added)
        numbers, signed, purposes = due[rows], added[rows], purposes[rows]
        whole = (purposes != Purpose.ENTRY) & (signed == -self.account.held[numbers])
        columns = (
            numbers,
            own_bars[numbers],
            self._decided_at[numbers],
            prices[numbers],
            np.where(signed > 0.0, Side.BUY, Side.SELL),
            purposes,
            np.where(whole, SizeUnit.POSITION, SizeUnit.QUANTITY),
            np.where(whole, 0.0, np.abs(signed)),
        )
        for number, bar, decided_at, *order in zip(*(c.tolist() for c in columns), strict=True):
            book = self.books[number]
            book.bar, book.decided_at = bar, decided_at
            book.trade(bar if at_close else bar - 1, at_close, *order)

    def _ask_perpetuals(self, time: int, weights: Floats) -> None:
        """Order what weights of perpetuals come to at the close they are decided at."""
        equity, closes = self.account.equity(), self.account.price
        for number in np.flatnonzero(self.margined & ~np.isnan(weights)):
            book, weight = self.books[number], float(weights[number])
            book.bar = int(self.market.panel.places[number].searchsorted(time, "right")) - 1
            row = int(self._margined_rows[number])
            if row >= 0 and book.is_working(row):
                book.cancel(row)
            if self.has_ended(time)[number] or closes[number] == 0.0:
                self.untraded[number] += weight != 0.0
                continue
            price, fee = float(closes[number]), float(self.fee[number])
            lot_size = float(self._lot_size[number])
            wanted = perpetual_quantity(weight, equity, price, fee, lot_size)
            added = wanted - book.held()
            if abs(added) * price > NOISE * equity:
                shrinks = added * book.held() < 0.0 and wanted * book.held() >= 0.0
                purpose = Purpose.EXIT if shrinks else Purpose.ENTRY
                book.decided_at = time
                self._margined_rows[number] = book.order(book.bar, price, added, purpose)
