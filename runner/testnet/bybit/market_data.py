"""Prices and markets, for everyone.

Source: https://bybit-exchange.github.io/docs/v5/market/time and the pages beside it.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from robotrader_sdk.types import Side
from runner.testnet.bybit import instruments
from runner.testnet.bybit.errors import wrong
from runner.testnet.bybit.parameters import Given
from runner.testnet.bybit.symbols import Symbols, category_of
from runner.testnet.core.markets import Market
from runner.testnet.core.series import Kline
from runner.testnet.local import LocalExchange
from runner.testnet.numbers import plain
from runner.testnet.wire import Call, Route

_MINUTE = 60_000
INTERVALS = {
    **{str(n): n * _MINUTE for n in (1, 3, 5, 15, 30, 60, 120, 240, 360, 720)},
    "D": 1440 * _MINUTE,
    "W": 7 * 1440 * _MINUTE,
}
"""All of Bybit's but the calendar month."""


class MarketData:
    """Answers what needs no key."""

    def __init__(self, local: LocalExchange, symbols: Symbols) -> None:
        self._local = local
        self._exchange = local.exchange
        self._symbols = symbols

    def routes(self) -> list[Route]:
        """The public routes."""
        base = "/v5/market"
        return [
            Route("GET", f"{base}/time", self.time),
            Route("GET", f"{base}/instruments-info", self.instruments),
            Route("GET", f"{base}/kline", self.klines),
            Route("GET", f"{base}/mark-price-kline", self.mark_klines),
            Route("GET", f"{base}/tickers", self.tickers),
            Route("GET", f"{base}/orderbook", self.book),
            Route("GET", f"{base}/recent-trade", self.trades),
            Route("GET", f"{base}/funding/history", self.funding),
            Route("GET", f"{base}/risk-limit", self.risk_limits),
            Route("GET", "/v5/system/status", self.status),
        ]

    def time(self, call: Call) -> Any:  # noqa: ARG002 - every answer is given its call
        """The exchange's time."""
        now_ms = self._exchange.clock.served_ms
        return {"timeSecond": str(now_ms // 1000), "timeNano": str(now_ms * 1_000_000)}

    def status(self, call: Call) -> Any:  # noqa: ARG002 - every answer is given its call
        """That no maintenance is planned."""
        return {"list": []}

    def instruments(self, call: Call) -> Any:
        """The markets of a category."""
        given = Given(call.given)
        category = self._symbols.category(given)
        market = self._symbols.if_given(given)
        markets = [market] if market else self._symbols.all(category)
        rows = [instruments.row(self._exchange, one) for one in markets]
        return {"category": category, "list": rows, "nextPageCursor": ""}

    def klines(self, call: Call) -> Any:
        """Bars, newest first; the first one may be open."""
        market, found = self._read_klines(Given(call.given))
        rows = [[*_prices(kline), plain(kline.volume), plain(_turnover(kline))] for kline in found]
        return {"category": category_of(market), "symbol": market.id, "list": rows}

    def mark_klines(self, call: Call) -> Any:
        """The mark price as bars, newest first: the last price's, where there is no other."""
        market, found = self._read_klines(Given(call.given))
        rows = [_prices(kline) for kline in found]
        return {"category": category_of(market), "symbol": market.id, "list": rows}

    def tickers(self, call: Call) -> Any:
        """The last 24 hours, of one market or all of a category."""
        given = Given(call.given)
        category = self._symbols.category(given)
        market = self._symbols.if_given(given)
        markets = [market] if market else self._symbols.all(category)
        has_price = self._exchange.tape.has_price
        rows = [self.ticker(one) for one in markets if has_price(one.symbol)]
        return {"category": category, "list": rows}

    def ticker(self, market: Market) -> dict[str, Any]:
        """The last 24 hours of a market."""
        day = self._local.prices.day(market.symbol)
        (bid, bid_size), (ask, ask_size) = self._local.prices.spread(market)
        shown = {
            "symbol": market.id,
            "bid1Price": plain(bid),
            "bid1Size": plain(bid_size),
            "ask1Price": plain(ask),
            "ask1Size": plain(ask_size),
            "lastPrice": plain(day.last),
            "prevPrice24h": plain(day.open),
            "price24hPcnt": f"{day.last / day.open - 1:.4f}",
            "highPrice24h": plain(day.high),
            "lowPrice24h": plain(day.low),
            "turnover24h": plain(round(day.quote_volume, 8)),
            "volume24h": plain(round(day.volume, 8)),
        }
        if not market.linear:
            return {**shown, "usdIndexPrice": plain(day.last)}
        mark = plain(self._exchange.linear.mark_price(market))
        return {
            **shown,
            "indexPrice": mark,
            "markPrice": mark,
            "prevPrice1h": plain(day.open),
            "openInterest": "0",
            "openInterestValue": "0",
            "fundingRate": plain(self._exchange.linear.funding_rate(market)),
            "nextFundingTime": str(self._exchange.linear.next_funding_ms(market)),
            "fundingIntervalHour": str(market.funding_interval_minutes // 60),
            "fundingCap": "0.00375",
            "predictedDeliveryPrice": "",
            "basisRate": "",
            "basis": "",
            "basisRateYear": "",
            "deliveryFeeRate": "",
            "deliveryTime": "0",
            "preOpenPrice": "",
            "preQty": "",
            "curPreListingPhase": "",
        }

    def book(self, call: Call) -> Any:
        """The order book."""
        given = Given(call.given)
        market = self._symbols.needed(given)
        return self.levels(market, given.limit(25 if market.linear else 1, 1000))

    def levels(self, market: Market, n_levels: int) -> dict[str, Any]:
        """The order book of a market."""
        bids, asks = self._local.prices.book(market, n_levels)
        now_ms = self._exchange.clock.served_ms
        return {
            "s": market.id,
            "b": [[plain(price), plain(size)] for price, size in bids],
            "a": [[plain(price), plain(size)] for price, size in asks],
            "ts": now_ms,
            "u": now_ms,
            "seq": now_ms,
            "cts": now_ms,
        }

    def trades(self, call: Call) -> Any:
        """The last executions of all accounts, newest first."""
        given = Given(call.given)
        market = self._symbols.needed(given)
        limit = given.limit(500 if market.linear else 60, 1000 if market.linear else 60)
        found = [t for t in self._exchange.records.trades
                 if t.symbol == market.symbol and t.kind == "trade"]  # fmt: skip
        rows = [
            {
                "execId": str(trade.number),
                "symbol": market.id,
                "price": plain(trade.price),
                "size": plain(trade.quantity),
                "side": "Buy" if trade.side is Side.BUY else "Sell",
                "time": str(trade.time_ms),
                "isBlockTrade": False,
                "isRPITrade": False,
                "seq": str(trade.number),
            }
            for trade in reversed(found[-limit:])
        ]
        return {"category": category_of(market), "list": rows}

    def funding(self, call: Call) -> Any:
        """The funding rates so far, newest first."""
        given = Given(call.given)
        market = self._symbols.needed(given)
        if not market.linear:
            raise wrong("category")
        start_ms, end_ms = given.whole("startTime") or 0, given.whole("endTime") or 10**15
        limit = given.limit(200, 200)
        history = self._exchange.linear.funding_history(market.symbol)
        found = [(time, rate) for time, rate in history if start_ms <= time <= end_ms]
        rows = [
            {"symbol": market.id, "fundingRate": plain(rate), "fundingRateTimestamp": str(time)}
            for time, rate in reversed(found[-limit:])
        ]
        return {"category": category_of(market), "list": rows}

    def risk_limits(self, call: Call) -> Any:
        """The tiers of maintenance margin."""
        given = Given(call.given)
        market = self._symbols.if_given(given)
        markets = [market] if market else self._symbols.all(self._symbols.category(given))
        rows = [row for one in markets for row in instruments.risk_limits(one)]
        return {"category": given.text("category"), "list": rows, "nextPageCursor": ""}

    def _read_klines(self, given: Given) -> tuple[Market, list[Kline]]:
        market = self._symbols.needed(given)
        interval_ms = given.mapped("interval", INTERVALS)
        found = self._local.prices.klines(
            market.symbol,
            interval_ms,
            start_ms=given.whole("start"),
            end_ms=given.whole("end"),
            limit=given.limit(200, 1000),
        )
        return market, found[::-1]


def _prices(kline: Kline) -> list[str]:
    prices = (kline.open, kline.high, kline.low, kline.close)
    return [str(kline.open_ms), *(plain(price) for price in prices)]


def _turnover(kline: Kline) -> Decimal:
    return Decimal(repr(kline.volume)) * Decimal(repr(kline.close))
