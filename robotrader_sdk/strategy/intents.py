"""Intents: the orders an event strategy asks for, before any check by risk, cash or market."""

from __future__ import annotations

import difflib
import math
from dataclasses import dataclass, fields
from numbers import Integral
from operator import attrgetter
from typing import TypedDict

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

    def __reduce__(self) -> tuple[object, ...]:
        """Pickled as its values alone: strategies are asked with dozens of orders to remember."""
        return type(self), _values_of(self)


_values_of = attrgetter(*(field.name for field in fields(Order)))


@dataclass(frozen=True, slots=True)
class Cancel:
    """The wish to cancel an order."""

    order: Order


Intent = Order | Cancel


class OrderTerms(TypedDict, total=False):
    """What `ctx.buy` and `ctx.sell` take, by name; None is as good as not given."""

    quantity: float | None
    notional: float | None
    fraction: float | None
    risk: float | None
    limit_price: float | None
    stop_price: float | None
    valid_bars: int | None
    stop_loss: float | None
    take_profit: float | None
    trailing_stop: float | None
    stop_loss_price: float | None
    take_profit_price: float | None


_SIZE_UNITS = {
    "quantity": SizeUnit.QUANTITY,
    "notional": SizeUnit.NOTIONAL,
    "fraction": SizeUnit.FRACTION,
    "risk": SizeUnit.RISK,
}
_FRACTIONS = ("stop_loss", "trailing_stop")
_STOPS = ("stop_loss", "trailing_stop", "stop_loss_price")


def read_terms(
    bare: tuple[object, ...], asked: OrderTerms
) -> tuple[dict[str, float], SizeUnit | None, float]:
    """The prices and protection of an order, its size's unit (None: no size) and its size.

    OrderError names what makes no sense.
    """
    if bare:
        raise OrderError(
            f"say what {bare[0]!r} counts: quantity={bare[0]!r}, notional={bare[0]!r}, "
            f"fraction={bare[0]!r} or risk={bare[0]!r}"
        )
    terms: dict[str, float] = {}
    unit, size = None, math.nan
    for name, value in asked.items():
        if value is None:
            continue
        if name in _SIZE_UNITS:
            if unit is not None:
                given = " and ".join(n for n in asked if n in _SIZE_UNITS)
                raise OrderError(f"a size has one unit, got {given}; give one of them")
            unit, size = _SIZE_UNITS[name], _number(name, value)
        elif name == "valid_bars":
            terms[name] = _count(name, value)
        elif name in OrderTerms.__annotations__:
            terms[name] = _above_zero(name, value)
        else:
            raise OrderError(_unknown(name))
    if unit is SizeUnit.RISK and not any(stop in terms for stop in _STOPS):
        raise OrderError(
            "risk= is the fraction of equity lost at the stop and needs one: give stop_loss=, "
            "stop_loss_price= or trailing_stop="
        )
    return terms, unit, size


def order_type(terms: dict[str, float]) -> OrderType:
    """What kind of order the given prices make."""
    if "stop_price" not in terms:
        return OrderType.LIMIT if "limit_price" in terms else OrderType.MARKET
    return OrderType.STOP_LIMIT if "limit_price" in terms else OrderType.STOP


def _number(name: str, value: object) -> float:
    """A number; NaN is let through and rejects the order with its reason."""
    try:
        return float(value)  # type: ignore[arg-type]  # anything that counts as a number
    except (TypeError, ValueError):
        raise OrderError(f"{name} must be a number, got {value!r}") from None


def _above_zero(name: str, value: object) -> float:
    number = _number(name, value)
    if number <= 0.0:
        raise OrderError(f"{name} must be above 0, got {value!r}")
    if name in _FRACTIONS and number >= 1.0:
        raise OrderError(
            f"{name} is a fraction of the entry price below 1, got {value!r}; 5 % is .05"
        )
    return number


def _count(name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
        raise OrderError(f"{name} must be a whole number >= 1, got {value!r}")
    return int(value)


def _unknown(name: str) -> str:
    known = list(OrderTerms.__annotations__)
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"; did you mean {close[0]}?" if close else ""
    return f"an order has no {name}{hint} (it has: {', '.join(known)})"
