"""How the exchange fills, what it charges, and what may be changed while it runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from runner.errors import TestnetError


@dataclass
class Settings:
    """How it fills.

    fill_fraction: the part of an order's quantity that one fill takes at most.
    slippage: fraction of the price, against takers.
    fill_on_touch: resting limits fill when the price reaches them, not only when it passes.
    fee_rates: what a unit of a fee asset is worth in quote, for accounts that pay in a coin.
    funding_rate: of perpetuals without a series of their own.
    """

    fill_fraction: Decimal = Decimal(1)
    slippage: float = 0.0
    fill_on_touch: bool = False
    fee_rates: dict[str, Decimal] = field(default_factory=dict)
    funding_rate: Decimal = Decimal("0.0001")

    def __post_init__(self) -> None:
        self.change()

    def change(self, **changes: object) -> None:
        """Change what is given and not None; TestnetError, and no change, if it is out of range."""
        given = {name: value for name, value in changes.items() if value is not None}
        wanted = {**vars(self), **given}
        for name, low, high in (
            ("fill_fraction", 0, 1), ("slippage", 0, 0.5), ("funding_rate", -1, 1),
        ):  # fmt: skip
            if not low <= wanted[name] <= high or (name == "fill_fraction" and not wanted[name]):
                raise TestnetError(f"{name} lies between {low} and {high}, got {wanted[name]}")
        for asset, worth in wanted["fee_rates"].items():
            if not worth > 0:
                raise TestnetError(f"a unit of {asset} is worth more than 0 quote, got {worth}")
        vars(self).update(given)
