"""The words every part shares: sides, directions, order types and states, timeframes.

Integer enums, so that compiled code and tables hold them as plain numbers; `label` is how
a table for people shows them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum
from typing import Self

from robotrader_sdk.errors import BarsError


class _Labelled(IntEnum):
    @property
    def label(self) -> str:
        """The word a table shows, such as `stop_limit`."""
        return self.name.lower()


class Side(_Labelled):
    """Which way an order trades; the sign it gives a quantity."""

    BUY = 1
    SELL = -1


class Direction(_Labelled):
    """Which way a position or lot faces."""

    LONG = 1
    FLAT = 0
    SHORT = -1


class OrderType(_Labelled):
    """How an order waits for its price."""

    MARKET = 0
    LIMIT = 1
    STOP = 2
    STOP_LIMIT = 3


class OrderStatus(_Labelled):
    """Where an order is in its life; see `robotrader_sdk.trading.order` for the legal moves."""

    WORKING = 0
    FILLED = 1
    CANCELLED = 2
    EXPIRED = 3
    REJECTED = 4


class Liquidity(_Labelled):
    """Whether a fill took liquidity or rested for it."""

    TAKER = 0
    MAKER = 1


_UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


@dataclass(frozen=True, slots=True)
class Timeframe:
    """The length of a bar, written as exchanges do: `1m`, `5m`, `4h`, `1d`, `1w`.

    `1M` (calendar months) is not a fixed length and is refused.
    """

    seconds: int

    @classmethod
    def parse(cls, text: str | Timeframe) -> Self:
        """Read `"15m"`; BarsError says which forms are known."""
        if isinstance(text, Timeframe):
            return cls(text.seconds)
        found = re.fullmatch(r"([1-9]\d*)([smhdw])", text) if isinstance(text, str) else None
        if found is None:
            raise BarsError(
                f"timeframe {text!r} is not known; write a number and one of s, m, h, d, w, "
                f"such as '1m', '4h' or '1d'"
            )
        return cls(int(found[1]) * _UNIT_SECONDS[found[2]])

    @property
    def nanoseconds(self) -> int:
        """The length in nanoseconds."""
        return self.seconds * 1_000_000_000

    def __str__(self) -> str:
        for unit in "wdhm":
            if self.seconds % _UNIT_SECONDS[unit] == 0:
                return f"{self.seconds // _UNIT_SECONDS[unit]}{unit}"
        return f"{self.seconds}s"
