"""What the exchange keeps of orders, order lists and trades: plain rows, saved as they are."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import msgspec

from robotrader_sdk.types import Liquidity, OrderType, Side
from runner.testnet.core.markets import ZERO


class State(StrEnum):
    """Where an order is in its life; the names are Binance's."""

    PENDING_NEW = "PENDING_NEW"  # a leg that waits for its list's working order
    NEW = "NEW"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    REJECTED = "REJECTED"


LIVE = frozenset({State.PENDING_NEW, State.NEW, State.PARTIALLY_FILLED})


class Order(msgspec.Struct, kw_only=True):
    """An order and what became of it. Prices are quote per base unit, times milliseconds.

    `venue_type`, `time_in_force` and `tags` are the venue's own words, kept for its replies.
    `trigger` is the price at which a STOP or STOP_LIMIT starts; `rises` tells a trigger that
    fires when the price rises to it from one that fires when it falls.
    """

    number: int
    account: str
    symbol: str
    client_id: str
    side: Side
    type: OrderType
    quantity: Decimal
    price: Decimal | None = None
    trigger: Decimal | None = None
    rises: bool = False
    cost: Decimal | None = None  # of a market order by quote
    venue: str = ""
    venue_type: str = ""
    time_in_force: str = "GTC"
    post_only: bool = False
    reduce_only: bool = False
    shown: Decimal | None = None
    tags: dict[str, str] = {}
    state: State = State.NEW
    triggered: bool = False
    executed: Decimal = ZERO
    executed_cost: Decimal = ZERO
    fees: dict[str, Decimal] = {}
    created_ms: int = 0
    updated_ms: int = 0
    working_ms: int = -1
    list_number: int = -1
    lock: int = -1  # what is set aside for it; legs of one list share theirs
    reason: str = ""  # why it was rejected or expired

    @property
    def is_live(self) -> bool:
        """Whether it may still fill."""
        return self.state in LIVE

    @property
    def remaining(self) -> Decimal:
        """The base units that have not filled."""
        return self.quantity - self.executed


class Trade(msgspec.Struct, kw_only=True, frozen=True):
    """One execution."""

    number: int
    order: int
    account: str
    symbol: str
    side: Side
    price: Decimal
    quantity: Decimal
    cost: Decimal
    fee: Decimal
    fee_asset: str
    liquidity: Liquidity
    time_ms: int
    kind: str = "trade"  # or funding, liquidation


class OrderList(msgspec.Struct, kw_only=True):
    """Orders that belong together: OCO, or a working order and what follows its fill (OTOCO)."""

    number: int
    account: str
    symbol: str
    client_id: str
    kind: str  # OCO or OTOCO
    orders: list[int]
    created_ms: int
    done: bool = False


class Request(msgspec.Struct, kw_only=True, frozen=True):
    """What a client asks for, read and typed by its venue."""

    symbol: str
    side: Side
    type: OrderType
    quantity: Decimal | None = None
    cost: Decimal | None = None
    price: Decimal | None = None
    trigger: Decimal | None = None
    rises: bool | None = None  # None: as a stop would, up for a buy
    client_id: str = ""
    venue: str = ""
    venue_type: str = ""
    time_in_force: str = "GTC"
    post_only: bool = False
    reduce_only: bool = False
    shown: Decimal | None = None  # of an iceberg: how much of it the book shows
    tags: dict[str, str] = {}

    @property
    def triggers_rising(self) -> bool:
        """Whether its trigger fires when the price rises to it; as a stop would by default."""
        return self.side is Side.BUY if self.rises is None else self.rises
