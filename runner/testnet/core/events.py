"""What the exchange tells its listeners."""

from __future__ import annotations

from dataclasses import dataclass

from runner.testnet.core.orders import Order, Trade


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened.

    kind: "order", with what happened to it as `what`: NEW, TRADE, CANCELED, EXPIRED, REPLACED;
    "bar": the bar at hand has closed; "open": the next has opened; "price": a price has moved
    inside the bar; "funding".
    """

    kind: str
    account: str = ""
    symbol: str = ""
    what: str = ""
    order: Order | None = None
    trade: Trade | None = None
