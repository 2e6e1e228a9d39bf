"""What the two sides of a bot's socket say to each other; nothing else is understood.

A frame is a length of 4 bytes, little-endian, and at most 64 KB. A message is one frame of
MessagePack by a strict schema; where it names a number of bytes, raw frames with just these
follow. Each answer echoes the sequence number of its question: a counter with random bits, so
that no answer can be written before its question is known.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import msgspec

from robotrader_sdk.strategy.context import COLUMNS
from robotrader_sdk.strategy.intents import Order
from robotrader_sdk.trading.order import Purpose, SizeUnit
from robotrader_sdk.types import OrderStatus, OrderType, Side
from runner.sandbox.errors import WireError
from runner.sandbox.settings import BotLimits

LARGEST_FRAME = 64 * 1024
LARGEST_STATE = 1_000_000
"""Bytes."""

_LENGTH = struct.Struct("<I")


class _Message(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag=True, tag_field="@"):
    """A message, recognised by its name."""


class MarketTerms(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a strategy may know of a market; columns: those of its bars."""

    symbol: str
    is_perpetual: bool = False
    leverage: float = 1.0
    columns: tuple[str, ...] = COLUMNS


class Caps(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much one answer may hold."""

    intents: int
    log_lines: int
    log_characters: int
    state_bytes: int

    @classmethod
    def of(cls, limits: BotLimits) -> Caps:
        """Those of a bot's limits."""
        return cls(limits.intents, limits.log_lines, limits.log_characters, limits.state_bytes)


class Start(_Message, frozen=True):
    """The first message: raw frames with the bundle's code, then those with the state.

    digest: the bundle's; its code is its name, a line feed and its source, which were checked when
    it was made. params_are_checked: all parameters are there, as a `Ready` told them. timeframe:
    the length of a bar in seconds.
    """

    digest: str
    params: dict[str, Any]
    params_are_checked: bool
    markets: list[MarketTerms]
    timeframe: int
    caps: Caps
    code_bytes: int
    state_bytes: int


class Bars(_Message, frozen=True):
    """Closed bars of a market, oldest first: open times, then each column, 8 bytes a value."""

    market: int
    data: bytes


class Holding(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A position as a strategy sees it; see `strategy.context.Position`."""

    quantity: float = 0.0
    entry_price: float = float("nan")
    unrealized_pnl: float = 0.0
    value: float = 0.0
    """Quantity at the close: what its weight is taken from."""


class OrderNews(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What has become of an order that the strategy asked for: its symbol and number name it."""

    symbol: str
    number: int
    status: OrderStatus
    quantity: float = float("nan")
    fill_price: float = float("nan")
    reject_reason: str = ""


class Account(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a bot stands at the close, as its strategy may see it.

    working: symbol and number of the orders that may still fill, oldest first. news: orders that
    have changed since the last question.
    """

    cash: float
    equity: float
    holdings: dict[str, Holding] = {}
    working: list[tuple[str, int]] = []
    news: list[OrderNews] = []


class Ask(_Message, frozen=True):
    """Decide now."""

    sequence: int
    account: Account


class Place(_Message, frozen=True):
    """An order an event strategy asks for; the fields of `strategy.intents.Order`."""

    symbol: str
    number: int
    side: Side
    type: OrderType
    purpose: Purpose
    size_unit: SizeUnit
    size: float
    limit_price: float
    stop_price: float
    valid_bars: int
    stop_loss: float
    take_profit: float
    trailing_stop: float
    stop_loss_price: float
    take_profit_price: float

    @classmethod
    def of(cls, symbol: str, order: Order) -> Place:
        """An order as it was asked for."""
        names = cls.__struct_fields__[1:]
        return cls(symbol, *(getattr(order, name) for name in names))


class Withdraw(_Message, frozen=True):
    """The wish to cancel an order."""

    symbol: str
    number: int


class Wish(_Message, frozen=True):
    """What a vectorised strategy wants at the bar; the fields of `trading.decision.WISH`."""

    symbol: str
    flags: int
    valid_bars: int
    size_unit: SizeUnit
    size: float
    entry_limit_price: float
    entry_stop_price: float
    stop_loss: float
    take_profit: float
    trailing_stop: float
    stop_loss_price: float
    take_profit_price: float


class TargetWeights(_Message, frozen=True):
    """Fractions of the equity that are due now, by symbol; what is not named is left alone."""

    weights: dict[str, float]


Intent = Place | Withdraw | Wish | TargetWeights


class Ready(_Message, frozen=True):
    """The strategy is loaded; all its parameters, as they were understood.

    are_plain: whether they can be told as they are, see `is_plain`; only the bot's side can know.
    """

    params: dict[str, Any]
    are_plain: bool | None = None

    def __post_init__(self) -> None:
        if self.are_plain is None:
            msgspec.structs.force_setattr(self, "are_plain", is_plain(self.params))


def is_plain(value: object) -> bool:
    """Whether a value is of the same type when it arrives.

    MessagePack makes text of an enum, a time span and a Decimal, and a list of a tuple.
    """
    if type(value) is dict:
        return all(type(key) is str and is_plain(item) for key, item in value.items())
    if type(value) is list:
        return all(map(is_plain, value))
    return value is None or type(value) in (bool, int, float, str)


class Answer(_Message, frozen=True):
    """A decision; raw frames with the state follow."""

    sequence: int
    intents: list[Intent]
    logs: list[str]
    state_bytes: int


class Failed(_Message, frozen=True):
    """The strategy's own code failed, or what it gave can't be used; nothing is decided.

    sequence: 0 while loading. kind: "raised", "memory", "state" or "flood".
    """

    sequence: int
    kind: str
    message: str
    logs: list[str]


ToBot = Start | Bars | Ask
FromBot = Ready | Answer | Failed

_encoder = msgspec.msgpack.Encoder()
_to_bot = msgspec.msgpack.Decoder(ToBot)
_from_bot = msgspec.msgpack.Decoder(FromBot)


def framed(payload: bytes) -> bytes:
    """A payload as a frame; WireError if it is too long for one."""
    if len(payload) > LARGEST_FRAME:
        raise WireError(f"a frame of {len(payload)} bytes; {LARGEST_FRAME} at most")
    return _LENGTH.pack(len(payload)) + payload


def frames_of(message: ToBot | FromBot, *blobs: bytes) -> bytes:
    """A message and the raw bytes that follow it, ready to be written."""
    parts = [framed(_encoder.encode(message))]
    for blob in blobs:
        parts.extend(framed(piece) for piece in pieces(blob))
    return b"".join(parts)


def pieces(blob: bytes) -> Iterator[bytes]:
    """Raw bytes cut so that each piece fits into a frame."""
    for start in range(0, len(blob), LARGEST_FRAME):
        yield blob[start : start + LARGEST_FRAME]


def frame_length(prefix: bytes) -> int:
    """The length of the frame that begins with these bytes; WireError if it is none."""
    (length,) = _LENGTH.unpack(prefix)
    if not 0 < length <= LARGEST_FRAME:
        raise WireError(f"a frame of {length} bytes; 1 to {LARGEST_FRAME} are allowed")
    return int(length)


def read_to_bot(payload: bytes) -> ToBot:
    """A message to a bot; WireError if it is none."""
    try:
        message: ToBot = _to_bot.decode(payload)
    except (msgspec.DecodeError, RecursionError) as error:
        raise WireError(f"not a message: {error}") from None
    return message


def read_from_bot(payload: bytes) -> FromBot:
    """A message from a bot; WireError if it is none."""
    try:
        message: FromBot = _from_bot.decode(payload)
    except (msgspec.DecodeError, RecursionError) as error:
        raise WireError(f"not a message: {error}") from None
    return message
