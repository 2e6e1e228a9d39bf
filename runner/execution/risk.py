"""Risk: what an order must pass before it is written down, whatever the strategy asked for.

An order that makes a position smaller always passes, but for a bot that is stopped or paused; all
others meet every limit of the bot. What other orders close already can't be closed once more: an
order beyond it opens something. Limits are the owner's; the capital is the bot's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal, localcontext
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from robotrader_sdk.types import OrderType, Side
from runner.execution.broker import Market
from runner.execution.decision import NewOrder
from runner.execution.errors import BotError
from runner.execution.journal.standing import Standing
from runner.execution.journal.tables import BotRow, BotState, OrderRow
from runner.execution.rounding import PRECISION

ZERO = Decimal(0)


class RiskLimits(BaseModel):
    """A bot's limits; None is no limit. Fractions are of the equity they are measured against.

    max_position_notional, max_order_notional: quote. max_orders_per_minute: of those that open
    something. max_daily_loss: fraction of the equity at the start of the bar's UTC day; beyond it
    nothing is opened until the next day's first close. max_drawdown: fraction of the peak equity
    since its owner last let it run; beyond it the bot only exits, until its owner says otherwise.
    price_collar: how far from the last trade an order's price may be, as a fraction.
    losses_in_a_row: after so many losing trades nothing is opened for `rest_bars` bars.
    allowed_symbols: what may be traded at all.
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


@dataclass(frozen=True, slots=True)
class Watch:
    """What a bot's equity at a close leads to, before anything is decided at that close.

    reason: why the bot only exits from now on; "" if it may go on.
    """

    equity: Decimal
    day: datetime
    day_equity: Decimal
    peak_equity: Decimal
    losses: int
    rests_until: datetime | None
    reason: str

    def note(self, bot: BotRow) -> None:
        """Write it down; nothing but the state is left to the caller."""
        bot.day, bot.day_equity, bot.peak_equity = self.day, self.day_equity, self.peak_equity
        bot.losses, bot.rests_until = self.losses, self.rests_until


def day_of(now: datetime, bar_seconds: int) -> datetime:
    """The day of a decision: that of the bar it is made at the close of."""
    opened = now - timedelta(seconds=bar_seconds)
    return opened.replace(hour=0, minute=0, second=0, microsecond=0)


def watch_equity(
    bot: BotRow,
    equity: Decimal,
    now: datetime,
    bar_seconds: int,
    before: Decimal | None = None,
) -> Watch:
    """Where a bot's peak, day and losses are with the equity that it has now.

    before: its equity at its last tick, which a new day begins with; None if there was none.
    """
    limits = read_limits(bot.risk)
    day = day_of(now, bar_seconds)
    first = equity if before is None else before
    peak, losses, rests_until = max(bot.peak_equity, equity), bot.losses, bot.rests_until
    if limits.losses_in_a_row is not None and losses >= limits.losses_in_a_row:
        losses, rests_until = 0, now + timedelta(seconds=limits.rest_bars * bar_seconds)
    drawdown, reason = limits.max_drawdown, ""
    if drawdown is not None and equity < peak * (1 - drawdown):
        reason = f"equity {equity:.2f} is more than {drawdown:.2%} below its peak"
    return Watch(
        equity=equity,
        day=day,
        day_equity=bot.day_equity if bot.day == day else first,
        peak_equity=peak,
        losses=losses,
        rests_until=rests_until,
        reason=reason,
    )


