"""Spot: what is set aside for an order, and what a fill moves from one balance to another."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Protocol

from robotrader_sdk.types import Liquidity, OrderType, Side
from runner.testnet.core.accounts import Account
from runner.testnet.core.markets import ZERO, Market
from runner.testnet.core.orders import Order
from runner.testnet.core.refusals import Reason, RefusedError

if TYPE_CHECKING:
    from runner.testnet.core.exchange import Exchange

SMALLEST = Decimal("0.00000001")
"""Balances and fees have eight decimals."""


class Settlement(Protocol):
    """What a kind of market does with money."""

    def held(self, account: Account, market: Market) -> Decimal:
        """The signed quantity that stops protect."""

    def set_aside(self, order: Order, price: Decimal | None) -> int:
        """Lock what an order may cost; RefusedError if it is not there.

        `price` is that of a fill at once, if there is one.
        """

    def room(self, order: Order) -> Decimal | None:
        """The most that an order may fill; None: all of it."""

    def settle(
        self, order: Order, price: Decimal, quantity: Decimal, liquidity: Liquidity
    ) -> tuple[Decimal, str]:
        """Book a fill; its fee and the asset it is paid in. RefusedError if it can't be paid."""

    def bar_has_opened(self) -> None:
        """A new bar is at hand, and nothing has filled at its open yet."""

    def open_has_passed(self) -> None:
        """Everything that fills at the open of the bar at hand has filled."""


class Spot:
    """Bought and paid for in full."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def held(self, account: Account, market: Market) -> Decimal:
        """See `Settlement`: all there is of the base."""
        return account.balance(market.base).total

    def set_aside(self, order: Order, price: Decimal | None) -> int:
        """See `Settlement`."""
        account, market = self._of(order)
        if order.side is Side.SELL:
            return account.set_aside(market.base, order.quantity)
        bound = price if order.type is OrderType.MARKET else order.price or order.trigger
        if bound is None:
            raise RefusedError(Reason.BAD_PRICE, "a buy without a price")
        return account.set_aside(market.quote, self.cost_of(order, bound))

    def room(self, order: Order) -> Decimal | None:  # noqa: ARG002 - of no matter on spot
        """See `Settlement`."""
        return None

    def cost_of(self, order: Order, price: Decimal) -> Decimal:
        """What a buy may take from the quote at a price, with its fee if that is paid in quote."""
        account, market = self._of(order)
        cost = price * order.quantity
        if account.fee_asset != "quote":
            return cost
        rates = [self.fee_rate(account, market, liquidity) for liquidity in Liquidity]
        return cost + _in_coins(cost * max(*rates, ZERO))

    def settle(
        self, order: Order, price: Decimal, quantity: Decimal, liquidity: Liquidity
    ) -> tuple[Decimal, str]:
        """See `Settlement`."""
        account, market = self._of(order)
        cost = price * quantity
        fee, asset = self._fee(account, market, order.side, price, quantity, liquidity)
        pays, gets = (market.quote, market.base), (cost, quantity)
        if order.side is Side.SELL:
            pays, gets = (market.base, market.quote), (quantity, cost)
        if asset == pays[0]:
            account.spend(pays[0], gets[0] + fee, order.lock)
            account.receive(pays[1], gets[1])
        else:
            account.spend(pays[0], gets[0], order.lock)
            account.receive(pays[1], gets[1])
            account.spend(asset, fee)
        return fee, asset

    def bar_has_opened(self) -> None:
        """See `Settlement`: of no matter."""

    def open_has_passed(self) -> None:
        """See `Settlement`: of no matter."""

    def fee_rate(self, account: Account, market: Market, liquidity: Liquidity) -> Decimal:
        """The fraction of the notional that an account pays."""
        if liquidity is Liquidity.MAKER:
            return market.maker_fee if account.maker_fee is None else account.maker_fee
        return market.taker_fee if account.taker_fee is None else account.taker_fee

    def _fee(
        self,
        account: Account,
        market: Market,
        side: Side,
        price: Decimal,
        quantity: Decimal,
        liquidity: Liquidity,
    ) -> tuple[Decimal, str]:
        rate = self.fee_rate(account, market, liquidity)
        in_quote = rate * price * quantity
        rates = self._exchange.settings.fee_rates or {}
        if account.fee_asset in rates:
            fee = _in_coins(in_quote / rates[account.fee_asset])
            if account.balance(account.fee_asset).free >= fee:
                return fee, account.fee_asset
        if side is Side.BUY and account.fee_asset != "quote":
            return _in_coins(rate * quantity), market.base
        return _in_coins(in_quote), market.quote

    def _of(self, order: Order) -> tuple[Account, Market]:
        return self._exchange.accounts[order.account], self._exchange.markets[order.symbol]


def _in_coins(amount: Decimal) -> Decimal:
    return amount.quantize(SMALLEST)
