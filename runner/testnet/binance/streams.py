"""What Binance sends over websockets: bars, prices and trades, and an account's own events.

Sources: https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams and
https://developers.binance.com/docs/binance-spot-api-docs/user-data-stream
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from robotrader_sdk.types import Liquidity, Side
from runner.testnet.binance import views
from runner.testnet.binance.market_data import INTERVALS
from runner.testnet.binance.symbols import Symbols
from runner.testnet.book_updates import BookUpdates
from runner.testnet.core.events import Event
from runner.testnet.core.markets import ZERO, Market
from runner.testnet.core.orders import Order, Trade
from runner.testnet.local import LocalExchange
from runner.testnet.numbers import fixed
from runner.testnet.streams import Subscriber

_PRICES_MOVED = ("bar", "open", "price")


class Stream:
    """Words what happens for Binance's subscribers.

    A subscriber listens to streams by name, and to its account's events if it has one. Those are
    wrapped in `{"subscriptionId": 0, "event": ...}` for one that has subscribed by a request.
    """

    def __init__(self, local: LocalExchange, symbols: Symbols, updates: BookUpdates) -> None:
        self._local = local
        self._exchange = local.exchange
        self._symbols = symbols
        self._updates = updates

    def messages(self, subscriber: Subscriber, event: Event) -> Iterator[Any]:
        """See `StreamProtocol`."""
        if event.kind == "order" and event.order is not None:
            yield from self._own(subscriber, event, event.order)
            if event.trade is not None:
                yield from self._trade(subscriber, event.trade)
        elif event.kind in _PRICES_MOVED:
            for name in sorted(subscriber.topics):
                yield from self._price(subscriber, name, event)

    def is_known(self, name: str) -> bool:
        """Whether there is a stream of a name."""
        if name.startswith("!"):
            return name in ("!ticker@arr", "!miniTicker@arr", "!bookTicker")
        symbol, _, kind = name.partition("@")
        if not self._symbols.symbol_of(symbol.upper()):
            return False
        if kind.startswith("kline_"):
            return kind.removeprefix("kline_") in INTERVALS
        return kind in ("ticker", "miniTicker", "bookTicker", "trade", "aggTrade") or (
            kind.partition("@")[0] == "depth"
        )

    def _wrapped(self, subscriber: Subscriber, name: str, message: Any) -> Any:
        return {"stream": name, "data": message} if subscriber.is_combined else message

    def _price(self, subscriber: Subscriber, name: str, event: Event) -> Iterator[Any]:
        """What a stream says when prices have moved."""
        if name.startswith("!"):
            kind = name[1:].partition("@")[0]
            shown = [self._of_market(kind, one, event) for one in self._moved(event)]
            if kind == "bookTicker":
                yield from (self._wrapped(subscriber, name, one) for one in shown)
            elif shown:
                yield self._wrapped(subscriber, name, shown)
            return
        symbol, _, kind = name.partition("@")
        for market in self._moved(event):
            if market.id == symbol.upper():
                message = self._of_market(kind.partition("@")[0], market, event)
                if message is not None:
                    yield self._wrapped(subscriber, name, message)

    def _moved(self, event: Event) -> list[Market]:
        has_price = self._exchange.tape.has_price
        return [
            market
            for market in self._symbols.all()
            if event.symbol in ("", market.symbol) and has_price(market.symbol)
        ]

    def _of_market(self, kind: str, market: Market, event: Event) -> Any:
        if kind.startswith("kline_"):
            return self._kline(market, kind.removeprefix("kline_"), event)
        if kind == "depth":
            return self._depth(market, event)
        if kind == "bookTicker":
            return self._best(market)
        return self._ticker(market, kind) if kind in ("ticker", "miniTicker") else None

    def _kline(self, market: Market, interval: str, event: Event) -> Any:
        interval_ms, now_ms = INTERVALS[interval], self._exchange.clock.now_ms
        found = self._local.prices.klines(market.symbol, interval_ms, limit=1)
        if not found:
            return None
        kline = found[-1]
        quote = kline.volume * kline.close
        return {
            "e": "kline",
            "E": now_ms,
            "s": market.id,
            "k": {
                "t": kline.open_ms,
                "T": kline.close_ms,
                "s": market.id,
                "i": interval,
                "f": 0,
                "L": 0,
                "o": fixed(kline.open),
                "c": fixed(kline.close),
                "h": fixed(kline.high),
                "l": fixed(kline.low),
                "v": fixed(kline.volume),
                "n": 1 if kline.volume else 0,
                "x": event.kind == "bar" and kline.close_ms < now_ms,
                "q": fixed(quote),
                "V": fixed(kline.volume / 2),
                "Q": fixed(quote / 2),
                "B": "0",
            },
        }

    def _depth(self, market: Market, event: Event) -> Any:
        update = self._updates.update(market, event)
        return {
            "e": "depthUpdate",
            "E": self._exchange.clock.now_ms,
            "s": market.id,
            "U": update.number,
            "u": update.number,
            "b": [[fixed(price), fixed(size)] for price, size in update.bids],
            "a": [[fixed(price), fixed(size)] for price, size in update.asks],
        }

    def _best(self, market: Market) -> Any:
        (bid, bid_size), (ask, ask_size) = self._local.prices.spread(market)
        return {
            "u": self._updates.number(market),
            "s": market.id,
            "b": fixed(bid),
            "B": fixed(bid_size),
            "a": fixed(ask),
            "A": fixed(ask_size),
        }

    def _ticker(self, market: Market, kind: str) -> Any:
        day = self._local.prices.day(market.symbol)
        shown = {
            "e": "24hrMiniTicker",
            "E": self._exchange.clock.now_ms,
            "s": market.id,
            "c": fixed(day.last),
            "o": fixed(day.open),
            "h": fixed(day.high),
            "l": fixed(day.low),
            "v": fixed(day.volume),
            "q": fixed(day.quote_volume),
        }
        if kind == "miniTicker":
            return shown
        best = self._best(market)
        change = day.last - day.open
        mean = day.quote_volume / day.volume if day.volume else day.last
        return {
            **shown,
            "e": "24hrTicker",
            "p": fixed(change),
            "P": fixed(100 * change / day.open, 3),
            "w": fixed(mean),
            "x": fixed(day.open),
            "Q": best["B"],
            **{name: best[name] for name in ("b", "B", "a", "A")},
            "O": day.open_ms,
            "C": day.close_ms,
            "F": 0,
            "L": max(day.n_bars - 1, 0),
            "n": day.n_bars,
        }

    def _trade(self, subscriber: Subscriber, trade: Trade) -> Iterator[Any]:
        """An execution, for everyone who listens to its market."""
        market = self._exchange.markets[trade.symbol]
        if market.linear or trade.kind != "trade":
            return
        buyer_made = (trade.side is Side.BUY) == (trade.liquidity is Liquidity.MAKER)
        shown = {
            "E": self._exchange.clock.now_ms,
            "s": market.id,
            "p": fixed(trade.price),
            "q": fixed(trade.quantity),
            "T": trade.time_ms,
            "m": buyer_made,
            "M": True,
        }
        low, number = market.id.lower(), trade.number
        names = {
            f"{low}@trade": {"e": "trade", "t": number, **shown},
            f"{low}@aggTrade": {"e": "aggTrade", "a": number, "f": number, "l": number, **shown},
        }
        for name, message in names.items():
            if name in subscriber.topics:
                yield self._wrapped(subscriber, name, message)

    def _own(self, subscriber: Subscriber, event: Event, order: Order) -> Iterator[Any]:
        market = self._exchange.markets[order.symbol]
        if market.linear or not subscriber.account or subscriber.account != order.account:
            return
        for message in (self._balances(market, order), self._report(event, order)):
            by_request = subscriber.is_by_request
            yield {"subscriptionId": 0, "event": message} if by_request else message

    def _balances(self, market: Market, order: Order) -> Any:
        account = self._exchange.accounts[order.account]
        assets = [market.base, market.quote, *(a for a in order.fees if a not in market.id)]
        now_ms = self._exchange.clock.now_ms
        return {
            "e": "outboundAccountPosition",
            "E": now_ms,
            "u": now_ms,
            "B": [
                {
                    "a": asset,
                    "f": fixed(account.balance(asset).free),
                    "l": fixed(account.balance(asset).locked),
                }
                for asset in assets
            ],
        }

    def _report(self, event: Event, order: Order) -> Any:
        trade = event.trade
        working = {"W": order.working_ms} if order.working_ms >= 0 else {}
        return {
            "e": "executionReport",
            "E": self._exchange.clock.now_ms,
            "s": self._exchange.markets[order.symbol].id,
            "c": order.client_id,
            "S": views.side_of(order.side),
            "o": order.venue_type,
            "f": order.time_in_force,
            "q": fixed(order.quantity),
            "p": fixed(order.price or ZERO),
            "P": fixed(order.trigger or ZERO),
            "F": fixed(order.shown or ZERO),
            "g": order.list_number,
            "C": order.client_id if event.what == "CANCELED" else "",
            "x": event.what,
            "X": views.state_of(order),
            "r": "NONE",
            "i": order.number,
            "l": fixed(trade.quantity if trade else ZERO),
            "z": fixed(order.executed),
            "L": fixed(trade.price if trade else ZERO),
            "n": fixed(trade.fee) if trade else "0",
            "N": trade.fee_asset if trade else None,
            "T": order.updated_ms,
            "t": trade.number if trade else -1,
            "I": order.number,
            "w": order.is_live and order.working_ms >= 0,
            "m": trade is not None and trade.liquidity is Liquidity.MAKER,
            "M": trade is not None,
            "O": order.created_ms,
            "Z": fixed(order.executed_cost),
            "Y": fixed(trade.cost if trade else ZERO),
            "Q": fixed(order.cost or ZERO),
            **working,
            "V": views.SELF_TRADES,
        }
