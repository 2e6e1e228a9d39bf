"""Maintenance margin by tier: the larger a position, the more of it must be backed.

A position of some notional needs notional x rate - amount, with the rate and the amount of the
tier it lies in. The amounts make the need continuous where one tier ends and the next begins.
Source: https://www.binance.com/en/support/faq/b3c689c1f50a44cabb3a84e663b81d93
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robotrader_sdk.compiled import rule
from robotrader_sdk.errors import InstrumentError

TIER = np.dtype([("floor", "f8"), ("rate", "f8"), ("amount", "f8"), ("max_leverage", "f8")])


@dataclass(frozen=True, slots=True)
class MarginTier:
    """What a position from some notional on must keep, and how far it may be leveraged.

    notional_floor: where the tier begins, in quote; the first begins at 0.
    maintenance_rate: fraction of notional, above 0 and below 1.
    max_leverage: the highest leverage in this tier; infinite: the instrument's own.
    amount: quote taken off notional x rate; None: what makes the tiers meet.
    """

    notional_floor: float
    maintenance_rate: float
    max_leverage: float = math.inf
    amount: float | None = None


Tiers = tuple[MarginTier, ...]


def read_tiers(given: object, max_leverage: float) -> Tiers:
    """Tiers from a single rate, or from rows: MarginTier, tuples or mappings of its fields.

    The amounts are filled in, and no tier's leverage is above `max_leverage`. InstrumentError
    names the first row that contradicts itself or the one before.
    """
    if isinstance(given, (int, float, np.number)) and not isinstance(given, bool):
        rows: Iterable[Any] = [MarginTier(0.0, float(given))]
    elif isinstance(given, Iterable) and not isinstance(given, (str, bytes, Mapping)):
        rows = given
    else:
        raise InstrumentError(
            f"maintenance_margin must be a rate such as 0.005, or rows of rt.MarginTier("
            f"notional_floor, maintenance_rate, max_leverage), got {given!r}"
        )
    tiers: list[MarginTier] = []
    for number, row in enumerate(rows):
        tiers.append(_read_row(number, row, tiers[-1] if tiers else None, max_leverage))
    if not tiers:
        raise InstrumentError("maintenance_margin needs at least one tier, got none")
    return tuple(tiers)


def _read_row(
    number: int, row: object, before: MarginTier | None, max_leverage: float
) -> MarginTier:
    where = f"maintenance_margin, tier {number}"
    tier = _tier_of_row(where, row)
    floor, rate, leverage, amount = tier.notional_floor, tier.maintenance_rate, *astuple(tier)[2:]
    leverage = min(leverage, max_leverage)
    expected_floor = "0" if before is None else f"above {before.notional_floor:g}"
    if not (floor == 0.0 if before is None else before.notional_floor < floor < math.inf):
        raise InstrumentError(f"{where}: notional_floor must be {expected_floor}, got {floor!r}")
    lowest = 0.0 if before is None else before.maintenance_rate
    if not (lowest <= rate < 1.0 and rate > 0.0):
        raise InstrumentError(
            f"{where}: maintenance_rate must be a fraction below 1, above 0 and not below that of "
            f"the tier before, got {rate!r}"
        )
    if not 1.0 <= leverage <= (math.inf if before is None else before.max_leverage):
        raise InstrumentError(
            f"{where}: max_leverage must be at least 1 and not above that of the tier before, got "
            f"{leverage!r}"
        )
    if rate > 1.0 / leverage:
        raise InstrumentError(
            f"{where}: at {leverage:g} x a position starts with a margin of {1 / leverage:g}, less "
            f"than the {rate:g} it must keep; lower one of the two"
        )
    if amount is None:
        amount = 0.0
        if before is not None and before.amount is not None:
            amount = before.amount + floor * (rate - before.maintenance_rate)
    return MarginTier(floor, rate, leverage, amount)


def _tier_of_row(where: str, row: object) -> MarginTier:
    try:
        if isinstance(row, MarginTier):
            tier = row
        elif isinstance(row, Mapping):
            tier = MarginTier(**row)
        else:
            tier = MarginTier(*row)  # type: ignore[misc]  # what is no row fails here
        amount = None if tier.amount is None else float(tier.amount)
        return MarginTier(
            float(tier.notional_floor),
            float(tier.maintenance_rate),
            float(tier.max_leverage),
            amount,
        )
    except (TypeError, ValueError):
        raise InstrumentError(
            f"{where} must be (notional_floor, maintenance_rate, max_leverage), got {row!r}"
        ) from None


def tier_table(tiers: Tiers) -> NDArray[Any]:
    """The tiers as the rules read them."""
    table = np.zeros(len(tiers), TIER)
    for row, tier in zip(table, tiers, strict=True):
        row["floor"] = tier.notional_floor
        row["rate"] = tier.maintenance_rate
        row["amount"] = tier.amount or 0.0
        row["max_leverage"] = tier.max_leverage
    return table


@rule
def tier_of(tiers: NDArray[Any], notional: float) -> int:
    """The row of the tier that a notional lies in."""
    row = 0
    while row + 1 < tiers.size and notional >= tiers[row + 1]["floor"]:
        row += 1
    return row


@rule
def maintenance_margin(tiers: NDArray[Any], notional: float) -> float:
    """What a position of that notional must keep, in quote."""
    tier = tiers[tier_of(tiers, notional)]
    return float(notional * tier["rate"] - tier["amount"])


@rule
def liquidation_price(
    tiers: NDArray[Any], quantity: float, entry_value: float, backing: float
) -> float:
    """The price at which what backs a position is down to its maintenance margin.

    `quantity` is signed, `entry_value` is what it cost (quantity x mean entry price), `backing`
    the money behind it before its own unrealized pnl. NaN: there is none above 0.

    Source: solving backing + quantity x price - entry_value = |quantity| x price x rate - amount,
    as https://www.binance.com/en/support/faq/b3c689c1f50a44cabb3a84e663b81d93 does.
    """
    for row in range(tiers.size):
        tier = tiers[row]
        price = (entry_value - backing - tier["amount"]) / (quantity - abs(quantity) * tier["rate"])
        notional = abs(quantity) * price
        # The tiers meet where one ends, so that either of two neighbours is right there.
        begun = notional >= tier["floor"] * (1.0 - 1e-12)
        ended = row + 1 < tiers.size and notional > tiers[row + 1]["floor"] * (1.0 + 1e-12)
        if price > 0.0 and begun and not ended:
            return float(price)
    return math.nan
