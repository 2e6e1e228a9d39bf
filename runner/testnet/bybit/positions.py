"""Positions in linear perpetuals: leverage, and protection of the whole position.

Source: https://bybit-exchange.github.io/docs/v5/position and the pages beside it.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from robotrader_sdk.types import Side
from runner.testnet.bybit import views
from runner.testnet.bybit.errors import BybitError, translated, wrong
from runner.testnet.bybit.order_parameters import STOP_LOSS, TAKE_PROFIT, read_protection
from runner.testnet.bybit.orders import owner, paged
from runner.testnet.bybit.parameters import Given
from runner.testnet.bybit.symbols import LINEAR as LINEAR_CATEGORY
from runner.testnet.bybit.symbols import Symbols
from runner.testnet.core.accounts import LINEAR, READ
from runner.testnet.core.markets import Market
from runner.testnet.core.orders import Order, Request, State
from runner.testnet.core.refusals import Reason, RefusedError
from runner.testnet.local import LocalExchange
from runner.testnet.numbers import plain
from runner.testnet.wire import Call, Route


class Positions:
    """Answers what is about positions."""

    def __init__(self, local: LocalExchange, symbols: Symbols) -> None:
        self._exchange = local.exchange
        self._symbols = symbols

    def routes(self) -> list[Route]:
        """The routes of positions."""
        base = "/v5/position"
        return [
            Route("GET", f"{base}/list", self.list, permission=READ),
            Route("POST", f"{base}/set-leverage", self.set_leverage, permission=LINEAR),
            Route("POST", f"{base}/trading-stop", self.protect, permission=LINEAR),
            Route("POST", f"{base}/switch-mode", self.switch_mode, permission=LINEAR),
        ]

    def list(self, call: Call) -> Any:
        """The position of one market, or all that are open."""
        given = Given(call.given)
        category = self._symbols.category(given)
        market = self._symbols.if_given(given)
        if market is None and "settleCoin" not in given and category == LINEAR_CATEGORY:
            raise wrong("symbol or settleCoin")
        linear = self._exchange.linear
        if market is not None and market.linear:
            found = [linear.position(owner(call), market.symbol)]
        else:
            found = [p for p in linear.positions(owner(call)) if p.quantity]
        rows = [
            views.position_row(self._exchange, position, index)
            for position in found
            for index in ((1, 2) if position.hedged else (0,))
        ]
        return {"category": category, **paged(given, rows, 20, 200)}

    def set_leverage(self, call: Call) -> Any:
        """Change the leverage of a market."""
        given = Given(call.given)
        market = self._linear(given)
        buy, sell = given.quantity("buyLeverage"), given.quantity("sellLeverage")
        if buy != sell:
            raise BybitError(10001, "buy leverage and sell leverage must be the same")
        try:
            self._exchange.linear.set_leverage(owner(call), market.symbol, buy)
        except RefusedError as refusal:
            if refusal.reason is Reason.NOTHING_CHANGES:
                raise BybitError(110043, "Set leverage has not been modified.") from None
            if refusal.reason is Reason.LEVERAGE and buy < 1:
                raise BybitError(10001, "Leverage invalid") from None
            raise translated(refusal, linear=True) from None
        return {}

    def protect(self, call: Call) -> Any:
        """Set, change or take back what protects a position; "0" takes back."""
        given = Given(call.given)
        market = self._linear(given)
        if given.number("trailingStop") is not None:
            raise BybitError(10001, "params error: trailingStop is not offered")
        account = owner(call)
        position = self._exchange.linear.position(account, market.symbol)
        if not position.quantity:
            raise BybitError(10001, "can not set tp/sl/ts for zero position")
        side = Side.BUY if position.quantity > 0 else Side.SELL
        legs = read_protection(given, market, side, abs(position.quantity))
        kinds = {leg.tags["stopOrderType"] for leg in legs}
        named = {kind for name, kind in (("takeProfit", TAKE_PROFIT), ("stopLoss", STOP_LOSS))
                 if name in given}  # fmt: skip
        for leg in legs:
            self._check_side(market, leg.trigger, rises=leg.triggers_rising)
        before = self._protecting(account, market)
        # What stays must end, and be ended by, what is new: all of it is made anew as one list.
        legs += [
            _again(order) for order in before if order.tags["stopOrderType"] not in named | kinds
        ]
        for order in before:
            if order.is_live:
                self._exchange.cancel(order)
        if legs:
            self._exchange.lists.submit_protection(account, legs)
        return {}

    def switch_mode(self, call: Call) -> Any:
        """To hedge mode and back: of a market, or of all that settle in a coin and are flat.

        https://bybit-exchange.github.io/docs/v5/position/position-mode
        """
        given = Given(call.given)
        self._symbols.category(given)
        hedged = given.whole("mode") == 3
        if not hedged and given.whole("mode") != 0:
            raise wrong("mode")
        account, linear = owner(call), self._exchange.linear
        if "symbol" in given:
            market = self._linear(given)
            self._check_switch(account, market, hedged=hedged)
            linear.position(account, market.symbol).hedged = hedged
            return {}
        coin = given.text("coin")
        for market in self._exchange.markets.values():
            if market.linear and market.settle == coin and not self._is_busy(account, market):
                linear.position(account, market.symbol).hedged = hedged
        return {}

    def _check_switch(self, account: str, market: Market, *, hedged: bool) -> None:
        if self._exchange.linear.position(account, market.symbol).hedged == hedged:
            raise BybitError(110025, "Position mode has not been modified.")
        if market.settle != "USDT":
            raise BybitError(110029, "This symbol does not support hedge mode.")
        if self._is_busy(account, market):
            raise BybitError(110024, "You have an existing position, so mode can't be switched.")

    def _is_busy(self, account: str, market: Market) -> bool:
        orders = self._exchange.records.open_orders(account, market.symbol)
        return bool(orders or self._exchange.linear.position(account, market.symbol).quantity)

    def _linear(self, given: Given) -> Market:
        market = self._symbols.needed(given)
        if not market.linear:
            raise wrong("category")
        return market

    def _check_side(self, market: Market, trigger: Decimal | None, *, rises: bool) -> None:
        last = self._exchange.last_price(market)
        if trigger is None or trigger == last or (trigger > last) != rises:
            refusal = RefusedError(Reason.PROTECTION_PRICES_WRONG, plain(trigger or last))
            raise translated(refusal, linear=True)

    def _protecting(self, account: str, market: Market) -> Any:
        return [
            order
            for order in self._exchange.records.open_orders(account, market.symbol)
            if order.tags.get("stopOrderType") in (TAKE_PROFIT, STOP_LOSS)
            and order.state is not State.PENDING_NEW
        ]


def _again(order: Order) -> Request:
    """The request that makes an order like this one."""
    return Request(
        symbol=order.symbol,
        side=order.side,
        type=order.type,
        quantity=order.remaining,
        price=order.price,
        trigger=order.trigger,
        rises=order.rises,
        venue=order.venue,
        venue_type=order.venue_type,
        reduce_only=order.reduce_only,
        tags=order.tags,
    )
