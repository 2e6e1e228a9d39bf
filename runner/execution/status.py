"""Where an order of the journal is in its life, and which moves are legal.

    WAITING ──► PENDING ──► WORKING ──► FILLED | CANCELLED | EXPIRED
       │         │   ▲         ▲
       │         ▼   │         │
       │        UNKNOWN ───────┘
       ▼         │
    ABANDONED    ▼
              REJECTED | EXPIRED

PENDING is committed and may or may not have been sent: only the process that committed it knows,
so after a restart it is as good as UNKNOWN. UNKNOWN goes back to PENDING once, after its absence
is confirmed. A cancelled or expired order may have been filled in part.
"""

from __future__ import annotations

from enum import Enum

from runner.execution.errors import IllegalMoveError


class Status(Enum):
    """The state of an order in the journal."""

    WAITING = "waiting"  # for another order's end
    PENDING = "pending"  # committed; to be sent, or sent without an answer yet
    UNKNOWN = "unknown"  # sent, and the answer said neither yes nor no
    WORKING = "working"  # the exchange has it
    FILLED = "filled"
    CANCELLED = "cancelled"
    EXPIRED = "expired"  # too old to be sent, or ended by the exchange
    REJECTED = "rejected"  # refused by the exchange, for a reason it gave
    ABANDONED = "abandoned"  # never sent: what it waited for made it pointless

    @property
    def is_final(self) -> bool:
        """Whether nothing can change it any more."""
        return not LEGAL_MOVES[self]

    @property
    def may_be_at_exchange(self) -> bool:
        """Whether the exchange may hold it, or come to hold it."""
        return self in (Status.PENDING, Status.UNKNOWN, Status.WORKING)


_ENDS_THERE = frozenset({Status.FILLED, Status.CANCELLED, Status.EXPIRED})

LEGAL_MOVES: dict[Status, frozenset[Status]] = {
    Status.WAITING: frozenset({Status.PENDING, Status.ABANDONED}),
    Status.PENDING: frozenset({Status.UNKNOWN, Status.WORKING, Status.REJECTED}) | _ENDS_THERE,
    Status.UNKNOWN: frozenset({Status.PENDING, Status.WORKING, Status.REJECTED}) | _ENDS_THERE,
    Status.WORKING: _ENDS_THERE,
    Status.FILLED: frozenset(),
    Status.CANCELLED: frozenset(),
    Status.EXPIRED: frozenset(),
    Status.REJECTED: frozenset(),
    Status.ABANDONED: frozenset(),
}


def check_move(order: str, before: Status, after: Status) -> None:
    """IllegalMoveError if an order, named for the message, can't go from one to the other."""
    if after not in LEGAL_MOVES[before]:
        legal = ", ".join(sorted(status.value for status in LEGAL_MOVES[before])) or "none"
        raise IllegalMoveError(
            f"order {order} is {before.value} and can't become {after.value}; legal moves: {legal}"
        )
