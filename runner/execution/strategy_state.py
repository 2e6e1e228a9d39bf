"""A strategy's own attributes between two bars, as bytes.

Parameters are not kept: a strategy has those it was made with, which may be others than before.
Indicators are not kept: each process computes them anew from the history, and a reference to one
is kept as its number. Orders that the strategy holds on to stay the same objects as those that its
context lists.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from robotrader_sdk.strategy.intents import Order
from robotrader_sdk.strategy.parametric import Parametric
from runner.execution.errors import BotError
from runner.sandbox.state import StateReader, StateWriter, kept_of

LARGEST = 1_000_000
"""Bytes."""


@dataclass(slots=True)
class Memory:
    """What a strategy remembers: its orders by client order id, and how many it ever asked for."""

    orders: dict[str, Order] = field(default_factory=dict)
    n_orders: dict[str, int] = field(default_factory=dict)
    attributes: dict[str, Any] = field(default_factory=dict)


def write_memory(memory: Memory, strategy: Parametric, indicators: Sequence[object]) -> bytes:
    """A memory as bytes; BotError if it holds what can't be kept, or too much."""
    memory.attributes = kept_of(strategy, vars(strategy))
    buffer = io.BytesIO()
    try:
        StateWriter(buffer, indicators).dump(
            {
                "orders": memory.orders,
                "n_orders": memory.n_orders,
                "attributes": memory.attributes,
            }
        )
    except Exception as error:  # objects say in their own ways that they can't be pickled
        raise BotError(
            f"{type(strategy).__name__} keeps between bars what can't be stored: {error}; "
            "keep plain values, lists, dicts and arrays"
        ) from error
    if buffer.tell() > LARGEST:
        raise BotError(
            f"{type(strategy).__name__} keeps {buffer.tell()} bytes between bars; {LARGEST} at most"
        )
    return buffer.getvalue()


def read_memory(stored: bytes | None, strategy: Parametric, indicators: Sequence[object]) -> Memory:
    """What was written, with the attributes put into the strategy; empty if nothing was.

    BotError if it can't be read: the strategy's code is not the one that wrote it.
    """
    if stored is None:
        return Memory()
    try:
        content = StateReader(io.BytesIO(stored), indicators).load()
    except Exception as error:  # a pickle may raise whatever the code it names raises
        raise BotError(
            f"what {type(strategy).__name__} kept can't be read: {type(error).__name__}: {error}; "
            "its code has changed, set up a new bot for it"
        ) from error
    vars(strategy).update(kept_of(strategy, content["attributes"]))
    return Memory(content["orders"], content["n_orders"])
