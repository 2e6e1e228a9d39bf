"""Risk: what an order must pass before it is written down, whatever the strategy asked for.

An order that makes a position smaller always passes, but for a bot that is stopped or paused; all
others meet every limit of the bot. Limits are the owner's; the capital is the bot's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal, localcontext
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from robotrader_sdk.types import OrderType, Side
from runner.execution.broker import Market
from runner.execution.decision import NewOrder
from runner.execution.errors import BotError
from runner.execution.identity import Purpose
from runner.execution.journal.standing import Standing
from runner.execution.journal.tables import BotRow, BotState
from runner.execution.rounding import PRECISION

ZERO = Decimal(0)
_EXITS = (Purpose.EXIT, Purpose.REVERSAL, Purpose.FLATTEN)


class RiskLimits(BaseModel):
    """A bot's limits; None is no limit. Fractions are of the equity they are measured against.

    max_position_notional, max_order_notional: quote. max_orders_per_minute: of those that open
    something. max_daily_loss: fraction of the equity at the start of the UTC day; beyond it
    nothing is opened until the next day. max_drawdown: fraction of the peak equity; beyond it the
    bot only exits, until its owner says otherwise. price_collar: how far from the last trade an
    order's price may be, as a fraction. losses_in_a_row: after so many losing trades nothing is
    opened for `rest_bars` bars. allowed_symbols: what may be traded at all.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_position_notional: Decimal | None = Field(None, gt=0)
    max_order_notional: Decimal | None = Field(None, gt=0)
    max_orders_per_minute: int | None = Field(60, ge=1)
    max_daily_loss: Decimal | None = Field(None, gt=0, lt=1)
    max_drawdown: Decimal | None = Field(None, gt=0, lt=1)
    price_collar: Decimal | None = Field(Decimal("0.5"), gt=0)
    losses_in_a_row: int | None = Field(None, ge=1)
    rest_bars: int = Field(1, ge=1)
    allowed_symbols: tuple[str, ...] | None = None


def read_limits(given: Mapping[str, Any]) -> RiskLimits:
    """A bot's limits from what was stored or asked for; BotError names what is wrong."""
    try:
        return RiskLimits.model_validate(dict(given))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "limits"
        raise BotError(f"risk limit {where}: {first['msg']}") from None


