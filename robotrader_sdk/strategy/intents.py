"""Intents: the orders an event strategy asks for, before any check by risk, cash or market."""

from __future__ import annotations

import math
from dataclasses import dataclass

from robotrader_sdk.errors import OrderError
from robotrader_sdk.trading.order import Purpose, SizeUnit
from robotrader_sdk.types import OrderStatus, OrderType, Side


@dataclass(slots=True, eq=False)
class Order:
    """An order of an event strategy, from the intent to its final status.

    number: counts the strategy's orders, from 1. Prices are NaN where there are none, and
    protection is 0 where there is none. `valid_bars` is 0 until cancelled. The quantity is NaN
    until it is resolved; `fill_price` until it fills.
    """

    number: int
    side: Side
    type: OrderType
    purpose: Purpose
    size_unit: SizeUnit
    size: float
    limit_price: float = math.nan
    stop_price: float = math.nan
    valid_bars: int = 0
    stop_loss: float = 0.0
    take_profit: float = 0.0
    trailing_stop: float = 0.0
    stop_loss_price: float = 0.0
    take_profit_price: float = 0.0
    status: OrderStatus = OrderStatus.WORKING
    quantity: float = math.nan
    fill_price: float = math.nan
    reject_reason: str = ""
    cancel_requested: bool = False

    @property
    def is_working(self) -> bool:
        """Whether it may still fill."""
        return self.status is OrderStatus.WORKING and not self.cancel_requested


@dataclass(frozen=True, slots=True)
class Cancel:
    """The wish to cancel an order."""

    order: Order


Intent = Order | Cancel

_SIZE_UNITS = {
    "quantity": SizeUnit.QUANTITY,
    "notional": SizeUnit.NOTIONAL,
    "fraction": SizeUnit.FRACTION,
    "risk": SizeUnit.RISK,
}


def read_size(sizes: dict[str, float | None]) -> tuple[SizeUnit, float] | None:
    """The one size given and its unit, or None; OrderError if there are two."""
    given = {name: size for name, size in sizes.items() if size is not None}
    if len(given) > 1:
        raise OrderError(f"a size has one unit, got {' and '.join(given)}; give one of them")
    for name, size in given.items():
        return _SIZE_UNITS[name], read_number(name, size)
    return None


def read_number(name: str, value: object) -> float:
    """A number of an order; NaN is let through and rejects the order with its reason."""
    try:
        return float(value)  # type: ignore[arg-type]  # anything that counts as a number
    except (TypeError, ValueError):
        raise OrderError(f"{name} must be a number, got {value!r}") from None


def read_price(name: str, value: float) -> float:
    """A price of the order itself."""
    number = read_number(name, value)
    if number <= 0.0:
        raise OrderError(f"{name} must be above 0, got {value!r}")
    return number


def read_protection(name: str, value: float) -> float:
    """A protective price or fraction."""
    number = read_number(name, value)
    if number <= 0.0:
        raise OrderError(f"{name} must be above 0, got {value!r}")
    if name in {"stop_loss", "trailing_stop"} and number >= 1.0:
        raise OrderError(
            f"{name} is a fraction of the entry price below 1, got {value!r}; 5 % is .05"
        )
    return number


def order_type(limit_price: float | None, stop_price: float | None) -> OrderType:
    """What kind of order the given prices make."""
    if stop_price is None:
        return OrderType.MARKET if limit_price is None else OrderType.LIMIT
    return OrderType.STOP if limit_price is None else OrderType.STOP_LIMIT
