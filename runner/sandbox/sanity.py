"""Whether intents make sense at all: they come from a process that may send what it likes.

The schema has let through the right types; here go numbers that no context would have made.
Whether an order is wise is for the risk checks.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

from robotrader_sdk.trading.order import Purpose, SizeUnit
from runner.sandbox.errors import WireError
from runner.sandbox.wire import Answer, Caps, Intent, Place, TargetWeights, Wish

_LARGEST_NUMBER = 1 << 53
_ALL_FLAGS = 15
_PROTECTION = ("stop_loss", "take_profit", "trailing_stop", "stop_loss_price", "take_profit_price")


def check_answer(answer: Answer, symbols: Collection[str], caps: Caps) -> None:
    """WireError if an answer holds what no strategy can have asked for."""
    if len(answer.intents) > caps.intents:
        raise WireError(f"{len(answer.intents)} orders; {caps.intents} at most")
    for intent in answer.intents:
        _check_intent(intent, symbols)


def cut_logs(logs: Sequence[str], caps: Caps) -> tuple[str, ...]:
    """Log lines, not more and not longer than agreed, and printable."""
    if not logs:
        return ()
    kept = (line[: caps.log_characters] for line in logs[: caps.log_lines + 1])
    return tuple("".join(c if c.isprintable() or c == "\t" else "�" for c in line) for line in kept)


def _check_intent(intent: Intent, symbols: Collection[str]) -> None:
    named = intent.weights if isinstance(intent, TargetWeights) else [intent.symbol]
    for symbol in named:
        if symbol not in symbols:
            raise WireError(f"an intent for {symbol!r}, which is not its symbol")
    if isinstance(intent, TargetWeights):
        _check(all(map(math.isfinite, intent.weights.values())), "weights", intent.weights)
    elif isinstance(intent, Wish):
        _check_wish(intent)
    else:
        _check(0 < intent.number < _LARGEST_NUMBER, "number", intent.number)
        if isinstance(intent, Place):
            _check_order(intent)


def _check_order(order: Place) -> None:
    _check(order.purpose in (Purpose.ENTRY, Purpose.EXIT), "purpose", order.purpose)
    _check(0 <= order.valid_bars < _LARGEST_NUMBER, "valid_bars", order.valid_bars)
    _check_prices(order, "limit_price", "stop_price")


def _check_wish(wish: Wish) -> None:
    _check(0 <= wish.flags <= _ALL_FLAGS, "flags", wish.flags)
    _check(0 <= wish.valid_bars < _LARGEST_NUMBER, "valid_bars", wish.valid_bars)
    _check(wish.size_unit is not SizeUnit.POSITION, "size_unit", wish.size_unit)
    _check_prices(wish, "entry_limit_price", "entry_stop_price")


def _check_prices(intent: Place | Wish, *names: str) -> None:
    """NaN is let through: it rejects the order with a reason."""
    for name in (*names, *_PROTECTION, "size"):
        value = getattr(intent, name)
        _check(not math.isinf(value), name, value)
    for name in _PROTECTION:
        value = getattr(intent, name)
        _check(not value < 0.0, name, value)


def _check(holds: bool, name: str, value: object) -> None:
    if not holds:
        raise WireError(f"{name} is {value!r:.80}, which no order has")
