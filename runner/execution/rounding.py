"""Whole steps in Decimal: prices in ticks, quantities in lots."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, Decimal, localcontext

PRECISION = 60
"""Digits; the default of 28 would round sums of what a database row can hold."""

_PLACES = Decimal("1e-18")


def to_step(value: Decimal, step: Decimal, *, up: bool) -> Decimal:
    """A value as a whole multiple of a step, towards plus or minus infinity; itself if it is 0."""
    if not step:
        return value
    with localcontext(prec=PRECISION):
        steps = (value / step).to_integral_value(ROUND_CEILING if up else ROUND_FLOOR)
        return steps * step


def share_of(amount: Decimal, part: Decimal, whole: Decimal) -> Decimal:
    """A part of an amount, to the 18 places that the database keeps, towards 0."""
    with localcontext(prec=PRECISION):
        return (amount * part / whole).quantize(_PLACES, ROUND_DOWN)
