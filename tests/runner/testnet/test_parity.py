"""What is tested is what trades: a backtest's orders, sent through ccxt, give the same trades.

A small scripted client sends each order when the strategy would have: after the close at which it
was decided. When an entry fills, inside a bar or at its open, it answers with the protection that
came with it, and it cancels what is no longer valid.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, NamedTuple

import ccxt
import httpx
import pandas as pd
import pytest

import robotrader_sdk as rt
from runner.testnet.core.market_file import read_markets
from tests.runner.testnet.conftest import Served, ccxt_client, exchange_of

MARKETS = {market.symbol: market for market in read_markets()}
PROTECTION = ("stop_loss", "take_profit")

SERIES = {
    "a year of days": ("BTC/USDT", "binance_BTC-USDT_1d_2020.csv", 366, "0.1"),
    "half a day of minutes": ("BTC/USD", "bitstamp_BTC-USD_1m_2020-01-01.csv", 720, "0.1"),
    "days of five minutes": ("ETH/BTC", "ETH-BTC_5m_2018-01.csv", 1000, "1"),
}


class Breakout(rt.Strategy):
    """Enters by a stop inside a bar, leaves by stop-loss, take-profit, or a close below."""

    width: float = rt.param(1.0)
    quantity: float = rt.param(1.0)

    def signals(self, bars: pd.DataFrame) -> rt.Signals:
        high, low = bars["high"].rolling(10).max(), bars["low"].rolling(10).min()
        return rt.Signals(
            enter_long=bars["close"] < high,
            exit_long=bars["close"] < low.shift(1),
            entry_stop_price=high * (1 + 0.02 * self.width),
            stop_loss=self.width * 0.6,
            take_profit=self.width,
            quantity=self.quantity,
        )


class Cross(rt.Strategy):
    """Enters and leaves at the open; the stop-loss sees the whole bar of the entry."""

    width: float = rt.param(1.0)
    quantity: float = rt.param(1.0)

    def signals(self, bars: pd.DataFrame) -> rt.Signals:
        fast, slow = rt.ta.sma(bars["close"], 4), rt.ta.sma(bars["close"], 11)
        return rt.Signals(
            enter_long=rt.ta.crossed_above(fast, slow),
            exit_long=rt.ta.crossed_below(fast, slow),
            stop_loss=self.width * 0.4,
            quantity=self.quantity,
        )


class Dip(rt.Strategy):
    """Enters by a limit that waits three bars, leaves by take-profit or stop-loss."""

    width: float = rt.param(1.0)
    quantity: float = rt.param(1.0)

    def signals(self, bars: pd.DataFrame) -> rt.Signals:
        return rt.Signals(
            enter_long=bars["close"] < rt.ta.sma(bars["close"], 20),
            entry_limit_price=bars["close"] * (1 - 0.3 * self.width),
            valid_bars=3,
            stop_loss=self.width,
            take_profit=self.width * 0.8,
            quantity=self.quantity,
        )


class Trip(NamedTuple):
    """A round trip; times are the open times of bars."""

    entry_time: pd.Timestamp
    entry_price: float
    exit_time: pd.Timestamp | None
    exit_price: float | None
    quantity: float


class ScriptedClient:
    """Sends the orders of a backtest to an exchange, bar by bar."""

    def __init__(self, served: Served, symbol: str, run: rt.BacktestResult) -> None:
        self._control = httpx.Client(base_url=f"{served.url}/_control")
        served.closes.append(self._control.close)
        self._client: Any = ccxt_client("binance", served)
        self._client.load_markets()
        self._market = self._client.market(symbol)
        self._symbol = symbol
        orders = run.orders[run.orders["status"] != "rejected"]
        decided = orders[~orders["reason"].isin(PROTECTION)]
        self._decided = {time: list(rows.itertuples()) for time, rows in decided.groupby("time")}
        self._protection = deque(_groups(orders[orders["reason"].isin(PROTECTION)]))
        self._entries: dict[str, Any] = {}
        self._list: str | None = None
        self._stop: str | None = None
        self._n_protected = 0

    def run(self, times: pd.DatetimeIndex) -> None:
        """Go through all bars."""
        for time in times:
            while (stop := self._control.post("/step").json())["at"] == "fill":
                self._answer(str(stop["trade"]["order"]))
            for order_id, row in list(self._entries.items()):
                if row.valid_until is not pd.NaT and row.valid_until <= time:
                    self._cancel_entry(order_id)
            if not stop["over"]:
                for row in self._decided.get(time, ()):
                    self._send(row)

    def _send(self, row: Any) -> None:
        if row.reason == "exit":
            self._unprotect()
            for order_id in list(self._entries):
                self._cancel_entry(order_id)
            self._create("market", "sell", row.quantity)
            return
        for order_id in list(self._entries):
            self._cancel_entry(order_id)  # a new entry takes the place of one that waits
        made = self._enter(row)
        self._entries[made["id"]] = row
        if made["status"] == "closed":
            self._answer(made["id"])

    def _enter(self, row: Any) -> Any:
        if row.type == "limit":
            return self._create("limit", "buy", row.quantity, row.limit_price)
        if row.type == "stop":
            try:
                return self._create("market", "buy", row.quantity, triggerPrice=row.stop_price)
            except ccxt.OrderImmediatelyFillable:
                pass  # the open is beyond it already, so a market order does the same
        return self._create("market", "buy", row.quantity)

    def _answer(self, order_id: str) -> None:
        """An order has filled: protect an entry; protection that has filled is over."""
        row = self._entries.pop(order_id, None)
        if row is None:
            self._list = self._stop = None
            return
        by_reason = {one.reason: one for one in self._protection.popleft()}
        stop, target = by_reason["stop_loss"], by_reason.get("take_profit")
        quantity = f"{Decimal(repr(row.quantity)):f}"
        if target is None:
            made = self._create("market", "sell", row.quantity, stopLossPrice=stop.stop_price)
            self._stop = made["id"]
            return
        self._n_protected += 1
        self._list = f"list-{self._n_protected}"
        self._client.privatePostOrderListOco({
            "symbol": self._market["id"], "side": "SELL", "quantity": quantity,
            "listClientOrderId": self._list, "aboveType": "LIMIT_MAKER",
            "abovePrice": self._client.price_to_precision(self._symbol, target.limit_price),
            "aboveClientOrderId": f"{self._list}-above", "belowType": "STOP_LOSS",
            "belowStopPrice": self._client.price_to_precision(self._symbol, stop.stop_price),
            "belowClientOrderId": f"{self._list}-below",
        })  # fmt: skip

    def _unprotect(self) -> None:
        if self._list is not None:
            asked = {"symbol": self._market["id"], "listClientOrderId": self._list}
            self._client.privateDeleteOrderList(asked)
        if self._stop is not None:
            self._client.cancel_order(self._stop, self._symbol)
        self._list = self._stop = None

    def _cancel_entry(self, order_id: str) -> None:
        del self._entries[order_id]
        self._client.cancel_order(order_id, self._symbol)

    def _create(
        self, kind: str, side: str, quantity: float, price: float | None = None, **params: Any
    ) -> Any:
        given = {**params, "newOrderRespType": "FULL"}
        return self._client.create_order(self._symbol, kind, side, quantity, price, given)


def _groups(protection: pd.DataFrame) -> Iterator[list[Any]]:
    """The orders that protect one entry, which come one after the other."""
    group: list[Any] = []
    for row in protection.itertuples():
        if group and (row.reason == "stop_loss" or row.time != group[-1].time):
            yield group
            group = []
        group.append(row)
    if group:
        yield group


def _price(mean: float) -> float:
    """A price from a mean of fills, which carries float noise in its last digits."""
    return round(mean, 8)


def _trips(served: Served, times: pd.DatetimeIndex) -> tuple[list[Trip], Decimal]:
    """Round trips of what was executed, and all fees."""
    trades = served.exchange.records.trades
    found: list[Trip] = []
    for trade in trades:
        at = pd.Timestamp(trade.time_ms, unit="ms", tz="UTC")
        bar = times[times.searchsorted(at, side="right") - 1]
        price, quantity = float(trade.price), float(trade.quantity)
        if trade.side > 0:
            found.append(Trip(bar, price, None, None, quantity))
        else:
            found[-1] = found[-1]._replace(exit_time=bar, exit_price=price)
            assert quantity == found[-1].quantity
    return found, sum((trade.fee for trade in trades), Decimal(0))


@pytest.mark.parametrize("strategy", [Breakout, Cross, Dip])
@pytest.mark.parametrize("name", SERIES)
def test_a_backtests_orders_give_its_trades(serve, real_bars, strategy, name):
    symbol, file, n_bars, quantity = SERIES[name]
    bars = rt.read_bars(real_bars / file).iloc[:n_bars]
    moves = (bars["high"] / bars["low"] - 1).median()
    market = MARKETS[symbol]
    run = rt.backtest(
        strategy(width=round(float(2 * moves), 4), quantity=float(quantity)),
        bars,
        cash=100_000,
        instrument=market.instrument(),
        fees=rt.Fees(maker=float(market.maker_fee), taker=float(market.taker_fee)),
    )
    assert len(run.trades) >= 10
    assert run.stats["n_rejected"] == 0

    served = serve(exchange_of({symbol: bars}, balances={market.quote: "100000"}))
    ScriptedClient(served, symbol, run).run(bars.index)

    ours, fees = _trips(served, bars.index)
    theirs = [
        Trip(
            t.entry_time,
            _price(t.entry_price),
            None if t.status == "open" else t.exit_time,
            None if t.status == "open" else _price(t.exit_price),
            t.quantity,
        )
        for t in run.trades.itertuples()
    ]
    assert ours == theirs
    assert float(fees) == pytest.approx(run.stats["fees_paid"], abs=1e-8 * len(run.fills))
    final = served.exchange.accounts["alice"].balance(market.quote).total
    assert float(final) == pytest.approx(run.fills["cash"].iloc[-1], abs=1e-8 * len(run.fills))


def test_the_strategies_fill_in_every_way(real_bars):
    """The nine runs above have entries and exits at opens, inside bars, and both in one bar."""
    ways = set()
    for symbol, file, n_bars, quantity in SERIES.values():
        bars = rt.read_bars(real_bars / file).iloc[:n_bars]
        moves = (bars["high"] / bars["low"] - 1).median()
        for strategy in (Breakout, Cross, Dip):
            run = rt.backtest(
                strategy(width=round(float(2 * moves), 4), quantity=float(quantity)),
                bars,
                cash=100_000,
                instrument=MARKETS[symbol].instrument(),
            )
            closed = run.trades[run.trades["status"] == "closed"]
            ways |= set(zip(closed["entry_reason"], closed["exit_reason"], strict=True))
            ways |= {"one bar"} if (closed["bars_held"] == 0).any() else set()
    assert {exit_reason for _, exit_reason in ways - {"one bar"}} >= {
        "stop_loss", "take_profit", "exit"
    }  # fmt: skip
    assert "one bar" in ways
