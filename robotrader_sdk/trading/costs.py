"""What a fill costs: fees by liquidity, slippage on takers; and the terms of a whole run.

Fill contract, rule 7: slippage on taker fills only, against the trader, never past a limit;
fees on notional, by liquidity, in quote unless the instrument says base.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robotrader_sdk.compiled import rule
from robotrader_sdk.errors import BacktestError
from robotrader_sdk.trading.instrument import (
    DOWN,
    UP,
    Instrument,
    from_steps,
    steps_per_unit,
    to_steps,
)
from robotrader_sdk.types import Side

TERMS = np.dtype(
    [
        ("maker_fee", "f8"),
        ("taker_fee", "f8"),
        ("slippage", "f8"),
        ("tick_size", "f8"),
        ("ticks_per_unit", "f8"),
        ("lot_size", "f8"),
        ("lots_per_unit", "f8"),
        ("min_notional", "f8"),
        ("leverage", "f8"),
        ("liquidation_fee", "f8"),
        ("spot", "i8"),
        ("perpetual", "i8"),
        ("isolated", "i8"),  # the margin mode of a perpetual; else cross
        ("fee_in_base", "i8"),
        ("fill_on_touch", "i8"),  # a limit fills when touched, not only when traded through
        ("take_profit_first", "i8"),  # the optimistic repeat of a run with ambiguous trades
    ],
    align=True,
)


@dataclass(frozen=True, slots=True)
class Fees:
    """Fees as fractions of notional: .001 is 0.1 %. A negative maker fee is a rebate.

    BacktestError if a fee is not a number in (-1, 1).
    """

    maker: float = 0.001
    taker: float = 0.001

    def __post_init__(self) -> None:
        for name in ("maker", "taker"):
            object.__setattr__(
                self, name, fraction_of_notional(f"fees.{name}", getattr(self, name))
            )


def fraction_of_notional(name: str, value: object) -> float:
    """A cost read as a float; BacktestError says that it is a fraction, not a percentage."""
    number = float(value) if isinstance(value, (int, float, np.number)) else math.nan
    if not -1.0 < number < 1.0:
        raise BacktestError(
            f"{name} must be a fraction of notional below 1 (.001 is 0.1 %), got {value!r}"
        )
    return number


def make_terms(
    instrument: Instrument,
    fees: Fees,
    slippage: float,
    *,
    leverage: float = 1.0,
    isolated: bool = True,
    fill_on_touch: bool = False,
    take_profit_first: bool = False,
) -> NDArray[Any]:
    """The terms that the rules read, a table of one row."""
    terms = np.zeros(1, TERMS)
    terms["maker_fee"] = fees.maker
    terms["taker_fee"] = fees.taker
    terms["slippage"] = slippage
    terms["tick_size"] = instrument.tick_size
    terms["ticks_per_unit"] = steps_per_unit(instrument.tick_size)
    terms["lot_size"] = instrument.lot_quantity
    terms["lots_per_unit"] = steps_per_unit(instrument.lot_quantity)
    terms["min_notional"] = instrument.min_notional
    terms["leverage"] = leverage
    terms["liquidation_fee"] = instrument.liquidation_fee
    terms["perpetual"] = instrument.is_perpetual
    terms["isolated"] = isolated
    terms["spot"] = instrument.kind == "spot"
    terms["fee_in_base"] = instrument.fee_currency == "base"
    terms["fill_on_touch"] = fill_on_touch
    terms["take_profit_first"] = take_profit_first
    return terms


@rule
def taker_price(terms: Any, side: int, price: float, limit: float) -> float:
    """What a taker pays: slipped and rounded against the trader, never past the limit.

    `limit` is in ticks; NaN: none.
    """
    tick_size = terms["tick_size"]
    slipped = price * (1.0 + side * terms["slippage"])
    steps = to_steps(slipped, tick_size, UP if side == Side.BUY else DOWN)
    if side * steps > side * limit:
        steps = limit
    return from_steps(steps, tick_size, terms["ticks_per_unit"])


@rule
def whole_lots(terms: Any, quantity: float) -> float:
    """A quantity rounded down to whole lots."""
    lot_size = terms["lot_size"]
    return from_steps(to_steps(quantity, lot_size, DOWN), lot_size, terms["lots_per_unit"])
