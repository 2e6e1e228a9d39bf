"""Prices and markets, for everyone.

Source: https://developers.binance.com/docs/binance-spot-api-docs/rest-api/market-data-endpoints
"""

from __future__ import annotations

import json
from typing import Any

from robotrader_sdk.types import Liquidity, Side
from runner.testnet.binance import views
from runner.testnet.binance.errors import BinanceError
from runner.testnet.binance.parameters import Given
from runner.testnet.binance.symbols import Symbols
from runner.testnet.book_updates import BookUpdates
from runner.testnet.core.markets import Market
from runner.testnet.core.orders import Trade
from runner.testnet.core.series import Kline
from runner.testnet.local import LocalExchange
from runner.testnet.numbers import fixed
from runner.testnet.wire import Call, Route

_MINUTE = 60_000
_HOUR, _DAY = 60 * _MINUTE, 1440 * _MINUTE
INTERVALS = {
    "1s": 1000,
    "1m": _MINUTE, "3m": 3 * _MINUTE, "5m": 5 * _MINUTE, "15m": 15 * _MINUTE, "30m": 30 * _MINUTE,
    "1h": _HOUR, "2h": 2 * _HOUR, "4h": 4 * _HOUR, "6h": 6 * _HOUR, "8h": 8 * _HOUR,
    "12h": 12 * _HOUR, "1d": _DAY, "3d": 3 * _DAY, "1w": 7 * _DAY,
}  # fmt: skip
"""All of Binance's but the calendar month."""

RATE_LIMITS = [
    ("REQUEST_WEIGHT", "MINUTE", 1, 6000),
    ("ORDERS", "SECOND", 10, 100),
    ("ORDERS", "DAY", 1, 200_000),
]


