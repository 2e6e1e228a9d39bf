"""Faults: what goes wrong on purpose, where, how often, and for how long.

Each fault draws from its own seeded generator, so the same requests meet the same faults again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from fnmatch import fnmatchcase
from random import Random
from typing import Any, Final

import msgspec

from runner.errors import TestnetError

BEFORE: Final = (
    "maintenance", "ban", "slow", "timeout_before", "error_before", "reset_before",
)  # fmt: skip
"""What befalls a request before it has an effect."""
AFTER: Final = (
    "timeout_after", "error_after", "reset_after", "truncated", "not_json", "duplicate_reply",
)  # fmt: skip
"""What befalls the reply of a request that had its effect."""
TWICE: Final = "handled_twice"
"""A request is delivered twice, as by a proxy that retries; the second reply is what returns."""
ORDERS: Final = ("order_not_found", "late_fills", "out_of_order_fills", "untold_price")
BARS: Final = ("missing_bar", "late_bar", "revised_bar")
STREAMS: Final = ("stream_drop", "stream_stall", "stream_duplicate")
STANDING: Final = ("clock_skew", "revoked_key", "delisted")
"""What is so from when the fault is set until it is taken back."""
KINDS: Final = (*BEFORE, *AFTER, TWICE, *ORDERS, *BARS, *STREAMS, *STANDING)


class FaultRequest(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What a client of /_control/faults asks for.

    kind: one of KINDS. venue, symbol (ccxt's or the venue's name), route ("POST /api/v3/order",
    with * as a wildcard): where; "" is everywhere. probability: of each occasion. times: after how
    many occurrences it is over; None: never. lasts: after how many seconds it is over. seconds:
    how slow, late, hidden, stalled or banned, by the kind. status: of an error. milliseconds: of a
    skew, ahead if positive. key: that is revoked. seed: of what is drawn.
    """

    kind: str
    venue: str = ""
    symbol: str = ""
    route: str = ""
    probability: float = 1.0
    times: int | None = None
    lasts: float | None = None
    seconds: float = 5.0
    status: int = 503
    milliseconds: int = 0
    key: str = ""
    seed: int = 0


class Fault:
    """A fault that is set."""

    def __init__(self, number: int, asked: FaultRequest, now: float) -> None:
        self.number, self.asked = number, asked
        self.n_occurred = 0
        self._random = Random(asked.seed)  # noqa: S311 - repeatable on purpose
        self._ends = None if asked.lasts is None else now + asked.lasts

    def is_over(self, now: float) -> bool:
        """Whether it occurs no more."""
        times = self.asked.times
        ended = self._ends is not None and now >= self._ends
        return ended or (times is not None and self.n_occurred >= times)

    def covers(self, venue: str, route: str, symbol: str) -> bool:
        """Whether it may occur here; what is no single venue's matter is said with none."""
        asked = self.asked
        return (
            (not venue or asked.venue in ("", venue))
            and (not asked.symbol or _plain(asked.symbol) == _plain(symbol))
            and (not asked.route or fnmatchcase(route, asked.route))
        )

    def occurs(self) -> bool:
        """Whether it occurs on this occasion; its generator has moved on afterwards."""
        if self._random.random() >= self.asked.probability:
            return False
        self.n_occurred += 1
        return True

    def shown(self) -> dict[str, Any]:
        """The fault as the control routes list it."""
        asked: dict[str, Any] = msgspec.to_builtins(self.asked)
        return {"id": self.number, **asked, "occurred": self.n_occurred}


class Faults:
    """All faults that are set."""

    def __init__(self, *, wall: Callable[[], float] = time.time) -> None:
        self.wall = wall
        self.listeners: list[Callable[[Fault, str], None]] = []
        self._faults: dict[int, Fault] = {}
        self._next = 1

    def __bool__(self) -> bool:
        return bool(self._faults)

    def __iter__(self) -> Iterator[Fault]:
        return iter(list(self._faults.values()))

    def add(self, asked: FaultRequest) -> Fault:
        """Set a fault; TestnetError if it makes no sense."""
        _check(asked)
        fault = Fault(self._next, asked, self.wall())
        self._faults[fault.number] = fault
        self._next += 1
        self._tell(fault, "set")
        return fault

    def remove(self, number: int) -> Fault:
        """Take a fault back; TestnetError if there is none of that number."""
        fault = self._faults.pop(number, None)
        if fault is None:
            raise TestnetError(f"no fault has the id {number}; set are {sorted(self._faults)}")
        self._tell(fault, "removed")
        return fault

    def draw(
        self, kinds: Iterable[str], *, venue: str = "", route: str = "", symbol: str = ""
    ) -> Fault | None:
        """The first fault of these kinds that occurs now; what stands no longer is taken back."""
        if not self._faults:
            return None
        wanted = set(kinds)
        for fault in list(self._faults.values()):
            if fault.asked.kind in STANDING and fault.is_over(self.wall()):
                self.remove(fault.number)
                continue
            if fault.asked.kind not in wanted or not fault.covers(venue, route, symbol):
                continue
            if fault.is_over(self.wall()):
                self.remove(fault.number)
            elif fault.occurs():
                self._tell(fault, "occurred")
                return fault
        return None

    def standing(self, kind: str) -> list[Fault]:
        """The faults of a kind that hold now, whatever their probability."""
        found = [f for f in self._faults.values() if f.asked.kind == kind]
        return [fault for fault in found if not fault.is_over(self.wall())]

    def _tell(self, fault: Fault, what: str) -> None:
        for listener in self.listeners:
            listener(fault, what)


def _check(asked: FaultRequest) -> None:
    if asked.kind not in KINDS:
        raise TestnetError(f"there is no fault {asked.kind!r}; there are {', '.join(KINDS)}")
    if not 0.0 <= asked.probability <= 1.0:
        raise TestnetError(f"probability is from 0 to 1, got {asked.probability}")
    if asked.seconds < 0 or (asked.lasts is not None and asked.lasts < 0):
        raise TestnetError("seconds and lasts are not negative")
    if asked.times is not None and asked.times < 1:
        raise TestnetError(f"times is at least 1, got {asked.times}")
    if not 400 <= asked.status <= 599:
        raise TestnetError(f"status is an error's, 400 to 599, got {asked.status}")
    needs = {"revoked_key": "key", "delisted": "symbol", "clock_skew": "milliseconds"}
    needed = needs.get(asked.kind)
    if needed and not getattr(asked, needed):
        raise TestnetError(f"a fault {asked.kind!r} needs {needed!r}")


def _plain(symbol: str) -> str:
    return symbol.partition(":")[0].replace("/", "")