class RiskGate:
    """One bot at one moment: which of the orders that are wanted may be written down.

    prices: last prices by symbol; last_trades: those of the exchange's last trades, where a price
    has to be compared to them. recent: how many orders that open something there were in the last
    minute.
    """

    def __init__(
        self,
        standing: Standing,
        markets: Mapping[str, Market],
        prices: Mapping[str, Decimal],
        recent: int,
        watch: Watch,
        now: datetime,
        last_trades: Mapping[str, Decimal] | None = None,
    ) -> None:
        self._standing, self._markets, self._prices = standing, markets, prices
        self._limits = read_limits(standing.bot.risk)
        self._recent, self._watch, self._now = recent, watch, now
        self._last_trades = last_trades or {}
        self._closing = dict.fromkeys(markets, ZERO)
        self._leaving = dict.fromkeys(markets, ZERO)
        """What exits of this very decision close: entries that wait for them may use its money."""
        self._spent = dict.fromkeys(markets, ZERO)
        for symbol in markets:
            for order in standing.orders.get(symbol, []):
                self._count(order)

    def refusal(self, order: NewOrder) -> str:
        """Why an order may not be sent; "" if it may, and then it counts."""
        bot = self._standing.bot
        if bot.state in (BotState.PAUSED, BotState.STOPPED):
            return f"the bot is {bot.state.value}"
        if self.is_exit(order):
            self._closing[order.symbol] += self._quantity(order)
            if order.type is OrderType.MARKET and order.watch_price is None:
                self._leaving[order.symbol] += self._quantity(order)
            return ""
        reason = self.closed() or self._why_not_now() or self._why_not_so(order)
        if not reason:
            self._recent += 1
            self._spent[order.symbol] += self._opening(order)
            if self._is_against(order):
                self._closing[order.symbol] += self._quantity(order)
        return reason

    def is_exit(self, order: NewOrder) -> bool:
        """Whether an order can only make a position smaller."""
        if order.reduce_only or order.sizing.get("unit") == "position":
            return True
        return self._is_against(order) and 0 < self._quantity(order) <= self._left(order.symbol)

    def closes(self, order: NewOrder) -> Decimal:
        """What an order can close of a position before it opens one."""
        return max(self._left(order.symbol), ZERO) if self._is_against(order) else ZERO

    def closed(self) -> str:
        """Why nothing at all may be opened at this moment; "" if something may."""
        bot, watch, loss = self._standing.bot, self._watch, self._limits.max_daily_loss
        if bot.state is not BotState.RUNNING:
            return f"the bot only exits: {bot.state_reason}"
        if watch.reason:
            return f"the bot only exits: {watch.reason}"
        if watch.rests_until is not None and self._now < watch.rests_until:
            return f"the bot rests until {watch.rests_until:%Y-%m-%d %H:%M} UTC after its losses"
        if loss is not None and watch.equity < watch.day_equity * (1 - loss):
            return f"the day's loss has reached {loss:.2%} of {watch.day_equity}"
        return ""

    def _why_not_now(self) -> str:
        most = self._limits.max_orders_per_minute
        if most is not None and self._recent >= most:
            return f"more than {most} orders a minute"
        return ""

    def _why_not_so(self, order: NewOrder) -> str:
        limits, symbol = self._limits, order.symbol
        allowed = limits.allowed_symbols
        if symbol not in self._markets or (allowed is not None and symbol not in allowed):
            return f"{symbol} is not among the symbols it may trade"
        market = self._markets[symbol]
        if not market.is_active:
            return f"{symbol} is not traded at the moment"
        if not market.is_perpetual and order.side is Side.SELL:
            left = max(self._left(symbol), ZERO)
            return f"it sells {self._quantity(order):f} of {left:f} that no other order sells"
        notional = self._notional(order)
        if limits.max_order_notional is not None and notional > limits.max_order_notional:
            return f"an order of {notional:.2f} is larger than {limits.max_order_notional} allows"
        after = self._worth(symbol, order) + self._spent[symbol] + self._opening(order)
        limit = limits.max_position_notional
        if limit is not None and after > limit:
            return f"a position of {after:.2f} is larger than {limit} allows"
        return self._why_too_far(order) or self._why_too_much(order)

    def _why_too_far(self, order: NewOrder) -> str:
        collar, symbol = self._limits.price_collar, order.symbol
        last = self._last_trades.get(symbol, self._prices[symbol])
        for price in (order.limit_price, order.stop_price, order.watch_price):
            if collar is not None and price is not None and abs(price - last) > collar * last:
                return f"a price of {price} is more than {collar:.0%} from the last, {last}"
        return ""

    def _why_too_much(self, order: NewOrder) -> str:
        """A bot never exceeds its capital, and what trading has made of it; weights sum to 1."""
        if "weight" in order.sizing:
            return ""
        equity = self._watch.equity
        with localcontext(prec=PRECISION):
            held = sum((self._tied(s, order) for s in self._standing.positions), ZERO)
            opened = {**self._spent, order.symbol: self._spent[order.symbol] + self._opening(order)}
            margins = [
                notional / self._standing.leverage(self._markets[symbol])
                for symbol, notional in opened.items()
            ]
            tied = held + sum(margins, ZERO)
        if tied > equity * Decimal("1.001"):
            return f"{tied:.2f} would be tied up, and the bot has {equity:.2f}"
        return ""

    def _tied(self, symbol: str, order: NewOrder) -> Decimal:
        """How much of the equity backs what an order leaves of a position."""
        worth = self._worth(symbol, order)
        if not worth:
            return ZERO
        price = self._prices[symbol]
        share = worth / (abs(self._standing.quantity(symbol)) * price)
        return self._standing.tied(self._markets[symbol], price) * share

    def _worth(self, symbol: str, order: NewOrder) -> Decimal:
        """What a position is worth once an order has filled, without what that opens."""
        held = self._standing.quantity(symbol)
        if not held or (symbol == order.symbol and self._is_against(order)):
            return ZERO
        leaves = self._leaving[symbol] if order.after else ZERO
        return max(abs(held) - leaves, ZERO) * self._prices[symbol]

    def _left(self, symbol: str) -> Decimal:
        """What is held of a symbol and no order closes yet."""
        return abs(self._standing.held(symbol)) - self._closing[symbol]

    def _is_against(self, order: NewOrder | OrderRow) -> bool:
        return int(order.side) * self._standing.held(order.symbol) < 0

    def _quantity(self, order: NewOrder) -> Decimal:
        if order.sizing.get("unit") == "position":
            return abs(self._standing.held(order.symbol))
        if order.quantity is not None:
            return order.quantity
        return self._notional(order) / self._prices[order.symbol]

    def _opening(self, order: NewOrder) -> Decimal:
        """What an order may add to a position, in quote: all of it but what it closes first."""
        notional = self._notional(order)
        if not self._is_against(order):
            return notional
        quantity = self._quantity(order)
        return notional * max(quantity - self.closes(order), ZERO) / quantity if quantity else ZERO

    def _notional(self, order: NewOrder) -> Decimal:
        if "weight" in order.sizing or order.sizing.get("unit") in ("fraction", "notional"):
            return self._money(order)
        price = order.limit_price or order.stop_price or self._prices[order.symbol]
        if order.type is OrderType.MARKET:
            price = order.watch_price or self._prices[order.symbol]
        return (order.quantity or ZERO) * price

    def _money(self, order: NewOrder | OrderRow) -> Decimal:
        """Quote that an order's sizing stands for; of a weight, what is not held of it yet."""
        sizing = order.sizing
        if sizing.get("unit") == "notional":
            return Decimal(str(sizing["size"]))
        if "weight" in sizing:
            held = abs(self._standing.quantity(order.symbol)) * self._prices[order.symbol]
            return max(Decimal(str(abs(sizing["weight"]))) * self._watch.equity - held, ZERO)
        return Decimal(str(sizing.get("size", 0))) * self._watch.equity

    def _count(self, order: OrderRow) -> None:
        """Take in what an order that has not ended may still close, and what it may tie up."""
        if order.lot is not None or order.reduce_only or order.cancel_wanted:
            return
        symbol, left = order.symbol, (order.quantity or ZERO) - order.filled
        if order.quantity is None and order.sizing.get("unit") == "position":
            left = abs(self._standing.held(symbol))
        if self._is_against(order):
            closes = max(min(left, self._left(symbol)), ZERO)
            self._closing[symbol] += left
            left -= closes
        if not self._markets[symbol].is_perpetual and order.side is Side.SELL:
            return
        if order.cost is not None:
            self._spent[symbol] += max(order.cost - order.filled_value, ZERO)
        elif order.quantity is None:
            self._spent[symbol] += self._money(order)
        else:
            price = order.limit_price or order.stop_price or self._prices[symbol]
            self._spent[symbol] += left * price
