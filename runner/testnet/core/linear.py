"""Linear perpetuals: what is posted for them, what they earn, and the funding they pay.

The rules are those of `robotrader_sdk.trading.margin`, kept exactly, in Decimal. Beyond it, an
order sets its initial margin aside while it works, as on the real venue; one with a trigger does
so only when it fills. An unrealized profit is no money for new orders here.
"""

from __future__ import annotations

from decimal import ROUND_UP, Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from robotrader_sdk.types import Liquidity, Side
from runner.testnet.core.accounts import Account, Balance
from runner.testnet.core.house import note_funding
from runner.testnet.core.margins import Margins
from runner.testnet.core.markets import ZERO, Market
from runner.testnet.core.orders import Order
from runner.testnet.core.perpetual_series import Instant, PerpetualSeries
from runner.testnet.core.positions import Money, Position
from runner.testnet.core.refusals import Reason, RefusedError
from runner.testnet.core.settlement import SMALLEST

if TYPE_CHECKING:
    from runner.testnet.core.exchange import Exchange


class Linear:
    """The settlement of linear perpetuals; see `Settlement`."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._positions: dict[tuple[str, str], Position] = {}
        self._series: dict[str, PerpetualSeries] = {}
        self._isolated: set[str] = set()
        markets = exchange.markets
        self._symbols = [symbol for symbol in exchange.tape.symbols if markets[symbol].linear]
        self.margins = Margins(exchange, self)
        self.rates_paid: dict[str, list[tuple[int, Decimal]]] = {}
        """The funding so far: when and at which rate, by symbol."""

    # What an account has, and what it has agreed on.

    def position(self, account: str, symbol: str) -> Position:
        """An account's position in a market, flat if it never had one."""
        place = (account, symbol)
        if place not in self._positions:
            self._positions[place] = Position(account=account, symbol=symbol)
        return self._positions[place]

    def positions(self, account: str) -> list[Position]:
        """All positions an account has or had."""
        return [own for own in self._positions.values() if own.account == account]

    def open_positions(self) -> list[Position]:
        """The positions of all accounts that are not flat."""
        return [position for position in self._positions.values() if position.quantity]

    def is_isolated(self, account: str) -> bool:
        """Whether each position is backed by its own margin alone; cross otherwise."""
        return account in self._isolated

    def set_margin_mode(self, account: str, isolated: bool) -> None:
        """Change how positions are backed; RefusedError while there are any, or no change."""
        if isolated == self.is_isolated(account):
            raise RefusedError(Reason.NOTHING_CHANGES, "margin mode")
        if any(position.quantity for position in self.positions(account)):
            raise RefusedError(Reason.POSITION_EXISTS, "margin mode")
        if isolated:
            self._isolated.add(account)
        else:
            self._isolated.discard(account)

    def set_leverage(self, account: str, symbol: str, leverage: Decimal) -> None:
        """Change the leverage of a market; what is posted for a position changes with it.

        RefusedError if it is out of bounds, the same as before, or can't be backed.
        """
        market, position = self._exchange.market(symbol), self.position(account, symbol)
        notional = abs(position.entry_value)
        if not 1 <= leverage <= self.margins.max_leverage(market, notional):
            raise RefusedError(Reason.LEVERAGE, str(leverage))
        if leverage == position.leverage:
            raise RefusedError(Reason.NOTHING_CHANGES, "leverage")
        if position.quantity:
            posted = _up(notional / leverage)
            balance = self._wallet(position)
            if posted - position.margin > self.margins.free(self._account(position), market.quote):
                raise RefusedError(Reason.INSUFFICIENT_MARGIN, f"{posted} {market.quote}")
            _post(balance, posted - position.margin)
            position.margin = posted
        position.leverage = leverage

    def money(self, account: str) -> Money:
        """An account's margin."""
        return self.margins.money(self._exchange.accounts[account])

    def unrealized(self, position: Position) -> Decimal:
        """What closing a position at the mark price would bring, before fees."""
        market = self._exchange.markets[position.symbol]
        return position.quantity * self.mark_price(market) - position.entry_value

    def maintenance(self, position: Position) -> Decimal:
        """The margin a position must keep."""
        return self.margins.maintenance(position)

    def liquidation_price(self, position: Position) -> Decimal | None:
        """The mark price that liquidates a position, if any does."""
        return self.margins.liquidation_price(position)

    # Prices and rates.

    def give(self, symbol: str, series: PerpetualSeries) -> None:
        """Use a mark price or funding rates of their own for a market."""
        self._series[symbol] = series

    def series(self, symbol: str) -> PerpetualSeries:
        """The mark price and funding instants of a market."""
        if symbol not in self._series:
            minutes = self._exchange.markets[symbol].funding_interval_minutes
            self._series[symbol] = PerpetualSeries(self._exchange.tape.series[symbol], minutes)
        return self._series[symbol]

    def mark_price(self, market: Market) -> Decimal:
        """The mark price: that of the bar's open where there is one, else the last price."""
        one, tape = self.series(market.symbol), self._exchange.tape
        position = tape.position(market.symbol)
        own = tape.series[market.symbol]
        if one.mark_open is own.open or position < 0:
            return self._exchange.last_price(market)
        return market.price(float(one.mark_open[position]))

    def funding_rate(self, market: Market) -> Decimal:
        """The rate of the funding that comes next."""
        instant = self.series(market.symbol).next_instant(self._exchange.clock.now_ms)
        return self._rate(instant)

    def next_funding_ms(self, market: Market) -> int:
        """When the next funding is due."""
        return self.series(market.symbol).next_instant(self._exchange.clock.now_ms).time_ms

    def funding_history(self, symbol: str) -> list[tuple[int, Decimal]]:
        """Times and rates of the funding so far, oldest first."""
        return self.rates_paid.get(symbol, [])

    # The settlement.

    def held(self, account: Account, market: Market) -> Decimal:
        """See `Settlement`."""
        return self.position(account.name, market.symbol).quantity

    def room(self, order: Order) -> Decimal | None:
        """See `Settlement`: what only reduces can't do more than close."""
        if not order.reduce_only:
            return None
        held = self.position(order.account, order.symbol).quantity
        return abs(held) if held * order.side < 0 else ZERO

    def set_aside(self, order: Order, price: Decimal | None) -> int:
        """See `Settlement`."""
        position = self.position(order.account, order.symbol)
        if order.reduce_only:
            if position.quantity * order.side >= 0:
                raise RefusedError(Reason.REDUCE_ONLY, f"position {position.quantity}")
            return -1
        if order.trigger is not None:
            return -1
        market, account = self._exchange.markets[order.symbol], self._account(position)
        price = price or order.price or self._exchange.last_price(market)
        opened = self._opened(position, order.side, order.quantity)
        self._check_tier(market, position, order.side * order.quantity, price)
        needed = _up(opened * price / position.leverage)
        fee = _up(opened * price * self.fee_rate(account, market, Liquidity.TAKER))
        if not opened:
            return -1
        if needed + fee > self.margins.free(account, market.quote):
            raise RefusedError(Reason.INSUFFICIENT_MARGIN, f"{needed + fee} {market.quote}")
        return account.set_aside(market.quote, needed + fee)

    def settle(
        self, order: Order, price: Decimal, quantity: Decimal, liquidity: Liquidity
    ) -> tuple[Decimal, str]:
        """See `Settlement`."""
        position = self.position(order.account, order.symbol)
        market, account = self._exchange.markets[order.symbol], self._account(position)
        fee = _rounded(price * quantity * self.fee_rate(account, market, liquidity))
        opened = self._opened(position, order.side, quantity)
        closed = quantity - opened
        posted = _up(opened * price / position.leverage)
        if opened:
            self._check_tier(market, position, order.side * quantity, price)
        part = quantity / order.remaining
        self._unlock(account, order.lock, part)
        gain, released = self._closing(position, closed, price)
        free = self.margins.free(account, market.quote) + gain + released
        if opened and posted + fee > free:
            raise RefusedError(Reason.INSUFFICIENT_MARGIN, f"{posted + fee} {market.quote}")
        self._close(position, closed, gain, released)
        self._open(position, order.side * opened, price, posted)
        self._pay(position, fee)
        return fee, market.quote

    def bar_has_opened(self) -> None:
        """See `Settlement`: liquidate what the mark opens beyond the level of."""
        for position in self.open_positions():
            self.margins.liquidate_at_open(position)

    def open_has_passed(self) -> None:
        """See `Settlement`: pay the funding that falls due in the bar."""
        for symbol in self._symbols:
            series, at = self.series(symbol), self._exchange.tape.position(symbol)
            for instant in series.instants.get(at, ()) if at >= 0 else ():
                self._fund(symbol, instant, float(series.mark_open[at]))

    def fee_rate(self, account: Account, market: Market, liquidity: Liquidity) -> Decimal:
        """The fraction of the notional that an account pays."""
        return self._exchange.spot.fee_rate(account, market, liquidity)

    def pay_liquidation_fee(self, position: Position, fee: Decimal) -> None:
        """Take a liquidation's fee."""
        self._pay(position, fee)

    def close_at(self, position: Position, price: Decimal) -> None:
        """Close a whole position at a price, for the exchange."""
        gain, released = self._closing(position, abs(position.quantity), price)
        self._close(position, abs(position.quantity), gain, released)

    def saved(self) -> dict[str, Any]:
        """What a saved exchange keeps of this."""
        return {
            "positions": msgspec.to_builtins(list(self._positions.values())),
            "isolated": sorted(self._isolated),
            "rates_paid": msgspec.to_builtins(self.rates_paid),
        }

    def restore(self, saved: dict[str, Any]) -> None:
        """Become what was saved."""
        positions = msgspec.convert(saved.get("positions", []), list[Position])
        self._positions = {(p.account, p.symbol): p for p in positions}
        self._isolated = set(saved.get("isolated", []))
        rates = saved.get("rates_paid", {})
        self.rates_paid = msgspec.convert(rates, dict[str, list[tuple[int, Decimal]]])

    # Bookkeeping.

    def _opened(self, position: Position, side: Side, quantity: Decimal) -> Decimal:
        """The part of a quantity that does not close."""
        if position.quantity * side >= 0:
            return quantity
        return max(quantity - abs(position.quantity), ZERO)

    def _check_tier(
        self, market: Market, position: Position, added: Decimal, price: Decimal
    ) -> None:
        notional = abs(position.quantity + added) * price
        if position.leverage > self.margins.max_leverage(market, notional):
            raise RefusedError(Reason.LEVERAGE, f"{position.leverage} x at {notional}")

    def _closing(
        self, position: Position, closed: Decimal, price: Decimal
    ) -> tuple[Decimal, Decimal]:
        """What closing a part realizes, and the margin that it sets free."""
        if not closed:
            return ZERO, ZERO
        share = closed / abs(position.quantity)
        whole = closed == abs(position.quantity)
        cost = position.entry_value if whole else _rounded(position.entry_value * share)
        signed = closed if position.quantity > 0 else -closed
        released = position.margin if whole else _rounded(position.margin * share)
        return signed * price - cost, released

    def _close(self, position: Position, closed: Decimal, gain: Decimal, released: Decimal) -> None:
        if not closed:
            return
        whole = closed == abs(position.quantity)
        share = closed / abs(position.quantity)
        cost = position.entry_value if whole else _rounded(position.entry_value * share)
        position.quantity -= closed if position.quantity > 0 else -closed
        position.entry_value -= cost
        position.margin -= released
        position.realized += gain
        balance = self._wallet(position)
        _post(balance, -released)
        balance.free += gain
        position.updated_ms = self._exchange.clock.now_ms
        self._cover(position)

    def _open(self, position: Position, added: Decimal, price: Decimal, posted: Decimal) -> None:
        if not added:
            return
        now_ms = self._exchange.clock.now_ms
        if not position.quantity:
            position.created_ms = now_ms
        position.quantity += added
        position.entry_value += added * price
        position.margin += posted
        position.updated_ms = now_ms
        _post(self._wallet(position), posted)

    def _pay(self, position: Position, amount: Decimal) -> None:
        position.realized -= amount
        self._wallet(position).free -= amount
        self._cover(position)

    def _cover(self, first: Position) -> None:
        """A loss beyond the free money is taken from what is posted, its own position's first."""
        balance = self._wallet(first)
        others = [p for p in self.positions(first.account) if p is not first and p.margin]
        for position in [first, *others]:
            lacking = -balance.free
            if lacking <= 0:
                return
            taken = min(lacking, position.margin)
            position.margin -= taken
            _post(balance, -taken)

    def _fund(self, symbol: str, instant: Instant, mark: float) -> None:
        market, rate = self._exchange.markets[symbol], self._rate(instant)
        price = market.price(mark)
        self.rates_paid.setdefault(symbol, []).append((instant.time_ms, rate))
        for position in self.open_positions():
            if position.symbol == symbol and rate:
                paid = _rounded(rate * price * position.quantity)
                position.funding += paid
                self._pay(position, paid)
                note_funding(self._exchange, position, price, paid)

    def _rate(self, instant: Instant) -> Decimal:
        if instant.rate is None:
            return self._exchange.settings.funding_rate
        return Decimal(repr(instant.rate))

    def _unlock(self, account: Account, lock: int, part: Decimal) -> None:
        held = account.locks.get(lock)
        if held is not None:
            freed = held.amount if part >= 1 else _rounded(held.amount * part)
            held.amount -= freed
            _post(account.balance(held.asset), -freed)

    def _account(self, position: Position) -> Account:
        return self._exchange.accounts[position.account]

    def _wallet(self, position: Position) -> Balance:
        quote = self._exchange.markets[position.symbol].quote
        return self._account(position).balance(quote)


def _post(balance: Balance, amount: Decimal) -> None:
    balance.free -= amount
    balance.locked += amount


def _rounded(amount: Decimal) -> Decimal:
    return amount.quantize(SMALLEST)


def _up(amount: Decimal) -> Decimal:
    return amount.quantize(SMALLEST, rounding=ROUND_UP)
