"""What the rows of perpetuals share: entries at 100, 10 x, 2 % maintenance."""

from __future__ import annotations

from typing import Any

from .harness import Ask, Prices, Row, buy

FLAT: Prices = (100, 100, 100, 100)
LONG = buy(0, quantity=10)
BOUGHT = "1 buy 10 @ 100 taker entry"

LEVEL = 900 / 9.8
"""Of a long of 10 at 100, which posts 100: 100 + 10 p - 1000 = .02 x 10 p."""
SHORT_LEVEL = 1100 / 10.2
CROSS_LEVEL = 9000 / 98
"""Of 100 at 100 with a wallet of 1000."""


def perpetual(name: str, bars: list[Prices], asks: list[Ask], fills: list[str], **rest: Any) -> Row:
    """A row at 10 x, isolated, 2 % maintenance, with 1000 in the wallet."""
    terms = {"kind": "linear_perpetual", "leverage": 10.0, "maintenance": 0.02, "cash": 1_000.0}
    return Row(name, bars, asks, fills, **{**terms, **rest})


def reaching(extreme: float, then: float = 99) -> list[Prices]:
    """Bar 2 reaches down, or up, to a price."""
    low, high = min(extreme, 99), max(extreme, 100)
    return [FLAT, FLAT, (100, high, low, then), (then, then, then, then)]


def opening(price: float) -> list[Prices]:
    """Bar 2 opens at a price and stays there."""
    return [FLAT, FLAT, (price, price, price, price)]
