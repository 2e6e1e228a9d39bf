"""The broker over ccxt: Binance spot, Bybit spot and linear perpetuals; others as experiments.

One class for all; in what venues differ is in ccxt_venues, ccxt_search, ccxt_fills and
ccxt_codes. Quantities and prices go out as they are: nothing here rounds.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any, TypeVar

from runner.execution import ccxt_changes
from runner.execution.broker import (
    Balance,
    FillReport,
    FundingReport,
    KeyRights,
    MarginMode,
    Market,
    OrderListRequest,
    OrderReport,
    OrderRequest,
    PositionReport,
)
from runner.execution.ccxt_client import Credentials, new_client
from runner.execution.ccxt_errors import Doing, ReplyUnreadableError
from runner.execution.ccxt_fills import fills_since, funding_since
from runner.execution.ccxt_markets import ccxt_market, market_of, share_markets
from runner.execution.ccxt_orders import Order, is_passed, list_params, order_of
from runner.execution.ccxt_perpetuals import positions_of, prepare
from runner.execution.ccxt_reports import (
    as_row,
    as_rows,
    balances_of,
    number,
    order_report,
    price_when_made,
    taken_report,
    time,
)
from runner.execution.ccxt_rights import rights_of
from runner.execution.ccxt_search import by_client_id, lists_of, places_of
from runner.execution.ccxt_venues import VENUES
from runner.execution.ccxt_wire import RequestLimiter, Wire
from runner.execution.errors import (
    ExchangeUnreachableError,
    OrderMissingError,
    OrderRefusedError,
    PreparationError,
    RateLimitedError,
    UnknownOutcomeError,
    WouldTriggerError,
)
from runner.execution.scrub import forget, hide, scrub_logger
from runner.execution.status import Status

T = TypeVar("T")

_FEES_KEPT = timedelta(hours=6)


class CcxtBroker:
    """One account at one exchange; see `runner.execution.broker.Broker`.

    account: a name for it, to people. limiter: shared by all who use the exchange from here.
    overrides: settings of the ccxt client, such as the URLs of a local exchange.
    ExchangeUnknownError or KeyRefusedError if it can't be set up.
    """

    def __init__(
        self,
        exchange: str,
        credentials: Credentials,
        *,
        account: str = "",
        limiter: RequestLimiter | None = None,
        overrides: Mapping[str, Any] | None = None,
        client: Any = None,
        environ: Mapping[str, str] = os.environ,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.exchange = exchange
        self.account = account
        made = new_client(exchange, credentials, overrides=overrides, environ=environ)
        self._client = made if client is None else client
        self._secrets = (credentials.key, credentials.secret, credentials.password)
        hide(*self._secrets)
        scrub_logger(self._client.logger)
        self._venue = VENUES[exchange]
        self._wire = Wire(self._client, exchange, limiter, now)
        self._now = now
        self._fees: dict[str, tuple[datetime, Any]] = {}

    def __repr__(self) -> str:
        return f"CcxtBroker({self.exchange!r}, account={self.account!r})"

    async def instrument(self, symbol: str) -> Market:
        """A symbol's rules, with the account's own fees where the venue tells them."""
        raw = await self._raw(symbol)
        return market_of(raw, self._venue, await self._fees_of(symbol))

    async def server_time(self) -> datetime:
        """What time it is at the exchange."""

        async def ask() -> datetime:
            return time(await self._client.fetch_time())

        return await self._read(ask)

    async def last_price(self, symbol: str) -> Decimal:
        """The price of the last trade."""
        await self._raw(symbol)

        async def ask() -> Decimal:
            return number(as_row(await self._client.fetch_ticker(symbol)).get("last"))

        return await self._read(ask)

    async def submit(self, order: OrderRequest) -> OrderReport:
        """Send an order, once.

        Where the venue's reply gives no status, the report says WORKING and nothing filled: look
        it up to know more.
        """
        market = market_of(await self._raw(order.symbol), self._venue)
        told = order_of(order, market, self._venue)
        infers = order.stop_price is not None and self._venue.infers_direction
        if infers and not market.is_perpetual:
            await self._check_not_passed(order)

        async def ask() -> OrderReport:
            made = as_row(await self._create(order.symbol, told))
            if made.get("status") is None or made.get("filled") is None:
                return taken_report(made, order)
            report = order_report(made, market, self._venue)
            if report.client_order_id != order.client_order_id:
                raise ReplyUnreadableError("the reply is about another order")
            return report

        report = await self._wire.call(Doing.SUBMIT, ask)
        if infers and not market.is_perpetual:
            await self._check_waits_for_fall_or_rise(order)
        return report

    async def submit_list(self, orders: OrderListRequest) -> tuple[OrderReport, OrderReport]:
        """Send a take-profit and a stop as one, once; the reports in that order."""
        raw = await self._raw(orders.stop.symbol)
        market = market_of(raw, self._venue)
        if not market.has_order_list:
            raise OrderRefusedError(f"{self.exchange} has no order lists for {market.symbol}")
        params = list_params(orders, raw["id"], market)

        async def ask() -> tuple[OrderReport, OrderReport]:
            reply = as_row(await self._client.privatePostOrderListOco(params))
            rows = self._client.parse_orders(as_rows(reply.get("orderReports")), raw)
            found = [by_client_id(rows, leg.client_order_id)
                     for leg in (orders.take_profit, orders.stop)]  # fmt: skip
            target, stop = (order_report(row, market, self._venue) for row in found)
            return target, stop

        return await self._wire.call(Doing.SUBMIT, ask, n_orders=2)

    async def replace(self, client_order_id: str, order: OrderRequest) -> OrderReport:
        """Cancel a resting order and send its successor in one request, once."""
        raw = await self._raw(order.symbol)
        market = market_of(raw, self._venue)
        if order.stop_price is not None:
            # Binance would cancel the old one first, and then refuse.
            await self._check_not_passed(order)
        change = ccxt_changes.replace
        return await change(self._wire, raw, market, self._venue, client_order_id, order)

    async def amend(self, order: OrderRequest) -> None:
        """Give the resting stop of that client order id this quantity and this stop_price."""
        raw = await self._raw(order.symbol)
        await self._check_not_passed(order)
        await ccxt_changes.amend(self._wire, raw, market_of(raw, self._venue), order)
        await self._check_no_reversal(order)

    async def cancel(self, symbol: str, client_order_id: str, *, is_trigger: bool) -> None:
        """Cancel an order; OrderMissingError if the exchange has none working by that id."""
        raw = await self._raw(symbol)
        if not self._venue.asked_id or (is_trigger and self.exchange == "okx"):
            await self._cancel_by_number(symbol, client_order_id)
            return
        ways: list[dict[str, Any]] = [{}]
        if is_trigger and self._venue.separate_triggers and raw.get("spot"):
            # It may have been triggered meanwhile, and stand with the others.
            ways.insert(0, {"trigger": True})
        for way in ways:
            try:
                await self._cancel(None, symbol, {self._venue.asked_id: client_order_id, **way})
            except OrderMissingError:
                if way is ways[-1]:
                    raise
            else:
                return

    async def look_up(self, symbol: str, client_order_id: str) -> OrderReport | None:
        """An order by its client order id, whatever became of it; None if it is not found."""
        found = await self._found(symbol, client_order_id)
        if found is None:
            return None
        market = market_of(await self._raw(symbol), self._venue)
        report = await self._read(_ready(lambda: order_report(found, market, self._venue)))
        if report.is_trigger and self._venue.infers_direction and not market.is_perpetual:
            # It may have arrived after the price, and nobody has looked at it since.
            return replace(report, has_passed=is_passed(report, await self.last_price(symbol)))
        return report

    async def open_orders(self, symbol: str) -> Sequence[OrderReport]:
        """All working orders of the account, its stops included, whoever placed them."""
        market = market_of(await self._raw(symbol), self._venue)
        reports: dict[str, OrderReport] = {}
        for place in lists_of(self._client, symbol):

            async def ask(place: Any = place) -> list[OrderReport]:
                return [order_report(row, market, self._venue) for row in await place()]

            reports |= {report.exchange_order_id: report for report in await self._read(ask)}
        return [report for report in reports.values() if report.status is Status.WORKING]

    async def fills_since(self, symbol: str, since: datetime) -> Sequence[FillReport]:
        """All executions of the account from a time on, oldest first, paged to the end."""
        raw = await self._raw(symbol)
        market = market_of(raw, self._venue)
        until = await self.server_time()

        async def ask() -> list[FillReport]:
            return await fills_since(self._client, raw, market, since, until)

        return await self._read(ask)

    async def balances(self) -> dict[str, Balance]:
        """What the account has; assets it has nothing of may be missing."""
        await self._ready()

        async def ask() -> dict[str, Balance]:
            return balances_of(await self._client.fetch_balance())

        return await self._read(ask)

    async def positions(self, symbols: Sequence[str]) -> Sequence[PositionReport]:
        """The positions in perpetuals, none for those that are flat."""
        markets = [market_of(await self._raw(symbol), self._venue) for symbol in symbols]
        perpetuals = [market for market in markets if market.is_perpetual]
        return await positions_of(self._wire, perpetuals) if perpetuals else []

    async def prepare(self, symbol: str, leverage: Decimal, margin_mode: MarginMode) -> None:
        """Set a perpetual's leverage and margin mode, and read them back."""
        raw = await self._raw(symbol)
        market = market_of(raw, self._venue)
        if not market.is_perpetual or not self._venue.has_perpetuals:
            raise PreparationError(f"{symbol} of {self.exchange} is no perpetual, without leverage")
        await prepare(self._wire, raw, market, leverage, margin_mode)

    async def funding_since(self, symbol: str, since: datetime) -> Sequence[FundingReport]:
        """The payments of funding from a time on, oldest first."""
        raw = await self._raw(symbol)
        market = market_of(raw, self._venue)
        if not market.is_perpetual:
            return []
        until = await self.server_time()

        async def ask() -> list[FundingReport]:
            return await funding_since(self._client, raw, market, since, until)

        return await self._read(ask)

    async def key_rights(self) -> KeyRights:
        """What the key may do; `rights` is None where the venue does not tell."""
        await self._ready()
        return await self._read(lambda: rights_of(self._client))

    async def close(self) -> None:
        """Let connections go."""
        await self._client.close()
        forget(*self._secrets)

    async def _ready(self) -> None:
        """Whatever ccxt would ask before it sends an order is asked for now."""

        async def ask() -> None:
            await share_markets(self._client)
            if self.exchange == "bybit":
                await self._client.is_unified_enabled()

        await self._read(ask)

    async def _raw(self, symbol: str) -> Any:
        await self._ready()
        return ccxt_market(self._client, symbol)

    async def _read(self, ask: Callable[[], Awaitable[T]]) -> T:
        return await self._wire.call(Doing.READ, ask)

    async def _create(self, symbol: str, told: Order) -> Any:
        if told.cost is not None:
            buy = self._client.create_market_buy_order_with_cost
            return await buy(symbol, told.cost, dict(told.params))
        return await self._client.create_order(
            symbol, told.type, told.side, told.amount, told.price, dict(told.params)
        )

    async def _check_not_passed(self, order: OrderRequest) -> None:
        last = await self.last_price(order.symbol)
        if is_passed(order, last):
            raise WouldTriggerError(f"{_stop_of(order)} was not sent: the price is {last} already")

    async def _check_waits_for_fall_or_rise(self, order: OrderRequest) -> None:
        """WouldTriggerError, and the order cancelled, if the price passed it on the way there."""
        try:
            found = await self._found(order.symbol, order.client_order_id)
            # Where it is not told the price of now will do: one that it has passed and that still
            # waits, waits for it to come back.
            created = price_when_made(found) or await self.last_price(order.symbol)
            if not is_passed(order, created):
                return
            await self.cancel(order.symbol, order.client_order_id, is_trigger=True)
        except (ExchangeUnreachableError, RateLimitedError, OrderMissingError) as error:
            raise UnknownOutcomeError(f"{_stop_of(order)} was taken, then: {error}") from None
        raise WouldTriggerError(f"{_stop_of(order)} was cancelled: the price was {created} already")

    async def _check_no_reversal(self, order: OrderRequest) -> None:
        """WouldTriggerError if a stop that the price has passed waits for it to come back."""
        try:
            if not is_passed(order, await self.last_price(order.symbol)):
                return
            report = await self.look_up(order.symbol, order.client_order_id)
        except (ExchangeUnreachableError, RateLimitedError) as error:
            raise UnknownOutcomeError(f"{_stop_of(order)} was changed, then: {error}") from None
        if report is not None and report.is_trigger:
            raise WouldTriggerError(f"{_stop_of(order)} waits, and the price has passed it")

    async def _found(self, symbol: str, client_order_id: str) -> Any:
        await self._raw(symbol)
        for place in places_of(self._client, symbol, client_order_id, self._venue):
            try:
                search = partial(_search, place, client_order_id)
                found = await self._wire.call(Doing.FIND, search)
            except OrderMissingError:
                continue
            if found is not None:
                return found
        return None

    async def _cancel(self, number: str | None, symbol: str, params: dict[str, Any]) -> None:
        async def ask() -> None:
            done = as_row(await self._client.cancel_order(number, symbol, params))
            if not done.get("info"):
                raise ReplyUnreadableError("the reply to a cancel is empty")

        await self._wire.call(Doing.CANCEL, ask)

    async def _cancel_by_number(self, symbol: str, client_order_id: str) -> None:
        order = await self._found(symbol, client_order_id)
        if order is None:
            raise OrderMissingError(f"{self.exchange} has no order {client_order_id}")
        is_stop = bool((order.get("info") or {}).get("algoId"))
        await self._cancel(str(order["id"]), symbol, {"trigger": True} if is_stop else {})

    async def _fees_of(self, symbol: str) -> Any:
        kept = self._fees.get(symbol)
        if kept is not None and self._now() - kept[0] < _FEES_KEPT:
            return kept[1]
        try:
            fees = await self._read(lambda: self._client.fetch_trading_fee(symbol))
        except ExchangeUnreachableError:
            return None  # the market's own will do
        self._fees[symbol] = (self._now(), fees)
        return fees


async def _search(place: Callable[[], Awaitable[Any]], client_order_id: str) -> Any:
    return by_client_id(await place(), client_order_id)


def _stop_of(order: OrderRequest) -> str:
    return f"the stop {order.client_order_id} at {order.stop_price}"


def _ready(make: Callable[[], T]) -> Callable[[], Awaitable[T]]:
    async def given() -> T:
        return make()

    return given