class RiskGate:
    """One bot at one moment: which of the orders that are wanted may be written down.

    prices: last prices by symbol. recent: how many orders that open something there were in the
    last minute.
    """

    def __init__(
        self,
        standing: Standing,
        markets: Mapping[str, Market],
        prices: Mapping[str, Decimal],
        recent: int,
        now: datetime,
    ) -> None:
        self._standing, self._markets, self._prices = standing, markets, prices
        self._limits = read_limits(standing.bot.risk)
        self._recent, self._now = recent, now
        self._spent = {symbol: self._waiting(symbol) for symbol in markets}

    def refusal(self, order: NewOrder) -> str:
        """Why an order may not be sent; "" if it may, and then it counts."""
        bot = self._standing.bot
        if bot.state in (BotState.PAUSED, BotState.STOPPED):
            return f"the bot is {bot.state.value}"
        if self.is_exit(order):
            return ""
        reason = self._why_not_now() or self._why_not_so(order)
        if not reason:
            self._recent += 1
            self._spent[order.symbol] += self._notional(order)
        return reason

    def is_exit(self, order: NewOrder) -> bool:
        """Whether an order can only make a position smaller."""
        if order.reduce_only or (order.purpose in _EXITS and order.sizing):
            return True
        held = self._standing.held(order.symbol)
        against = int(order.side) * held < 0
        return against and order.quantity is not None and order.quantity <= abs(held)

    def _why_not_now(self) -> str:
        bot, limits = self._standing.bot, self._limits
        if bot.state is BotState.EXIT_ONLY:
            return f"the bot only exits: {bot.state_reason}"
        if bot.rests_until is not None and self._now < bot.rests_until:
            return f"the bot rests until {bot.rests_until:%Y-%m-%d %H:%M} UTC after its losses"
        if (
            limits.max_orders_per_minute is not None
            and self._recent >= limits.max_orders_per_minute
        ):
            return f"more than {limits.max_orders_per_minute} orders a minute"
        loss = limits.max_daily_loss
        if loss is not None and self._equity() < bot.day_equity * (1 - loss):
            return f"the day's loss has reached {loss:.2%} of {bot.day_equity}"
        return ""

    def _why_not_so(self, order: NewOrder) -> str:
        limits, symbol = self._limits, order.symbol
        allowed = limits.allowed_symbols
        if symbol not in self._markets or (allowed is not None and symbol not in allowed):
            return f"{symbol} is not among the symbols it may trade"
        if not self._markets[symbol].is_active:
            return f"{symbol} is not traded at the moment"
        notional = self._notional(order)
        if limits.max_order_notional is not None and notional > limits.max_order_notional:
            return f"an order of {notional:.2f} is larger than {limits.max_order_notional} allows"
        after = abs(self._standing.quantity(symbol)) * self._prices[symbol] + self._spent[symbol]
        limit = limits.max_position_notional
        if limit is not None and after + notional > limit:
            return f"a position of {after + notional:.2f} is larger than {limit} allows"
        return self._why_too_far(order) or self._why_too_much(order, notional)

    def _why_too_far(self, order: NewOrder) -> str:
        collar, last = self._limits.price_collar, self._prices[order.symbol]
        for price in (order.limit_price, order.stop_price):
            if collar is not None and price is not None and abs(price - last) > collar * last:
                return f"a price of {price} is more than {collar:.0%} from the last, {last}"
        return ""

    def _why_too_much(self, order: NewOrder, notional: Decimal) -> str:
        """A bot never exceeds its capital, and what trading has made of it; weights sum to 1."""
        if "weight" in order.sizing:
            return ""
        market = self._markets[order.symbol]
        leverage = self._standing.bot.leverage if market.is_perpetual else Decimal(1)
        equity = self._equity()
        if not market.is_perpetual and order.side is Side.SELL:
            held = self._standing.held(order.symbol)
            return "" if held > 0 else "there is nothing to sell"
        with localcontext(prec=PRECISION):
            held_worth = sum(
                (
                    abs(self._standing.quantity(s)) * self._prices[s]
                    for s, position in self._standing.positions.items()
                    if position.quantity and not self._reverses(order, s)
                ),
                ZERO,
            )
            tied = (held_worth + sum(self._spent.values(), ZERO) + notional) / leverage
        if tied > equity * Decimal("1.001"):
            return f"{tied:.2f} would be tied up, and the bot has {equity:.2f}"
        return ""

    def _reverses(self, order: NewOrder, symbol: str) -> bool:
        """Whether what is held of a symbol is closed before or by this order."""
        return symbol == order.symbol and (
            int(order.side) * self._standing.held(symbol) < 0 or bool(order.after)
        )

    def _notional(self, order: NewOrder) -> Decimal:
        unit = order.sizing.get("unit")
        if "weight" in order.sizing:
            return abs(Decimal(repr(order.sizing["weight"]))) * self._equity()
        if unit == "notional":
            return Decimal(str(order.sizing["size"]))
        if unit == "fraction":
            return Decimal(str(order.sizing["size"])) * self._equity()
        price = order.limit_price or order.stop_price or self._prices[order.symbol]
        if order.type is OrderType.MARKET:
            price = self._prices[order.symbol]
        return (order.quantity or ZERO) * price

    def _waiting(self, symbol: str) -> Decimal:
        """What entries that have not filled yet may still tie up."""
        found = ZERO
        for order in self._standing.orders.get(symbol, []):
            opens = order.purpose in (Purpose.ENTRY, Purpose.REBALANCE) and order.lot is None
            if opens and not order.cancel_wanted and order.side is Side.BUY:
                price = order.limit_price or order.stop_price or self._prices[symbol]
                left = (order.quantity or ZERO) - order.filled
                found += order.cost or left * price
        return found

    def _equity(self) -> Decimal:
        return self._standing.equity(self._prices)


def watch_equity(bot: BotRow, equity: Decimal, now: datetime, bar_seconds: int) -> str:
    """Keep a bot's peak and day, and what follows from its losses; why it now only exits, or ""."""
    limits = read_limits(bot.risk)
    day = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if bot.day != day:
        bot.day, bot.day_equity = day, equity
    bot.peak_equity = max(bot.peak_equity, equity)
    if limits.losses_in_a_row is not None and bot.losses >= limits.losses_in_a_row:
        bot.rests_until = now + timedelta(seconds=limits.rest_bars * bar_seconds)
        bot.losses = 0
    drawdown = limits.max_drawdown
    if drawdown is not None and equity < bot.peak_equity * (1 - drawdown):
        return f"equity {equity:.2f} is more than {drawdown:.2%} below its peak"
    return ""
