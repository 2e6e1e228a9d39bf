"""The ledger: cash, quantity and fees as the fills leave them, and what they still allow."""

from __future__ import annotations

from typing import Any

import numpy as np

from robotrader_sdk.compiled import rule

LEDGER = np.dtype(
    [
        ("cash", "f8"),
        ("elsewhere", "f8"),  # what the positions in other symbols add to the equity
        ("tied", "f8"),  # how much of the equity backs positions in other symbols
        ("pooled", "f8"),  # unrealized pnl elsewhere that shares in a cross margin
        ("maintained", "f8"),  # maintenance margin of what is elsewhere in that pool
        ("fees", "f8"),  # paid so far, in quote
        ("traded", "f8"),  # notional of all fills
    ],
    align=True,
)
"""The money of an account; the books of all its symbols share one."""

POSITION = np.dtype(
    [
        ("quantity", "f8"),  # everything held, signed, base units
        ("held", "f8"),  # what the open lots hold: quantity without dust
        ("entry_value", "f8"),  # of a perpetual: quantity x mean entry price, signed
        ("margin", "f8"),  # of a perpetual: what was posted for it
        ("funding", "f8"),  # of a perpetual: paid so far, in quote; below 0: received
        ("n_orders", "i8"),
        ("n_working", "i8"),
        ("n_lots", "i8"),
        ("n_open", "i8"),
        ("n_fills", "i8"),
        ("n_rejected", "i8"),
        ("n_ambiguous", "i8"),
        ("n_liquidations", "i8"),
        ("n_conflicts", "i8"),  # bars on which both enter signals were set
    ],
    align=True,
)
"""What is held of one symbol, and how far its tables are filled."""

AFFORDABLE = 1.0 + 4e-9
"""Fully collateralised: a position, long or short, is worth no more than the equity.

Float noise in a size that uses all the equity is no reason to refuse it, nor is the 1e-9 by
which rounding to whole lots may go up.
"""


@rule
def pay(
    ledger: Any, position: Any, signed_quantity: float, price: float, fee: float, base_fee: float
) -> None:
    """Book a fill: `fee` leaves the cash (quote), `base_fee` what was bought (base units)."""
    ledger["cash"] = ledger["cash"] - signed_quantity * price - fee
    position["quantity"] = position["quantity"] + (signed_quantity - base_fee)
    ledger["fees"] = ledger["fees"] + (fee + base_fee * price)
    ledger["traded"] = ledger["traded"] + abs(signed_quantity) * price
