"""Client order ids: fixed before anything is sent, and derived, never drawn.

An id says whose order it is: 18 letters and digits, which every venue takes (Kraken's free text
ends at 18, OKX takes letters and digits only, Binance and Bybit take up to 36 characters).

    rt  k7  002s  s6kq80  01  e  0
    │   │   │     │       │   │  └ attempt
    │   │   │     │       │   └ purpose
    │   │   │     │       └ sequence within the bar
    │   │   │     └ open_time of the bar, in seconds since 1970
    │   │   └ bot
    │   └ installation: two runners may share an account
    └ ours

Numbers are in base 36. An id like ours is ours only if the journal has it, too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Self

from runner.execution.errors import IdentityError

PREFIX = "rt"
LENGTH = 18
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_FORM = re.compile(
    rf"{PREFIX}([0-9a-z]{{2}})([0-9a-z]{{4}})([0-9a-z]{{6}})([0-9a-z]{{2}})"
    r"([a-z])([0-9a-z])"
)


class Purpose(Enum):
    """Why an order exists; its letter in the id."""

    ENTRY = "e"
    EXIT = "x"
    REVERSAL = "r"
    STOP_LOSS = "s"
    TAKE_PROFIT = "t"
    TRAILING_STOP = "i"
    REBALANCE = "b"
    LIQUIDATION = "q"  # the exchange's own; the id is only the journal's
    LIST = "l"  # not an order: the two of an order list
    FLATTEN = "k"  # by a kill switch or a limit, not by the strategy


_BY_LETTER = {purpose.value: purpose for purpose in Purpose}


@dataclass(frozen=True, slots=True)
class OrderIdentity:
    """What an order's client order id is made of.

    installation: two characters, of letters a-z and digits, drawn once a database.
    bot: 1 to 1,679,615. bar: the open_time of the bar it was decided at, whole seconds.
    sequence: counts the orders of a bar, up to 1,295. attempt: up to 35.
    IdentityError names what does not fit.
    """

    installation: str
    bot: int
    bar: datetime
    sequence: int
    purpose: Purpose
    attempt: int = 0

    def __post_init__(self) -> None:
        if re.fullmatch(r"[0-9a-z]{2}", self.installation) is None:
            raise IdentityError(f"an installation is two of a-z and 0-9, got {self.installation!r}")
        if self.bar.tzinfo is None or self.bar.microsecond:
            raise IdentityError(
                f"a bar is named by an open_time in UTC and whole seconds, got {self.bar!r}"
            )
        limits = {
            "bot": (self.bot, 1, 4),
            "sequence": (self.sequence, 0, 2),
            "attempt": (self.attempt, 0, 1),
            "bar": (int(self.bar.timestamp()), 0, 6),
        }
        for name, (value, least, width) in limits.items():
            if not least <= value < 36**width:
                raise IdentityError(f"{name} must be from {least} to {36**width - 1}, got {value}")

    @property
    def client_order_id(self) -> str:
        """The id that the exchange is given."""
        return (
            f"{PREFIX}{self.installation}{_base36(self.bot, 4)}"
            f"{_base36(int(self.bar.timestamp()), 6)}{_base36(self.sequence, 2)}"
            f"{self.purpose.value}{_base36(self.attempt, 1)}"
        )

    @classmethod
    def read(cls, client_order_id: str) -> Self | None:
        """What an id was made of; None if it is not of this form."""
        found = _FORM.fullmatch(client_order_id)
        if found is None or found[5] not in _BY_LETTER or int(found[2], 36) == 0:
            return None
        bar = datetime.fromtimestamp(int(found[3], 36), UTC)
        return cls(
            found[1],
            int(found[2], 36),
            bar,
            int(found[4], 36),
            _BY_LETTER[found[5]],
            int(found[6], 36),
        )


def _base36(number: int, width: int) -> str:
    text = ""
    for _ in range(width):
        number, digit = divmod(number, 36)
        text = _DIGITS[digit] + text
    return text
