"""What a venue and the server say to each other: a call, its reply, a route, a failure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any, Protocol

from runner.testnet.core.accounts import Account, ApiKey


class Failure(Enum):
    """Why a request is turned away before, or instead of, being understood."""

    NO_SUCH_ROUTE = auto()
    WRONG_METHOD = auto()
    TOO_LARGE = auto()
    MAINTENANCE = auto()
    SERVER_ERROR = auto()
    TOO_MANY_REQUESTS = auto()
    BANNED = auto()


@dataclass(slots=True)
class Call:
    """One request. What the venue reads from it is filled in on the way.

    given: its parameters. symbol: ccxt's name of the market it is about, "" if it is about none.
    orders: the numbers of the orders it has made.
    """

    method: str
    path: str
    query: str
    body: bytes
    headers: Mapping[str, str]
    client: str
    route: Route | None = None
    given: dict[str, Any] = field(default_factory=dict)
    key: ApiKey | None = None
    account: Account | None = None
    symbol: str = ""
    orders: list[int] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Method and path, as faults name a route."""
        return f"{self.method} {self.path}"


@dataclass(slots=True)
class Reply:
    """What goes back. `content` becomes JSON; Decimals in it are written as strings."""

    content: Any
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Route:
    """One path of a venue and what answers it.

    weight: what it counts against the limit of requests. n_orders: against that of orders.
    permission: what the key must be allowed to do; "" for a public route.
    """

    method: str
    path: str
    answer: Callable[[Call], Any]
    weight: int = 1
    permission: str = ""
    n_orders: int = 0


class Venue(Protocol):
    """A venue's protocol over HTTP."""

    name: str
    routes: Sequence[Route]

    def read(self, call: Call) -> Reply | None:
        """Read the parameters, and which market they are about; a reply if they can't be read."""

    def answer(self, call: Call) -> Reply:
        """Check who asks, do what is asked, and say so or why not in the venue's words."""

    def fail(self, call: Call, failure: Failure, until_ms: int = 0) -> Reply:
        """The venue's words for a failure; `until_ms` is when it ends, if that is known."""

    def limits(self) -> Sequence[tuple[str, float, int]]:
        """Its limits: of "weight" or "orders", in how many seconds, and how many."""

    def usage(self, used: Mapping[tuple[str, float], int]) -> dict[str, str]:
        """The headers that tell a client how much of the limits it has used."""
