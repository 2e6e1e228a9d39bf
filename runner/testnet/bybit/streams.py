"""What Bybit sends over websockets: bars, prices and trades, and an account's own events.

Source: https://bybit-exchange.github.io/docs/v5/ws/connect and the pages beside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from robotrader_sdk.types import Side
from runner.testnet.book_updates import BookUpdates
from runner.testnet.bybit import views
from runner.testnet.bybit.account import AccountData
from runner.testnet.bybit.market_data import INTERVALS, MarketData
from runner.testnet.bybit.symbols import LINEAR, SPOT, Symbols, category_of
from runner.testnet.core.events import Event
from runner.testnet.core.markets import Market
from runner.testnet.core.orders import Order, State, Trade
from runner.testnet.local import LocalExchange
from runner.testnet.numbers import plain
from runner.testnet.streams import Subscriber

_PRICES_MOVED = ("bar", "open", "price")
# Nothing is sent on stopOrder any more: such orders come with the others.
PRIVATE = ("order", "stopOrder", "execution", "wallet", "position")


class Stream:
    """Words what happens for Bybit's subscribers; each listens to one category, or to its own."""

    def __init__(
        self,
        local: LocalExchange,
        symbols: Symbols,
        data: MarketData,
        account: AccountData,
    ) -> None:
        self._exchange = local.exchange
        self._local = local
        self._symbols = symbols
        self._data = data
        self._account = account
        self._updates = BookUpdates(local.prices)

    def messages(self, subscriber: Subscriber, event: Event) -> Iterator[Any]:
        """See `StreamProtocol`."""
        if event.account and subscriber.account == event.account:
            yield from self._own(subscriber, event)
        if event.trade is not None and event.trade.kind == "trade":
            yield from self._trade(subscriber, event.trade)
        elif event.kind in _PRICES_MOVED:
            for topic in sorted(subscriber.topics):
                market = self.market_of(subscriber, topic)
                if market is not None and event.symbol in ("", market.symbol):
                    yield from self._price(topic, market, event)

    def is_known(self, subscriber: Subscriber, topic: str) -> bool:
        """Whether a subscriber may listen to a topic."""
        name = topic.split(".")[0]
        if subscriber.category == "":
            return name in PRIVATE
        if self.market_of(subscriber, topic) is None:
            return False
        return name != "kline" or topic.split(".")[1] in INTERVALS

    def market_of(self, subscriber: Subscriber, topic: str) -> Market | None:
        """The market of a public topic, None if there is none of that name."""
        parts = topic.split(".")
        counts = {"orderbook": 3, "kline": 3, "tickers": 2, "publicTrade": 2}
        if counts.get(parts[0]) != len(parts):
            return None
        symbol = self._symbols.symbol_of(subscriber.category, parts[-1])
        return self._exchange.markets.get(symbol)

    def snapshot(self, topic: str, market: Market) -> Iterator[Any]:
        """What a topic says to one who has just subscribed."""
        name = topic.split(".")[0]
        if not self._exchange.tape.has_price(market.symbol):
            return
        if name == "tickers":
            yield self._message(topic, self._data.ticker(market), "snapshot")
        elif name == "orderbook":
            book = self._data.levels(market, _depth(topic))
            book["u"] = book["seq"] = self._updates.number(market)
            yield self._message(topic, book, "snapshot")

    def _price(self, topic: str, market: Market, event: Event) -> Iterator[Any]:
        name = topic.split(".")[0]
        if not self._exchange.tape.has_price(market.symbol):
            return
        if name == "tickers":
            yield self._message(topic, self._data.ticker(market), "snapshot")
        elif name == "kline":
            yield from self._kline(topic, market, event)
        elif name == "orderbook":
            # With few levels a whole book says the same as its changes; Bybit sends it as well.
            number = self._updates.update(market, event).number
            book = self._data.levels(market, _depth(topic))
            book["u"] = book["seq"] = number
            yield self._message(topic, book, "snapshot")

    def _kline(self, topic: str, market: Market, event: Event) -> Iterator[Any]:
        interval = topic.split(".")[1]
        found = self._local.prices.klines(market.symbol, INTERVALS[interval], limit=1)
        for kline in found[-1:]:
            now_ms = self._exchange.clock.now_ms
            row = {
                "start": kline.open_ms,
                "end": kline.close_ms,
                "interval": interval,
                "open": plain(kline.open),
                "close": plain(kline.close),
                "high": plain(kline.high),
                "low": plain(kline.low),
                "volume": plain(kline.volume),
                "turnover": plain(round(kline.volume * kline.close, 8)),
                "confirm": event.kind == "bar" and kline.close_ms < now_ms,
                "timestamp": now_ms,
            }
            yield self._message(topic, [row], "snapshot")

    def _trade(self, subscriber: Subscriber, trade: Trade) -> Iterator[Any]:
        market = self._exchange.markets[trade.symbol]
        topic = f"publicTrade.{market.id}"
        if topic not in subscriber.topics or subscriber.category != category_of(market):
            return
        row = {
            "T": trade.time_ms,
            "s": market.id,
            "S": views.side_of(trade.side),
            "v": plain(trade.quantity),
            "p": plain(trade.price),
            "L": "PlusTick" if trade.side is Side.BUY else "MinusTick",
            "i": str(trade.number),
            "BT": False,
            "RPI": False,
            "seq": trade.number,
        }
        yield self._message(topic, [row], "snapshot")

    def _own(self, subscriber: Subscriber, event: Event) -> Iterator[Any]:
        order, trade = event.order, event.trade
        market = self._exchange.markets[event.symbol]
        category, topics = category_of(market), subscriber.topics
        if order is not None and order.state is not State.PENDING_NEW:
            yield from self._listed(topics, "order", category, self._order(order, category))
        if trade is not None:
            row = {**views.execution_row(self._exchange, trade), "category": category}
            yield from self._listed(topics, "execution", category, row)
        if market.linear and trade is not None:
            position = self._exchange.linear.position(event.account, market.symbol)
            row = {**views.position_row(self._exchange, position), "category": category}
            row["entryPrice"] = row["avgPrice"]
            yield from self._listed(topics, "position", category, row)
        wallet = self._account.wallet(self._exchange.accounts[event.account], set())
        yield from self._listed(topics, "wallet", category, wallet)

    def _order(self, order: Order, category: str) -> dict[str, Any]:
        return {**views.order_row(self._exchange, order), "category": category}

    def _listed(
        self, topics: set[str], name: str, category: str, row: dict[str, Any]
    ) -> Iterator[Any]:
        """A message of one row, on the topic of all categories or of its own."""
        for topic in (name, f"{name}.{category}"):
            if topic in topics:
                now_ms = self._exchange.clock.served_ms
                yield {"id": f"{name}-{now_ms}", "topic": topic, "creationTime": now_ms,
                       "data": [row]}  # fmt: skip

    def _message(self, topic: str, data: Any, kind: str) -> dict[str, Any]:
        now_ms = self._exchange.clock.served_ms
        return {"topic": topic, "type": kind, "ts": now_ms, "cts": now_ms, "data": data}


def _depth(topic: str) -> int:
    text = topic.split(".")[1]
    return min(int(text), 200) if text.isascii() and text.isdigit() and len(text) < 5 else 50


CATEGORIES = (SPOT, LINEAR)
"""Those that have streams here."""
