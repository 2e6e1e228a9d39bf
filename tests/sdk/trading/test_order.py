"""Orders: their states, the words of their tables."""

from __future__ import annotations

import pytest

from robotrader_sdk.trading.order import LEGAL_MOVES, Purpose, RejectReason
from robotrader_sdk.types import Direction, Liquidity, OrderStatus, OrderType, Side


def test_only_a_working_order_can_move() -> None:
    assert set(LEGAL_MOVES) == set(OrderStatus)
    final = set(OrderStatus) - {OrderStatus.WORKING}
    assert LEGAL_MOVES[OrderStatus.WORKING] == final
    for status in final:
        assert not LEGAL_MOVES[status], status


def test_a_side_is_the_sign_of_its_quantity() -> None:
    assert (int(Side.BUY), int(Side.SELL)) == (1, -1)
    assert (int(Direction.LONG), int(Direction.SHORT)) == (1, -1)


@pytest.mark.parametrize(
    ("word", "label"),
    [
        (Side.BUY, "buy"),
        (OrderType.STOP_LIMIT, "stop_limit"),
        (OrderStatus.EXPIRED, "expired"),
        (Liquidity.MAKER, "maker"),
        (Purpose.TRAILING_STOP, "trailing_stop"),
        (Direction.FLAT, "flat"),
    ],
)
def test_labels(word: object, label: str) -> None:
    assert word.label == label  # type: ignore[attr-defined]


def test_every_reason_to_reject_says_why() -> None:
    labels = [reason.label for reason in RejectReason]
    assert labels[0] == ""
    assert all(labels[1:])
    assert len(set(labels)) == len(labels)
