"""An order: what it asks for, why, where it is in its life, and which moves are legal.

WORKING -> FILLED | CANCELLED | EXPIRED | REJECTED        (all four are final)
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from robotrader_sdk.types import OrderStatus

NEVER = np.iinfo(np.int64).max
"""The last bar of an order that is good till cancelled."""


class Purpose(IntEnum):
    """Why an order exists; the reason that fills and trades show."""

    ENTRY = 0
    EXIT = 1
    REVERSAL = 2  # the close before an opposite entry decided at the same bar
    STOP_LOSS = 3
    TAKE_PROFIT = 4
    TRAILING_STOP = 5
    LIQUIDATION = 6  # by the exchange, for lack of margin
    DELISTED = 7  # the symbol's last bar has closed

    @property
    def label(self) -> str:
        """The word a table shows."""
        return self.name.lower()


class SizeUnit(IntEnum):
    """What the size of an order counts (fill contract, rule 13)."""

    QUANTITY = 0  # base units
    NOTIONAL = 1  # quote
    FRACTION = 2  # of equity
    RISK = 3  # fraction of equity lost at the stop
    POSITION = 4  # whatever is held when it fills


class RejectReason(IntEnum):
    """Why an order was refused."""

    NONE = 0
    NAN_INPUT = 1
    BAD_PRICE = 2
    BAD_SIZE = 3
    BELOW_LOT_SIZE = 4
    BELOW_MIN_NOTIONAL = 5
    INSUFFICIENT_CASH = 6
    EXCEEDS_POSITION = 7
    RISK_NEEDS_STOP = 8
    PROTECTION_ON_WRONG_SIDE = 9
    INSUFFICIENT_MARGIN = 10
    LEVERAGE_ABOVE_TIER = 11

    @property
    def label(self) -> str:
        """What a table of rejected orders says."""
        return _REJECTIONS[self]


_REJECTIONS = {
    RejectReason.NONE: "",
    RejectReason.NAN_INPUT: "a price or size is NaN",
    RejectReason.BAD_PRICE: "a price is not above 0 after rounding to ticks",
    RejectReason.BAD_SIZE: "the size is not above 0",
    RejectReason.BELOW_LOT_SIZE: "the quantity is less than one lot",
    RejectReason.BELOW_MIN_NOTIONAL: "quantity x price is below min_notional",
    RejectReason.INSUFFICIENT_CASH: "costs more than the equity allows, fee included",
    RejectReason.EXCEEDS_POSITION: "sells more than the spot position holds",
    RejectReason.RISK_NEEDS_STOP: "risk= needs a stop_loss, stop_loss_price or trailing_stop",
    RejectReason.PROTECTION_ON_WRONG_SIDE: "stop_loss_price or take_profit_price lies on the "
    "wrong side of the entry",
    RejectReason.INSUFFICIENT_MARGIN: "needs more margin than the equity leaves, fee included",
    RejectReason.LEVERAGE_ABOVE_TIER: "a position of that size may not have this leverage",
}

ORDER = np.dtype(
    [
        ("side", "i1"),
        ("type", "i1"),
        ("purpose", "i1"),
        ("status", "i1"),
        ("reject_reason", "i2"),
        ("size_unit", "i2"),
        ("lot", "i8"),  # the lot it protects, else -1
        ("created", "i4"),  # the bar at whose close it was decided
        ("active", "i4"),  # the first bar in which it may fill
        ("triggered", "i4"),  # the bar that triggered a stop-limit, else -1
        ("ended", "i4"),  # the bar of its final status, else -1
        ("last", "i8"),  # the last bar in which it may fill
        ("size", "f8"),
        ("quantity", "f8"),  # base units; NaN while it is resolved only at the fill
        ("limit", "f8"),  # in ticks (price if there is no tick); NaN: none
        ("stop", "f8"),  # the same
        ("stop_loss", "f8"),  # what protects the lot it opens; 0: none
        ("take_profit", "f8"),
        ("trailing_stop", "f8"),
        ("stop_loss_price", "f8"),
        ("take_profit_price", "f8"),
        ("fill_price", "f8"),  # NaN until filled
    ],
    align=True,
)
"""Narrow integers: a run of many orders takes its time from memory that is new to it. No
padding, whose bytes would differ from run to run."""

LEGAL_MOVES: dict[OrderStatus, frozenset[OrderStatus]] = {
    OrderStatus.WORKING: frozenset(OrderStatus) - {OrderStatus.WORKING},
    OrderStatus.FILLED: frozenset(),
    OrderStatus.CANCELLED: frozenset(),
    OrderStatus.EXPIRED: frozenset(),
    OrderStatus.REJECTED: frozenset(),
}
