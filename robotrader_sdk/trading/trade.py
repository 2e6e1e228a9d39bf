"""Lots and round trips.

Fill contract, rule 11: each entry order opens a lot; exits close lots first in, first out; a
trade is one lot. Protection closes the lot it came with. What a base-currency fee leaves
below one lot size is dust: it stays in the ledger, valued at the market, and in no lot.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from robotrader_sdk.compiled import rule

LOT = np.dtype(
    [
        ("direction", "i1"),
        ("entry_at_open", "i1"),
        ("exit_purpose", "i2"),
        ("ambiguous", "i2"),
        ("closed", "i2"),
        ("order", "i4"),  # that opened it
        ("entry_bar", "i4"),
        ("exit_bar", "i4"),  # -1 while open
        ("stop_order", "i4"),  # the row of its stop, else -1
        ("quantity", "f8"),  # still held, base units
        ("entry_quantity", "f8"),
        ("entry_price", "f8"),
        ("entry_fee", "f8"),
        ("exit_quantity", "f8"),
        ("exit_value", "f8"),  # sum of quantity x price
        ("exit_fee", "f8"),
        ("margin", "f8"),  # of a perpetual: what was posted for it at its entry
        ("funding", "f8"),  # paid while open, in quote; below 0: received
        ("trailing_stop", "f8"),  # fraction; 0: none
        ("best_price", "f8"),  # the extreme a trailing stop hangs on
    ],
    align=True,
)


@rule
def reduce_lot(lot: Any, quantity: float, price: float, fee: float, bar: int, purpose: int) -> None:
    """Take a part, or all, of a lot out at a price."""
    lot["quantity"] = lot["quantity"] - quantity
    lot["exit_quantity"] = lot["exit_quantity"] + quantity
    lot["exit_value"] = lot["exit_value"] + quantity * price
    lot["exit_fee"] = lot["exit_fee"] + fee
    lot["exit_bar"] = bar
    lot["exit_purpose"] = purpose
