"""Perpetuals: the margin that is needed, posted and released. Hand-made."""

from __future__ import annotations

from dataclasses import replace

from .harness import FREE, buy, close, sell
from .perpetuals import FLAT, perpetual

ROWS = [
    perpetual(
        "an exposure above 1",
        [FLAT, FLAT, (100, 110, 100, 110)],
        [buy(0, quantity=50)],
        ["1 buy 50 @ 100 taker entry"],
        equity=1_500,
    ),
    perpetual(
        "a short without a loan",
        [FLAT, FLAT, (100, 100, 95, 95)],
        [sell(0, quantity=50)],
        ["1 sell 50 @ 100 taker entry"],
        equity=1_250,
    ),
    perpetual(
        "more than the leverage allows",
        [FLAT, FLAT],
        [buy(0, quantity=101)],
        [],
        rejected=["1 insufficient_margin"],
    ),
    perpetual(
        "just what the leverage allows",
        [FLAT, FLAT],
        [buy(0, quantity=100)],
        ["1 buy 100 @ 100 taker entry"],
    ),
    perpetual(
        "a fee that leaves too little margin",
        [FLAT, FLAT],
        [buy(0, quantity=100)],
        [],
        rejected=["1 insufficient_margin"],
        fees=replace(FREE, taker=0.001),
    ),
    perpetual(
        "a limit order is refused when it is placed",
        [FLAT, FLAT],
        [buy(0, quantity=120, limit=90)],
        [],
        rejected=["0 insufficient_margin"],
    ),
    perpetual(
        "a fraction is fixed at the decision, from its close",
        [FLAT, (80, 80, 80, 80)],
        [buy(0, fraction=5)],
        ["1 buy 50 @ 80 taker entry"],
    ),
    perpetual(
        "adding needs margin for what is added",
        [FLAT, FLAT, FLAT],
        [buy(0, quantity=60), buy(1, quantity=41)],
        ["1 buy 60 @ 100 taker entry"],
        rejected=["2 insufficient_margin"],
        event_only=True,
    ),
    perpetual(
        "reducing needs none",
        [FLAT, FLAT, (92, 92, 92, 92)],
        [buy(0, quantity=100), sell(1, quantity=40)],
        ["1 buy 100 @ 100 taker entry", "2 sell 40 @ 92 taker exit"],
        position=60,
        equity=200,
        margin="cross",
        event_only=True,
    ),
    perpetual(
        "a reversal needs margin for the new side only",
        [FLAT, FLAT, FLAT],
        [buy(0, fraction=9), close(1), sell(1, fraction=9)],
        [
            "1 buy 90 @ 100 taker entry",
            "2 sell 90 @ 100 taker reversal",
            "2 sell 90 @ 100 taker entry",
        ],
        position=-90,
    ),
    perpetual(
        "lots count contracts",
        [FLAT, FLAT],
        [buy(0, quantity=0.0257)],
        ["1 buy 0.02 @ 100 taker entry"],
        contract_size=0.01,
        lot=1,
    ),
    perpetual(
        "the tier of a large position allows less leverage",
        [FLAT, FLAT],
        [buy(0, quantity=50)],
        [],
        rejected=["1 leverage_above_tier"],
        maintenance=[(0, 0.02, 50), (5_000, 0.05, 5)],
    ),
    perpetual(
        "just below that tier",
        [FLAT, FLAT],
        [buy(0, quantity=49.9)],
        ["1 buy 49.9 @ 100 taker entry"],
        maintenance=[(0, 0.02, 50), (5_000, 0.05, 5)],
    ),
]