class MarketData:
    """Answers what needs no key."""

    def __init__(self, local: LocalExchange, symbols: Symbols, updates: BookUpdates) -> None:
        self._local = local
        self._exchange = local.exchange
        self._symbols = symbols
        self._updates = updates

    def routes(self) -> list[Route]:
        """The public routes."""
        return [
            Route("GET", "/api/v3/ping", self.ping),
            Route("GET", "/api/v3/time", self.time),
            Route("GET", "/api/v3/exchangeInfo", self.exchange_info, weight=20),
            Route("GET", "/api/v3/depth", self.depth, weight=5),
            Route("GET", "/api/v3/klines", self.klines, weight=2),
            Route("GET", "/api/v3/uiKlines", self.klines, weight=2),
            Route("GET", "/api/v3/trades", self.trades, weight=25),
            Route("GET", "/api/v3/aggTrades", self.aggregate_trades, weight=4),
            Route("GET", "/api/v3/avgPrice", self.average_price, weight=2),
            Route("GET", "/api/v3/ticker/24hr", self.day, weight=2),
            Route("GET", "/api/v3/ticker/price", self.price, weight=2),
            Route("GET", "/api/v3/ticker/bookTicker", self.best, weight=2),
            Route("GET", "/sapi/v1/system/status", self.status),
        ]

    def ping(self, call: Call) -> Any:
        """Nothing, but that it is there."""
        Given(call.given).done()
        return {}

    def time(self, call: Call) -> Any:
        """The exchange's time."""
        Given(call.given).done()
        return {"serverTime": self._exchange.clock.served_ms}

    def status(self, call: Call) -> Any:
        """That all is well."""
        Given(call.given).done()
        return {"status": 0, "msg": "normal"}

    def exchange_info(self, call: Call) -> Any:
        """Limits and markets."""
        given = Given(call.given)
        given.ignore("permissions", "showPermissionSets", "symbolStatus")
        markets = self._named(given)
        given.done()
        return {
            "timezone": "UTC",
            "serverTime": self._exchange.clock.served_ms,
            "rateLimits": [
                {"rateLimitType": kind, "interval": unit, "intervalNum": n, "limit": most}
                for kind, unit, n, most in RATE_LIMITS
            ],
            "exchangeFilters": [],
            "symbols": [views.market(self._exchange, market) for market in markets],
        }

    def depth(self, call: Call) -> Any:
        """The order book."""
        given = Given(call.given)
        market = self._symbols.needed(given)
        n_levels = given.limit(100, 5000)
        given.done()
        number, bids, asks = self._updates.snapshot(market)
        return {
            "lastUpdateId": number,
            "bids": [[fixed(price), fixed(size)] for price, size in bids[:n_levels]],
            "asks": [[fixed(price), fixed(size)] for price, size in asks[:n_levels]],
        }

    def klines(self, call: Call) -> Any:
        """Bars; the last one may be open."""
        given = Given(call.given)
        market = self._symbols.needed(given)
        interval = given.text("interval")
        if interval not in INTERVALS:
            raise BinanceError(-1120, "Invalid interval.")
        start_ms, end_ms = given.whole("startTime"), given.whole("endTime")
        given.ignore("timeZone")
        limit = given.limit(500, 1000)
        given.done()
        found = self._local.prices.klines(
            market.symbol, INTERVALS[interval], start_ms=start_ms, end_ms=end_ms, limit=limit
        )
        return [kline_row(kline) for kline in found]

    def trades(self, call: Call) -> Any:
        """The last executions of all accounts."""
        given = Given(call.given)
        market = self._symbols.needed(given)
        limit = given.limit(500, 1000)
        given.done()
        return [
            {
                "id": trade.number,
                "price": fixed(trade.price),
                "qty": fixed(trade.quantity),
                "quoteQty": fixed(trade.cost),
                "time": trade.time_ms,
                "isBuyerMaker": _buyer_made(trade),
                "isBestMatch": True,
            }
            for trade in self._executions(market)[-limit:]
        ]

    def aggregate_trades(self, call: Call) -> Any:
        """The executions of all accounts by time."""
        given = Given(call.given)
        market = self._symbols.needed(given)
        from_id, limit = given.whole("fromId"), given.limit(500, 1000)
        start_ms, end_ms = given.whole("startTime"), given.whole("endTime")
        given.done()
        found = [
            trade
            for trade in self._executions(market)
            if (from_id is None or trade.number >= from_id)
            and (start_ms is None or trade.time_ms >= start_ms)
            and (end_ms is None or trade.time_ms <= end_ms)
        ]
        forward = from_id is not None or start_ms is not None
        return [
            {
                "a": trade.number,
                "p": fixed(trade.price),
                "q": fixed(trade.quantity),
                "f": trade.number,
                "l": trade.number,
                "T": trade.time_ms,
                "m": _buyer_made(trade),
                "M": True,
            }
            for trade in (found[:limit] if forward else found[-limit:])
        ]

    def average_price(self, call: Call) -> Any:
        """The price now, as the mean of the last five minutes that is said to be."""
        given = Given(call.given)
        market = self._symbols.needed(given)
        given.done()
        return {
            "mins": 5,
            "price": fixed(self._exchange.last_price(market)),
            "closeTime": self._exchange.clock.now_ms,
        }

    def day(self, call: Call) -> Any:
        """The last 24 hours, of one market, some, or all."""
        given = Given(call.given)
        full = given.choice("type", ("FULL", "MINI"), BinanceError(-1100, "Invalid type."), "FULL")
        return self._each(given, self._day if full == "FULL" else self._short_day)

    def price(self, call: Call) -> Any:
        """The last price, of one market, some, or all."""
        return self._each(
            Given(call.given),
            lambda m: {"symbol": m.id, "price": fixed(self._exchange.last_price(m))},
        )

    def best(self, call: Call) -> Any:
        """The best bid and ask, of one market, some, or all."""
        return self._each(Given(call.given), self._best)

    def _each(self, given: Given, view: Any) -> Any:
        is_one = "symbol" in given
        given.ignore("symbolStatus")
        markets = self._named(given)
        given.done()
        shown = [view(m) for m in markets if self._exchange.tape.has_price(m.symbol)]
        return shown[0] if is_one and shown else shown

    def _named(self, given: Given) -> list[Market]:
        if "symbol" in given:
            return [self._symbols.needed(given)]
        if "symbols" not in given:
            return self._symbols.all()
        wrong = BinanceError(-1100, "Illegal characters found in parameter 'symbols'.")
        try:
            names = json.loads(given.text("symbols"))
        except (ValueError, RecursionError):
            raise wrong from None
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise wrong
        return [self._symbols.named(name) for name in names]

    def _executions(self, market: Market) -> list[Trade]:
        return [t for t in self._exchange.records.trades if t.symbol == market.symbol]

    def _short_day(self, market: Market) -> dict[str, Any]:
        day = self._local.prices.day(market.symbol)
        return {
            "symbol": market.id,
            "openPrice": fixed(day.open),
            "highPrice": fixed(day.high),
            "lowPrice": fixed(day.low),
            "lastPrice": fixed(day.last),
            "volume": fixed(day.volume),
            "quoteVolume": fixed(day.quote_volume),
            "openTime": day.open_ms,
            "closeTime": day.close_ms,
            "firstId": 0,
            "lastId": max(day.n_bars - 1, 0),
            "count": day.n_bars,
        }

    def _day(self, market: Market) -> dict[str, Any]:
        day, bid_and_ask = self._local.prices.day(market.symbol), self._best(market)
        change = day.last - day.open
        mean = day.quote_volume / day.volume if day.volume else day.last
        return {
            **self._short_day(market),
            "priceChange": fixed(change),
            "priceChangePercent": fixed(100 * change / day.open, 3),
            "weightedAvgPrice": fixed(mean),
            "prevClosePrice": fixed(day.open),
            "lastQty": bid_and_ask["bidQty"],
            **{name: value for name, value in bid_and_ask.items() if name != "symbol"},
        }

    def _best(self, market: Market) -> dict[str, Any]:
        (bid, bid_size), (ask, ask_size) = self._local.prices.spread(market)
        return {
            "symbol": market.id,
            "bidPrice": fixed(bid),
            "bidQty": fixed(bid_size),
            "askPrice": fixed(ask),
            "askQty": fixed(ask_size),
        }


def kline_row(kline: Kline) -> list[Any]:
    """A bar as Binance writes it; half of the volume is said to be bought by takers."""
    quote = kline.volume * kline.close
    return [
        kline.open_ms,
        fixed(kline.open),
        fixed(kline.high),
        fixed(kline.low),
        fixed(kline.close),
        fixed(kline.volume),
        kline.close_ms,
        fixed(quote),
        1 if kline.volume else 0,
        fixed(kline.volume / 2),
        fixed(quote / 2),
        "0",
    ]


def _buyer_made(trade: Trade) -> bool:
    return (trade.side is Side.BUY) == (trade.liquidity is Liquidity.MAKER)
