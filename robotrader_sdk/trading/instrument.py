"""What is traded: its kind, and the steps its prices and quantities move in.

Prices are compared as whole ticks wherever there is a tick, so that no float noise decides
a fill; `to_steps` and `from_steps` are the only place where rounding happens.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from robotrader_sdk.compiled import rule
from robotrader_sdk.errors import InstrumentError
from robotrader_sdk.trading.tiers import Tiers, read_tiers

Kind = Literal["synthetic", "spot", "linear_perpetual"]
FeeCurrency = Literal["quote", "base"]

STEP_TOLERANCE = 1e-9
"""Relative distance within which a value counts as lying on its step."""

NEAREST, DOWN, UP = 0, -1, 1


@dataclass(frozen=True, slots=True)
class Instrument:
    """The market's own rules for one symbol.

    kind: `"synthetic"` is long and short, fully collateralised, without borrow cost;
        `"spot"` can't be sold short; `"linear_perpetual"` is margined in quote, long and short,
        with leverage, funding and liquidation.
    tick_size, lot_size: the step of prices (quote) and of quantities (base units); 0: none.
    min_notional: the smallest quantity x price of an order, in quote; 0: none.
    fee_currency: `"quote"`, or `"base"`, as spot exchanges do: a buy then pays its fee out of
        what it bought, a sell still in quote.
    symbol: a name for results, such as `"BTC/USDT"`.

    Of a perpetual only:
    max_leverage: the highest leverage the exchange allows.
    maintenance_margin: what a position must keep, as a fraction of its notional, or by tier:
        rows of `rt.MarginTier(notional_floor, maintenance_rate, max_leverage)`.
    contract_size: base units in a contract; `lot_size` then counts contracts, while quantities
        stay in base units.
    liquidation_fee: fraction of notional taken when a position is liquidated.

    InstrumentError names a value that contradicts the above.
    """

    kind: Kind = "synthetic"
    tick_size: float = 0.0
    lot_size: float = 0.0
    min_notional: float = 0.0
    fee_currency: FeeCurrency = "quote"
    symbol: str = ""
    max_leverage: float = 20.0
    maintenance_margin: float | Sequence[Any] = 0.01
    contract_size: float = 1.0
    liquidation_fee: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise InstrumentError(
                f"instrument kind {self.kind!r} is not known; expected one of {get_args(Kind)}"
            )
        if self.fee_currency not in get_args(FeeCurrency):
            raise InstrumentError(
                f"fee_currency {self.fee_currency!r} is not known; expected 'quote' or 'base'"
            )
        if self.fee_currency == "base" and self.kind != "spot":
            raise InstrumentError(
                f"fee_currency 'base' belongs to kind 'spot', where something is bought to pay it "
                f"from; this instrument is {self.kind!r}"
            )
        for name in ("tick_size", "lot_size", "min_notional"):
            object.__setattr__(self, name, _step(name, getattr(self, name)))
        self._check_margin()

    @property
    def is_perpetual(self) -> bool:
        """Whether positions are margined, pay funding and can be liquidated."""
        return self.kind == "linear_perpetual"

    @property
    def tiers(self) -> Tiers:
        """The tiers of maintenance margin."""
        return read_tiers(self.maintenance_margin, self.max_leverage)

    @property
    def lot_quantity(self) -> float:
        """The step of quantities in base units."""
        return self.lot_size * self.contract_size

    def _check_margin(self) -> None:
        if not self.is_perpetual:
            for name, unset in _PERPETUAL_ONLY.items():
                if getattr(self, name) != unset:
                    raise InstrumentError(
                        f"{name} belongs to kind 'linear_perpetual'; this instrument is "
                        f"{self.kind!r}"
                    )
            return
        for name in ("max_leverage", "contract_size", "liquidation_fee"):
            object.__setattr__(self, name, _step(name, getattr(self, name)))
        if self.max_leverage < 1.0:
            raise InstrumentError(f"max_leverage must be at least 1, got {self.max_leverage!r}")
        if self.contract_size == 0.0:
            raise InstrumentError("contract_size must be above 0, got 0")
        if self.liquidation_fee >= 1.0:
            raise InstrumentError(
                f"liquidation_fee must be a fraction of notional below 1, got "
                f"{self.liquidation_fee!r}"
            )
        object.__setattr__(self, "maintenance_margin", self.tiers)


_PERPETUAL_ONLY = {
    "max_leverage": 20.0,
    "maintenance_margin": 0.01,
    "contract_size": 1.0,
    "liquidation_fee": 0.0,
}


def _step(name: str, value: object) -> float:
    try:
        number = float(value)  # type: ignore[arg-type]  # str and Decimal are welcome too
    except (TypeError, ValueError):
        number = math.nan
    if not (math.isfinite(number) and number >= 0):
        raise InstrumentError(f"{name} must be a number >= 0 (0 for none), got {value!r}")
    return number


def steps_per_unit(size: float) -> float:
    """How many steps make 1, if that is a whole number, else 0.

    Dividing by it gives the float nearest to the decimal (7 steps of 0.1 are 0.7), which
    multiplying by the step would not.
    """
    if not 0.0 < size < 1.0:
        return 0.0
    per_unit = float(round(1.0 / size))
    return per_unit if abs(per_unit * size - 1.0) <= 1e-12 else 0.0


@rule
def to_steps(value: float, size: float, rounding: int) -> float:
    """A price in whole ticks, or a quantity in whole lots; the value itself if there is no step.

    NaN stays NaN.

    A value within the relative tolerance of a whole step is that step, whichever way the
    rounding goes.
    """
    if size == 0.0 or math.isnan(value):
        return value
    steps = value / size
    nearest = float(math.floor(steps + 0.5))
    if rounding == NEAREST or abs(steps - nearest) <= STEP_TOLERANCE * abs(steps):
        return nearest
    if rounding == UP:
        return float(math.ceil(steps))
    return float(math.floor(steps))


@rule
def from_steps(steps: float, size: float, per_unit: float) -> float:
    """The value of so many steps; the steps themselves if there is no step."""
    if size == 0.0:
        return steps
    if per_unit > 0.0:
        return steps / per_unit
    return steps * size
