"""Perpetuals: margin, liquidation, funding. Hand-made: entries at 100, 10 x, 2 % maintenance."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from .harness import FREE, Ask, Prices, Row, buy, close, sell

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


MARGIN = [
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

LIQUIDATION = [
    perpetual(
        "liquidated exactly at the level",
        reaching(LEVEL),
        [LONG],
        [BOUGHT, f"2 sell 10 @ {LEVEL!r} taker liquidation"],
        equity=1_000 - 10 * (100 - LEVEL),
    ),
    perpetual("just above the level", reaching(LEVEL + 1e-6), [LONG], [BOUGHT], position=10),
    perpetual(
        "a short is liquidated from above",
        reaching(SHORT_LEVEL),
        [sell(0, quantity=10)],
        ["1 sell 10 @ 100 taker entry", f"2 buy 10 @ {SHORT_LEVEL!r} taker liquidation"],
    ),
    perpetual(
        "an open beyond the level liquidates at the open",
        opening(91),
        [LONG],
        [BOUGHT, "2 sell 10 @ 91 taker liquidation"],
        equity=910,
    ),
    perpetual(
        "a gap beyond the margin takes no more than the margin",
        opening(85),
        [LONG],
        [BOUGHT, "2 sell 10 @ 90 taker liquidation"],
        equity=900,
    ),
    perpetual(
        "a short loses no more than the margin",
        opening(130),
        [sell(0, quantity=10)],
        ["1 sell 10 @ 100 taker entry", "2 buy 10 @ 110 taker liquidation"],
        equity=900,
    ),
    perpetual(
        "cross margin has the whole wallet",
        reaching(CROSS_LEVEL + 0.01),
        [buy(0, quantity=100)],
        ["1 buy 100 @ 100 taker entry"],
        margin="cross",
    ),
    perpetual(
        "cross margin liquidated",
        reaching(CROSS_LEVEL),
        [buy(0, quantity=100)],
        ["1 buy 100 @ 100 taker entry", f"2 sell 100 @ {CROSS_LEVEL!r} taker liquidation"],
        margin="cross",
    ),
    perpetual(
        "a gap in cross margin takes everything and no more",
        opening(70),
        [buy(0, quantity=100)],
        ["1 buy 100 @ 100 taker entry", "2 sell 100 @ 90 taker liquidation"],
        equity=0,
        margin="cross",
    ),
    perpetual(
        "small in a large wallet, cross margin is not liquidated at all",
        opening(1),
        [buy(0, quantity=10)],
        [BOUGHT],
        equity=10,
        margin="cross",
    ),
    perpetual(
        "the liquidation fee",
        reaching(90.5),
        [LONG],
        [BOUGHT, f"2 sell 10 @ {LEVEL!r} taker liquidation"],
        equity=1_000 - 10 * (100 - LEVEL) - 0.01 * 10 * LEVEL,
        liquidation_fee=0.01,
    ),
    perpetual(
        "the liquidation fee takes no more than the margin",
        reaching(90.5),
        [LONG],
        [BOUGHT, f"2 sell 10 @ {LEVEL!r} taker liquidation"],
        equity=900,
        liquidation_fee=0.05,
    ),
    perpetual(
        "a nearer stop-loss goes first",
        reaching(90),
        [buy(0, quantity=10, stop_loss=0.05)],
        [BOUGHT, "2 sell 10 @ 95 taker stop_loss"],
    ),
    perpetual(
        "a stop-loss beyond the level comes too late",
        reaching(88),
        [buy(0, quantity=10, stop_loss=0.1)],
        [BOUGHT, f"2 sell 10 @ {LEVEL!r} taker liquidation"],
    ),
    perpetual(
        "an exit at the open that is already beyond comes too late",
        opening(91),
        [LONG, close(1)],
        [BOUGHT, "2 sell 10 @ 91 taker liquidation"],
    ),
    perpetual(
        "take-profit or liquidation in one bar is ambiguous",
        [FLAT, (100, 106, 90, 100), FLAT],
        [buy(0, quantity=10, take_profit=0.05)],
        [BOUGHT, f"1 sell 10 @ {LEVEL!r} taker liquidation"],
        ambiguous=1,
        bounds=(10 * (LEVEL - 100), 50),
    ),
    perpetual(
        "opened and liquidated inside one bar is ambiguous",
        [FLAT, (100, 100, 90, 99), (99, 99, 99, 99)],
        [buy(0, quantity=10, limit=98)],
        ["1 buy 10 @ 98 maker entry", "1 sell 10 @ 90 taker liquidation"],
        ambiguous=1,
        bounds=(-80, 10),
    ),
    perpetual(
        "the mark decides, not the last price",
        reaching(85),
        [LONG],
        [BOUGHT],
        marks=reaching(95),
    ),
    perpetual(
        "liquidated by the mark inside the bar's own range",
        reaching(95),
        [LONG],
        [BOUGHT, "2 sell 10 @ 95 taker liquidation"],
        marks=reaching(85),
    ),
    perpetual(
        "in the second tier",
        reaching(8_850 / 95),
        [buy(0, quantity=100)],
        ["1 buy 100 @ 100 taker entry", f"2 sell 100 @ {8_850 / 95!r} taker liquidation"],
        margin="cross",
        maintenance=[(0, 0.02), (5_000, 0.05)],
        max_leverage=20.0,
    ),
    perpetual(
        "where the tiers meet",
        reaching(50),
        [buy(0, quantity=100)],
        # At 50 the notional is 5,000, which needs 100: 5,100 less the loss of 5,000.
        ["1 buy 100 @ 100 taker entry", "2 sell 100 @ 50 taker liquidation"],
        margin="cross",
        maintenance=[(0, 0.02), (5_000, 0.05)],
        max_leverage=20.0,
        cash=5_100.0,
    ),
    perpetual(
        "prices of a liquidation are whole ticks, against the trader",
        reaching(91),
        [LONG],
        [BOUGHT, "2 sell 10 @ 91.5 taker liquidation"],
        tick=0.5,
    ),
    perpetual(
        "after a liquidation the run goes on",
        [FLAT, FLAT, (100, 100, 90, 100), FLAT, FLAT],
        [LONG, buy(3, quantity=10)],
        [BOUGHT, f"2 sell 10 @ {LEVEL!r} taker liquidation", "4 buy 10 @ 100 taker entry"],
    ),
]

FUNDING = [
    perpetual(
        "a long pays in the bar of its entry",
        [FLAT] * 2,
        [LONG],
        [BOUGHT],
        funding={1: 0.01},
        paid=10,
    ),
    perpetual(
        "a short receives",
        [FLAT] * 2,
        [sell(0, quantity=10)],
        ["1 sell 10 @ 100 taker entry"],
        funding={1: 0.01},
        paid=-10,
        equity=1_010,
    ),
    perpetual(
        "a negative rate is paid to longs",
        [FLAT] * 2,
        [LONG],
        [BOUGHT],
        funding={1: -0.01},
        paid=-10,
    ),
    perpetual(
        "before the entry there is nothing to pay",
        [FLAT] * 2,
        [LONG],
        [BOUGHT],
        funding={0: 0.01},
        paid=0,
    ),
    perpetual(
        "an exit at the open comes before the funding of its bar",
        [FLAT] * 3,
        [LONG, close(1)],
        [BOUGHT, "2 sell 10 @ 100 taker exit"],
        funding={2: 0.01},
        paid=0,
    ),
    perpetual(
        "an exit inside the bar comes after it",
        reaching(94),
        [buy(0, quantity=10, stop_loss=0.05)],
        [BOUGHT, "2 sell 10 @ 95 taker stop_loss"],
        funding={2: 0.01},
        paid=10,
        equity=940,
    ),
    perpetual(
        "liquidated at the open, nothing is paid",
        opening(91),
        [LONG],
        [BOUGHT, "2 sell 10 @ 91 taker liquidation"],
        funding={2: 0.01},
        paid=0,
    ),
    perpetual(
        "liquidated inside the bar, the funding was paid",
        reaching(90),
        [LONG],
        [BOUGHT, f"2 sell 10 @ {LEVEL!r} taker liquidation"],
        funding={2: 0.01},
        paid=10,
    ),
    perpetual(
        "the mark is what funding is paid on",
        [FLAT] * 2,
        [LONG],
        [BOUGHT],
        marks=[FLAT, (110, 110, 110, 110)],
        funding={1: 0.01},
        paid=11,
    ),
    perpetual(
        "free cash pays funding before isolated margin does",
        reaching(LEVEL + 1e-6),
        [LONG],
        [BOUGHT],
        funding={1: 0.05, 2: 0.05},
        paid=100,
    ),
    perpetual(
        "without free cash funding brings the liquidation nearer",
        # 1,000 all posted, 100 paid: (10,000 - 900) / 98.
        reaching(9_100 / 98),
        [buy(0, quantity=100)],
        ["1 buy 100 @ 100 taker entry", f"2 sell 100 @ {9_100 / 98!r} taker liquidation"],
        funding={1: 0.01},
        paid=100,
    ),
    perpetual(
        "funding alone can liquidate",
        [FLAT] * 3,
        [buy(0, quantity=100)],
        ["1 buy 100 @ 100 taker entry", "2 sell 100 @ 100 taker liquidation"],
        funding={2: 0.09},
        paid=900,
        equity=100,
    ),
]

ROWS = [*MARGIN, *LIQUIDATION, *FUNDING]
