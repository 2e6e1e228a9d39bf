"""What may be traded: each market's steps, bounds and order types, all in Decimal."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, Decimal

import msgspec

from robotrader_sdk.trading.instrument import Instrument
from robotrader_sdk.types import Side

ZERO = Decimal(0)


class Tier(msgspec.Struct, frozen=True):
    """A tier of maintenance margin: from which notional on, which rate, up to which leverage."""

    notional_floor: Decimal
    maintenance_rate: Decimal
    max_leverage: Decimal


class Market(msgspec.Struct, frozen=True, kw_only=True):
    """One market's own rules; 0 means no such rule.

    symbol: ccxt's name, "BTC/USDT", or "BTC/USDT:USDT" for a linear perpetual.
    order_types: Binance's words for them. A perpetual's are all of Bybit's.
    bid_multiplier_*, ask_multiplier_*: a limit price lies between these times the last price.
    """

    symbol: str
    base: str
    quote: str
    linear: bool = False
    status: str = "TRADING"
    tick_size: Decimal = ZERO
    min_price: Decimal = ZERO
    max_price: Decimal = ZERO
    lot_size: Decimal = ZERO
    min_quantity: Decimal = ZERO
    max_quantity: Decimal = ZERO
    market_lot_size: Decimal = ZERO
    market_min_quantity: Decimal = ZERO
    market_max_quantity: Decimal = ZERO
    min_notional: Decimal = ZERO
    max_notional: Decimal = ZERO
    notional_for_market: bool = True
    bid_multiplier_up: Decimal = ZERO
    bid_multiplier_down: Decimal = ZERO
    ask_multiplier_up: Decimal = ZERO
    ask_multiplier_down: Decimal = ZERO
    max_orders: int = 0
    max_stop_orders: int = 0
    max_order_lists: int = 0
    max_position: Decimal = ZERO
    iceberg_parts: int = 0
    order_types: frozenset[str] = frozenset()
    oco_allowed: bool = False
    otoco_allowed: bool = False
    base_precision: int = 8
    quote_precision: int = 8
    maker_fee: Decimal = Decimal("0.001")
    taker_fee: Decimal = Decimal("0.001")
    max_leverage: Decimal = Decimal(1)
    tiers: tuple[Tier, ...] = ()
    funding_interval_minutes: int = 480

    @property
    def id(self) -> str:
        """Both venues' name for it, "BTCUSDT"."""
        return self.base + self.quote

    @property
    def settle(self) -> str:
        """The asset that is paid and received: the quote."""
        return self.quote

    def price(self, value: float | Decimal) -> Decimal:
        """A price as the nearest whole tick."""
        exact = Decimal(repr(float(value))) if isinstance(value, float) else value
        if not self.tick_size:
            return exact
        return (exact / self.tick_size).quantize(Decimal(1)) * self.tick_size

    def lots(self, quantity: Decimal) -> Decimal:
        """A quantity rounded down to whole lots."""
        return _stepped(quantity, self.lot_size, ROUND_DOWN)

    def away_from(self, side: Side, price: Decimal) -> Decimal:
        """A price as a whole tick, rounded against whoever trades on that side."""
        return _stepped(price, self.tick_size, ROUND_CEILING if side > 0 else ROUND_FLOOR)

    def instrument(self) -> Instrument:
        """The market as a backtest is given it, with fees in quote."""
        if self.linear:
            return Instrument(
                kind="linear_perpetual",
                symbol=self.symbol,
                tick_size=float(self.tick_size),
                lot_size=float(self.lot_size),
                min_notional=float(self.min_notional),
                max_leverage=float(self.max_leverage),
                maintenance_margin=[
                    (float(t.notional_floor), float(t.maintenance_rate), float(t.max_leverage))
                    for t in self.tiers
                ],
            )
        return Instrument(
            kind="spot",
            symbol=self.symbol,
            tick_size=float(self.tick_size),
            lot_size=float(self.lot_size),
            min_notional=float(self.min_notional),
        )


def _stepped(value: Decimal, step: Decimal, rounding: str) -> Decimal:
    if not step:
        return value
    return (value / step).quantize(Decimal(1), rounding=rounding) * step


def is_whole(value: Decimal, step: Decimal) -> bool:
    """Whether a value lies on its step; every value does where there is none."""
    return not step or value % step == 0
